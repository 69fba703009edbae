"""Judges the ways to a logit row by their error under teacher forcing.

A :class:`Job` is a prompt and the tokens that follow it whatever the model says. A :data:`Route` evaluates the three
jobs of a :class:`Case` in its own way and answers, for each, the logits behind its prompt and behind every forced
token. The reference evaluates each job alone, its whole prompt in one call; every route must come to the same logits.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from paddock.backends.llamacpp.bindings import DECODED, Context, Model, library
from paddock.backends.llamacpp.loading import ALL_OUTPUTS, ONE_SEQUENCE, effective_options, load_model

CELLS, SEQUENCES, UBATCH, OUTPUTS = 1024, 4, 32, 16
"""A sliding window of 32 has 256 cells in such a context, so that prompts of 340 tokens come round in it."""
SHARED = 300
"""Tokens that the first two jobs of a case begin with."""

Logits = np.ndarray
"""(1 + forced tokens, vocabulary) float32 of one job."""


@dataclass(frozen=True)
class Job:
    prompt: tuple[int, ...]
    forced: tuple[int, ...]


def tokens(seed: int, count: int) -> tuple[int, ...]:
    """Ordinary tokens of the test vocabulary: bytes and words, no control tokens."""
    return tuple(int(token) for token in np.random.default_rng(seed).integers(3, 270, count))


JOBS = (
    Job(tokens(1, SHARED) + tokens(2, 40), tokens(3, 6)),
    Job(tokens(1, SHARED) + tokens(5, 33), tokens(6, 6)),
    Job(tokens(7, 61), tokens(8, 6)),
)


def errors(got: Logits, wanted: Logits) -> np.ndarray:
    """The normalised mean square error of every row; infinite where a logit is not a number."""
    found = ((got - wanted) ** 2).sum(axis=1) / (wanted**2).sum(axis=1)
    return np.where(np.isfinite(found), found, np.inf)


class Raw:
    """A context and llama.cpp's own calls on its memory."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.api = context.model.lib.api
        self.memory = self.api.llama_get_memory(context.handle)

    def decode(self, rows: Sequence[tuple[int, int, int, bool]]) -> list[np.ndarray]:
        """Evaluate rows of (token, position, sequence, output); the logits of those with an output, in order."""
        every = self.context.model.architecture in ALL_OUTPUTS
        asked = [(token, position, sequence, output or every) for token, position, sequence, output in rows]
        assert self.context.decode(asked) == DECODED
        return [self.logits(index) for index, row in enumerate(rows) if row[3]]

    def logits(self, row: int) -> np.ndarray:
        pointer = self.api.llama_get_logits_ith(self.context.handle, row)
        return np.ctypeslib.as_array(pointer, shape=(self.context.model.n_vocab,)).copy()

    def read(self, sequence: int, items: Sequence[int], start: int = 0, chunk: int = CELLS) -> np.ndarray:
        """Evaluate ``items`` from position ``start`` on in pieces of ``chunk``; the last one's logits."""
        for first in range(0, len(items), chunk):
            piece = items[first : first + chunk]
            last = len(items) - 1 - first
            found = self.decode([(t, start + first + i, sequence, i == last) for i, t in enumerate(piece)])
        return found[0]

    def force(self, sequence: int, job: Job) -> list[np.ndarray]:
        """Evaluate the forced tokens one by one behind the prompt."""
        return [self.read(sequence, [token], len(job.prompt) + i) for i, token in enumerate(job.forced)]

    def finish(self, sequence: int, job: Job, start: int, chunk: int = CELLS) -> Logits:
        """What is left of ``job`` when its first ``start`` tokens are there."""
        return np.stack([self.read(sequence, job.prompt[start:], start, chunk), *self.force(sequence, job)])

    def copy(self, source: int, target: int, length: int = -1) -> None:
        """Share the first ``length`` tokens (-1: all) of ``source`` with ``target``."""
        self.api.llama_memory_seq_cp(self.memory, source, target, -1 if length < 0 else 0, length)

    def remove(self, sequence: int, start: int = -1) -> bool:
        return bool(self.api.llama_memory_seq_rm(self.memory, sequence, start, -1))

    def positions(self, sequence: int) -> tuple[int, int]:
        api = self.api
        ends = api.llama_memory_seq_pos_min, api.llama_memory_seq_pos_max
        return ends[0](self.memory, sequence), ends[1](self.memory, sequence)

    def state(self, sequence: int, *, partial: bool = False) -> bytes:
        """All of the sequence's state, or only the part of it that cannot be cut (recurrent, sliding window)."""
        handle, flags = self.context.handle, int(partial)
        size = self.api.llama_state_seq_get_size_ext(handle, sequence, flags)
        buffer = (ctypes.c_uint8 * size)()
        assert self.api.llama_state_seq_get_data_ext(handle, buffer, size, sequence, flags) == size
        return bytes(buffer)

    def restore(self, sequence: int, state: bytes, *, partial: bool = False) -> None:
        buffer = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
        handle, flags = self.context.handle, int(partial)
        assert self.api.llama_state_seq_set_data_ext(handle, buffer, len(state), sequence, flags) == len(state)

    def save(self, sequence: int, path: Path, items: Sequence[int]) -> None:
        array = (self.api.llama_token * len(items))(*items)
        name = str(path).encode()
        assert self.api.llama_state_seq_save_file(self.context.handle, name, sequence, array, len(items))

    def load(self, sequence: int, path: Path) -> list[int]:
        array, count = (self.api.llama_token * CELLS)(), ctypes.c_size_t()
        where = self.context.handle, str(path).encode(), sequence
        assert self.api.llama_state_seq_load_file(*where, array, CELLS, ctypes.byref(count))
        return list(array[: count.value])


