"""Judging a comparison: votes, blind mode and differences, and what is made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import Messages
from paddock.gui.pages.compare_blind import OneTurn, blinded
from paddock.gui.pages.compare_differences import Differences
from paddock.gui.pages.compare_reveal import reveal
from paddock.gui.pages.compare_verdict import Choice, VerdictRow
from paddock.gui.widgets import Divider
from paddock.gui.window_state import WindowState
from paddock.sdk.compare import Outcome, Vote, VoteRequest, can_be_voted_on
from paddock.sdk.types import ChatMessage

if TYPE_CHECKING:
    from paddock.gui.pages.compare import CompareView

BLIND = "Hides whose answers they are, their order and their numbers, until you have voted"


class Judging(QObject):
    """Puts its parts into ``view``. GUI thread only."""

    def __init__(self, view: CompareView, host: HostState, messages: Messages, state: WindowState) -> None:
        super().__init__(view)
        self._view, self._host, self._messages = view, host, messages
        self._chat = ""
        self._votes: dict[str, Vote] = {}
        self._looking = False
        self.row = VerdictRow()
        self.blind = view.head_tools.add_toggle("Blind", "eye-off", BLIND)
        self.blind.set(state.compare_blind)
        self.differences = Differences(view, host, on=state.compare_differences)
        box = QWidget()
        column = self._column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(Divider())
        column.addWidget(self.differences.legend)
        column.addWidget(self.row)
        layout = view.vote_row.layout()
        assert layout is not None
        layout.addWidget(box)
        self._fill_menu()
        self._connect()

    def _connect(self) -> None:
        view = self._view
        view.installEventFilter(self)
        for toggle in (self.blind, self.differences.toggle):
            toggle.toggled.connect(self._toggled)
        for changed in (view.changed, view.turn_changed, view.settled, view.session.run_changed):
            changed.connect(lambda *_: self.look())
        self.row.voted.connect(self.vote)
        self.row.taken_back.connect(self.take_back)
        self.row.adopt_wanted.connect(self._adopt)
        self._host.snapshot.connect(self.read_votes)

    def _fill_menu(self) -> None:
        menu = self._view.head_tools.menu
        menu.addAction("Export side by side…", self.export)

    # ---------------------------------------------------------------- what is known

    @property
    def vote_given(self) -> Vote | None:
        """The vote on the question in view."""
        return self._votes.get(self._view.turn)

    @property
    def hidden(self) -> bool:
        """Nobody is to see who answers."""
        return self._view.shelf.veil is not None

    def answers(self) -> dict[str, ChatMessage]:
        """The answers to the question in view by the panes' ids, in their order on the screen."""
        view = self._view
        found = ((shown.pane, view.answer(shown.pane, view.turn)) for shown in view.grid.panes)
        return {pane: message for pane, message in found if message is not None}

    def _ready(self) -> bool:
        running = self._view.session.running or any(item.state == "generating" for item in self.answers().values())
        return not running

    def _votable(self) -> bool:
        """Whether two panes have given answers of their own that can be judged."""
        return self._ready() and len({message.id for message in self._judged().values()}) > 1

    def _judged(self) -> dict[str, ChatMessage]:
        """The answers that can be judged, by the panes' ids."""
        return {pane: message for pane, message in self.answers().items() if can_be_voted_on(message)}

    # ---------------------------------------------------------------- votes

    def vote(self, outcome: Outcome, pane: str = "") -> None:
        """Vote on the question in view; the same vote once more takes it back."""
        given, view = self.vote_given, self._view
        if given is not None and (given.outcome, given.pane) == (outcome, pane):
            self.take_back()
            return
        request = VoteRequest(chat=view.chat, turn=view.turn, outcome=outcome, pane=pane, blind=self.hidden)
        if self._votable():
            self._host.change(lambda client: client.vote(request), self._voted, self._failed, self)
        self.look()

    def take_back(self) -> None:
        """The question in view was not voted on."""
        given = self.vote_given
        if given is not None:
            self._host.change(
                lambda client: client.delete_vote(given.id), lambda _: self._forget(given), self._failed, self
            )

    def _voted(self, vote: Vote) -> None:
        if vote.chat != self._view.chat:
            return
        was_hidden = self.hidden
        self._votes[vote.turn] = vote
        self.look()
        if was_hidden and not self.hidden:
            reveal(self._view.grid.panes)

    def _forget(self, vote: Vote) -> None:
        if self._votes.get(vote.turn) == vote:
            del self._votes[vote.turn]
        self.look()

    def _failed(self, error: BaseException) -> None:
        self._messages.error(error)
        self.read_votes()

    def read_votes(self) -> None:
        """They may have been changed elsewhere."""
        chat = self._view.chat
        if chat:
            self._host.change(  # in turn: the answer may else be older than a vote that is given meanwhile
                lambda client: client.votes(chat), lambda votes: self._know(chat, votes), self._messages.error, self
            )

    def _know(self, chat: str, votes: list[Vote]) -> None:
        if chat == self._view.chat:
            self._votes = {vote.turn: vote for vote in votes}
            self.look()

    # ---------------------------------------------------------------- showing

    def look(self) -> None:
        """Bring everything up to date with what the comparison shows."""
        if self._looking:  # to cover the panes changes what they show
            return
        self._looking = True
        try:
            if self._view.chat != self._chat:
                self._chat, self._votes = self._view.chat, {}
                self.read_votes()
            self._cover()
            self._show_row()
            self.differences.look(self._ready())
            self._fit()
        finally:
            self._looking = False

    def _cover(self) -> None:
        view, shelf, ready = self._view, self._view.shelf, self._ready()
        panes = [pane.id for pane in view.session.panes]
        going = shelf.veil is not None and view.session.running  # what has begun unseen ends unseen
        if not panes or not (self.blind.on or going):
            if shelf.cover is not None:
                view.set_veil(None)
            return
        hidden = self.vote_given is None and (not view.turn or not ready or self._votable())
        asked = "" if view.turn.startswith("local-") else view.turn
        veil = blinded(view.chat, asked, panes)
        cover = OneTurn(view.turn, hidden, ready)
        wanted = veil if hidden else None
        if (shelf.veil, shelf.order, shelf.cover) != (wanted, veil.order, cover):
            view.set_veil(wanted, veil.order, cover)

    def _show_row(self) -> None:
        view, given, votable = self._view, self.vote_given, self._votable()
        if votable or (given is not None and self._ready()):
            last = view.session.turns()[-1:] == [view.turn]
            self.row.show_choices(self._choices(votable), given, adoptable=last and not self.hidden, votable=votable)
        elif self.hidden and not self._ready():
            self.row.show_waiting("The answers come into view together, in an order of their own")
        else:
            self.row.show_nothing()

    def _choices(self, votable: bool) -> list[Choice]:
        """The panes that can be voted for, and the one that was: its answer may have failed since."""
        judged, given = self._judged() if votable else {}, self.vote_given
        chosen = given.pane if given is not None else ""
        shown = [pane for pane in self._view.grid.panes if pane.pane in judged or pane.pane == chosen]
        return [Choice(pane.pane, pane.mark, pane.color, pane.title) for pane in shown]

    def _fit(self) -> None:
        self.differences.fit()
        nothing = self.row.isHidden() and self.differences.legend.isHidden()
        self._column.setContentsMargins(0, 0, 0, 10 if nothing else 0)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The legend goes where the view is low."""
        if event.type() == QEvent.Type.Resize:
            self._fit()
        return super().eventFilter(watched, event)

    def _toggled(self) -> None:
        self.look()
        self._view.state_changed.emit()

    def remember(self, state: WindowState) -> WindowState:
        """``state`` with what is switched on."""
        return msgspec.structs.replace(
            state, compare_blind=self.blind.on, compare_differences=self.differences.toggle.on
        )

    # ---------------------------------------------------------------- what is made of it

    def _adopt(self) -> None:
        given = self.vote_given
        if given is not None and given.outcome == "pane":
            self._view.adopt(given.pane)

    def export(self) -> None:
        """The panes beside each other as a file; without names while they are hidden."""
        from paddock.gui.pages.export_dialog import ExportDialog

        view = self._view
        dialog = ExportDialog(
            self._host, self._messages, (view.chat,), side_by_side=True, blind=self.hidden, parent=view
        )
        dialog.open()
