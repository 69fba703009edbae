"""The order of the samplers: a short list whose rows are dragged, or moved with Alt and the arrow keys."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from paddock.gui.models.sampler_stages import NAMES, working
from paddock.gui.theme import current, new_measures
from paddock.gui.widgets import IconButton, Label
from paddock.sdk.options import OptionSpec
from paddock.sdk.types import Options, OptionValue

ROW = 30
_NAME = Qt.ItemDataRole.UserRole
_WORKS = Qt.ItemDataRole.UserRole + 1
HINT = "Drag a row, or press Alt+Up or Alt+Down. Grey ones change nothing now."


class OrderRows(QStyledItemDelegate):
    """A grip, the sampler's number and name, and whether it does something."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(10, current().px(ROW))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        theme, state = current(), option.state
        rect = QRectF(option.rect).adjusted(0.5, 1.5, -0.5, -1.5)
        works = bool(index.data(_WORKS))
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        chosen = bool(state & QStyle.StateFlag.State_Selected) and bool(state & QStyle.StateFlag.State_HasFocus)
        painter.setPen(QPen(theme.color("accent" if chosen else "border"), 2 if chosen else 1))
        hot = bool(state & QStyle.StateFlag.State_MouseOver)
        painter.setBrush(theme.color("hover" if hot else "raised" if works else "window"))
        painter.drawRoundedRect(rect, 6, 6)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("border_strong"))
        for row in range(3):
            for column in range(2):
                middle = QPointF(rect.left() + theme.px(10) + 4 * column, rect.center().y() + 4 * (row - 1))
                painter.drawEllipse(middle, 1.1, 1.1)
        left = rect.left() + theme.px(24)
        painter.setFont(theme.font(13, 500 if works else 400))
        painter.setPen(theme.color("text" if works else "muted"))
        centre = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(left, rect.top(), rect.width(), rect.height()), centre, index.data())
        if not works:
            painter.setFont(theme.font(12))
            words = QRectF(left, rect.top(), rect.right() - left - theme.px(10), rect.height())
            painter.drawText(words, centre | Qt.AlignmentFlag.AlignRight, "does nothing")
        painter.restore()


class OrderList(QListWidget):
    """``moved`` follows every change of the order by the user."""

    moved = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.dragging = False
        self.setAccessibleName("Sampler order")
        self.setAccessibleDescription(HINT)
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setItemDelegate(OrderRows(self))
        self.model().rowsMoved.connect(lambda *_: self.moved.emit())

    def startDrag(self, actions: Qt.DropAction) -> None:
        self.dragging = True
        super().startDrag(actions)
        self.dragging = False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        by = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()), 0)
        if by and event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self.shift(self.currentRow(), by)
            return
        super().keyPressEvent(event)

    def shift(self, row: int, by: int) -> None:
        """Move a row up or down."""
        if 0 <= row < self.count() and 0 <= row + by < self.count():
            self.blockSignals(True)
            item = self.takeItem(row)
            self.insertItem(row + by, item)
            self.setCurrentRow(row + by)
            self.blockSignals(False)
            self.moved.emit()

    def names(self) -> list[str]:
        return [str(self.item(row).data(_NAME)) for row in range(self.count())]

    def show_names(self, names: list[str]) -> None:
        self.blockSignals(True)
        self.clear()
        for name in names:
            item = QListWidgetItem(NAMES.get(name, name))
            item.setData(_NAME, name)
            self.addItem(item)
        self.blockSignals(False)
        self._fit()

    def show_working(self, names: list[str]) -> None:
        """Mark those that do something."""
        for row in range(self.count()):
            item = self.item(row)
            works = item.data(_NAME) in names
            item.setData(_WORKS, works)
            item.setData(Qt.ItemDataRole.AccessibleDescriptionRole, "" if works else "Does nothing at present")

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if new_measures(event):
            self._fit()

    def _fit(self) -> None:
        self.setFixedHeight(current().px(ROW) * self.count() + 2)


class OrderControl(QWidget):
    """The list with its reset; used as a :class:`~paddock.gui.pages.sampling.SamplerControl`. Samplers that an
    order leaves out stand behind the others and do nothing."""

    changed = Signal()

    def __init__(self, spec: OptionSpec, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.spec = spec
        self._default = spec.default
        self._left_out: tuple[str, ...] = ()
        self.reset = IconButton("reset", "Reset the sampler order", size=24, glyph=14)
        self.list = OrderList()
        below = QHBoxLayout()
        below.setSpacing(6)
        below.addWidget(Label(HINT, 12, 400, "text2", wrap=True), 1)
        below.addWidget(self.reset, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.list)
        column.addLayout(below)
        self.list.moved.connect(self._moved)
        self.reset.clicked.connect(self.reset_value)
        self.set_value(None)

    def set_default(self, value: OptionValue) -> None:
        """The model's own order; one that was the old default follows."""
        unchanged = not self.differs()
        self._default = value
        if unchanged:
            self.set_value(None)
        self._show()

    def set_value(self, value: OptionValue) -> None:
        """Show ``value`` (None: the default) without saying so."""
        order = _names(self._default if value is None else value)
        self._left_out = tuple(name for name in self.spec.choices if name not in order)
        self.list.show_names([*order, *self._left_out])
        self._show()

    def value(self) -> OptionValue:
        """As the option takes it."""
        return [name for name in self.list.names() if name not in self._left_out]

    def differs(self) -> bool:
        """Whether it is not the default."""
        return self.value() != _names(self._default)

    def in_hand(self) -> bool:
        """Whether a row is being dragged."""
        return self.list.dragging

    def reset_value(self) -> None:
        self.set_value(None)
        self.changed.emit()

    def show_options(self, options: Options) -> None:
        """Mark what does something with all settings as they are."""
        self.list.show_working(working(options))

    def _moved(self) -> None:
        names = self.list.names()  # one that stands before another that works was put into the chain
        last = max((n for n, name in enumerate(names) if name not in self._left_out), default=-1)
        self._left_out = tuple(name for n, name in enumerate(names) if name in self._left_out and n > last)
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        self.reset.setVisible(self.differs())


def _names(value: OptionValue) -> list[str]:
    return [str(name) for name in value] if isinstance(value, list) else []
