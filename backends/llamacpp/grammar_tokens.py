"""Which tokens of a vocabulary a grammar has next: all of them are read at once, byte by byte."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from paddock.backends.llamacpp.grammar_states import DEAD, States

MOST_MASKS = 64


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
        self.text = frozenset(tokens)
        """Tokens that write something."""
        self.tokens = np.array(tokens, np.intp)
        self.data = np.frombuffer(b"".join(self.pieces[token] for token in tokens), np.uint8)
        self.stops = np.cumsum([len(self.pieces[token]) for token in tokens], dtype=np.intp)
        self.starts = np.concatenate([np.zeros(1, np.intp), self.stops[:-1]])


class TokenMasks:
    """What may come in each state, and where it leads. One thread."""

    def __init__(self, tokens: TokenBytes, states: States, class_of: bytes) -> None:
        self._tokens, self._states = tokens, states
        self._class_of = class_of
        self._kinds = np.frombuffer(class_of, np.uint8)[tokens.data] if len(tokens.data) else tokens.data
        self._known: dict[tuple[int, int], npt.NDArray[np.uint8]] = {}

    def behind(self, state: int, token: int) -> int:
        """The state behind ``token``; DEAD where the grammar does not have it. A token that ends the turn changes
        nothing where the text is complete. Raises as :meth:`States.step`."""
        if token not in self._tokens.text:
            return state if token in self._tokens.ends and self._states.complete(state) else DEAD
        for byte in self._tokens.pieces[token]:
            state = self._states.step(state, self._class_of[byte])
            if state == DEAD:
                break
        return state

    def allowed(self, state: int) -> npt.NDArray[np.bool_]:
        """Of each token whether it may come next. Raises as :meth:`States.step`."""
        key = self._states.generation, state
        count = len(self._tokens.pieces)
        packed = self._known.get(key)
        if packed is None:
            if len(self._known) >= MOST_MASKS:
                del self._known[next(iter(self._known))]
            packed = self._known[key] = np.packbits(self._read(state))
        return np.unpackbits(packed, count=count).view(np.bool_)

    def _read(self, state: int) -> npt.NDArray[np.bool_]:
        allowed = np.zeros(len(self._tokens.pieces), np.bool_)
        allowed[list(self._tokens.ends)] = self._states.complete(state)
        at, stops, tokens = self._tokens.starts, self._tokens.stops, self._tokens.tokens
        states = [state]
        which = np.zeros(len(tokens), np.intp)
        """Of each token that is left the place of its state in ``states``."""
        while len(tokens):
            which, states = self._stepped(which, states, self._kinds[at])
            at = at + 1
            whole = at == stops
            allowed[tokens[whole & (which >= 0)]] = True
            left = ~whole & (which >= 0)
            at, stops, tokens, which = at[left], stops[left], tokens[left], which[left]
        return allowed

    def _stepped(
        self, which: npt.NDArray[np.intp], states: list[int], kinds: npt.NDArray[np.uint8]
    ) -> tuple[npt.NDArray[np.intp], list[int]]:
        """One byte further: places in the states that follow, -1 for none, and these."""
        n_classes = self._states.n_classes
        keys = which * n_classes + kinds
        present = np.zeros(len(states) * n_classes, np.bool_)
        present[keys] = True
        table = np.full(len(present), -1, np.intp)
        places: dict[int, int] = {}
        for key in present.nonzero()[0].tolist():
            state, kind = divmod(key, n_classes)
            following = self._states.step(states[state], kind)
            if following != DEAD:
                table[key] = places.setdefault(following, len(places))
        return table[keys], list(places)
