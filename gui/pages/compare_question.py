"""The row above the panes: the question that they answer, which one of how many it is, and the way to change it."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.theme import current
from paddock.gui.widgets import Button, ElidedLabel, IconButton, Label, TextArea
from paddock.gui.widgets.conversation.gallery import Gallery
from paddock.gui.widgets.picture_thumbs import PictureThumbs
from paddock.gui.widgets.popup import Popup
from paddock.sdk.pictures import Picture

TIP = 1_500
"""A longer question is cut in its tool tip, in characters."""
LINE = 600
"""More characters are never tried in one line."""
WIDTH, ROWS, SIGNS = 600, 12, 80
"""Of the whole question, in pixels, in lines at most and about how many signs fill one."""
SMALL, LARGE, FEW = 26, 96, 3
"""Sides of the pictures in the row and below it; the row shows a few of them."""


class LowButton(Button):
    """No higher than the others of the row: else a long question would move the panes."""

    HIGH = 26


class QuestionRow(QWidget):
    """``step_wanted`` carries -1 for the question before and 1 for the next, ``picture_opened`` a picture's hash."""

    step_wanted = Signal(int)
    edit_wanted = Signal()
    picture_opened = Signal(str)

    def __init__(self, gallery: Gallery, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._gallery = gallery
        self._pictures: tuple[Picture, ...] = ()
        self._cut = False
        self.setProperty("role", "head")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.who = Label("You", 14, 600, "text2")
        self.thumbs = PictureThumbs(gallery, SMALL)
        self.text = QuestionLabel()
        self.all = LowButton("Show all", "link")
        self.all.hide()
        self.place = Label("", 12, 400, "text2", tabular=True)
        self.back = IconButton("chevron-up", "Question before (Ctrl+Up)", size=26, glyph=15)
        self.on = IconButton("chevron-down", "Next question (Ctrl+Down)", size=26, glyph=15)
        self.edit = IconButton("pencil", "Edit the question", size=28, glyph=16)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 9, 10, 9)
        row.setSpacing(4)
        row.addWidget(self.who)
        row.addSpacing(8)
        row.addWidget(self.thumbs)
        row.addWidget(self.text, 1)
        row.addWidget(self.all)
        row.addSpacing(8)
        for part in (self.place, self.back, self.on, self.edit):
            row.addWidget(part)
        self.back.clicked.connect(lambda: self.step_wanted.emit(-1))
        self.on.clicked.connect(lambda: self.step_wanted.emit(1))
        self.edit.clicked.connect(self.edit_wanted)
        self.all.clicked.connect(self.show_all)
        self.text.cut_changed.connect(self._cut_changed)
        self.thumbs.opened.connect(self.picture_opened)

    def show_all(self) -> Popup:
        """The whole question below the row, to read and to copy from."""
        popup = Popup("The question", self)
        popup.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        column = QVBoxLayout(popup)
        column.setContentsMargins(8, 8, 8, 8)
        thumbs = PictureThumbs(self._gallery, LARGE)
        thumbs.show_pictures(self._pictures)
        thumbs.opened.connect(popup.close)
        thumbs.opened.connect(self.picture_opened)
        column.addWidget(thumbs)
        lines = sum(1 + len(line) // SIGNS for line in self.text.whole.split("\n", ROWS)[:ROWS])
        field = TextArea("The question", rows=min(ROWS, lines))
        field.setReadOnly(True)
        field.setPlainText(self.text.whole)
        field.setVisible(bool(self.text.whole))
        column.addWidget(field)
        width = min(current().px(WIDTH), self.width() - 24)
        flows = column.hasHeightForWidth()
        popup.setFixedSize(width, column.totalHeightForWidth(width) if flows else column.totalSizeHint().height())
        popup.move(self.mapToGlobal(QPoint(12, self.height() + 2)))
        popup.show()
        (field if self.text.whole else thumbs).setFocus(Qt.FocusReason.PopupFocusReason)
        return popup

    def show_question(
        self, text: str, number: int, count: int, *, editable: bool, pictures: tuple[Picture, ...] = ()
    ) -> None:
        """Question ``number`` of ``count``, counted from 1."""
        self._pictures = pictures
        self.thumbs.show_pictures(pictures[:FEW])
        self.setVisible(count > 0)
        self.text.show_question(text)
        self._show_all_button()
        self.place.setText(f"turn {number} of {count}")
        several = count > 1
        for part in (self.back, self.on):
            part.setVisible(several)
        self.back.setEnabled(number > 1)
        self.on.setEnabled(number < count)
        self.edit.setEnabled(editable)

    def _cut_changed(self, cut: bool) -> None:
        self._cut = cut
        self._show_all_button()

    def _show_all_button(self) -> None:
        self.all.setVisible(self._cut or len(self._pictures) > FEW)


class QuestionLabel(ElidedLabel):
    """A question in one line. ``cut``: not all of it is seen."""

    cut_changed = Signal(bool)

    def __init__(self) -> None:
        super().__init__("", 15, 500)
        self.whole = ""

    def show_question(self, text: str) -> None:
        if text != self.whole:
            self.whole = text
            self.setText(" ".join(text[:LINE].split()))
            self.setAccessibleName(f"Question: {_shortened(text)}")

    def _hint(self) -> None:
        cut = self._shown() != self.whole
        self.setToolTip(_shortened(self.whole) if cut else "")
        self.cut_changed.emit(cut)


def _shortened(text: str) -> str:
    return text if len(text) <= TIP else text[: TIP - 1] + "…"
