"""The nucleus of a row, found in few passes, against the plain way: sort everything, sum, cut."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.backends.llamacpp.logits import Row, min_p_floor, nucleus


def plain_nucleus(row: Row, p: float, min_p: float) -> tuple[list[int], float]:
    """The ids, and how far the nearest sum is from ``p``: where it is close, rounding may decide."""
    ids = np.argsort(-row, kind="stable")
    weights = np.exp(row[ids].astype(np.float64) - row.max())
    sums = (weights / weights.sum()).cumsum()
    count = int((sums >= p).argmax()) + 1 if sums[-1] >= p else int(ids.size)
    kept = [int(index) for index in ids[:count] if not min_p or row[index] >= np.float32(min_p_floor(row.max(), min_p))]
    return kept, float(np.abs(sums - p).min())


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.sampled_from([3, 127, 128, 1000, 40_000]),
    spread=st.sampled_from([0.01, 1.0, 3.0, 8.0, 30.0]),
    peaks=st.integers(0, 6),
    refused=st.booleans(),
    p=st.sampled_from([0.01, 0.5, 0.9, 0.95, 0.999]),
    min_p=st.sampled_from([0.0, 0.001, 0.05, 0.9]),
)
def test_the_nucleus_is_the_plain_one(
    seed: int, size: int, spread: float, peaks: int, refused: bool, p: float, min_p: float
) -> None:
    draw = np.random.default_rng(seed)
    row = draw.normal(0, spread, size).astype(np.float32)
    row[draw.integers(0, size, peaks)] += np.float32(6 * spread)
    if refused:
        row[draw.integers(0, size, size // 3)] = -np.inf
        row[draw.integers(0, size)] = 0.0
    wanted, distance = plain_nucleus(row, p, min_p)
    if distance > 1e-4:
        floor = min_p_floor(row.max(), min_p) if min_p else -np.inf
        found = [int(index) for index in nucleus(row, p, 1, min_p) if row[index] >= np.float32(floor)]
        assert found == wanted
