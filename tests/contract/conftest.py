"""The engines that run the contract, each with a model file."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from paddock.backends.base import EngineDescriptor
from paddock.backends.registry import Registry
from paddock.sdk.types import GenerateRequest, Message, ModelInfo, Options

STARTER = Path(__file__).parents[2] / "resources" / "starter" / "starter-Q8_0.gguf"


@dataclass(frozen=True)
class Subject:
    """An engine under test. ``endless`` are the sampling options with which ``model`` talks for long."""

    descriptor: EngineDescriptor
    model: ModelInfo
    endless: Options

    def request(self, key: str, text: str = "Tell me a story.", **fields: object) -> GenerateRequest:
        message = Message(role="user", content=text)
        return GenerateRequest(id=key, model=self.model.id, messages=(message,), **fields)  # type: ignore[arg-type]

    def long(self, key: str) -> GenerateRequest:
        return self.request(key, sampling=self.endless)


def echo(folder: Path) -> Subject:
    path = folder / "long.echo.json"
    # It talks for longer than any test waits.
    script = {"text": "So it goes, é 🐎 on. " * 2000, "context_length": 99_999, "parallel": 8, "tokens_per_second": 200}
    path.write_text(json.dumps(script))
    descriptor = Registry.discover().get("echo")
    return Subject(descriptor, ModelInfo(id="test/echo", name="echo", engine="echo", path=str(path)), {})


def llamacpp(folder: Path) -> Subject:
    model = ModelInfo(id="test/starter", name="starter", engine="llamacpp", path=str(STARTER))
    return Subject(Registry.discover().get("llamacpp"), model, {"ignore_eos": True, "temperature": 0.0})


def _subjects() -> list[Callable[[Path], Subject]]:
    runnable = STARTER.exists() and importlib.util.find_spec("llama_cpp") is not None
    return [echo, llamacpp] if runnable else [echo]


@pytest.fixture(params=_subjects(), ids=lambda make: make.__name__)
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    made: Subject = request.param(tmp_path)
    return made


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Both event loops that the host may run on."""
    if request.param == "uvloop" and importlib.util.find_spec("uvloop") is None:
        pytest.fail("uvloop belongs to the host's extra on this platform")
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


@pytest.fixture
def registry(subject: Subject) -> Registry:
    return Registry([subject.descriptor])
