"""What the command writes: answers and lists to standard output, everything about them to standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

import msgspec
from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from paddock.sdk.errors import PaddockError

_CONTROL = {code: None for code in (*range(0x20), 0x7F, *range(0x80, 0xA0)) if chr(code) not in "\n\t"}
_WIDE = 10_000


def printable(text: str) -> str:
    """``text`` without control characters: what a model writes must not steer the terminal."""
    return text.translate(_CONTROL)


def _escaped(character: str) -> str:
    """A character of a JSON text for a stream that is not UTF-8."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _console(stream: TextIO) -> Console:
    # a pipe has no width: a table there must not be cut to 80 columns
    width = None if stream.isatty() else _WIDE
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False, soft_wrap=not stream.isatty())


def _nowhere() -> TextIO:
    """For a standard stream that the caller has closed."""
    return open(os.devnull, "w", encoding="utf-8")  # it lives as long as the command


class Terminal:
    """Standard output and error, with colours where they are terminals."""

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self._out = out or sys.stdout or _nowhere()
        self._err = err or sys.stderr or _nowhere()
        self.out = _console(self._out)
        self.err = _console(self._err)

    @property
    def watched(self) -> bool:
        """Somebody looks at standard error: progress may move there."""
        return self.err.is_terminal

    def text(self, text: str) -> None:
        """A piece of an answer, at once."""
        self._out.write(printable(text) if self.out.is_terminal else text)
        self._out.flush()

    def aside(self, text: str, *, end: str = "\n") -> None:
        """Something about the answer, in the background colour, on standard error."""
        self.out.file.flush()
        self.err.print(Text(printable(text), style="dim"), end=end, soft_wrap=True)
        self._err.flush()

    def note(self, text: str, *, style: str = "") -> None:
        """A line on standard error."""
        self.out.file.flush()
        self.err.print(Text(text, style=style), soft_wrap=True)

    def line(self, text: str) -> None:
        """A line on standard output."""
        self.text(text + "\n")

    def json(self, value: Any, *, pretty: bool = True) -> None:
        """``value`` as JSON; on one line unless ``pretty``."""
        encoded = msgspec.json.encode(value)
        text = (msgspec.json.format(encoded, indent=2) if pretty else encoded).decode()
        if (self._out.encoding or "utf-8").lower().replace("-", "") != "utf8":
            text = "".join(character if character < "\x80" else _escaped(character) for character in text)
        self._out.write(text + "\n")
        self._out.flush()

    def fail(self, error: PaddockError) -> None:
        """An error, with what to do about it on lines of its own."""
        self.out.file.flush()
        message = Text("error: ", style="bold red")
        message.append(printable(error.message), style="not bold default")
        self.err.print(message, soft_wrap=True)
        if error.hint:
            self.err.print(Text(printable(error.hint), style="dim"), soft_wrap=True)

    def status(self, text: str) -> Status:
        """A moving line on standard error, shown between ``start`` and ``stop``; only where :attr:`watched`."""
        return self.err.status(Text(text), spinner="dots", spinner_style="dim")

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str | Text]], *, right: Iterable[int] = ()) -> None:
        """A plain table; the columns numbered in ``right`` are set to the right."""
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
        aligned = set(right)
        for number, column in enumerate(columns):
            table.add_column(column, justify="right" if number in aligned else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text(printable(cell)) if isinstance(cell, str) else cell for cell in row))
        self.out.print(table)
