"""The surface for keyboard and menus: going through hit areas, copying, opening links."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QEvent, QPointF, QRect, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QFocusEvent, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QMenu, QScrollBar, QWidget

from paddock.gui.widgets.conversation import accessible, copying, walk
from paddock.gui.widgets.conversation.blocks import Target
from paddock.gui.widgets.conversation.nodes import opens
from paddock.gui.widgets.conversation.row import MessageRow
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

    def copy_selection(self) -> None:
        """Put what is selected on the clipboard, as plain text and as HTML."""
        found = copying.gathered(self.selection)
        if found:
            QGuiApplication.clipboard().setMimeData(copying.mime(self.selected_text(), found))
            self.copied.emit("selection")

    def copy_message(self, row: MessageRow) -> None:
        """Put a message on the clipboard, as its Markdown and as HTML."""
        self.column.parse(self.column.rows.index(row))
        nodes = copying.message_nodes(row)
        QGuiApplication.clipboard().setMimeData(copying.mime(row.full_text(), [(row, nodes)]))
        self.copied.emit("message" if row.own else "answer")

    def open_link(self, url: str) -> None:
        """Say that a link was chosen; one that leads neither to the web nor to mail does nothing."""
        if opens(url):
            self.link_activated.emit(url)

    def menu_at(self, point: QPointF) -> QMenu | None:
        """The menu of what lies at ``point``."""
        return None

    def open_menu(self, row: MessageRow) -> None:
        """Open the menu of a message."""

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if event.reason() == QContextMenuEvent.Reason.Keyboard and self.at_row is not None:
            self.open_menu(self.at_row)
            return
        menu = self.menu_at(QPointF(event.pos()))
        if menu is not None:
            menu.popup(event.globalPos())

    def select_all(self) -> None:
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
            self.copy_selection()
        elif event.matches(QKeySequence.StandardKey.SelectAll):
            self.select_all()
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down) and event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self.go_by_message(1 if key == Qt.Key.Key_Down else -1)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.focused is None and self.at_row is not None:
            self.open_menu(self.at_row)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self.focused is not None:
            target = self.focused_target()
            if target is not None:
                target.run()
        elif key == Qt.Key.Key_Space:
            back = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            step = QScrollBar.SliderAction
            bar.triggerAction(step.SliderPageStepSub if back else step.SliderPageStepAdd)
        elif key == Qt.Key.Key_Home:
            bar.triggerAction(QScrollBar.SliderAction.SliderToMinimum)
        elif key == Qt.Key.Key_End:
            bar.triggerAction(QScrollBar.SliderAction.SliderToMaximum)
            self.settle(True, None)
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right) and self.focused is not None:
            self._scroll_side(SIDE_STEP if key == Qt.Key.Key_Right else -SIDE_STEP)
        elif key == Qt.Key.Key_Escape and (self.focused or self.at_row or self.selection.range()):
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
        self.focused = self.at_row = None

    def go_by_message(self, step: int) -> None:
        """Put the keyboard at the next message, or the one before; the first time at the last that is seen."""
        rows = self.column.rows
        if not rows:
            return
        if self.at_row in rows:
            number = min(len(rows) - 1, max(0, rows.index(self.at_row) + step))
        else:
            number = self.column.at(self.scrolled() + self.viewport().height() - 1)
        self.focused, self.at_row, self._ring = None, rows[number], True
        row = rows[number]
        height = min(row.height, self.viewport().height() - 64)
        self.reveal(QRect(0, row.top, 1, height))
        self.access.focus_row(row)
        self.viewport().update()

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
            rows = self.column.rows
            top = self.scrolled() if self.at_row not in rows else -1
            first = self.column.at(top) if self.at_row not in rows else rows.index(self.at_row)
            candidates = walk.forward(self.column, first, self.open_link)
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
        self.focused, self.at_row = key, None
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
