"""An answer that is held to a grammar in GBNF, llama.cpp's notation; what a model thinks before it answers is free."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt

from paddock.backends.chat.parse import THINK, THINK_END, Inside
from paddock.backends.llamacpp.bindings import Model
from paddock.backends.llamacpp.candidates import Candidates
from paddock.backends.llamacpp.logits import Row, forbid
from paddock.sdk.errors import BadRequest


class Grammar:
    """One answer's grammar and how far it has come. Belongs to the thread that decodes.

    Args:
        model: Whose vocabulary is drawn from.
        source: GBNF that :mod:`paddock.backends.llamacpp.gbnf` lets pass: others end the process.
        inside: Where the prompt ends.

    Raises BadRequest for a source that llama.cpp cannot read.
    """

    def __init__(self, model: Model, source: str, inside: Inside) -> None:
        self._model, self._api = model, model.lib.api
        self._sampler = self._api.llama_sampler_init_grammar(model.vocab, source.encode(), b"root")
        if not self._sampler:
            raise BadRequest("The grammar cannot be read.", hint="It is written in GBNF and has a rule “root”.")
        self._candidates = Candidates(self._api, model.n_vocab)
        self._state: Literal["start", "thinking", "behind", "text"] = "text"
        if inside != "text":
            self._state = "start" if inside == "nothing" else "thinking"
        self._thought = b""

    def draw(self, logits: Row, draw: Callable[[Row], int]) -> int:
        """What ``draw`` answers of ``logits``; where the grammar does not have that, what it answers of the tokens
        that the grammar has. Raises what ``draw`` raises."""
        if self._state == "thinking":
            token = draw(logits)
            self._think(token)
            return token
        spare = logits.copy()
        token = draw(logits)
        if not self._has(np.array([token]))[0]:
            if self._opens(token):
                return token
            token = self._instead(spare, draw)
        self._state = "text"
        self._api.llama_sampler_accept(self._sampler, token)
        return token

    def close(self) -> None:
        if self._sampler:
            self._api.llama_sampler_free(self._sampler)
            self._sampler = None

    def _instead(self, logits: Row, draw: Callable[[Row], int]) -> int:
        """What ``draw`` answers of the tokens that the grammar has. Where the text is complete, its end comes even
        though the settings forbid it."""
        allowed = self._has(np.arange(logits.size))
        forbid(logits, allowed)
        ends = [token for token in self._model.eog if allowed[token]]
        token = ends[0] if ends and logits.max() == -np.inf else draw(logits)
        return token if allowed[token] else int(allowed.argmax())  # rounding in a sampler must not end the process

    def _has(self, tokens: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
        """Which of ``tokens`` the grammar takes next. One that it does not take must never be accepted: C++ would
        throw through C, which ends the process."""
        self._candidates.put(tokens, np.zeros(len(tokens), np.float32))
        self._candidates.apply(self._sampler)
        return np.equal(self._candidates.logits(len(tokens)), 0)

    def _opens(self, token: int) -> bool:
        """Whether ``token`` may come before the text: white space, once, or what opens the thinking."""
        if self._state == "text" or self._model.is_eog(token):
            return False
        piece = self._model.piece(token, special=True).strip()
        thinks = self._state == "start" and piece.startswith(THINK.encode())
        if piece and not thinks:
            return False
        self._state = "thinking" if thinks else "text"
        return True

    def _think(self, token: int) -> None:
        self._thought = self._thought[-len(THINK_END) :] + self._model.piece(token, special=True)
        if THINK_END.encode() in self._thought:
            self._state = "behind"


def held_to(model: Model, source: str, inside: Inside) -> Grammar | None:
    """The grammar of ``source``; None where there is none. Raises as :class:`Grammar` does."""
    return Grammar(model, source, inside) if source else None
