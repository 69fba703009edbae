"""A request with pictures gets the logits that llama.cpp's own helper comes to, whatever was shared, saved and restored
on the way: for one model of each kind (pictures as a run of tokens, tokens that see each other, M-RoPE)."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from paddock.backends.llamacpp.picture_encoder import PictureRun
from paddock.backends.llamacpp.picture_tokens import picture_tokens
from paddock.backends.llamacpp.projector import Chunk, Projector

from .driver import Driver, driven
from .harness import CELLS, Case, Job, Logits, errors, tokens
from .projectors import write_projector

KINDS = {"llama": "mlp", "gemma3": "gemma3", "qwen2vl": "qwen2vl_merger"}
WHOLE = {"gemma3", "qwen2vl"}
FORCED = tokens(30, 4)
every_kind = pytest.mark.parametrize("case", KINDS, indirect=True)


class Sight:
    """Prompts of words and pictures for one model, and what llama.cpp makes of them by itself."""

    def __init__(self, case: Case, projector: Projector, noise_png: Callable[..., bytes]) -> None:
        self.case = case
        self._noise_png = noise_png
        self.projector = projector

    @cached_property
    def chunks(self) -> dict[str, Chunk]:
        found = {}
        for seed, name in enumerate("abc"):
            parts = self.projector.split(self._noise_png(40, 30, seed))
            (found[name],) = (part for part in parts if isinstance(part, Chunk))
        return found

    @cached_property
    def encoded(self) -> dict[str, np.ndarray]:
        made = {name: self.projector.encode(chunk, lambda fraction: True) for name, chunk in self.chunks.items()}
        return {name: embeddings for name, embeddings in made.items() if embeddings is not None}

    def job(self, *parts: str | tuple[int, ...]) -> tuple[Job, tuple[PictureRun, ...]]:
        """``parts`` are the names of pictures, and words."""
        prompt: list[int] = []
        runs = []
        for part in parts:
            if isinstance(part, tuple):
                prompt += part
                continue
            chunk, start = self.chunks[part], len(prompt)
            prompt += picture_tokens(part.encode(), chunk.count, chunk.positions)
            run = PictureRun(
                start=start,
                end=len(prompt),
                positions=chunk.positions,
                grid=chunk.grid,
                key=part.encode(),
                chunk=partial(self.chunks.__getitem__, part),
                whole=self.case.architecture in WHOLE,
                causal=not self.projector.whole,
                embeddings=self.encoded[part],
            )
            runs.append(run)
        return Job(tuple(prompt), FORCED), tuple(runs)

    def wanted(self, *parts: str | tuple[int, ...]) -> Logits:
        """By llama.cpp's helper, in an empty context."""
        from llama_cpp import mtmd_cpp

        with self.case.opened(n_ubatch=CELLS) as raw:
            at, row = 0, np.empty(0)
            for part in parts:
                if isinstance(part, tuple):
                    row = raw.read(0, part, at)
                    at += len(part)
                    continue
                after = mtmd_cpp.llama_cpp.llama_pos(at)
                chunk = self.chunks[part].handle
                where = self.projector._handle, raw.context.handle, chunk, at, 0, CELLS, False
                assert mtmd_cpp.mtmd_helper_eval_chunk_single(*where, ctypes.byref(after)) == 0
                at = after.value
            rows = [row, *(raw.read(0, [token], at + index) for index, token in enumerate(FORCED))]
            return np.stack(rows)

    def run(self, driver: Driver, *parts: str | tuple[int, ...]) -> Logits:
        job, pictures = self.job(*parts)
        driver.add(job, pictures=pictures, boundaries=tuple(run.start for run in pictures))
        driver.run()
        return driver.found(job)[0]


@pytest.fixture
def sight(case: Case, gguf_file: ModuleType, noise_png: Callable[..., bytes], tmp_path: Path) -> Iterator[Sight]:
    path = write_projector(gguf_file, KINDS[case.architecture], tmp_path / "mmproj.gguf")
    projector = Projector(case.model, str(path), threads=1, gpu=False)
    yield Sight(case, projector, noise_png)
    projector.close()


