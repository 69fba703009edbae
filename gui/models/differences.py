"""What one answer has that others do not: by words; in code by lines and then words; in JSON by keys and values.

Pure functions over the text that is shown. The longest common subsequence is RapidFuzz's, which is bit-parallel: ten
thousand words against ten thousand take some 30 ms where difflib takes seconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from paddock.gui.models import json_differences

Kind = Literal["added", "removed", "changed"]
Mark = tuple[int, int, Kind]
"""From, to (characters of the shown text) and what is marked there."""
Tag = Literal["equal", "replace", "delete", "insert"]

_STOPS = r"\s!-/:-@\[-^`{-~\xa0-\xbf\u2010-\u2027\u2030-\u205e\u3001-\u303f\uff01-\uff0f\uff1a-\uff20"
_SINGLE = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Kana and ideographs, which stand without spaces: each is a word."""
_WORD = rf"[^{_STOPS}{_SINGLE}]+"
WORDS = re.compile(rf"[{_SINGLE}]|{_WORD}(?:['’]{_WORD}|(?<=\d)[.,](?=\d){_WORD})*|\S")
CODE = re.compile(r"\w+|[ \t]+|[^\w\s]")
_LINES = re.compile(r".*\n|.+")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})([^\n`]*)\n(.*?)(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
NOISE = 3
"""So many equal words between two differences are part of one, where they are no longer than either and no sentence of
their own."""
_END = re.compile(r"[.!?:…][\"'”’»)\]]*\s|[。！？]")
"""What ends a sentence, beside the end of a line or a cell."""
_STOP_SIGNS = frozenset(".!?…。！？")


@dataclass(frozen=True)
class Answer:
    """``content`` is the Markdown it was written in, ``plain`` what of it is shown."""

    content: str
    plain: str


class Operation(NamedTuple):
    """Items ``a0`` to ``a1`` of one side are ``b0`` to ``b1`` of the other."""

    tag: Tag
    a0: int
    a1: int
    b0: int
    b1: int


class Span(NamedTuple):
    """A place in an answer that the other one does not have; ``replaced``: it has something else there."""

    start: int
    end: int
    replaced: bool


class Part(NamedTuple):
    start: int
    end: int
    code: bool


def only_here(answers: Sequence[Answer]) -> list[list[Mark]]:
    """For each answer what none of the others has."""
    missing = _missing(answers)
    return [
        [(span.start, span.end, "added") for span in _in_all([found for other, found in row.items() if other != own])]
        for own, row in enumerate(missing)
    ]


def against(answers: Sequence[Answer], reference: int) -> list[list[Mark]]:
    """For each answer what the ``reference`` does not have, or has otherwise; for the reference what none of the others
    has."""
    marks: list[list[Mark]] = [[] for _ in answers]
    lost: list[list[Span]] = []
    for number, answer in enumerate(answers):
        if number != reference:
            here, there = difference(answer, answers[reference])
            marks[number] = [(start, end, "changed" if replaced else "added") for start, end, replaced in here]
            lost.append(there)
    marks[reference] = [(start, end, "removed") for start, end, _ in _in_all(lost)]
    return marks


def difference(one: Answer, other: Answer) -> tuple[list[Span], list[Span]]:
    """What ``one`` has that ``other`` does not, and the other way round, each in its order."""
    if one.plain == other.plain:
        return [], []
    whole = json_differences.compare(one.plain, other.plain)
    if whole is not None:
        return [Span(*span) for span in whole[0]], [Span(*span) for span in whole[1]]
    here: list[Span] = []
    there: list[Span] = []
    parts, others = _parts(one), _parts(other)
    codes, other_codes = ([part for part in of if part.code] for of in (parts, others))
    _add(here, there, _words(one, [p for p in parts if not p.code], other, [p for p in others if not p.code]))
    for left, right in zip(codes, other_codes, strict=False):
        _add(here, there, _code(one.plain, left, other.plain, right))
    here += [Span(part.start, part.end, False) for part in codes[len(other_codes) :]]
    there += [Span(part.start, part.end, False) for part in other_codes[len(codes) :]]
    return _tidy(here, one.plain), _tidy(there, other.plain)


def operations(one: Sequence[str], other: Sequence[str]) -> list[Operation]:
    """How to make ``other`` out of ``one``: the operations cover both from beginning to end."""
    from rapidfuzz.distance import LCSseq

    known: dict[str, str] = {}
    left, right = ("".join(known.setdefault(item, chr(len(known))) for item in side) for side in (one, other))
    return _joined(Operation(*op) for op in LCSseq.opcodes(left, right).as_list())


# ---------------------------------------------------------------- parts of an answer


def _parts(answer: Answer) -> list[Part]:
    """Code blocks and the text between them, in the shown text."""
    parts: list[Part] = []
    at = 0
    for fence in _FENCE.finditer(answer.content):
        code = fence[3].rstrip("\n")
        start = answer.plain.find(code, at) if code.strip() else -1
        if start >= 0:
            parts += [Part(at, start, False), Part(start, start + len(code), True)]
            at = start + len(code)
    parts.append(Part(at, len(answer.plain), False))
    return [part for part in parts if part.end > part.start]


def _words(one: Answer, parts: Sequence[Part], other: Answer, others: Sequence[Part]) -> tuple[list[Span], list[Span]]:
    left = [word for part in parts for word in WORDS.finditer(one.plain, part.start, part.end)]
    right = [word for part in others for word in WORDS.finditer(other.plain, part.start, part.end)]
    return _spans(left, right, sentences=True)


def _code(one: str, part: Part, other: str, other_part: Part) -> tuple[list[Span], list[Span]]:
    found = json_differences.compare(one[part.start : part.end], other[other_part.start : other_part.end])
    if found is not None:
        sides = ((found[0], part.start), (found[1], other_part.start))
        here, there = ([Span(a + by, b + by, replaced) for a, b, replaced in side] for side, by in sides)
        return here, there
    left = list(_LINES.finditer(one, part.start, part.end))
    right = list(_LINES.finditer(other, other_part.start, other_part.end))
    texts = ([line[0].rstrip("\n") for line in side] for side in (left, right))
    here, there = [], []
    for tag, a0, a1, b0, b1 in operations(*texts):
        if tag == "equal":
            continue
        for line, theirs in zip(left[a0:a1], right[b0:b1], strict=False):
            words, their_words = (list(CODE.finditer(side[0].rstrip("\n"))) for side in (line, theirs))
            mine, others = _spans(words, their_words)
            here += [Span(a + line.start(), b + line.start(), replaced) for a, b, replaced in mine]
            there += [Span(a + theirs.start(), b + theirs.start(), replaced) for a, b, replaced in others]
        pairs = min(a1 - a0, b1 - b0)
        here += [Span(line.start(), line.end(), False) for line in left[a0 + pairs : a1]]
        there += [Span(line.start(), line.end(), False) for line in right[b0 + pairs : b1]]
    return here, there


def _spans(
    one: Sequence[re.Match[str]], other: Sequence[re.Match[str]], *, sentences: bool = False
) -> tuple[list[Span], list[Span]]:
    found = operations([word[0] for word in one], [word[0] for word in other])
    found = _without_noise(found, lambda op: sum(word[0][0].isalnum() for word in one[op.a0 : op.a1]))
    if sentences:
        found = _with_sentences(found, one, other)
    here, there = [], []
    for tag, a0, a1, b0, b1 in found:
        if tag != "equal":
            here += [Span(word.start(), word.end(), tag == "replace") for word in one[a0:a1]]
            there += [Span(word.start(), word.end(), tag == "replace") for word in other[b0:b1]]
    return here, there


# ---------------------------------------------------------------- operations


def _joined(found: Iterable[Operation]) -> list[Operation]:
    """Neighbouring differences as one."""
    joined: list[Operation] = []
    for op in found:
        last = joined[-1] if joined else None
        if last is None or (last.tag == "equal") != (op.tag == "equal"):
            joined.append(op)
            continue
        a0, b0 = last.a0, last.b0
        tag: Tag = "equal"
        if op.tag != "equal":
            tag = "insert" if op.a1 == a0 else "delete" if op.b1 == b0 else "replace"
        joined[-1] = Operation(tag, a0, op.a1, b0, op.b1)
    return joined


def _without_noise(found: list[Operation], weight: Callable[[Operation], int]) -> list[Operation]:
    """A few equal words in the middle of a difference are chance: they belong to it."""
    for _ in range(len(found)):
        kept = [
            op._replace(tag="replace") if 0 < at < len(found) - 1 and _noise(op, found, at, weight) else op
            for at, op in enumerate(found)
        ]
        if kept == found:
            break
        found = _joined(kept)
    return found


def _noise(op: Operation, found: Sequence[Operation], at: int, weight: Callable[[Operation], int]) -> bool:
    if op.tag != "equal" or op.a1 - op.a0 > 3 * NOISE:
        return False
    before, after = (max(near.a1 - near.a0, near.b1 - near.b0) for near in (found[at - 1], found[at + 1]))
    words = weight(op)
    return words <= NOISE and words < before and words < after


# ---------------------------------------------------------------- sentences


Words = Sequence[re.Match[str]]


def _with_sentences(found: Sequence[Operation], one: Words, other: Words) -> list[Operation]:
    """Whole sentences that both sides of a difference have are no part of it, however short they are."""
    split: list[Operation] = []
    for op in found:
        if op.tag != "replace" or min(op.a1 - op.a0, op.b1 - op.b0) == 1:
            split.append(op)
            continue
        mine, theirs = _sentences(one, op.a0, op.a1), _sentences(other, op.b0, op.b1)
        a, b = op.a0, op.b0
        for tag, i0, i1, j0, j1 in operations(_texts(one, mine), _texts(other, theirs)):
            for (a0, a1), (b0, b1) in zip(mine[i0:i1], theirs[j0:j1], strict=True) if tag == "equal" else ():
                split += [*_gap(one, a, a0, other, b, b0), Operation("equal", a0, a1, b0, b1)]
                a, b = a1, b1
        split += _gap(one, a, op.a1, other, b, op.b1)
    return _slid(_joined(op for op in split if op.a1 > op.a0 or op.b1 > op.b0), one, other)


def _slid(found: list[Operation], one: Words, other: Words) -> list[Operation]:
    """What only one side has ends with its own full stop: “. New” before a stop is “New.” after one."""
    slid = found[:1]
    for op in found[1:]:
        last = slid[-1]
        words, start, end = (one, last.a0, last.a1) if last.tag == "delete" else (other, last.b0, last.b1)
        if len(slid) > 1 and last.tag in ("insert", "delete") and words[start][0] == words[end][0] in _STOP_SIGNS:
            slid[-2] = slid[-2]._replace(a1=slid[-2].a1 + 1, b1=slid[-2].b1 + 1)
            slid[-1] = last._replace(a0=last.a0 + 1, a1=last.a1 + 1, b0=last.b0 + 1, b1=last.b1 + 1)
            op = op._replace(a0=op.a0 + 1, b0=op.b0 + 1)
        slid.append(op)
    return [op for op in slid if op.a1 > op.a0 or op.b1 > op.b0]


def _sentences(words: Words, start: int, end: int) -> list[tuple[int, int]]:
    """Whole sentences with letters between ``start`` and ``end``, each from its first to behind its last word."""
    found: list[tuple[int, int]] = []
    first = start
    while first and not words[first - 1][0][0].isalnum() and not _ends(words, first - 1):
        first -= 1
    last = end
    while last < len(words) and not words[last][0][0].isalnum() and not _ends(words, last - 1):
        last += 1
    whole, said = not first or _ends(words, first - 1), []
    for at in range(start, last):
        said += [at] if words[at][0][0].isalnum() else []
        if _ends(words, at):
            if whole and any(char.isalpha() for number in said for char in words[number][0]):
                found.append((said[0], said[-1] + 1))
            whole, said = True, []
    return found


def _ends(words: Words, at: int) -> bool:
    """Whether a sentence ends with the word or sign at this place."""
    word = words[at]
    gap = word.string[word.end() : words[at + 1].start()] if at + 1 < len(words) else "\n"
    return "\n" in gap or "\t" in gap or _END.match(word.string, word.start()) is not None


def _texts(words: Words, sentences: Iterable[tuple[int, int]]) -> list[str]:
    return [" ".join(word[0] for word in words[start:end]) for start, end in sentences]


def _gap(one: Words, a0: int, a1: int, other: Words, b0: int, b1: int) -> list[Operation]:
    """What stands between two sentences; signs that it begins or ends with on both sides are no difference."""

    def same(a: int, b: int) -> bool:
        return one[a][0] == other[b][0] and not one[a][0][0].isalnum()

    most = min(a1 - a0, b1 - b0)
    before = next((at for at in range(most) if not same(a0 + at, b0 + at)), most)
    after = next((at for at in range(most - before) if not same(a1 - 1 - at, b1 - 1 - at)), most - before)
    a2, a3, b2, b3 = a0 + before, a1 - after, b0 + before, b1 - after
    tag: Tag = "insert" if a3 == a2 else "delete" if b3 == b2 else "replace"
    return [
        Operation("equal", a0, a2, b0, b2),
        Operation(tag, a2, a3, b2, b3),
        Operation("equal", a3, a1, b3, b1),
    ]


# ---------------------------------------------------------------- spans


def _add(here: list[Span], there: list[Span], found: tuple[list[Span], list[Span]]) -> None:
    here += found[0]
    there += found[1]


def _tidy(spans: Iterable[Span], text: str) -> list[Span]:
    """In their order, without the ends of lines; those with only spaces between them, on one line and of one kind, are
    one."""
    tidy: list[Span] = []
    for start, end, replaced in sorted(spans):
        span = Span(start, start + len(text[start:end].rstrip("\n")), replaced)
        if span.end == span.start:
            continue
        last = tidy[-1] if tidy else None
        between = text[last.end : span.start] if last is not None else ""
        if last is not None and last.replaced == span.replaced and not between.strip() and "\n" not in between:
            tidy[-1] = last._replace(end=max(last.end, span.end))
        else:
            tidy.append(span)
    return tidy


def _missing(answers: Sequence[Answer]) -> list[dict[int, list[Span]]]:
    """For each answer, by the number of the other, what that one does not have."""
    found: list[dict[int, list[Span]]] = [{} for _ in answers]
    for one, answer in enumerate(answers):
        for other in range(one + 1, len(answers)):
            found[one][other], found[other][one] = difference(answer, answers[other])
    return found


def _in_all(lists: Sequence[Sequence[Span]]) -> list[Span]:
    """What is in every one of the ``lists``."""
    if not lists:
        return []
    common = list(lists[0])
    for spans in lists[1:]:
        met, at = [], 0
        for span in common:
            while at < len(spans) and spans[at].end <= span.start:
                at += 1
            ahead = at
            while ahead < len(spans) and spans[ahead].start < span.end:
                start, end = max(span.start, spans[ahead].start), min(span.end, spans[ahead].end)
                met.append(Span(start, end, span.replaced and spans[ahead].replaced))
                ahead += 1
        common = met
    return common
