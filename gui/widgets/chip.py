"""The quiet pill: a choice with a menu, a toggle, or a small action."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QMenu, QSizePolicy, QWidget

from paddock.gui import icons, theme
from paddock.gui.stylesheet import BUTTON_RADIUS
from paddock.gui.widgets.buttons import PaintedButton
from paddock.gui.widgets.focus import paint_ring
from paddock.gui.widgets.labels import whole_facts

EDGE = 8
"""A menu stays so far from the right edge of the window, in pixels."""


class Chip(PaintedButton):
    """Text with an optional icon, silk dot, quieter second text and a chevron.

    ``setCheckable(True)`` makes it a toggle; :meth:`setMenu` makes it open a menu below itself.
    """

    def __init__(
        self,
        text: str,
        parent: QWidget | None = None,
        *,
        icon: str | None = None,
        dot: str | None = None,
        menu: bool = False,
        sub: str = "",
    ) -> None:
        super().__init__(parent)
        self._icon = icon
        self._dot = dot
        self._chevron = menu
        self._sub = sub
        self._menu: QMenu | None = None
        self._role = ""
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.set(text=text)

    def set(
        self,
        *,
        text: str | None = None,
        sub: str | None = None,
        dot: str | None = None,
        icon: str | None = None,
        role: str | None = None,
    ) -> None:
        """Change what it shows; None leaves a part, an empty string removes it.

        ``role`` is put before the text for screen readers ("Model: Qwen3 8B").
        """
        if text is not None:
            self.setText(text)
        if sub is not None:
            self._sub = sub
        if dot is not None:
            self._dot = dot or None
        if icon is not None:
            self._icon = icon or None
        if role is not None:
            self._role = role
        name = f"{self.text()} {self._sub}".strip()
        self.setAccessibleName(f"{self._role}: {name}" if self._role else name)
        self.updateGeometry()
        self.update()

    def setMenu(self, menu: QMenu) -> None:
        self._menu = menu
        self._chevron = True
        self.clicked.connect(self.open_menu)
        self.updateGeometry()

    def open_menu(self) -> None:
        """Below it, or above it where the window ends."""
        if self._menu is None:
            return
        self._menu.setMinimumWidth(self.width())
        high, window = self._menu.sizeHint().height(), self.window()
        top = self.mapTo(window, QPoint(0, 0)).y()
        below = top + self.height() + 4 + high <= window.height() or top < high + 4
        self._menu.popup(self.mapToGlobal(QPoint(0, self.height() + 4 if below else -high - 4)))
        self._keep_in_window(self._menu)

    def _keep_in_window(self, menu: QMenu) -> None:
        """A menu too wide to begin where the chip begins ends where the chip ends; its width is known only now."""
        window = self.window()
        left = window.mapFromGlobal(menu.pos()).x()
        ends = self.mapTo(window, QPoint(self.width(), 0)).x()
        if left + menu.width() > window.width() - EDGE and ends > menu.width():
            menu.move(window.mapToGlobal(QPoint(ends - menu.width(), 0)).x(), menu.y())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Down and self._chevron:
            self.click()
            return
        super().keyPressEvent(event)

    def sizeHint(self) -> QSize:
        return QSize(self.name_width() + self._sub_width(self._sub), theme.current().px(30))

    def minimumSizeHint(self) -> QSize:
        look = theme.current()
        return QSize(self._fixed_width() + min(self._text_width(), look.px(64)), look.px(30))

    def name_width(self, facts: int = 0) -> int:
        """Pixels that it takes with so many facts of the second text."""
        return self._fixed_width() + self._text_width() + self._sub_width(" · ".join(self._sub.split(" · ")[:facts]))

    def fitted_width(self, room: int) -> int:
        """Pixels of ``room`` that it takes with as many whole facts as it can show."""
        widths = (self.name_width(facts) for facts in range(self._sub.count(" · ") + 1, -1, -1))
        return next((width for width in widths if width <= room), room)

    def _text_width(self) -> int:
        return QFontMetrics(theme.current().font(13, 500)).horizontalAdvance(self.text()) + 2

    def _sub_width(self, words: str) -> int:
        look = theme.current()
        if not words:
            return 0
        return QFontMetrics(look.font(12, tabular=True)).horizontalAdvance(words) + look.px(8)

    def _fixed_width(self) -> int:
        look = theme.current()
        parts = (20, 22 if self._icon else 0, 14 if self._dot else 0, 20 if self._chevron else 0)
        return sum(look.px(part) for part in parts if part)

    def paintEvent(self, event: QPaintEvent) -> None:
        look = theme.current()
        p = look.palette
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        body = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        on, enabled = self.isChecked(), self.isEnabled()
        back = p.accent_soft if on else p.hover if self.hot() else p.raised if enabled else p.window
        painter.setPen(QPen(QColor(p.accent if on and enabled else p.border), 1))
        painter.setBrush(QColor(back))
        painter.drawRoundedRect(body, BUTTON_RADIUS, BUTTON_RADIUS)
        if self.ring_shown:
            paint_ring(painter, QRectF(self.rect()), BUTTON_RADIUS)
        self._paint_content(painter, look, p.muted if not enabled else p.accent if on else p.text)

    def _paint_content(self, painter: QPainter, look: theme.Theme, ink: str) -> None:
        p = look.palette
        x = float(look.px(10))
        height = self.height()
        ratio = self.devicePixelRatioF()
        glyph = look.px(16)
        if self._dot:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(self._dot))
            side = look.px(8)
            painter.drawRoundedRect(QRectF(x, (height - side) / 2, side, side), 2.5, 2.5)
            x += look.px(14)
        if self._icon:
            tint = ink if self.isChecked() or not self.isEnabled() else p.text2
            mark = icons.pixmap(self._icon, tint, glyph, ratio=ratio)
            painter.drawPixmap(QPointF(x, (height - glyph) / 2), mark)
            x += look.px(22)
        room = self.width() - x - look.px(10) - (look.px(20) if self._chevron else 0)
        font = look.font(13, 500)
        words = QFontMetrics(font).elidedText(self.text(), Qt.TextElideMode.ElideMiddle, int(room) + 1)
        painter.setFont(font)
        painter.setPen(QColor(ink))
        used = QFontMetrics(font).horizontalAdvance(words) + 2
        painter.drawText(QRectF(x, 0, used + 2, height), Qt.AlignmentFlag.AlignVCenter, words)
        room -= used + look.px(8)
        x += used + look.px(6)
        font = look.font(12, tabular=True)
        words = whole_facts(self._sub, QFontMetrics(font), room + 2)
        if words:
            painter.setFont(font)
            painter.setPen(QColor(p.muted))
            painter.drawText(QRectF(x, 0, room + 4, height), Qt.AlignmentFlag.AlignVCenter, words)
        if self._chevron:
            mark = icons.pixmap("chevron-down", p.muted, glyph, ratio=ratio)
            painter.drawPixmap(QPointF(self.width() - look.px(8) - glyph, (height - glyph) / 2), mark)
