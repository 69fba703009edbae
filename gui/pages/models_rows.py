"""How the table of models is drawn and driven by keys."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from paddock.gui.icons import pixmap
from paddock.gui.models.library import state_text
from paddock.gui.models.model_table import NUMBERS, Column, ModelTable, TableRole
from paddock.gui.theme import Theme, Weight, current
from paddock.gui.widgets.focus import KEYBOARD_REASONS, paint_ring

Index = QModelIndex | QPersistentModelIndex
ROW, ROW_COMPACT, HEAD = 46, 38, 34
LEAST_NAME, WIDE_NAME, MOST_FOLDER = 200, 320, 180
MOST_CUT = 4_000
PAD = 10
WIDTHS = {
    Column.ARCHITECTURE: 92,
    Column.PARAMETERS: 92,
    Column.QUANT: 78,
    Column.SIZE: 74,
    Column.CONTEXT: 78,
    Column.FOLDER: 100,
    Column.USED: 98,
}
"""Logical pixels at 100 %; the name takes what is left."""
GIVE_WAY = (Column.ARCHITECTURE, Column.PARAMETERS, Column.USED, Column.FOLDER, Column.CONTEXT, Column.QUANT)
"""Where the name would become too narrow, these go, the first one first; all of it stands in the pane."""
SELDOM_READ = GIVE_WAY[:2]
"""These go already where a name would be cut off that is no longer than ``WIDE_NAME``."""
_MIDDLE = Qt.AlignmentFlag.AlignVCenter
_LEFT, _RIGHT = _MIDDLE | Qt.AlignmentFlag.AlignLeft, _MIDDLE | Qt.AlignmentFlag.AlignRight


class Face:
    """A font that knows how its words are cut off; to measure them costs as much as to draw them."""

    def __init__(self, theme: Theme, size: int, weight: Weight, *, tabular: bool = False) -> None:
        self.font = theme.font(size, weight, tabular=tabular)
        self.metrics = QFontMetrics(self.font)
        self._cut: dict[tuple[str, int], str] = {}

    def elided(self, text: str, room: int, mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight) -> str:
        """``text``, cut off where it is wider than ``room``; a face is used in one ``mode``."""
        found = self._cut.get((text, room))
        if found is None:
            if len(self._cut) > MOST_CUT:
                self._cut.clear()
            found = self._cut[text, room] = self.metrics.elidedText(text, mode, room)
        return found


class ModelCells(QStyledItemDelegate):
    """The name with its silk, state, and below it who made it; all else in one line. What the theme says is kept, for
    a table is painted at every key in the filter."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._dress(current())

    def _dress(self, theme: Theme) -> None:
        self._theme = theme
        self._plain, self._strong = Face(theme, 13, 400, tabular=True), Face(theme, 13, 500, tabular=True)
        self._name, self._loaded = Face(theme, 13, 500), Face(theme, 13, 600)
        self._small = Face(theme, 12, 400, tabular=True)
        self._pad, self._indent, self._line = theme.px(PAD), theme.px(16), theme.px(17)
        tokens = ("text", "text2", "selected", "border", "ok", "bad")
        self._ink = {token: theme.color(token) for token in tokens}

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(10, row_height())

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        theme = current()
        if theme is not self._theme:
            self._dress(theme)
        rect = option.rect
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, self._ink["selected"])
        painter.fillRect(rect.x(), rect.bottom(), rect.width(), 1, self._ink["border"])
        inner = rect.adjusted(self._pad, 0, -self._pad, -1)
        if index.column() == Column.NAME:
            painter.save()
            self._paint_name(painter, index, inner)
            painter.restore()
            return
        column = index.column()
        number, quant = column in NUMBERS, column == Column.QUANT
        look = self._strong if quant else self._plain
        painter.setFont(look.font)
        painter.setPen(self._ink["text" if number or quant else "text2"])
        painter.drawText(inner, _RIGHT if number else _LEFT, look.elided(index.data(), inner.width()))

    def _paint_name(self, painter: QPainter, index: Index, area: QRect) -> None:
        theme, info, loaded = self._theme, index.data(TableRole.INFO), index.data(TableRole.LOADED)
        left, middle = area.left() + self._indent, area.center().y()
        if loaded is not None:
            side = theme.px(10)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.silk(index.data(TableRole.SILK))))
            painter.drawRoundedRect(QRectF(area.left(), middle - side / 2, side, side), 2.5, 2.5)
        elif info.error is not None:
            mark = pixmap("alert", theme.palette.bad, theme.px(14), ratio=painter.device().devicePixelRatio())
            painter.drawPixmap(QPointF(area.left() - 2, middle - theme.px(7)), mark)
        name, small = self._loaded if loaded is not None else self._name, self._small
        room = area.right() - left
        painter.setFont(name.font)
        painter.setPen(self._ink["text2" if info.error is not None else "text"])
        words = name.elided(index.data(), room, Qt.TextElideMode.ElideMiddle)
        painter.drawText(QRect(left, middle - self._line, room, self._line), _LEFT, words)
        below = QRect(left, middle, room, self._line)
        painter.setFont(small.font)
        state = state_text(loaded)
        if state:
            painter.setPen(self._ink["bad" if loaded.state == "failed" else "ok"])
            painter.drawText(below, _LEFT, state)
            below.setLeft(left + small.metrics.horizontalAdvance(f"{state} "))
        painter.setPen(self._ink["bad" if info.error is not None else "text2"])
        about = index.data(TableRole.ABOUT)
        painter.drawText(below, _LEFT, small.elided(f"· {about}" if state else about, below.width()))


