"""The bar over a conversation in which words are looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from paddock.gui import theme
from paddock.gui.stylesheet import BUTTON_RADIUS
from paddock.gui.widgets.buttons import IconButton
from paddock.gui.widgets.fields import SearchField, paint_field
from paddock.gui.widgets.labels import Label

if TYPE_CHECKING:
    from paddock.gui.widgets.conversation.searching import Searching

WIDTH = 380
EDGE = 12


class FindBar(QFrame):
    """Lies at the upper right of its view. Enter and F3 go on, with Shift back, Escape closes it."""

    def __init__(self, view: Searching) -> None:
        super().__init__(view)
        self._view = view
        self.field = SearchField("Find in this chat", bare=True)
        self.count = Label("", 12, 400, "text2")
        self._measure()
        self.count.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.earlier = IconButton("chevron-up", "Previous match")
        self.later = IconButton("chevron-down", "Next match")
        self.leave = IconButton("close", "Close the search")
        line = QHBoxLayout(self)
        line.setContentsMargins(2, 4, 6, 4)
        line.setSpacing(2)
        line.addWidget(self.field, 1)
        for widget in (self.count, self.earlier, self.later, self.leave):
            line.addWidget(widget)
        self.field.textChanged.connect(lambda: self.search())
        self.field.installEventFilter(self)
        self.earlier.clicked.connect(lambda: self.search(backwards=True))
        self.later.clicked.connect(lambda: self.search())
        self.leave.clicked.connect(self.close_bar)
        view.found.connect(self._show_count)
        view.installEventFilter(self)
        self.hide()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if theme.new_measures(event):
            self._measure()

    def _measure(self) -> None:
        self.count.setMinimumWidth(theme.current().px(64))

    def open_bar(self, words: str = "") -> None:
        """Show it with the cursor in it; ``words`` that are selected are what is looked for."""
        self.show()
        self.raise_()
        self._place()
        self._view.setViewportMargins(0, self.height() + 2 * EDGE, 0, 0)  # the first message is not under it
        if words and "\n" not in words:
            self.field.setText(words)
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.field.selectAll()
        if self.field.text():
            self.search()

    def search(self, *, backwards: bool = False) -> None:
        """Go to the next match, or say that there is none."""
        self._show_count(*self._view.find_text(self.field.text(), backwards))

    def close_bar(self) -> None:
        """Hide it; the marks go with it."""
        self.hide()
        self._view.setViewportMargins(0, 0, 0, 0)
        self._view.clear_find()
        self._view.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_count(self, number: int, of: int) -> None:
        if not self.field.text().strip():
            words = ""
        else:
            words = f"{number:,} of {of:,}" if of else "No match"
        self.count.setText(words)
        self.count.setAccessibleName(words)

    def _place(self) -> None:
        room = self._view.viewport().width()
        width = min(theme.current().px(WIDTH), room - 2 * EDGE)
        self.setGeometry(room - width - EDGE, EDGE, width, self.sizeHint().height())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._view and event.type() == QEvent.Type.Resize and self.isVisible():
            self._place()
        if watched is self.field and event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            return self._key(event)
        if watched is self.field and event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self.update()
        return super().eventFilter(watched, event)

    def _key(self, event: QKeyEvent) -> bool:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.search(backwards=bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
            return True
        if event.key() == Qt.Key.Key_Escape:
            self.close_bar()
            return True
        return False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close_bar()
            return
        super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        paint_field(self, painter, self.field.hasFocus(), BUTTON_RADIUS)
        painter.end()


def holds(bar: FindBar | None, widget: QWidget | None) -> bool:
    """Whether ``widget`` is the bar or in it."""
    return bar is not None and widget is not None and (widget is bar or bar.isAncestorOf(widget))
