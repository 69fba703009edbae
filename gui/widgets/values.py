"""Controls for values: slider with the default marked, number box, switch."""

from __future__ import annotations

import bisect
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QAbstractSpinBox, QCheckBox, QDoubleSpinBox, QSizePolicy, QSlider, QWidget

from paddock.gui import theme
from paddock.gui.stylesheet import FIELD_RADIUS
from paddock.gui.widgets.focus import KeyboardRing, paint_ring

PAGE_STEPS = 10
LEAST_WIDE = 62
"""A box for at most four figures and two decimals: those that stand in one column are equally wide."""


class Slider(KeyboardRing, QSlider):
    """A horizontal slider over numbers; a tick marks the default and a double click returns to it.

    Arrow keys go one ``step``, with Shift ten.
    """

    value_changed = Signal(float)

    def __init__(
        self, name: str, low: float, high: float, parent: QWidget | None = None, *, default: float, step: float = 1.0
    ) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        if step <= 0 or high <= low:
            raise ValueError(f"slider {name}: step must be positive and high above low")
        self._low = low
        self._step = step
        self._default = default
        self._mark: float | None = None
        self.setRange(0, round((high - low) / step))
        self.setPageStep(PAGE_STEPS)
        self.setAccessibleName(name)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.set_number(default)
        self.valueChanged.connect(lambda _: self.value_changed.emit(self.number()))

    def number(self) -> float:
        return round(self._low + self.value() * self._step, 10)

    def set_number(self, number: float) -> None:
        """Go to the step nearest to ``number``."""
        self.setValue(round(self._position(number)))

    def set_default(self, number: float) -> None:
        """Where the tick stands and a double click goes."""
        self._default = number
        self.update()

    def set_mark(self, number: float | None) -> None:
        """A second tick, for a number to keep below; None takes it away."""
        if number != self._mark:
            self._mark = number
            self.update()

    def _position(self, number: float) -> float:
        """Where ``number`` stands, in steps from the left."""
        return (number - self._low) / self._step

    def keyPressEvent(self, event: QKeyEvent) -> None:
        forward = event.key() in (Qt.Key.Key_Right, Qt.Key.Key_Up)
        back = event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Down)
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and (forward or back):
            self.setValue(self.value() + (PAGE_STEPS if forward else -PAGE_STEPS))
            return
        super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self._go_to(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.isSliderDown():
            self._go_to(event.position().x())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.setSliderDown(False)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.set_number(self._default)

    def sizeHint(self) -> QSize:
        return QSize(160, 24)

    def minimumSizeHint(self) -> QSize:
        return QSize(60, 24)

    def _go_to(self, x: float) -> None:
        share = (x - 8) / max(1, self.width() - 16)
        self.setValue(round(self.maximum() * min(1.0, max(0.0, share))))

    def _x(self, position: float) -> float:
        return 8 + (self.width() - 16) * position / max(1, self.maximum())

    def _paint_tick(self, painter: QPainter, number: float, y: float, color: str) -> None:
        x = self._x(min(float(self.maximum()), max(0.0, self._position(number))))
        painter.setBrush(QColor(color))
        painter.drawRoundedRect(QRectF(x - 1, y - 5, 2, 10), 1, 1)

    def paintEvent(self, event: QPaintEvent) -> None:
        p = theme.current().palette
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        y = self.height() / 2
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(p.track))
        painter.drawRoundedRect(QRectF(8, y - 2, self.width() - 16, 4), 2, 2)
        self._paint_tick(painter, self._default, y, p.border_strong)
        if self._mark is not None:
            self._paint_tick(painter, self._mark, y, p.ok)
        x = self._x(self.value())
        if not self.isEnabled():
            painter.setBrush(QColor(p.window))
            painter.setPen(QPen(QColor(p.track), 2))
            painter.drawEllipse(QPointF(x, y), 6, 6)
            return
        painter.setBrush(QColor(p.accent))
        painter.drawRoundedRect(QRectF(8, y - 2, x - 8, 4), 2, 2)
        if self.ring_shown:
            painter.setPen(QPen(QColor(p.accent), 2))
            painter.setBrush(QColor(p.surface))
            painter.drawEllipse(QPointF(x, y), 10, 10)
            painter.setPen(QPen(QColor(p.accent), 2))
        painter.setBrush(QColor(p.raised))
        painter.setPen(QPen(QColor(p.accent_hover if self.underMouse() else p.accent), 2))
        painter.drawEllipse(QPointF(x, y), 6.5, 6.5)


