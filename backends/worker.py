"""The worker process: one engine, one model, frames on two pipes.

``python -P -m paddock.backends.worker --parent PID --engine NAME --instance ID``, started by
:class:`paddock.backends.supervisor.Worker` only; engine and instance are for whoever reads a list of processes.
Three threads of its own: the reader, which ends the process at once when the host's end of the pipe closes, even
while a native call runs; the writer, for frames that cannot be written at once; and the main thread, which calls the
engine. Standard output belongs to the log: what a library prints can never be taken for a frame.
"""

from __future__ import annotations

import faulthandler
import importlib
import os
import queue
import sys
import threading
from typing import Any

from paddock.backends import wire
from paddock.backends.base import Engine, Probe
from paddock.backends.bell import ringer
from paddock.backends.outbox import Outbox
from paddock.backends.tether import tie_to_parent
from paddock.sdk.errors import EngineError, EngineMissing, ErrorInfo, LoadFailed, PaddockError
from paddock.sdk.events import Failed, GenerationEvent
from paddock.sdk.questions import Question, Reply

EXIT_DAMAGED = 70
"""The host sent something that is not a frame."""

_PIECE = 256 * 1024
_PROGRESS_STEP = 0.005


class Control:
    """Carries out the host's frames on the main thread."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._engine: Engine | None = None

    def run(self, inbox: queue.SimpleQueue[Any]) -> None:
        """Until Close."""
        while True:
            frame: wire.ToWorker = inbox.get()
            match frame:
                case wire.Load():
                    self._load(frame)
                case wire.Submit(request=request):
                    self._submit(request)
                case wire.Ask(question=question):
                    self._ask(question)
                case wire.Retune(request_id=request_id, sampling=sampling):
                    if self._engine is not None:
                        self._engine.retune(request_id, sampling)
                case wire.Cancel(request_id=request_id):
                    if self._engine is not None:
                        self._engine.cancel(request_id)
                case wire.ProbeEngine(probe=probe):
                    self._outbox.put(wire.Probed(probe=_probe(probe)))
                case wire.Simulate():
                    self._outbox.put(_simulated(frame))
                case wire.Quantize():
                    self._outbox.put(_quantized(frame))
                case wire.Shed():
                    self._shed()
                case wire.Close():
                    if self._engine is not None:
                        self._engine.close()
                    return

    def _load(self, frame: wire.Load) -> None:
        sent = -1.0

        def progress(fraction: float) -> None:
            nonlocal sent
            fraction = min(max(fraction, 0.0), 1.0)
            if fraction - sent >= _PROGRESS_STEP or (fraction == 1.0 and sent < 1.0):
                sent = fraction
                self._outbox.put(wire.LoadProgressed(fraction=fraction))

        try:
            engine: Engine = _imported(frame.factory)()
            _forward_warnings(self._outbox)
            report = engine.load(frame.path, frame.options, progress)
            engine.watch(lambda stats: self._outbox.put(wire.StatsReported(stats=stats)))
        except Exception as error:  # noqa: BLE001 - an engine may raise anything; the host must hear of it
            self._outbox.put(wire.LoadRefused(error=_explained(error, LoadFailed, "The engine could not load it")))
            return
        self._engine = engine
        self._outbox.put(wire.LoadedReport(report=report))

    def _submit(self, request: Any) -> None:
        def emit(event: GenerationEvent) -> None:
            self._outbox.put(wire.Emitted(event=event))

        try:
            self._loaded().submit(request, emit)
        except Exception as error:  # noqa: BLE001 - submit promises not to raise; a lie must still end the request
            emit(Failed(id=request.id, error=_explained(error, EngineError, "The engine could not take the request")))

    def _ask(self, question: Question) -> None:
        def answered(reply: Reply | PaddockError) -> None:
            if isinstance(reply, PaddockError):
                self._outbox.put(wire.Answered(id=question.id, error=reply.info()))
            else:
                self._outbox.put(wire.Answered(id=question.id, reply=reply))

        try:
            self._loaded().ask(question, answered)
        except Exception as error:  # noqa: BLE001 - as above
            info = _explained(error, EngineError, "The engine could not take the question")
            answered(PaddockError.from_info(info))

    def _shed(self) -> None:
        try:
            if self._engine is not None:
                self._engine.shed()
        except Exception:  # noqa: BLE001 - shed promises not to raise; a lie must not cost the model
            _print_stack()

    def _loaded(self) -> Engine:
        if self._engine is None:
            raise EngineError("The worker was asked before its model was loaded.")
        return self._engine


def _imported(name: str) -> Any:
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, OSError) as error:
        _print_stack()
        raise EngineMissing("The engine cannot be started here.", hint=f"{type(error).__name__}: {error}") from error


def _end_with(failed: threading.ExceptHookArgs) -> None:
    """A thread has failed that the worker cannot do without: one that reads, writes or computes."""
    try:
        if failed.exc_value is not None:
            sys.excepthook(failed.exc_type, failed.exc_value, failed.exc_traceback)
    finally:
        os._exit(1)


def _print_stack() -> None:
    """To the log; the interpreter's own printer, because importing :mod:`traceback` costs start time."""
    sys.excepthook(*sys.exc_info())


