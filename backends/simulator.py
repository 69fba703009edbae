"""Simulated loads: what a model would take, asked of its engine in a worker that holds no model.

The worker is kept warm between questions, because its start costs more than an answer, and leaves when nobody asks.
Everything here runs on the host's event loop.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from paddock.backends.base import EngineDescriptor
from paddock.backends.registry import Registry
from paddock.backends.supervisor import Worker
from paddock.backends.tether import JobObject
from paddock.sdk.errors import EngineDied, EngineError, PaddockError
from paddock.sdk.memory import Prediction
from paddock.sdk.types import Options

IDLE_S = 60.0
"""So long a worker waits for the next question."""
TIMEOUT_S = 30.0
"""For one simulation; it takes some tenths of a second."""
KEPT = 4096
"""Answers that are remembered: about a kilobyte each."""

_Question = tuple[str, str, str]
"""Engine, what identifies the file, options as JSON."""


@dataclass
class _Running:
    """A simulation that is waited for or computed; nobody who leaves stops it once it has begun, since the worker
    would go on with it anyway."""

    task: asyncio.Task[Prediction] = field(init=False)
    waiting: int = 0
    begun: bool = False


class Simulator:
    """Asks engines what loads would take, one at a time for each engine.

    Args:
        registry: The engines.
        logs: Folder for the workers' logs.
        job: Windows: what ends the workers with the host.
        idle_s: Seconds after the last question until a worker leaves.
        timeout_s: Seconds until a simulation counts as hung.
    """

    def __init__(
        self,
        registry: Registry,
        logs: Path,
        job: JobObject | None = None,
        *,
        idle_s: float = IDLE_S,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._registry = registry
        self._logs = logs
        self._job = job
        self._idle_s = idle_s
        self._timeout_s = timeout_s
        self._answers: OrderedDict[_Question, Prediction | EngineError] = OrderedDict()
        self._running: dict[_Question, _Running] = {}
        self._seats: dict[str, _Seat] = {}
        self._preparing: set[asyncio.Task[None]] = set()
        self._overheads: dict[str, int] = {}
        self._closing = False

    def known(self, engine: str, path: str, options: Options, *, key: str = "") -> Prediction | None:
        """The answer of an earlier :meth:`predict`; None where there is none. At once."""
        answer = self._answers.get(_question(engine, path, options, key))
        return answer if isinstance(answer, Prediction) else None

    def overhead(self, engine: str) -> int | None:
        """Bytes that the engine's process takes without a model, measured once; None before that."""
        return self._overheads.get(engine)

    async def predict(self, engine: str, path: str, options: Options, *, key: str = "") -> Prediction:
        """What ``engine`` would take for ``path`` with ``options``.

        ``key`` identifies the file's contents; without it size and time of change do. Equal questions at the same
        time are one. Cancelling is safe and cheap. Raises what makes the file or the options unusable, and EngineError
        where the engine cannot simulate, crashed over it (then the same question is not tried again) or hung.
        """
        question = _question(engine, path, options, key)
        answer = self._answers.get(question)
        if isinstance(answer, Prediction):
            self._answers.move_to_end(question)
            return answer
        if answer is not None:
            raise EngineError(answer.message, hint=answer.hint)
        running = self._running.get(question)
        if running is None:
            running = self._running[question] = _Running()
            running.task = asyncio.create_task(self._answer(running, question, path, options))
            running.task.add_done_callback(lambda done: self._ended(question, done))
        running.waiting += 1
        try:
            return await asyncio.shield(running.task)
        except asyncio.CancelledError:
            if self._closing and running.task.cancelled():
                raise EngineError("Paddock is closing.") from None
            raise
        finally:
            running.waiting -= 1
            if not running.waiting and not running.begun:
                running.task.cancel()
                self._forget(question, running.task)

    def prepare(self, engine: str) -> None:
        """Have the engine's worker started by the time something is asked of it."""
        descriptor = self._registry.get(engine)
        if descriptor.simulate and not self._closing and not self._seat(descriptor).taken:
            task = asyncio.create_task(self._prepared(engine, self._seat(descriptor)))
            self._preparing.add(task)
            task.add_done_callback(self._preparing.discard)

    async def _prepared(self, engine: str, seat: _Seat) -> None:
        async with seat.lock:
            with suppress(Gone):  # whoever asks something hears of it
                await self._measure(engine, seat)

    async def _measure(self, engine: str, seat: _Seat) -> None:
        """Have the worker get ready, and keep what it takes before its first model. Raises Gone."""
        with suppress(PaddockError):  # whoever asks something hears of it
            own = await seat.ask("", {}, self._timeout_s)
            self._overheads.setdefault(engine, own.parts.overhead)

    async def close(self) -> None:
        """End the workers and whatever is asked of them."""
        self._closing = True
        tasks = [*(running.task for running in self._running.values()), *self._preparing]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for seat in self._seats.values():
            await seat.leave()

    async def _answer(self, running: _Running, question: _Question, path: str, options: Options) -> Prediction:
        if self._closing:
            raise EngineError("Paddock is closing.")
        engine = question[0]
        descriptor = self._registry.get(engine)
        if not descriptor.simulate:
            raise EngineError(f"{descriptor.title} cannot simulate a load.")
        seat = self._seat(descriptor)
        async with seat.lock:
            running.begun = True
            try:
                if engine not in self._overheads:
                    await self._measure(engine, seat)
                answer = await seat.ask(path, options, self._timeout_s)
            except Gone as gone:
                failed = EngineError(f"{descriptor.title} could not simulate this load: {gone}", hint=gone.last_words)
                if gone.crashed:
                    self._keep(question, failed)
                raise failed from gone
        self._keep(question, answer)
        return answer

    def _seat(self, descriptor: EngineDescriptor) -> _Seat:
        seat = self._seats.get(descriptor.name)
        if seat is None:
            make = lambda: Worker(descriptor, f"simulate-{secrets.token_hex(3)}", self._logs, job=self._job)  # noqa: E731
            seat = self._seats[descriptor.name] = _Seat(make, self._idle_s)
        return seat

    def _keep(self, question: _Question, answer: Prediction | EngineError) -> None:
        self._answers[question] = answer
        while len(self._answers) > KEPT:
            self._answers.popitem(last=False)

    def _forget(self, question: _Question, task: asyncio.Task[Prediction]) -> None:
        running = self._running.get(question)
        if running is not None and running.task is task:
            del self._running[question]

    def _ended(self, question: _Question, done: asyncio.Task[Prediction]) -> None:
        self._forget(question, done)
        if not done.cancelled():
            done.exception()  # those who waited for it have it; when all have left, nobody has to


