"""Hosts for the commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from paddock.sdk.connect import find, stop_host

from .program import Program


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    made = Program(tmp_path_factory.mktemp("home"))
    yield made
    stop_host("now", made.home)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Program]:
    """A program whose host a test may end."""
    made = Program(tmp_path / "home")
    yield made
    if find(made.home) is not None:
        stop_host("now", made.home)