def _explained(error: Exception, kind: type[PaddockError], doing: str) -> ErrorInfo:
    if isinstance(error, PaddockError):
        return error.info()
    _print_stack()
    if isinstance(error, MemoryError):
        from paddock.backends.headroom import memory_error

        return memory_error().info()
    return kind(f"{doing}: {type(error).__name__}: {error}", hint="This is a bug; the worker's log has more.").info()


def _probe(name: str) -> Probe:
    try:
        found: Probe = _imported(name)()
    except Exception as error:  # noqa: BLE001 - a broken engine is an answer here, not a failure
        return Probe(available=False, reason=PaddockError.from_info(_explained(error, EngineError, "")).sentence())
    return found


def _simulated(frame: wire.Simulate) -> wire.Simulated:
    try:
        return wire.Simulated(id=frame.id, prediction=_imported(frame.simulate)(frame.path, frame.options))
    except Exception as error:  # noqa: BLE001 - whatever an engine raises is the answer
        return wire.Simulated(id=frame.id, error=_explained(error, EngineError, "The engine could not simulate it"))


def _quantized(frame: wire.Quantize) -> wire.Quantized:
    try:
        return wire.Quantized(plans=_imported(frame.quantize)(frame.order))
    except Exception as error:  # noqa: BLE001 - as above
        return wire.Quantized(error=_explained(error, EngineError, "The engine could not quantise it"))


def _forward_warnings(outbox: Outbox) -> None:
    """Python log records of warning level and above also reach the host's log. Imported here: it costs start time."""
    import logging

    class Forward(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            outbox.put(wire.LogLine(level=record.levelno, logger=record.name, text=self.format(record)))

    root = logging.getLogger()
    handlers: tuple[logging.Handler, ...] = (logging.StreamHandler(sys.stderr), Forward(logging.WARNING))
    for handler in handlers:
        root.addHandler(handler)


def _read(fd: int, inbox: queue.SimpleQueue[Any]) -> None:
    unframer = wire.Unframer(wire.ToWorker)
    while True:
        try:
            data = os.read(fd, _PIECE)
        except OSError:
            data = b""
        if not data:
            os._exit(0)
        try:
            for frame in unframer.feed(data):
                inbox.put(frame)
        except wire.FrameDamaged as error:
            os.write(2, f"{error}\n".encode())
            os._exit(EXIT_DAMAGED)


def _private(fd: int, replace_from: int) -> int:
    """A duplicate of ``fd`` that nobody else knows; ``fd`` itself then leads where ``replace_from`` does."""
    kept = os.dup(fd)
    os.dup2(replace_from, fd)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(kept, os.O_BINARY)
    return kept


def main(argv: list[str]) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    source, sink = _private(0, nothing), _private(1, 2)
    os.close(nothing)
    tie_to_parent(int(argv[argv.index("--parent") + 1]))
    faulthandler.enable()
    threading.excepthook = _end_with
    outbox = Outbox(sink, ringer(int(argv[argv.index("--bell") + 1])) if "--bell" in argv else None)
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(source, inbox), name="reader", daemon=True).start()
    outbox.put(wire.Ready(pid=os.getpid(), wire=wire.WIRE))
    status = 0
    try:
        Control(outbox).run(inbox)
    except BaseException:  # noqa: BLE001 - whatever ended the control thread goes to the log, and the process with it
        _print_stack()
        status = 1
    else:
        outbox.flush()
    sys.stderr.flush()
    sys.stdout.flush()
    os._exit(status)  # No interpreter shutdown: engine libraries like to crash there.


if __name__ == "__main__":
    main(sys.argv[1:])
