"""Prompts as people keep them: JSON lines, tables with a heading, or a line each."""

from __future__ import annotations

import codecs
import csv
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import msgspec

from paddock.sdk.compare import BatchPrompt, Check, CheckKind, PromptFormat, PromptSet, PromptsText
from paddock.sdk.errors import BadRequest, NotFound
from paddock.sdk.pictures import LARGEST_BYTES, Picture, picture_of
from paddock.sdk.types import Message, Request, Role
from paddock.server.batch_checks import validate
from paddock.server.chat_files import absolute

MOST_BYTES = 32 * 2**20
MOST_PROMPTS = 20_000
_MOST_IMAGES = 20
"""Of one prompt: they are in memory together."""
_KINDS: tuple[CheckKind, ...] = get_args(CheckKind)
_COLUMNS = ("prompt", "name", "tags", *_KINDS)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class _Turn(Request, frozen=True, kw_only=True):
    role: Role
    content: str


class _Check(Request, frozen=True, kw_only=True):
    """A schema may be written as an object."""

    kind: CheckKind
    value: str | dict[str, Any]
    model: str = ""
    name: str = ""


class _Line(Request, frozen=True, kw_only=True):
    prompt: str = ""
    messages: tuple[_Turn, ...] = ()
    images: tuple[str, ...] = ()
    name: str = ""
    tags: tuple[str, ...] = ()
    checks: tuple[_Check, ...] = ()


def read_prompts(request: PromptsText) -> PromptSet:
    """The prompts of a text or of a file; reads the disk. Raises BadRequest that names the line, NotFound."""
    path = absolute(request.path) if request.path else None
    text = _read(path) if path is not None else request.text.removeprefix("\ufeff")
    if not text.strip():
        raise BadRequest("There are no prompts: it is empty.", hint="Write a prompt to a line, or JSON lines.")
    kind = request.format or _format_of(text, request.path)
    found = _jsonl(text, path.parent if path is not None else None) if kind == "jsonl" else _READERS[kind](text)
    prompts = tuple(_bounded(found))
    if not prompts:
        raise BadRequest("There are no prompts below the heading.", hint="Write one to a line.")
    return PromptSet(name=request.name or (Path(request.path).stem if request.path else ""), prompts=prompts)


def check_prompts(prompts: Sequence[BatchPrompt]) -> None:
    """Raises BadRequest for what cannot be asked or checked, with the number of the prompt."""
    if not prompts:
        raise BadRequest("There are no prompts.", hint="Choose a file, or write some.")
    if len(prompts) > MOST_PROMPTS:
        raise _too_many()
    for number, prompt in enumerate(prompts, 1):
        _check_prompt(prompt, f"Prompt {number}")


def read_pictures(paths: Sequence[str]) -> tuple[Picture, ...]:
    """The pictures of a prompt; reads the disk. Raises BadRequest that names the file."""
    return tuple(_picture(Path(path)) for path in paths)


def _picture(path: Path) -> Picture:
    try:
        if not path.is_absolute() or not path.is_file():  # a pipe might never end
            raise BadRequest(f"There is no file {path}.", hint="Give the path from the file of prompts, or the whole.")
        with path.open("rb") as file:
            return picture_of(file.read(LARGEST_BYTES + 1))
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error.strerror}.", hint="Check its permissions.") from None
    except BadRequest as error:
        if str(path) in error.message:
            raise
        raise BadRequest(f"{path.name}: {error.message}", hint=error.hint) from None


def _check_prompt(prompt: BatchPrompt, where: str) -> None:
    asked = bool(prompt.prompt.strip()) or (bool(prompt.images) and not prompt.messages)
    if asked == bool(prompt.messages):
        what = "has both “prompt” and “messages”" if prompt.messages else "has nothing to ask"
        raise BadRequest(f"{where} {what}.", hint="Give one of “prompt” and “messages”.")
    if len(prompt.images) > _MOST_IMAGES:
        raise BadRequest(f"{where} has {len(prompt.images):,} pictures.", hint=f"Show {_MOST_IMAGES} at most.")
    if prompt.messages and prompt.messages[-1].role != "user":
        raise BadRequest(f"{where}: the messages end without a question.", hint="The last one must be the user's.")
    try:
        read_pictures(prompt.images)
        for check in prompt.checks:
            validate(check)
    except BadRequest as error:
        raise BadRequest(f"{where}: {error.message}", hint=error.hint) from None


# ---------------------------------------------------------------- the file


def _read(path: Path) -> str:
    if path.is_fifo() or path.is_char_device():  # they might never end
        raise BadRequest(f"{path} is no file.", hint="Name a file, or give the prompts as text.")
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise NotFound(f"There is no file {path}.", hint="Check its name.") from None
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error.strerror}.", hint="Check its permissions.") from None
    if len(data) > MOST_BYTES:
        raise BadRequest(
            f"{path.name} is larger than {MOST_BYTES // 2**20} MB.", hint="Divide it into several files of prompts."
        )
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadRequest(
            f"{path.name} is not {encoding.upper()}: line {line} breaks it.", hint="Save it as UTF-8."
        ) from None


