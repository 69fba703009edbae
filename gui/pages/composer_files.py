"""Text files that are put into a message: read, and written as fenced blocks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from paddock.sdk.units import bytes_text

LARGEST = 256 * 1024
"""Bytes of all files that go into one message together."""
MOST = 20


@dataclass(frozen=True)
class Texts:
    """What was read: fenced blocks one below the other, and sentences about what was left out."""

    text: str
    problems: tuple[str, ...] = ()


def read_texts(paths: Sequence[str]) -> Texts:
    """The files' texts. Waits for the disk: no job for the GUI thread. Raises nothing."""
    blocks: list[str] = []
    problems: list[str] = []
    room = LARGEST
    for path in map(Path, paths[:MOST]):
        try:
            if path.is_dir():
                problems.append(f"{path.name} is a folder. Drop its files.")
                continue
            size = path.stat().st_size
            if size > room:
                problems.append(f"{path.name} is too long for a message ({bytes_text(size)}, {bytes_text(room)} left).")
                continue
            data = path.read_bytes()[:room]
            text = data.decode("utf-8-sig")
        except OSError as error:
            problems.append(f"{path.name} could not be read: {error.strerror or error}.")
            continue
        except UnicodeDecodeError:
            text = "\0"
        if "\0" in text:
            problems.append(f"{path.name} is no text file.")
            continue
        room -= len(data)
        blocks.append(fenced(path.name, text))
    if len(paths) > MOST:
        problems.append(f"A message takes {MOST} files at once; {len(paths) - MOST} were left out.")
    return Texts("\n\n".join(blocks), tuple(problems))


def fenced(name: str, text: str) -> str:
    """``text`` as a block of code under the name of its file, in a fence that nothing in it closes."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    language = re.sub(r"[^\w+-]", "", Path(name).suffix[1:])
    return f"`{name.replace('`', '')}`\n{fence}{language}\n{text.rstrip()}\n{fence}"
