"""Pictures as runs of token ids: how long they are, where what follows stands, and where nothing is cut."""

from __future__ import annotations

from paddock.backends.llamacpp.picture_tokens import picture_tokens, position_of, spans_of, whole


def test_a_run_says_how_long_it_is() -> None:
    run = picture_tokens(b"key", 300, 20)
    prompt = [5, *run, 7, *picture_tokens(b"other", 4, 4), 8]
    assert spans_of(prompt) == ((1, 301, 20), (302, 306, 4))
    assert position_of(spans_of(prompt), 302) == 22
    assert position_of(spans_of(prompt), 306) == 26
    assert all(-(2**31) <= token < 0 for token in run)


def test_the_same_picture_has_the_same_tokens_and_another_one_shares_none_but_the_first() -> None:
    assert picture_tokens(b"key", 40, 40) == picture_tokens(b"key", 40, 40)
    other = picture_tokens(b"other", 40, 40)
    assert [a == b for a, b in zip(picture_tokens(b"key", 40, 40), other, strict=True)] == [True] + 39 * [False]


def test_nothing_is_cut_inside_a_picture() -> None:
    spans = spans_of([5, *picture_tokens(b"key", 10, 10), 6, 7])
    assert [whole(spans, length) for length in (0, 1, 2, 10, 11, 12)] == [0, 1, 1, 1, 11, 12]


def test_a_picture_of_fewer_positions_is_one_piece_with_the_token_behind_it() -> None:
    spans = spans_of([5, *picture_tokens(b"key", 10, 4), 6, 7])
    assert [whole(spans, length) for length in (1, 10, 11, 12, 13)] == [1, 1, 1, 12, 13]
