"""The test models are what they are meant to be: different memories that show when they hold the wrong tokens."""

from __future__ import annotations

from .harness import Case
from .models import HYBRID, RECURRENT, SLIDING, WINDOW


def test_the_memory_is_of_the_kind_the_architecture_stands_for(case: Case) -> None:
    api, handle = case.model.lib.api, case.model.handle
    assert case.model.architecture == case.architecture
    assert bool(api.llama_model_is_recurrent(handle)) == (case.architecture in RECURRENT)
    assert bool(api.llama_model_is_hybrid(handle)) == (case.architecture in HYBRID)
    assert case.model.n_swa == (WINDOW if case.architecture in SLIDING else 0)


def test_a_wrong_prefix_shows_and_the_size_of_the_pieces_does_not(case: Case) -> None:
    assert case.sensitivity > 1e-3
    assert case.sensitivity > 100 * case.noise


def test_the_file_stays_small(case: Case) -> None:
    assert case.path.stat().st_size < (16e6 if case.architecture == "gemma3n" else 2e6)
