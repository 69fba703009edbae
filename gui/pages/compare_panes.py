"""The panes of a comparison as widgets: they come and go with the panes, and show what is known of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
from PySide6.QtCore import QObject, Qt, Signal

from paddock.gui.host_state import HostState
from paddock.gui.models import panes as facts
from paddock.gui.models.pane_apart import beside
from paddock.gui.pages import compare_words as words
from paddock.gui.pages.compare_plan import Planner
from paddock.gui.pages.compare_session import Comparison
from paddock.gui.widgets.conversation import Turns
from paddock.gui.widgets.pane_grid import PaneGrid
from paddock.gui.widgets.pane_view import Dress, PaneView
from paddock.sdk.errors import ModelNotFound, NoVision
from paddock.sdk.types import ChatMessage, Pane


class Veil(Protocol):
    """Hides who answers: the letter of each pane, by its id."""

    def alias(self, pane: str) -> str: ...


Cover = Callable[[str, Sequence[ChatMessage]], Sequence[ChatMessage]]
"""What is shown of the messages of a pane, by its id."""


class PaneShelf(QObject):
    """``panes`` are the widgets by the panes' ids, in the order of the comparison. ``veil`` hides who answers,
    ``cover`` gives what is shown of a pane's messages, ``order`` are the panes as they are shown; ``pictured``: what is
    being written has pictures."""

    came = Signal(object)
    """A PaneView is new."""

    def __init__(self, host: HostState, grid: PaneGrid, parent: QObject) -> None:
        super().__init__(parent)
        self._host, self._grid = host, grid
        self._turns = Turns(self)
        self._worn: dict[str, int] = {}
        self._memory: dict[str, int] = {}
        self._waiting: dict[str, Sequence[ChatMessage]] = {}
        self.pictured = False
        self.order: tuple[str, ...] = ()
        self.veil: Veil | None = None
        self.cover: Cover | None = None
        self.panes: dict[str, PaneView] = {}

    # ---------------------------------------------------------------- what the session says

    def show_path(self, pane: str, messages: Sequence[ChatMessage]) -> None:
        """A pane's conversation. The first question stands above the panes, later ones are a line between answers."""
        view = self.panes.get(pane)
        if view is None:
            return
        shown: list[ChatMessage] = []
        copies: dict[str, str] = {}
        asked = False
        for message, turn in zip(messages, facts.turn_of(messages), strict=True):
            if message.role == "assistant":
                shown.append(msgspec.structs.replace(message, turn=turn))
            elif message.role == "user":
                line = facts.in_a_line(message.content, len(message.pictures))
                if asked:
                    shown.append(msgspec.structs.replace(message, content=line, pictures=(), turn=turn))
                    copies[line] = message.content
                asked = True
        view.show_messages(shown if self.cover is None else self.cover(pane, shown), copies)

    def stream(self, pane: str, message: str, text: str, reasoning: str) -> None:
        view = self.panes.get(pane)
        if view is not None and self.veil is None:  # how fast an answer is written tells whose it is
            if reasoning:
                view.view.stream_reasoning(message, reasoning)
            if text:
                view.view.stream_text(message, text)

    def finish(self, pane: str, message: ChatMessage) -> None:
        view = self.panes.get(pane)
        if view is not None and self.veil is None:
            view.view.finish(message)

    # ---------------------------------------------------------------- who is there

    def sync(self, session: Comparison) -> None:
        """A widget for every pane, dressed as the pane is now."""
        before, self.panes = self.panes, {}
        for pane in session.panes:
            view = before.get(pane.id)
            if view is None:
                view = PaneView(pane.id, self._turns)
                self.came.emit(view)
            self.panes[pane.id] = view
        self._wear(session)
        place = {pane: number for number, pane in enumerate(self.order or self.panes)}
        ordered = sorted(self.panes.values(), key=lambda view: place.get(view.pane, len(place)))
        if ordered != self._grid.panes:
            self._grid.set_panes(ordered)
            for view in ordered:
                view.raise_()  # screen readers go by the order of the children
        self._host.follow_panes([(session.model(pane), self._worn[pane.id]) for pane in session.panes])

    def reveal(self, pane: str) -> None:
        """Show the page that a pane is on, and give its head the focus."""
        self._grid.reveal(self.panes[pane])
        self.panes[pane].head.model.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _wear(self, session: Comparison) -> None:
        panes = [msgspec.structs.replace(pane, model=session.model(pane)) for pane in session.panes]
        loaded = {item.model for item in self._host.loaded.values()}
        silks = {model: silk for model, silk in self._host.silks.worn.items() if model in loaded}
        self._worn = facts.dress(panes, silks, self._worn)
        names = [pane.name or self._host.model_name(pane.model) for pane in panes]
        infos = [self._host.models.get(pane.model) for pane in panes]
        sides = beside(panes, names, infos, self._host.models_known)
        for number, (pane, name, side) in enumerate(zip(panes, names, sides, strict=True), 1):
            tip = "\n".join(filter(None, (name, side.whole, pane.model)))
            view = self.panes[pane.id]
            view.wear(Dress(number, self._worn[pane.id], name, side, pane.model, tip))
            view.set_alias(self.veil.alias(pane.id) if self.veil is not None else None)

    # ---------------------------------------------------------------- how they do

    def show_numbers(self, session: Comparison, turn: str) -> None:
        """The strips, for the answers to ``turn``."""
        shown = [self._figures(session, pane, turn) for pane in session.panes]
        for pane, measures in zip(session.panes, facts.strips(shown), strict=True):
            self.panes[pane.id].show_measures(measures)

    def _figures(self, session: Comparison, pane: Pane, turn: str) -> facts.Figures:
        memory = self._held(session.model(pane))
        answer, run = session.answer(pane.id, turn), session.runs.get(pane.id)
        if run is not None and answer is not None and run.answer == answer.id:
            return run.figures(memory)
        if answer is not None and answer.pane not in ("", pane.id):
            return facts.Figures(memory=memory, settled=True)  # another pane wrote it, and took that long
        return facts.figures(answer, memory)

    def _held(self, model: str) -> int | None:
        """Bytes that a model takes, or took when it was last loaded."""
        loaded = self._host.loaded_model(model)
        if loaded is not None and loaded.state == "ready":
            held = loaded.measured_bytes or loaded.predicted_bytes or loaded.size_bytes
            if held:
                self._memory[model] = held
        return self._memory.get(model)

    def show_runs(self, session: Comparison, planner: Planner) -> None:
        """What each pane waits for, or why it would not answer."""
        names = words.names_of(self._host, session)
        for pane in session.panes:
            view, run = self.panes[pane.id], session.runs.get(pane.id)
            view.show_running(run is not None and self.cover is None)
            if self.veil is not None:
                view.view.wait(words.TOGETHER)
            elif run is not None:
                waits = facts.waits_for(pane.id, planner.plan, session.runs, names)
                view.view.set_progress(run.answer, words.progress(run, names[pane.id], waits))
            self._show_trouble(session, planner, pane, view)

    def _show_trouble(self, session: Comparison, planner: Planner, pane: Pane, view: PaneView) -> None:
        model = session.model(pane)
        named = msgspec.structs.replace(pane, model=model)
        path = session.paths.get(pane.id, [])
        last = path[-1] if path else None
        failed = last.error if last is not None and last.state == "failed" and last.model == model else None
        info = self._host.models.get(model)
        known, blind = self._host.models_known, self.pictured and not self._host.sees(model)
        sentence, settings = words.trouble(named, info, planner.plan, known=known, blind=blind)
        said = failed is not None and (settings or failed.get("code") in (ModelNotFound.code, NoVision.code))
        if said or self.veil is not None or pane.id in session.runs:  # the answer says why, with its remedy
            sentence = ""
        view.show_trouble(sentence, settings=settings)
