"""The Echo engine: one thread, several sequences, each step when it is due."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable

from paddock.backends.base import Answered, Emit, LoadReport, Probe, Report
from paddock.backends.echo.questions import reply_to
from paddock.backends.echo.script import Script, read_script
from paddock.backends.echo.sequence import HOLD_LOOK_S, Sequence, last_user_message, plan
from paddock.sdk.errors import EngineError, PaddockError
from paddock.sdk.events import Cancelled, Failed, Queued, TextDelta
from paddock.sdk.questions import Question
from paddock.sdk.types import Device, EngineStats, GenerateRequest, Options
from paddock.sdk.version import VERSION

REPORT_S = 1.0

_FOR_EVER_S = 86_400.0


def create() -> EchoEngine:
    return EchoEngine()


def probe() -> Probe:
    device = Device(name="cpu", description="Echo computes nothing")
    return Probe(available=True, version=VERSION, devices=(device,))


class EchoEngine:
    """An :class:`~paddock.backends.base.Engine`."""

    def __init__(self) -> None:
        self._script = Script()
        self._context_length = 0
        self._parallel = 1
        self._changed = threading.Condition()
        self._waiting: deque[tuple[GenerateRequest, Emit, float]] = deque()
        self._running: list[Sequence] = []
        self._cancelled: set[str] = set()
        self._closing = False
        self._report: Report = lambda stats: None
        self._reported = 0.0
        self._taken = b""
        self._prompt_tokens = self._generated_tokens = self._requests = 0
        self._cache = b""
        self._shedding = False
        self._thread = threading.Thread(target=self._run, name="echo", daemon=True)

    def load(self, path: str, options: Options, progress: Callable[[float], None]) -> LoadReport:
        script = self._script = read_script(path)
        steps = max(1, script.load_steps)
        for step in range(steps):
            progress(step / steps)
            self._pause(script.load_seconds / steps)
        if script.die is not None and script.die.during == "load":
            self._die()
        if script.hangs("load"):
            self._pause(None)
        while script.hold is not None and script.hold.holds("load"):
            self._pause(HOLD_LOOK_S)
        if script.fail_load is not None:
            raise PaddockError.from_info(script.fail_load)
        self._taken = b"\1" * (script.take_mib << 20)
        self._context_length = _number(options.get("n_ctx"), script.context_length)
        self._parallel = _number(options.get("n_parallel"), script.parallel)
        self._cache = b"x" * (script.cache_mib * 2**20)
        self._thread.start()
        progress(1.0)
        in_force: Options = {"n_ctx": self._context_length, "n_parallel": self._parallel}
        return LoadReport(context_length=self._context_length, options=in_force, size_bytes=script.size_bytes)

    def watch(self, report: Report) -> None:
        self._report = report

    def submit(self, request: GenerateRequest, emit: Emit) -> None:
        if "raise" in self._script.lie:
            raise RuntimeError("the echo engine was told to raise")
        with self._changed:
            position = len(self._running) + len(self._waiting) - self._parallel
            self._waiting.append((request, emit, time.perf_counter()))
            if position >= 0:
                emit(Queued(id=request.id, position=position))
            self._changed.notify_all()

    def ask(self, question: Question, answered: Answered) -> None:
        if self._script.hangs("generate"):
            return
        try:
            answered(reply_to(question, self._context_length))
        except PaddockError as error:
            answered(error)

    def retune(self, request_id: str, sampling: Options) -> None:
        """Its words do not depend on sampling."""

    def cancel(self, request_id: str) -> None:
        if self._script.hangs("cancel"):
            return
        with self._changed:
            self._cancelled.add(request_id)
            self._changed.notify_all()

    def shed(self) -> None:
        with self._changed:
            self._shedding = True
            self._changed.notify_all()

    def close(self) -> None:
        if self._script.hangs("close"):
            self._pause(None)
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    # ------------------------------------------------------------ the engine's thread

    def _run(self) -> None:
        while self._wait():
            self._end_cancelled()
            if self._shedding:
                self._cache, self._shedding = b"", False
            self._admit()
            now = time.perf_counter()
            for sequence in [s for s in self._running if s.due <= now]:
                before = sequence.done
                self._step(sequence)
                self._generated_tokens += sequence.done - before
            self._count()
        self._end_cancelled()

    def _wait(self) -> bool:
        """Until something is due or has changed; False when the engine is to close."""
        with self._changed:
            while not (self._closing or self._cancelled or self._shedding or self._can_admit()):
                due = min((s.due for s in self._running), default=None)
                pause = None if due is None else due - time.perf_counter()
                if pause is not None and pause <= 0:
                    break
                self._changed.wait(pause)
            if self._closing:
                self._cancelled |= {s.request.id for s in self._running} | {r.id for r, _, _ in self._waiting}
            return not self._closing

    def _can_admit(self) -> bool:
        return bool(self._waiting) and len(self._running) < self._parallel

    def _end_cancelled(self) -> None:
        with self._changed:
            ids, self._cancelled = self._cancelled, set()
            waiting = [item for item in self._waiting if item[0].id in ids]
            self._waiting = deque(item for item in self._waiting if item[0].id not in ids)
        for request, emit, _ in waiting:
            emit(Cancelled(id=request.id))
        for sequence in [s for s in self._running if s.request.id in ids]:
            self._running.remove(sequence)
            sequence.emit(sequence.cancelled())

    def _admit(self) -> None:
        with self._changed:
            if not self._can_admit():
                return
            while self._can_admit():
                request, emit, arrived = self._waiting.popleft()
                try:
                    self._touch_device()
                    made = plan(request, self._script, self._context_length)
                except PaddockError as error:
                    emit(Failed(id=request.id, error=error.info()))
                    continue
                self._requests += 1
                self._prompt_tokens += made.prompt_tokens
                self._running.append(Sequence(request, emit, made, self._script, arrived))
            for position, (request, emit, _) in enumerate(self._waiting):
                emit(Queued(id=request.id, position=position))

    def _count(self) -> None:
        """Tell the counts when a second has passed or nothing runs any more; there is no cache, so nothing hits."""
        now = time.perf_counter()
        if self._running and now - self._reported < REPORT_S:
            return
        self._reported = now
        counts = EngineStats(
            prompt_tokens=self._prompt_tokens,
            generated_tokens=self._generated_tokens,
            misses=self._requests,
            memory_bytes=len(self._cache),
        )
        self._report(counts)

    def _step(self, sequence: Sequence) -> None:
        if self._script.hangs("generate"):
            sequence.due = time.perf_counter() + _FOR_EVER_S
            return
        death = self._script.die
        if (
            death is not None
            and death.during == "generate"
            and sequence.done >= death.after_tokens
            and death.when in last_user_message(sequence.request)
        ):
            self._die()
        if not sequence.step():
            self._running.remove(sequence)
            self._end(sequence)

    def _end(self, sequence: Sequence) -> None:
        emit, request_id, lies = sequence.emit, sequence.request.id, self._script.lie
        if "prints" in lies:
            os.write(1, b"a library prints to standard output\n")
        if "unknown_id" in lies:
            emit(TextDelta(id="nobody", text="lie"))
        if "unsendable" in lies:
            emit(TextDelta(id=request_id, text="\ud800"))
        if "no_ending" in lies:
            return
        emit(sequence.finished())
        if "two_endings" in lies:
            emit(sequence.finished())
        if "after_end" in lies:
            emit(TextDelta(id=request_id, text="after the end"))

    # ------------------------------------------------------------ faults

    def _touch_device(self) -> None:
        flag = self._script.lose_device
        if flag and not os.path.exists(flag):
            open(flag, "w").close()
            raise EngineError("The device is lost.", hint="Load the model again.", lost_device=True)

    def _die(self) -> None:
        death = self._script.die
        assert death is not None
        self._pause(0.05)  # The words before the death are still on their way to the host.
        if death.log:
            print(death.log, file=sys.stderr, flush=True)  # noqa: T201 - what an engine's log would say
        if death.signal is not None:
            os.kill(os.getpid(), signal.Signals[death.signal])
            self._pause(None)
        os._exit(death.exit_code or 0)

    def _pause(self, seconds: float | None) -> None:
        if seconds is None or seconds > 0:
            threading.Event().wait(seconds)


def _number(value: object, otherwise: int) -> int:
    """``otherwise`` for what is not given; 0 means the same in llama.cpp's options."""
    return value if isinstance(value, int) and value > 0 else otherwise
