"""What requests share through the prefix cache, against a simulated context."""

from __future__ import annotations

import pytest


def test_a_follower_shares_what_a_finished_request_has_read(world):
    it = world()
    first = it.add("first", range(20))
    it.advance()
    it.advance()
    it.scheduler.remove(first)
    follower = it.add("second", [*range(20), 77, 78])
    step = it.advance()
    assert follower.cached == 20
    assert [row[0] for row in step.rows] == [77, 78]


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


def after_chats(world, *lengths, kind="attention", budget=10**5, thin=True):
    """A context in which unrelated chats of so many tokens rest."""
    it = world(kind, parallel=1, resting=5, cells=900, chunk=300, budget=budget, thin=thin)
    it.cache._thin, thin = False, it.cache._thin
    for number, length in enumerate(lengths):
        one = it.add(f"chat {number}", range(1000 * number, 1000 * number + length), order=number)
        it.advance()
        it.scheduler.remove(one)
    it.cache._thin = thin
    return it


def follow(it, number):
    """The chat ``number`` of 200 tokens goes on; how many of its tokens were known."""
    one = it.add(f"chat {number} again", [*range(1000 * number, 1000 * number + 200), 7], order=9)
    it.advance()
    it.scheduler.remove(one)
    return one.cached


def test_what_rests_leaves_the_context_before_an_answer(world):
    it = after_chats(world, 200, 200, 200)
    fresh = it.add("fresh", range(5000, 5030), order=5)
    it.advance()
    assert it.cells.used == 30
    it.scheduler.remove(fresh)
    assert (follow(it, 0), it.cache.counts.restored_from_memory) == (200, 1)


def test_where_cells_of_others_cost_nothing_they_stay(world):
    it = after_chats(world, 200, 200, 200, thin=False)
    assert (follow(it, 0), it.cache.counts.restored_from_memory) == (200, 0)
    assert it.cache.resting_cells == 601


def test_what_an_answer_begins_with_stays(world):
    it = after_chats(world, 200, 200, 200)
    assert (follow(it, 0), it.cache.counts.restored_from_memory) == (200, 0)
    assert (follow(it, 1), it.cache.counts.restored_from_memory) == (200, 1)


@pytest.mark.parametrize(("shared", "used"), [(5, 35), (99, 129), (101, 230)])
def test_what_an_answer_begins_with_leaves_where_it_shares_little_of_it(world, shared, used):
    it = after_chats(world, 200)
    fresh = it.add("fresh", [*range(shared), *range(5000, 5030)], order=5)
    it.advance()
    assert (fresh.cached, it.cells.used) == (shared, used)
    it.check()
    it.scheduler.remove(fresh)
    assert (follow(it, 0), it.cache.counts.recomputed) == (200, 0)


def test_in_idle_moments_the_one_used_last_stays(world):
    it = after_chats(world, 200, 200, 200)
    while it.cache.thin_out_idly():
        pass
    assert it.cache.resting_cells == 200
    assert (follow(it, 2), it.cache.counts.restored_from_memory) == (200, 0)


def test_what_shares_most_of_its_cells_stays(world):
    it = world(parallel=1, resting=5, cells=900, chunk=300, budget=10**5, thin=True)
    for number in range(3):
        one = it.add(f"user {number}", [*range(300), *range(1000 * number, 1000 * number + 100)], order=number)
        it.advance()
        it.advance()
        it.scheduler.remove(one)
    assert len(list(it.cache.resting())) == 3
    assert it.memory.saved_bytes == 0


def test_memory_gives_up_nothing_for_what_would_leave_the_context(world):
    it = after_chats(world, 200, 200, 200, budget=2 * 800 - 1)
    assert [follow(it, number) for number in (2, 1, 0)] == [200, 200, 200]
    assert it.cache.counts.restored_from_memory == 1


def test_the_one_left_alone_moves_to_the_first_cells_once(world):
    it = after_chats(world, 200, 200)
    assert it.cache.thin_out_idly()
    (last,) = it.cache.resting()
    before = list(it.memory.sequences[last.sequence].cells)
    assert not it.cache.thin_out_idly()
    moved = it.memory.sequences[last.sequence].cells
    assert not set(moved) & set(before)
    it.check()
    assert not it.cache.thin_out_idly()
    assert it.memory.sequences[last.sequence].cells is moved
    assert (follow(it, 1), it.cache.counts.recomputed) == (200, 0)


def test_what_is_lost_on_its_way_to_the_first_cells_is_read_again(world):
    it = after_chats(world, 200, 200)
    it.memory.broken = True
    again = it.add("again", [*range(1000, 1200), 7], order=9)
    it.advance()
    assert again.cached == 0
    it.check()
    it.memory.broken = False
    it.scheduler.remove(again)
    assert follow(it, 0) == 200


@pytest.mark.parametrize(
    ("kind", "lengths", "budget"),
    [("full window", (200, 200), 10**5), ("attention", (60, 200), 10**5), ("attention", (200, 200), 799)],
)
def test_what_would_lose_by_it_stays_in_the_context(world, kind, lengths, budget):
    """A state of a sliding window cannot be cut, short prefixes are not saved, and nothing is without memory."""
    it = after_chats(world, *lengths, kind=kind, budget=budget)
    assert not it.cache.thin_out_idly()
    assert it.cache.resting_cells == sum(lengths)


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


@pytest.mark.parametrize("resting", [0, 2])
def test_a_sequence_that_could_not_begin_leaves_its_number_to_others(world, simulated_store, monkeypatch, resting):
    it = world(parallel=1, resting=resting, cells=400, chunk=300, store=simulated_store)
    it.cache.known(range(200), "key", ())

    def fail(*what):
        raise MemoryError

    for number in range(4):
        with monkeypatch.context() as patch:
            patch.setattr(simulated_store, "read", fail)
            unlucky = it.add(f"unlucky {number}", [*range(200), 7])
            with pytest.raises(MemoryError):
                it.advance()
        it.scheduler.remove(unlucky)
        it.check()
    lucky = it.add("lucky", range(500, 520))
    assert lucky in it.advance().counts
