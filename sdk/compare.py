"""Values about comparing models: plans, votes, standings. Times are Unix seconds."""

from __future__ import annotations

from typing import Literal

from paddock.sdk.types import Options, Request, Value

MOST_PANES = 6
Outcome = Literal["pane", "tie", "both_bad"]
StandingsBy = Literal["model", "quant", "tag"]


class AskPanes(Request, frozen=True, kw_only=True):
    """Ask ``panes`` of a conversation (their ids; empty: all). With ``content`` None the answers to the question
    ``turn`` are made again, as new versions; with both, the question is asked as edited."""

    content: str | None = None
    turn: str = ""
    panes: tuple[str, ...] = ()


class AdoptRequest(Request, frozen=True, kw_only=True):
    """Go on from the conversation as ``pane`` has it, in all panes."""

    pane: str


class ComparePlan(Value, frozen=True, kw_only=True):
    """How the panes would run. ``groups`` are ids of panes that run at the same time, one group after the other;
    ``sentence`` says it with the memory it takes (“Runs side by side, 13.9 of 24 GB.”). ``refused`` panes do not fit at
    all, with the reason."""

    groups: tuple[tuple[str, ...], ...]
    sentence: str
    needed_bytes: int = 0
    free_bytes: int = 0
    refused: dict[str, str] = {}


# ---------------------------------------------------------------- votes


class Contestant(Value, frozen=True, kw_only=True):
    """A pane as it was when the vote was cast."""

    pane: str
    model: str
    quant: str = ""
    sampling: Options = {}
    system: str = ""


class VoteRequest(Request, frozen=True, kw_only=True):
    """Which answer to the question ``turn`` is better: that of ``pane``, or a word for all. A second vote on the same
    question takes the place of the first."""

    chat: str
    turn: str
    outcome: Outcome
    pane: str = ""
    blind: bool = False


class Vote(Value, frozen=True, kw_only=True):
    id: str
    chat: str
    turn: str
    outcome: Outcome
    pane: str
    blind: bool
    contestants: tuple[Contestant, ...]
    tags: tuple[str, ...] = ()
    created: float = 0.0


class Standing(Value, frozen=True, kw_only=True):
    """A place in the leaderboard. ``rating`` is Bradley-Terry's strength on Elo's scale (1000 is the average of all,
    400 points are odds of ten to one) with its 95 % interval ``low`` to ``high``. ``wins``, ``losses`` and ``ties``
    count pairs of panes."""

    name: str
    rating: float
    low: float
    high: float
    votes: int
    wins: int = 0
    losses: int = 0
    ties: int = 0
