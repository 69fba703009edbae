"""The inspector: what shapes the answers of the open conversation, or of one pane of a comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QWidget

from paddock.gui.models.answer_settings import AnswerSettings, settings_of
from paddock.gui.pages.inspector_answer import Reasoning
from paddock.gui.pages.inspector_following import Aside, FollowingSheet
from paddock.gui.pages.inspector_samplers import SamplerSection
from paddock.sdk.options import OptionSpec
from paddock.sdk.presets import Preset
from paddock.sdk.types import ChatPatch, ChatSummary, ModelInfo, Options, OptionValue, Pane, SendRequest

if TYPE_CHECKING:
    from paddock.gui.host_state import HostState
    from paddock.gui.messages import Messages

PAUSE_MS = 700
"""Settings are handed on after so long without a change."""
COMPARED = "All panes"


class Inspector(FollowingSheet):
    """``request()`` is what goes with every message. ``sampling_changed`` follows every change by the user at once,
    ``settings_changed`` and ``pane_changed`` after a pause, ``system_changed`` a pause in typing."""

    system_changed = Signal(str)
    sampling_changed = Signal()
    settings_changed = Signal()
    reasoning_shown = Signal(bool, object)
    """Whether the conversation's model can be told about reasoning, and what it is told."""
    pane_changed = Signal(object)
    pane_closed = Signal()
    load_wanted = Signal(str)
    close_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host: HostState | None = None
        self._messages: Messages | None = None
        self._model: ModelInfo | None = None
        self._stored: Options = {}
        self._name = "Inspector"
        self._fresh = True
        self._pane: Pane | None = None
        self._place = ("", "")
        self._tables: dict[str, tuple[OptionSpec, ...]] = {}
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self._tell)
        self._connect()
        self._align()
        self._show_count()

    def _connect(self) -> None:
        self.close_button.clicked.connect(self.close_wanted)
        self.back.clicked.connect(self.leave_pane)
        self.prompt.changed.connect(self._system_changed)
        self.prompt.library_wanted.connect(self.open_library)
        self.section.changed.connect(self._changed)
        self.answer.changed.connect(self._changed)
        self.presets.chosen.connect(self.apply_preset)
        self.presets.import_wanted.connect(self.import_presets)
        self.presets.listed.connect(self._presets_listed)
        self.next_token.toggled.connect(self._watch)

    def bind(self, host: HostState, messages: Messages) -> None:
        """Once: who is asked for presets, and whom answers run with."""
        self._host, self._messages = host, messages
        self.presets.bind(host, messages)
        self.running.bind(host)
        self.running.failed.connect(lambda error: messages.error(error))

    # ---------------------------------------------------------------- what is in sight

    def show_model(self, model: ModelInfo | None) -> None:
        """Whose defaults hold, and what it can be told."""
        if self._aside is not None:
            self._aside = replace(self._aside, model=model)
        elif model != self._model:
            self._take_model(model)

    def show_chat(self, chat: str, leaf: str) -> None:
        """The open conversation and its last message; empty for a new one."""
        self._place = (chat, leaf)
        self.running.show_chat(chat)
        self._look()

    def show_settings(self, chat: ChatSummary | None, *, compared: bool = False) -> None:
        """What is kept with a conversation that is opened; None: a new one, which begins with the default preset. Where
        models are ``compared`` in it, it is what their panes have in common."""
        self.leave_pane()
        self._name = COMPARED if compared else "Inspector"
        self._show_mode()
        self._pause.stop()
        self._fresh = chat is None
        self._stored = dict(chat.sampling) if chat is not None else {}
        self._put(settings_of(chat) if chat is not None else AnswerSettings())
        self._remember(settings_of(chat) if chat is not None else AnswerSettings())
        self.presets.recognise()
        self._begin()

    def follow(self, chat: ChatSummary) -> bool:
        """Show what another program has made of the conversation's settings where they are in sight; True where it made
        something of them. What was changed here and not handed on yet stays, and so does what the user has in hand."""
        return self._pane is None and self._follow(settings_of(chat))

    def _follow(self, settings: AnswerSettings) -> bool:
        if settings == self._known:
            return False
        if self._merge(settings):
            self._pause.start()
        self._fresh = False
        if self._pane is None:
            self._stored = {**self._stored, **settings.sampling}
        self.presets.recognise()
        self.running.look()
        return True

    def follow_panes(self, panes: Iterable[tuple[Pane, ModelInfo | None]]) -> None:
        """As :meth:`follow` for the pane in sight, which may be gone, or have another model."""
        before = self._pane
        if before is None:
            return
        pane, model = next((each for each in panes if each[0].id == before.id), (None, None))
        if pane is None:
            self.leave_pane()
            return
        self._pane = pane
        if model != self._model:
            self._take_model(model)
        self._follow(settings_of(pane))
        if before.system != pane.system and self.prompt.text() == before.system:
            self.prompt.show_choice(pane.system, of_pane=True)

    def show_system(self, text: str) -> None:
        """The open conversation's system prompt; what is being typed is not overwritten."""
        if self._aside is not None:
            self._aside = replace(self._aside, system=text)
        else:
            self.prompt.show_text(text)

    def edit_pane(self, title: str, pane: Pane, model: ModelInfo | None) -> None:
        """Show a pane's settings in place of the conversation's, until :meth:`leave_pane`."""
        self.flush()
        if self._aside is None:
            foreign, system = self.section.foreign_sampling(), self.prompt.text() or ""
            self._aside = Aside(self.settings(), foreign, system, self._model, self._known)
        self._pane = pane
        self._show_mode()
        self.title.setText(title)
        self._take_model(model)
        self._put(settings_of(pane))
        self._remember(settings_of(pane))
        self.prompt.show_choice(pane.system, of_pane=True)
        self.presets.recognise()

    def leave_pane(self) -> None:
        """Show the conversation's settings again."""
        aside = self._aside
        if aside is None:
            return
        self.flush()
        self._aside, self._pane = None, None
        self._show_mode()
        self._take_model(aside.model)
        self._put(replace(aside.settings, sampling={**aside.foreign, **aside.settings.sampling}))
        self._remember(aside.known)
        self.prompt.show_choice(aside.system, of_pane=False)
        self.presets.recognise()
        self.pane_closed.emit()

    def flush(self) -> None:
        """Hand on what was typed and set, now."""
        self.prompt.flush()
        if self._pause.isActive():
            self._tell()

    # ---------------------------------------------------------------- values

    def sampling(self) -> Options:
        """The conversation's values that differ from the model's defaults."""
        return self._of_conversation().sampling

    def request(self) -> SendRequest:
        """What goes with a question in the conversation."""
        settings = self._of_conversation()
        return settings.request([name for name in self._stored if name in self.section.specs])

    def chat_patch(self, *, whole: bool = True) -> ChatPatch:
        """What is to be kept with the conversation, the ``whole`` or what is not stored yet, as far as is known."""
        aside = self._aside
        foreign, known = self.section.foreign_sampling(), self._known
        if aside is not None:
            foreign, known = aside.foreign, aside.known
        settings = self._of_conversation()
        everything = replace(settings, sampling={**foreign, **settings.sampling})
        patch = settings.patch(foreign) if whole else everything.changes(known)
        self._stored = {**self._stored, **everything.sampling}
        if self.answer.reasoning_row.isHidden():  # what is kept is for a model that can be told
            patch = msgspec.structs.replace(patch, reasoning=None)
            everything = replace(everything, reasoning=known.reasoning)
        self._handed_on(everything)
        return patch

    def set_sampling(self, values: Mapping[str, OptionValue]) -> None:
        """Show ``values``, and the defaults of all others, without saying so."""
        self._put(replace(self.settings(), sampling=dict(values)))

    def set_reasoning(self, mode: Reasoning) -> None:
        """As if it had been chosen here."""
        if self._aside is None:
            self.answer.choose_reasoning(mode)

    def set_defaults(self, defaults: Mapping[str, OptionValue]) -> None:
        """The model's own defaults, where it brings some."""
        self.section.set_defaults(defaults)
        self._show_count()

    def apply_preset(self, preset: Preset | None) -> None:
        """Show what ``preset`` says, and say so; None: the model's own defaults."""
        self._apply(AnswerSettings() if preset is None else self.settings().with_preset(preset), preset)
        self._changed()

    def _apply(self, settings: AnswerSettings, preset: Preset | None) -> None:
        self._put(settings)
        if preset is not None and preset.system is not None:
            if self._pane is not None:
                self.prompt.show_choice(preset.system, of_pane=True)
            self.prompt.field.setPlainText(preset.system)
            self.prompt.flush()
        self.presets.show_current(preset)

    # ---------------------------------------------------------------- following

    def _show_count(self) -> None:
        super()._show_count()
        model = self._aside.model if self._aside is not None else self._model
        able = model is not None and "reasoning" in model.capabilities
        self.reasoning_shown.emit(able, self._of_conversation().reasoning)

    def _take_model(self, model: ModelInfo | None) -> None:
        self._model = model
        self._set_defaults()
        self.answer.show_reasoning(model is not None and "reasoning" in model.capabilities)
        self.presets.show_model(model)
        self._find_table(model)
        self._begin()
        self._show_count()
        self._look()

    def _find_table(self, model: ModelInfo | None) -> None:
        """The options of the model's engine, asked once for each engine."""
        if model is None or self._host is None:
            return
        engine, name = model.engine, model.id
        if engine in self._tables:
            self._take_table(self._tables[engine])
            return
        self._tables[engine] = tuple(self.section.specs.values())  # until the answer, and where there is none

        def take(specs: list[OptionSpec]) -> None:
            self._tables[engine] = tuple(specs)
            if self._model is not None and self._model.engine == engine:
                self._take_table(self._tables[engine])

        self._host.call(lambda client: client.sampling_options(name), take, lambda _: None, self)

    def _take_table(self, specs: tuple[OptionSpec, ...]) -> None:
        if specs == tuple(self.section.specs.values()):
            return
        values = {**self.section.foreign_sampling(), **self.section.sampling()}
        before, self.section = self.section, SamplerSection(specs)
        self._set_defaults()
        self.section.set_sampling(values)
        self.section.changed.connect(self._changed)
        self._column.replaceWidget(before, self.section)
        before.hide()
        before.deleteLater()
        self._align()
        self._show_count()

    def _set_defaults(self) -> None:
        """Those of the model; a pane takes what it does not set from the conversation. What is stored stays."""
        inherited = self._aside.settings.sampling if self._aside is not None else {}
        untouched = not self._pause.isActive() and self._whole() == self._shown
        others = self.section.set_defaults({**(self._model.sampling if self._model is not None else {}), **inherited})
        if others and untouched:
            self._put(self._known)
            self._remember(self._known)

    def _begin(self) -> None:
        """A new conversation nobody has touched begins with the default preset of its model."""
        if self._fresh and self._aside is None:
            preset = self.presets.default()
            if preset is not None and preset != self.presets.current:
                self._apply(AnswerSettings().with_preset(preset), preset)

    def _presets_listed(self) -> None:
        self._begin()
        if self.presets.current is None:
            self.presets.recognise()

    def _system_changed(self, text: str | None) -> None:
        self.presets.look()
        if self._pane is not None:
            self._tell()
        else:
            self._look()
            self.system_changed.emit(text or "")

    def _changed(self) -> None:
        self._fresh = False
        self._show_count()
        self._look()
        self.running.look()
        self._pause.start()
        self.sampling_changed.emit()

    def _tell(self) -> None:
        self._pause.stop()  # told once: a second time might undo what another program has set since
        if self._pane is None:
            self.settings_changed.emit()
            return
        self._pane = msgspec.structs.replace(self.settings().pane(self._pane), system=self.prompt.text())
        self._remember(settings_of(self._pane))
        self.pane_changed.emit(self._pane)

    def _show_mode(self) -> None:
        of_pane = self._pane is not None
        self.title.setText(self._name)
        self.back.setVisible(of_pane)
        self.back.setText("Back to all panes" if self._name == COMPARED else "Back to the chat")
        for part in (self.next_token, self._line):
            part.setVisible(not of_pane and self._name != COMPARED)
        if of_pane:
            self.running.hide()
        else:
            self.running.look()

    # ---------------------------------------------------------------- parts that are built late

    def _build_preview(self) -> QWidget:
        from paddock.gui.pages.inspector_preview import NextToken

        self.preview = NextToken()
        if self._host is not None:
            self.preview.bind(self._host)
        self.preview.load_wanted.connect(self.load_wanted)
        self.preview.noted.connect(self.next_token.head.set_note)
        self.preview.show_options(self.section.options())
        return self.preview

    def _watch(self, open: bool) -> None:
        self._look()
        if self.preview is not None:
            self.preview.watch(open)
        if open:
            self._reveal(self.next_token)

    def _look(self) -> None:
        if self.preview is not None:
            from paddock.gui.pages.inspector_preview import Sight

            chat, leaf = self._place
            model = self._model.id if self._model is not None else ""
            system, reasoning = self.prompt.text() or "", self.answer.values()[2]
            self.preview.show_sight(Sight(chat, leaf, model, system, reasoning))

    def open_library(self) -> None:
        """Open the library of system prompts."""
        if self._host is not None and self._messages is not None:
            from paddock.gui.pages.inspector_prompts import PromptLibrary

            name = (self._model.name or self._model.id) if self._model is not None else ""
            library = PromptLibrary(self._host, self._messages, self.prompt.text() or "", name, self)
            library.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            library.used.connect(self.prompt.use)
            library.inserted.connect(self.prompt.insert)
            library.open()

    def import_presets(self) -> None:
        """Open the sheet that takes presets of other programs."""
        if self._host is not None and self._messages is not None:
            from paddock.gui.pages.inspector_import import ImportPreset

            sheet = ImportPreset(self._host, self)
            sheet.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            sheet.kept.connect(self.apply_preset)
            sheet.open()
