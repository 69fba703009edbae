"""The model of ``soak.py`` in its own process: tokens of texts, and whether two answers part at a tie."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from paddock.backends.chat.template import CHATML, ChatTemplate
from paddock.backends.llamacpp.bindings import Context, library
from paddock.backends.llamacpp.loading import effective_options, load_model, make_context, with_threads
from paddock.sdk.types import Message

CHUNKS = (1, 7, 64, 512)
TIMES = 3
"""A gap up to so many times what the order of additions moves it is none."""


@dataclass(frozen=True)
class Parting:
    """Two answers to one prompt: ``gap`` between the logits of the tokens at which they part, ``noise`` by which it
    moves with the size of the pieces that the prompt is read in."""

    expected: str
    got: str
    gap: float
    noise: float

    @property
    def tie(self) -> bool:
        return self.gap <= TIMES * self.noise


class Reference:
    """The weights in ``path`` with a context of ``cells`` tokens. One thread."""

    def __init__(self, path: Path, cells: int) -> None:
        self._options = with_threads(effective_options({"n_ctx": cells, "n_parallel": 1}), 1, 1)
        self._model = load_model(library(), os.fspath(path), self._options, lambda fraction: None)

    def __enter__(self) -> Reference:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._model.close()

    def tokens(self, text: str) -> list[int]:
        return self._model.tokenize(text, add_special=False)

    def parting(self, body: dict[str, Any], expected: str, got: str) -> Parting:
        """Of two answers to the request ``body``."""
        ours, theirs = self.tokens(expected), self.tokens(got)
        same = _common(ours, theirs)
        read = [*self._prompt(body), *ours[:same]]
        one, two = (answer[same] if same < len(answer) else self._model.eog[0] for answer in (ours, theirs))
        context = make_context(self._model, self._options)
        try:
            gaps = [_gap(context, read, chunk, one, two) for chunk in CHUNKS]
        finally:
            context.close()
        shown = slice(max(0, _common(expected, got) - 20), _common(expected, got) + 20)
        gap, noise = min(map(abs, gaps)), max(gaps) - min(gaps)
        return Parting(expected[shown], got[shown], round(gap, 4), round(noise, 4))

    def _prompt(self, body: dict[str, Any]) -> list[int]:
        if "prompt" in body:
            return list(body["prompt"])
        model = self._model
        template = ChatTemplate(model.template() or CHATML, bos=model.bos, eos=model.eos)
        text = template.render(tuple(Message(**message) for message in body["messages"]), (), reasoning=None)
        return model.tokenize(text.removeprefix(model.bos) if model.add_bos else text, add_special=True)


def _gap(context: Context, tokens: list[int], chunk: int, one: int, two: int) -> float:
    """Between the logits of ``one`` and ``two`` behind ``tokens``, read in pieces of ``chunk``."""
    context.remove(0, 0)
    for start in range(0, len(tokens), chunk):
        piece = tokens[start : start + chunk]
        last = len(tokens) - 1
        context.decode([(token, at, 0, at == last) for at, token in enumerate(piece, start)])
    logits = context.logits(len(piece) - 1)
    return float(logits[one]) - float(logits[two])


def _common(one: Sequence[Any], two: Sequence[Any]) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
