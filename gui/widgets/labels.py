"""Words that are not controls."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from paddock.gui import theme

LONG_WORD = 20
MENU_SIGNS = 56
"""An entry of a menu has at most about so many signs."""


class Label(QLabel):
    """Plain text in a size, weight and colour token of the design. Never interprets markup."""

    def __init__(
        self,
        text: str,
        size: int = 13,
        weight: theme.Weight = 400,
        token: str = "text",
        parent: QWidget | None = None,
        *,
        tabular: bool = False,
        wrap: bool = False,
        verbatim: bool = False,
    ) -> None:
        super().__init__(text, parent)
        self._size = size
        self._weight: theme.Weight = weight
        self._token = token
        self._tabular = tabular
        self._verbatim = verbatim
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(wrap)
        self._dress()

    def set_token(self, token: str) -> None:
        """Change the colour."""
        self._token = token
        self._dress()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if theme.new_look(event):
            self._dress()

    def _dress(self) -> None:
        look = theme.current()
        wanted = look.font(self._size, self._weight, tabular=self._tabular, verbatim=self._verbatim)
        if self.font() != wanted:
            self.setFont(wanted)
        palette, group, role = self.palette(), QPalette.ColorGroup, QPalette.ColorRole.WindowText
        color, off = look.color(self._token), look.color("muted")
        if palette.color(group.Active, role) != color or palette.color(group.Disabled, role) != off:
            palette.setColor(role, color)
            palette.setColor(group.Disabled, role, off)
            self.setPalette(palette)


class ElidedLabel(Label):
    """A label of one line with an ellipsis where it does not fit; then the tooltip holds the whole text. ``middle``: a
    name whose end tells as much as its beginning."""

    def __init__(
        self,
        text: str,
        size: int = 13,
        weight: theme.Weight = 400,
        token: str = "text",
        parent: QWidget | None = None,
        *,
        tabular: bool = False,
        middle: bool = False,
        verbatim: bool = False,
    ) -> None:
        self._mode = Qt.TextElideMode.ElideMiddle if middle else Qt.TextElideMode.ElideRight
        super().__init__(text, size, weight, token, parent, tabular=tabular, verbatim=verbatim)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:
        return QSize(QFontMetrics(self.font()).horizontalAdvance("…"), super().minimumSizeHint().height())

    def setText(self, text: str) -> None:
        super().setText(text)
        self._hint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._hint()

    def _hint(self) -> None:
        self.setToolTip(self.text() if self._shown() != self.text() else "")

    def _shown(self) -> str:
        return QFontMetrics(self.font()).elidedText(self.text(), self._mode, self.width())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(self.font())
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), self._shown())


class Divider(QWidget):
    """A line of 1 px in the border colour, between its margins."""

    def __init__(self, parent: QWidget | None = None, *, vertical: bool = False) -> None:
        super().__init__(parent)
        if vertical:
            self.setFixedWidth(1)
        else:
            self.setFixedHeight(1)

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.contentsRect(), QColor(theme.current().palette.border))


def menu_words(text: str) -> str:
    """``text`` as an entry of a menu: without its middle where it is long, and without keys of its own."""
    if len(text) > MENU_SIGNS:
        half = MENU_SIGNS // 2
        text = f"{text[:half].rstrip()}…{text[-half:].lstrip()}"
    return text.replace("&", "&&")


def whole_facts(text: str, metrics: QFontMetrics, room: float) -> str:
    """As many of the facts that “ · ” parts as have ``room``: half a number would be another one."""
    while text and metrics.horizontalAdvance(text) > room:
        text = text.rpartition(" · ")[0]
    return text


def no_word_alone(text: str) -> str:
    """``text`` with its last two words held together, so that a sentence that wraps ends in no line of one word; a long
    one, as a path, may stand alone."""
    before, space, last = text.rpartition(" ")
    return f"{before}\u00a0{last}" if space and len(last) <= LONG_WORD else text
