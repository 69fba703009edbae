"""A prefix: tokens whose state is kept somewhere; and what keeps them, the context and the disk, as the cache sees
these."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from paddock.backends.llamacpp.picture_tokens import Span, position_of, spans_of, whole
from paddock.backends.llamacpp.saved import Saved

RESTORED_FOR_ONE = 32
"""Tokens whose state is restored in the time that reading one takes: measured 0.7 % of the reading from memory, up to
3 % from a cold disk."""


class Memory(Protocol):
    """The context's sequences (:class:`paddock.backends.llamacpp.context_memory.ContextMemory`). Lengths are positions
    here: tokens, but for the pictures of some models. A method that answers False has left its target empty."""

    @property
    def saved_bytes(self) -> int:
        """Of all states that are held outside the context."""
        ...

    def share(self, source: int, target: int, length: int, checkpoint: Saved | None) -> bool:
        """The first ``length`` tokens of ``source`` in ``target`` as well, by way of the state saved there if given."""
        ...

    def restore(self, target: int, state: Saved, length: int, keep: int, checkpoint: Saved | None) -> bool:
        """A state of ``length`` tokens in ``target``, cut to ``keep`` of them."""
        ...

    def save(self, sequence: int, most: int | None = None) -> Saved | None:
        """The whole state of ``sequence``; None when it has more than ``most`` bytes or there is no memory for it."""
        ...

    def move(self, sequence: int, length: int) -> bool:
        """The state of ``sequence``, of ``length`` tokens, to the first cells there are, if there is memory for it on
        the way."""
        ...

    def checkpoint(self, sequence: int) -> Saved:
        """The part of its state that cannot be cut."""
        ...

    def keep(self, sequence: int, length: int, checkpoint: Saved | None = None) -> bool:
        """Drop what lies behind ``length`` tokens, by way of the state saved there if given."""
        ...

    def foreign(self, data: memoryview) -> Saved:
        """Bytes from elsewhere as a state, without a copy."""
        ...

    def give_back(self) -> None:
        """Return to the system what released states have left."""
        ...


class Opened(Protocol):
    """A prefix read from disk."""

    @property
    def state(self) -> memoryview: ...

    @property
    def checkpoints(self) -> Mapping[int, memoryview]: ...

    def close(self) -> None: ...


class Store(Protocol):
    """The disk (:class:`paddock.backends.llamacpp.kv_store.KvStore`)."""

    def read(self, key: str) -> Opened | None:
        """None when it is gone or damaged."""
        ...

    def put(self, tokens: Sequence[int], state: memoryview, checkpoints: Mapping[int, memoryview]) -> bool:
        """Have it written in the background. False when the disk does not keep up."""
        ...

    def remove(self, key: str) -> None: ...


@dataclass(eq=False, slots=True)
class Prefix:
    """Tokens whose state is kept somewhere: the first ``length`` of ``tokens``. While ``running``, ``tokens`` is its
    sequence's own list, which grows. ``group`` are the adapters it was read with; ``stored`` are the positions of the
    checkpoints on disk and ``stops`` those that a follower wants one at. ``rolled_back``: a recurrent state was taken
    back and nothing was evaluated since; llama.cpp may abort the process when such a state is copied or saved."""

    tokens: Sequence[int]
    group: Hashable = None
    length: int = 0
    sequence: int | None = None
    running: bool = False
    private: bool = False
    kept: bool = True
    cuttable: bool = True
    state: Saved | None = None
    key: str | None = None
    checkpoints: dict[int, Saved] = field(default_factory=dict)
    stored: frozenset[int] = frozenset()
    stops: set[int] = field(default_factory=set)
    rolled_back: bool = False
    used: int = 0
    pictures: tuple[Span, ...] = ()

    def __post_init__(self) -> None:
        self.pictures = spans_of(self.tokens)

    def whole(self, length: int) -> int:
        """The longest part of the first ``length`` tokens that can stand alone."""
        return whole(self.pictures, length)

    def position(self, length: int) -> int:
        """What the context calls the end of the first ``length`` tokens."""
        return position_of(self.pictures, length)


@dataclass(frozen=True)
class Match:
    """The first ``length`` tokens of ``prefix`` can be used, by way of its ``checkpoint`` there if that is True."""

    prefix: Prefix
    length: int
    checkpoint: bool = False

    @property
    def worth(self) -> int:
        """Tokens that need not be read, less those that could be read while a state outside the context is restored,
        which is always whole."""
        return self.length - (self.prefix.length // RESTORED_FOR_ONE if self.prefix.sequence is None else 0)


@dataclass
class Counts:
    """Since the load."""

    evictions: int = 0
    recomputed: int = 0
    restored_from_memory: int = 0
    restored_from_disk: int = 0
