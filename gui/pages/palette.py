"""The command palette: one field, and below it everything that can be done, opened or chosen. All by keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRectF,
    QSize,
    Qt,
    QTimer,
)
from PySide6.QtGui import QAccessible, QAccessibleEvent, QFontMetrics, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QVBoxLayout, QWidget

from paddock.gui.palette_entries import Entry, found
from paddock.gui.theme import Theme, current
from paddock.gui.widgets import Label, SearchField
from paddock.gui.widgets.popup import Popup

Index = QModelIndex | QPersistentModelIndex
ENTRY = Qt.ItemDataRole.UserRole + 1
WIDTH, ROW, MOST_ROWS, TOP = 600, 36, 10, 72
KEYS = 110
"""So wide is the column of the keys."""
_STEPS = {
    Qt.Key.Key_Down: 1,
    Qt.Key.Key_Up: -1,
    Qt.Key.Key_PageDown: MOST_ROWS - 1,
    Qt.Key.Key_PageUp: 1 - MOST_ROWS,
}


def key_name(keys: str) -> str:
    """A shortcut as this system writes it."""
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)


class EntryList(QAbstractListModel):
    """The entries that fit, the best first."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.entries: list[Entry] = []

    def show(self, entries: list[Entry]) -> None:
        self.beginResetModel()
        self.entries = entries
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(self.entries)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        entry = self.entries[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return entry.title
        if role == ENTRY:
            return entry
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join(part for part in (entry.title, entry.kind, key_name(entry.keys)) if part)
        return None


class EntryRows(QStyledItemDelegate):
    """The title at the left; what it is, and its keys, at the right."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(10, current().px(ROW))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        theme, entry = current(), index.data(ENTRY)
        rect = QRectF(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("selected"))
            painter.drawRoundedRect(rect.adjusted(4, 1, -4, -1), 8, 8)
        inner = rect.adjusted(theme.px(16), 0, -theme.px(16), 0)
        left = self._facts(painter, inner, entry, theme)
        painter.setFont(theme.font(13, 500))
        painter.setPen(theme.color("text"))
        room = int(left - inner.x() - theme.px(16))
        title = QFontMetrics(painter.font()).elidedText(entry.title, Qt.TextElideMode.ElideMiddle, room)
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, title)
        painter.restore()

    def _facts(self, painter: QPainter, inner: QRectF, entry: Entry, theme: Theme) -> float:
        """Paint what stands at the right, in two columns; where it begins."""
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(theme.font(12, tabular=True))
        painter.setPen(theme.color("text2"))
        painter.drawText(inner, middle | Qt.AlignmentFlag.AlignRight, key_name(entry.keys))
        width = QFontMetrics(painter.font()).horizontalAdvance(entry.kind)
        left = inner.right() - theme.px(KEYS) - width
        painter.drawText(QRectF(left, inner.y(), width + 1, inner.height()), middle, entry.kind)
        return left


class Palette(Popup):
    """``offer`` gives what there is whenever it opens. What was chosen comes first the next time."""

    def __init__(self, offer: Callable[[], Sequence[Entry]], parent: QWidget) -> None:
        super().__init__("Command palette", parent)
        self._offer = offer
        self._entries: Sequence[Entry] = ()
        self._window = parent
        self._recent: list[str] = []
        self.field = SearchField("Find a command, a chat or a model")
        self.field.setAccessibleName("Command palette")
        self.list = EntryList(self)
        self.view = QListView()
        self.view.setModel(self.list)
        self.view.setItemDelegate(EntryRows(self.view))
        self.view.setUniformItemSizes(True)
        self.view.setMouseTracking(True)
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.view.setAccessibleName("What fits")
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.none = Label("Nothing fits these words.", 13, 400, "text2")
        self.none.setContentsMargins(16, 8, 16, 12)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(6)
        column.addWidget(self.field)
        column.addWidget(self.none)
        column.addWidget(self.view)
        self.field.installEventFilter(self)
        self.field.textChanged.connect(self._find)
        self.view.entered.connect(self.view.setCurrentIndex)
        self.view.clicked.connect(self._run)

    def open_over(self, window: QWidget) -> None:
        """Show it near the top of ``window``, empty."""
        self._entries = self._offer()
        self.field.clear()
        self._find()
        width = min(current().px(WIDTH), window.width() - 32)
        self.setFixedWidth(width)
        self._fit()
        top = min(current().px(TOP), max(8, window.height() - self.height() - 8))
        self.move(window.mapToGlobal(QPoint((window.width() - width) // 2, top)))
        self.show()
        self.field.setFocus(Qt.FocusReason.PopupFocusReason)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.field and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            return self._key(event)
        return super().eventFilter(watched, event)

    def _key(self, event: QKeyEvent) -> bool:
        key = Qt.Key(event.key())
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._run(self.view.currentIndex())
        elif key in _STEPS:
            self._go(_STEPS[key])
        elif key == Qt.Key.Key_K and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.hide()
        else:
            return False
        return True

    def _go(self, step: int) -> None:
        last = self.list.rowCount() - 1
        row = self.view.currentIndex().row() + step
        if abs(step) == 1:
            row %= last + 1 or 1
        self._choose(max(0, min(row, last)))

    def _choose(self, row: int) -> None:
        index = self.list.index(row)
        self.view.setCurrentIndex(index)
        self.field.setAccessibleDescription(str(index.data(Qt.ItemDataRole.AccessibleTextRole) or "Nothing fits"))
        QAccessible.updateAccessibility(QAccessibleEvent(self.field, QAccessible.Event.DescriptionChanged))

    def _find(self) -> None:
        self.list.show(found(self._entries, self.field.text(), self._recent))
        self.none.setVisible(not self.list.entries)
        self.view.setVisible(bool(self.list.entries))
        self._choose(0)
        if self.isVisible():
            self._fit()

    def _fit(self) -> None:
        rows = max(1, min(self.list.rowCount(), MOST_ROWS))
        room = max(1, (self._window.height() - current().px(110)) // current().px(ROW))
        self.view.setFixedHeight(min(rows, room) * current().px(ROW) + 2)
        layout = self.layout()
        assert layout is not None
        layout.activate()
        self.resize(self.width(), layout.totalSizeHint().height())

    def _run(self, index: QModelIndex) -> None:
        entry = index.data(ENTRY)
        if entry is None:
            return
        self._recent = [entry.id, *(id for id in self._recent if id != entry.id)]
        self.hide()
        QTimer.singleShot(0, self, entry.run)  # when the focus is back where it was
