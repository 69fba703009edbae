"""The answers of a batch as a table: a row for each prompt, a column for each pane."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from paddock.sdk.batch_lines import PaneSummary, prompt_text, settings_apart, summarised, verdict
from paddock.sdk.compare import Batch, BatchCell, BatchPrompt
from paddock.sdk.units import counted

Index = QModelIndex | QPersistentModelIndex
_BEGINNING = 300
"""So many characters of an answer are enough for a cell."""


class CellRole(IntEnum):
    """What the delegate draws with: the cells of a place (a tuple, one for each repetition that has ended), whether one
    is being answered; a pane's silk, what sets it apart from others of its model, and its summary, or None before all
    cells are known."""

    CELLS = Qt.ItemDataRole.UserRole + 1
    RUNNING = Qt.ItemDataRole.UserRole + 2
    SILK = Qt.ItemDataRole.UserRole + 3
    SUMMARY = Qt.ItemDataRole.UserRole + 4
    SETTINGS = Qt.ItemDataRole.UserRole + 5


class BatchTable(QAbstractTableModel):
    """``name_of`` gives the name of a model. Cells come in as they end; see :meth:`learn`."""

    def __init__(self, name_of: Callable[[str], str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name_of = name_of
        self._names: list[str] = []
        self._settings: list[str] = []
        self._cells: dict[tuple[int, int], dict[int, BatchCell]] = {}
        self._running: set[tuple[int, int]] = set()
        self._summaries: dict[int, PaneSummary] = {}
        self._system_prompts: Mapping[str, str] = {}
        self._told = False
        self.batch: Batch | None = None
        self.prompts: Sequence[BatchPrompt] = ()

    def show(self, batch: Batch, prompts: Sequence[BatchPrompt]) -> None:
        """Another batch, of which no cells are known yet."""
        self.beginResetModel()
        self.batch, self.prompts = batch, prompts
        self._names = [pane.name or self._name_of(pane.model) for pane in batch.panes]
        self._settings = settings_apart(batch.panes, self._names, self._system_prompts)
        self._cells, self._running, self._summaries = {}, set(), {}
        self._told = False
        self.endResetModel()
        self.follow(batch)

    def name_prompts(self, names: Mapping[str, str]) -> None:
        """The names of system prompts, by their texts."""
        self._system_prompts = names
        if self.batch is not None:
            self._settings = settings_apart(self.batch.panes, self._names, names)
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self._names))

    def follow(self, batch: Batch) -> None:
        """The same batch, further on."""
        self.batch = batch
        places = (divmod(number // batch.repeat, len(batch.panes)) for number in batch.running)
        running = {(prompt, pane) for prompt, pane in places}
        changed, self._running = self._running ^ running, running
        self._tell(changed)

    def learn(self, cells: Iterable[BatchCell]) -> None:
        """What has become of cells."""
        changed = set()
        for cell in cells:
            place = (cell.prompt, cell.pane)
            known = self._cells.setdefault(place, {})
            if cell.state in ("done", "failed"):
                known[cell.repeat] = cell
            else:
                known.pop(cell.repeat, None)
            self._summaries.pop(cell.pane, None)
            changed.add(place)
        self._tell(changed)
        for pane in sorted({pane for _, pane in changed}):
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, pane + 1, pane + 1)

    def tell_summaries(self) -> None:
        """All cells that there were have come: what is counted is all there is from now on."""
        if not self._told:
            self._told = True
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self._names))

    def counts(self) -> tuple[int, int] | None:
        """So many answers have ended well, and so many failed, as the panes say it; None before they do."""
        if not self._told:
            return None
        summaries = [self.summary(pane) for pane in range(len(self._names))]
        return sum(pane.answers for pane in summaries), sum(pane.failed for pane in summaries)

    def at(self, prompt: int, pane: int) -> tuple[BatchCell, ...]:
        """The cells of a place that have ended, by repetition."""
        known = self._cells.get((prompt, pane), {})
        return tuple(known[repeat] for repeat in sorted(known))

    def name(self, pane: int) -> str:
        """What a pane is called, with what sets it apart."""
        return " · ".join(filter(None, (self._names[pane], self._settings[pane])))

    def summary(self, pane: int) -> PaneSummary:
        """How a pane does so far."""
        if pane not in self._summaries:
            its = [cell for (_, at), cells in self._cells.items() if at == pane for cell in cells.values()]
            self._summaries[pane] = summarised(its)
        return self._summaries[pane]

    def _tell(self, places: Iterable[tuple[int, int]]) -> None:
        rows = sorted({prompt for prompt, _ in places if prompt < len(self.prompts)})  # these come after the batch
        if rows:
            self.dataChanged.emit(self.index(rows[0], 1), self.index(rows[-1], self.columnCount() - 1))

    # ---------------------------------------------------------------- Qt

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(self.prompts)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(self._names) + 1

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Vertical:
            return section + 1 if role == Qt.ItemDataRole.DisplayRole else None
        if not 0 <= section <= len(self._names):
            return None
        if section == 0:
            return "Prompt" if role == Qt.ItemDataRole.DisplayRole else None
        pane = section - 1
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._names[pane]
            case Qt.ItemDataRole.ToolTipRole | Qt.ItemDataRole.AccessibleTextRole:
                return "\n".join((self.name(pane), *(summary_words(self.summary(pane)) if self._told else ())))
            case CellRole.SILK:
                return pane
            case CellRole.SETTINGS:
                return self._settings[pane]
            case CellRole.SUMMARY:
                return self.summary(pane) if self._told else None
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row, pane = index.row(), index.column() - 1
        if pane < 0:
            return self._prompt(self.prompts[row], row, role)
        cells = self.at(row, pane)
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return _beginning(cells)
            case Qt.ItemDataRole.AccessibleTextRole:
                return self._spoken(row, pane, cells)
            case CellRole.CELLS:
                return cells
            case CellRole.RUNNING:
                return (row, pane) in self._running
        return None

    def _prompt(self, prompt: BatchPrompt, row: int, role: int) -> Any:
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return " ".join((prompt.name or prompt_text(prompt)).split())
            case Qt.ItemDataRole.ToolTipRole:
                return prompt_text(prompt)[:_BEGINNING]
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"Prompt {row + 1}: {prompt.name or prompt_text(prompt)[:_BEGINNING]}"
        return None

    def _spoken(self, row: int, pane: int, cells: Sequence[BatchCell]) -> str:
        if not cells:
            return f"{self.name(pane)}: {'being answered' if (row, pane) in self._running else 'waits'}"
        return f"{self.name(pane)}: {', '.join(filter(None, (mark_words(cells), numbers(cells), _beginning(cells))))}"


def mark_of(cells: Sequence[BatchCell]) -> bool | None:
    """Whether all checks of all repetitions passed; None where it cannot be told."""
    told = [verdict(cell.checks) for cell in cells if cell.checks]
    return False if False in told else True if told and all(told) else None


def mark_words(cells: Sequence[BatchCell]) -> str:
    """What came of the checks, in words; empty where there are none."""
    failed = sum(cell.state == "failed" for cell in cells)
    if failed:
        return "No answer" if failed == len(cells) else f"{failed} of {len(cells)} without an answer"
    told = [verdict(cell.checks) for cell in cells if cell.checks]
    if not told:
        return ""
    if any(cell.judging for cell in cells):
        return "Not judged yet"
    if len(told) > 1:
        return f"{told.count(True)} of {len(told)} passed"
    return {True: "Passed", False: "Failed", None: "Not told"}[told[0]]


def numbers(cells: Sequence[BatchCell]) -> str:
    """Tokens and speed of the answers."""
    found = summarised(cells)
    if not found.answers:
        return ""
    return counted(found.tokens, "token") + (f" · {found.speed_text} tok/s" if found.speed is not None else "")


def summary_words(summary: PaneSummary) -> tuple[str, str]:
    """How a pane did, in two lines: its checks, its numbers."""
    failed = f"{summary.failed:,} without an answer" if summary.failed else ""
    if not summary.answers:
        return failed or "No answers yet", ""
    checks = f"Passed {summary.passed_text}" if summary.checked else ""
    facts = (f"{summary.speed_text} tok/s", f"first {summary.first_text}", counted(summary.tokens, "token"))
    told = " · ".join(filter(None, (checks, failed)))
    return told or counted(summary.answers, "answer"), " · ".join(facts)


def _beginning(cells: Sequence[BatchCell]) -> str:
    if not cells:
        return ""
    shown = next((cell for cell in cells if cell.state == "done"), cells[0])
    text = shown.text if shown.error is None else shown.error.message
    return " ".join(text[:_BEGINNING].split())