def row_height() -> int:
    """Pixels of a row now."""
    theme = current()
    return theme.px(ROW_COMPACT if theme.compact else ROW)


class Head(QHeaderView):
    """The columns' names; a click sorts by one, and once more the other way."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setSectionsClickable(True)
        self.setHighlightSections(False)
        self.setSortIndicatorShown(True)
        self.setMinimumSectionSize(48)
        self.setAccessibleName("Columns")
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), current().px(HEAD))

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        theme = current()
        painter.save()
        painter.fillRect(rect, theme.color("surface"))
        painter.fillRect(QRectF(rect.x(), rect.bottom(), rect.width(), 1), theme.color("border"))
        sorted_by = self.isSortIndicatorShown() and self.sortIndicatorSection() == section
        inset = theme.px(PAD + 16 if section == Column.NAME else PAD)
        area = QRectF(rect).adjusted(inset, 0, -theme.px(PAD), 0)
        look = Face(theme, 12, 600 if sorted_by else 500)
        glyph = theme.px(14) if sorted_by else 0
        words = look.elided(str(self.model().headerData(section, self.orientation())), int(area.width()) - glyph)
        wide = look.metrics.horizontalAdvance(words)
        x = area.right() - wide if section in NUMBERS else area.left()
        painter.setFont(look.font)
        painter.setPen(theme.color("text" if sorted_by else "text2"))
        painter.drawText(QRectF(x, rect.y(), wide + 2, rect.height()), _MIDDLE, words)
        if sorted_by:
            name = "chevron-up" if self.sortIndicatorOrder() == Qt.SortOrder.AscendingOrder else "chevron-down"
            mark = pixmap(name, theme.palette.text2, glyph, ratio=painter.device().devicePixelRatio())
            where = x - glyph - 2 if section in NUMBERS else x + wide + 3
            painter.drawPixmap(QPointF(where, rect.center().y() - glyph / 2 + 1), mark)
        painter.restore()


class ModelsView(QTableView):
    """The table. Enter takes the current row (``taken``), Alt+Enter asks for its details, Delete for its end."""

    taken = Signal()
    details_wanted = Signal()
    delete_wanted = Signal()
    widths_changed = Signal()

    def __init__(self, model: ModelTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._keyboard = False
        self._fitting = False
        self.widths: dict[Column, int] = {}
        """Logical pixels at 100 % of the columns that the user has made wider or narrower."""
        self.setModel(model)
        self.setAccessibleName("Models on this computer")
        self.setHorizontalHeader(Head(self))
        self.setItemDelegate(ModelCells(self))
        self.setShowGrid(False)
        self.setFrameShape(QTableView.Shape.NoFrame)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setCornerButtonEnabled(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.horizontalHeader().sectionResized.connect(self._resized)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.doubleClicked.connect(lambda _: self.taken.emit())
        self.setSortingEnabled(True)
        self.sortByColumn(Column.NAME, Qt.SortOrder.AscendingOrder)

    def sort_by(self, column: Column, downwards: bool) -> None:
        """Put the rows in order."""
        self.sortByColumn(column, Qt.SortOrder.DescendingOrder if downwards else Qt.SortOrder.AscendingOrder)

    def set_widths(self, widths: dict[Column, int]) -> None:
        """Widths at 100 %."""
        self.widths.update(widths)
        self.fit()

    def fit(self) -> None:
        """Give the name what the others leave, and let some go where that is too little."""
        theme, head = current(), self.horizontalHeader()
        shown = {**WIDTHS, Column.FOLDER: self._folder_width(), **self.widths}
        room = self.viewport().width()
        longest = self._name_width()
        for column in GIVE_WAY:
            least = longest if column in SELDOM_READ else theme.px(LEAST_NAME)
            if room - sum(map(theme.px, shown.values())) >= least:
                break
            del shown[column]
        self._fitting = True
        self.verticalHeader().setDefaultSectionSize(row_height())
        for column in WIDTHS:
            head.setSectionHidden(column, column not in shown)
            if column in shown:
                head.resizeSection(column, theme.px(shown[column]))
        head.resizeSection(Column.NAME, max(80, room - sum(map(theme.px, shown.values()))))
        self._fitting = False

    def _name_width(self) -> int:
        """Room for the longest name, within reason; in pixels."""
        theme, model = current(), self.model()
        assert isinstance(model, ModelTable)
        longest = Face(theme, 13, 600).metrics.horizontalAdvance(model.longest_name()) + theme.px(2 * PAD + 16)
        return min(theme.px(WIDE_NAME), max(theme.px(LEAST_NAME), longest))

    def _folder_width(self) -> int:
        """As wide as the longest name of a place, within reason."""
        model = self.model()
        assert isinstance(model, ModelTable)
        metrics = Face(current(), 13, 400).metrics
        longest = max((metrics.horizontalAdvance(name) for name in model.place_names()), default=0)
        return min(MOST_FOLDER, max(WIDTHS[Column.FOLDER], round(longest / current().zoom) + 2 * PAD + 4))

    def _resized(self, section: int, old: int, new: int) -> None:
        if self._fitting or not new:
            return
        column, zoom = Column(section), current().zoom
        if column == Column.NAME:  # its edge moves the column beside it
            beside = next(item for item in WIDTHS if not self.isColumnHidden(item))
            width = self.columnWidth(beside) - (new - old)
            self.widths[beside] = max(48, round(width / zoom))
        else:
            self.widths[column] = max(48, round(new / zoom))
        self.fit()
        self.widths_changed.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self._keyboard = True
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            alt = event.modifiers() & Qt.KeyboardModifier.AltModifier
            (self.details_wanted if alt else self.taken).emit()
        elif event.key() == Qt.Key.Key_Delete:
            self.delete_wanted.emit()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        if event.reason() in (*KEYBOARD_REASONS, Qt.FocusReason.MouseFocusReason):
            self._keyboard = event.reason() in KEYBOARD_REASONS
        super().focusInEvent(event)
        if self._keyboard and not self.currentIndex().isValid() and self.model().rowCount():
            self.selectRow(0)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._keyboard and self.hasFocus() and self.currentIndex().isValid():
            row = QRectF(self.visualRect(self.currentIndex().siblingAtColumn(Column.NAME)))
            row.setLeft(0)
            row.setRight(self.viewport().width())
            paint_ring(QPainter(self.viewport()), row.adjusted(1, 0, -1, -1), 6)
