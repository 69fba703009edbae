"""The radix tree against a plain list."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.backends.llamacpp.radix import RadixTree, common_length

TOKENS = st.lists(st.integers(0, 2), max_size=12)


def common(first: list[int], second: list[int]) -> int:
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count


@settings(deadline=None)
@given(st.lists(TOKENS, max_size=20), st.lists(st.integers(0, 19)), TOKENS)
def test_it_finds_what_a_search_through_all_finds(sequences, removed, wanted):
    tree: RadixTree[list[object]] = RadixTree()
    items = [[number] for number in range(len(sequences))]
    for tokens, item in zip(sequences, items, strict=True):
        tree.insert(tokens, item)
    left = dict(enumerate(sequences))
    for number in removed:
        if left.pop(number, None) is not None:
            tree.remove(items[number])
    found = [(length, item[0]) for length, item in tree.matches(wanted)]
    assert [length for length, _ in found] == sorted((length for length, _ in found), reverse=True)
    expected = {(common(tokens, wanted), number) for number, tokens in left.items() if common(tokens, wanted)}
    assert set(found) == expected
    assert len(found) == len(expected)
    whole = {number for number, tokens in left.items() if tokens and wanted[: len(tokens)] == tokens}
    assert {item[0] for item in tree.prefixes(wanted)} == whole
    assert len(tree) == len(left)


@given(TOKENS, TOKENS, st.integers(0, 5))
def test_common_length_counts_from_its_start(edge, tokens, start):
    start = min(start, len(tokens))
    assert common_length(edge, tokens, start) == common(edge, tokens[start:])


def test_an_item_is_found_under_its_new_tokens_only():
    tree: RadixTree[str] = RadixTree()
    tree.insert([1, 2, 3], item := "prefix")
    tree.remove(item)
    tree.insert([4, 5], item)
    assert list(tree.matches([1, 2, 3])) == []
    assert list(tree.matches([4, 5, 6])) == [(2, item)]