class Gone(Exception):
    """The worker died or hung over a question: why, the last line of its log, and whether it would again."""

    def __init__(self, why: str, last_words: str, crashed: bool) -> None:
        super().__init__(why)
        self.last_words = last_words
        self.crashed = crashed


class _Seat:
    """The place of an engine's worker; ``lock`` is held by who asks it."""

    def __init__(self, make: Callable[[], Worker], idle_s: float) -> None:
        self.lock = asyncio.Lock()
        self._make = make
        self._idle_s = idle_s
        self._worker: Worker | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._leaving: asyncio.Task[None] | None = None

    @property
    def taken(self) -> bool:
        """Whether there is a worker, or somebody who starts one."""
        return self.lock.locked() or self._worker is not None

    async def ask(self, path: str, options: Options, timeout: float) -> Prediction:
        """With an empty path the worker only gets ready, and says that this is no model. Raises what the engine raised,
        and Gone; the next question then gets another worker."""
        if self._timer is not None:
            self._timer.cancel()
        worker = self._worker
        if worker is None or worker.died.done():
            worker = self._worker = self._make()
        try:
            if worker.pid is None:
                await worker.start()
            return await worker.simulate(path, options, timeout)
        except TimeoutError:
            raise await self._gone(worker, f"it took longer than {timeout:g} s.") from None
        except EngineDied as died:
            raise await self._gone(worker, died.message) from died
        except asyncio.CancelledError:  # the simulator is being closed
            worker.kill()
            raise
        finally:
            self._timer = asyncio.get_running_loop().call_later(self._idle_s, self._leave_soon)

    async def leave(self) -> None:
        """Stop the worker, if there is one."""
        if self._timer is not None:
            self._timer.cancel()
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.stop()
            worker.forget_log()
        if self._leaving is not None and self._leaving is not asyncio.current_task():
            await self._leaving

    async def _gone(self, worker: Worker, why: str) -> Gone:
        self._worker = None
        worker.kill(why)
        outcome = await worker.died
        last_words = f"The last line of its log: {outcome.log_tail[-1]}" if outcome.log_tail else ""
        return Gone(why, last_words, outcome.signal not in (None, "SIGKILL", "SIGTERM"))

    def _leave_soon(self) -> None:
        if not self.lock.locked():
            self._leaving = asyncio.ensure_future(self.leave())


def _question(engine: str, path: str, options: Options, key: str) -> _Question:
    if not key:
        try:
            found = os.stat(path)
        except OSError:
            key = path
        else:
            key = f"{path}\n{found.st_size}\n{found.st_mtime_ns}"
    return engine, key, msgspec.json.encode(options, order="sorted").decode()
