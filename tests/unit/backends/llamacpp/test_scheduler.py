"""The scheduler against a simulated KV cache that knows which token lies at which position."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.backends.llamacpp.scheduler import SHARED_CHUNK, Scheduler, Sequence, Step


class Cells:
    """What the real context would hold."""

    def __init__(self, *, cells: int = 64, cuttable: bool = True) -> None:
        self.slots: dict[int, list[int]] = {}
        self.cells = cells
        self.cuttable = cuttable

    def keep(self, sequence: int, length: int) -> bool:
        held = self.slots.get(sequence, [])
        if length and (len(held) < length or (len(held) > length and not self.cuttable)):
            self.slots[sequence] = []
            return False
        self.slots[sequence] = held[:length]
        return True

    def compute(self, step: Step) -> None:
        for row in step.rows:
            held = self.slots.setdefault(row.slot, [])
            assert row.position == len(held), "a position was skipped or written twice"
            held.append(row.token)
        assert sum(map(len, self.slots.values())) <= self.cells


def make(*, slots: int = 3, cells: int = 64, chunk: int = 16, batch: int = 16, cuttable: bool = True):
    memory = Cells(cells=cells, cuttable=cuttable)
    scheduler = Scheduler(
        memory, slots=slots, cells=cells, cells_each=cells, chunk=chunk, batch=batch, reusable=cuttable
    )
    return scheduler, memory


def sequence(name: str, length: int, *, order: int = 0, start: int = 0, priority: int = 0) -> Sequence:
    return Sequence(name, list(range(start, start + length)), (priority, order))


def advance(scheduler: Scheduler, memory: Cells) -> Step:
    step = scheduler.schedule()
    memory.compute(step)
    scheduler.done(step)
    for member in step.outputs:
        member.tokens.append(1000 + len(member.tokens))
    return step


def test_a_prompt_is_read_in_chunks_and_only_its_last_token_asks_for_logits():
    scheduler, memory = make(chunk=4)
    one = sequence("one", 10)
    scheduler.add(one)
    assert [len(advance(scheduler, memory).rows) for _ in range(4)] == [4, 4, 2, 1]
    assert one.tokens[10:] == [1010, 1011]


def test_running_answers_keep_their_token_in_every_step_while_a_prompt_comes_in():
    scheduler, memory = make(slots=2, cells=4096, chunk=512, batch=512)
    writer, reader = sequence("writer", 4), sequence("reader", 1000, order=1, start=50)
    scheduler.add(writer)
    advance(scheduler, memory)
    scheduler.add(reader)
    for _ in range(5):
        step = advance(scheduler, memory)
        assert writer in step.outputs
        assert len(step.rows) <= 1 + SHARED_CHUNK
        assert step.reading == {"reader"}


def test_a_follower_with_the_same_beginning_evaluates_only_what_is_new():
    scheduler, memory = make()
    first = sequence("first", 20)
    scheduler.add(first)
    for _ in range(3):
        advance(scheduler, memory)
    scheduler.remove(first)
    follower = Sequence("second", [*range(20), 77, 78], (0, 2))
    scheduler.add(follower)
    step = advance(scheduler, memory)
    assert follower.cached == 20
    assert [row.token for row in step.rows] == [77, 78]


def test_a_conversation_keeps_its_prefix_when_another_begins_with_the_same_few_words():
    scheduler, memory = make(cells=100)
    first = sequence("first", 40)
    scheduler.add(first)
    advance(scheduler, memory)
    scheduler.remove(first)
    other = Sequence("other", [0, 1, 2, *range(500, 510)], (0, 1))
    scheduler.add(other)
    advance(scheduler, memory)
    scheduler.remove(other)
    assert other.cached == 0
    again = sequence("again", 50, order=2)
    scheduler.add(again)
    advance(scheduler, memory)
    assert again.cached >= 16


def test_an_identical_prompt_still_evaluates_its_last_token():
    scheduler, memory = make()
    for name in ("first", "second"):
        one = sequence(name, 8)
        scheduler.add(one)
        step = advance(scheduler, memory)
        scheduler.remove(one)
    assert len(step.rows) == 1
    assert one.cached == 7


def test_a_model_that_cannot_be_cut_shares_nothing():
    scheduler, memory = make(cuttable=False)
    for name in ("first", "second"):
        one = sequence(name, 8)
        scheduler.add(one)
        advance(scheduler, memory)
        scheduler.remove(one)
    assert one.cached == 0
    assert memory.slots[0] == []


def test_more_requests_than_slots_wait_in_order_and_interactive_ones_come_first():
    scheduler, memory = make(slots=1)
    scheduler.add(sequence("running", 4))
    advance(scheduler, memory)
    scheduler.add(sequence("batch", 4, order=1, priority=1))
    scheduler.add(sequence("chat", 4, order=2))
    advance(scheduler, memory)
    assert [waiting.id for waiting in scheduler.waiting] == ["chat", "batch"]


def test_when_cells_run_out_the_youngest_goes_back_and_is_computed_again_later():
    scheduler, memory = make(slots=2, cells=200, chunk=200, batch=200)
    old, young = sequence("old", 50), sequence("young", 40, order=1, start=500)
    scheduler.add(old)
    scheduler.add(young)
    advance(scheduler, memory)
    while not scheduler.waiting:
        advance(scheduler, memory)
    assert [waiting.id for waiting in scheduler.waiting] == ["young"]
    written = list(young.tokens)
    scheduler.remove(old)
    advance(scheduler, memory)
    assert young.tokens[: len(written)] == written
    assert young.evaluated == len(written)
    assert young.cached == 0


def test_prefixes_of_finished_requests_make_room_before_anyone_is_preempted():
    scheduler, memory = make(slots=3, cells=100, chunk=100, batch=100)
    done = sequence("done", 60)
    scheduler.add(done)
    advance(scheduler, memory)
    scheduler.remove(done)
    fresh = sequence("fresh", 70, order=1, start=500)
    scheduler.add(fresh)
    advance(scheduler, memory)
    assert scheduler.running == [fresh]
    assert scheduler.used == 70


def test_a_step_that_was_broken_off_is_computed_again():
    scheduler, memory = make(chunk=8)
    one = sequence("one", 20)
    scheduler.add(one)
    advance(scheduler, memory)
    step = scheduler.schedule()
    memory.slots[0].extend([row.token for row in step.rows[:3]])
    scheduler.undone(step)
    assert len(memory.slots[0]) == 8
    while not one.tokens[20:]:
        advance(scheduler, memory)
    assert memory.slots[0][:20] == list(range(20))


def test_a_prompt_that_can_never_fit_is_refused():
    scheduler, _ = make(cells=16)
    with pytest.raises(ValueError, match="16"):
        scheduler.add(sequence("huge", 16))


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["add", "step", "end", "break"]), st.integers(0, 1000), st.integers(1, 40)), max_size=80
)


@given(ACTIONS, st.booleans(), st.integers(1, 4))
def test_no_interleaving_leaks_cells_or_loses_a_request(actions, cuttable, slots):
    scheduler, memory = make(slots=slots, cells=64, chunk=16, batch=16, cuttable=cuttable)
    alive: list[Sequence] = []
    for number, (action, pick, size) in enumerate(actions):
        match action:
            case "add":
                alive.append(sequence(f"s{number}", size, order=number, start=pick % 3))
                scheduler.add(alive[-1])
            case "step":
                advance(scheduler, memory)
            case "break":
                step = scheduler.schedule()
                for row in step.rows[: pick % (len(step.rows) + 1)]:
                    memory.slots.setdefault(row.slot, []).append(row.token)
                scheduler.undone(step)
            case "end" if alive:
                scheduler.remove(alive.pop(pick % len(alive)))
        for member in [member for member in alive if len(member.tokens) >= 64]:
            scheduler.remove(member)
            alive.remove(member)
        assert {member.id for member in alive} == {m.id for m in [*scheduler.running, *scheduler.waiting]}
        assert scheduler.used == sum(map(len, memory.slots.values())) <= 64
        for member in scheduler.running:
            assert memory.slots.get(member.slot, []) == member.tokens[: member.evaluated]
    rounds = 0
    while alive:
        rounds += 1
        assert rounds < 5000
        advance(scheduler, memory)
        for member in [member for member in alive if len(member.tokens) >= member.n_prompt + 2]:
            scheduler.remove(member)
            alive.remove(member)
