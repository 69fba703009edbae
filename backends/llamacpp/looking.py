"""What could come next: the row of logits behind a prompt, told in few numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from paddock.backends.llamacpp.bindings import Model
from paddock.backends.llamacpp.logits import Row, greatest
from paddock.sdk.questions import Candidates

MOST = 4096
RECENT = 2048
"""Tokens before, for penalties."""
_WIDTH = 1 / 16
"""Of a group of logits: its exponentials differ from that of the mean by a two-thousandth on average."""


def candidates(model: Model, row: Row, tokens: Sequence[int], top: int) -> Candidates:
    """The ``top`` likeliest of ``row``, the logits behind ``tokens``. Raises EngineError for logits that are not
    numbers."""
    greatest(row)
    top = min(max(top, 1), MOST, row.size)
    best = np.argpartition(-row, top - 1)[:top]
    best = best[np.lexsort((best, -row[best]))]
    others = np.ones(row.size, bool)
    others[best] = False
    rest = row[others & np.isfinite(row)].astype(np.float64)
    places, groups, counts = np.unique(np.floor(rest / _WIDTH), return_inverse=True, return_counts=True)
    means = np.bincount(groups, rest, minlength=places.size) / np.maximum(counts, 1)
    recent = [token for token in tokens[-RECENT:] if token >= 0]  # those of pictures are no words
    return Candidates(
        tokens=tuple(best.tolist()),
        texts=tuple(_text(model, token) for token in best.tolist()),
        logits=row[best].astype("<f4").tobytes(),
        rest_logits=means[::-1].astype("<f4").tobytes(),
        rest_counts=counts[::-1].astype("<u4").tobytes(),
        recent=tuple(recent),
        recent_texts=tuple(_text(model, token) for token in recent),
        end_tokens=tuple(sorted(model.eog)),
        prompt_tokens=len(tokens),
    )


def _text(model: Model, token: int) -> str:
    return model.piece(token, special=True).decode("utf-8", "replace")
