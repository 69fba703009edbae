"""Whether two answers part where the model finds two tokens equally likely."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


def parting(path: Path, body: dict[str, Any], expected: str, got: str, context: int) -> Parting:
    """Computed in this process with the weights in ``path``; ``body`` is the request."""
    from paddock.backends.llamacpp.bindings import Context, library
    from paddock.backends.llamacpp.loading import effective_options, load_model, make_context, with_threads
    from paddock.backends.llamacpp.machine import available_bytes

    options = with_threads(effective_options({"n_ctx": context, "n_parallel": 1}), 1 << 40, 1)
    model = load_model(library(), os.fspath(path), options, lambda fraction: None)
    made: Context = make_context(model, options, free_before=available_bytes())
    try:
        ours, theirs = (model.tokenize(text, add_special=False) for text in (expected, got))
        same = _common(ours, theirs)
        tokens = [*_prompt(model, body), *ours[:same]]
        end = model.eog[0]
        one, two = ours[same] if same < len(ours) else end, theirs[same] if same < len(theirs) else end
        gaps = []
        for chunk in CHUNKS:
            made.remove(0, 0)
            for start in range(0, len(tokens), chunk):
                piece = tokens[start : start + chunk]
                last = start + len(piece) == len(tokens)
                made.decode([(t, start + at, 0, last and at == len(piece) - 1) for at, t in enumerate(piece)])
            logits = made.logits(len(piece) - 1)
            gaps.append(float(logits[one]) - float(logits[two]))
        shown = slice(max(0, _common(expected, got) - 20), None)
        noise = max(gaps) - min(gaps)
        return Parting(expected[shown][:60], got[shown][:60], round(min(map(abs, gaps)), 4), round(noise, 4))
    finally:
        made.close()
        model.close()


def _common(one: Sequence[Any], two: Sequence[Any]) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))


def _prompt(model: Any, body: dict[str, Any]) -> list[int]:
    if "prompt" in body:
        return list(body["prompt"])
    from paddock.backends.chat.template import CHATML, ChatTemplate
    from paddock.sdk.types import Message

    template = ChatTemplate(model.template() or CHATML, bos=model.bos, eos=model.eos)
    text = template.render([Message(**message) for message in body["messages"]], (), reasoning=None)
    return list(model.tokenize(text.removeprefix(model.bos) if model.add_bos else text, add_special=True))
