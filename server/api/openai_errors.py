"""Errors as OpenAI's clients expect them: ``{"error": {"message", "type", "param", "code"}}``."""

from __future__ import annotations

from typing import Any

import msgspec

from paddock.sdk.errors import BadRequest, ErrorInfo, NotFound, PaddockError, Unauthorized


def error_object(info: ErrorInfo, status: int) -> dict[str, Any]:
    details = info.details
    return {
        "message": f"{info.message} {info.hint}".strip(),
        "type": _type(status),
        "param": details.get("field") or details.get("option"),
        "code": info.code,
    }


def openai_error(error: PaddockError) -> bytes:
    """The body of an answer that is an error."""
    return msgspec.json.encode({"error": error_object(error.info(), error.status)})


def status_of(info: ErrorInfo) -> int:
    return PaddockError.from_info(info).status


def _type(status: int) -> str:
    if status == Unauthorized.status:
        return "authentication_error"
    if status == NotFound.status:
        return "not_found_error"
    return "invalid_request_error" if BadRequest.status <= status < PaddockError.status else "server_error"
