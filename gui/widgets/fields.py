"""Where text is typed or chosen."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QHelpEvent,
    QInputMethodEvent,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QComboBox, QFrame, QLabel, QLineEdit, QPlainTextEdit, QSizePolicy, QToolTip, QWidget

from paddock.gui import icons, theme
from paddock.gui.stylesheet import BUTTON_RADIUS, FIELD_RADIUS
from paddock.gui.widgets.focus import KeyboardRing, paint_ring

WIDEST_CHOICE = 280
"""A longer name is cut off; the list below shows it whole."""


def paint_field(widget: QWidget, painter: QPainter, focused: bool, radius: int = FIELD_RADIUS) -> None:
    """Background and border of a text field; text fields show their focus however it came."""
    p = theme.current().palette
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    width = 2 if focused else 1
    painter.setPen(QPen(QColor(p.accent if focused else p.border), width))
    painter.setBrush(QColor(p.raised if widget.isEnabled() else p.window))
    inset = width / 2
    painter.drawRoundedRect(QRectF(widget.rect()).adjusted(inset, inset, -inset, -inset), radius, radius)


def _clear_base(widget: QWidget) -> None:
    """Let the painted field show through Qt's editor."""
    palette = theme.current().qt_palette()
    palette.setColor(QPalette.ColorRole.Base, Qt.GlobalColor.transparent)
    if widget.palette() != palette:
        widget.setPalette(palette)


def _is_for_the_window(event: QEvent) -> bool:
    """Ctrl+K, by which X11's fields cut the rest of a line, opens the command palette instead."""
    if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
        return False
    return event.key() == Qt.Key.Key_K and event.modifiers() == Qt.KeyboardModifier.ControlModifier


class LineField(QLineEdit):
    """One line of text with an accessible name. ``bare``: what it lies in is painted as its field."""

    def __init__(self, name: str, placeholder: str = "", parent: QWidget | None = None, *, bare: bool = False) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setPlaceholderText(placeholder)
        self.setFrame(False)
        self._bare = bare
        self._left = 8
        self._dress()

    def _dress(self) -> None:
        look = theme.current()
        _clear_base(self)
        wanted = look.font(13, verbatim=True)
        if self.font() != wanted:
            self.setFont(wanted)
        self.setTextMargins(look.px(self._left), 0, look.px(8), 0)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if theme.new_look(event):
            self._dress()
            self.updateGeometry()

    def event(self, event: QEvent) -> bool:
        if _is_for_the_window(event):
            event.ignore()
            return True
        return super().event(event)

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), theme.current().px(32))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.current().px(80), theme.current().px(32))

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._bare:
            painter = QPainter(self)
            paint_field(self, painter, self.hasFocus())
            painter.end()
        super().paintEvent(event)


class SearchField(LineField):
    """A line with the search icon and a button that empties it; Escape empties it too."""

    def __init__(self, placeholder: str, parent: QWidget | None = None, *, bare: bool = False) -> None:
        super().__init__(placeholder, placeholder, parent, bare=bare)
        self._left = 28
        self._dress()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
            return
        super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        look = theme.current()
        side = look.px(16)
        mark = icons.pixmap("search", look.palette.muted, side, ratio=self.devicePixelRatioF())
        QPainter(self).drawPixmap(QPointF(look.px(9), (self.height() - side) / 2), mark)