class StopSlider(Slider):
    """A slider over numbers that are not evenly spaced: from each of ``stops`` to the next is one step."""

    def __init__(self, name: str, stops: Sequence[float], parent: QWidget | None = None, *, default: float) -> None:
        self._stops = tuple(stops)
        super().__init__(name, 0, max(1, len(stops) - 1), parent, default=default)

    def set_stops(self, stops: Sequence[float]) -> None:
        """Other numbers; it stays where it was as near as can be."""
        number = self.number()
        self._stops = tuple(stops)
        self.setMaximum(max(1, len(stops) - 1))
        self.set_number(number)
        self.update()

    def number(self) -> float:
        return self._stops[min(self.value(), len(self._stops) - 1)]

    def _position(self, number: float) -> float:
        above = bisect.bisect_left(self._stops, number)
        if above == 0 or above == len(self._stops):
            return float(min(above, len(self._stops) - 1))
        low, high = self._stops[above - 1], self._stops[above]
        return above - 1 + (number - low) / (high - low)


class NumberBox(QDoubleSpinBox):
    """A number with ``decimals`` places, painted whole: a styled border would leave its editor 1 px wide (Qt 6.11).
    It is as wide as its longest number, ``widest`` pixels at most."""

    def __init__(
        self,
        name: str,
        low: float,
        high: float,
        parent: QWidget | None = None,
        *,
        decimals: int = 2,
        step: float = 0.01,
        widest: int | None = None,
    ) -> None:
        super().__init__(parent)
        self._widest = widest
        self.setDecimals(decimals)
        self.setRange(low, high)
        self.setSingleStep(step)
        self.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setAccessibleName(name)
        self.setFrame(False)
        self.setKeyboardTracking(False)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._dress()

    def typing(self) -> bool:
        """Whether a number is being typed that is not taken yet."""
        return self.hasFocus() and self.lineEdit().text() != self.textFromValue(self.value())

    def stepBy(self, steps: int) -> None:
        super().stepBy(steps)
        self.lineEdit().deselect()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if theme.new_look(event):
            self._dress()
            self._place_editor()  # Qt puts it back with every new style
            self.updateGeometry()

    def _place_editor(self) -> None:
        self.lineEdit().setGeometry(4, 2, self.width() - 8, self.height() - 4)

    def _dress(self) -> None:
        look = theme.current()
        wanted = look.font(12, 500, tabular=True)
        if self.font() != wanted:
            self.setFont(wanted)
        clear = QPalette(look.qt_palette())
        clear.setColor(QPalette.ColorRole.Base, Qt.GlobalColor.transparent)
        edit = self.lineEdit()
        if edit is not None and edit.palette() != clear:
            edit.setPalette(clear)
        if edit is not None and edit.font() != wanted:
            edit.setFont(wanted)  # one that has been shown does not follow its box any more

    def sizeHint(self) -> QSize:
        look = theme.current()
        metrics = QFontMetrics(look.font(12, 500, tabular=True))  # its own font follows later, event by event
        width = max(metrics.horizontalAdvance(self.textFromValue(v)) for v in (self.minimum(), self.maximum()))
        width = max(look.px(LEAST_WIDE), width + look.px(18))
        return QSize(width if self._widest is None else min(width, look.px(self._widest)), look.px(26))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_editor()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._dress()  # what is put into a window that shows gets the palette of the application with its style

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        p = theme.current().palette
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        focused = self.hasFocus()
        width = 2 if focused else 1
        painter.setPen(QPen(QColor(p.accent if focused else p.border), width))
        painter.setBrush(QColor(p.raised if self.isEnabled() else p.window))
        inset = width / 2
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(inset, inset, -inset, -inset), FIELD_RADIUS, FIELD_RADIUS)


class Switch(KeyboardRing, QCheckBox):
    """On or off. Its label stands elsewhere: ``name`` is what a screen reader says."""

    WIDTH, HEIGHT, PAD = 28, 16, 4

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def hitButton(self, pos: QPoint) -> bool:
        return self.rect().contains(pos)

    def sizeHint(self) -> QSize:
        look = theme.current()
        return QSize(look.px(self.WIDTH + 2 * self.PAD), look.px(self.HEIGHT + 2 * self.PAD))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        look = theme.current()
        p = look.palette
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(self.width() / 2, self.height() / 2)
        painter.scale(look.zoom, look.zoom)
        if not self.isEnabled():
            painter.setOpacity(0.5)
        on = self.isChecked()
        body = QRectF(-self.WIDTH / 2, -self.HEIGHT / 2, self.WIDTH, self.HEIGHT)
        painter.setPen(Qt.PenStyle.NoPen if on else QPen(QColor(p.border_strong), 1.2))
        painter.setBrush(QColor((p.accent_hover if self.underMouse() else p.accent) if on else p.surface))
        painter.drawRoundedRect(body, 8, 8)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(p.on_accent if on else p.border_strong))
        radius = 5.5 if on else 4.5
        x = body.right() - 8 if on else body.left() + 8
        painter.drawEllipse(QPointF(x, body.center().y()), radius, radius)
        if self.ring_shown:
            paint_ring(painter, body.adjusted(-4, -4, 4, 4), 11)
