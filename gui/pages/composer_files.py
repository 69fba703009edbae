"""Files that are put into a message: pictures beside it, texts read and written as fenced blocks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from paddock.gui.pages.composer_pictures import SUFFIXES, Shown, shown_of
from paddock.sdk.errors import BadRequest
from paddock.sdk.pictures import LARGEST_BYTES
from paddock.sdk.units import bytes_text

LARGEST = 256 * 1024
"""Bytes of all files that go into one message together."""
MOST = 20
SENTENCE = 48
"""Characters of a name in a sentence."""


@dataclass(frozen=True)
class Texts:
    """What was read: fenced blocks one below the other, and sentences about what was left out."""

    text: str
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Given:
    """What was read of files: ``text`` as of :class:`Texts`, pictures, and sentences about what was left out."""

    text: str = ""
    pictures: tuple[Shown, ...] = ()
    problems: tuple[str, ...] = ()


def read_files(paths: Sequence[str]) -> Given:
    """Pictures by their endings, all else as texts. Waits for the disk: no job for the GUI thread. Raises nothing."""
    pictures: list[Shown] = []
    problems: list[str] = []
    others = [path for path in paths if not path.lower().endswith(SUFFIXES)]
    for path in [Path(path) for path in paths if path not in others][:MOST]:
        try:
            with path.open("rb") as file:
                pictures.append(shown_of(file.read(LARGEST_BYTES + 1)))
        except OSError as error:
            problems.append(f"{_name(path)} could not be read: {error.strerror or error}.")
        except BadRequest as error:
            problems.append(f"{_name(path)}: {error.sentence()}")
    texts = read_texts(others)
    return Given(texts.text, tuple(pictures), (*problems, *texts.problems))


def read_texts(paths: Sequence[str]) -> Texts:
    """The files' texts. Waits for the disk: no job for the GUI thread. Raises nothing."""
    blocks: list[str] = []
    problems: list[str] = []
    room = LARGEST
    for path in map(Path, paths[:MOST]):
        try:
            if path.is_dir():
                problems.append(f"{_name(path)} is a folder. Drop its files.")
                continue
            size = path.stat().st_size
            if size > room:
                problems.append(
                    f"{_name(path)} is too long for a message ({bytes_text(size)}, {bytes_text(room)} left)."
                )
                continue
            data = path.read_bytes()[:room]
            text = data.decode("utf-8-sig")
        except OSError as error:
            problems.append(f"{_name(path)} could not be read: {error.strerror or error}.")
            continue
        except UnicodeDecodeError:
            text = "\0"
        if "\0" in text:
            problems.append(f"{_name(path)} is no text file.")
            continue
        room -= len(data)
        blocks.append(fenced(path.name, text))
    if len(paths) > MOST:
        problems.append(f"A message takes {MOST} files at once; {len(paths) - MOST} were left out.")
    return Texts("\n\n".join(blocks), tuple(problems))


def _name(path: Path) -> str:
    """The file's name as far as it has room in a sentence, with its ending."""
    name = path.name
    return name if len(name) <= SENTENCE else f"{name[: SENTENCE - 13]}…{name[-12:]}"


def fenced(name: str, text: str) -> str:
    """``text`` as a block of code under the name of its file, in a fence that nothing in it closes."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    language = re.sub(r"[^\w+-]", "", Path(name).suffix[1:])
    return f"`{name.replace('`', '')}`\n{fence}{language}\n{text.rstrip()}\n{fence}"
