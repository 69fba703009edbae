"""The control API (docs/control-api.md) as data: what to ask and how to read the answer. No I/O.

A :class:`Call` says what to send and what comes back; :func:`decode` reads a whole answer, :class:`EventReader` a
stream of events. :class:`~paddock.sdk.client.Client` and :class:`~paddock.sdk.aclient.AsyncClient` are thin shells
over this module.
"""

from __future__ import annotations

import threading
import warnings
from typing import Any, Generic, Literal, TypeVar, cast, get_args
from urllib.parse import quote

import msgspec

from paddock.sdk.errors import BadRequest, ErrorInfo, HostUnavailable, PaddockError
from paddock.sdk.events import (
    Cancelled,
    Failed,
    Finished,
    GenerationEvent,
    HostEvent,
    Leaving,
    Loaded,
    LoadEvent,
    TextDelta,
)
from paddock.sdk.host import (
    CachedPrompts,
    Generation,
    Handshake,
    LogTail,
    RaiseAnswer,
    RaiseRequest,
    RetuneRequest,
    ServerRequest,
    ServerStatus,
    Settings,
    SettingsPatch,
    ShutdownRequest,
)
from paddock.sdk.questions import Embeddings, EmbedRequest, RerankRequest, Scores
from paddock.sdk.types import (
    Chat,
    ChatPatch,
    ChatSummary,
    EngineInfo,
    GenerateRequest,
    LoadedModel,
    LoadRequest,
    ModelInfo,
    NewChat,
    Options,
    SendRequest,
)

SILENCE_S = 15.0
"""A stream without a byte for so long is lost: the host beats every 5 s."""
ANSWER_S = 60.0
"""A plain call may take so long: probing the engines loads their libraries once."""
REPLY_S = 900.0
"""A question may take so long: its model may have to be loaded first, and many long texts take their time."""
UNHURRIED_S = 86_400.0
"""What tells meanwhile how far it is may take as long as it takes; closing the connection ends it."""
HANDSHAKE_S = 5.0
MAX_EVENT_BYTES = 64 * 1024 * 1024

T = TypeVar("T")


class UnknownEventWarning(UserWarning):
    """A newer host sent an event that this version does not know; it was skipped."""


