"""The Compare view: one question on top, two to six panes that answer it, each with its numbers.

The bar above it and the composer below it are the Chat page's; ``head_tools`` and ``composer_tools`` go into them.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QEvent, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import Messages
from paddock.gui.models import panes as facts
from paddock.gui.pages import compare_words as words
from paddock.gui.pages.compare_deeds import PaneDeeds
from paddock.gui.pages.compare_judging import Judging
from paddock.gui.pages.compare_panes import Cover, PaneShelf, Veil
from paddock.gui.pages.compare_plan import Planner
from paddock.gui.pages.compare_question import QuestionRow
from paddock.gui.pages.compare_session import Comparison
from paddock.gui.pages.compare_tools import ComposerTools, HeadTools
from paddock.gui.pages.compare_turns import TurnFollower
from paddock.gui.pages.compare_words import ComposerState
from paddock.gui.theme import new_look
from paddock.gui.widgets.conversation.gallery import Gallery
from paddock.gui.widgets.pane_grid import PaneGrid
from paddock.gui.widgets.pane_view import PaneView
from paddock.gui.window_state import WindowState
from paddock.sdk.pictures import Picture
from paddock.sdk.types import ChatMessage, NewChat, Pane

TICK_MS = 250
"""The numbers of panes that answer are brought up to date so often."""


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
    """A turn and the words of its question."""
    change_wanted = Signal(str, str)
    """An answer and its words."""
    insert_wanted = Signal(str, str)
    """The message that a new one is to stand beside, and who says it."""
    given_back = Signal(str, object)
    """The words of a question that was not asked, and its Pictures."""
    picture_opened = Signal(str)
    settings_wanted = Signal(str, object)
    """A pane in words, and the Pane."""
    load_wanted = Signal(str)
    leaderboard_wanted = Signal()
    prompt_list_wanted = Signal(object)
    """The Panes that the list would be asked in."""
    open_wanted = Signal(str)

    def __init__(self, host: HostState, messages: Messages, state: WindowState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host, self._messages = host, messages
        self.grid = PaneGrid()
        self.shelf = PaneShelf(host, self.grid, self)
        self.session = Comparison(host, self.shelf)
        self.planner = Planner(host, self.session)
        self.follower = TurnFollower(lambda: self.shelf.panes.values(), self)
        self.deeds = PaneDeeds(host, messages, self.session, self.shelf, self.follower, self)
        self.gallery = Gallery(self)
        self.question = QuestionRow(self.gallery)
        self.vote_row = QWidget()
        self.head_tools = HeadTools()
        self.composer_tools = ComposerTools()
        self._tick = QTimer(self)
        self._tick.setInterval(TICK_MS)
        self._lay_out()
        self._connect()
        self.grid.set_four(state.compare_four)
        self.head_tools.together.set(state.compare_together)
        self.follower.set_together(state.compare_together)
        self._fill_menu()
        self.judging = Judging(self, host, messages, state)

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
        self.shelf.came.connect(self.follower.watch)
        session.changed.connect(self._show)
        session.run_changed.connect(self._run_changed)
        session.settled.connect(self._settled)
        session.created.connect(self.created)
        session.ended.connect(self.ended)
        session.deleted.connect(self.deleted)
        session.given_back.connect(self.given_back)
        session.failed.connect(lambda error: self._messages.error(error))
        self.planner.changed.connect(self._refresh)
        self.follower.changed.connect(self._turn_changed)
        self.question.step_wanted.connect(self.follower.step)
        self.question.edit_wanted.connect(self._edit)
        self.question.picture_opened.connect(self.picture_opened)
        self.grid.ordered.connect(self.deeds.order)
        self.deeds.settings_wanted.connect(self.settings_wanted)
        self.deeds.load_wanted.connect(self.load_wanted)
        stored = self.deeds.stored
        stored.edit_wanted.connect(self.edit_wanted)
        stored.change_wanted.connect(self.change_wanted)
        stored.insert_wanted.connect(self.insert_wanted)
        stored.open_wanted.connect(self.open_wanted)
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
    def panes(self) -> dict[str, PaneView]:
        """The panes as widgets, by their ids."""
        return self.shelf.panes

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
        wanted = tuple(panes) or (Pane(model=model), Pane(model=self.deeds.another({model}) or model))
        self.session.begin(chat, wanted, NewChat(model=model, system=system))

    def leave(self) -> None:
        """Another conversation is shown; answers go on in the host."""
        self.session.leave()
        self._show()

    def send(self, text: str, instead_of: str = "", pictures: tuple[Picture, ...] = ()) -> None:
        """Ask the panes that the composer names, or ask the question ``instead_of`` in other words; that one keeps its
        own pictures."""
        target = self.composer_tools.target
        if instead_of:
            self.session.edit(instead_of, text)
        else:
            self.session.send(text, (target,) if target else (), pictures)

    def stop(self) -> None:
        self.session.stop()

    def set_pictured(self, pictured: bool) -> None:
        """Whether the message that is being written has pictures: panes that cannot see them say so."""
        self.shelf.pictured = pictured
        self._ticked()

    def regenerate(self) -> None:
        """New versions of all answers to the question in view."""
        if self.turn and not self.session.running:
            self.session.again(self.turn)

    def set_pane(self, pane: Pane) -> None:
        """Other settings for a pane, by its id."""
        self.deeds.set_pane(pane)

    def add_pane(self) -> None:
        """Choose the model of another pane."""
        self.deeds.add(self.head_tools.add)

    def adopt(self, pane: str) -> None:
        """All panes go on from the conversation as this one has it."""
        self.deeds.adopt(pane)

    def set_four_in_a_row(self, on: bool) -> None:
        """Whether four panes stand in a row, else two by two."""
        self.grid.set_four("row" if on else "grid")
        self.state_changed.emit()

    def set_veil(self, veil: Veil | None, order: Sequence[str] = (), cover: Cover | None = None) -> None:
        """Hide who answers, show the panes in another ``order`` than theirs and of their messages what ``cover`` gives;
        None shows all again. Nothing is stored."""
        self.shelf.veil, self.shelf.order, self.shelf.cover = veil, tuple(order), cover
        self._show()
        for pane, path in self.session.paths.items():
            self.shelf.show_path(pane, path)
        self._ticked()

    def composer_state(self) -> ComposerState:
        session, names = self.session, words.names_of(self._host, self.session)
        targets = tuple((view.pane, view.title) for view in self.grid.panes)
        target = self.composer_tools.target
        busy = session.running if not target else session.asking is not None or target in session.runs
        note = words.note(self._host, session, self.planner.plan if self.shelf.veil is None else None)
        if self.shelf.veil is not None:
            names = {pane: view.title for pane, view in self.panes.items()}
        placeholder = words.placeholder(session, target, names)
        blind = words.blind(self._host, session, target if self.shelf.veil is None else "")  # or it would tell
        return ComposerState(placeholder, targets, target, note, None, busy, blind)

    def regions(self) -> list[QWidget]:
        """Where F6 goes: the panes' conversations."""
        return [pane.view for pane in self.panes.values() if pane.isVisible()]

    def model_in_use(self) -> str:
        """The model of the pane that has the focus, else of the one that the composer asks, else of the one that had
        the focus last, else of the first in view; empty without panes."""
        in_view = [view for view in self.grid.panes if view.isVisible()]

        def around(widget: QWidget | None) -> str:
            return next((view.pane for view in in_view if widget is not None and view.isAncestorOf(widget)), "")

        pane = around(self.window().focusWidget()) or self.composer_tools.target or around(self.focusWidget())
        pane = pane or next((view.pane for view in in_view), "")
        return next((self.session.model(item) for item in self.session.panes if item.id == pane), "")

    def remember(self, state: WindowState) -> WindowState:
        kept = msgspec.structs.replace(state, compare_four=self.grid.four, compare_together=self.follower.together)
        return self.judging.remember(kept)

    def answer(self, pane: str, turn: str) -> ChatMessage | None:
        """What a pane answered to a question."""
        return self.session.answer(pane, turn)

    # ---------------------------------------------------------------- showing

    def _opened(self) -> None:
        self.composer_tools.choose("")
        self._show()
        self.opened.emit()

    def _show(self) -> None:
        self._refresh()
        self.changed.emit()

    def _refresh(self) -> None:
        """Everything, as the session has it now."""
        session = self.session
        self.shelf.sync(session)
        self.follower.set_turns(session.turns())
        self.composer_tools.show_targets([(view.pane, view.title) for view in self.grid.panes])
        self._four_entry.setVisible(len(session.panes) == 4)
        self._show_question()
        self._ticked()

    def _show_question(self) -> None:
        asked = facts.question(self.session.paths.values(), self.turn)
        number, count = self.follower.place()
        editable = asked is not None and not asked.id.startswith("local-") and not self.session.running
        content, pictures = (asked.content, asked.pictures) if asked is not None else ("", ())
        self.question.show_question(content, number, count, editable=editable, pictures=pictures)

    def _turn_changed(self, turn: str) -> None:
        self._show_question()
        self.shelf.show_numbers(self.session, turn)
        self.turn_changed.emit(turn)

    def _run_changed(self, pane: str) -> None:
        if not self._tick.isActive():
            self._tick.start()
            self._ticked()

    def _ticked(self) -> None:
        self.shelf.show_numbers(self.session, self.turn)
        self.shelf.show_runs(self.session, self.planner)
        if not self.session.runs:
            self._tick.stop()
        self.composer_state_changed.emit()

    def _settled(self, pane: str) -> None:
        self._ticked()
        self.settled.emit(pane)

    def _models_changed(self) -> None:
        if self.session.panes:
            self._refresh()

    def _together(self, on: bool) -> None:
        self.follower.set_together(on)
        self.state_changed.emit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if new_look(event):
            self._refresh()  # the silks are others in the other theme
            self.changed.emit()

    def _edit(self) -> None:
        asked = facts.question(self.session.paths.values(), self.turn)
        if asked is not None:
            self.edit_wanted.emit(self.turn, asked.content)