def _format_of(text: str, path: str) -> PromptFormat:
    first = text.lstrip().split("\n", 1)[0]
    if first.startswith(("{", '"')) or Path(path).suffix.lower() in (".jsonl", ".ndjson"):
        return "csv" if first.startswith('"') and not _is_json(first) else "jsonl"
    if Path(path).suffix.lower() in (".csv", ".tsv"):
        return "csv"
    try:
        heading = next(csv.reader([first], dialect=_dialect(first)), [])
    except csv.Error:  # as of a first line that is too long for a heading
        return "lines"
    return "csv" if "prompt" in _names(heading) and len(heading) > 1 else "lines"


def _is_json(line: str) -> bool:
    try:
        msgspec.json.decode(line)
    except msgspec.DecodeError:
        return False
    return True


def _bounded(prompts: Iterator[BatchPrompt]) -> Iterator[BatchPrompt]:
    for number, prompt in enumerate(prompts):
        if number >= MOST_PROMPTS:
            raise _too_many()
        yield prompt


def _too_many() -> BadRequest:
    return BadRequest(f"There are more than {MOST_PROMPTS:,} prompts.", hint="Run them as several batches.")


# ---------------------------------------------------------------- JSON lines and plain lines


def _jsonl(text: str, folder: Path | None) -> Iterator[BatchPrompt]:
    """``folder``: where paths of pictures begin that are not whole."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield _json_line(line.strip(), f"Line {number}", folder)


def _json_line(line: str, where: str, folder: Path | None) -> BatchPrompt:
    try:
        read = msgspec.json.decode(line, type=_Line | str)
    except msgspec.ValidationError as error:
        text = str(error).replace("`", "“", 1).replace("`", "”", 1).replace("`", "")
        hint = f"A line has {_list(_Line.__struct_fields__)}; a check has {_list(_Check.__struct_fields__)}."
        raise BadRequest(f"{where} cannot be used: {text[:1].lower()}{text[1:]}.", hint=hint) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(
            f"{where} is no JSON: {error}.", hint='Each line is one whole JSON object, as in {"prompt": "…"}.'
        ) from None
    if isinstance(read, str):
        read = _Line(prompt=read)
    prompt = BatchPrompt(
        prompt=read.prompt,
        messages=tuple(Message(role=turn.role, content=turn.content) for turn in read.messages),
        images=tuple(_whole(path, folder, where) for path in read.images),
        name=read.name,
        tags=read.tags,
        checks=tuple(_check(check) for check in read.checks),
    )
    _check_prompt(prompt, where)
    return prompt


def _whole(path: str, folder: Path | None, where: str) -> str:
    given = Path(os.path.expanduser(path))
    if given.is_absolute() or folder is not None:
        return str((folder or given) / given)
    raise BadRequest(
        f"{where}: it is not known where “{path}” lies.", hint="Give the whole path, or write the prompts to a file."
    )


def _check(check: _Check) -> Check:
    value = check.value if isinstance(check.value, str) else msgspec.json.encode(check.value).decode()
    return Check(kind=check.kind, value=value, model=check.model, name=check.name)


def _lines(text: str) -> Iterator[BatchPrompt]:
    return (BatchPrompt(prompt=line.strip()) for line in text.splitlines() if line.strip())


# ---------------------------------------------------------------- tables


def _csv(text: str) -> Iterator[BatchPrompt]:
    rows = csv.reader(io.StringIO(text, newline=""), dialect=_dialect(text.split("\n", 1)[0]), strict=True)
    try:
        heading = _names(next(rows))
        _check_heading(heading)
        for cells in rows:
            if any(cell.strip() for cell in cells):
                yield _row(heading, cells, f"Line {rows.line_num}")
    except csv.Error as error:
        raise BadRequest(f"Line {rows.line_num} cannot be read: {error}.", hint="Check the quotes around it.") from None


def _dialect(heading: str) -> type[csv.Dialect]:
    class Table(csv.excel):
        delimiter = max(",;\t", key=heading.count)

    return Table


def _names(heading: Sequence[str]) -> list[str]:
    return [name.strip().lower() for name in heading]


def _check_heading(heading: Sequence[str]) -> None:
    hint = f"The columns are {_list(_COLUMNS)}."
    if "prompt" not in heading:
        raise BadRequest("Line 1 has no column “prompt”.", hint=hint)
    for name in heading:
        if name not in _COLUMNS:
            raise BadRequest(f"Line 1 has a column “{name}” that is not known.", hint=hint)


def _row(heading: Sequence[str], cells: Sequence[str], where: str) -> BatchPrompt:
    if len(cells) > len(heading):
        raise BadRequest(
            f"{where} has {len(cells)} cells, the heading {len(heading)}.", hint="Put quotes around text with commas."
        )
    named = list(zip(heading, cells, strict=False))
    given = {name: cell for name, cell in named if name not in _KINDS}
    checks = tuple(Check(kind=kind, value=cell) for name, cell in named for kind in _KINDS if name == kind and cell)
    prompt = BatchPrompt(
        prompt=given.get("prompt", ""),
        name=given.get("name", ""),
        tags=tuple(tag.strip() for tag in given.get("tags", "").replace(";", ",").split(",") if tag.strip()),
        checks=checks,
    )
    _check_prompt(prompt, where)
    return prompt


def _list(names: Sequence[str]) -> str:
    return ", ".join(f"“{name}”" for name in names)


_READERS = {"csv": _csv, "lines": _lines}
