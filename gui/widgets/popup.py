"""A sheet with round corners that closes when something else is clicked."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QRectF, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QPainter, QPainterPath, QPaintEvent, QPen, QRegion, QResizeEvent
from PySide6.QtWidgets import QFrame, QLayout, QScrollArea, QVBoxLayout, QWidget

from paddock.gui.stylesheet import CARD_RADIUS
from paddock.gui.theme import current, new_measures


def round_off(window: QWidget, radius: int) -> None:
    """Cut the corners off, where there may be no compositor and what is transparent is black."""
    if QGuiApplication.platformName() == "xcb":
        outline = QPainterPath()
        outline.addRoundedRect(QRectF(window.rect()), radius, radius)
        window.setMask(QRegion(outline.toFillPolygon().toPolygon()))


class Popup(QFrame):
    """Escape closes it."""

    def __init__(self, name: str, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
        self.setAccessibleName(name)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("border_strong" if theme.mode == "dark" else "border"), 1))
        painter.setBrush(theme.color("raised"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), CARD_RADIUS, CARD_RADIUS)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        round_off(self, CARD_RADIUS)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.hide()
            return
        super().keyPressEvent(event)


class RailPopup(Popup):
    """What lies behind a button of the rail: at its right, ``width`` pixels of the theme wide and as high as what is in
    ``column`` needs, which scrolls. A subclass fills ``column``, and says what changed by ``follow``."""

    def __init__(self, name: str, width: int, parent: QWidget) -> None:
        super().__init__(name, parent)
        self._width = width
        self._body = QWidget()
        self.column = QVBoxLayout(self._body)
        self.column.setContentsMargins(16, 10, 16, 16)
        self.column.setSizeConstraint(QLayout.SizeConstraint.SetMinimumSize)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(self._body)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(2, 2, 2, 2)
        outer.addWidget(scroll)

    def refresh(self) -> None:
        """Show what there is now."""
        raise NotImplementedError

    def open_beside(self, anchor: QWidget) -> None:
        """Show it at the right of ``anchor``, with the same foot."""
        self._anchor = anchor
        self.refresh()
        self.place()
        self.show()
        self.place()  # what was never shown before has its height only now

    def follow(self) -> None:
        """Show what changed, while it is shown."""
        if self.isVisible():
            before = self._body.sizeHint().height()
            self.refresh()
            if self._body.sizeHint().height() != before:
                self.place()

    def place(self) -> None:
        """Be as high as its content, inside the window."""
        window, layout = self._anchor.window(), self.column
        width = min(current().px(self._width), window.width() - self._anchor.width() - 24)
        self._body.setFixedWidth(width - 4)
        layout.activate()
        flows = layout.hasHeightForWidth()
        height = (layout.totalHeightForWidth(width - 4) if flows else layout.totalSizeHint().height()) + 6
        self.resize(width, min(height, window.height() - 16))
        foot = self._anchor.mapTo(window, QPoint(self._anchor.width() + 8, self._anchor.height()))
        top = min(max(8, foot.y() - self.height()), window.height() - self.height() - 8)
        self.move(window.mapToGlobal(QPoint(foot.x(), top)))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if new_measures(event) and self.isVisible():
            self.place()
