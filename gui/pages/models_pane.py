"""Everything about one model: what it is, loading it with the settings as they move, notes, and its end."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QAbstractSpinBox, QFrame, QHBoxLayout, QLayout, QScrollArea, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import sentence
from paddock.gui.models.library import state_text
from paddock.gui.models.model_table import place_name, place_of
from paddock.gui.pages.form import CopyLine
from paddock.gui.pages.load_plan import LoadPlan
from paddock.gui.pages.memory_popover import Silk
from paddock.gui.pages.models_aliases import ModelAliases
from paddock.gui.pages.models_facts import ModelFacts
from paddock.gui.widgets import Button, Divider, ElidedLabel, IconButton, Label, Notice, Progress, TextArea
from paddock.gui.widgets.buttons import QUIET
from paddock.gui.widgets.layouts import empty
from paddock.sdk.errors import PaddockError
from paddock.sdk.library import Place
from paddock.sdk.memory import Estimate
from paddock.sdk.types import LoadedModel, ModelInfo

PLAN_PAUSE_MS = 220
"""The load settings follow the selection when it has rested for so long: arrow keys pass over many models."""
NOTES_PAUSE_MS = 800
MEMORY_PAUSE_MS = 1_500


class ModelPane(QWidget):
    """Shows one model at a time. What it does itself is loading, unloading, saving settings and notes."""

    chat_wanted = Signal(str)
    load_wanted = Signal(str)
    """Loading it needs a decision: the load dialog."""
    delete_wanted = Signal(str)
    quantize_wanted = Signal(str)
    model_wanted = Signal(str)
    close_wanted = Signal()

    def __init__(self, host: HostState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host = host
        self._places: tuple[Place, ...] = ()
        self.model = ""
        self.plan: LoadPlan | None = None
        self._told_notes = ""
        self.setProperty("role", "inspector")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Details of the model")
        self.silk = Silk()
        self.title = ElidedLabel("", 18, 600, middle=True)
        self.close_button = IconButton("close", "Close the details")
        self.state = Label("", 12, 500, "ok")
        self.id = CopyLine("Name for scripts")
        self.chat = Button("Chat", "primary", "chat")
        self.load = Button("Load")
        self.unload = Button("Unload", icon="eject")
        self.progress = Progress("Loading")
        self.trouble = Notice()
        self.facts = ModelFacts()
        self.aliases = ModelAliases(host)
        self.notes = TextArea("Notes", "What it is good at, where it fails…", rows=4)
        self.quantize = Button("Quantise…", "quiet", "sliders")
        self.delete = Button("Delete", "quiet", "trash")
        self.kept = Label("", 12, 400, "text2", wrap=True)
        self._pause, self._notes_pause = QTimer(self), QTimer(self)
        for timer, pause, then in (
            (self._pause, PLAN_PAUSE_MS, self._begin_plan),
            (self._notes_pause, NOTES_PAUSE_MS, self.flush),
        ):
            timer.setSingleShot(True)
            timer.setInterval(pause)
            timer.timeout.connect(then)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(16, 14, 12, 6)
        head.setSpacing(8)
        head.addWidget(self.silk)
        head.addWidget(self.title, 1)
        head.addWidget(self.close_button)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(16, 0, 16, 16)
        column.setSpacing(10)
        column.setSizeConstraint(QLayout.SizeConstraint.SetMinimumSize)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (self.chat, self.load, self.unload):
            buttons.addWidget(button)
        buttons.addStretch(1)
        column.addWidget(self.state)
        column.addWidget(self.id)
        column.addLayout(buttons)
        for part in (self.progress, self.trouble, self.facts, Divider()):
            column.addWidget(part)
        self._plan_host = QWidget()
        self._plan_column = QVBoxLayout(self._plan_host)
        self._plan_column.setContentsMargins(0, 0, 0, 0)
        self._plan_column.setSpacing(10)
        column.addWidget(self._plan_host)
        column.addWidget(self.aliases)
        column.addWidget(Label("Notes", 13, 600))
        column.addWidget(self.notes)
        column.addWidget(self.kept)
        foot = QHBoxLayout()
        foot.addSpacing(-QUIET)
        foot.addWidget(self.quantize)
        foot.addWidget(self.delete)
        foot.addStretch(1)
        column.addLayout(foot)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(body)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(1, 0, 0, 0)
        outer.setSpacing(0)
        outer.addLayout(head)
        outer.addWidget(scroll, 1)

    def _connect(self) -> None:
        self.close_button.clicked.connect(self.close_wanted)
        self.chat.clicked.connect(lambda: self.chat_wanted.emit(self.model))
        self.load.clicked.connect(self._load)
        self.unload.clicked.connect(self._unload)
        self.delete.clicked.connect(lambda: self.delete_wanted.emit(self.model))
        self.quantize.clicked.connect(lambda: self.quantize_wanted.emit(self.model))
        self.facts.other_wanted.connect(self.model_wanted)
        self.aliases.failed.connect(self._failed)
        self.notes.textChanged.connect(self._notes_edited)
        self._host.models_changed.connect(self.refresh)
        self._host.memory_changed.connect(self._memory_changed)

    def keys(self) -> list[QWidget]:
        """What takes the keyboard, from the top; the load settings come behind the last of the first group."""
        first: list[QWidget] = [self.close_button, self.id.button, self.chat, self.load, self.unload, self.facts.reveal]
        return [*first, self.aliases.line, self.notes, self.quantize, self.delete]

    def first_key(self) -> QWidget:
        """The first thing that can be done."""
        return next((part for part in (self.chat, self.load, self.unload) if part.isVisible()), self.id.button)

    # ---------------------------------------------------------------- which model

    def show_model(self, model: str) -> None:
        """Show this one; the load settings come when the choice has rested."""
        if model == self.model:
            return
        self.flush()
        self.model = model
        self.trouble.hide()
        self._drop_plan()
        info = self._host.models.get(model)
        self._told_notes = info.notes if info is not None else ""
        self._set_notes(self._told_notes)
        self.refresh()
        if info is not None and info.error is None:
            self._pause.start()

    def show_places(self, places: tuple[Place, ...]) -> None:
        """The places that models lie in."""
        self._places = places
        self.refresh()

    def _info(self) -> ModelInfo | None:
        return self._host.models.get(self.model)

    def refresh(self) -> None:
        """Show what the host says now."""
        info = self._info()
        if info is None:
            return
        loaded = self._host.loaded_model(self.model)
        self.title.setText(info.name or info.id)
        self.silk.setVisible(loaded is not None)
        self.silk.set_silk(self._host.silk(self.model))
        self.state.setText(_state_words(loaded))
        self.state.setVisible(loaded is not None)
        self.state.set_token("bad" if loaded is not None and loaded.state == "failed" else "ok")
        self.id.set_text(info.id)
        self.aliases.show_model(info)
        self.aliases.setVisible(info.source != "path")
        self.facts.show_model(info, place_name(info, self._places))
        if info.error is not None:
            self.trouble.show_message("bad", info.error)
        if info.notes != self._told_notes and not self._notes_pause.isActive() and not self.notes.hasFocus():
            self._told_notes = info.notes
            self._set_notes(info.notes)
        self._show_buttons(info, loaded)

    def _show_buttons(self, info: ModelInfo, loaded: LoadedModel | None) -> None:
        usable = info.error is None
        there = loaded is not None and loaded.state != "failed"
        loading = loaded is not None and loaded.state == "loading"
        chats = usable and ("chat" in info.capabilities or not info.capabilities)
        self.chat.setVisible(chats)
        self.load.setVisible(usable and not there)
        self.load.set_kind("secondary" if chats else "primary")
        self.unload.setVisible(there)
        self.unload.setText("Stop loading" if loading else "Unload")
        self.unload.setEnabled(loaded is not None and loaded.state in ("ready", "loading"))
        self.progress.setVisible(loading)
        self.progress.set_fraction(loaded.progress if loaded is not None else 0.0)
        place = place_of(info, self._places)
        keeps = (place is not None and not place.removable) or info.source == "bundled"
        self.delete.setVisible(not keeps)
        note = place.note if place is not None else ""
        self.kept.setText(note or "It came with Paddock and stays.")
        self.kept.setVisible(keeps)
        self.quantize.setVisible(usable and info.format == "gguf" and info.engine == "llamacpp")

    # ---------------------------------------------------------------- load settings

    def _begin_plan(self) -> None:
        self._drop_plan()
        plan = self.plan = LoadPlan(self._host, self.model, self)
        self._plan_column.addWidget(Label("Load settings", 13, 600))
        for part in (plan.breakdown, plan.settings):
            self._plan_column.addWidget(part)
        row = QHBoxLayout()
        row.addSpacing(-QUIET)
        row.addWidget(plan.defaults)
        row.addWidget(plan.save)
        row.addStretch(1)
        self._plan_column.addLayout(row)
        self._plan_column.addWidget(Divider())
        before, window = self.facts.last_key(), self.window()
        for child in self._plan_host.findChildren(QWidget):
            inside = isinstance(child.parentWidget(), QAbstractSpinBox) or child.window() is not window
            if child.focusPolicy() & Qt.FocusPolicy.TabFocus and not inside:
                QWidget.setTabOrder(before, child)
                before = child
        plan.begun.connect(plan.ask)
        plan.failed.connect(self._failed)
        plan.moved.connect(self.trouble.hide)
        plan.breakdown.remedy_wanted.connect(plan.apply)
        plan.estimator.arrived.connect(self._arrived)
        plan.estimator.failed.connect(plan.breakdown.show_failure)
        plan.begin()

    def _arrived(self, estimate: Estimate, full: bool) -> None:
        if self.plan is not None:
            self.plan.take(estimate, full=full)

    def _drop_plan(self) -> None:
        self._pause.stop()
        if self.plan is None:
            return
        self.plan.estimator.stop()
        self.plan.deleteLater()
        self.plan = None
        empty(self._plan_column)

    def _memory_changed(self) -> None:
        if self.plan is not None and self.isVisible():
            self.plan.estimator.ask_again(MEMORY_PAUSE_MS)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.flush()

    # ---------------------------------------------------------------- doing

    def _load(self) -> None:
        plan, model = self.plan, self.model
        if plan is not None and plan.refuses:
            self.load_wanted.emit(model)
            return
        self.trouble.hide()
        options = plan.options() if plan is not None else {}
        self._host.call(lambda client: client.load(model, options), None, partial(self._not_loaded, model), self)

    def _not_loaded(self, model: str, error: BaseException) -> None:
        if model == self.model:
            self._failed(error)

    def _unload(self) -> None:
        loaded = self._host.loaded_model(self.model)
        if loaded is not None:
            instance = loaded.id
            self._host.call(lambda client: client.unload(instance), None, self._failed, self)

    def _failed(self, error: BaseException) -> None:
        message, hint = (error.message, error.hint) if isinstance(error, PaddockError) else (sentence(error), "")
        self.trouble.show_message("bad", message, hint)

    def _set_notes(self, text: str) -> None:
        self.notes.blockSignals(True)
        self.notes.setPlainText(text)
        self.notes.blockSignals(False)

    def _notes_edited(self) -> None:
        self._notes_pause.start()

    def flush(self) -> None:
        """Save what was written about the model."""
        self._notes_pause.stop()
        self.aliases.flush()
        model, notes = self.model, self.notes.toPlainText()
        if model and notes != self._told_notes:
            self._told_notes = notes
            self._host.call(lambda client: client.patch_model(model, notes=notes), None, self._failed, self)


def _state_words(loaded: LoadedModel | None) -> str:
    words = state_text(loaded)
    if loaded is None or loaded.state != "ready" or not loaded.context_length:
        return words
    return f"{words}, {loaded.context_length:,} tokens of context"
