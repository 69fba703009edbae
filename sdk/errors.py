"""The error tree. Each error carries a code for programs, a sentence for a person and a hint what to do next.

::

    PaddockError
    +-- BadRequest                 400  the request cannot be understood
    |   +-- InvalidOption               a value outside its option's range
    |   |   +-- UnknownOption           no such option; the hint suggests one
    |   +-- ContextOverflow             the prompt is longer than the context (details: both numbers)
    |   +-- NoVision                    pictures for a model that cannot see them
    |   +-- TemplateFailed              the model's chat template raised, looped or reached outside its sandbox
    +-- Unauthorized               401
    +-- AccessDenied               403  a server elsewhere gives the file to its members only: gated, private
    +-- NotFound                   404
    |   +-- ModelNotFound
    |   +-- ChatNotFound
    +-- HostBusy                   409  (details: what it is doing)
    +-- ModelUnusable              422  not a model, truncated, of an unknown architecture
    +-- EngineError                500
    |   +-- EngineDied             502  the worker process ended (details: signal, exit_code)
    |   |   +-- OutOfMemory        507  ... because memory ran out
    |   +-- EngineMissing          501  the engine is not installed here
    |   +-- LoadFailed             500  the engine refused the model
    +-- StorageFailed              507  disk full, read-only, damaged or newer data
    +-- RemoteFailed               502  a server elsewhere (the hub, a mirror) does not answer, or not as it should
    +-- PortUnavailable            409
    +-- HostUnavailable            503  the host does not answer or could not be started
        +-- ProtocolMismatch       409  another version of Paddock is running
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec


class ErrorInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An error as a value, for events, HTTP bodies and the wire."""

    code: str
    message: str
    hint: str = ""
    details: dict[str, Any] = {}


class PaddockError(Exception):
    """Something a person can understand and act on; everything else that is raised is a bug."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str = "", **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details

    def info(self) -> ErrorInfo:
        return ErrorInfo(code=self.code, message=self.message, hint=self.hint, details=self.details)

    def sentence(self) -> str:
        """Message and hint as one text for a terminal or a dialog."""
        return f"{self.message} {self.hint}".strip()

    @staticmethod
    def from_info(info: ErrorInfo) -> PaddockError:
        """The exception for ``info``; an unknown code (a newer host) becomes a plain :class:`PaddockError`."""
        kind = _kinds().get(info.code, PaddockError)
        error = kind(info.message, hint=info.hint)
        error.details = dict(info.details)  # not as keywords: a detail may be called “message”
        return error


class BadRequest(PaddockError):
    code = "bad_request"
    status = 400


class InvalidOption(BadRequest):
    code = "invalid_option"


class UnknownOption(InvalidOption):
    code = "unknown_option"


class ContextOverflow(BadRequest):
    code = "context_overflow"


class NoVision(BadRequest):
    code = "no_vision"


class TemplateFailed(BadRequest):
    code = "template_failed"


class Unauthorized(PaddockError):
    code = "unauthorized"
    status = 401


class AccessDenied(PaddockError):
    code = "access_denied"
    status = 403


class NotFound(PaddockError):
    code = "not_found"
    status = 404


class ModelNotFound(NotFound):
    code = "model_not_found"


class ChatNotFound(NotFound):
    code = "chat_not_found"


class HostBusy(PaddockError):
    code = "host_busy"
    status = 409


class ModelUnusable(PaddockError):
    code = "model_unusable"
    status = 422


class EngineError(PaddockError):
    code = "engine_error"


class EngineDied(EngineError):
    code = "engine_died"
    status = 502


class OutOfMemory(EngineDied):
    code = "out_of_memory"
    status = 507


class EngineMissing(EngineError):
    code = "engine_missing"
    status = 501


class LoadFailed(EngineError):
    code = "load_failed"


class StorageFailed(PaddockError):
    code = "storage_failed"
    status = 507


class RemoteFailed(PaddockError):
    code = "remote_failed"
    status = 502


class PortUnavailable(PaddockError):
    code = "port_unavailable"
    status = 409


class HostUnavailable(PaddockError):
    code = "host_unavailable"
    status = 503


class ProtocolMismatch(HostUnavailable):
    code = "protocol_mismatch"
    status = 409


def _kinds() -> dict[str, type[PaddockError]]:
    found: dict[str, type[PaddockError]] = {}
    waiting: list[type[PaddockError]] = [PaddockError]
    while waiting:
        kind = waiting.pop()
        found[kind.code] = kind
        waiting.extend(kind.__subclasses__())
    return found
