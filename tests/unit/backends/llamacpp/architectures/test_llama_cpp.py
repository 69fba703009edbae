"""What llama.cpp itself keeps right and what it does not: the ground that the engine's sharing stands on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from paddock.backends.llamacpp.bindings import FULL
from paddock.sdk.errors import EngineError

from .harness import JOBS, SHARED, Case, Logits, Raw
from .models import ARCHITECTURES, HYBRID, ON_ITS_OWN_TERMS, RECURRENT, SLIDING

A, B, C = JOBS
FAITHFUL = set(ARCHITECTURES) - ON_ITS_OWN_TERMS
PLAIN = FAITHFUL - RECURRENT - HYBRID - SLIDING
OF_EACH_MEMORY = ("llama", "gemma2", "gemma4", "deepseek2", "mamba", "rwkv7", "lfm2")
WITH_AND_WITHOUT_FLASH_ATTENTION = pytest.mark.parametrize(
    ("case", "flash_attention"),
    [(name, on) for on, names in ((1, sorted(FAITHFUL)), (0, OF_EACH_MEMORY)) for name in names],
    indirect=["case"],
)
"""Without it values lie transposed in the KV cache; the architecture makes no difference to that."""


def of(architectures: Iterable[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", sorted(architectures), indirect=True)


@of(FAITHFUL)
def test_batches_of_several_sequences(case: Case) -> None:
    def route(case: Case) -> list[Logits]:
        found: list[list[np.ndarray]] = [[] for _ in JOBS]
        done = [0] * len(JOBS)
        with case.opened() as raw:
            while pending := [i for i, job in enumerate(JOBS) if done[i] < len(job.prompt + job.forced)]:
                rows, answered = [], []
                for i in pending:
                    job, start = JOBS[i], done[i]
                    end = min(start + 7, len(job.prompt)) if start < len(job.prompt) else start + 1
                    output = end >= len(job.prompt)
                    items = enumerate((job.prompt + job.forced)[start:end], start)
                    rows += [(token, position, i, output and position == end - 1) for position, token in items]
                    answered += [i] * output
                    done[i] = end
                for i, row in zip(answered, raw.decode(rows), strict=True):
                    found[i].append(row)
        return [np.stack(rows) for rows in found]

    case.check(route)


@of(FAITHFUL - SLIDING)
def test_a_whole_sequence_is_shared(case: Case) -> None:
    def route(case: Case) -> list[Logits]:
        with case.opened() as raw:
            raw.read(2, A.prompt[:SHARED], chunk=32)
            raw.copy(2, 0)
            raw.copy(2, 1)
            assert raw.positions(0) == raw.positions(1) == raw.positions(2)
            found = [raw.finish(0, A, SHARED, 7), raw.finish(1, B, SHARED, 16)]
            raw.remove(2)
            return [*found, raw.finish(2, C, 0)]

    case.check(route)


@of(SLIDING)
def test_a_sliding_window_that_is_merely_shared_cannot_move(case: Case) -> None:
    with case.opened() as raw:
        raw.read(0, A.prompt[:SHARED], chunk=32)
        raw.copy(0, 1)
        pieces = (raw.context.decode([(5, SHARED + i, sequence, True)]) for i in range(64) for sequence in (0, 1))
        assert FULL in pieces


def part_shared(raw: Raw) -> list[Logits]:
    first = raw.finish(0, A, 0, 32)
    raw.copy(0, 1, SHARED)
    assert raw.positions(1) == (0, SHARED - 1)
    return [first, raw.finish(1, B, SHARED, 16), raw.finish(2, C, 0)]


@of(PLAIN)
def test_a_part_of_a_sequence_is_shared(case: Case) -> None:
    def route(case: Case) -> list[Logits]:
        with case.opened() as raw:
            return part_shared(raw)

    case.check(route)


@of(SLIDING)
def test_a_part_is_shared_when_the_whole_window_is_kept(case: Case) -> None:
    def route(case: Case) -> list[Logits]:
        with case.opened(swa_full=True) as raw:
            return part_shared(raw)

    case.check(route)


@of(HYBRID - ON_ITS_OWN_TERMS)
def test_the_positions_tell_that_a_part_of_a_hybrid_was_not_shared(case: Case) -> None:
    with case.opened() as raw:
        raw.read(0, A.prompt, chunk=32)
        raw.copy(0, 1, SHARED)
        assert raw.positions(1) == (len(A.prompt) - 1, SHARED - 1)


@of(RECURRENT)
def test_a_part_of_a_recurrent_sequence_is_refused(case: Case) -> None:
    with case.opened() as raw:
        raw.read(0, A.prompt, chunk=32)
        raw.copy(0, 1, SHARED)
        assert raw.positions(1) == (len(A.prompt) - 1, len(A.prompt) - 1)
        with pytest.raises(EngineError):
            raw.read(1, B.prompt[SHARED:], SHARED)


@WITH_AND_WITHOUT_FLASH_ATTENTION
def test_a_checkpoint_makes_a_part_of_any_sequence_shareable(case: Case, flash_attention: int) -> None:
    def route(case: Case) -> list[Logits]:
        with case.opened(flash_attn_type=flash_attention) as raw:
            raw.read(0, A.prompt[:SHARED], chunk=32)
            checkpoint = raw.state(0, partial=True)
            first = raw.read(0, A.prompt[SHARED:], SHARED, 16)
            raw.copy(0, 1)
            raw.restore(1, checkpoint, partial=True)
            assert raw.remove(1, SHARED)
            start, end = raw.positions(1)
            assert start <= max(0, SHARED - case.model.n_swa) or case.model.recurrent
            assert end == SHARED - 1
            second = raw.finish(1, B, SHARED, 16)
            return [np.stack([first, *raw.force(0, A)]), second, raw.finish(2, C, 0)]

    case.check(route)


@WITH_AND_WITHOUT_FLASH_ATTENTION
def test_a_sequence_leaves_the_context_and_returns(case: Case, flash_attention: int, tmp_path: Path) -> None:
    def route(case: Case) -> list[Logits]:
        with case.opened(flash_attn_type=flash_attention) as raw:
            third = raw.read(1, C.prompt, chunk=16)
            raw.read(0, A.prompt[:SHARED], chunk=32)
            state = raw.state(0)
            raw.save(0, tmp_path / "state", A.prompt[:SHARED])
            raw.remove(0)
            rest = raw.force(1, C)
            raw.restore(2, state)
            assert tuple(raw.load(3, tmp_path / "state")) == A.prompt[:SHARED]
            assert raw.positions(2) == raw.positions(3)
            return [raw.finish(3, A, SHARED, 7), raw.finish(2, B, SHARED, 16), np.stack([third, *rest])]

    case.check(route)


@of(SLIDING)
def test_the_positions_tell_that_a_restored_window_cannot_be_cut(case: Case) -> None:
    with case.opened(swa_full=True) as raw:
        raw.read(0, A.prompt, chunk=32)
        raw.restore(1, raw.state(0))
        assert raw.remove(1, len(A.prompt) - 10)
        assert raw.positions(1)[0] > len(A.prompt) - 10 - case.model.n_swa
