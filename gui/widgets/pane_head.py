"""The head of a pane: its silk with its number, its model, and what can be done with it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QSizePolicy, QWidget

from paddock.gui import icons, theme
from paddock.gui.models.pane_apart import Beside, Fitted, fit
from paddock.gui.stylesheet import BUTTON_RADIUS
from paddock.gui.widgets.buttons import IconButton, PaintedButton
from paddock.gui.widgets.focus import paint_ring

LEAST_NAME = 36
"""So many logical pixels of a name stay beside the settings that set its pane apart."""
CUT_AT_END = 90
"""In fewer logical pixels the beginning of a name tells more than both of its ends."""


def paint_mark(painter: QPainter, area: QRectF, color: str, words: str) -> None:
    """A silk with the pane's number or letter in it."""
    look = theme.current()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(color))
    painter.drawRoundedRect(area, 4, 4)
    painter.setFont(look.font(11, 600, tabular=True))
    painter.setPen(look.color("on_accent"))
    painter.drawText(area, Qt.AlignmentFlag.AlignCenter, words)


class ModelButton(PaintedButton):
    """The name of the pane's model with what is beside it; opens the choice of another. ``moved``: Alt with Left (-1)
    or Right (1)."""

    moved = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._side = Beside()
        self._mark = ""
        self._color = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_model(self, mark: str, color: str, name: str, side: Beside) -> None:
        """``mark`` is the pane's number or letter."""
        if (self._mark, self._color, self.text(), self._side) != (mark, color, name, side):
            self._mark, self._color, self._side = mark, color, side
            self.setText(name)
            self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        if event.modifiers() & Qt.KeyboardModifier.AltModifier and event.key() in steps:
            self.moved.emit(steps[Qt.Key(event.key())])
            return
        super().keyPressEvent(event)

    def sizeHint(self) -> QSize:
        look = theme.current()
        return QSize(look.px(80), look.px(30))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        look = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        strong, small = look.font(14, 600), look.font(12)
        side, x = look.px(17), float(look.px(6))
        glyph, gap = look.px(14), look.px(8)
        fitted, chevron = self._fitted(QFontMetricsF(strong), QFontMetricsF(small))
        middle_cut = fitted.name >= look.px(CUT_AT_END)
        cut = Qt.TextElideMode.ElideMiddle if middle_cut else Qt.TextElideMode.ElideRight
        name = QFontMetricsF(strong).elidedText(self.text(), cut, fitted.name + 1)
        used = QFontMetricsF(strong).horizontalAdvance(name)
        if self.hot() or self.isDown():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.color("selected" if self.isDown() else "hover"))
            painter.drawRoundedRect(QRectF(self.rect()), BUTTON_RADIUS, BUTTON_RADIUS)
        if self.ring_shown:
            paint_ring(painter, QRectF(self.rect()), BUTTON_RADIUS)
        middle = self.height() / 2
        paint_mark(painter, QRectF(x, middle - side / 2, side, side), self._color, self._mark)
        x += side + gap
        line = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(strong)
        painter.setPen(look.color("text"))
        painter.drawText(QRectF(x, 0, used + 2, self.height()), line, name)
        x += used + gap
        if fitted.words:
            painter.setFont(small)
            painter.setPen(look.color("text2" if self._side.apart else "muted"))
            room = self.width() - x - (glyph + gap if chevron else 2)
            words = QFontMetricsF(small).elidedText(fitted.words, Qt.TextElideMode.ElideRight, room + 1)
            width = QFontMetricsF(small).horizontalAdvance(words) + 2
            painter.drawText(QRectF(x, 0, width, self.height()), line, words)
            x += width + look.px(4)
        if chevron and (self.hot() or self.ring_shown):
            mark = icons.pixmap("chevron-down", look.palette.muted, glyph, ratio=self.devicePixelRatioF())
            painter.drawPixmap(QPointF(x, middle - glyph / 2), mark)

    def _fitted(self, strong: QFontMetricsF, small: QFontMetricsF) -> tuple[Fitted, bool]:
        """What of name and settings is shown, and whether there is room for the mark of a choice: where settings would
        be cut, or the name beside them, there is none."""
        look = theme.current()
        gap, glyph = look.px(8), look.px(14)
        room = self.width() - look.px(6) - look.px(17) - gap
        name, least = strong.horizontalAdvance(self.text()), float(look.px(LEAST_NAME))
        for chevron in (True, False):
            free = room - (glyph + gap if chevron else 2)
            found = fit(self._side, name, free, least, gap, small.horizontalAdvance)
            whole = found.name >= name and found.name + gap + small.horizontalAdvance(found.words) <= free
            if not found.words or whole:
                break
        return found, chevron

    def shown(self) -> str:
        """The words beside the name that have room."""
        look = theme.current()
        return self._fitted(QFontMetricsF(look.font(14, 600)), QFontMetricsF(look.font(12)))[0].words


class PaneHead(QWidget):
    """``carried`` follows the mouse while the head is dragged, ``dropped`` ends it (global positions)."""

    model_wanted = Signal()
    settings_wanted = Signal()
    menu_wanted = Signal()
    stop_wanted = Signal()
    carried = Signal(QPoint)
    dropped = Signal(QPoint)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pressed: QPoint | None = None
        self._carrying = False
        self.model = ModelButton()
        self.stop = IconButton("stop", "Stop", size=28, glyph=15)
        self.settings = IconButton("sliders", "Settings", size=28, glyph=16)
        self.menu = IconButton("dots", "More", size=28, glyph=16)
        self.stop.hide()
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 6, 8, 2)
        row.setSpacing(2)
        row.addWidget(self.model, 1)
        for button in (self.stop, self.settings, self.menu):
            row.addWidget(button)
        self.model.clicked.connect(self.model_wanted)
        self.settings.clicked.connect(self.settings_wanted)
        self.menu.clicked.connect(self.menu_wanted)
        self.stop.clicked.connect(self.stop_wanted)
        self.model.installEventFilter(self)

    def show_pane(self, mark: str, color: str, name: str, side: Beside, tip: str) -> None:
        """``mark``: the pane's number or letter; ``tip`` holds what may not have room."""
        self.model.show_model(mark, color, name, side)
        self.model.setAccessibleName(f"Pane {mark}: {name} {side.whole}".rstrip() if name else f"Pane {mark}")
        self.model.setAccessibleDescription("Changes the model. Alt with Left or Right moves the pane." if name else "")
        self.model.setToolTip(tip)
        self.stop.set_icon("stop", f"Stop pane {mark}")
        self.settings.set_icon("sliders", f"Settings of pane {mark}")
        self.menu.set_icon("dots", f"More for pane {mark}")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The name is a button, and what the pane is dragged by."""
        if isinstance(event, QMouseEvent) and self._mouse(event):
            self.model.setDown(False)
            return True
        return super().eventFilter(watched, event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._mouse(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._mouse(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._mouse(event)

    def _mouse(self, event: QMouseEvent) -> bool:
        """Whether the event is part of dragging the pane."""
        place = event.globalPosition().toPoint()
        if event.type() == QEvent.Type.MouseButtonPress and event.button() == Qt.MouseButton.LeftButton:
            self._pressed = place
        elif event.type() == QEvent.Type.MouseMove and self._pressed is not None:
            far = (place - self._pressed).manhattanLength() >= QApplication.startDragDistance()
            if self._carrying or far:
                self._carrying = True
                self.carried.emit(place)
                return True
        elif event.type() == QEvent.Type.MouseButtonRelease:
            carrying, self._carrying, self._pressed = self._carrying, False, None
            if carrying:
                self.dropped.emit(place)
                return True
        return False
