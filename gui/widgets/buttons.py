"""Push buttons, icon buttons and the rail's buttons."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from paddock.gui import icons, theme
from paddock.gui.stylesheet import BUTTON_RADIUS
from paddock.gui.widgets.focus import KeyboardRing, paint_ring

QUIET = 13
"""What a quiet button has left of its words: it is moved by so much where they line up with others."""
Kind = Literal["secondary", "primary", "danger", "quiet", "link"]


class PaintedButton(KeyboardRing, QAbstractButton):
    """What the painted buttons share: hover, hand cursor, Enter beside Space, resizing with the theme's zoom."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if theme.new_measures(event):
            self.updateGeometry()
        self.update()

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.isAutoRepeat():
            self.click()
            return
        super().keyPressEvent(event)

    def hot(self) -> bool:
        """Under the mouse and able to react."""
        return self.isEnabled() and self.underMouse()


class Button(PaintedButton):
    """A push button with words. ``primary`` at most once in sight; ``danger`` for what cannot be undone; ``link`` lines
    up with the words around it."""

    TEXT: int = 13
    WEIGHT: theme.Weight = 500
    HIGH: int = 30

    def __init__(
        self, text: str, kind: Kind = "secondary", icon: str | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._kind = kind
        self._icon = icon
        self.setText(text)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def setText(self, text: str) -> None:
        super().setText(text)
        self.setAccessibleName(text)
        self.updateGeometry()

    def set_icon(self, icon: str) -> None:
        """Another mark before the words, where it has one."""
        self._icon = icon
        self.update()

    def set_kind(self, kind: Kind) -> None:
        """Change how much it stands out."""
        self._kind = kind
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        look = theme.current()
        pad = 4 if self._kind == "link" else look.px(26)
        width = QFontMetrics(look.font(self.TEXT, self.WEIGHT)).horizontalAdvance(self.text()) + pad
        return QSize(width + (look.px(22) if self._icon else 0), look.px(self.HIGH))

    def paintEvent(self, event: QPaintEvent) -> None:
        look = theme.current()
        back, border, ink = self._colors(look)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        body = QRectF(self.rect())
        if self.ring_shown:
            paint_ring(painter, body, BUTTON_RADIUS)
            body = body.adjusted(3.5, 3.5, -3.5, -3.5)
        radius = BUTTON_RADIUS - (3 if self.ring_shown else 0)
        painter.setPen(QPen(QColor(border), 1) if border else Qt.PenStyle.NoPen)
        painter.setBrush(QColor(back) if back else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(body.adjusted(0.5, 0.5, -0.5, -0.5) if border else body, radius, radius)
        font = look.font(self.TEXT, self.WEIGHT)
        words = QFontMetrics(font).horizontalAdvance(self.text())
        glyph = look.px(16) if self._icon else 0
        gap = look.px(6) if self._icon else 0
        x = (self.width() - words - glyph - gap) / 2
        if self._icon:
            mark = icons.pixmap(self._icon, ink, glyph, ratio=self.devicePixelRatioF())
            painter.drawPixmap(QPointF(x, (self.height() - glyph) / 2), mark)
        painter.setFont(font)
        painter.setPen(QColor(ink))
        painter.drawText(
            QRectF(x + glyph + gap, 0, words + 2, self.height()), Qt.AlignmentFlag.AlignVCenter, self.text()
        )

    def _colors(self, look: theme.Theme) -> tuple[str | None, str | None, str]:
        """Background, border and ink."""
        p = look.palette
        pressed = self.isDown()
        if not self.isEnabled():
            bare = self._kind in ("quiet", "link")
            return (None if bare else p.window, None if bare else p.border, p.muted)
        match self._kind:
            case "primary":
                return (p.accent_hover if self.hot() or pressed else p.accent, None, p.on_accent)
            case "danger":
                return (p.bad_soft if self.hot() or pressed else p.raised, p.border, p.bad)
            case "link":
                return (None, None, p.accent_hover if self.hot() or pressed else p.accent)
            case "quiet":
                return (p.selected if pressed else p.hover if self.hot() else None, None, p.text)
            case _:
                back = p.selected if pressed or self.isChecked() else p.hover if self.hot() else p.raised
                return (back, p.border, p.text)


class LargeButton(Button):
    """The one thing to do on a page."""

    TEXT, WEIGHT, HIGH = 14, 600, 38


class IconButton(PaintedButton):
    """A square button with an icon; ``name`` is what a screen reader says and the tooltip shows."""

    def __init__(
        self,
        icon: str,
        name: str,
        parent: QWidget | None = None,
        *,
        size: int = 30,
        glyph: int = 17,
        filled: bool = False,
    ) -> None:
        super().__init__(parent)
        self._size = size
        self._glyph = glyph
        self._filled = filled
        self._icon = icon
        self.set_icon(icon, name)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def set_icon(self, icon: str, name: str) -> None:
        """Change what it shows and what it is called."""
        self._icon = icon
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.update()

    def sizeHint(self) -> QSize:
        side = theme.current().px(self._size)
        return QSize(side, side)

    def paintEvent(self, event: QPaintEvent) -> None:
        look = theme.current()
        p = look.palette
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        body = QRectF(self.rect())
        if self.ring_shown:
            paint_ring(painter, body, BUTTON_RADIUS)
            body = body.adjusted(3.5, 3.5, -3.5, -3.5)
        back: str | None = None
        ink = p.text2
        if self._filled:
            back = p.accent_hover if self.hot() or self.isDown() else p.accent
            ink = p.on_accent
            if not self.isEnabled():
                back, ink = p.selected, p.text2
        elif self.isChecked() or self.isDown():
            back, ink = p.selected, p.text
        elif self.hot():
            back, ink = p.hover, p.text
        if back:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(back))
            radius = BUTTON_RADIUS - (3 if self.ring_shown else 0)
            painter.drawRoundedRect(body, radius, radius)
        if not self.isEnabled() and not self._filled:
            painter.setOpacity(0.45)
        glyph = look.px(self._glyph)
        mark = icons.pixmap(
            self._icon, ink, glyph, stroke=2.0 if self._filled else icons.STROKE, ratio=self.devicePixelRatioF()
        )
        painter.drawPixmap(QPointF((self.width() - glyph) / 2, (self.height() - glyph) / 2), mark)


class RailButton(PaintedButton):
    """A page in the rail: pill with icon and word below."""

    def __init__(self, icon: str, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon = icon
        self._labels = True
        self.setText(text)
        self.setAccessibleName(text)
        self.setCheckable(True)
        self.setAutoExclusive(True)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def set_labels(self, shown: bool) -> None:
        """Without labels (narrow windows) the word becomes the tooltip."""
        self._labels = shown
        self.setToolTip("" if shown else self.text())
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        look = theme.current()
        if not self._labels:
            return QSize(look.px(48), look.px(38))
        words = QFontMetrics(look.font(11, 600)).horizontalAdvance(self.text()) + 8
        return QSize(max(72, words), self._glyph(look) + 15 + look.px(20))

    def _glyph(self, look: theme.Theme) -> int:
        """Side of the icon; with text of any size all of them have room above each other in the smallest window."""
        return min(26, look.px(19))

    def paintEvent(self, event: QPaintEvent) -> None:
        look = theme.current()
        p = look.palette
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        glyph = self._glyph(look)
        pill = QRectF(self.width() / 2 - glyph / 2 - 12.5, 3, glyph + 25, glyph + 9)
        if self.isChecked() or self.hot():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(p.selected if self.isChecked() else p.hover))
            painter.drawRoundedRect(pill, 14, 14)
        if self.ring_shown:
            paint_ring(painter, pill.adjusted(-2.5, -2.5, 2.5, 2.5), 15.5)
        ink = p.text if self.isChecked() else p.text2
        mark = icons.pixmap(
            self._icon, ink, glyph, stroke=1.9 if self.isChecked() else 1.6, ratio=self.devicePixelRatioF()
        )
        painter.drawPixmap(QPointF(pill.center().x() - glyph / 2, pill.center().y() - glyph / 2), mark)
        if self._labels:
            painter.setFont(look.font(11, 600 if self.isChecked() else 500))
            painter.setPen(QColor(ink))
            line = QRectF(0, pill.bottom() + 2, self.width(), self.height() - pill.bottom() - 3)
            painter.drawText(line, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, self.text())
