"""The scheduler against a simulated context."""

from __future__ import annotations

import numpy as np
import pytest

from paddock.backends.llamacpp.picture_encoder import PictureRun
from paddock.backends.llamacpp.picture_tokens import picture_tokens
from paddock.backends.llamacpp.step_times import Depth

KINDS = ("attention", "window", "full window", "hybrid", "hybrid that takes back", "whole only")


def test_a_prompt_is_read_in_chunks_and_only_its_last_token_asks_for_logits(world):
    it = world(chunk=4)
    one = it.add("one", range(10))
    assert [len(it.advance().rows) for _ in range(4)] == [4, 4, 2, 1]
    assert one.tokens[10:] == [1010, 1011]


def test_running_answers_keep_their_token_in_every_step_while_a_prompt_comes_in(world):
    it = world(parallel=2, cells=4096, chunk=512, beside=24)
    writer = it.add("writer", range(4))
    it.advance()
    it.add("reader", range(50, 1050), order=1)
    for _ in range(5):
        step = it.advance()
        assert writer in step.outputs
        assert len(step.rows) == 1 + 24
        assert step.reading == {"reader"}


def test_prompts_that_came_together_are_read_at_full_speed_beside_the_first_answers(world):
    it = world(parallel=4, cells=2000, chunk=100, beside=4)
    requests = [
        it.add(f"request {number}", range(number * 200, number * 200 + 90), order=number) for number in range(3)
    ]
    steps = [it.advance() for _ in range(4)]
    assert all(request.began for request in requests)
    assert len(steps[2].rows) > 50
    late = it.add("late", range(900, 990), order=900)
    assert it.advance().counts[late] == 4


def test_who_waits_for_a_picture_takes_no_turn_from_others_whatever_their_adapters(world):
    it = world(cells=200)
    run = PictureRun(2, 10, 8, np.zeros((4, 8), np.int32), b"key", lambda: pytest.fail("not encoded here"))
    held = it.add("held", [1, 2, *picture_tokens(run.key, 8, 8), 3], group="adapter", pictures=(run,))
    other = it.add("other", range(20, 30), order=1)
    while not held.held:
        it.advance()
    assert all(set(it.advance().counts) == {other} for _ in range(4))
    run.embeddings = np.zeros((8, 4), np.float32)
    steps = [it.advance() for _ in range(4)]
    assert any(step.picture is run for step in steps)
    assert sum(other in step.counts for step in steps) == 2


def test_prompts_share_a_step_evenly_and_short_ones_leave_their_share_to_long_ones(world):
    it = world(cells=1000, chunk=90)
    long, short, other = (
        it.add("long", range(100, 400)),
        it.add("short", range(10), order=1),
        it.add("other", range(500, 800), order=2),
    )
    step = it.advance()
    assert [step.counts[one] for one in (long, short, other)] == [40, 10, 40]


def test_a_person_who_waits_is_read_before_batch_work(world):
    it = world(cells=1000, chunk=30)
    it.add("batch", range(100), priority=1)
    person = it.add("person", range(500, 600), order=1)
    assert set(it.advance().counts) == {person}


def test_more_requests_than_may_run_wait_in_order_and_people_come_first(world):
    it = world(parallel=1)
    it.add("running", range(4))
    it.advance()
    it.add("batch", range(10, 14), order=1, priority=1)
    it.add("chat", range(20, 24), order=2)
    it.advance()
    assert [waiting.id for waiting in it.scheduler.waiting] == ["chat", "batch"]


@pytest.mark.parametrize("budget", [0, 100_000])
@pytest.mark.parametrize("kind", KINDS)
def test_when_cells_run_out_the_youngest_goes_back_with_its_state_saved(world, kind, budget):
    it = world(kind, parallel=2, cells=300, chunk=100, budget=budget)
    old, young = it.add("old", range(110)), it.add("young", range(500, 600), order=1)
    while not it.scheduler.waiting or it.scheduler.preemptions == 0:
        it.advance()
    assert [waiting.id for waiting in it.scheduler.waiting] == ["young"]
    written = list(young.tokens)
    it.scheduler.remove(old)
    step = it.advance()
    assert young.tokens[: len(written)] == written
    assert young.cached == 0
    assert len(step.rows) == (1 if budget else 100)


def test_different_adapters_share_neither_a_step_nor_a_prefix(world):
    it = world(cells=300)
    plain, styled = it.add("plain", range(20)), it.add("styled", range(20), order=1, group=(0.5,))
    groups = []
    for _ in range(6):
        step = it.advance()
        groups.append(step.group)
        assert len({sequence.group for sequence in step.counts}) == 1
    assert set(groups) == {None, (0.5,)}
    assert (plain.cached, styled.cached) == (0, 0)


def test_a_recurrent_model_never_computes_answers_and_prompts_in_one_step(world):
    it = world("hybrid", cells=600)
    writer = it.add("writer", range(4))
    it.advance()
    reader = it.add("reader", range(50, 150), order=1)
    steps = [it.advance() for _ in range(6)]
    assert all(not (writer in step.counts and reader in step.counts) for step in steps)
    assert {writer in step.counts for step in steps} == {True, False}
    assert (1, True) in it.pace.asked


