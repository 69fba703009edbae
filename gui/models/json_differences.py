"""What one JSON text has that another does not: keys, values and elements; the order of keys does not count."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from json.decoder import scanstring  # type: ignore[attr-defined]  # the stubs leave it out

Spans = list[tuple[int, int, bool]]
"""From, to, and whether the other one has something else there."""

_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_WORD = re.compile(r"true|false|null")


class _NoJson(ValueError):
    pass


@dataclass(frozen=True)
class _Node:
    """A value with its place. ``form`` is equal for equal values; ``keys`` are where the members' keys begin."""

    start: int
    end: int
    form: str
    members: Mapping[str, _Node] = field(default_factory=dict)
    keys: Mapping[str, int] = field(default_factory=dict)
    items: Sequence[_Node] = ()
    kind: str = ""


def compare(one: str, other: str) -> tuple[Spans, Spans] | None:
    """What each has that the other does not; None unless both are a JSON object or array."""
    try:
        left, right = _read(one), _read(other)
    except (ValueError, RecursionError):
        return None
    if left.kind != right.kind:
        return None
    return list(_differ(left, right)), list(_differ(right, left))


def _differ(here: _Node, there: _Node) -> Iterator[tuple[int, int, bool]]:
    if here.form == there.form:
        return
    if here.kind == there.kind == "{":
        for key, member in here.members.items():
            if key in there.members:
                yield from _differ(member, there.members[key])
            else:
                yield here.keys[key], member.end, False
    elif here.kind == there.kind == "[":
        yield from _elements(here.items, there.items)
    else:
        yield here.start, here.end, True


def _elements(here: Sequence[_Node], there: Sequence[_Node]) -> Iterator[tuple[int, int, bool]]:
    from paddock.gui.models.differences import operations

    for tag, a0, a1, b0, b1 in operations([item.form for item in here], [item.form for item in there]):
        if tag == "replace" and a1 - a0 == b1 - b0:
            for mine, theirs in zip(here[a0:a1], there[b0:b1], strict=True):
                yield from _differ(mine, theirs)
        elif tag != "equal":
            yield from ((item.start, item.end, tag == "replace") for item in here[a0:a1])


# ---------------------------------------------------------------- reading


def _read(text: str) -> _Node:
    start = _skip(text, 0)
    if text[start : start + 1] not in ("{", "["):
        raise _NoJson
    node = _value(text, start)
    if _skip(text, node.end) != len(text):
        raise _NoJson
    return node


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space is not None else at


def _value(text: str, at: int) -> _Node:
    match text[at : at + 1]:
        case "{":
            return _object(text, at)
        case "[":
            return _array(text, at)
        case '"':
            value, end = scanstring(text, at + 1, True)
            return _Node(at, end, repr(value))
    if (word := _WORD.match(text, at)) is not None:
        return _Node(at, word.end(), word[0])
    if (number := _NUMBER.match(text, at)) is not None:
        return _Node(at, number.end(), str(Decimal(number[0]).normalize()))
    raise _NoJson


def _object(text: str, start: int) -> _Node:
    members: dict[str, _Node] = {}
    keys: dict[str, int] = {}
    at = _skip(text, start + 1)
    while text[at : at + 1] != "}":
        if text[at : at + 1] != '"':
            raise _NoJson
        key, after = scanstring(text, at + 1, True)
        colon = _skip(text, after)
        if text[colon : colon + 1] != ":":
            raise _NoJson
        keys[key], members[key] = at, _value(text, _skip(text, colon + 1))
        at = _next(text, members[key].end, "}")
    form = ",".join(f"{key!r}:{members[key].form}" for key in sorted(members))
    return _Node(start, at + 1, f"{{{form}}}", members=members, keys=keys, kind="{")


def _array(text: str, start: int) -> _Node:
    items: list[_Node] = []
    at = _skip(text, start + 1)
    while text[at : at + 1] != "]":
        items.append(_value(text, at))
        at = _next(text, items[-1].end, "]")
    return _Node(start, at + 1, f"[{','.join(item.form for item in items)}]", items=items, kind="[")


def _next(text: str, at: int, close: str) -> int:
    """Where the next element begins, or the closing bracket is."""
    at = _skip(text, at)
    if text[at : at + 1] == close:
        return at
    following = _skip(text, at + 1)
    if text[at : at + 1] != "," or text[following : following + 1] == close:
        raise _NoJson
    return following
