"""The books of the KV cache against sets of cells."""

from __future__ import annotations

from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.backends.llamacpp.cells import Cells

MOVES = st.lists(
    st.tuples(
        st.sampled_from(["extend", "fork", "cut", "release"]), st.integers(0, 4), st.integers(0, 4), st.integers(0, 9)
    ),
    max_size=60,
)


@settings(deadline=None, max_examples=300)
@given(MOVES, st.sets(st.integers(0, 4)), st.integers(0, 4), st.integers(0, 20))
def test_the_books_count_every_cell_once(moves, asked, also, upto):
    books, numbers = Cells(1000), count()
    held: dict[int, list[int]] = {}
    for move, one, other, length in moves:
        match move:
            case "extend" if length:
                books.extend(one, length)
                held.setdefault(one, []).extend(next(numbers) for _ in range(length))
            case "fork" if one in held and other not in held and 0 < length <= len(held[one]):
                books.fork(one, other, length)
                held[other] = held[one][:length]
            case "cut" if one in held:
                books.cut(one, length)
                held[one] = held[one][:length]
                if not held[one]:
                    del held[one]
            case "release":
                books.release(one)
                held.pop(one, None)
        assert books.used == len({cell for cells in held.values() for cell in cells})
        for sequence in range(5):
            mine = held.get(sequence, [])
            others = {cell for number, cells in held.items() if number != sequence for cell in cells}
            assert books.length(sequence) == len(mine)
            assert books.own(sequence) == len(set(mine) - others)
    together = {cell for number in asked for cell in held.get(number, [])} | set(held.get(also, [])[:upto])
    assert books.held(asked, also, upto) == len(together)


def test_where_cells_are_not_shared_a_copy_takes_its_own():
    books = Cells(100, shared=False)
    books.extend(0, 10)
    books.fork(0, 1, 6)
    assert books.used == 16
