"""The scheduler and the prefix cache against a simulated context."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


def test_a_follower_shares_what_a_finished_request_has_read(world):
    it = world()
    first = it.add("first", range(20))
    it.advance()
    it.advance()
    it.scheduler.remove(first)
    follower = it.add("second", [*range(20), 77, 78])
    step = it.advance()
    assert follower.cached == 20
    assert [row.token for row in step.rows] == [77, 78]


def test_a_follower_shares_what_a_running_request_has_read(world):
    it = world(cells=128)
    first = it.add("first", range(40))
    for _ in range(3):
        it.advance()
    before = it.cells.used
    second = it.add("second", [*range(40), 90, 91], order=1)
    it.advance()
    assert second.cached == 40
    assert it.cells.used == before + 1 + 2
    assert first in it.scheduler.running


@pytest.mark.parametrize("kind", ["attention", "window", "full window", "hybrid"])
def test_a_request_waits_for_a_prefix_that_another_is_reading(world, kind):
    it = world(kind, cells=400, chunk=30)
    shared = list(range(100))
    users = [it.add(f"user {number}", [*shared, 200 + number], order=number) for number in range(3)]
    evaluated = 0
    while any(user.pending > 1 or user.prefix is None for user in users):
        evaluated += len(it.advance().rows)
    assert [user.cached for user in users] == [0, 100, 100]
    assert evaluated < 100 + 3 * 4


def test_choices_of_one_prompt_read_it_once(world):
    it = world()
    choices = [it.add(f"choice {number}", range(40), order=number) for number in range(3)]
    for _ in range(4):
        it.advance()
    assert [choice.cached for choice in choices] == [0, 39, 39]


def test_a_waiting_follower_goes_on_when_the_reader_is_cancelled(world):
    it = world(cells=400, chunk=40)
    reader = it.add("reader", range(100))
    it.advance()
    follower = it.add("follower", [*range(100), 7], order=1)
    it.advance()
    assert follower.prefix is None
    it.scheduler.remove(reader)
    it.advance()
    assert follower.cached == 80


def test_an_identical_prompt_still_evaluates_its_last_token(world):
    it = world()
    for number in range(2):
        one = it.add(f"request {number}", range(8), order=number)
        step = it.advance()
        it.scheduler.remove(one)
    assert len(step.rows) == 1
    assert one.cached == 7


def test_a_conversation_keeps_its_prefix_when_another_begins_with_the_same_words(world):
    it = world(cells=100)
    first = it.add("first", range(40))
    for _ in range(3):
        it.advance()
    it.scheduler.remove(first)
    other = it.add("other", [0, 1, 2, *range(500, 510)], order=1)
    it.advance()
    it.scheduler.remove(other)
    assert other.cached == 3
    again = it.add("again", range(50), order=2)
    it.advance()
    assert again.cached == 40


def test_a_request_that_wants_no_cache_neither_takes_nor_leaves_anything(world):
    it = world()
    for number in range(2):
        one = it.add(f"request {number}", range(8), order=number, kept=False)
        it.advance()
        it.scheduler.remove(one)
        assert one.cached == 0
        assert it.cells.used == 0


@pytest.mark.parametrize("kind", ["window", "hybrid"])
def test_a_checkpoint_at_a_message_lets_a_changed_prompt_begin_there(world, kind):
    it = world(kind, cells=400, budget=10_000)
    first = it.add("first", range(100), boundaries=(40, 90))
    while first.pending > 1 or first.prefix is None:
        it.advance()
    it.scheduler.remove(first)
    changed = it.add("changed", [*range(95), *range(500, 520)], order=1)
    it.advance()
    assert changed.cached == 90


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


def test_prefixes_of_finished_requests_make_room_before_anyone_is_preempted(world):
    it = world(cells=100, chunk=100)
    done = it.add("done", range(60))
    it.advance()
    it.scheduler.remove(done)
    fresh = it.add("fresh", range(500, 570), order=1)
    it.advance()
    assert list(it.scheduler.running) == [fresh]
    assert it.cells.used == 70


def test_an_evicted_prefix_comes_back_from_memory_and_then_from_disk(world, simulated_store):
    it = world(cells=300, chunk=300, budget=10_000, store=simulated_store)
    first = it.add("first", range(200))
    it.advance()
    it.scheduler.remove(first)
    it.cache.evict()
    again = it.add("again", [*range(200), 7], order=1)
    it.advance()
    assert (again.cached, it.cache.counts.restored_from_memory) == (200, 1)
    it.scheduler.remove(again)
    assert it.cache.store_one()
    assert not it.cache.store_one()
    (key,) = simulated_store.files
    later = world(cells=300, chunk=300, store=simulated_store)
    later.cache.known(simulated_store.files[key].tokens, key, [])
    known = later.add("known", [*range(200), 7, 8, 9], order=1)
    later.advance()
    assert (known.cached, later.cache.counts.restored_from_disk) == (201, 1)


def test_a_private_request_never_reaches_the_disk(world, simulated_store):
    it = world(cells=300, chunk=300, budget=1, store=simulated_store)
    secret = it.add("secret", range(200), private=True)
    it.advance()
    it.scheduler.remove(secret)
    it.cache.evict()
    assert not it.cache.store_one()
    assert simulated_store.files == {}


def test_a_private_continuation_leaves_the_public_beginning_to_the_disk(world, simulated_store):
    it = world(cells=600, chunk=300, store=simulated_store)
    for number, (length, private) in enumerate([(150, False), (250, True)]):
        one = it.add(f"turn {number}", range(length), order=number, private=private)
        it.advance()
        it.scheduler.remove(one)
    assert it.cache.store_one()
    assert not it.cache.store_one()
    assert [len(file.tokens) for file in simulated_store.files.values()] == [150]


def test_a_longer_prefix_replaces_the_shorter_one_on_disk(world, simulated_store):
    it = world(cells=600, chunk=300, store=simulated_store)
    for number, length in enumerate((150, 250)):
        one = it.add(f"turn {number}", range(length), order=number)
        it.advance()
        it.scheduler.remove(one)
        it.cache.store_one()
    assert [len(file.tokens) for file in simulated_store.files.values()] == [250]


def test_a_state_that_does_not_hold_is_read_again_and_counted(world):
    it = world(cells=300, chunk=300, budget=10_000)
    first = it.add("first", range(200))
    it.advance()
    it.scheduler.remove(first)
    it.cache.evict()
    it.memory.broken = True
    again = it.add("again", [*range(200), 7], order=1)
    it.advance()
    assert again.cached == 0
    assert it.cache.counts.recomputed == 1
    assert again.evaluated == 201


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


def test_a_follower_goes_on_when_the_reader_ends_before_its_first_step(world):
    it = world(cells=400, chunk=40)
    reader, follower = it.add("reader", range(100)), it.add("follower", [*range(100), 7], order=1)
    it.scheduler.schedule()
    assert follower.prefix is None
    it.scheduler.remove(reader)
    assert follower in it.advance().counts


def test_followers_that_wait_are_not_looked_up_again_in_every_step(world, monkeypatch):
    it = world(parallel=50, cells=4000, chunk=20)
    for number in range(40):
        it.add(f"user {number}", [*range(200), 300 + number], order=number)
    it.advance()
    monkeypatch.setattr(it.cache, "find", None)
    for _ in range(8):
        it.advance()


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


def test_a_few_tokens_in_common_are_not_worth_a_large_state(world):
    it = world(cells=2000, chunk=1000, budget=100_000)
    first = it.add("first", range(900))
    it.advance()
    it.scheduler.remove(first)
    it.cache.evict()
    for common, worth in ((20, 0), (300, 300)):
        other = it.add("other", [*range(common), *range(5000, 5050)], order=1)
        it.advance()
        it.scheduler.remove(other)
        assert other.cached == worth


def test_a_disk_that_does_not_keep_up_is_not_asked_again_and_again(world, simulated_store, monkeypatch):
    it = world(cells=300, chunk=300, store=simulated_store)
    one = it.add("one", range(200))
    it.advance()
    it.scheduler.remove(one)
    monkeypatch.setattr(simulated_store, "put", lambda *what: False)
    assert not it.cache.store_one()


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "step", "step", "step", "end", "break", "evict", "store", "clear"]),
        st.integers(0, 1000),
        st.integers(1, 60),
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(ACTIONS, st.sampled_from(KINDS), st.integers(1, 4), st.sampled_from([0, 600, 100_000]), st.booleans())
def test_no_interleaving_leaks_cells_or_loses_a_request(world, new_store, actions, kind, parallel, budget, drafts):
    it = world(kind, parallel=parallel, cells=96, budget=budget, drafts=drafts, store=new_store())
    alive = []

    def end_the_long_ones(most: int) -> None:
        for member in [member for member in alive if len(member.tokens) >= min(96, member.n_prompt + most)]:
            it.scheduler.remove(member)
            alive.remove(member)

    for number, (action, pick, size) in enumerate(actions):
        match action:
            case "add":
                start = [0, 0, 1, 300][pick % 4]
                tokens = [*range(start, start + size), *range(900, 900 + pick % 3)]
                alive.append(
                    it.add(
                        f"s{number}",
                        tokens,
                        order=number,
                        boundaries=(size // 2,),
                        draft_limit=3 * drafts,
                        priority=pick % 2,
                        kept=pick % 7 > 0,
                        group=None if pick % 5 else (0.5,),
                    )
                )
            case "step":
                it.advance()
            case "break":
                step = it.scheduler.schedule()
                it.memory.compute(step, rows=pick % (len(step.rows) + 1))
                it.scheduler.undone(step, broken_off=True)
            case "evict":
                it.cache.evict()
            case "store":
                it.cache.store_one()
            case "clear" if pick % 10 == 0:
                it.memory.sequences.clear()
                it.scheduler.forget()
            case "end" if alive:
                it.scheduler.remove(alive.pop(pick % len(alive)))
        end_the_long_ones(100)
        assert {member.id for member in alive} == {m.id for m in [*it.scheduler.running, *it.scheduler.waiting]}
        it.check()
    rounds = 0
    while alive:
        rounds += 1
        assert rounds < 5000, "a request never ends"
        it.advance()
        end_the_long_ones(2)
    while it.cache.evict():
        pass
    assert it.cells.used == it.memory.used == 0
    for prefix in list(it.cache):
        it.cache.drop(prefix)
    assert it.memory.saved_bytes == 0
