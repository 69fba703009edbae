"""A batch that runs or has run: how far it is, its answers as a table, and what can be done about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QStackedWidget, QVBoxLayout, QWidget

from paddock.gui.bridge import Task
from paddock.gui.host_state import HostState
from paddock.gui.messages import sentence
from paddock.gui.models.batch_table import BatchTable
from paddock.gui.pages.batch_cell import BatchAnswers
from paddock.gui.pages.batch_rows import BatchView
from paddock.gui.widgets import Button, Chip, Divider, ElidedLabel, Notice, Progress
from paddock.gui.widgets.clicks import SingleClicks
from paddock.gui.widgets.flow import FlowLayout
from paddock.gui.widgets.menu import Menu
from paddock.sdk.chats import Exported
from paddock.sdk.compare import Batch, BatchCell, BatchExport, BatchExportFormat, BatchPatch, BatchPrompt
from paddock.sdk.errors import NotFound, PaddockError
from paddock.sdk.units import counted, span_text

PAGE = 500
STATES = {"running": "Running", "paused": "Paused", "done": "Done"}
FORMATS: dict[BatchExportFormat, tuple[str, str]] = {
    "csv": ("Table for spreadsheets (CSV)", "CSV (*.csv)"),
    "jsonl": ("JSON lines", "JSON lines (*.jsonl)"),
    "html": ("Page to read (HTML)", "HTML (*.html)"),
}


class BatchRun(QWidget):
    """``removed``: the batch that was shown is gone."""

    removed = Signal()

    def __init__(self, host: HostState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host = host
        self._since = 0
        self._asking: Task | None = None
        self._again = False
        self.batch: Batch | None = None
        self.table = BatchTable(host.model_title, self)
        self.view, self.answers = BatchView(self.table), BatchAnswers(self.table)
        self.state = ElidedLabel("", 13, 500, tabular=True)
        self.bar = Progress("Progress of the batch")
        self.pause, self.retry = Button("Pause"), Button("Run what failed again")
        self.export, self.delete = Chip("Export", icon="download", menu=True), Button("Remove")
        self.trouble = Notice()
        self.stack = QStackedWidget()
        SingleClicks(self.pause)  # it becomes “Go on”
        self._lay_out()
        self.pause.clicked.connect(self._pause_or_go_on)
        self.retry.clicked.connect(lambda: self._patch("retry"))
        self.delete.clicked.connect(self._ask_delete)
        self.trouble.action_triggered.connect(self._delete)
        self.trouble.second_triggered.connect(self.trouble.hide)
        self.view.opened.connect(self._open)
        self.answers.closed.connect(self._close)
        host.batch_changed.connect(self._changed)
        host.snapshot.connect(self._reload)

    def _lay_out(self) -> None:
        menu = Menu(self)
        for format, (title, _) in FORMATS.items():
            menu.addAction(f"{title}…").triggered.connect(lambda _=False, format=format: self._choose_path(format))
        self.export.setMenu(menu)
        facts = QVBoxLayout()
        facts.setSpacing(6)
        facts.addWidget(self.state)
        facts.addWidget(self.bar)
        buttons = QWidget()
        flow = FlowLayout(buttons, gap=8)
        for part in (self.pause, self.retry, self.export, self.delete):
            flow.addWidget(part)
        head = QVBoxLayout()
        head.setContentsMargins(20, 4, 20, 10)
        head.setSpacing(10)
        head.addLayout(facts)
        head.addWidget(buttons)
        head.addWidget(self.trouble)
        self.stack.addWidget(self.view)
        self.stack.addWidget(self.answers)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addLayout(head)
        outer.addWidget(Divider())
        outer.addWidget(self.stack, 1)

    # ---------------------------------------------------------------- what it shows

    def show_batch(self, batch: Batch) -> None:
        """Another batch; its prompts and cells are fetched."""
        self.trouble.hide()
        self._start_over(batch)
        self.table.show(batch, ())
        self._close()
        self._show_state()
        id = batch.id
        self._host.call(lambda client: client.batch_prompts(id), lambda got: self._take(id, got), self._failed, self)

    def _take(self, id: str, prompts: Sequence[BatchPrompt]) -> None:
        if self.batch is not None and self.batch.id == id:
            self.table.show(self.batch, prompts)
            self._fetch()

    def _reload(self) -> None:
        """The host may be another one than before, or its database a backup that was put back."""
        if self.batch is not None:
            id = self.batch.id
            self._host.call(lambda client: client.batch(id), self._reread, lambda error: self._gone(id, error), self)

    def _reread(self, batch: Batch) -> None:
        """All of its cells again, with the same ones in view."""
        if self.batch is None or self.batch.id != batch.id:
            return
        at, top = self.view.currentIndex(), self.view.verticalScrollBar().value()
        self._start_over(batch)
        self.table.show(batch, self.table.prompts)
        self.view.setCurrentIndex(self.table.index(at.row(), at.column()))
        self.view.verticalScrollBar().setValue(top)
        self._show_state()
        self._fetch()

    def _gone(self, id: str, error: BaseException) -> None:
        if isinstance(error, NotFound):
            self._changed(id, None)
        else:
            self._failed(error)

    def _start_over(self, batch: Batch) -> None:
        if self._asking is not None:
            self._asking.cancel()
        self.batch, self._since, self._asking, self._again = batch, 0, None, False

    def _changed(self, id: str, batch: Batch | None) -> None:
        if self.batch is None or id != self.batch.id:
            return
        if batch is None:
            self.batch = None
            self.removed.emit()
            return
        if batch.revision < self.batch.revision:  # told before the answer that is shown
            return
        self.batch = batch
        self.table.follow(batch)
        self._fetch()
        self._show_state()

    def _fetch(self) -> None:
        """What has become of cells since the last time; one question at a time."""
        batch = self.batch
        if batch is None or not self.table.prompts:
            return
        self._again = self._asking is not None
        if self._again:
            return
        id, since = batch.id, self._since
        self._asking = self._host.call(
            lambda client: client.batch_changes(id, since=since, limit=PAGE), self._learn, self._not_fetched, self
        )

    def _learn(self, cells: Sequence[BatchCell]) -> None:
        self._asking = None
        if cells:
            self._since = cells[-1].change
            self.table.learn(cells)
        if len(cells) == PAGE or self._again:
            self._fetch()
        else:
            self.table.tell_summaries()
        self._show_state()

    def _not_fetched(self, error: BaseException) -> None:
        self._asking = None
        self.table.tell_summaries()
        self._failed(error)

    def _show_state(self) -> None:
        batch = self.batch
        if batch is None:
            return
        done, failed = self.table.counts() or (batch.done, batch.failed)
        over = done + failed
        coming = batch.state == "done" and over < batch.total and self._asking is not None
        words = "Reading the last answers" if coming else STATES[batch.state]
        parts = [words, f"{over:,} of {counted(batch.total, 'answer')}"]
        if failed:
            parts.append(f"{failed:,} failed")
        if batch.state == "running" and batch.seconds_left:
            parts.append(f"{span_text(batch.seconds_left)} left")
        self.state.setText(" · ".join(filter(None, (*parts, batch.note.removesuffix(".")))))
        self.bar.set_fraction(over / batch.total if batch.total else 1.0)
        running = batch.state == "running"
        self.bar.set_ink("accent" if running or coming else "border_strong")
        self.bar.setVisible(batch.state != "done" or coming)
        self.pause.setVisible(batch.state != "done")
        self.pause.setText("Pause" if running else "Go on")
        self.retry.setVisible(bool(failed) and not running)
        self.export.setEnabled(over > 0)

    # ---------------------------------------------------------------- one prompt

    def _open(self, row: int, pane: int) -> None:
        self.stack.setCurrentWidget(self.answers)
        self.answers.show_row(row, pane)
        self.answers.back.setFocus()

    def back(self) -> bool:
        """From the answers of a prompt to the table; False where that is shown."""
        shown = self.stack.currentWidget() is self.answers
        if shown:
            self._close()
        return shown

    def _close(self) -> None:
        was = self.stack.currentWidget() is self.answers
        self.stack.setCurrentWidget(self.view)
        if was and self.table.rowCount():
            column = max(0, self.view.currentIndex().column())
            self.view.setCurrentIndex(self.table.index(self.answers.row, column))
            self.view.setFocus()

    # ---------------------------------------------------------------- what is done about it

    def _pause_or_go_on(self) -> None:
        if self.batch is not None:
            self._patch("pause" if self.batch.state == "running" else "resume")

    def _patch(self, action: Literal["pause", "resume", "retry"]) -> None:
        if self.batch is None:
            return
        id, patch = self.batch.id, BatchPatch(action=action)
        self.trouble.hide()
        self._host.call(
            lambda client: client.patch_batch(id, patch), lambda batch: self._changed(id, batch), self._failed, self
        )

    def _ask_delete(self) -> None:
        self.trouble.show_message(
            "warn", "Remove these answers for good?", "They cannot be brought back.", "Remove", "Keep them"
        )

    def _delete(self) -> None:
        if self.batch is not None:
            id = self.batch.id
            self.trouble.hide()
            self._host.call(lambda client: client.delete_batch(id), None, self._failed, self)

    def _choose_path(self, format: BatchExportFormat) -> None:
        if self.batch is None:
            return
        name = "".join(c if c.isalnum() or c in " -_." else "_" for c in self.batch.name)[:60].strip() or "answers"
        path, _ = QFileDialog.getSaveFileName(self, "Export answers", f"{name}.{format}", FORMATS[format][1])
        if path:
            self.write(format, path if "." in path.rpartition("/")[2] else f"{path}.{format}")

    def write(self, format: BatchExportFormat, path: str) -> None:
        """Have the host write the answers to a file that the user has chosen."""
        if self.batch is not None:
            id, request = self.batch.id, BatchExport(format=format, path=path, replace=True)
            self._host.call(lambda client: client.export_batch(id, request), self._written, self._failed, self)

    def _written(self, exported: Exported) -> None:
        what = f"{counted(exported.messages, 'answer')} {'was' if exported.messages == 1 else 'were'}"
        self.trouble.show_message("ok", f"{what} written to {', '.join(exported.files)}.")

    def _failed(self, error: BaseException) -> None:
        message, hint = (error.message, error.hint) if isinstance(error, PaddockError) else (sentence(error), "")
        self.trouble.show_message("bad", message, hint)
