"""What Discover says about repositories, files and verdicts."""

from __future__ import annotations

import pytest

from paddock.gui.models.hub import age_words, count_text, licence_text, parameters_text, title_of
from paddock.gui.widgets.badge import fit_words
from paddock.sdk.memory import Remedy
from paddock.sdk.types import Options

DAY = 86_400.0


@pytest.mark.parametrize(
    ("number", "words"),
    [(612, "612"), (40_960, "41 k"), (999_999, "1.0 M"), (1_400_000, "1.4 M"), (84_000_000, "84 M")],
)
def test_downloads_are_rounded(number: int, words: str) -> None:
    assert count_text(number) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [(None, ""), (135_000_000, "135 M"), (600_000_000, "600 M"), (8_200_000_000, "8.2 B"), (405 * 10**9, "405 B")],
)
def test_parameters_are_rounded(number: int | None, words: str) -> None:
    assert parameters_text(number) == words


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (0.5, "updated today"),
        (1.5, "updated yesterday"),
        (9, "updated 9 days ago"),
        (21, "updated 3 weeks ago"),
        (90, "updated 3 months ago"),
        (800, "updated 2 years ago"),
    ],
)
def test_ages_are_told_as_people_do(days: float, words: str) -> None:
    assert age_words(1e9, 1e9 + days * DAY) == words


def test_names_and_licences_are_made_readable() -> None:
    assert title_of("Qwen2.5-Coder-7B-Instruct-GGUF") == "Qwen2.5 Coder 7B Instruct"
    assert licence_text("apache-2.0") == "Apache 2.0"
    assert licence_text("some-licence") == "some-licence"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_ctx": 3072}, "fits with 3k context"),
        ({"n_ctx": 512}, "fits with 512 context"),
        ({"cache_type_k": "q8_0", "cache_type_v": "q8_0"}, "fits with a smaller KV cache"),
        ({"n_gpu_layers": 20, "n_ctx": 2048}, "fits with offload"),
        ({"n_batch": 64}, "fits with changed settings"),
    ],
)
def test_a_remedy_is_told_in_short(options: Options, words: str) -> None:
    assert fit_words("fits_with", Remedy(sentence="", options=options)) == words


def test_lists_use_shorter_words() -> None:
    assert [fit_words("fits", short=True), fit_words("does_not_fit", short=True)] == ["fits", "too big"]
    assert fit_words("fits_if_unloaded") == "fits after unloading"
    assert fit_words("fits_with", short=True) == "tight"
