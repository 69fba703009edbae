"""The row above the panes: the question that they answer, which one of how many it is, and the way to change it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.theme import current
from paddock.gui.widgets import Button, ElidedLabel, IconButton, Label, TextArea
from paddock.gui.widgets.conversation.gallery import Gallery
from paddock.gui.widgets.picture_thumbs import PictureThumbs
from paddock.sdk.pictures import Picture

TIP = 1_500
"""A longer question is cut in its tool tip, in characters."""
LINE = 600
"""More characters are never tried in one line."""
WIDTH, ROWS, SIGNS = 640, 12, 80
"""Of the whole question, in pixels, in lines at most and about how many signs fill one."""
SHARE = 0.2
"""Of the window's height, which the whole question may take: the panes below it stay in sight."""
SMALL, LARGE, FEW = 26, 96, 3
"""Sides of the pictures in the row and below it; the row shows a few of them."""
LOW, LOWER = 700, 48
"""A window of less height has pictures of that side below the row."""


class LowButton(Button):
    """No higher than the others of the row: else a long question would move the panes."""

    HIGH = 26


class QuestionRow(QWidget):
    """``step_wanted`` carries -1 for the question before and 1 for the next, ``picture_opened`` a picture's hash. The
    whole question unfolds below the row, and the panes make room for it."""

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
        kept = self.text.sizePolicy()
        kept.setRetainSizeWhenHidden(True)
        self.text.setSizePolicy(kept)
        self.whole: _Whole | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        row = QHBoxLayout()
        self._column.addLayout(row)
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
        self.all.clicked.connect(self.unfold_or_fold)
        self.text.cut_changed.connect(self._cut_changed)
        self.thumbs.opened.connect(self.picture_opened)

    def unfold_or_fold(self) -> None:
        """The whole question below the row, to read and to copy from; or away with it."""
        if self.whole is not None:
            self._fold()
            self.all.setFocus(Qt.FocusReason.OtherFocusReason)
            return
        self.whole = _Whole(self.text.whole, self._pictures, self._gallery, self.window().height())
        self.whole.opened.connect(self.picture_opened)
        self._column.addWidget(self.whole)
        self.text.hide()
        self.thumbs.hide()
        self.all.setText("Show less")
        self.whole.take_focus()

    def _fold(self) -> None:
        if self.whole is not None:
            self._column.removeWidget(self.whole)
            self.whole.setParent(None)
            self.whole.deleteLater()
            self.whole = None
            self.text.show()
            self.thumbs.setVisible(bool(self._pictures))
            self.all.setText("Show all")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.whole is not None:
            self.unfold_or_fold()
            return
        super().keyPressEvent(event)

    def show_question(
        self, text: str, number: int, count: int, *, editable: bool, pictures: tuple[Picture, ...] = ()
    ) -> None:
        """Question ``number`` of ``count``, counted from 1."""
        if (text, pictures) != (self.text.whole, self._pictures):
            self._fold()
        self._pictures = pictures
        if self.whole is None:
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
        self.all.setVisible(self._cut or len(self._pictures) > FEW or self.whole is not None)


class _Whole(QWidget):
    """A question with all its pictures, no higher than its share of a window of ``height`` pixels."""

    opened = Signal(str)

    def __init__(self, text: str, pictures: tuple[Picture, ...], gallery: Gallery, height: int) -> None:
        super().__init__()
        look = current()
        side = LARGE if height >= look.px(LOW) else LOWER
        self._thumbs = PictureThumbs(gallery, side)
        self._thumbs.show_pictures(pictures)
        self._thumbs.opened.connect(self.opened)
        lines = sum(1 + len(line) // SIGNS for line in text.split("\n", ROWS)[:ROWS])
        room = height * SHARE - look.px(18) - (look.px(side + 6) if pictures else 0)
        line = QFontMetrics(look.font(13, verbatim=True)).lineSpacing()
        self._field = TextArea("The question", rows=max(1, min(ROWS, lines, int(room / line))))
        self._field.setReadOnly(True)
        self._field.setPlainText(text)
        self._field.setMaximumWidth(look.px(WIDTH))
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 0, 16, 10)
        column.setSpacing(6)
        column.addWidget(self._thumbs)
        column.addWidget(self._field)
        self._thumbs.setVisible(bool(pictures))
        self._field.setVisible(bool(text))

    def take_focus(self) -> None:
        (self._field if self._field.toPlainText() else self._thumbs).setFocus(Qt.FocusReason.OtherFocusReason)


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
