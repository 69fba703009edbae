"""Reads the tables of questions and answers in `text/`.

An entry is one or more lines that begin with `? `, then the answer; entries are separated by blank lines.
A line that is a single dot stands for a blank line in the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).with_name("text")


@dataclass(frozen=True)
class Entry:
    """Phrasings of a question, each with alternatives in square brackets, and their one answer."""

    questions: tuple[str, ...]
    answer: str


def read_entries(name: str) -> tuple[Entry, ...]:
    """The entries of `text/<name>.txt`."""
    text = (_FOLDER / f"{name}.txt").read_text("utf-8")
    blocks = ([line for line in block.splitlines() if not line.startswith("# ")] for block in text.split("\n\n"))
    entries = []
    for lines in filter(None, blocks):
        questions = tuple(line.removeprefix("? ") for line in lines if line.startswith("? "))
        answer = "\n".join("" if line == "." else line for line in lines if not line.startswith("? "))
        entries.append(Entry(questions, answer))
    return tuple(entries)
