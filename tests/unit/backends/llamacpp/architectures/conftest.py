"""A tiny model of every architecture, and a look at llama.cpp's log behind every test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

from paddock.backends.llamacpp.bindings import library

from .harness import Case
from .models import ARCHITECTURES, write_model


@pytest.fixture(scope="session")
def case_of(gguf_file: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Case]]:
    """The case of an architecture, made at its first use and kept with its reference logits."""
    folder = tmp_path_factory.mktemp("architectures")
    made: dict[str, Case] = {}

    def get(architecture: str) -> Case:
        if architecture not in made:
            path = write_model(library(), gguf_file, architecture, folder / f"{architecture}.gguf")
            made[architecture] = Case(architecture, path)
        return made[architecture]

    yield get
    for case in made.values():
        case.model.close()


@pytest.fixture(params=ARCHITECTURES)
def case(request: pytest.FixtureRequest, case_of: Callable[[str], Case]) -> Case:
    """Of every architecture in turn; of chosen ones where a test parametrises it indirectly."""
    return case_of(request.param)


@pytest.fixture(autouse=True)
def log(case: Case, capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """llama.cpp goes on behind a hole in a recurrent sequence: with a warning, and with wrong numbers."""
    assert case.noise < 1
    capsys.readouterr()
    yield
    assert "non-consecutive token position" not in capsys.readouterr().err
