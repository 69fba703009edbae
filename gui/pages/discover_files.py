"""The files of a repository as a table: quant, size, verdict, bar, words, and what can be done with each."""

from __future__ import annotations

import math
from typing import NamedTuple

from PySide6.QtCore import QEvent, QItemSelectionModel, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import (
    QFrame,
    QListView,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from paddock.gui.icons import pixmap
from paddock.gui.models.hub_files import FILE, FileList, FileRow, Index, fill_of
from paddock.gui.stylesheet import CARD_RADIUS
from paddock.gui.theme import Theme, Weight, current, new_measures
from paddock.gui.widgets import Label
from paddock.gui.widgets.badge import badge_size, fit_ink, paint_badge
from paddock.gui.widgets.buttons import PaintedButton
from paddock.gui.widgets.focus import KEYBOARD_REASONS, paint_ring
from paddock.sdk.memory import Verdict
from paddock.sdk.units import bytes_text

ROW, COMPACT = 40, 32
THIS_MACHINE = "this machine"
_LEAST_WORDS = 96


def row_height() -> int:
    """In logical pixels."""
    theme = current()
    return theme.px(COMPACT if theme.compact else ROW)


class Columns(NamedTuple):
    """Left edges and widths in pixels for a table of a width; a width of 0: not shown."""

    quant: QRect
    size: QRect
    badge: QRect
    bar: QRect
    words: QRect
    action: QRect


def columns(area: QRect, theme: Theme) -> Columns:
    """Where the parts of a row stand: the words give way first, then the bar."""
    px, room = theme.px, area.width()
    left, top, height = area.left(), area.top(), area.height()
    action = QRect(left + room - px(46), top, px(46), height)
    widths = [px(98), px(88), px(204), px(96), 0]
    used = px(16) + sum(widths) + px(24)
    widths[4] = action.left() - left - used
    if widths[4] < px(_LEAST_WORDS):
        widths[4] = 0
        if action.left() - left < used:
            widths[3] = 0
    x, found = left + px(16), []
    for number, width in enumerate(widths):
        found.append(QRect(x, top, width, height))
        x += width + (px(24) if number == 3 else 0)
    return Columns._make([*found, action])


class FileRows(QStyledItemDelegate):
    """Paints a row; the one that suits best is tinted."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(10, row_height())

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = index.data(FILE)
        if not isinstance(row, FileRow):
            return
        theme, area = current(), option.rect
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._background(painter, option, row, theme)
        at = columns(area, theme)
        _text(painter, at.quant, row.label, theme, weight=600)
        _text(painter, at.size, bytes_text(row.size_bytes), theme, token="text2")
        estimate = row.estimate
        if estimate is not None:
            words = row.verdict_words()
            size = badge_size(words)
            width = min(size.width(), at.badge.width() - theme.px(12))
            where = QRectF(at.badge.left(), at.badge.center().y() - size.height() / 2 + 1, width, size.height())
            paint_badge(painter, where, estimate.verdict, words)
            if at.bar.width() and estimate.devices:
                _paint_fill(painter, at.bar, fill_of(estimate), estimate.verdict, theme)
        token = "bad" if row.missing else "accent" if row.reason and not row.coming else "text2"
        if at.words.width():
            _text(painter, at.words, row.words(), theme, token=token, weight=500 if row.reason else 400)
        self._action(painter, at.action, row, option, theme)
        painter.restore()

    def _background(self, painter: QPainter, option: QStyleOptionViewItem, row: FileRow, theme: Theme) -> None:
        state, view = option.state, option.widget
        area = QRectF(option.rect)
        selected = bool(state & QStyle.StateFlag.State_Selected)
        if row.reason:
            painter.fillRect(area, theme.color("accent_soft"))
        elif selected:
            painter.fillRect(area, theme.color("selected", 0.6))
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(area, theme.color("hover"))
        painter.fillRect(QRectF(area.left(), area.top(), area.width(), 1), theme.color("border"))
        if selected:
            painter.fillRect(QRectF(area.left(), area.top(), 3, area.height()), theme.color("accent"))
        if state & QStyle.StateFlag.State_HasFocus and isinstance(view, FileView) and view.keyboard:
            paint_ring(painter, area.adjusted(1, 1, -1, -1), 6)

    def _action(self, painter: QPainter, area: QRect, row: FileRow, option: QStyleOptionViewItem, theme: Theme) -> None:
        side = theme.px(17)
        middle = QPointF(area.center()) + QPointF(0.5, 0.5)
        if row.coming and row.download is not None:
            share = row.download.done_bytes / max(1, row.download.total_bytes)
            _paint_ring(painter, middle, theme.px(9), share, theme, failed=row.download.state == "failed")
            icon, side = {"paused": "play", "failed": "refresh"}.get(row.download.state, "pause"), theme.px(10)
        else:
            icon = "check" if row.model else "download"
        view = option.widget
        hot = isinstance(view, FileView) and view.hot == row.label
        if hot and not row.coming:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("selected"))
            half = theme.px(15)
            painter.drawRoundedRect(QRectF(middle.x() - half, middle.y() - half, 2 * half, 2 * half), 8, 8)
            icon = "chat" if row.model else icon
        ink = "muted" if row.missing else "text" if hot else "ok" if row.model else "text2"
        mark = pixmap(icon, theme.color(ink), side, ratio=painter.device().devicePixelRatio())
        painter.drawPixmap(middle - QPointF(side / 2, side / 2), mark)


def _text(
    painter: QPainter, area: QRect, words: str, theme: Theme, *, token: str = "text", weight: Weight = 400
) -> None:
    font = theme.font(13, weight, tabular=True)
    painter.setFont(font)
    painter.setPen(theme.color(token))
    shown = QFontMetrics(font).elidedText(words, Qt.TextElideMode.ElideRight, area.width())
    painter.drawText(QRectF(area), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)


def _paint_fill(painter: QPainter, area: QRect, share: float, verdict: Verdict, theme: Theme) -> None:
    """How much of what is free it would take."""
    height = theme.px(6)
    track = QRectF(area.left(), area.center().y() - height / 2 + 0.5, area.width(), height)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color("track"))
    painter.drawRoundedRect(track, height / 2, height / 2)
    track.setWidth(max(height, track.width() * min(1.0, share)))
    painter.setBrush(theme.color(fit_ink(verdict)))
    painter.drawRoundedRect(track, height / 2, height / 2)


def _paint_ring(painter: QPainter, middle: QPointF, radius: float, share: float, theme: Theme, *, failed: bool) -> None:
    circle = QRectF(middle.x() - radius, middle.y() - radius, 2 * radius, 2 * radius)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(theme.color("track"), 2.5))
    painter.drawEllipse(circle)
    painter.setPen(QPen(theme.color("bad" if failed else "accent"), 2.5))
    painter.drawArc(circle, 90 * 16, -math.ceil(360 * 16 * min(1.0, share)))


class FileView(QListView):
    """As high as its rows. ``chosen`` carries a label when another row is selected; ``acted`` the label of a row whose
    button was pressed, by mouse or with Enter; ``menu_wanted`` a label and a place on the screen."""

    chosen = Signal(str)
    acted = Signal(str)
    menu_wanted = Signal(str, QPoint)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.keyboard = False
        self.hot = ""
        self.files = FileList(self)
        self.setModel(self.files)
        self.setItemDelegate(FileRows(self))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Files of this model")
        self.selectionModel().currentChanged.connect(self._current_changed)

    def show_rows(self, rows: list[FileRow]) -> None:
        """Show them; the selected one stays selected where it is still there."""
        label = self.label()
        resized = len(rows) != len(self.files.rows)
        self.files.show(rows)
        if label and self.label() != label:
            self.select(label)
        if resized:
            self.updateGeometry()

    def row(self) -> FileRow | None:
        """The selected one."""
        return self.files.row(self.currentIndex())

    def label(self) -> str:
        row = self.row()
        return row.label if row is not None else ""

    def select(self, label: str) -> None:
        """Select a row without saying so."""
        model = self.selectionModel()
        model.blockSignals(True)
        model.setCurrentIndex(self.files.row_of(label), QItemSelectionModel.SelectionFlag.ClearAndSelect)
        model.blockSignals(False)
        self.viewport().update()

    def _current_changed(self, index: Index) -> None:
        row = self.files.row(index)
        if row is not None:
            self.chosen.emit(row.label)

    def sizeHint(self) -> QSize:
        return QSize(320, len(self.files.rows) * row_height())

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.sizeHint().height())

    # ---------------------------------------------------------------- mouse and keyboard

    def _button_at(self, point: QPoint) -> str:
        """The label of the row whose button is there; empty for none."""
        index = self.indexAt(point)
        row = self.files.row(index)
        if row is None or row.missing:
            return ""
        return row.label if columns(self.visualRect(index), current()).action.contains(point) else ""

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        hot = self._button_at(event.position().toPoint())
        if hot != self.hot:
            self.hot = hot
            self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if hot else Qt.CursorShape.ArrowCursor)
            self.viewport().update()
        super().mouseMoveEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self.hot = ""
        super().leaveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        label = self._button_at(event.position().toPoint())
        if label and event.button() == Qt.MouseButton.LeftButton and label == self.label():
            self.acted.emit(label)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self.keyboard = True
        row = self.row()
        if row is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not row.missing:
            self.acted.emit(row.label)
            return
        if row is not None and event.key() == Qt.Key.Key_Menu:
            where = self.visualRect(self.currentIndex()).center()
            self.menu_wanted.emit(row.label, self.viewport().mapToGlobal(where))
            return
        super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        row = self.files.row(self.indexAt(event.pos()))
        if row is not None:
            self.setCurrentIndex(self.indexAt(event.pos()))
            self.menu_wanted.emit(row.label, event.globalPos())

    def focusInEvent(self, event: QFocusEvent) -> None:
        if event.reason() in KEYBOARD_REASONS:
            self.keyboard = True
        elif event.reason() == Qt.FocusReason.MouseFocusReason:
            self.keyboard = False
        super().focusInEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if new_measures(event):
            self.scheduleDelayedItemsLayout()
            self.updateGeometry()


class Heads(PaintedButton):
    """The names of the columns; one button, which turns the order by size around."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.ascending = False
        self.machine = THIS_MACHINE
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.clicked.connect(self._turn)
        self._say()

    def show_machine(self, machine: str) -> None:
        """Whose verdicts stand in the rows; empty: this computer's."""
        self.machine = machine or THIS_MACHINE
        self.update()

    def _turn(self) -> None:
        self.ascending = not self.ascending
        self._say()
        self.update()

    def _say(self) -> None:
        self.setAccessibleName("Smallest first" if self.ascending else "Largest first")
        self.setAccessibleDescription("Turns the order of the files around")
        self.setToolTip(self.accessibleName())

    def sizeHint(self) -> QSize:
        return QSize(320, current().px(34))

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current()
        painter = QPainter(self)
        at = columns(self.rect(), theme)
        names = ((at.quant, "Quant"), (at.size, "Download"), (at.badge, f"On {self.machine}"), (at.bar, "Memory"))
        font = theme.font(12, 500)
        for area, name in names:
            painter.setFont(font)
            painter.setPen(theme.color("text2"))
            words = QFontMetrics(font).elidedText(name, Qt.TextElideMode.ElideRight, area.width() - theme.px(12))
            painter.drawText(QRectF(area), Qt.AlignmentFlag.AlignVCenter, words)
        side = theme.px(12)
        mark = pixmap("chevron-up" if self.ascending else "chevron-down", theme.palette.text2, side)
        x = at.size.left() + QFontMetrics(font).horizontalAdvance("Download") + theme.px(4)
        painter.drawPixmap(QPointF(x, (self.height() - side) / 2), mark)
        if self.ring_shown:
            paint_ring(painter, QRectF(self.rect()), CARD_RADIUS)


class FileTable(QFrame):
    """The heads over the rows, in a frame. ``reordered`` when the order was turned around."""

    reordered = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.heads = Heads()
        self.view = FileView()
        self.nothing = Label("", 13, 400, "text2", wrap=True)
        self.nothing.setContentsMargins(16, 12, 16, 12)
        self.nothing.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 5)
        column.setSpacing(0)
        column.addWidget(self.heads)
        column.addWidget(self.view)
        column.addWidget(self.nothing)
        self.heads.clicked.connect(self.reordered)

    def show_rows(self, rows: list[FileRow], nothing: str) -> None:
        """``nothing`` is said where there are no rows."""
        self.view.show_rows(rows)
        self.heads.setVisible(bool(rows))
        self.view.setVisible(bool(rows))
        self.nothing.setText(nothing)
        self.nothing.setVisible(not rows)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("border"), 1))
        painter.setBrush(theme.color("raised"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), CARD_RADIUS, CARD_RADIUS)
