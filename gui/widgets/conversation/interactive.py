"""The surface for keyboard and menus: going through hit areas, copying, opening links."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QEvent, QPointF, QRect, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QFocusEvent, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from paddock.gui.widgets.conversation import accessible, walk
from paddock.gui.widgets.conversation.blocks import Target
from paddock.gui.widgets.conversation.surface import Surface
from paddock.gui.widgets.conversation.walk import Key

SIDE_STEP = 40


class Interactive(Surface):
    """A surface that takes keys. ``copied`` says what was: selection, answer, message, code, link."""

    copied = Signal(str)
    link_activated = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.access = accessible.Access(self)

    # ------------------------------------------------------------ copying and links

    def selected_text(self) -> str:
        """What Ctrl+C would copy."""
        return self.selection.text()

    def copy_text(self, text: str, what: str) -> None:
        """Put ``text`` on the clipboard."""
        if text:
            QGuiApplication.clipboard().setText(text)
            self.copied.emit(what)

    def open_link(self, url: str) -> None:
        self.link_activated.emit(url)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        point = QPointF(event.pos())
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        copy = menu.addAction("Copy", lambda: self.copy_text(self.selected_text(), "selection"))
        copy.setEnabled(self.selection.range() is not None)
        found = self.block_at(point)
        if found is not None:
            row = self.column.rows[found[0]]
            menu.addAction("Copy message as Markdown", lambda: self.copy_text(row.full_text(), "message"))
        link = self.link_at(point)
        if link:
            menu.addAction("Copy link", lambda: self.copy_text(link, "link"))
        menu.addSeparator()
        menu.addAction("Select all", self._select_all)
        menu.popup(event.globalPos())

    def _select_all(self) -> None:
        self.selection.everything()
        self.viewport().update()

    # ------------------------------------------------------------ keyboard

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride and _is_ours(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        bar = self.verticalScrollBar()
        key = event.key()
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_text(self.selected_text(), "selection")
        elif event.matches(QKeySequence.StandardKey.SelectAll):
            self._select_all()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self.focused is not None:
            target = self.focused_target()
            if target is not None:
                target.run()
        elif key == Qt.Key.Key_Space:
            back = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            bar.setValue(bar.value() + (-bar.pageStep() if back else bar.pageStep()))
        elif key == Qt.Key.Key_Home:
            bar.setValue(0)
        elif key == Qt.Key.Key_End:
            self.settle(True, None)
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right) and self.focused is not None:
            self._scroll_side(SIDE_STEP if key == Qt.Key.Key_Right else -SIDE_STEP)
        elif key == Qt.Key.Key_Escape and (self.focused is not None or self.selection.range() is not None):
            self.unfocus()
            self.selection.clear()
            self.viewport().update()
        else:
            super().keyPressEvent(event)

    def _scroll_side(self, delta: int) -> None:
        assert self.focused is not None
        row, place, _ = self.focused
        self.column.rows[row].blocks[place].scroll_x(delta)
        self.viewport().update()

    def focused_target(self) -> Target | None:
        """The focused hit area; None when it is gone."""
        if self.focused is None:
            return None
        row, place, key = self.focused
        if row >= len(self.column.rows) or place >= len(self.column.rows[row].blocks):
            return None
        stops = walk.stops(self.column, row, place, self.open_link)
        return next((target for stop, target in stops if stop[2] == key), None)

    def unfocus(self) -> None:
        self.focused = None

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() not in (Qt.FocusReason.PopupFocusReason, Qt.FocusReason.ActiveWindowFocusReason):
            self.unfocus()
        self.viewport().update()

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab goes through the hit areas from the top of what is seen, then on; Shift+Tab back, then out."""
        stop: tuple[Key, Target] | None = None
        if self.focused is not None and self.focused_target() is not None:
            stop = walk.following(self.column, self.focused, forward, self.open_link)
        elif forward and self.column.rows:
            top = self.scrolled()
            candidates = walk.forward(self.column, self.column.at(top), self.open_link)
            stop = next((stop for stop in candidates if self.place_of(stop[0], stop[1].rect).bottom() > top), None)
        if stop is None:
            had = self.focused is not None
            self.unfocus()
            self.viewport().update()
            return True if had and not forward else super().focusNextPrevChild(forward)
        self.focus_target(stop[0], "keyboard")
        return True

    def focus_target(self, key: Key, how: Literal["keyboard", "other"]) -> None:
        """Put the focus on a hit area and scroll it into view."""
        self.focused = key
        self._ring = how == "keyboard"
        target = self.focused_target()
        if target is not None:
            self.reveal(self.place_of(key, target.rect))
            self.access.focus(key)
        self.viewport().update()

    def place_of(self, key: Key, rect: QRect) -> QRect:
        """A rectangle of a block, in heights of the column."""
        row = self.column.rows[key[0]]
        block = row.blocks[key[1]]
        return rect.translated(self.column_left() + block.left, row.top + block.top)


def _is_ours(event: QKeyEvent) -> bool:
    return event.matches(QKeySequence.StandardKey.Copy) or event.matches(QKeySequence.StandardKey.SelectAll)
