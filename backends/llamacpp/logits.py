"""What can be said about a row of logits in few passes of numpy: which tokens survive a truncation, and which cannot.

A row is a float32 array of shape (n_vocab,). Sorting it takes milliseconds on a large vocabulary, so each function
here finds, by comparing alone, few tokens that hold all survivors. Formulas: llama.cpp's ``llama-sampler.cpp``.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from paddock.sdk.errors import EngineError

Row = npt.NDArray[np.float32]
Ids = npt.NDArray[np.intp]

BLOCK = 128
REACH = 16.0
"""Natural logarithms below the highest logit, beyond which all tokens of a row together hardly count."""
FEW = 256
MANY = 2048
"""Tokens that C takes in no more time than a second look at the row would."""
_ROUNDING = 1e-5
LOWEST = float(np.finfo(np.float32).min)


def greatest(row: Row) -> float:
    """The highest logit. Raises EngineError when no token is allowed, or when the row is not made of numbers."""
    return checked(float(row.max()))


def checked(logit: float) -> float:
    """``logit``, the highest of its row. Raises EngineError as :func:`greatest` does."""
    if math.isfinite(logit):
        return logit
    if logit == -math.inf:
        raise EngineError(
            "The sampler settings and constraints allow no token at all.",
            hint="Remove a logit bias, a sampler or the constraint on the answer.",
        )
    raise EngineError(
        "The model computed values that are not numbers.",
        hint="The file may be damaged: download it again, or switch off flash attention and quantised caches.",
    )


def forbid(row: Row, allowed: npt.NDArray[np.uint32] | npt.NDArray[np.bool_]) -> None:
    """Set what is not ``allowed`` to minus infinity.

    Args:
        row: Changed in place.
        allowed: A boolean for every token, or bits in 32-bit words, lowest bit first (llguidance's masks). Tokens
            beyond its end are forbidden.
    """
    if allowed.dtype == np.bool_:
        refused = ~allowed
    else:
        refused = np.unpackbits((~allowed).view(np.uint8), bitorder="little").view(np.bool_)
    refused = refused[: row.size]
    row[refused.nonzero()] = -math.inf  # copyto takes six times as long where the refused are mixed with others
    row[refused.size :] = -math.inf


def at_least(row: Row, threshold: float) -> Ids:
    """Tokens whose logit is ``threshold`` or more, by id; never those at minus infinity."""
    return (row >= np.float32(max(threshold, LOWEST))).nonzero()[0]


def kth_at_least(row: Row, count: int) -> float:
    """A logit that at least ``count`` tokens reach, and few more where the high ones are spread over the row.

    The best of every block are distinct tokens, so the ``count``-th of them is such a bound.
    """
    few = count <= row.size // BLOCK // 2
    return _kth(_best_of_blocks(row) if few else row, min(count, row.size))


def _best_of_blocks(row: Row) -> Row:
    """A block is every so many-th token; what is left over at the end of the row is in none."""
    blocks = row.size // BLOCK
    best: Row = np.maximum.reduce(row[: blocks * BLOCK].reshape(BLOCK, blocks))
    return best


def _kth(values: Row, count: int) -> float:
    values, place = values.copy(), values.size - count
    values.partition(place)
    return float(values[place])


def top(row: Row, count: int) -> Ids:
    """All tokens among the ``count`` highest, by id, and some more. Raises EngineError as :func:`greatest` does."""
    if count > row.size // BLOCK // 2:
        greatest(row)
        return at_least(row, kth_at_least(row, count))
    best = _best_of_blocks(row)
    if row.size % BLOCK:
        best = np.concatenate((best, row[row.size // BLOCK * BLOCK :]))
    place = best.size - count
    best.partition((place, best.size - 1))
    checked(float(best[-1]))
    return at_least(row, float(best[place]))


class Top:
    """:func:`top` for the rows of one answer, one after the other.

    What enough tokens of one row reach, and not many more, they do in most of the next rows: there one comparison is
    all. Too many raise the bound, too few have the row looked at as a whole.
    """

    def __init__(self, count: int) -> None:
        self._count, self._most = count, max(4 * count, MANY)
        self._bound: np.float32 | None = None

    def __call__(self, row: Row) -> Ids:
        """Raises EngineError as :func:`greatest` does, where too few tokens reach the bound."""
        if self._bound is not None:
            ids = (row >= self._bound).nonzero()[0]
            if ids.size > self._most:
                logits = row[ids]
                self._bound = np.float32(_kth(logits, self._most))
                return ids[logits >= self._bound]
            if ids.size >= self._count:
                return ids
        ids = top(row, min(self._count, row.size))
        self._bound = row[ids].min() if ids.size >= self._count else None
        return ids


def above_min_p(row: Row, p: float, min_keep: int) -> Ids:
    """Tokens that min-p can keep, by id."""
    ids = at_least(row, min_p_floor(greatest(row), p))
    return ids if ids.size >= min_keep else top(row, min(min_keep, row.size))


def min_p_floor(highest: float, p: float) -> float:
    """The lowest logit that min-p keeps."""
    return float(np.float32(highest) + np.log(np.float32(p)))


def above_sigma(row: Row, count: float) -> Ids:
    """Tokens within ``count`` standard deviations of the highest logit, by id."""
    highest = greatest(row)
    mean, real = row.mean(), row
    if not np.isfinite(mean):
        real = row[row >= LOWEST]
        mean = real.mean()
    deviation = np.sqrt(np.square(real - mean).mean())
    return at_least(row, float(np.float32(highest - np.float32(count) * deviation)))


def nucleus(row: Row, p: float, min_keep: int, min_p: float = 0.0) -> Ids:
    """Tokens that top-p keeps, most likely first.

    The sum over all tokens costs an exponential for each. It is taken only where bounds on it leave open where the cut
    is: from below by the best token of every block, from both sides by the tokens that are near the highest.

    Args:
        row: Logits.
        p: Their probabilities reach this sum.
        min_keep: At least so many.
        min_p: Of the min-p sampler that comes next, whose victims need no look; 0 without one.
    """
    highest = greatest(row)
    floor = min_p_floor(highest, min_p) if min_p else LOWEST
    ids, weights, complete = _likeliest(row, highest, floor, FEW)
    if complete and row.size >= BLOCK:
        least = float(softmax_weights(_best_of_blocks(row), highest).sum())
        if _reaching(weights / np.float32(least * (1 - _ROUNDING)), p, min_keep) == ids.size:
            return ids
    near = row >= np.float32(highest - REACH)
    if np.count_nonzero(near) < row.size // 8:
        least = float(softmax_weights(row[near], highest).sum())
        most = least + row.size * math.exp(-REACH)
        first = _reaching(weights / np.float32(least * (1 - _ROUNDING)), p, min_keep)
        last = _reaching(weights / np.float32(most * (1 + _ROUNDING)), p, min_keep)
        if first == last and (complete or last < ids.size):
            return ids[: last + 1]
    total = softmax_weights(row, highest).sum()
    for count in (FEW, 4096, row.size):
        if count > FEW:
            ids, weights, complete = _likeliest(row, highest, floor, count)
        last = _reaching(weights / total, p, min_keep)
        if last < ids.size or complete:
            break
    return ids[: last + 1]


def _likeliest(row: Row, highest: float, floor: float, count: int) -> tuple[Ids, Row, bool]:
    """At least ``count`` tokens, most likely first, their weights, and whether they are all that reach ``floor``."""
    threshold = kth_at_least(row, min(count, row.size))
    ids = at_least(row, max(threshold, floor))
    ids = ids[np.argsort(-row[ids], kind="stable")]
    return ids, softmax_weights(row[ids], highest), threshold <= floor or count >= row.size


def _reaching(shares: Row, p: float, min_keep: int) -> int:
    """Place of the token with which the sum of ``shares`` reaches ``p``; their number where it does not."""
    enough = shares.cumsum() >= np.float32(p)
    enough[: min_keep - 1 if min_keep else 0] = False
    return int(enough.argmax()) if enough.any() else shares.size


def typical(row: Row, p: float, min_keep: int) -> Ids:
    """Tokens that typical-p keeps, most typical first.

    A token's distance from the expected surprise is that of its logit from the mean logit, so the search grows
    around that mean.
    """
    shifted = row - np.float32(greatest(row))
    weights = np.exp(shifted)
    total = weights.sum()
    np.maximum(shifted, -1e4, out=shifted)
    mean = float((weights * shifted).sum() / total)
    reach = -mean + 1e-3
    while True:
        ids = np.flatnonzero(shifted >= max(mean - reach, -9e3))
        distance = np.abs(shifted[ids] - np.float32(mean))
        order = np.argsort(distance, kind="stable")
        kept = (weights[ids[order]] / total).cumsum() > np.float32(p)
        kept[: min_keep - 1 if min_keep else 0] = False
        last = int(kept.argmax()) if kept.any() else ids.size - 1
        if mean - reach < -9e3 or (kept.any() and distance[order[last]] <= reach):
            return ids[order[: last + 1]]
        reach *= 2


def exclude_top_choices(row: Row, threshold: float, min_keep: int) -> None:
    """XTC on a whole row: of the tokens above the probability ``threshold``, only the least likely stays."""
    weights = softmax_weights(row, greatest(row))
    ids = np.flatnonzero((weights / weights.sum() >= np.float32(threshold)) & (row >= LOWEST))
    if ids.size > 1 and row.size - ids.size + 1 >= min_keep:
        least = ids[row[ids].argmin()]
        logit = row[least]
        row[ids] = -math.inf
        row[least] = logit


def dynamic_temperature(row: Row, temperature: float, spread: float, exponent: float) -> float:
    """The temperature that the row's entropy calls for: ``temperature`` plus or minus at most ``spread``."""
    shifted = row - np.float32(greatest(row))
    weights = np.exp(shifted)
    total = float(weights.sum())
    np.maximum(shifted, -1e4, out=shifted)
    mean = float((weights * shifted).sum()) / total
    entropy = max(math.log(total) - mean, 0.0) / math.log(row.size) if row.size > 1 else 0.0
    low = max(temperature - spread, 0.0)
    return low + (temperature + spread - low) * float(entropy**exponent)


def divide(row: Row, temperature: float) -> None:
    """Apply a temperature in place; one of zero leaves the most likely token alone."""
    if temperature > 1e-30:
        np.divide(row, np.float32(temperature), out=row)
        return
    best = int(row.argmax())
    logit = row[best]
    row[:] = -math.inf
    row[best] = logit


def softmax_weights(row: Row, highest: float) -> Row:
    """Probabilities but for their common divisor; the most likely token has 1."""
    weights: Row = row - np.float32(highest)
    np.exp(weights, out=weights)
    return weights
