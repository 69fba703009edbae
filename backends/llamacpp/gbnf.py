"""GBNF, llama.cpp's notation for grammars, read into rules. What could not be followed in bounded time and memory is
refused: left recursion, counts that end before they begin, deep nesting; and references to tokens.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass, field

from paddock.sdk.errors import BadRequest

MOST_CHARACTERS = 200_000
MOST_ELEMENTS = 100_000
"""Characters and references of all rules, counted parts written out."""
DEEPEST = 100
"""Levels of parentheses, and rules that begin with one another."""
MOST_TIMES = 2000
"""llama.cpp takes longer counts for endless ones."""

_HINT = "GBNF is described in llama.cpp’s documentation; an answer is written by the rule “root”."
_INSTEAD = 'Let what repeats come behind: “list ::= item ("," item)*” in place of “list ::= list "," item | item”.'
_LEXEME = re.compile(
    r"""[ \t]+ | \#[^\r\n]* | (?P<line>[\r\n]) | (?P<text>"(?:[^"\\]|\\.)*" | \[\^?(?:[^]\\]|\\.)*])
    | (?P<name>[A-Za-z0-9-]+) | \{[ \t]*(?P<least>[0-9]{1,9})[ \t]*(?P<most>,[ \t]*[0-9]{0,9}[ \t]*)?}
    | (?P<sign>::=|[|()*+?.])""",
    re.VERBOSE | re.DOTALL,
)
_CHARACTER = re.compile(
    r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([trn\\\"[\]-]))|([^\\])", re.DOTALL
)
_ESCAPED = {"t": "\t", "r": "\r", "n": "\n"}
_TIMES = {"*": (0, None), "+": (1, None), "?": (0, 1)}
LAST = 0x10FFFF
"""The last character of Unicode."""


@dataclass(frozen=True)
class Text:
    """Characters in a row; each is any of some ranges of code points, first and last."""

    characters: tuple[tuple[tuple[int, int], ...], ...]


_NO_TEXT = Text(())


@dataclass
class Rule:
    """``alternatives`` are sequences of :class:`Text` and of names of rules. What stands in the one place of a
    ``counted`` rule comes so often at least and at most, None for as often as one likes; then ``times`` is how often it
    is written out."""

    alternatives: list[list[Hashable]] = field(default_factory=list)
    times: int = 1
    counted: tuple[int, int | None] | None = None


def read(source: str) -> dict[Hashable, Rule]:
    """The rules by name, numbers for the names of parts; one is ``root``. Raises BadRequest."""
    try:
        source.encode()
    except UnicodeEncodeError:
        raise _refused("It has characters that are none.") from None
    if len(source) > MOST_CHARACTERS:
        raise _refused(f"It has more than {MOST_CHARACTERS:,} characters.")
    rules = _Reader(source).rules
    if "root" not in rules:
        raise _refused("It has no rule “root”.")
    empty = _may_be_empty(rules)
    if any(rule.times > 1 and empty.intersection(rule.alternatives[0]) for rule in rules.values()):
        raise _refused("A part that may be empty is counted.")
    depths: dict[Hashable, int] = {}
    for name in rules:
        _follow(name, rules, empty, depths, ())
    return rules


class _Reader:
    """Reads ``rules``; parts in parentheses and repeated ones are rules too, with numbers for names."""

    def __init__(self, source: str) -> None:
        self.rules: dict[Hashable, Rule] = {}
        self._elements = 0
        self._lexemes = _lexemes(source)
        self._next = self._lexemes.pop()
        self._lines(True)
        while self._kind != "end":
            name = self._take("name")
            self._take("::=")
            self._lines(True)
            self._alternatives(name, 0)
            if self._kind != "end":
                self._take("line")
            self._lines(True)

    @property
    def _kind(self) -> str:
        return self._next[0]

    def _take(self, kind: str) -> str:
        found, text = self._next
        if found != kind:
            place = {"end": "It ends", "line": "A line ends"}.get(found, f"“{text[:40]}” stands")
            raise _refused(f"{place} where something else belongs.")
        self._next = self._lexemes.pop()
        return text

    def _lines(self, wanted: object) -> None:
        while wanted and self._kind == "line":
            self._take("line")

    def _alternatives(self, name: Hashable, depth: int) -> None:
        if depth > DEEPEST:
            raise _refused(f"More than {DEEPEST} parentheses are open at once.")
        rule = self.rules[name] = Rule()
        while True:
            rule.alternatives.append(self._sequence(depth))
            if self._kind != "|":
                break
            self._take("|")
            self._lines(True)

    def _sequence(self, depth: int) -> list[Hashable]:
        found: list[Hashable] = []
        size = 1  # of the last item
        while True:
            match self._next:
                case "text", text:
                    self._take("text")
                    size = len(text) - 2
                    letters = _text(text)
                    found.append(letters if letters.characters else self._part([[]]))
                case ("name" | "." | "(") as kind, text:
                    self._take(kind)
                    size = 1
                    found.append(text if kind == "name" else Text((((0, LAST),),)))
                    if kind == "(":
                        self._lines(True)
                        found[-1] = self._part([])
                        self._alternatives(found[-1], depth + 1)
                        self._take(")")
                case "times", text:
                    if not found:
                        raise _refused(f"Nothing stands before “{text}”.")
                    self._take("times")
                    least, most = _times(text)
                    times = max(least, most or 1)
                    size *= times
                    found[-1] = self._part([[found[-1]], []] if least == 0 else [[found[-1]]], times, (least, most))
                case _:
                    return found
            self._count(size)
            self._lines(depth)

    def _part(
        self, alternatives: list[list[Hashable]], times: int = 1, counted: tuple[int, int | None] | None = None
    ) -> int:
        name = len(self.rules)
        self.rules[name] = Rule(alternatives, times=times, counted=counted)
        return name

    def _count(self, size: int) -> None:
        self._elements += size
        if self._elements > MOST_ELEMENTS:
            raise _refused("It is too long when its repetitions are written out.")


def _lexemes(source: str) -> list[tuple[str, str]]:
    """Kind and text of each, the last one first."""
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(source):
        match = _LEXEME.match(source, at)
        if match is None or "\0" in match[0]:
            tokens = " References to tokens cannot be used." if source[at] in "<!" else ""
            raise _refused(f"“{source[at : at + 40].splitlines()[0]}” cannot be read.{tokens}")
        kind, text, at = match.lastgroup, match[0], match.end()
        if match["least"] or text in _TIMES:
            found.append(("times", text))
        elif kind is not None:
            found.append((text if kind == "sign" else kind, text))
    return [("end", ""), *reversed(found)]


def _text(source: str) -> Text:
    """What stands between quotes or brackets."""
    inner = source[1:-1]
    if source[0] == '"':
        return Text(tuple(((code, code),) for code, _ in _characters(inner)))
    excluded = inner.startswith("^")
    ranges: list[tuple[int, int]] = []
    found = _characters(inner[excluded:])
    at = 0
    while at < len(found):
        first, _ = found[at]
        ends = at + 2 < len(found) and found[at + 1][1] == "-"
        ranges.append((first, found[at + 2][0] if ends else first))
        at += 3 if ends else 1
    if not ranges:
        return _NO_TEXT
    return Text((_but(ranges) if excluded else tuple(ranges),))


def _characters(text: str) -> list[tuple[int, str]]:
    """Code point and spelling of each."""
    found: list[tuple[int, str]] = []
    at = 0
    while at < len(text):
        match = _CHARACTER.match(text, at)
        if match is None:
            raise _refused(f"“{text[at : at + 10]}” is no character that can be read.")
        digits = match[1] or match[2] or match[3]
        sign = match[4] or match[5]
        found.append((int(digits, 16) if digits else ord(_ESCAPED.get(sign, sign) if match[4] else sign), match[0]))
        at = match.end()
    return found


def _but(ranges: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """All characters that are in none of ``ranges``."""
    left: list[tuple[int, int]] = []
    begin = 0
    for first, last in sorted(ranges):
        if first <= last:
            if begin < first:
                left.append((begin, first - 1))
            begin = max(begin, last + 1)
    if begin <= LAST:
        left.append((begin, LAST))
    return tuple(left)


def _times(text: str) -> tuple[int, int | None]:
    """How often at least and at most; None for as often as one likes."""
    if text in _TIMES:
        return _TIMES[text]
    first, comma, second = text.strip("{}").partition(",")
    least = int(first)
    most = (int(second) if second.strip() else None) if comma else least
    if least > MOST_TIMES or (most is not None and most < least):
        raise _refused(f"“{text}” is no count that can be kept.")
    return least, most if most is None or most <= MOST_TIMES else None


def _may_be_empty(rules: dict[Hashable, Rule]) -> set[Hashable]:
    """Names of the rules that can write nothing at all."""
    found: set[Hashable] = set()
    for _ in range(DEEPEST):
        more = {
            name
            for name, rule in reversed(rules.items())
            if name not in found and any(found.issuperset(sequence) for sequence in rule.alternatives)
        }
        if not more:
            return found
        found |= more
    raise _refused("Its rules are nested too deeply.")


def _follow(
    name: Hashable,
    rules: dict[Hashable, Rule],
    empty: set[Hashable],
    depths: dict[Hashable, int],
    above: tuple[Hashable, ...],
) -> int:
    """Of all paths from the rule ``name`` to what it can begin with the longest one's rules; known ones are in
    ``depths``."""
    if name in depths:
        return depths[name]
    if name not in rules:
        raise _refused(f"There is no rule “{name}”.")
    if name in above:
        raise _refused(f"The rule “{name}” begins with itself (left recursion).", _INSTEAD)
    depth = 0
    for sequence in rules[name].alternatives if len(above) <= DEEPEST else ():
        for item in sequence:
            if not isinstance(item, Text):
                depth = max(depth, _follow(item, rules, empty, depths, (*above, name)))
            if item not in empty:
                break
    if max(len(above), depth) >= DEEPEST:
        raise _refused("Its rules are nested too deeply.")
    depths[name] = depth + 1
    return depths[name]


def _refused(reason: str, hint: str = _HINT) -> BadRequest:
    return BadRequest(f"The grammar cannot be used. {reason}", hint=hint)
