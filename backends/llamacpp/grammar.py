"""An answer that is held to a grammar in GBNF, llama.cpp's notation; what a model thinks before it answers is free."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from paddock.backends.chat.parse import THINK, THINK_END, Inside
from paddock.backends.llamacpp.grammar_states import DEAD, States
from paddock.backends.llamacpp.grammar_tokens import Masks, TokenMasks
from paddock.backends.llamacpp.logits import Row, forbid


class Grammar:
    """One answer's grammar and how far it has come. One thread at a time.

    Args:
        masks: Of the grammar, over the vocabulary that is drawn from.
        inside: Where the prompt ends.

    Raises BadRequest for a grammar that can begin in too many ways.
    """

    def __init__(self, masks: Masks, inside: Inside) -> None:
        self._tokens = masks.tokens
        self._states = States(masks.program)
        self._masks = TokenMasks(masks, self._states)
        self._at = self._states.start
        self._phase: Literal["start", "thinking", "behind", "text"] = "text"
        if inside != "text":
            self._phase = "start" if inside == "nothing" else "thinking"
        self._thought = b""

    def draw(self, logits: Row, draw: Callable[[Row], int]) -> int:
        """What ``draw`` answers of ``logits``; where the grammar does not have that, what it answers of the tokens
        that the grammar has. Raises what ``draw`` raises, and BadRequest where the text so far can be read in too
        many ways."""
        if self._phase == "thinking":
            token = draw(logits)
            self._think(token)
            return token
        spare = logits.copy()
        token = draw(logits)
        self._at = self._states.next_token(self._at)
        behind = self._masks.behind(self._at, token)
        if behind == DEAD:
            if self._opens(token):
                return token
            token = self._instead(spare, draw)
            behind = self._masks.behind(self._at, token)
        self._phase, self._at = "text", behind
        return token

    def _instead(self, logits: Row, draw: Callable[[Row], int]) -> int:
        """What ``draw`` answers of the tokens that the grammar has. Where the text is complete, its end comes even
        though the settings forbid it."""
        allowed = self._masks.allowed(self._at)
        forbid(logits, allowed)
        ends = [token for token in self._tokens.ends if allowed[token]]
        token = ends[0] if ends and logits.max() == -np.inf else draw(logits)
        return token if allowed[token] else int(allowed.argmax())  # rounding in a sampler must not leave the grammar

    def _opens(self, token: int) -> bool:
        """Whether ``token`` may come before the text: white space, once, or what opens the thinking."""
        if self._phase == "text" or token in self._tokens.ends:
            return False
        piece = self._tokens.pieces[token].strip()
        thinks = self._phase == "start" and piece.startswith(THINK.encode())
        if piece and not thinks:
            return False
        self._phase = "thinking" if thinks else "text"
        return True

    def _think(self, token: int) -> None:
        self._thought = self._thought[-len(THINK_END) :] + self._tokens.pieces[token]
        if THINK_END.encode() in self._thought:
            self._phase = "behind"
