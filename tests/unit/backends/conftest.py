from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from paddock.backends.echo import DESCRIPTOR
from paddock.backends.registry import Registry
from paddock.backends.supervisor import Worker
from paddock.sdk.types import GenerateRequest, Message, ModelInfo


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., ModelInfo]:
    """Writes an echo script: ``script("name", text="hello")``."""

    def write(name: str = "model", **fields: Any) -> ModelInfo:
        path = tmp_path / f"{name}.echo.json"
        path.write_text(json.dumps(fields))
        return ModelInfo(id=f"test/{name}", name=name, engine="echo", path=str(path))

    return write


@pytest.fixture
def ask() -> Callable[..., GenerateRequest]:
    def make(text: str = "one two three", key: str = "r", **fields: Any) -> GenerateRequest:
        return GenerateRequest(id=key, model="test/model", messages=(Message(role="user", content=text),), **fields)

    return make


@pytest.fixture
def registry() -> Registry:
    return Registry([DESCRIPTOR])


@pytest.fixture
async def make(tmp_path: Path, anyio_backend: object) -> AsyncIterator[Callable[..., Worker]]:
    """Makes workers, which end with the test."""
    made: list[Worker] = []

    def worker(**fields: object) -> Worker:
        made.append(Worker(DESCRIPTOR, f"t{len(made)}", tmp_path / "logs", **fields))  # type: ignore[arg-type]
        return made[-1]

    yield worker
    for one in made:
        one.kill()
        await one.died
