"""Conversations as Markdown. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from paddock.sdk.pictures import Picture
from paddock.server.chat_transcript import Entry, Row, Transcript, picture_words, pictures_note

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$")
_BETWEEN = "\n\n---\n\n"


Address = Callable[[Picture], str]
"""Where the file of a picture lies, seen from the document; empty where it has none."""


def markdown(transcripts: Iterable[Transcript], address: Address, *, side_by_side: bool) -> Iterator[str]:
    """The pieces of one document; its pictures are where ``address`` says."""
    page = _Page(address, side_by_side)
    for number, transcript in enumerate(transcripts):
        if number:
            yield _BETWEEN
        yield "\n\n".join(page.document(transcript)) + "\n"


class _Page:
    def __init__(self, address: Address, side_by_side: bool) -> None:
        self._address, self._beside = address, side_by_side

    def document(self, transcript: Transcript) -> Iterator[str]:
        yield f"# {_line(transcript.title)}"
        if transcript.about:
            yield "\n".join(f"- {_line(name)}: {_line(value)}" for name, value in transcript.about)
        if transcript.system:
            yield "## System prompt"
            yield closed(transcript.system)
        for row in transcript.rows:
            yield from self._row(row, transcript.columns)

    def _row(self, row: Row, columns: tuple[str, ...]) -> Iterator[str]:
        if row.question is not None:
            yield from self._entry(row.question, 2)
        for entry in row.common:
            yield from self._entry(entry, 2)
        if not self._beside:
            for answers in row.answers:
                for entry in answers:
                    yield from self._entry(entry, 3)
        elif row.answers:
            # blank lines around the text make it Markdown inside the cells, too
            yield "<table>\n<tr>" + "".join(f"<th>{_escaped(name)}</th>" for name in columns) + "</tr>\n<tr>"
            for answers in row.answers:
                yield '<td valign="top">'
                for number, entry in enumerate(answers):
                    yield from self._entry(entry, 0 if number == 0 else 4)
                yield "</td>"
            yield "</tr>\n</table>"

    def _entry(self, entry: Entry, level: int) -> Iterator[str]:
        """``level`` 0: without a heading."""
        if level:
            version = _version(entry)
            yield f"{'#' * level} {_line(entry.who)}{f' ({version})' if version else ''}"
        if entry.reasoning:
            yield f"<details><summary>{entry.reasoning_head}</summary>"
            yield closed(entry.reasoning)
            yield "</details>"
        yield from self._pictures(entry.pictures)
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
                yield from self._entry(each, 4)
            yield "</details>"

    def _pictures(self, pictures: tuple[Picture, ...]) -> Iterator[str]:
        found = [(picture_words(number, picture), self._address(picture)) for number, picture in enumerate(pictures, 1)]
        if all(address for _, address in found):
            yield from (f"![{words}]({address})" for words, address in found)
        else:
            yield f"*{pictures_note(pictures)}*"


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
