"""A request as the scheduler sees it, the steps it is computed in, and who advises on them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Protocol

from paddock.backends.llamacpp.picture_encoder import PictureRun
from paddock.backends.llamacpp.picture_tokens import Span, position_of, spans_of
from paddock.backends.llamacpp.prefix import Prefix
from paddock.backends.llamacpp.step_times import Depth


@dataclass(eq=False, slots=True)
class Sequence:
    """One request. ``tokens`` is its prompt followed by what it has written.

    Attributes:
        rank: Smaller ones come first: (0 for a person who waits, else 1; order of arrival).
        group: The adapters it runs with; different ones never share a step, nor prefixes.
        draft_limit: Tokens guessed ahead at most.
        boundaries: Positions at which a message begins.
        kept: Takes from the prefix cache and leaves there what it read.
        private: Never written to disk.
        prefix: Where its tokens are; None while it waits.
        cached: Prompt tokens that were there when it was first admitted.
        draft: Guesses in the step that is under way.
        arrived: When it was asked for, in seconds of the scheduler's clock.
        began: When its first token came.
        awaits: While it waits for what another one reads: the prefix, and how much of it.
        pictures: Of its prompt, first to last.
    """

    id: str
    tokens: list[int]
    rank: tuple[int, int]
    group: Hashable = None
    draft_limit: int = 0
    boundaries: tuple[int, ...] = ()
    kept: bool = True
    private: bool = False
    n_prompt: int = 0
    prefix: Prefix | None = None
    cached: int = 0
    draft: list[int] = field(default_factory=list)
    arrived: float = 0.0
    began: float | None = None
    awaits: tuple[Prefix, int] | None = None
    pictures: tuple[PictureRun, ...] = ()
    _spans: tuple[Span, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        self.n_prompt = self.n_prompt or len(self.tokens)
        self._spans = spans_of(self.tokens)

    @property
    def picture(self) -> PictureRun | None:
        """What is to be evaluated next, where that is a picture."""
        if not self.pictures:
            return None
        at = self.evaluated
        return next((run for run in self.pictures if run.start <= at < run.end), None)

    @property
    def held(self) -> bool:
        """Whether the next picture has still to be encoded."""
        picture = self.picture
        return picture is not None and picture.embeddings is None

    def position(self, index: int) -> int:
        """Where token ``index``, the first of a picture or none of it, stands in the context."""
        return position_of(self._spans, index) if self._spans else index

    @property
    def evaluated(self) -> int:
        return self.prefix.length if self.prefix is not None else 0

    @property
    def pending(self) -> int:
        return len(self.tokens) - (self.prefix.length if self.prefix is not None else 0)


Row = tuple[int, int, int, bool]
"""One token of a step: token id, position, sequence, and whether its logits are wanted."""


@dataclass(slots=True)
class Step:
    """One decode call: its rows, how many of them each sequence has, and the rows with logits of those that write;
    how many cells the rows attend to, together. With a ``picture`` the rows are its tokens, or some of them, from the
    one at ``offset`` on."""

    rows: list[Row] = field(default_factory=list)
    counts: dict[Sequence, int] = field(default_factory=dict)
    outputs: dict[Sequence, range] = field(default_factory=dict)
    writing: int = 0
    padding: int = 0
    attended: int = 0
    group: Hashable = None
    picture: PictureRun | None = None
    offset: int = 0

    @property
    def reads(self) -> bool:
        """Whether there is more in it than the next tokens of answers."""
        return len(self.rows) - self.padding > self.writing

    @property
    def reading(self) -> frozenset[str]:
        """Ids of the requests whose prompt is read in this step."""
        return frozenset([sequence.id for sequence, count in self.counts.items() if count > 1 + len(sequence.draft)])


@dataclass(frozen=True)
class Limits:
    """Of the context. ``parallel`` sequences run at once, each of at most ``each`` cells; a step has at most ``batch``
    rows, at most ``chunk`` of them from prompts and ``drafted`` of them guessed; with ``all_outputs`` every row has
    logits."""

    parallel: int
    each: int
    batch: int
    chunk: int
    drafted: int = 0
    all_outputs: bool = False


class Pace(Protocol):
    """How many rows a step may have (:class:`paddock.backends.llamacpp.pace.Pace`)."""

    def chunk(self, writing: int, most: int, depth: Depth, *, apart: bool) -> int:
        """Prompt tokens for a step, at least 1 and at most ``most``, when ``writing`` rows of answers wait for it; in
        a step of their own when ``apart``."""
        ...

    def padding(self, rows: int, attended: int) -> int:
        """Rows without a purpose that make a step of ``rows`` quicker, which attend to so many cells."""
        ...


class Drafter(Protocol):
    """Guesses tokens ahead."""

    def propose(self, sequence: Sequence, limit: int, rows: int) -> list[int]:
        """Up to ``limit`` tokens that may follow ``sequence``, in a step that has ``rows`` rows without them."""
        ...