@pytest.mark.parametrize("kind", ["attention", "hybrid"])
def test_the_pace_is_told_how_far_the_next_step_looks_back(world, kind):
    it = world(kind, cells=600, chunk=100, beside=20)
    writer = it.add("writer", range(30))
    it.advance()
    reader = it.add("reader", range(50, 150), order=1)
    while reader.evaluated < 40:
        before, written = reader.evaluated, len(writer.tokens)
        step = it.advance()
        if reader in step.counts:
            assert it.pace.depths[-1] == Depth(answers=written, prompt=before)
            alone = writer not in step.counts
            assert step.attended == 20 * (2 * before + 20) // 2 + (0 if alone else written)


def test_wrong_guesses_are_taken_back_and_right_ones_save_steps(world):
    plain, drafting = world(cells=200), world(cells=200, drafts=True)
    texts = []
    for it in (plain, drafting):
        one = it.add("one", range(10), draft_limit=3)
        steps = 0
        while len(one.tokens) < 60:
            it.advance()
            steps += 1
        texts.append((one.tokens[:60], steps))
    assert texts[0][0] == texts[1][0]
    assert texts[1][1] < texts[0][1]


def test_a_step_is_filled_up_where_that_is_quicker(world):
    it = world(parallel=7, cells=400, chunk=70, pads=True)
    for number in range(7):
        it.add(f"request {number}", range(number * 10, number * 10 + 5), order=number)
    it.advance()
    assert len(it.advance().rows) == 8


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_that_was_broken_off_is_computed_again(world, kind):
    it = world(kind, chunk=8)
    one = it.add("one", range(20))
    it.advance()
    step = it.scheduler.schedule()
    it.memory.compute(step, rows=3)
    it.scheduler.undone(step)
    it.check()
    while not one.tokens[20:]:
        it.advance()
    assert it.memory.sequences[one.prefix.sequence].tokens == list(range(20))


def test_a_prompt_that_can_never_fit_is_refused(world):
    it = world(cells=16)
    with pytest.raises(ValueError, match="16"):
        it.add("huge", range(16))


def test_nothing_is_evaluated_any_more_after_the_context_was_cleared(world):
    it = world(cells=300, chunk=50)
    done, running = it.add("done", range(40)), it.add("running", range(500, 530), order=1)
    for _ in range(3):
        it.advance()
    it.scheduler.remove(done)
    it.memory.sequences.clear()
    it.scheduler.forget()
    assert running.evaluated == 0
    again = it.add("again", range(40), order=2)
    it.advance()
    assert again.cached == 0


def test_a_request_that_does_not_fit_is_looked_up_again_when_another_ends(world, monkeypatch):
    it = world(cells=100, chunk=100)
    first = it.add("first", range(60))
    it.advance()
    large = it.add("large", range(500, 560), order=1)
    it.advance()
    with monkeypatch.context() as patch:
        patch.setattr(it.cache, "find", None)
        it.advance()
    it.scheduler.remove(first)
    assert large in it.advance().counts


def test_prompts_are_read_in_large_pieces_again_after_steps_have_failed(world):
    it = world(cells=400, chunk=16)
    while it.scheduler.halve_chunk():
        pass
    it.add("one", range(40))
    assert [len(it.advance().rows) for _ in range(5)] == [1, 2, 4, 8, 16]


def test_a_recurrent_state_is_not_used_after_a_step_was_broken_off(world):
    it = world("hybrid", chunk=8)
    one = it.add("one", range(20))
    it.advance()
    step = it.scheduler.schedule()
    it.memory.compute(step, rows=0)  # as if llama.cpp had taken it back
    it.scheduler.undone(step, broken_off=True)
    assert one.evaluated == 0
    it.check()


def test_guesses_take_nobodys_place(world):
    it = world(parallel=2, cells=60, chunk=30, drafts=True)
    for number in range(2):
        it.add(f"user {number}", range(500 * number, 500 * number + 20), order=number, draft_limit=3)
    while it.cells.free > 2:
        it.advance()
        assert it.scheduler.preemptions == 0


@pytest.mark.parametrize("then", ["preempted", "cancelled"])
def test_a_state_that_was_taken_back_is_left_alone_until_its_next_step_is_really_computed(world, then):
    """llama.cpp may end the process when it is saved or copied before."""
    it = world("hybrid that takes back", cells=400, drafts=True, budget=100_000)
    it.add("other", range(500, 520))
    one = it.add("one", range(70), order=1, draft_limit=3)
    while one.prefix is None or not it.memory.sequences[one.prefix.sequence].taken_back:
        it.advance()
    step = it.scheduler.schedule()
    assert one in step.counts
    it.scheduler.undone(step)  # there was no room
    if then == "preempted":
        assert it.scheduler.make_room()
        assert one in it.scheduler.waiting
    else:
        follower = it.add("follower", [*one.tokens[: one.evaluated], 7], order=2)
        it.scheduler.remove(one)
        one = follower
    before = len(one.tokens)
    while len(one.tokens) < before + 5:
        it.advance()


def test_answers_whose_books_wait_never_get_more_rows_than_there_are_cells(world):
    """One of the two has to leave when the cells run out, and goes on when the other has ended."""
    it = world(parallel=2, resting=0, cells=32, late=True)
    one, other = it.add("one", range(3)), it.add("other", range(50, 53), order=1)
    steps = [it.advance() for _ in range(18)]
    assert sum(step is steps[4] for step in steps) > 8, "the same step comes again and again"
    assert it.scheduler.preemptions == 1
    it.scheduler.remove(one)
    assert it.advance().counts.keys() == {other}
    it.check()
