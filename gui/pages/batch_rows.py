"""How the table of a batch is drawn: the panes with their summaries, answers with what came of their checks."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFont,
    QFontMetrics,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextLayout,
)
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
from paddock.gui.models.batch_table import BatchTable, CellRole, mark_of, mark_words, numbers, summary_words
from paddock.gui.theme import current
from paddock.gui.widgets.focus import KEYBOARD_REASONS, paint_ring
from paddock.gui.widgets.labels import whole_facts

Index = QModelIndex | QPersistentModelIndex
ROW, HEAD, PAD, EDGE = 56, 68, 10, 20
LINE = 18
LEAST_PROMPT, LEAST_PANE = 180, 200
"""Logical pixels at 100 %; where the panes need more, the table scrolls sideways."""
MARKS = {True: ("check", "ok"), False: ("close", "bad"), None: ("minus", "text2")}
_MIDDLE = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft


class BatchCells(QStyledItemDelegate):
    """An answer's beginning, and below it the mark, its words and the numbers."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(10, current().px(ROW))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        theme, rect = current(), QRect(option.rect)
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, theme.color("selected"))
        painter.fillRect(rect.x(), rect.bottom(), rect.width(), 1, theme.color("border"))
        inner = rect.adjusted(theme.px(PAD), theme.px(7), -theme.px(PAD), -theme.px(7))
        half = inner.height() // 2
        upper, lower = QRect(inner.topLeft(), QSize(inner.width(), half)), inner.adjusted(0, half, 0, 0)
        if index.column() == 0:
            inner.setLeft(rect.left() + theme.px(EDGE))
            self._write(painter, inner, str(index.row() + 1), "text2", 12)
            self._write_two(painter, inner.adjusted(theme.px(30), 0, 0, 0), index.data())
        elif cells := index.data(CellRole.CELLS):
            failed = all(cell.state == "failed" for cell in cells)
            self._write(painter, upper, index.data() or "An empty answer.", "bad" if failed else "text", 13)
            self._paint_facts(painter, lower, index)
        else:
            words = "Being answered…" if index.data(CellRole.RUNNING) else "Waits"
            self._write(painter, inner, words, "text2", 13)
        painter.restore()

    def _paint_facts(self, painter: QPainter, area: QRect, index: Index) -> None:
        theme, cells = current(), index.data(CellRole.CELLS)
        words = mark_words(cells)
        if words:
            passed = False if any(cell.state == "failed" for cell in cells) else mark_of(cells)
            icon, token = MARKS[passed]
            side = theme.px(14)
            mark = pixmap(icon, theme.color(token).name(), side, ratio=painter.device().devicePixelRatio())
            painter.drawPixmap(QPointF(area.x(), area.center().y() - side / 2 + 1), mark)
            area = area.adjusted(side + theme.px(5), 0, 0, 0)
            area.setLeft(area.left() + self._write(painter, area, words, token, 12, strong=True) + theme.px(8))
        facts = whole_facts(numbers(cells), QFontMetrics(theme.font(12, tabular=True)), area.width())
        self._write(painter, area, facts, "text2", 12)

    def _write_two(self, painter: QPainter, area: QRect, text: str) -> None:
        """On two lines at most, in the middle of ``area``."""
        font = current().font(13, 500)
        layout = QTextLayout(text, font)
        layout.beginLayout()
        first = layout.createLine()
        first.setLineWidth(area.width())
        length = first.textLength()
        layout.endLayout()
        if length >= len(text):
            self._write(painter, area, text, "text", 13, strong=True)
            return
        line = current().px(LINE)
        area = QRect(area.x(), area.center().y() - line, area.width(), line)
        self._write(painter, area, text[:length].rstrip(), "text", 13, strong=True)
        self._write(painter, area.translated(0, line), text[length:], "text", 13, strong=True)

    def _write(self, painter: QPainter, area: QRect, text: str, token: str, size: int, *, strong: bool = False) -> int:
        """How wide it became."""
        theme = current()
        font = theme.font(size, 500 if strong else 400, tabular=True)
        metrics = QFontMetrics(font)
        words = metrics.elidedText(text, Qt.TextElideMode.ElideRight, area.width())
        painter.setFont(font)
        painter.setPen(theme.color(token))
        painter.drawText(area, _MIDDLE, words)
        return metrics.horizontalAdvance(words)


