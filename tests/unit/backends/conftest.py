from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from paddock.backends.echo import DESCRIPTOR
from paddock.backends.pool import Pool
from paddock.backends.registry import Registry
from paddock.sdk.types import GenerateRequest, LoadedModel, Message, ModelInfo


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


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


class Changes:
    """What a pool has told, in order."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, LoadedModel | None]] = []

    def __call__(self, key: str, model: LoadedModel | None) -> None:
        self.seen.append((key, model))

    def states(self) -> list[str]:
        names = ["gone" if model is None else model.state for _, model in self.seen]
        return [name for i, name in enumerate(names) if i == 0 or names[i - 1] != name]


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
async def pool(changes: Changes, tmp_path: Path, anyio_backend: object) -> AsyncIterator[Pool]:
    made = Pool(Registry([DESCRIPTOR]), changed=changes, logs=tmp_path / "logs")
    yield made
    await made.close()