SYSTEM, ASKED, MORE = tokens(21, 90), tokens(22, 31), tokens(23, 14)
FIRST = (SYSTEM, "a", ASKED, "b", MORE)
SECOND = (SYSTEM, "a", ASKED, "c", MORE)


def until_second_picture(sight: Sight) -> int:
    """Tokens that the prompts have in common and that can be shared."""
    return len(SYSTEM) + sight.chunks["a"].count + len(ASKED)


@every_kind
def test_pictures_are_read_beside_other_requests_and_shared_up_to_the_first_that_differs(sight: Sight) -> None:
    with driven(sight.case, chunk=7, n_seq_max=6) as driver:
        driver.add(Job(tokens(24, 50), FORCED))
        first = sight.run(driver, *FIRST)
        second = sight.run(driver, *SECOND)
        job, _ = sight.job(*SECOND)
        assert driver.cached[job] == until_second_picture(sight)
    wanted = [sight.wanted(*FIRST), sight.wanted(*SECOND)]
    sight.case.check_against([first, second], wanted)
    found = errors(*wanted)
    assert found.max() > max(1e-3, 100 * sight.case.noise)


@pytest.mark.parametrize("case", ["gemma3"], indirect=True)
def test_the_tokens_of_a_picture_see_each_other_where_the_model_wants_it(sight: Sight) -> None:
    wanted, error = sight.wanted(*FIRST), {}
    for causal in (False, True):
        job, pictures = sight.job(*FIRST)
        for run in pictures:
            assert not run.causal
            run.causal = causal
        with driven(sight.case) as driver:
            driver.add(job, pictures=pictures)
            driver.run()
            error[causal] = errors(driver.found(job)[0], wanted).max()
    assert error[True] > 10 * error[False]


@every_kind
def test_pictures_return_from_memory_and_from_the_disk_of_an_earlier_run(sight: Sight, tmp_path: Path) -> None:
    with driven(sight.case, folder=tmp_path / "kv") as driver:
        found = [sight.run(driver, *FIRST)]
        assert driver.cache.evict()
        found.append(sight.run(driver, *SECOND))
        while driver.cache.store_one():
            pass
        assert driver.cache.counts.restored_from_memory == 1
        assert driver.cache.counts.recomputed == 0
    with driven(sight.case, folder=tmp_path / "kv") as driver:
        longer = (*FIRST, tokens(25, 9))
        found.append(sight.run(driver, *longer))
        assert driver.cache.counts.restored_from_disk == 1
        assert driver.cache.counts.recomputed == 0
        job, _ = sight.job(*longer)
        assert driver.cached[job] >= until_second_picture(sight)
    sight.case.check_against(found, [sight.wanted(*FIRST), sight.wanted(*SECOND), sight.wanted(*longer)])


@every_kind
def test_a_request_that_ends_within_a_picture_leaves_what_is_before_it(sight: Sight) -> None:
    with driven(sight.case, chunk=5) as driver:
        job, pictures = sight.job(*FIRST)
        sequence = driver.add(job, pictures=pictures, boundaries=(len(SYSTEM),))
        while sequence.evaluated <= pictures[0].start:
            driver.step()
        driver.end(sequence)
        found = sight.run(driver, *FIRST, MORE)
        in_one_step = sight.projector.whole
        wanted = pictures[0].end if in_one_step else len(SYSTEM)
        assert driver.cached[sight.job(*FIRST, MORE)[0]] == wanted
    sight.case.check_against([found], [sight.wanted(*FIRST, MORE)])


@every_kind
def test_a_request_waits_for_its_picture_while_others_go_on(sight: Sight) -> None:
    with driven(sight.case) as driver:
        job, pictures = sight.job(*FIRST)
        embeddings, pictures[0].embeddings = pictures[0].embeddings, None
        sequence = driver.add(job, pictures=pictures)
        other = Job(tokens(26, 40), FORCED)
        driver.add(other)
        while driver.scheduler.schedule().rows:
            driver.step()
        assert sequence.held
        assert len(driver.rows[other]) == 1 + len(FORCED)
        pictures[0].embeddings = embeddings
        driver.run()
        found = driver.found(job)
    sight.case.check_against(found, [sight.wanted(*FIRST)])