class Call(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One request. ``answer`` is the type of the answer's body or, of a stream, of each event; None: no body.

    One of ``endings`` must end the stream; without them its plain end is one. ``timeout_s`` bounds the silence.
    """

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    answer: Any = None
    body: bytes = b""
    endings: tuple[type, ...] = ()
    timeout_s: float = ANSWER_S


def body_of(request: msgspec.Struct) -> bytes:
    """``request`` as a call carries it. Raises BadRequest."""
    try:
        return msgspec.json.encode(request)
    except UnicodeEncodeError as error:
        raise BadRequest(
            "The text holds bytes that are not UTF-8.", hint="Convert it, for example with iconv."
        ) from error


def _stream(
    method: Literal["GET", "POST"], path: str, events: Any, endings: tuple[type, ...], body: bytes = b""
) -> Call[Any]:
    return Call(method=method, path=path, answer=events, body=body, endings=endings, timeout_s=SILENCE_S)


_ENDINGS = (Finished, Failed, Cancelled)


# ---------------------------------------------------------------- the calls


def handshake() -> Call[Handshake]:
    return Call(method="GET", path="/control/handshake", answer=Handshake, timeout_s=HANDSHAKE_S)


def events() -> Call[HostEvent]:
    return _stream("GET", "/control/events", HostEvent, (Leaving,))


def engines() -> Call[list[EngineInfo]]:
    return Call(method="GET", path="/control/engines", answer=list[EngineInfo])


def models() -> Call[list[ModelInfo]]:
    return Call(method="GET", path="/control/models", answer=list[ModelInfo])


def refresh_models() -> Call[list[ModelInfo]]:
    return Call(method="POST", path="/control/models/refresh", answer=list[ModelInfo])


def loaded() -> Call[list[LoadedModel]]:
    return Call(method="GET", path="/control/loaded", answer=list[LoadedModel])


def load(request: LoadRequest) -> Call[LoadEvent]:
    return _stream("POST", "/control/loaded", LoadEvent, (Loaded, Failed), body_of(request))


def unload(id: str) -> Call[None]:
    return Call(method="DELETE", path="/control/loaded/" + quote(id, safe=""))


def generate(request: GenerateRequest) -> Call[GenerationEvent]:
    return _stream("POST", "/control/generate", GenerationEvent, _ENDINGS, body_of(request))


def embed(request: EmbedRequest) -> Call[Embeddings]:
    return Call(method="POST", path="/control/ask", answer=Embeddings, body=body_of(request), timeout_s=REPLY_S)


def rerank(request: RerankRequest) -> Call[Scores]:
    return Call(method="POST", path="/control/ask", answer=Scores, body=body_of(request), timeout_s=REPLY_S)


def generations() -> Call[list[Generation]]:
    return Call(method="GET", path="/control/generations", answer=list[Generation])


def attach(id: str) -> Call[GenerationEvent]:
    return _stream("GET", f"/control/generations/{quote(id, safe='')}/events", GenerationEvent, _ENDINGS)


def cancel(id: str) -> Call[None]:
    return Call(method="POST", path=f"/control/generations/{quote(id, safe='')}/cancel")


def retune(id: str, sampling: Options) -> Call[None]:
    body = body_of(RetuneRequest(sampling=sampling))
    return Call(method="POST", path=f"/control/generations/{quote(id, safe='')}/sampling", body=body)


def chats() -> Call[list[ChatSummary]]:
    return Call(method="GET", path="/control/chats", answer=list[ChatSummary])


def create_chat(request: NewChat) -> Call[Chat]:
    return Call(method="POST", path="/control/chats", answer=Chat, body=body_of(request))


def chat(id: str) -> Call[Chat]:
    return Call(method="GET", path="/control/chats/" + quote(id, safe=""), answer=Chat)


def patch_chat(id: str, patch: ChatPatch) -> Call[Chat]:
    return Call(method="PATCH", path="/control/chats/" + quote(id, safe=""), answer=Chat, body=body_of(patch))


def delete_chat(id: str) -> Call[None]:
    return Call(method="DELETE", path="/control/chats/" + quote(id, safe=""))


def send(chat_id: str, request: SendRequest) -> Call[GenerationEvent]:
    path = f"/control/chats/{quote(chat_id, safe='')}/send"
    return _stream("POST", path, GenerationEvent, _ENDINGS, body_of(request))


def settings() -> Call[Settings]:
    return Call(method="GET", path="/control/settings", answer=Settings)


def patch_settings(patch: SettingsPatch) -> Call[Settings]:
    return Call(method="PATCH", path="/control/settings", answer=Settings, body=body_of(patch))


def prompt_cache() -> Call[list[CachedPrompts]]:
    return Call(method="GET", path="/control/kv-store", answer=list[CachedPrompts])


def clear_prompt_cache(model: str) -> Call[None]:
    return Call(method="DELETE", path="/control/kv-store" + (f"?model={quote(model, safe='')}" if model else ""))


def server() -> Call[ServerStatus]:
    return Call(method="GET", path="/control/server", answer=ServerStatus)


def set_server(request: ServerRequest) -> Call[ServerStatus]:
    return Call(method="POST", path="/control/server", answer=ServerStatus, body=body_of(request))


def raise_window(token: str, open: str) -> Call[RaiseAnswer]:
    body = body_of(RaiseRequest(activation_token=token, open=open))
    return Call(method="POST", path="/control/raise", answer=RaiseAnswer, body=body)


def logs(lines: int) -> Call[LogTail]:
    return Call(method="GET", path=f"/control/logs?lines={lines}", answer=LogTail)


def echo() -> Call[TextDelta]:
    return _stream("GET", "/control/echo", TextDelta, ())


def shutdown(when: Literal["idle", "done", "now"]) -> Call[None]:
    return Call(method="POST", path="/control/shutdown", body=body_of(ShutdownRequest(when=when)))


# ---------------------------------------------------------------- reading answers


class _ErrorBody(msgspec.Struct):
    error: ErrorInfo


_FIRST_USE = threading.Lock()


def decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    """Reads JSON as ``kind``. On any thread: msgspec works a Struct out at its first use, and two threads that do so
    with the same one at once end the process (seen with msgspec 0.22 under Python 3.11)."""
    with _FIRST_USE:
        return msgspec.json.Decoder(kind)


def error_from(status: int, body: bytes) -> PaddockError:
    """The error of an answer whose HTTP ``status`` is not a success."""
    try:
        return PaddockError.from_info(decoder(_ErrorBody).decode(body).error)
    except msgspec.DecodeError:
        return PaddockError(
            f"Paddock’s host answered with HTTP status {status} and no explanation.",
            hint="Its log may say more: “paddock doctor” names the file.",
            status=status,
        )


def decode(call: Call[T], status: int, body: bytes) -> T:
    """The answer to ``call``. Raises the host's PaddockError, and HostUnavailable when the answer cannot be read."""
    if not 200 <= status < 300:
        raise error_from(status, body)
    if call.answer is None:
        return cast(T, None)
    try:
        return cast(T, decoder(call.answer).decode(body))
    except msgspec.DecodeError as error:
        raise _unreadable(f"{call.method} {call.path}", error) from error


def _unreadable(what: str, error: Exception) -> HostUnavailable:
    return HostUnavailable(
        f"The host’s answer to {what} cannot be read ({error}).",
        hint="Another version of Paddock may be running: end it with “paddock stop” and try again.",
    )


class SseParser:
    """Server-sent events out of bytes that come in any pieces. Only ``data`` matters to us; comments, event names,
    ids and retry times are read over. CRLF, LF and CR end a line; what has no empty line after it is no event."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[bytes] = []
        self._after_cr = False
        self._first = True

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of each event that ``chunk`` completes; several ``data`` lines are joined by a newline."""
        if not chunk:
            return []
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_cr = False
            if not chunk:
                return []
        self._after_cr = chunk.endswith(b"\r")
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = chunk.split(b"\n")
        complete: list[bytes] = []
        for line in lines:
            if self._line:
                line = bytes(self._line) + line
                self._line.clear()
            self._take(line, complete)
        self._line += rest
        if len(self._line) > MAX_EVENT_BYTES:
            raise HostUnavailable(f"The host sent a line of more than {MAX_EVENT_BYTES // 2**20} MB.")
        return complete

    def _take(self, line: bytes, complete: list[bytes]) -> None:
        if self._first:
            self._first = False
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            if self._data:
                complete.append(b"\n".join(self._data))
                self._data.clear()
            return
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))


