"""What a new conversation shows before its first message."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from paddock.gui.icons import pixmap
from paddock.gui.theme import current
from paddock.gui.widgets import Label, Notice
from paddock.gui.widgets.buttons import PaintedButton
from paddock.gui.widgets.focus import paint_ring

PROMPTS = (
    ("What is the capital of France?", "A short fact"),
    ("Tell me a short story about a fox", "A few sentences"),
    ("How do I start the API server?", "Using Paddock"),
    ("What is 7 plus 5?", "Arithmetic"),
)
COLUMN = 620
SPACING, BETWEEN_CARDS = 8, 10
MARGIN = 12
ABOVE, BELOW = 2, 3
"""How the room that is left is shared."""
NOSE = 5 / 40
"""Of the mark's width, what is empty at its left."""


class PromptCard(PaintedButton):
    """An example to click: the question and what kind it is."""

    def __init__(self, text: str, kind: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind = kind
        self.setText(text)
        self.setAccessibleName(text)
        self.setAccessibleDescription(f"{kind}. Sends this question.")
        self.setToolTip(text)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(current().px(200), current().px(58))

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        body = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(theme.color("border"), 1))
        painter.setBrush(theme.color("hover" if self.hot() else "raised"))
        painter.drawRoundedRect(body, 10, 10)
        if self.ring_shown:
            paint_ring(painter, QRectF(self.rect()), 10)
        inner = body.adjusted(theme.px(14), theme.px(9), -theme.px(14), -theme.px(9))
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        font = theme.font(13, 500)
        painter.setFont(font)
        painter.setPen(theme.color("text"))
        words = QFontMetrics(font).elidedText(self.text(), Qt.TextElideMode.ElideRight, int(inner.width()))
        painter.drawText(QRectF(inner.x(), inner.y(), inner.width(), inner.height() / 2), left, words)
        painter.setFont(theme.font(12))
        painter.setPen(theme.color("text2"))
        below = QRectF(inner.x(), inner.center().y(), inner.width(), inner.height() / 2)
        painter.drawText(below, left, self.kind)


class Mark(QLabel):
    """The horse. ``flush``: its nose stands where the words below it begin."""

    def __init__(self, size: int, parent: QWidget | None = None, *, flush: bool = False) -> None:
        super().__init__(parent)
        self._size = size
        self._inset = NOSE if flush else 0.0
        self.setFixedSize(size, size)
        self.setAccessibleName("Paddock")

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current()
        mark = pixmap("horse", theme.palette.text, self._size, ratio=self.devicePixelRatioF())
        QPainter(self).drawPixmap(QPointF(-self._size * self._inset, 0), mark)


class ChatStart(QWidget):
    """A greeting, the model in one line and examples. ``prompt_chosen`` carries the example's text."""

    prompt_chosen = Signal(str)
    remedy_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = Label("What would you like to ask?", 18, 600)
        self.line = Label("", 13, 400, "text2", wrap=True)
        self.notice = Notice()
        self.notice.action_triggered.connect(self.remedy_wanted)
        self.cards = [PromptCard(text, kind) for text, kind in PROMPTS]
        self._grid_host = QWidget()
        self._grid = QGridLayout(self._grid_host)
        self._grid.setContentsMargins(0, SPACING, 0, 0)
        self._grid.setSpacing(BETWEEN_CARDS)
        self._columns = 0
        for card in self.cards:
            card.clicked.connect(lambda _=False, card=card: self.prompt_chosen.emit(card.text()))
        inner = QWidget()
        inner.setMaximumWidth(COLUMN)
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACING)
        self._mark = Mark(40, flush=True)
        column.addWidget(self._mark)
        column.addWidget(self.title)
        column.addWidget(self.line)
        column.addWidget(self.notice)
        column.addWidget(self._grid_host)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(24, MARGIN, 24, MARGIN)
        outer.addStretch(ABOVE)
        outer.addWidget(inner)
        outer.addStretch(BELOW)
        self._inner = inner
        self._outer = outer
        self._covered = 0
        self._arrange()

    def show_model(self, line: str) -> None:
        """The model that will answer, in one line."""
        self.line.setText(line)
        self.line.setVisible(bool(line))
        self._arrange()

    def keep_clear(self, pixels: int) -> None:
        """So many pixels at the top are covered; what would be hidden there moves down."""
        if pixels != self._covered:
            self._covered = pixels
            self._arrange()

    def show_trouble(self, text: str, hint: str = "", action: str = "") -> None:
        """Why no answer can be had, in place of the examples; empty text takes it back."""
        if text:
            self.notice.show_message("warn", text, hint, action)
        else:
            self.notice.hide()
        self._grid_host.setVisible(not text)

    def resizeEvent(self, event: object) -> None:
        self._arrange()

    def _arrange(self) -> None:
        theme = current()
        width = min(theme.px(COLUMN), self.width() - 48)
        self._inner.setFixedWidth(max(200, width))
        outer = self.layout()
        if outer is not None:
            outer.setAlignment(self._inner, Qt.AlignmentFlag.AlignHCenter)
        columns = 2 if width >= theme.px(460) else 1
        if columns != self._columns:
            self._columns = columns
            for number, card in enumerate(self.cards):
                self._grid.addWidget(card, number // columns, number % columns)
        rows = self._rows_that_fit()
        for number, card in enumerate(self.cards):
            card.setVisible(number // columns < rows)
        self._outer.setContentsMargins(24, self._top(), 24, MARGIN)

    def _top(self) -> int:
        """Pixels above the greeting: more than the margin where it would lie under what covers the top."""
        rows = -(-len(self.cards) // self._columns)
        spare = self.height() - 2 * MARGIN - self._greeting_height() - rows * self._card_height()
        uncovered = MARGIN + max(0, spare) * ABOVE // (ABOVE + BELOW)
        return MARGIN if uncovered >= self._covered else max(MARGIN, self._covered + SPACING)

    def _rows_that_fit(self) -> int:
        """How many rows of examples there is room for below the greeting."""
        room = self.height() - self._top() - MARGIN - self._greeting_height()
        return (room + BETWEEN_CARDS) // self._card_height()

    def _greeting_height(self) -> int:
        width = self._inner.width()
        greeting = [part for part in (self._mark, self.title, self.line) if not part.isHidden()]
        heights = [max(part.heightForWidth(width), part.sizeHint().height()) for part in greeting]
        return self._mark.height() + sum(heights[1:]) + SPACING * (len(greeting) + 1)

    def _card_height(self) -> int:
        """Of a row of examples, with the gap to the next."""
        return self.cards[0].sizeHint().height() + BETWEEN_CARDS
