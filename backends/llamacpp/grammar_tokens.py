"""Which tokens of a vocabulary a grammar has next: all of them are read at once, byte by byte, and where several begin
alike that is read once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from paddock.backends.llamacpp.grammar_program import Program
from paddock.backends.llamacpp.grammar_states import DEAD, States, Ways

MOST_BYTES = 4 * 2**20
"""Of the masks that are kept of a grammar: 128 of them for 262,144 tokens."""
MOST_NAMES = 20_000
"""Ways to go on that masks are kept under; some MiB."""

Places = npt.NDArray[np.intp]


class Level(NamedTuple):
    """What tokens begin with, as many bytes of them as levels came before and one more. Of each such beginning
    ``before`` is the place of all but its last byte in the level before, and ``byte`` is the last one."""

    before: Places
    byte: npt.NDArray[np.uint8]


class TokenBytes:
    """The bytes of all tokens of a model. Read only once made; any thread.

    Args:
        n_vocab: How many tokens there are.
        piece: The bytes of a token, those of control tokens included.
        ends: Tokens that end the model's turn.
    """

    def __init__(self, n_vocab: int, piece: Callable[[int], bytes], ends: Iterable[int]) -> None:
        self.pieces = [piece(token) for token in range(n_vocab)]
        self.ends = tuple(ends)
        no_text = set(self.ends)
        tokens = [token for token, found in enumerate(self.pieces) if found[:1].strip(b"\0") and token not in no_text]
        self.whole: Places = np.zeros(n_vocab, np.intp)
        """Of each token its place among the beginnings of all levels, from 1 on; 0 where it writes nothing."""
        self.levels, self.whole[tokens] = _levels([self.pieces[token] for token in tokens])
        self.count = 1 + sum(len(level.byte) for level in self.levels)
        """Of the beginnings, with one for what writes nothing."""


def _levels(pieces: Sequence[bytes]) -> tuple[list[Level], Places]:
    """The beginnings of ``pieces``, and of each piece the place where it is whole."""
    data = np.frombuffer(b"".join(pieces), np.uint8)
    stops = np.cumsum([len(piece) for piece in pieces], dtype=np.intp)
    at = np.concatenate([np.zeros(1, np.intp), stops])[: len(pieces)]
    left, before = np.arange(len(pieces)), np.zeros(len(pieces), np.intp)
    whole = np.zeros(len(pieces), np.intp)
    levels: list[Level] = []
    count = 1
    while len(left):
        found, places = np.unique(before * 256 + data[at], return_inverse=True)
        levels.append(Level(found // 256, (found % 256).astype(np.uint8)))
        whole[left] = places + count
        count += len(found)
        at = at + 1
        more = at < stops[left]
        left, before, at = left[more], places[more], at[more]
    return levels, whole


class Masks:
    """What may come in each state of a grammar, as far as it was asked, for all answers that are held to it. Made by
    any thread, then used by one."""

    def __init__(self, tokens: TokenBytes, program: Program) -> None:
        self.tokens, self.program = tokens, program
        class_of = np.frombuffer(program.class_of, np.uint8)
        self.levels = [Level(level.before, class_of[level.byte]) for level in tokens.levels]
        """As those of ``tokens``, with the classes of bytes in place of bytes."""
        self.names: dict[Ways, int] = {}
        """Of the ways to go on; another dictionary when they get other names."""
        self._known: dict[Ways, npt.NDArray[np.uint8]] = {}
        self._most = max(MOST_BYTES // max(len(tokens.pieces) // 8, 1), 1)

    def get(self, heads: Ways) -> npt.NDArray[np.uint8] | None:
        """The packed mask of a state, from now on the last to be forgotten."""
        packed = self._known.pop(heads, None)
        if packed is not None:
            self._known[heads] = packed
        return packed

    def put(self, heads: Ways, packed: npt.NDArray[np.uint8]) -> None:
        """Keep a packed mask; that used longest ago goes."""
        if len(self.names) > MOST_NAMES:
            self.names, self._known = {}, {}
            return
        if len(self._known) >= self._most:
            del self._known[next(iter(self._known))]
        self._known[heads] = packed


class TokenMasks:
    """What may come in each state of one answer, and where it leads. One thread."""

    def __init__(self, masks: Masks, states: States) -> None:
        self._masks, self._states = masks, states
        self._tokens, self._class_of = masks.tokens, masks.program.class_of

    def behind(self, state: int, token: int) -> int:
        """The state behind ``token``; DEAD where the grammar does not have it. A token that ends the turn changes
        nothing where the text is complete. Raises as :meth:`States.step`."""
        if not self._tokens.whole[token]:
            return state if token in self._tokens.ends and self._states.complete(state) else DEAD
        for byte in self._tokens.pieces[token]:
            state = self._states.step(state, self._class_of[byte])
            if state == DEAD:
                break
        return state

    def allowed(self, state: int) -> npt.NDArray[np.bool_]:
        """Of each token whether it may come next. Raises as :meth:`States.step`."""
        heads = self._states.named(state, self._masks.names)
        packed = self._masks.get(heads)
        if packed is None:
            packed = np.packbits(self._read(state))
            self._masks.put(heads, packed)
        return np.unpackbits(packed, count=len(self._tokens.pieces)).view(np.bool_)

    def _read(self, state: int) -> npt.NDArray[np.bool_]:
        tokens = self._tokens
        fits = np.zeros(tokens.count, np.bool_)
        """Of each beginning whether the grammar has it."""
        which, states = np.ones(1, np.intp), [DEAD, state]
        """Of each beginning in a level the place of its state in ``states``."""
        done = 1
        for before, kinds in self._masks.levels:
            which, states = self._stepped(which.take(before), states, kinds)
            if len(states) == 1:
                break
            np.not_equal(which, 0, out=fits[done : done + len(which)])
            done += len(which)
        allowed: npt.NDArray[np.bool_] = fits.take(tokens.whole)
        allowed[list(tokens.ends)] = self._states.complete(state)
        return allowed

    def _stepped(self, which: Places, states: list[int], kinds: npt.NDArray[np.uint8]) -> tuple[Places, list[int]]:
        """One byte further: the places of the states that follow, and these; DEAD is always the first one."""
        n_classes = self._states.n_classes
        keys = which * n_classes + kinds
        present = np.zeros(len(states) * n_classes, np.bool_)
        present[keys] = True
        present[:n_classes] = False
        table = np.zeros(len(present), np.intp)
        places = {DEAD: 0}
        for key in present.nonzero()[0].tolist():
            state, kind = divmod(key, n_classes)
            table[key] = places.setdefault(self._states.step(states[state], kind), len(places))
        return table.take(keys), list(places)
