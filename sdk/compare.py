"""Values about comparing models: panes, plans, votes, standings, and batches of prompts. Times are Unix seconds."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from paddock.sdk.errors import ErrorInfo
from paddock.sdk.pictures import Picture
from paddock.sdk.types import ChatMessage, Message, Options, Pane, Request, Stats, Usage, Value

MOST_PANES = 6
Outcome = Literal["pane", "tie", "both_bad"]
StandingsBy = Literal["model", "quant", "tag"]
CheckKind = Literal["contains", "not_contains", "regex", "json_schema", "judge"]
BatchState = Literal["running", "paused", "done"]
CellState = Literal["waiting", "running", "done", "failed"]
PromptFormat = Literal["jsonl", "csv", "lines"]
BatchExportFormat = Literal["csv", "jsonl", "html"]


class AskPanes(Request, frozen=True, kw_only=True):
    """Ask ``panes`` of a conversation (their ids; empty: all). With ``content`` None the answers to the question
    ``turn`` are made again, as new versions; with both, the question is asked as edited, with the ``pictures`` it had
    unless others are given. With ``go_on`` alone the answers that the panes end with are continued where they end."""

    content: str | None = None
    pictures: tuple[Picture, ...] = ()
    turn: str = ""
    go_on: bool = False
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


def can_be_voted_on(answer: ChatMessage) -> bool:
    """Whether an answer can be judged: it did not fail, and was not stopped before its first word."""
    return answer.state in ("done", "cancelled", "interrupted") and (bool(answer.content) or answer.state == "done")


class Contestant(Value, frozen=True, kw_only=True):
    """A pane as it was when the vote was cast. A pane whose answer had failed is none."""

    pane: str
    model: str
    quant: str = ""
    sampling: Options = {}
    system: str = ""


class VoteRequest(Request, frozen=True, kw_only=True):
    """Which answer to the question ``turn`` is better: that of ``pane``, or a word for all. Answers that failed or were
    stopped before their first word are left out. A second vote on the same question takes the place of the first."""

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


# ---------------------------------------------------------------- batches


class Check(Value, frozen=True, kw_only=True):
    """What an answer is looked at for. ``value`` is the text, the regular expression, the JSON schema or, for a judge,
    what it is asked; ``model`` judges."""

    kind: CheckKind
    value: str
    model: str = ""
    name: str = ""


class CheckResult(Value, frozen=True, kw_only=True):
    """``passed`` None: it could not be told, and ``note`` says why."""

    name: str
    passed: bool | None
    note: str = ""
    kind: CheckKind = "contains"


class BatchPrompt(Value, frozen=True, kw_only=True):
    """One row: a prompt, or the ``messages`` of a conversation that ends with a question. ``images`` are the whole
    paths of picture files that the question shows; they are read whenever it is asked."""

    prompt: str = ""
    messages: tuple[Message, ...] = ()
    images: tuple[str, ...] = ()
    name: str = ""
    tags: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()


class BatchRequest(Request, frozen=True, kw_only=True):
    """Ask every one of ``prompts`` in every one of ``panes``, ``repeat`` times."""

    name: str = ""
    prompts: tuple[BatchPrompt, ...]
    panes: Annotated[tuple[Pane, ...], msgspec.Meta(min_length=1)]
    repeat: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1


class Batch(Value, frozen=True, kw_only=True):
    """A batch and how far it is, in cells. ``running`` are the numbers of the cells that are being answered or judged,
    and ``to_judge`` counts answers that wait for a judge. ``note`` says what it waits for, ``seconds_left`` is None
    while it cannot be told. ``revision`` counts the changes of ``state``, so that what was told before one is known."""

    id: str
    name: str
    state: BatchState
    prompts: int
    panes: tuple[Pane, ...]
    repeat: int
    done: int = 0
    failed: int = 0
    total: int = 0
    running: tuple[int, ...] = ()
    to_judge: int = 0
    seconds_left: float | None = None
    note: str = ""
    created: float = 0.0
    revision: int = 0


class BatchCell(Value, frozen=True, kw_only=True):
    """One answer: prompt number ``prompt``, pane number ``pane``, repetition ``repeat``, each counted from 0; cells are
    numbered in this order. ``seed`` is what it was drawn with; ``judging``: its judge has not spoken yet. ``change``
    grows with every change of any cell."""

    prompt: int
    pane: int
    repeat: int
    state: CellState = "waiting"
    text: str = ""
    reasoning: str = ""
    usage: Usage | None = None
    stats: Stats | None = None
    stop_reason: str = ""
    checks: tuple[CheckResult, ...] = ()
    error: ErrorInfo | None = None
    seed: int | None = None
    judging: bool = False
    change: int = 0


class PromptSet(Value, frozen=True, kw_only=True):
    """Prompts kept under a name, for batches."""

    id: str = ""
    name: str
    prompts: tuple[BatchPrompt, ...]
    changed: float = 0.0


class PromptsText(Request, frozen=True, kw_only=True):
    """Prompts as a file has them: JSON lines, a table with a heading, or lines that are a prompt each (``format`` None
    finds out). They are read from the file at ``path``, or from ``text``; ``name`` is what the set is called."""

    text: str = ""
    path: str = ""
    format: PromptFormat | None = None
    name: str = ""


class BatchExport(Request, frozen=True, kw_only=True):
    """Write a batch to the file ``path``; what is there already is replaced only with ``replace``. Without a path the
    text comes back."""

    format: BatchExportFormat
    path: str = ""
    replace: bool = False


class BatchPatch(Request, frozen=True, kw_only=True):
    """``retry`` runs the cells that failed again."""

    action: Literal["pause", "resume", "retry"]
