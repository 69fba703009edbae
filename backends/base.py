"""What an engine is: a descriptor that the host reads without importing the engine, and an Engine that lives in a
worker process (:mod:`paddock.backends.worker`), one per loaded model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from paddock.sdk.errors import PaddockError
from paddock.sdk.events import GenerationEvent
from paddock.sdk.memory import Prediction
from paddock.sdk.options import OptionSpec
from paddock.sdk.questions import Question, Reply
from paddock.sdk.types import Device, EngineStats, GenerateRequest, LoadedModel, Options, Value

Emit = Callable[[GenerationEvent], None]
"""Called from the engine's own thread, in order; cheap and never blocking."""
Report = Callable[[EngineStats], None]
"""As :data:`Emit`, for what an engine has counted."""
Answered = Callable[[Reply | PaddockError], None]
"""Called exactly once, from any thread of the engine's; cheap and never blocking."""


class LoadReport(Value, frozen=True, kw_only=True):
    """What a finished load says about itself. ``memory`` is what it has taken, as far as the engine can tell."""

    context_length: int
    options: Options
    size_bytes: int = 0
    chat_template: bool = True
    memory: Prediction | None = None


class Probe(Value, frozen=True, kw_only=True):
    """What a short-lived worker found out about an engine on this machine."""

    available: bool
    version: str = ""
    reason: str = ""
    devices: tuple[Device, ...] = ()


class QuantOrder(Value, frozen=True, kw_only=True):
    """Make a model with the weights as ``quant`` out of the one at ``path`` (of a model in several files the first),
    and write it to the new file ``output``. Without an ``output`` nothing is made: the answer is what that quant, or
    with none what each, would be. ``threads`` None: what the machine has."""

    path: str
    output: str = ""
    quant: str = ""
    requantize: bool = False
    threads: int | None = None


class QuantPlan(Value, frozen=True, kw_only=True):
    """What a model would be as ``quant``: the number of the type of each of its tensors."""

    quant: str
    types: dict[str, int]
    needs_imatrix: bool = False


class EngineDescriptor(Value, frozen=True, kw_only=True):
    """An engine's card. ``factory`` is ``module:callable``, imported inside the worker only;
    ``suffixes`` are the file names it can load, longest first. ``simulate`` is a ``module:callable`` of the same kind,
    which takes the path of a model (its header may be all there is of it) and load options and answers with a
    :class:`~paddock.sdk.memory.Prediction`; with an empty path it gets ready, and tells what its process takes without
    a model, or raises. It is empty where an engine cannot simulate. ``quantize``, likewise, carries out a
    :class:`QuantOrder` and answers with a tuple of :class:`QuantPlan`. ``grammar``: answers can be held to one."""

    name: str
    title: str
    factory: str
    probe: str
    suffixes: tuple[str, ...]
    sampling: tuple[OptionSpec, ...] = ()
    load: tuple[OptionSpec, ...] = ()
    simulate: str = ""
    quantize: str = ""
    grammar: bool = False


class Engine(Protocol):
    """One loaded model. All methods are called on the worker's control thread and return at once, except ``load``
    and ``close``; generation runs on the engine's own thread."""

    def load(self, path: str, options: Options, progress: Callable[[float], None]) -> LoadReport:
        """Load the model; blocks. Raises PaddockError (ModelUnusable, LoadFailed, OutOfMemory)."""
        ...

    def watch(self, report: Report) -> None:
        """Called once, between ``load`` and the first request. From then on the engine calls ``report`` with its
        counts so far: at most once a second while it works and once when it has become idle."""
        ...

    def submit(self, request: GenerateRequest, emit: Emit) -> None:
        """Queue a request. Exactly one of Finished, Failed, Cancelled is emitted last; nothing is raised."""
        ...

    def ask(self, question: Question, answered: Answered) -> None:
        """Queue a question. ``answered`` gets the reply of its kind, or the error; nothing is raised. What the engine
        or the model cannot do is ModelUnusable. After a cancel anything may be answered."""
        ...

    def retune(self, request_id: str, sampling: Options) -> None:
        """Go on with ``sampling`` in place of what the request came with, from its next token; it has been checked.
        Unknown ids are ignored, and so are settings that cannot be applied in the middle of an answer (a seed)."""
        ...

    def cancel(self, request_id: str) -> None:
        """End a request or question within one decode step; unknown ids are ignored (it may just have ended)."""
        ...

    def shed(self) -> None:
        """The machine is short of memory: give up, soon, what is kept beside the running requests. What was given up
        shows in the counts. At any time after ``load``; nothing is raised."""
        ...

    def close(self) -> None:
        """Cancel what runs and free everything; blocks."""
        ...


ModelChanged = Callable[[str, LoadedModel | None], None]
"""Called on the host's loop with the instance id and its new state; None when it has left the pool."""