@dataclass
class Case:
    """A model with its jobs and what they must come to."""

    architecture: str
    path: Path

    @cached_property
    def model(self) -> Model:
        return load_model(library(), str(self.path), effective_options({}), lambda fraction: None)

    @contextmanager
    def opened(self, **options: Any) -> Iterator[Raw]:
        """A context of one thread; ``options`` are fields of ``llama_context_params``."""
        asked = {"n_ctx": CELLS, "n_batch": CELLS, "n_ubatch": UBATCH, "n_seq_max": SEQUENCES, "kv_unified": True}
        asked |= {"n_threads": 1, "n_threads_batch": 1, "n_outputs_max": OUTPUTS, "n_outputs_max_per_seq": OUTPUTS}
        asked |= {"swa_full": False} | options
        if self.architecture in ONE_SEQUENCE:
            asked["n_seq_max"] = 1
        if self.architecture in ALL_OUTPUTS:
            asked |= {"n_outputs_max": 0, "n_outputs_max_per_seq": 0}

        def configure(params: Any) -> None:
            for name, value in asked.items():
                setattr(params, name, value)

        context = Context(self.model, configure)
        try:
            yield Raw(context)
        finally:
            context.close()

    def alone(self, jobs: Sequence[Job], chunk: int = CELLS) -> list[Logits]:
        """Every job by itself in an empty context, its prompt in pieces of ``chunk``."""
        with self.opened(n_ubatch=CELLS) as raw:
            found = []
            for job in jobs:
                raw.context.clear()
                found.append(raw.finish(0, job, 0, chunk))
            return found

    @cached_property
    def wanted(self) -> list[Logits]:
        return self.alone(JOBS)

    @cached_property
    def sensitivity(self) -> float:
        """What another prefix does to the logits of the first job, at the row where it does least."""
        other = Job(tokens(4, SHARED) + JOBS[0].prompt[SHARED:], JOBS[0].forced)
        return float(errors(self.alone([other])[0], self.wanted[0]).min())

    @cached_property
    def noise(self) -> float:
        """What other sizes of the pieces in which prompts are read do to the logits."""
        sizes = {JOBS: (7, 32), JOBS[:1]: (1, 3)}
        return max(self.worst(self.alone(jobs, chunk)) for jobs, chunks in sizes.items() for chunk in chunks)

    def worst(self, got: Sequence[Logits]) -> float:
        """The largest error of any row of the jobs that ``got`` is about, the first ones."""
        return max(float(errors(a, b).max()) for a, b in zip(got, self.wanted, strict=False))

    def check(self, route: Route) -> None:
        """Fails unless ``route`` comes to the reference's logits, but for what the sizes of batches change."""
        self.check_against(route(self), self.wanted)

    def check_against(self, got: Sequence[Logits], wanted: Sequence[Logits]) -> None:
        error = max(float(errors(a, b).max()) for a, b in zip(got, wanted, strict=True))
        limit = max(30 * self.noise, 1e-9)
        assert error <= limit < self.sensitivity / 10, f"error {error:.1e}, limit {limit:.1e}"


Route = Callable[[Case], list[Logits]]
