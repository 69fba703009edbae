"""Hosts for the tests of this folder; the harness is a module beside it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from server_harness import HostProcess, with_models


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., HostProcess]]:
    """Starts hosts over one data folder; all are gone after the test."""
    started: list[HostProcess] = []
    with_models(tmp_path)

    def begin(*arguments: str, **conditions: Any) -> HostProcess:
        host = HostProcess(tmp_path, *arguments, **conditions)
        started.append(host)
        return host

    yield begin
    for host in started:
        host.close()


@pytest.fixture
def host(start: Callable[..., HostProcess]) -> HostProcess:
    """A fresh host."""
    return start().ready()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    """One host for the tests of a module that leave it as it was."""
    host = HostProcess(with_models(tmp_path_factory.mktemp("home"))).ready()
    yield host
    host.close()
