"""The three columns of the Chat page: side by side where there is room, over the conversation where there is not."""

from __future__ import annotations

from typing import Any

import msgspec
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from paddock.gui.pages.chat_head import ChatHead
from paddock.gui.pages.chats_column import ChatsColumn
from paddock.gui.pages.inspector import Inspector
from paddock.gui.theme import current
from paddock.gui.window_state import WindowState

INSPECTOR_BELOW = 1180
"""A narrower window shows the inspector over the conversation; logical pixels at 100 % text."""
CHATS_BELOW = 900
INSPECTOR_WIDTH = 316
NARROWEST, WIDEST = 200, 480
GRIP = 6


class Grip(QWidget):
    """The edge of the chats column, to drag."""

    dragged = Signal(int)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setCursor(Qt.CursorShape.SplitHCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.dragged.emit(round(self.mapToParent(event.position()).x()))


class Scrim(QWidget):
    """Covers the conversation while a column lies over it; a click takes the column away."""

    clicked = Signal()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.clicked.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), current().color("text" if current().mode == "light" else "window", 0.35))


class ChatColumns(QObject):
    """Places the columns by hand; ``changed`` when the user moved or folded one."""

    changed = Signal()
    refit = Signal()
    """The page should arrange itself anew."""

    def __init__(
        self,
        page: QWidget,
        chats: ChatsColumn,
        main: QWidget,
        inspector: Inspector,
        head: ChatHead,
        state: WindowState,
    ) -> None:
        super().__init__(page)
        self._page, self._chats, self._main, self._inspector, self._head = page, chats, main, inspector, head
        self._width = state.chats_width
        self._inspector_on = state.inspector
        self._overlay: QWidget | None = None
        self._over = False
        for column in (chats, main, inspector):  # so Tab goes through them
            column.setParent(page)
        self._scrim = Scrim(page)
        self._scrim.hide()
        self._grip = Grip(page)
        self._grip.dragged.connect(self._drag)
        self._scrim.clicked.connect(self.close_overlay)
        head.chats_wanted.connect(lambda: self._show_overlay(chats))
        head.inspector_wanted.connect(self._inspector_toggled)
        chats.close_wanted.connect(self.close_overlay)
        inspector.close_wanted.connect(self.toggle_inspector)

    def arrange(self) -> None:
        """Place everything for the page's size."""
        theme, page = current(), self._page
        width, height = page.width(), page.height()
        room = self._room()
        chats_over, inspector_over = room < CHATS_BELOW, room < INSPECTOR_BELOW
        chats_width = min(theme.px(self._width), width - 40)
        inspector_width = min(theme.px(INSPECTOR_WIDTH), width - 40)
        if (self._overlay is self._chats and not chats_over) or (
            self._overlay is self._inspector and not inspector_over
        ):
            self._overlay = None
        self._head.chats.setVisible(chats_over)
        self._chats.close_button.setVisible(chats_over)
        self._chats.setVisible(not chats_over or self._overlay is self._chats)
        inspector_shown = self._overlay is self._inspector if inspector_over else self._inspector_on
        self._inspector.setVisible(inspector_shown)
        left = 0 if chats_over else chats_width
        right = inspector_width if inspector_shown and not inspector_over else 0
        self._chats.setGeometry(0, 0, chats_width, height)
        self._main.setGeometry(left, 0, width - left - right, height)
        self._inspector.setGeometry(width - inspector_width, 0, inspector_width, height)
        self._grip.setGeometry(chats_width - GRIP // 2, 0, GRIP, height)
        self._grip.setVisible(not chats_over)
        self._scrim.setGeometry(0, 0, width, height)
        self._scrim.setVisible(self._overlay is not None)
        if self._overlay is not None:
            self._scrim.raise_()
            self._overlay.raise_()
        self._head.inspector.blockSignals(True)
        self._head.inspector.setChecked(inspector_shown)
        self._head.inspector.blockSignals(False)

    def set_over(self, over: bool) -> None:
        """Both columns lie over the middle, however wide the window is: it needs the room."""
        self._over = over
        self._overlay = None
        self.refit.emit()

    def _room(self) -> float:
        return 0 if self._over else self._page.window().width() / current().zoom

    def show_chats(self) -> None:
        """Have the list of chats in sight."""
        if not self._chats.isVisible():
            self._show_overlay(self._chats)

    def show_inspector(self) -> None:
        """Have it in sight."""
        if not self._inspector.isVisible():
            self._head.inspector.toggle()

    def toggle_inspector(self) -> None:
        self._head.inspector.toggle()

    def close_overlay(self) -> bool:
        """Take away the column that lies over the conversation; False when there is none."""
        if self._overlay is None:
            return False
        inside = self._overlay.isAncestorOf(self._page.focusWidget() or self._page)
        self._overlay = None
        self.refit.emit()
        if inside:
            self._head.chip.setFocus(Qt.FocusReason.OtherFocusReason)
        return True

    def chosen(self) -> None:
        """A chat was opened: the list over the conversation has served."""
        if self._overlay is self._chats:
            self.close_overlay()

    def remember(self, state: WindowState, **more: Any) -> WindowState:
        return msgspec.structs.replace(state, chats_width=self._width, inspector=self._inspector_on, **more)

    def _show_overlay(self, column: QWidget) -> None:
        self._overlay = column
        self.refit.emit()
        first = self._chats.search if column is self._chats else self._inspector.system
        first.setFocus(Qt.FocusReason.OtherFocusReason)

    def _inspector_toggled(self, on: bool) -> None:
        if self._room() < INSPECTOR_BELOW:
            if on:
                self._show_overlay(self._inspector)
            else:
                self.close_overlay()
            return
        self._inspector_on = on
        self.refit.emit()
        self.changed.emit()

    def _drag(self, x: int) -> None:
        self._width = min(WIDEST, max(NARROWEST, round(x / current().zoom)))
        self.refit.emit()
        self.changed.emit()
