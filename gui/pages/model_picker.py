"""Choosing the model of a conversation: what is on disk, what is loaded, what is broken and why."""

from __future__ import annotations

import math

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFontMetrics, QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import (
    QHBoxLayout,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from paddock.gui.host_state import HostState
from paddock.gui.icons import pixmap
from paddock.gui.models.library import ModelList, ModelRole, also_text
from paddock.gui.theme import Theme, current
from paddock.gui.widgets import Button, Label
from paddock.gui.widgets.popup import Popup

Index = QModelIndex | QPersistentModelIndex
WIDTH = 420
MOST_ROWS = 7
ROW = 50
GAP, EDGE = 4, 8
"""What stays free between it and what it belongs to, and between it and the window's edge."""


def settings_area(row: QRect) -> QRect:
    """Where a row has its button for the load settings."""
    side = current().px(32)
    return QRect(row.right() - side - 6, row.center().y() - side // 2, side, side)


class ModelRows(QStyledItemDelegate):
    """Two lines: name with quant and size; state, or the reason why it cannot be used. The button for the load settings
    at the right of those that can be used."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(10, current().px(ROW))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        theme = current()
        state = option.state
        rect = QRectF(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        selected = bool(state & QStyle.StateFlag.State_Selected)
        if selected or state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("selected" if selected else "hover"))
            painter.drawRoundedRect(rect.adjusted(4, 1, -4, -1), 8, 8)
        right = theme.px(16)
        if index.data(ModelRole.INFO).error is None:
            area, glyph = QRectF(settings_area(option.rect)), theme.px(16)
            mark = pixmap("sliders", theme.palette.text2, glyph, ratio=painter.device().devicePixelRatio())
            painter.drawPixmap(area.center() - QPointF(glyph / 2, glyph / 2), mark)
            right = theme.px(46)
        self._words(painter, index, rect.adjusted(theme.px(16), theme.px(6), -right, -theme.px(6)), theme)
        painter.restore()

    def _words(self, painter: QPainter, index: Index, rect: QRectF, theme: Theme) -> None:
        info = index.data(ModelRole.INFO)
        broken = info.error is not None
        half = rect.height() / 2
        facts = str(index.data(ModelRole.FACTS))
        small = theme.font(12, tabular=True)
        width = QFontMetrics(small).horizontalAdvance(facts)
        left, middle = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignVCenter
        top = QRectF(rect.x(), rect.y(), rect.width(), half)
        painter.setFont(small)
        painter.setPen(theme.color("text2"))
        painter.drawText(top, middle | Qt.AlignmentFlag.AlignRight, facts)
        name = theme.font(13, 500)
        room = int(top.width() - width - 12)
        painter.setFont(name)
        painter.setPen(theme.color("text2" if broken else "text"))
        painter.drawText(
            top, middle | left, QFontMetrics(name).elidedText(str(index.data()), Qt.TextElideMode.ElideMiddle, room)
        )
        bottom = QRectF(rect.x(), rect.y() + half, rect.width(), half)
        parts = (str(index.data(ModelRole.STATE)) or _about(info), also_text(info))
        said = info.error or " · ".join(part for part in parts if part)
        if broken:
            size = theme.px(14)
            ratio = painter.device().devicePixelRatio()
            mark = pixmap("alert", theme.palette.bad, size, ratio=ratio)
            painter.drawPixmap(QPointF(bottom.x(), bottom.center().y() - size / 2), mark)
            bottom.setLeft(bottom.left() + size + 6)
        elif index.data(ModelRole.STATE):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("ok"))
            painter.drawEllipse(QPointF(bottom.x() + 4, bottom.center().y()), 3, 3)
            bottom.setLeft(bottom.left() + 14)
        painter.setFont(small)
        painter.setPen(theme.color("bad" if broken else "text2"))
        said = QFontMetrics(small).elidedText(said, Qt.TextElideMode.ElideRight, int(bottom.width()))
        painter.drawText(bottom, middle | left, said)


def _about(info: object) -> str:
    context = getattr(info, "context_length", None)
    parts = [getattr(info, "architecture", ""), f"context {context:,}" if context else ""]
    return " · ".join(part for part in parts if part) or "on disk"


class ModelPicker(Popup):
    """The popup below the model chip. Enter or a click chooses."""

    chosen = Signal(str)
    settings_wanted = Signal(str)
    """A model to be loaded with settings."""

    def __init__(self, host: HostState, parent: QWidget) -> None:
        super().__init__("Choose a model", parent)
        self._host = host
        self._anchor = parent
        self._model = ModelList(self)
        self.view = QListView()
        self.view.setModel(self._model)
        self.view.setItemDelegate(ModelRows(self.view))
        self.view.setMouseTracking(True)
        self.view.setAccessibleName("Models on this computer")
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.view.installEventFilter(self)
        self.view.viewport().installEventFilter(self)
        self.view.clicked.connect(self._choose)
        self.view.activated.connect(self._choose)
        self.view.selectionModel().currentChanged.connect(lambda *_: self._offer())
        self.none = Label("No model is on this computer yet.", 13, 400, "text2", wrap=True)
        self.none.setContentsMargins(16, 8, 16, 8)
        self.unload = Button("Unload", "quiet", "eject")
        self.unload.clicked.connect(self._unload)
        self.settings = Button("Load settings", "quiet", "sliders")
        self.settings.setToolTip("Context and memory of the selected model (Alt+Enter)")
        self.settings.clicked.connect(self._settings)
        self._hint = Label("Enter chooses", 11, 400, "muted")
        foot = QHBoxLayout()
        foot.setContentsMargins(14, 2, 8, 2)
        foot.addWidget(self._hint)
        foot.addStretch(1)
        foot.addWidget(self.unload)
        foot.addWidget(self.settings)
        column = QVBoxLayout(self)
        column.setContentsMargins(5, 6, 5, 6)
        column.setSpacing(2)
        column.addWidget(self.none)
        column.addWidget(self.view)
        column.addLayout(foot)
        host.models_changed.connect(self.refresh)

    def refresh(self) -> None:
        """Show what the host knows now."""
        chosen = self._model.info(self.view.currentIndex())
        self._model.show(self._host.models.values(), self._host.loaded.values())
        if chosen is not None and not self.view.currentIndex().isValid():
            self.view.setCurrentIndex(self._model.row_of(chosen.id))
        rows = self._model.rowCount()
        self.none.setVisible(rows == 0)
        self.view.setVisible(rows > 0)
        self._offer()
        if self.isVisible():
            self._place()

    def open_below(self, anchor: QWidget, model: str) -> None:
        """Show it under ``anchor`` with ``model`` selected; above it where that has more room in the window."""
        self._anchor = anchor
        self.refresh()
        self.view.setCurrentIndex(self._model.row_of(model))
        self.setFixedWidth(min(current().px(WIDTH), anchor.window().width() - 2 * EDGE))
        self._place()
        self.show()
        self.view.scrollTo(self.view.currentIndex())
        self._host.look_for_models()
        self.view.setFocus(Qt.FocusReason.PopupFocusReason)

    def _place(self) -> None:
        """Stand at the anchor and within its window; rows that have no room there are scrolled to."""
        anchor, window = self._anchor, self._anchor.window()
        where = anchor.mapTo(window, QPoint(0, 0))
        above, foot = where.y() - GAP - EDGE, where.y() + anchor.height() + GAP
        below = window.height() - foot - EDGE
        row, rows = current().px(ROW), max(1, min(self._model.rowCount(), MOST_ROWS))
        self._be_high(rows * row)
        upwards = self.height() > below and above > below
        missing = self.height() - (above if upwards else below)
        if missing > 0:
            self._be_high(max(1, rows - math.ceil(missing / row)) * row)  # whole rows
        left = max(EDGE, min(where.x(), window.width() - EDGE - self.width()))
        self.move(window.mapToGlobal(QPoint(left, where.y() - GAP - self.height() if upwards else foot)))

    def _be_high(self, rows: int) -> None:
        """Have ``rows`` pixels for the rows."""
        self.view.setFixedHeight(rows + 2 * self.view.frameWidth())
        self.adjustSize()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.view and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
            if enter and event.modifiers() & Qt.KeyboardModifier.AltModifier:
                self._settings()
                return True
        elif watched is self.view.viewport() and isinstance(event, QMouseEvent):
            index = self.view.indexAt(event.position().toPoint())
            if index.isValid() and settings_area(self.view.visualRect(index)).contains(event.position().toPoint()):
                if event.type() == QEvent.Type.MouseButtonRelease:
                    self.view.setCurrentIndex(index)
                    self._settings()
                return event.type() != QEvent.Type.MouseMove
        return super().eventFilter(watched, event)

    def _offer(self) -> None:
        loaded = self._model.loaded(self.view.currentIndex())
        info = self._model.info(self.view.currentIndex())
        self.settings.setVisible(info is not None and info.error is None)
        self.unload.setVisible(loaded is not None and loaded.state == "ready")

    def _choose(self, index: QModelIndex) -> None:
        info = self._model.info(index)
        if info is not None and info.error is None:
            self.hide()
            self.chosen.emit(info.id)

    def _settings(self) -> None:
        info = self._model.info(self.view.currentIndex())
        if info is not None and info.error is None:
            self.hide()
            self.settings_wanted.emit(info.id)

    def _unload(self) -> None:
        loaded = self._model.loaded(self.view.currentIndex())
        if loaded is not None:
            instance = loaded.id
            self._host.call(lambda client: client.unload(instance))
