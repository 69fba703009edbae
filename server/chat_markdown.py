"""Conversations as Markdown. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from paddock.server.chat_transcript import Entry, Row, Transcript

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$")
_BETWEEN = "\n\n---\n\n"


def markdown(transcripts: Iterable[Transcript], *, side_by_side: bool) -> Iterator[str]:
    """The pieces of one document."""
    for number, transcript in enumerate(transcripts):
        if number:
            yield _BETWEEN
        yield "\n\n".join(_document(transcript, side_by_side)) + "\n"


def _document(transcript: Transcript, side_by_side: bool) -> Iterator[str]:
    yield f"# {_line(transcript.title)}"
    if transcript.about:
        yield "\n".join(f"- {_line(name)}: {_line(value)}" for name, value in transcript.about)
    if transcript.system:
        yield "## System prompt"
        yield closed(transcript.system)
    for row in transcript.rows:
        yield from _row(row, transcript.columns, side_by_side)


def _row(row: Row, columns: tuple[str, ...], side_by_side: bool) -> Iterator[str]:
    if row.question is not None:
        yield from _entry(row.question, 2)
    for entry in row.common:
        yield from _entry(entry, 2)
    if not side_by_side:
        for answers in row.answers:
            for entry in answers:
                yield from _entry(entry, 3)
    elif row.answers:
        # blank lines around the text make it Markdown inside the cells, too
        yield "<table>\n<tr>" + "".join(f"<th>{_escaped(name)}</th>" for name in columns) + "</tr>\n<tr>"
        for answers in row.answers:
            yield '<td valign="top">'
            for number, entry in enumerate(answers):
                yield from _entry(entry, 0 if number == 0 else 4)
            yield "</td>"
        yield "</tr>\n</table>"


def _entry(entry: Entry, level: int) -> Iterator[str]:
    """``level`` 0: without a heading."""
    if level:
        version = _version(entry)
        yield f"{'#' * level} {_line(entry.who)}{f' ({version})' if version else ''}"
    if entry.reasoning:
        yield f"<details><summary>{entry.reasoning_head}</summary>"
        yield closed(entry.reasoning)
        yield "</details>"
    if entry.text.strip():
        yield closed(entry.text.strip("\n"))
    for call in entry.calls:
        yield f"Calls `{_line(call.name)}`:"
        yield _code(call.arguments)
    if entry.note:
        yield f"*{_line(entry.note)}*"
    if entry.numbers:
        yield f"*{entry.numbers}*"
    for other in entry.others:
        yield f"<details><summary>Another version: {_escaped(_version(other[0]))}</summary>"
        for each in other:
            yield from _entry(each, 4)
        yield "</details>"


def _version(entry: Entry) -> str:
    message = entry.message
    return f"{message.version} of {message.versions}" if message is not None and message.versions > 1 else ""


def closed(text: str) -> str:
    """``text`` with an end to a code block that it leaves open, so that it does not swallow what follows."""
    fence = ""
    for line in text.splitlines():
        found = _FENCE.match(line)
        if found is None:
            continue
        marks, rest = found[1], found[2]
        if not fence:
            fence = marks if marks[0] == "~" or "`" not in rest else ""
        elif marks[0] == fence[0] and len(marks) >= len(fence) and not rest.strip():
            fence = ""
    return f"{text}\n{fence}" if fence else text


def _code(text: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}json\n{text}\n{fence}"


def _line(text: str) -> str:
    """Somebody's words in a line of ours, where they are no HTML."""
    return " ".join(text.split()).replace("<", "\\<")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
