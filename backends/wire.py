"""Frames between host and worker: a 4-byte big-endian length, then one tagged Struct as MessagePack.

``ToWorker`` and ``FromWorker`` are closed unions. A frame that is too long, cut off or not of its union raises
:class:`FrameDamaged`; the stream cannot be trusted after it.
"""

from __future__ import annotations

import struct
from typing import Any

import msgspec

from paddock.backends.base import LoadReport, Probe, QuantOrder, QuantPlan
from paddock.sdk.errors import BadRequest, ErrorInfo
from paddock.sdk.events import GenerationEvent
from paddock.sdk.memory import Prediction
from paddock.sdk.questions import Question, Reply
from paddock.sdk.types import EngineStats, GenerateRequest, Options

WIRE = 4
"""Number of this set of frames; host and worker must agree (they differ when Paddock is updated under a host)."""
LIMIT = 64 * 1024 * 1024
"""Longest frame, in bytes without its length field."""

_LENGTH = struct.Struct(">I")


class FrameDamaged(ValueError):
    """The bytes are not a frame; says what is wrong with them."""


class Frame(msgspec.Struct, frozen=True, kw_only=True, tag_field="frame"):
    """Base of all frames."""


class Load(Frame, frozen=True, kw_only=True, tag="load"):
    """Import ``factory`` (``module:callable``), make the engine and load ``path``. Once in a worker's life."""

    factory: str
    path: str
    options: Options = {}


class Submit(Frame, frozen=True, kw_only=True, tag="submit"):
    request: GenerateRequest


class Ask(Frame, frozen=True, kw_only=True, tag="ask"):
    question: Question


class Cancel(Frame, frozen=True, kw_only=True, tag="cancel"):
    request_id: str


class Retune(Frame, frozen=True, kw_only=True, tag="retune"):
    """The request goes on with ``sampling`` in place of what it came with, from its next token."""

    request_id: str
    sampling: Options = {}


class Close(Frame, frozen=True, kw_only=True, tag="close"):
    """Close the engine and leave."""


class ProbeEngine(Frame, frozen=True, kw_only=True, tag="probe"):
    """Call ``probe`` (``module:callable``) and answer with Probed."""

    probe: str


class Simulate(Frame, frozen=True, kw_only=True, tag="simulate"):
    """Call ``simulate`` (``module:callable``) for ``path`` and ``options``, and answer with Simulated."""

    id: int
    simulate: str
    path: str
    options: Options = {}


class Quantize(Frame, frozen=True, kw_only=True, tag="quantize"):
    """Call ``quantize`` (``module:callable``) with ``order``, and answer with Quantized. Once in a worker's life."""

    quantize: str
    order: QuantOrder


class Shed(Frame, frozen=True, kw_only=True, tag="shed"):
    """The machine is short of memory: give up what is kept beside the running requests."""


ToWorker = Load | Submit | Ask | Retune | Cancel | Close | ProbeEngine | Simulate | Quantize | Shed


class Ready(Frame, frozen=True, kw_only=True, tag="ready"):
    """The worker's first frame."""

    pid: int
    wire: int


class LoadProgressed(Frame, frozen=True, kw_only=True, tag="load_progressed"):
    """``fraction`` is 0 to 1."""

    fraction: float


class LoadedReport(Frame, frozen=True, kw_only=True, tag="loaded"):
    report: LoadReport


class LoadRefused(Frame, frozen=True, kw_only=True, tag="load_refused"):
    error: ErrorInfo


class Emitted(Frame, frozen=True, kw_only=True, tag="emitted"):
    event: GenerationEvent


class Answered(Frame, frozen=True, kw_only=True, tag="answered"):
    """The one answer to the question ``id``: a reply or an error."""

    id: str
    reply: Reply | None = None
    error: ErrorInfo | None = None


class StatsReported(Frame, frozen=True, kw_only=True, tag="stats"):
    stats: EngineStats


class Probed(Frame, frozen=True, kw_only=True, tag="probed"):
    probe: Probe


class Simulated(Frame, frozen=True, kw_only=True, tag="simulated"):
    """The one answer to Simulate ``id``."""

    id: int
    prediction: Prediction | None = None
    error: ErrorInfo | None = None


class Quantized(Frame, frozen=True, kw_only=True, tag="quantized"):
    """The one answer to Quantize."""

    plans: tuple[QuantPlan, ...] = ()
    error: ErrorInfo | None = None


class LogLine(Frame, frozen=True, kw_only=True, tag="log"):
    """A warning or worse from a Python logger in the worker; ``level`` as in :mod:`logging`."""

    level: int
    logger: str
    text: str


FromWorker = (
    Ready
    | LoadProgressed
    | LoadedReport
    | LoadRefused
    | Emitted
    | Answered
    | StatsReported
    | Probed
    | Simulated
    | Quantized
    | LogLine
)


class Framer:
    """Values to bytes. Not thread-safe."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._encoder = msgspec.msgpack.Encoder(enc_hook=str)

    def pack(self, frame: Frame) -> bytes:
        """``frame`` with its length; raises BadRequest when it is too long or holds what MessagePack cannot say."""
        try:
            body = self._encoder.encode(frame)
        except (ValueError, OverflowError, TypeError, RecursionError) as error:
            raise BadRequest(
                "The request holds a value that cannot be passed to the engine.", hint=f"{error}."
            ) from error
        if len(body) > self._limit:
            raise BadRequest(
                f"The request is too long: {len(body):,} bytes.", hint=f"The limit is {self._limit:,} bytes."
            )
        return _LENGTH.pack(len(body)) + body


class Unframer:
    """Bytes, in pieces of any size, to values of one union. Not thread-safe.

    ``union`` is ``ToWorker`` or ``FromWorker``.
    """

    def __init__(self, union: Any, limit: int = LIMIT) -> None:
        self._decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(union)
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Any]:
        """The frames that ``data`` completes; raises FrameDamaged."""
        buffer, whole = self._buffer, len(data) - _LENGTH.size
        if not buffer and 0 < whole <= self._limit and _LENGTH.unpack_from(data)[0] == whole:
            return [self._decode(memoryview(data)[_LENGTH.size :])]  # one frame at a time, as it usually is
        buffer += data
        frames: list[Any] = []
        start = 0
        while len(buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, start)
            if length > self._limit:
                raise FrameDamaged(f"A frame of {length:,} bytes is announced; the limit is {self._limit:,}.")
            end = start + _LENGTH.size + length
            if len(buffer) < end:
                break
            frames.append(self._decode(bytes(buffer[start + _LENGTH.size : end])))
            start = end
        del buffer[:start]
        return frames

    def finish(self) -> None:
        """Call at end-of-file; raises FrameDamaged when a frame was cut off."""
        if self._buffer:
            raise FrameDamaged(f"The stream ends in the middle of a frame, {len(self._buffer)} bytes into it.")

    def _decode(self, body: bytes | memoryview) -> Any:
        try:
            return self._decoder.decode(body)
        except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
            raise FrameDamaged(f"A frame of {len(body):,} bytes cannot be read: {error}.") from error