class BatchHead(QHeaderView):
    """The panes: silk, name, and how they do so far."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setAccessibleName("Panes")
        self.setSectionsClickable(False)
        self.setMinimumSectionSize(80)

    def sizeHint(self) -> QSize:
        count = self.model().columnCount() if self.model() is not None else 0
        apart = any(self.model().headerData(at, self.orientation(), CellRole.SETTINGS) for at in range(1, count))
        return QSize(super().sizeHint().width(), current().px(HEAD + LINE * apart))

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        theme, model = current(), self.model()
        painter.save()
        painter.fillRect(rect, theme.color("surface"))
        painter.fillRect(rect.x(), rect.bottom(), rect.width(), 1, theme.color("border"))
        inner = rect.adjusted(theme.px(PAD), 0, -theme.px(PAD), 0)
        title, small = theme.font(13, 600), theme.font(12, tabular=True)
        name = str(model.headerData(section, self.orientation()))
        if section:
            silk = QColor(theme.silk(model.headerData(section, self.orientation(), CellRole.SILK)))
            painter.fillRect(rect.x(), rect.y(), rect.width() - theme.px(2), 3, silk)
            known = model.headerData(section, self.orientation(), CellRole.SUMMARY)
            summary = summary_words(known) if known is not None else ()
            settings = model.headerData(section, self.orientation(), CellRole.SETTINGS)
            line = QRect(inner.x(), rect.y() + theme.px(6), inner.width(), theme.px(LINE))
            for text, font in ((name, title), *((words, small) for words in (*summary, settings) if words)):
                self._line(painter, line, text, font)
                line.translate(0, theme.px(LINE))
        else:
            self._line(painter, inner.adjusted(theme.px(EDGE - PAD), 0, 0, 0), name, title)
        painter.restore()

    def _line(self, painter: QPainter, area: QRect, text: str, font: QFont) -> None:
        """A name in bold, whose ends tell most, or facts."""
        name = font.bold()
        painter.setFont(font)
        painter.setPen(current().color("text" if name else "text2"))
        elide = Qt.TextElideMode.ElideMiddle if name else Qt.TextElideMode.ElideRight
        metrics, room = painter.fontMetrics(), area.width()
        words = "" if name else whole_facts(text, metrics, room)
        painter.drawText(area, _MIDDLE, words or metrics.elidedText(text, elide, room))


class BatchView(QTableView):
    """The table. Enter or a double click opens the answers of a prompt (``opened``: its row and the pane, or -1)."""

    opened = Signal(int, int)

    def __init__(self, model: BatchTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._keyboard = False
        self.setModel(model)
        self.setAccessibleName("Answers")
        self.setHorizontalHeader(BatchHead(self))
        self.setItemDelegate(BatchCells(self))
        self.setShowGrid(False)
        self.setFrameShape(QTableView.Shape.NoFrame)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setCornerButtonEnabled(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.doubleClicked.connect(lambda index: self.opened.emit(index.row(), index.column() - 1))
        model.modelReset.connect(self.fit)
        model.modelReset.connect(self.updateGeometries)

    def fit(self) -> None:
        """Share the room among the panes; the prompt gets a little less than an answer."""
        theme, count = current(), self.model().columnCount()
        self.verticalHeader().setDefaultSectionSize(theme.px(ROW))
        if not count:
            return
        room = self.viewport().width()
        prompt = max(theme.px(LEAST_PROMPT), min(room // (count + 1), theme.px(340)))
        pane = max(theme.px(LEAST_PANE), (room - prompt) // max(1, count - 1))
        for section in range(count):
            self.horizontalHeader().resizeSection(section, pane if section else prompt)
        rest = room - prompt - pane * (count - 1)
        if count > 1 and rest > 0:
            self.horizontalHeader().resizeSection(count - 1, pane + rest)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self._keyboard = True
        index = self.currentIndex()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and index.isValid():
            self.opened.emit(index.row(), index.column() - 1)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        if event.reason() in (*KEYBOARD_REASONS, Qt.FocusReason.MouseFocusReason):
            self._keyboard = event.reason() in KEYBOARD_REASONS
        super().focusInEvent(event)
        if self._keyboard and not self.currentIndex().isValid() and self.model().rowCount():
            self.setCurrentIndex(self.model().index(0, min(1, self.model().columnCount() - 1)))
        self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._keyboard and self.hasFocus() and self.currentIndex().isValid():
            ring = QRectF(self.visualRect(self.currentIndex())).adjusted(1, 1, -2, -2)
            paint_ring(QPainter(self.viewport()), ring, 6)
