"""Reading requests: JSON into Structs, with a sentence and a place when it does not fit."""

from __future__ import annotations

import difflib
import re
from typing import Any, TypeVar

import msgspec
from litestar import Request

from paddock.sdk.errors import BadRequest

T = TypeVar("T")

_LONGEST = 120
"""Characters of a value that are repeated in an error."""
CLIENTS = ("window", "cli", "sdk")

MALFORMED = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
"""What decoding raises for bytes that are no JSON."""


def decode(body: bytes, kind: type[T]) -> T:
    """``body`` as a ``kind``. Raises BadRequest that names the position or the field."""
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise misfit(error, kind) from None
    except MALFORMED as error:
        raise malformed(error, body) from None


def read_json(body: bytes) -> dict[str, Any]:
    """``body`` as a JSON object. Raises BadRequest."""
    try:
        value = msgspec.json.decode(body)
    except MALFORMED as error:
        raise malformed(error, body) from None
    if not isinstance(value, dict):
        raise BadRequest("The body must be a JSON object.", hint="It starts with “{”.")
    return value


def convert(value: object, kind: type[T]) -> T:
    """Already decoded JSON as a ``kind``. Raises BadRequest that names the field."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise misfit(error, kind) from None


def malformed(error: Exception, body: bytes) -> BadRequest:
    text = str(error)
    if isinstance(error, RecursionError):
        return BadRequest("The body is nested too deeply.", hint="Send flatter JSON.")
    if isinstance(error, UnicodeDecodeError):
        return BadRequest(f"The body is not UTF-8: byte {_not_utf8(body)} breaks it.", hint="Send the text as UTF-8.")
    if "out of range" in text:
        return BadRequest("The body holds a number that is too large.", hint="Send a smaller one.")
    if not body.strip():
        return BadRequest("The body is empty; a JSON object was expected.", hint="Send the request as JSON.")
    found = re.search(r"byte (\d+)", text)
    if found is None:
        where = f"at byte {len(body)}, where it ends" if "truncated" in text else "somewhere"
        return BadRequest(f"The body is not valid JSON: it breaks {where}.", hint="Check quotes, commas and brackets.")
    byte = int(found[1])
    line = body.count(b"\n", 0, byte) + 1
    column = byte - (body.rfind(b"\n", 0, byte) + 1) + 1
    return BadRequest(
        f"The body is not valid JSON: line {line}, column {column} (byte {byte}).",
        hint="Check quotes, commas and brackets.",
        line=line,
        column=column,
        byte=byte,
    )


def _not_utf8(body: bytes) -> int:
    """Where ``body`` stops being UTF-8; msgspec counts from the start of the string."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return error.start
    return 0


def misfit(error: msgspec.ValidationError, kind: Any) -> BadRequest:
    """A validation error in words, with the nearest known field where one is unknown."""
    text = _without_long_values(str(error))
    unknown = re.search(r"unknown field `(.*?)`(?: - at `\$\.?(.*)`)?", text)
    if unknown:
        known = list(getattr(kind, "__struct_encode_fields__", ())) if not unknown[2] else []
        near = difflib.get_close_matches(unknown[1], known, n=1)
        place = f" in “{unknown[2]}”" if unknown[2] else ""
        hint = f"Did you mean “{near[0]}”?" if near else f"Known fields: {', '.join(known)}." if known else ""
        return BadRequest(f"There is no field “{unknown[1]}”{place}.", hint=hint, field=unknown[1])
    missing = re.search(r"missing required field `(.*?)`", text)
    if missing:
        return BadRequest(f"The field “{missing[1]}” is missing.", hint="Add it.", field=missing[1])
    what, _, where = text.partition(" - at `$")
    field = where.rstrip("`").lstrip(".")
    place = f" in “{field}”" if field else ""
    return BadRequest(f"A value{place} does not fit: {what[:1].lower()}{what[1:]}.", hint="", field=field)


def _without_long_values(text: str) -> str:
    return re.sub(rf"(['`])([^'`]{{{_LONGEST}}})[^'`]+\1", r"\1\2…\1", text)


def client_of(request: Request[Any, Any, Any]) -> str:
    """Who asks; a program that does not say is somebody's script. Raises BadRequest."""
    given: str = request.headers.get("x-paddock-client", "sdk")
    if given not in CLIENTS:
        raise BadRequest(f"“{given}” is no kind of client.", hint=f"X-Paddock-Client: {', '.join(CLIENTS)}.")
    return given
