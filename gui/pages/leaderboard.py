"""The leaderboard of this computer: who won the votes, how sure that is, and the votes themselves."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import Messages, sentence
from paddock.gui.models import leaderboard as facts
from paddock.gui.models.model_table import used_text
from paddock.gui.pages.leaderboard_rows import StandingRow, VoteRow, scale_of
from paddock.gui.theme import current
from paddock.gui.widgets import Button, Chip, Divider, Label, Notice
from paddock.gui.widgets.layouts import empty
from paddock.gui.widgets.list_sheet import lay_out_list
from paddock.sdk.compare import Standing, StandingsBy, Vote

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient

Shown = Literal["model", "quant", "tag", "votes"]
NAMES: dict[Shown, str] = {"model": "Models", "quant": "Quants", "tag": "Tags", "votes": "Votes"}
WIDTH, HEIGHT = 720, 560
MOST_VOTES = 200
"""Older votes count, but are not listed."""
ABOUT = (
    "Ratings by the Bradley-Terry model, on the scale of chess: 1,000 is the average, 400 points more are odds of ten "
    "to one. The line over a bar is where the rating lies with 95 % certainty."
)
NO_VOTES = (
    "No votes yet. Compare two or more models in a conversation, ask something, and say below the answers which is "
    "best. Votes stay on this computer."
)
NO_TAGS = "No vote has a tag yet. A vote takes the tags that its conversation has when it is cast."


class LeaderboardDialog(QDialog):
    """``open_wanted`` carries the conversation of a vote; ``votes_changed``: one was removed."""

    open_wanted = Signal(str)
    votes_changed = Signal()

    def __init__(self, host: HostState, messages: Messages, parent: QWidget) -> None:
        super().__init__(parent)
        self._host, self._messages = host, messages
        self.standings: list[Standing] = []
        self.votes: list[Vote] = []
        self.rows: list[StandingRow] | list[VoteRow] = []
        self.shown: Shown = "model"
        self.known: Shown | None = None
        """What the rows are of."""
        self.setWindowTitle("Leaderboard")
        self.setProperty("role", "surface")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(True)
        self.chips = {kind: Chip(words) for kind, words in NAMES.items()}
        self.count = Label("", 13, 400, "text2", tabular=True)
        self.about = Label(ABOUT, 12, 400, "text2", wrap=True)
        self.empty = Label("Reading…", 13, 400, "text2", wrap=True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setContentsMargins(48, 72, 48, 0)
        self.trouble = Notice()
        self.export = Button("Export as CSV…", "quiet", "download")
        self.close_button = Button("Close")
        self._lay_out(parent)
        for kind, chip in self.chips.items():
            chip.setCheckable(True)
            chip.setAutoExclusive(True)
            chip.clicked.connect(partial(self.show_kind, kind))
        self.chips["model"].setChecked(True)
        self.export.clicked.connect(self._choose_file)
        self.close_button.clicked.connect(self.accept)
        self.trouble.action_triggered.connect(self.read)
        self.export.setEnabled(False)
        self.read()

    def _lay_out(self, parent: QWidget) -> None:
        chips = QHBoxLayout()
        chips.setContentsMargins(0, 6, 0, 2)
        chips.setSpacing(6)
        for chip in self.chips.values():
            chips.addWidget(chip)
        chips.addStretch(1)
        chips.addWidget(self.count)
        head = (Label("Leaderboard", 18, 600), chips, self.about, self.trouble, self.empty)
        self._column = lay_out_list(self, head, (self.export, self.close_button), name="Places and votes")
        window, theme = parent.window(), current()
        self.resize(min(theme.px(WIDTH), window.width() - 32), min(theme.px(HEIGHT), window.height() - 32))

    # ---------------------------------------------------------------- reading

    def show_kind(self, kind: Shown) -> None:
        """Places by model, quant or tag, or the votes."""
        self.shown = kind
        self.chips[kind].setChecked(True)
        self.read()

    def read(self) -> None:
        """Ask the host."""
        by: StandingsBy = "model" if self.shown == "votes" else self.shown
        kind = self.shown
        self._host.call(lambda client: _read(client, by), partial(self._show, kind), self._failed, self)

    def _failed(self, error: BaseException) -> None:
        self.empty.hide()
        self.trouble.show_message("bad", sentence(error), action="Try again")

    def _show(self, kind: Shown, found: tuple[list[Standing], list[Vote]]) -> None:
        if kind != self.shown:
            return
        self.standings, self.votes = found
        self.known = kind
        self.trouble.hide()
        places = kind != "votes"
        nothing = NO_VOTES if not self.votes else NO_TAGS if kind == "tag" and not self.standings else ""
        self.empty.setText(nothing)
        self.empty.setVisible(bool(nothing))
        self.about.setVisible(places and not nothing)
        self.count.setText(f"{len(self.votes):,} vote{'' if len(self.votes) == 1 else 's'}" if self.votes else "")
        self.export.setVisible(places)
        self.export.setEnabled(bool(self.standings))
        self._fill()

    def _fill(self) -> None:
        empty(self._column)
        self.rows = self._vote_rows() if self.shown == "votes" else self._places()
        for row in self.rows:
            self._column.addWidget(row)
            self._column.addWidget(Divider())
        if self.shown == "votes" and len(self.votes) > MOST_VOTES:
            self._column.addWidget(Label(f"The latest {MOST_VOTES} of {len(self.votes):,}.", 12, 400, "text2"))

    def _places(self) -> list[StandingRow]:
        scale, by = scale_of(self.standings), self._by()
        return [
            StandingRow(place, facts.shown_name(item, by, self._name), item, scale)
            for place, item in enumerate(self.standings, 1)
        ]

    def _vote_rows(self) -> list[VoteRow]:
        rows = []
        now = time.time()
        for vote in self.votes[:MOST_VOTES]:
            chat = self._host.chats.get(vote.chat)
            title = f"“{chat.title}”" if chat is not None else "a conversation that is gone"
            about = " · ".join(filter(None, (title, used_text(vote.created, now), "blind" if vote.blind else "")))
            row = VoteRow(facts.verdict(vote, self._name), about, there=chat is not None)
            row.open_wanted.connect(partial(self._open, vote.chat))
            row.remove_wanted.connect(partial(self.remove, vote.id))
            rows.append(row)
        return rows

    def _by(self) -> StandingsBy:
        return "model" if self.shown == "votes" else self.shown

    def _name(self, model: str) -> str:
        info = self._host.models.get(model)
        return f"{self._host.model_name(model)} {info.quant if info is not None else ''}".rstrip()

    # ---------------------------------------------------------------- what can be done

    def remove(self, vote: str) -> None:
        """Take a vote back; the places follow."""
        self._host.call(lambda client: client.delete_vote(vote), lambda _: self._removed(), self._failed, self)

    def _removed(self) -> None:
        self.read()
        self.votes_changed.emit()

    def _open(self, chat: str) -> None:
        self.open_wanted.emit(chat)
        self.accept()

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Export the leaderboard", "leaderboard.csv", "Tables (*.csv)")
        if path:
            self.write(path)

    def write(self, path: str) -> None:
        """The places that are shown as a CSV file."""
        text = facts.table(self.standings, self._by(), self._name)
        self._host.call(
            lambda client: asyncio.to_thread(facts.write, path, text),
            lambda _: self._messages.info(f"The leaderboard is in {path}."),
            lambda error: self.trouble.show_message("bad", f"{path} could not be written.", str(error)),
            self,
        )


async def _read(client: AsyncClient, by: StandingsBy) -> tuple[list[Standing], list[Vote]]:
    return await client.leaderboard(by), await client.votes()
