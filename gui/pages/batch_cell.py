"""The answers to one prompt of a batch, whole and side by side, each with its checks and numbers."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from paddock.gui.icons import pixmap
from paddock.gui.models.batch_table import BatchTable, CellRole, numbers
from paddock.gui.pages.batch_rows import MARKS
from paddock.gui.theme import current
from paddock.gui.widgets import Button, Divider, ElidedLabel, IconButton, Label
from paddock.gui.widgets.layouts import empty
from paddock.gui.widgets.reader import Reader
from paddock.gui.widgets.silk_dot import SilkDot
from paddock.sdk.batch_lines import picture_names, prompt_text
from paddock.sdk.compare import BatchCell, CheckResult

LEAST, LEAST_HIGH = 260, 180
"""Logical pixels of an answer at 100 %."""
ACROSS = 5
"""Columns of the grid for each pane: two margins, its words, a margin, the line to the next."""
OUTER, INNER = 4, 16
NUMBERS, CHECKS = 2, 3
"""Rows of the grid: below the name and what sets it apart."""
_TOP = Qt.AlignmentFlag.AlignTop
_NAMES = {True: "Passed", False: "Failed", None: "Not told"}


class BatchAnswers(QWidget):
    """``closed``: back to the table."""

    closed = Signal()

    def __init__(self, table: BatchTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._table, self._row, self._repeat = table, 0, 0
        self.back = Button("All prompts", icon="chevron-left")
        self.title = ElidedLabel("", 14, 600)
        self.before, self.after = IconButton("chevron-up", "Prompt before"), IconButton("chevron-down", "Next prompt")
        self.again = Button("")
        self.columns = QWidget()
        self._shown: tuple[tuple[BatchCell, ...], ...] = ()
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QScrollArea.Shape.NoFrame)
        self.area.setWidget(self.columns)
        self.area.setAccessibleName("Answers side by side")
        QVBoxLayout(self.columns).setContentsMargins(0, 0, 0, 0)
        head = QHBoxLayout()
        head.setContentsMargins(20, 8, 20, 8)
        head.setSpacing(8)
        head.addWidget(self.back)
        head.addWidget(self.title, 1)
        for part in (self.again, self.before, self.after):
            head.addWidget(part)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addLayout(head)
        outer.addWidget(Divider())
        outer.addWidget(self.area, 1)
        self.back.clicked.connect(self.closed)
        self.before.clicked.connect(lambda: self.show_row(self._row - 1))
        self.after.clicked.connect(lambda: self.show_row(self._row + 1))
        self.again.clicked.connect(self._next_repeat)
        table.dataChanged.connect(lambda *_: self._refresh())

    @property
    def row(self) -> int:
        return self._row

    def show_row(self, row: int, pane: int = -1) -> None:
        """The answers to prompt number ``row``, with ``pane`` in sight."""
        count = self._table.rowCount()
        if not count:
            return
        self._row = max(0, min(row, count - 1))
        self._repeat, self._shown = 0, ()
        self.before.setEnabled(self._row > 0)
        self.after.setEnabled(self._row < count - 1)
        prompt = self._table.prompts[self._row]
        text, names = prompt_text(prompt), picture_names(prompt)
        text = f"{text} (with {names})" if names != text and names else text
        self.title.setText(f"{self._row + 1}. {' '.join(text.split())}")
        self._refresh()
        sheets = self.columns.findChildren(_Answers)
        if sheets and 0 <= pane < len(sheets[-1].heads):
            self.area.ensureWidgetVisible(sheets[-1].heads[pane])

    def _next_repeat(self) -> None:
        batch = self._table.batch
        if batch is not None:
            self._repeat, self._shown = (self._repeat + 1) % batch.repeat, ()
            self._refresh()

    def _refresh(self) -> None:
        batch = self._table.batch
        if self.isHidden() or batch is None or self._row >= self._table.rowCount():
            return
        panes = range(len(batch.panes))
        cells = tuple(tuple(c for c in self._table.at(self._row, p) if c.repeat == self._repeat) for p in panes)
        self.again.setVisible(batch.repeat > 1)
        self.again.setText(f"Answer {self._repeat + 1} of {batch.repeat}")
        if cells == self._shown and self.columns.findChildren(_Answers):
            return
        self._shown = cells
        column = self.columns.layout()
        assert isinstance(column, QVBoxLayout)
        empty(column)
        column.addWidget(_Answers(self._table, [found[0] if found else None for found in cells]))


class _Answers(QWidget):
    """The answers of the panes with their checks, each part at the same height in all of them; None where one has not
    ended. ``heads`` are the names of the panes."""

    def __init__(self, table: BatchTable, cells: Sequence[BatchCell | None]) -> None:
        super().__init__()
        self._table = table
        self._last = CHECKS + max((len(cell.checks) for cell in cells if cell is not None), default=0)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(0)
        self._grid.setVerticalSpacing(6)
        self._grid.setRowStretch(self._last, 1)
        self.heads: list[QWidget] = []
        for pane, cell in enumerate(cells):
            if pane:
                line = Divider(vertical=True)
                self._grid.addWidget(line, 0, pane * ACROSS - 1, self._last + 1, 1)
            self._add_pane(pane, pane * ACROSS, cell)

    def _add_pane(self, pane: int, left: int, cell: BatchCell | None) -> None:
        name, apart, silk = (
            self._table.headerData(pane + 1, Qt.Orientation.Horizontal, role)
            for role in (Qt.ItemDataRole.DisplayRole, CellRole.SETTINGS, CellRole.SILK)
        )
        grid, middle = self._grid, left + 2
        for column, width in ((left, OUTER), (left + 1, INNER), (left + 3, INNER)):
            grid.setColumnMinimumWidth(column, width)
        grid.setColumnMinimumWidth(middle, current().px(LEAST) - OUTER - 2 * INNER)
        grid.setColumnStretch(middle, 1)
        self.heads.append(_Head(name, silk))
        grid.addWidget(self.heads[-1], 0, middle)
        if apart:
            grid.addWidget(Label(apart, 12, 400, "text2", wrap=True), 1, middle, _TOP)
        if cell is None or cell.error is not None:
            grid.addWidget(_Missing(cell), NUMBERS, middle, self._last - NUMBERS + 1, 1, _TOP)
            return
        grid.addWidget(ElidedLabel(numbers([cell]), 12, 400, "text2", tabular=True), NUMBERS, middle)
        for number, check in enumerate(cell.checks):
            grid.addWidget(_CheckLine(check), CHECKS + number, middle, _TOP)
        reader = Reader(f"Answer of {self._table.name(pane)}")
        reader.setMinimumHeight(current().px(LEAST_HIGH))
        foot = QVBoxLayout()
        foot.setContentsMargins(0, 0, 0, 8)
        foot.addWidget(reader)
        grid.addLayout(foot, self._last, left + 1, 1, 3)  # its words are as far in as those above it
        # What comes into a view without a size keeps to its end.
        QTimer.singleShot(0, reader, lambda: reader.show_text(cell.text or "*An empty answer.*"))


class _Head(QWidget):
    """The silk and the name of a pane."""

    def __init__(self, name: str, silk: int) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 14, 0, 0)
        row.setSpacing(8)
        row.addWidget(SilkDot(silk))
        row.addWidget(ElidedLabel(name, 13, 600, middle=True), 1)


class _Missing(QWidget):
    """Why there is no answer."""

    def __init__(self, cell: BatchCell | None) -> None:
        super().__init__()
        error = cell.error if cell is not None else None
        words, hint = (error.message, error.hint) if error is not None else ("Not answered yet.", "")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(Label(words, 13, 500, "bad" if error is not None else "text2", wrap=True))
        column.addWidget(Label(hint, 13, 400, "text2", wrap=True))


class _CheckLine(QWidget):
    """A check: mark, what it is called, what came of it."""

    def __init__(self, check: CheckResult) -> None:
        super().__init__()
        theme = current()
        icon, token = MARKS[check.passed]
        mark = Label("")
        mark.setPixmap(pixmap(icon, theme.color(token).name(), theme.px(14), ratio=self.devicePixelRatioF()))
        words = Label(f"{_NAMES[check.passed]}: {check.name}", 12, 500, token, wrap=True)
        note = Label(check.note, 12, 400, "text2", wrap=True)
        note.setVisible(bool(check.note))
        lines = QVBoxLayout()
        lines.setSpacing(0)
        lines.addWidget(words)
        lines.addWidget(note)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(lines, 1)