class TextArea(QPlainTextEdit):
    """Several lines of plain text in a bordered field. Tab leaves it."""

    def __init__(self, name: str, placeholder: str = "", parent: QWidget | None = None, *, rows: int = 3) -> None:
        super().__init__(parent)
        self._rows = rows
        self.setAccessibleName(name)
        self.setPlaceholderText(placeholder)
        self.setTabChangesFocus(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setAutoFillBackground(False)
        self.document().setDocumentMargin(0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._dress()

    def font_size(self) -> int:
        return 13

    def _dress(self) -> None:
        look = theme.current()
        _clear_base(self)
        wanted = look.font(self.font_size(), verbatim=True)
        if self.font() != wanted:
            self.setFont(wanted)
        if self.viewport().font() != wanted:
            self.viewport().setFont(wanted)  # the placeholder's; once shown it does not follow
        self.setViewportMargins(look.px(10), look.px(8), look.px(6), look.px(8))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if theme.new_look(event):
            self._dress()
            self.updateGeometry()

    def sizeHint(self) -> QSize:
        look = theme.current()
        return QSize(240, self._rows * QFontMetrics(self.font()).lineSpacing() + look.px(18))

    def minimumSizeHint(self) -> QSize:
        return QSize(80, self.sizeHint().height())

    def event(self, event: QEvent) -> bool:
        if _is_for_the_window(event):
            event.ignore()
            return True
        # The frame lies outside the viewport, so it is painted with the scroll area itself.
        if event.type() == QEvent.Type.Paint:
            painter = QPainter(self)
            paint_field(self, painter, self.hasFocus())
            painter.end()
            return True
        handled = super().event(event)
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut, QEvent.Type.EnabledChange):
            self.update()
        return handled


class MessageField(TextArea):
    """The composer's editor: no frame of its own, grows with its text up to ``max_rows``.

    Enter emits ``submitted`` unless an input method is composing; Shift+Enter starts a new line.
    """

    submitted = Signal()

    def __init__(self, name: str, placeholder: str = "", parent: QWidget | None = None, *, max_rows: int = 10) -> None:
        self._max_rows = max_rows
        self._composing = False
        super().__init__(name, placeholder, parent, rows=1)
        self.document().documentLayout().documentSizeChanged.connect(self._resized)
        self.textChanged.connect(self._resized)  # Qt keeps a new size to itself where the text changed unseen before

    def font_size(self) -> int:
        return 15

    def _dress(self) -> None:
        super()._dress()
        look = theme.current()
        self.setViewportMargins(look.px(4), look.px(4), 0, look.px(4))

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        self._composing = bool(event.preeditString())
        super().inputMethodEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        plain = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if enter and plain:
            if not self._composing:
                self.submitted.emit()
            return
        super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            return True
        return super().event(event)

    def sizeHint(self) -> QSize:
        look = theme.current()
        rows = max(1, min(self._max_rows, int(self.document().size().height())))
        return QSize(240, rows * QFontMetrics(self.font()).lineSpacing() + look.px(10))

    def _resized(self) -> None:
        self.updateGeometry()


class Select(KeyboardRing, QComboBox):
    """A choice of a few, painted like a chip. The wheel scrolls the page instead of changing it."""

    def __init__(self, name: str, items: Iterable[str] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.addItems(list(items))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)

    def showEvent(self, event: QShowEvent) -> None:
        """On Linux Qt tells screen readers the chosen value as the name of a choice; the name they take from a label
        of the same parent."""
        super().showEvent(event)
        beside = self.parentWidget()
        if beside is not None and not any(label.buddy() is self for label in _labels(beside)):
            unseen = QLabel(self.accessibleName(), beside)
            unseen.setBuddy(self)
            unseen.hide()

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def sizeHint(self) -> QSize:
        look = theme.current()
        metrics = QFontMetrics(look.font(13, 500))
        words = max((metrics.horizontalAdvance(self.itemText(i)) for i in range(self.count())), default=40)
        return QSize(min(words + look.px(44), look.px(WIDEST_CHOICE)), look.px(30))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.current().px(72), theme.current().px(30))

    def paintEvent(self, event: QPaintEvent) -> None:
        look = theme.current()
        p = look.palette
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        enabled = self.isEnabled()
        painter.setPen(QPen(QColor(p.border), 1))
        painter.setBrush(QColor(p.window if not enabled else p.hover if self.underMouse() else p.raised))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), BUTTON_RADIUS, BUTTON_RADIUS)
        if self.ring_shown:
            paint_ring(painter, QRectF(self.rect()), BUTTON_RADIUS)
        painter.setFont(look.font(13, 500))
        painter.setPen(QColor(p.text if enabled else p.muted))
        area = QRectF(look.px(12), 0, self._room(), self.height())
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, self._shown())
        glyph = look.px(16)
        mark = icons.pixmap("chevron-down", p.muted, glyph, ratio=self.devicePixelRatioF())
        painter.drawPixmap(QPointF(self.width() - look.px(8) - glyph, (self.height() - glyph) / 2), mark)

    def event(self, event: QEvent) -> bool:
        """What is cut off is read in a tip."""
        if isinstance(event, QHelpEvent) and not self.toolTip() and self._shown() != self.currentText():
            QToolTip.showText(event.globalPos(), self.currentText(), self)
            return True
        return super().event(event)

    def _room(self) -> int:
        return self.width() - theme.current().px(38)

    def _shown(self) -> str:
        metrics = QFontMetrics(theme.current().font(13, 500))
        return metrics.elidedText(self.currentText(), Qt.TextElideMode.ElideMiddle, self._room())


def _labels(parent: QWidget) -> list[QLabel]:
    return parent.findChildren(QLabel, options=Qt.FindChildOption.FindDirectChildrenOnly)
