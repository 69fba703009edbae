"""Random interleavings of arrivals, cancels, evictions and restores, against a simulated context."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

KINDS = ("attention", "window", "full window", "hybrid", "hybrid that takes back", "whole only")


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["add", "add", "step", "step", "step", "end", "break", "full", "evict", "thin", "store", "clear"]
        ),
        st.integers(0, 1000),
        st.integers(1, 60),
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(
    ACTIONS,
    st.sampled_from(KINDS),
    st.integers(1, 4),
    st.sampled_from([0, 600, 100_000]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_no_interleaving_leaks_cells_or_loses_a_request(
    world, new_store, actions, kind, parallel, budget, drafts, late, thin
):
    it = world(kind, parallel=parallel, cells=96, budget=budget, drafts=drafts, late=late, thin=thin, store=new_store())
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
            case "full":
                it.scheduler.undone(it.scheduler.schedule())
                it.scheduler.make_room()
            case "evict":
                it.cache.evict()
            case "thin":
                it.cache.thin_out_idly()
            case "store":
                it.cache.store_one()
            case "clear" if pick % 10 == 0:
                it.memory.sequences.clear()
                it.scheduler.forget()
            case "end" if alive:
                it.scheduler.remove(alive.pop(pick % len(alive)))
        end_the_long_ones(100)
        assert {member.id for member in alive} == {m.id for m in [*it.scheduler.running, *it.scheduler.waiting]}
        if not late or action in ("add", "end"):
            it.check()
    rounds = 0
    while alive:
        rounds += 1
        assert rounds < 5000, "a request never ends"
        it.advance()
        end_the_long_ones(2)
    it.scheduler.book()
    it.check()
    while it.cache.evict():
        pass
    assert it.cells.used == it.memory.used == 0
    for prefix in list(it.cache):
        it.cache.drop(prefix)
    assert it.memory.saved_bytes == 0
