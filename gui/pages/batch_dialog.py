"""A list of prompts asked in several panes: set up, watched while it runs, and looked at afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import Messages
from paddock.gui.pages.batch_run import BatchRun
from paddock.gui.pages.batch_setup import BatchSetup
from paddock.gui.pages.data_settings import moment
from paddock.gui.theme import current
from paddock.gui.widgets import Button, Chip, ElidedLabel, menu_words
from paddock.gui.widgets.menu import Menu
from paddock.gui.widgets.tab_order import go_on
from paddock.sdk.compare import Batch
from paddock.sdk.presets import SavedPrompt
from paddock.sdk.types import Pane
from paddock.sdk.units import counted

WIDTH, HEIGHT = 1180, 760
SHOWN = 40
STATES = {"running": "running", "paused": "paused", "done": "done"}


class BatchDialog(QDialog):
    """Closing it does not end what runs. ``panes``: those to begin with; without any, what runs is shown first."""

    def __init__(self, host: HostState, messages: Messages, panes: Sequence[Pane], parent: QWidget) -> None:
        super().__init__(parent)
        self._host, self._window = host, parent.window()
        self.batches: dict[str, Batch] = {}
        self.setWindowTitle("Compare a list of prompts")
        self.setProperty("role", "surface")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.title = ElidedLabel("Compare a list of prompts", 18, 600)
        self.past, self.new = Chip("Earlier runs", menu=True, icon="clock"), Button("New list", icon="plus")
        self.setup, self.run = BatchSetup(host, messages), BatchRun(host)
        self.stack = QStackedWidget()
        self._menu = Menu(self)
        self.past.setMenu(self._menu)
        self._lay_out(parent)
        self.setup.set_panes(panes)
        self.setup.started.connect(self.show_batch)
        self.run.removed.connect(self._new)
        self.new.clicked.connect(self._new)
        host.batch_changed.connect(self._changed)
        host.snapshot.connect(self._start_over)
        host.snapshot.connect(self._ask_names)
        host.presets_changed.connect(self._ask_names)
        self._begun = bool(panes)
        self._ask()
        self._ask_names()
        self._new()

    def _lay_out(self, parent: QWidget) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(20, 16, 20, 10)
        head.setSpacing(8)
        head.addWidget(self.title, 1)
        for part in (self.past, self.new):
            head.addWidget(part)
        for page in (self.setup, self.run):
            self.stack.addWidget(page)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addLayout(head)
        outer.addWidget(self.stack, 1)
        window, theme = parent.window(), current()
        self.resize(min(theme.px(WIDTH), window.width() - 32), min(theme.px(HEIGHT), window.height() - 24))

    def open(self) -> None:
        """Show it beside the window, which can be used meanwhile; there is one at a time."""
        for other in self._window.findChildren(BatchDialog):
            if other is not self:
                other.close()
        self.show()

    def focusNextPrevChild(self, forward: bool) -> bool:
        return go_on(self, forward)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape goes back one step, and throws away nothing that was written."""
        if event.key() == Qt.Key.Key_Escape:
            running = self.stack.currentWidget() is self.run
            if self.run.back() if running else bool(self.setup.source.text.toPlainText()):
                return
        super().keyPressEvent(event)

    def show_batch(self, batch: Batch) -> None:
        """A batch that runs or has run."""
        self._begun = True
        self._remember(batch)
        self.run.show_batch(self.batches[batch.id])  # which may have moved on before it is shown
        self.stack.setCurrentWidget(self.run)
        self.title.setText(batch.name)
        self.new.show()
        self.run.view.setFocus()

    def shows(self, batch: str) -> bool:
        """Whether it is that batch, by its id, that is on view."""
        held = self.run.batch if self.stack.currentWidget() is self.run else None
        return held is not None and held.id == batch

    def _new(self) -> None:
        self.stack.setCurrentWidget(self.setup)
        self.title.setText("Compare a list of prompts")
        self.new.hide()
        self.setup.source.text.setFocus()

    # ---------------------------------------------------------------- the list

    def _start_over(self) -> None:
        """The host may be another one than before, or its database a backup that was put back."""
        self.batches = {}
        self._ask()

    def _ask(self) -> None:
        self._host.call(lambda client: client.batches(), self._show_all, lambda error: None, self)

    def _ask_names(self) -> None:
        self._host.call(lambda client: client.prompts(), self._name_prompts, lambda error: None, self)

    def _name_prompts(self, saved: Sequence[SavedPrompt]) -> None:
        names = {prompt.text.strip(): prompt.name for prompt in saved}
        self.setup.name_prompts(names)
        self.run.table.name_prompts(names)

    def _show_all(self, batches: Sequence[Batch]) -> None:
        known = self.batches  # from events that may be newer
        self.batches = {
            batch.id: max(batch, known.get(batch.id, batch), key=lambda one: one.revision) for batch in batches
        }
        self._list()
        running = next((batch for batch in self.batches.values() if batch.state == "running"), None)
        if running is not None and not self._begun:
            self.show_batch(running)
        self._begun = True

    def _changed(self, id: str, batch: Batch | None) -> None:
        if batch is not None:
            self._remember(batch)
        elif self.batches.pop(id, None) is not None:
            self._list()

    def _remember(self, batch: Batch) -> None:
        before = self.batches.get(batch.id)
        if before is not None and batch.revision < before.revision:
            return
        self.batches[batch.id] = batch
        if before is None or before.state != batch.state:
            self._list()

    def _list(self) -> None:
        self._menu.clear()
        latest = sorted(self.batches.values(), key=lambda batch: -batch.created)[:SHOWN]
        self.past.setEnabled(bool(latest))
        self.past.setToolTip("" if latest else "Nothing has run yet.")
        for batch in latest:
            asked = f"{counted(batch.prompts, 'prompt')} × {counted(len(batch.panes), 'pane')}"
            text = f"{batch.name} · {asked} · {STATES[batch.state]}, {moment(batch.created)}"
            self._menu.addAction(menu_words(text)).triggered.connect(partial(self._pick, batch.id))

    def _pick(self, id: str, checked: bool = False) -> None:
        if id in self.batches:
            self.show_batch(self.batches[id])
