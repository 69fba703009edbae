"""Commands that sentences and hints name exist, with their flags."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from paddock.sdk.cli.app import build

ROOT = Path(__file__).parents[3]
ROOMS = ("backends", "browser", "gui", "sdk", "server")
NAMED = re.compile(r"(?:“|: )paddock ([a-z][^”\n]*)")
"""In quotation marks, or at the end of a sentence."""


def sentences(tree: ast.AST) -> Iterator[str]:
    """All texts of a module; what is filled in stands as X."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)


def missing(command: Any, words: list[str]) -> str:
    """What of ``words`` there is not; empty where all is there."""
    for at, word in enumerate(words):
        if hasattr(command, "commands"):
            if word not in command.commands:
                return word
            command = command.commands[word]
        elif word.startswith("-"):
            flags = [flag for param in command.params for flag in (*param.opts, *param.secondary_opts)]
            if word.split("=")[0] not in flags:
                return f"{word} of {words[:at]}"
    return ""


def test_every_command_that_is_named_exists() -> None:
    paddock = typer.main.get_command(build())
    named = {
        (path.relative_to(ROOT).as_posix(), found[1])
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if re.search("(“|: )paddock", source := path.read_text("utf-8"))
        for text in sentences(ast.parse(source))
        for found in NAMED.finditer(text)
        if not re.match(r"(FILE|hf\.co)", found[1])
    }
    assert len(named) > 40
    wrong = {(place, text): lacks for place, text in named if (lacks := missing(paddock, text.split()))}
    assert wrong == {}
