"""The answers to one prompt of a batch, whole and side by side, each with its checks and numbers."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

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
        QHBoxLayout(self.columns)
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
        if 0 <= pane < len(parts := self.columns.findChildren(_Answer)):
            self.area.ensureWidgetVisible(parts[pane])

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
        if cells == self._shown and self.columns.findChildren(_Answer):
            return
        self._shown = cells
        row = self.columns.layout()
        assert isinstance(row, QHBoxLayout)
        empty(row)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for pane, found in enumerate(cells):
            if pane:
                row.addWidget(Divider(vertical=True))
            row.addWidget(_Answer(self._table, pane, found[0] if found else None), 1)


class _Answer(QWidget):
    """The answer of ``pane`` with its checks; None where it has not ended."""

    def __init__(self, table: BatchTable, pane: int, cell: BatchCell | None) -> None:
        super().__init__()
        name, apart, silk = (
            table.headerData(pane + 1, Qt.Orientation.Horizontal, role)
            for role in (Qt.ItemDataRole.DisplayRole, CellRole.SETTINGS, CellRole.SILK)
        )
        self.setMinimumWidth(current().px(LEAST))
        column = QVBoxLayout()
        column.setContentsMargins(16, 14, 16, 6)
        column.setSpacing(6)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(4, 0, 0, 8)  # as far in as the words of the reader
        outer.setSpacing(0)
        outer.addLayout(column)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(SilkDot(silk))
        head.addWidget(ElidedLabel(name, 13, 600, middle=True), 1)
        column.addLayout(head)
        if apart:
            column.addWidget(Label(apart, 12, 400, "text2", wrap=True))
        if cell is None or cell.error is not None:
            error = cell.error if cell is not None else None
            words, hint = (error.message, error.hint) if error is not None else ("Not answered yet.", "")
            column.addWidget(Label(words, 13, 500, "bad" if error is not None else "text2", wrap=True))
            column.addWidget(Label(hint, 13, 400, "text2", wrap=True))
            column.addStretch(1)
            return
        column.addWidget(ElidedLabel(numbers([cell]), 12, 400, "text2", tabular=True))
        for check in cell.checks:
            column.addWidget(_CheckLine(check))
        reader = Reader(f"Answer of {table.name(pane)}")
        reader.setMinimumHeight(current().px(LEAST_HIGH))
        outer.addWidget(reader, 1)
        # What comes into a view without a size keeps to its end.
        QTimer.singleShot(0, reader, lambda: reader.show_text(cell.text or "*An empty answer.*"))


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
