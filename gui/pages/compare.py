"""The Compare view: one question on top, two to six panes that answer it, each with its numbers.

The bar above it and the composer below it are the Chat page's; ``head_tools`` and ``composer_tools`` go into them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec
from PySide6.QtCore import QEvent, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import Messages
from paddock.gui.models import panes as facts
from paddock.gui.pages import compare_words as words
from paddock.gui.pages.compare_menu import PaneDeeds, open_pane_menu
from paddock.gui.pages.compare_plan import Planner
from paddock.gui.pages.compare_question import QuestionRow
from paddock.gui.pages.compare_session import Comparison
from paddock.gui.pages.compare_tools import ComposerTools, HeadTools
from paddock.gui.pages.compare_turns import TurnFollower
from paddock.gui.pages.compare_words import ComposerState
from paddock.gui.pages.model_picker import ModelPicker
from paddock.gui.widgets.conversation import Turns
from paddock.gui.widgets.pane_grid import PaneGrid
from paddock.gui.widgets.pane_view import Dress, PaneView
from paddock.gui.window_state import WindowState
from paddock.sdk.compare import MOST_PANES
from paddock.sdk.types import ChatMessage, NewChat, Pane

TICK_MS = 250
"""The numbers of panes that answer are brought up to date so often."""


class Veil(Protocol):
    """Hides who answers: the letter of each pane, by its id."""

    def alias(self, pane: str) -> str: ...


class CompareView(QWidget):
    """Signals carry ids, unless they say otherwise."""

    opened = Signal()
    changed = Signal()
    """Title or panes."""
    composer_state_changed = Signal()
    created = Signal(str)
    ended = Signal(str)
    """The conversation goes on without panes."""
    deleted = Signal(str)
    state_changed = Signal()
    turn_changed = Signal(str)
    settled = Signal(str)
    edit_wanted = Signal(str, str)
    """A question and its words."""
    given_back = Signal(str)
    settings_wanted = Signal(str, object)
    """A pane in words, and the Pane."""
    load_wanted = Signal(str)
    leaderboard_wanted = Signal()
    prompt_list_wanted = Signal(object)
    """The Panes that the list would be asked in."""
    open_wanted = Signal(str)

    def __init__(
        self, host: HostState, messages: Messages, state: WindowState, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._host, self._messages = host, messages
        self._worn: dict[str, int] = {}
        self._memory: dict[str, int] = {}
        self._order: tuple[str, ...] = ()
        self._picking = ""
        self._settle_new: set[str] | None = None
        self.veil: Veil | None = None
        self.panes: dict[str, PaneView] = {}
        self.session = Comparison(host, self)
        self.planner = Planner(host, self.session)
        self.follower = TurnFollower(lambda: self.panes.values(), self)
        self.question = QuestionRow()
        self.grid = PaneGrid()
        self.vote_row = QWidget()
        self.head_tools = HeadTools()
        self.composer_tools = ComposerTools()
        self._turns = Turns(self)
        self._picker: ModelPicker | None = None
        self._tick = QTimer(self)
        self._tick.setInterval(TICK_MS)
        self._lay_out()
        self._connect()
        self.grid.set_four(state.compare_four)
        self.head_tools.together.set(state.compare_together)
        self._fill_menu()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.question)
        column.addWidget(self.grid, 1)
        votes = QHBoxLayout(self.vote_row)
        votes.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.vote_row)
        self.question.hide()

    def _connect(self) -> None:
        host, session = self._host, self.session
        session.opened.connect(self._opened)
        session.changed.connect(self._show)
        session.run_changed.connect(self._run_changed)
        session.settled.connect(self._settled)
        session.created.connect(self.created)
        session.ended.connect(self.ended)
        session.deleted.connect(self.deleted)
        session.given_back.connect(self.given_back)
        session.failed.connect(lambda error: self._messages.error(error))
        self.planner.changed.connect(self._show)
        self.follower.changed.connect(self._turn_changed)
        self.question.step_wanted.connect(self.follower.step)
        self.question.edit_wanted.connect(self._edit)
        self.grid.ordered.connect(self._ordered)
        self.head_tools.add_wanted.connect(self.add_pane)
        self.head_tools.together.toggled.connect(self._together)
        self.composer_tools.target_changed.connect(self.composer_state_changed)
        self.composer_tools.list_wanted.connect(lambda: self.prompt_list_wanted.emit(self.session.panes))
        self._tick.timeout.connect(self._ticked)
        host.models_changed.connect(self._models_changed)
        host.connection_changed.connect(self.composer_state_changed)

    def _fill_menu(self) -> None:
        menu = self.head_tools.menu
        self._four_entry = menu.addAction("Four panes in a row")
        self._four_entry.setCheckable(True)
        self._four_entry.setChecked(self.grid.four == "row")
        self._four_entry.toggled.connect(self.set_four_in_a_row)
        menu.addAction("Regenerate all answers", self.regenerate)
        menu.addAction("Add a pane…", self.add_pane)
        menu.addSeparator()
        menu.addAction("Leaderboard", self.leaderboard_wanted.emit)

    # ---------------------------------------------------------------- what the Chat page calls

    @property
    def chat(self) -> str:
        return self.session.chat

    @property
    def title(self) -> str:
        return self.session.title

    @property
    def turn(self) -> str:
        """The question in view; empty where there is none."""
        return self.follower.turn

    def open(self, chat: str) -> None:
        """Show a stored comparison."""
        self.session.open(chat)

    def begin(self, chat: str, panes: Sequence[Pane] = (), *, model: str = "", system: str = "") -> None:
        """Compare in the conversation ``chat``; an empty one is made at once. Without ``panes`` its ``model`` and
        another."""
        model = model or self._host.settings.default_model
        wanted = tuple(panes) or (Pane(model=model), Pane(model=self._another({model}) or model))
        self.session.begin(chat, wanted, NewChat(model=model, system=system))

    def leave(self) -> None:
        """Another conversation is shown; answers go on in the host."""
        self.session.leave()
        self._show()

    def send(self, text: str, instead_of: str = "") -> None:
        """Ask the panes that the composer names, or ask the question ``instead_of`` in other words."""
        target = self.composer_tools.target
        if instead_of:
            self.session.edit(instead_of, text)
        else:
            self.session.send(text, (target,) if target else ())

    def stop(self) -> None:
        self.session.stop()

    def regenerate(self) -> None:
        """New versions of all answers to the question in view."""
        if self.turn and not self.session.running:
            self.session.again(self.turn)

    def set_pane(self, pane: Pane) -> None:
        """Other settings for a pane, by its id."""
        panes = [pane if item.id == pane.id else item for item in self.session.panes]
        if tuple(panes) != self.session.panes:
            self.session.put(panes)

    def composer_state(self) -> ComposerState:
        session, names = self.session, self._names()
        targets = tuple((pane, view.title) for pane, view in self.panes.items())
        target = self.composer_tools.target
        busy = session.running if not target else session.asking is not None or target in session.runs
        note = words.note(self._host, session, self.planner.plan if self.veil is None else None)
        return ComposerState(words.placeholder(session, target, names), targets, target, note, None, busy)

    def regions(self) -> list[QWidget]:
        """Where F6 goes: the panes' conversations."""
        return [pane.view for pane in self.panes.values() if pane.isVisible()]

    def remember(self, state: WindowState) -> WindowState:
        return msgspec.structs.replace(
            state, compare_four=self.grid.four, compare_together=self.follower.together
        )

    def answer(self, pane: str, turn: str) -> ChatMessage | None:
        """What a pane answered to a question."""
        return self.session.answer(pane, turn)

    # ---------------------------------------------------------------- panes

    def add_pane(self) -> None:
        """Choose the model of another pane."""
        if len(self.session.panes) >= MOST_PANES:
            self._messages.info(f"{MOST_PANES} panes are the most that can be compared.", key="panes")
        elif self.session.panes:
            self._pick("", self.head_tools.add, self._another({self.session.model(p) for p in self.session.panes}))

    def duplicate(self, pane: str) -> None:
        """A pane with the same model, and its settings to change."""
        found = self._pane(pane)
        if len(self.session.panes) < MOST_PANES:
            self._settle_new = set(self.panes)
            at = self.session.panes.index(found) + 1
            twin = msgspec.structs.replace(found, id="")
            self.session.put((*self.session.panes[:at], twin, *self.session.panes[at:]))

    def remove(self, pane: str) -> None:
        """Take a pane away; where one would be left it goes on alone."""
        left = [item for item in self.session.panes if item.id != pane]
        if len(left) == 1:
            self.session.end(left[0].id)
        else:
            self.session.put(left)

    def move(self, pane: str, step: int) -> None:
        """Put a pane ``step`` places to the right."""
        order = [item.id for item in self.session.panes]
        at = order.index(pane)
        if 0 <= at + step < len(order):
            self._ordered(at, at + step)
            self.panes[pane].head.model.setFocus()
            self.grid.reveal(self.panes[pane])

    def _ordered(self, source: int, target: int) -> None:
        panes = list(self.session.panes)
        panes.insert(target, panes.pop(source))
        self.session.put(panes)

    def set_order(self, order: Sequence[str]) -> None:
        """Show the panes in another order than theirs, until it is empty; nothing is stored."""
        self._order = tuple(order)
        self._place()

    def set_four_in_a_row(self, on: bool) -> None:
        self.grid.set_four("row" if on else "grid")
        self.state_changed.emit()

    def _pick(self, pane: str, anchor: QWidget, model: str) -> None:
        if self._picker is None:
            self._picker = ModelPicker(self._host, self)
            self._picker.chosen.connect(self._picked)
            self._picker.settings_wanted.connect(self.load_wanted)
        self._picking = pane
        self._picker.open_below(anchor, model)

    def _picked(self, model: str) -> None:
        if self._picking:
            self.set_pane(msgspec.structs.replace(self._pane(self._picking), model=model))
        else:
            self.session.put((*self.session.panes, Pane(model=model)))

    def _another(self, taken: set[str]) -> str:
        """A model that is not among those ``taken``, a loaded one before others; empty where there is none."""
        fit = [
            info
            for info in self._host.models.values()
            if info.error is None and info.id not in taken and (not info.capabilities or "chat" in info.capabilities)
        ]
        fit.sort(key=lambda info: (self._host.loaded_model(info.id) is None, info.name.casefold()))
        return fit[0].id if fit else ""

    def _pane(self, pane: str) -> Pane:
        return next(item for item in self.session.panes if item.id == pane)

    # ---------------------------------------------------------------- showing
