"""A tiny llama with random weights, the bundled starter model, and a way to drive an engine in this process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from module_files import load_file

from paddock import resources
from paddock.backends.base import LoadReport
from paddock.sdk.events import Cancelled, Failed, Finished, GenerationEvent, ReasoningDelta, TextDelta, ToolCallDelta
from paddock.sdk.types import GenerateRequest, Message

DEADLINE = 60.0


@pytest.fixture(scope="session")
def gguf_file() -> ModuleType:
    return load_file("unit/browser/gguf_file.py")


@pytest.fixture(scope="session")
def tiny(gguf_file: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = gguf_file.write_llama(tmp_path_factory.mktemp("models") / "tiny.gguf")
    return path


@pytest.fixture(scope="session")
def starter() -> Path:
    return Path(str(resources.__file__)).parent / "starter" / "starter-Q8_0.gguf"


class Run:
    """One request's events as they come."""

    def __init__(self, request: GenerateRequest) -> None:
        self.request = request
        self.events: list[GenerationEvent] = []
        self._changed = threading.Condition()
        self.on_event: Callable[[GenerationEvent], None] = lambda event: None

    def emit(self, event: GenerationEvent) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()
        self.on_event(event)

    def wait(self, until: Callable[[list[GenerationEvent]], Any]) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: until(self.events), DEADLINE), self.events[-3:]

    @property
    def ending(self) -> Finished | Failed | Cancelled:
        self.wait(lambda events: any(isinstance(event, (Finished, Failed, Cancelled)) for event in events))
        endings = [event for event in self.events if isinstance(event, (Finished, Failed, Cancelled))]
        assert len(endings) == 1
        assert self.events[-1] is endings[0]
        return endings[0]

    @property
    def text_when_finished(self) -> str:
        assert self.finished
        return self.text

    @property
    def finished(self) -> Finished:
        ending = self.ending
        assert isinstance(ending, Finished), ending
        return ending

    @property
    def failed(self) -> Failed:
        ending = self.ending
        assert isinstance(ending, Failed), ending
        return ending

    @property
    def text(self) -> str:
        assert self.finished
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    @property
    def reasoning(self) -> str:
        assert self.finished
        return "".join(event.text for event in self.events if isinstance(event, ReasoningDelta))

    @property
    def calls(self) -> list[ToolCallDelta]:
        assert self.finished
        return [event for event in self.events if isinstance(event, ToolCallDelta)]


class Driver:
    """An engine with the numbers of its requests."""

    def __init__(self) -> None:
        from paddock.backends.llamacpp.engine import LlamaCppEngine

        self.engine = LlamaCppEngine()
        self._count = 0
        self.report: LoadReport | None = None

    def load(self, path: Path, **options: Any) -> LoadReport:
        options.setdefault("kv_store", False)
        self.report = self.engine.load(str(path), options, lambda fraction: None)
        return self.report

    def start(self, *messages: Message | str, on_event: Callable[[Any], None] | None = None, **fields: Any) -> Run:
        self._count += 1
        turns = tuple(Message(role="user", content=turn) if isinstance(turn, str) else turn for turn in messages)
        fields.setdefault("id", f"request-{self._count}")
        run = Run(GenerateRequest(model="m", messages=turns, **fields))
        if on_event is not None:
            run.on_event = on_event
        self.engine.submit(run.request, run.emit)
        return run

    def greedy(self, *messages: Message | str, **fields: Any) -> Run:
        sampling = {"temperature": 0.0} | fields.pop("sampling", {})
        return self.start(*messages, sampling=sampling, **fields)


@pytest.fixture(scope="session")
def driver_class() -> type[Driver]:
    """For fixtures that keep an engine longer than a test."""
    return Driver


@pytest.fixture
def make_driver() -> Iterator[Callable[[], Driver]]:
    """Several engines, one after the other."""
    made: list[Driver] = []

    def make() -> Driver:
        made.append(Driver())
        return made[-1]

    yield make
    for driver in made:
        driver.engine.close()


@pytest.fixture
def driver(make_driver: Callable[[], Driver]) -> Driver:
    return make_driver()


@pytest.fixture(scope="module")
def random_llama(tiny: Path) -> Iterator[Driver]:
    """Random weights: for numbers, limits and long outputs."""
    made = Driver()
    made.load(tiny, n_ctx=1024)
    yield made
    made.engine.close()


@pytest.fixture(scope="module")
def chat(starter: Path) -> Iterator[Driver]:
    """The starter model: for answers that mean something."""
    made = Driver()
    made.load(starter)
    yield made
    made.engine.close()