class _Tagged(msgspec.Struct):
    type: str


class EventReader(Generic[T]):
    """The events of one streaming call, out of the bytes of its body."""

    def __init__(self, call: Call[T]) -> None:
        self._call = call
        self._parser = SseParser()
        self._decoder = decoder(call.answer)
        self._tags = {kind.__struct_config__.tag for kind in get_args(call.answer) or (call.answer,)}
        self.ended = not call.endings
        """An ending has been read; nothing follows it."""

    def feed(self, chunk: bytes) -> list[T]:
        """The events that ``chunk`` completes. An event of an unknown type is skipped with a warning.

        Raises HostUnavailable when an event of a known type cannot be read.
        """
        found: list[T] = []
        for data in self._parser.feed(chunk):
            event = self._decode(data)
            if event is not None:
                found.append(event)
                if isinstance(event, self._call.endings):
                    self.ended = True
                    break
        return found

    def finish(self) -> None:
        """The stream has ended. Raises HostUnavailable when its ending is missing."""
        if not self.ended:
            raise HostUnavailable(
                "The connection to Paddock’s host was closed in the middle of an answer.",
                hint="The host may have ended. Try again: it is started anew.",
            )

    def _decode(self, data: bytes) -> T | None:
        try:
            return cast(T, self._decoder.decode(data))
        except msgspec.DecodeError as error:
            try:
                tag = decoder(_Tagged).decode(data).type
            except msgspec.DecodeError:
                raise _unreadable(self._call.path, error) from error
            if tag in self._tags:
                raise _unreadable(self._call.path, error) from error
            warnings.warn(
                f"The host sent an event of the unknown type {tag!r}; it is newer than this program.",
                UnknownEventWarning,
                stacklevel=4,
            )
            return None
