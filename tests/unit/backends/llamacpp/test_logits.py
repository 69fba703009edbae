"""The nucleus and the top of a row, found in few passes, against the plain way: sort everything, sum, cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.backends.llamacpp import logits
from paddock.backends.llamacpp.logits import MANY, Row, Top, min_p_floor, nucleus, top
from paddock.sdk.errors import EngineError


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


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.sampled_from([3, 128, 1000, 40_000, 40_001]),
    count=st.sampled_from([1, 2, 40, 150]),
    refused=st.booleans(),
)
def test_the_top_holds_the_highest_in_the_order_of_their_ids(seed: int, size: int, count: int, refused: bool) -> None:
    draw = np.random.default_rng(seed)
    row = draw.normal(0, 2, size).astype(np.float32).round(1)
    row[-draw.integers(1, size) :] += 3  # also behind the last whole block
    if refused:
        row[draw.integers(0, size, size // 2)] = -np.inf
        row[-1] = 0.0
    found = top(row, min(count, size))
    highest = np.sort(row)[::-1][:count]
    assert (np.diff(found) > 0).all()
    assert np.array_equal(np.sort(row[found])[::-1][: len(highest)], highest[: len(found)])
    assert len(found) >= np.isfinite(highest).sum()
    row[draw.integers(0, size)] = np.nan
    with pytest.raises(EngineError, match="not numbers"):
        top(row, min(count, size))


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.sampled_from([3, 128, 5000, 40_001]),
    count=st.sampled_from([1, 40, 700]),
    moves=st.lists(st.sampled_from([-6.0, -1.0, 0.0, 0.5, 5.0]), min_size=2, max_size=8),
)
def test_the_top_of_row_after_row_holds_the_highest(seed: int, size: int, count: int, moves: list[float]) -> None:
    draw, highest_of, level = np.random.default_rng(seed), Top(count), 0.0
    for move in moves:
        level += move
        row = (draw.normal(level, 2, size)).astype(np.float32).round(1)
        if move < 0:
            row[draw.integers(0, size, size - size // 50)] = -np.inf  # as a mask does
            row[-1] = level
        found, highest = highest_of(row), np.sort(row)[::-1][:count]
        assert (np.diff(found) > 0).all()
        assert np.array_equal(np.sort(row[found])[::-1][: len(highest)], highest[: len(found)])
        assert len(found) >= np.isfinite(highest).sum()
    row[:] = np.nan
    with pytest.raises(EngineError, match="not numbers"):
        highest_of(row)


def test_the_top_of_rows_alike_is_found_by_the_bound_of_those_before(monkeypatch: pytest.MonkeyPatch) -> None:
    whole: list[int] = []

    def looked_at(row: Row, count: int) -> logits.Ids:
        whole.append(count)
        return top(row, count)

    monkeypatch.setattr(logits, "top", looked_at)
    draw, highest_of = np.random.default_rng(0), Top(40)
    sizes = [len(highest_of(draw.normal(0, 2, 50_000).astype(np.float32))) for _ in range(200)]
    assert len(whole) < 12
    assert max(sizes) <= MANY
    flat = draw.normal(3, 2, 50_000).astype(np.float32)
    assert len(highest_of(flat)) <= MANY < np.count_nonzero(flat > 4.5)
    assert len(whole) < 12, "too many raise the bound without a second look at the row"
