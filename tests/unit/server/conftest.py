"""Hosts for the tests of this folder; the harness is a module beside it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from server_harness import DEADLINE_S, HostProcess, with_models


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


@pytest.fixture(scope="module")
def port(shared: HostProcess) -> int:
    """The public server of ``shared``."""
    return shared.serve()


@pytest.fixture(scope="module")
def web(port: int) -> Iterator[httpx2.Client]:
    """Plain HTTP to the server; made once, because a client reads all certificates."""
    with httpx2.Client(
        base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=DEADLINE_S, verify=False
    ) as client:
        yield client


@pytest.fixture
def api(port: int) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="unused", max_retries=0) as client:
        yield client
