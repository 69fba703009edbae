"""One worker process, seen from the host: start it, speak with it, explain its end.

Everything here runs on the host's event loop. The loop's thread must live as long as its workers (PDEATHSIG).
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, assert_never

from paddock.backends import wire
from paddock.backends.base import EngineDescriptor, LoadReport, Probe, QuantOrder, QuantPlan, Report
from paddock.backends.channel import Channel, Take
from paddock.backends.door import Door, available
from paddock.backends.outcome import Blame, OomWatch, ProcessOutcome, from_returncode, read_tail
from paddock.backends.pipes import Pipes, apart, ends, environment
from paddock.backends.tether import JobObject
from paddock.backends.worker_log import WorkerLog
from paddock.sdk.errors import BadRequest, EngineDied, EngineError, ErrorInfo, PaddockError
from paddock.sdk.events import Cancelled, Ending, Failed, GenerationEvent
from paddock.sdk.memory import Prediction
from paddock.sdk.questions import Question, Reply
from paddock.sdk.types import GenerateRequest, Options

START_TIMEOUT = 30.0
"""Seconds from spawn to the first frame; long, because a disk may have to wake."""
GRACE = 2.0
"""Seconds a worker gets to leave politely, and an engine to end a cancelled request."""

_TERM_GRACE = 0.5
_TICK, _LOADING_TICK = 2.0, 0.25

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Worker:
    """One child process. Make it on the loop; ``died`` is done when the process has ended, for whatever reason."""

    def __init__(
        self,
        descriptor: EngineDescriptor,
        instance: str,
        logs: Path,
        *,
        job: JobObject | None = None,
        oom: OomWatch | None = None,
        command: Sequence[str] | None = None,
    ) -> None:
        self._descriptor = descriptor
        self._instance = instance
        self._job = job
        self._oom = oom or OomWatch()
        self._command = command
        self._log = WorkerLog(logs, f"worker-{descriptor.name}-{instance}.log")
        self._loop = asyncio.get_running_loop()
        self.died: asyncio.Future[ProcessOutcome] = self._loop.create_future()
        self._transport: asyncio.SubprocessTransport | None = None
        self._door: Door | None = None
        self._framer = wire.Framer()
        self._unframer = wire.Unframer(wire.FromWorker)
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._loaded: asyncio.Future[LoadReport] | None = None
        self._probed: asyncio.Future[Probe] | None = None
        self._progress: Callable[[float], None] | None = None
        self._counted: Report | None = None
        self._channels: dict[str, Channel] = {}
        self._answers: dict[str, asyncio.Future[Reply]] = {}
        self._simulations = 0
        self._predictions: dict[int, asyncio.Future[Prediction]] = {}
        self._quantized: asyncio.Future[tuple[QuantPlan, ...]] | None = None
        self._ticker: asyncio.TimerHandle | None = None
        self._asked = False
        self._cause = ""

    # ------------------------------------------------------------ life

    @property
    def pid(self) -> int | None:
        return None if self._transport is None or self.died.done() else self._transport.get_pid()

    @property
    def running(self) -> int:
        """Requests whose ending has not come from the worker yet."""
        return len(self._channels)

    async def start(self, timeout: float = START_TIMEOUT) -> None:
        """Spawn the process and wait for its first frame. Raises EngineError, with the child's own last words."""
        command = self._command or (sys.executable, "-P", "-m", "paddock.backends.worker")
        arguments = ("--parent", str(os.getpid()), "--engine", self._descriptor.name, "--instance", self._instance)
        try:
            self._door = Door(self.received) if available() else None
            bell = () if self._door is None else ("--bell", str(self._door.bell))
            with ends(self._log.open, self._door) as theirs:
                transport, _ = await self._loop.subprocess_exec(
                    lambda: Pipes(self), *command, *arguments, *bell, env=environment(), **(theirs | apart())
                )
        except OSError as error:
            self.ended(None)
            raise EngineError(f"The {self._title} worker could not be started: {error}.") from error
        self._tick()
        try:
            if self._job is not None:
                self._job.add(transport.get_pid())
            await self._answer(self._ready, timeout)
        except TimeoutError:
            self.kill(f"it said nothing for {timeout:g} s.")
            await self.died
            raise self._death() from None
        except OSError as error:
            self.kill()
            await self.died
            raise EngineError(f"The {self._title} worker could not be started: {error}") from error

    async def stop(self, grace: float = GRACE) -> ProcessOutcome:
        """Ask it to leave, then SIGTERM, and SIGKILL after ``grace``. Running requests end as Cancelled."""
        self._asked = True
        if self._transport is not None and not self.died.done():
            self._send(wire.Close())
            if not await self._gone(max(0.0, grace - _TERM_GRACE)):
                self._signal(self._transport.terminate)
                if not await self._gone(_TERM_GRACE):
                    self._signal(self._transport.kill)
        elif self._transport is None:
            self.ended(None)
        return await asyncio.shield(self.died)

    def kill(self, cause: str = "") -> None:
        """SIGKILL now. ``cause`` in words makes it a death to report instead of one that was asked for."""
        self._cause = self._cause or cause
        self._asked = self._asked or not cause
        if self._transport is None:
            self.ended(None)
        elif not self.died.done():
            self._signal(self._transport.kill)

    def forget_log(self) -> None:
        """Remove the log of a worker that had nothing to tell."""
        self._log.path.unlink(missing_ok=True)

    # ------------------------------------------------------------ work

    async def load(
        self, path: str, options: Options, progress: Callable[[float], None], counted: Report | None = None
    ) -> LoadReport:
        """Load the model; ``counted`` hears of the engine's counts as long as the worker lives. Raises what the
        engine raised, or EngineDied. When cancelled, kill the worker."""
        self._counted = counted
        self._loaded = self._loop.create_future()
        self._progress = progress
        self._tick()
        self._send(wire.Load(factory=self._descriptor.factory, path=path, options=options))
        try:
            return await self._answer(self._loaded, None)
        finally:
            self._progress = None

    async def probe(self, timeout: float) -> Probe:
        """What the engine says of itself. Raises TimeoutError, EngineDied."""
        self._probed = self._loop.create_future()
        self._send(wire.ProbeEngine(probe=self._descriptor.probe))
        return await self._answer(self._probed, timeout)

    async def simulate(self, path: str, options: Options, timeout: float) -> Prediction:
        """What the engine would take for ``path``. Raises what the engine raised, TimeoutError, EngineDied."""
        self._simulations += 1
        number = self._simulations
        answer = self._predictions[number] = self._loop.create_future()
        try:
            self._send(wire.Simulate(id=number, simulate=self._descriptor.simulate, path=path, options=options))
            return await self._answer(answer, timeout)
        finally:
            del self._predictions[number]

    async def quantize(self, order: QuantOrder) -> tuple[QuantPlan, ...]:
        """Carry out ``order``. Raises what the engine raised, EngineDied. When cancelled, kill the worker."""
        self._quantized = self._loop.create_future()
        self._send(wire.Quantize(quantize=self._descriptor.quantize, order=order))
        return await self._answer(self._quantized, None)

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[GenerationEvent, None]:
        """The events of one request, the last one its ending. Closing the generator cancels. Raises nothing of ours."""
        if self.died.done():
            yield self._last_words(request.id)
            return
        if request.id in self._channels:
            yield Failed(id=request.id, error=BadRequest(f"The request id “{request.id}” is already running.").info())
            return
        channel = self._channels[request.id] = Channel()
        try:
            try:
                self._send(wire.Submit(request=request))
            except PaddockError as error:
                self._emitted(Failed(id=request.id, error=error.info()))
            while True:
                event = await channel.get()
                yield event
                if isinstance(event, Ending):
                    return
        finally:
            if self._channels.get(request.id) is channel:
                del self._channels[request.id]
                self._send(wire.Cancel(request_id=request.id))

    async def ask(self, question: Question) -> Reply:
        """The reply to one question. Raises what the engine raised, BadRequest, EngineError when the worker is stopped
        first, EngineDied. Cancelling the task cancels the question."""
        if question.id in self._answers:
            raise BadRequest(f"The request id “{question.id}” is already running.")
        answer = self._answers[question.id] = self._loop.create_future()
        try:
            self._send(wire.Ask(question=question))
            return await self._answer(answer, None)
        except EngineDied:
            if self.died.result().asked:
                raise EngineError("The model was unloaded before it could answer.", hint="Ask again.") from None
            raise
        except asyncio.CancelledError:
            self._send(wire.Cancel(request_id=question.id))
            raise
        finally:
            del self._answers[question.id]

    def cancel(self, request_id: str) -> bool:
        """End a request as Cancelled: by the engine or, when it does not answer within the grace, by us. False when it
        does not run here."""
        channel = self._channels.get(request_id)
        if channel is None:
            return False
        self._send(wire.Cancel(request_id=request_id))
        self._loop.call_later(GRACE, self._give_up, request_id, channel)
        return True

    def retune(self, request_id: str, sampling: Options) -> bool:
        """Have a request go on with other sampling; False when it does not run here."""
        if request_id not in self._channels:
            return False
        self._send(wire.Retune(request_id=request_id, sampling=sampling))
        return True

    def hand_over(self, request_id: str, take: Take) -> None:
        """See :meth:`Channel.hand_over`; nothing for a request that does not run here."""
        if request_id in self._channels:
            self._channels[request_id].hand_over(take)

    def shed(self) -> None:
        """Have the engine give up what it keeps beside the running requests; what it frees shows in its counts."""
        self._send(wire.Shed())

    # ------------------------------------------------------------ from the pipes

    def spawned(self, transport: asyncio.SubprocessTransport) -> None:
        self._transport = transport

    def received(self, data: bytes) -> None:
        try:
            for frame in self._unframer.feed(data):
                self._take(frame)
        except wire.FrameDamaged as error:
            self.kill(f"it sent damaged data. {error}")

    def _take(self, frame: wire.FromWorker) -> None:
        match frame:
            case wire.Emitted(event=event):  # first: the others are rare
                self._emitted(event)
            case wire.Ready(wire=number):
                if number != wire.WIRE:
                    self.kill("it belongs to another version of Paddock. Restart Paddock.")
                elif not self._ready.done():
                    self._ready.set_result(None)
            case wire.LoadProgressed(fraction=fraction):
                if self._progress is not None:
                    self._progress(fraction)
            case wire.LoadedReport(report=report):
                if self._loaded is not None and not self._loaded.done():
                    self._loaded.set_result(report)
                    self._tick()
            case wire.LoadRefused(error=error):
                if self._loaded is not None and not self._loaded.done():
                    self._loaded.set_exception(PaddockError.from_info(error))
            case wire.Answered(id=question_id, reply=reply, error=error):
                _settle(self._answers.get(question_id), reply, error)
            case wire.StatsReported(stats=stats):
                if self._counted is not None:
                    self._counted(stats)
            case wire.Probed(probe=probe):
                if self._probed is not None and not self._probed.done():
                    self._probed.set_result(probe)
            case wire.Simulated(id=number, prediction=prediction, error=error):
                _settle(self._predictions.get(number), prediction, error)
            case wire.Quantized(plans=plans, error=error):
                if self._quantized is not None and not self._quantized.done():
                    if error is None:
                        self._quantized.set_result(plans)
                    else:
                        self._quantized.set_exception(PaddockError.from_info(error))
            case wire.LogLine(level=level, logger=logger, text=text):
                _log.log(level, "worker %s: %s: %s", self._instance, logger, text)
            case _:
                assert_never(frame)

    def _emitted(self, event: GenerationEvent) -> None:
        """Events of requests that have ended (a reader that left, an engine that goes on talking) are dropped."""
        channel = self._channels.get(event.id)
        if channel is None:
            return
        if channel.put(event):
            del self._channels[event.id]

    def _give_up(self, request_id: str, channel: Channel) -> None:
        if self._channels.get(request_id) is channel:
            self._emitted(Cancelled(id=request_id))

    # ------------------------------------------------------------ the end

    def ended(self, returncode: int | None) -> None:
        """The process has ended and its pipes are read to the end, or it never was."""
        if self.died.done():
            return
        if self._ticker is not None:
            self._ticker.cancel()
        if self._door is not None:
            self._door.close()
        outcome = from_returncode(
            returncode if returncode is not None else -9,
            asked=self._asked,
            blame=Blame() if self._asked or self._transport is None else self._oom.blame(self._transport.get_pid()),
            log_tail=read_tail(self._log.path),
            cause=self._cause,
        )
        self.died.set_result(outcome)
        for request_id in list(self._channels):
            self._emitted(self._last_words(request_id))

    def _last_words(self, request_id: str) -> GenerationEvent:
        if self.died.result().asked:
            return Cancelled(id=request_id)
        return Failed(id=request_id, error=self._death().info())

    def _death(self) -> EngineError:
        return self.died.result().error(self._title)

    async def _answer(self, answer: asyncio.Future[_T], timeout: float | None) -> _T:
        """``answer``, or EngineDied when the worker ends first, or TimeoutError."""
        both: set[asyncio.Future[Any]] = {answer, self.died}
        await asyncio.wait(both, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        if self.died.done():
            raise self._death()
        raise TimeoutError

    async def _gone(self, grace: float) -> bool:
        await asyncio.wait({self.died}, timeout=grace)
        return self.died.done()

    def _send(self, frame: wire.Frame) -> None:
        data = self._framer.pack(frame)
        pipe: Any = None if self._transport is None else self._transport.get_pipe_transport(0)
        if pipe is not None and not pipe.is_closing():
            pipe.write(data)

    def _signal(self, send: Callable[[], None]) -> None:
        try:
            send()
        except ProcessLookupError:
            pass  # It has just ended; ``died`` tells.

    def _tick(self) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
        if self.died.done():
            return
        self._oom.sample(self.pid)
        self._log.trim()
        loading = self._loaded is not None and not self._loaded.done()
        self._ticker = self._loop.call_later(_LOADING_TICK if loading else _TICK, self._tick)

    @property
    def _title(self) -> str:
        return self._descriptor.title


def _settle(answer: asyncio.Future[_T] | None, reply: _T | None, error: ErrorInfo | None) -> None:
    """End the wait for ``answer``, if anybody still waits."""
    if answer is None or answer.done():
        return
    if reply is not None:
        answer.set_result(reply)
    else:
        failed = EngineError("The engine gave neither a reply nor an error.", hint="This is a bug.")
        answer.set_exception(PaddockError.from_info(error) if error is not None else failed)
