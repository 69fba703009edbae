"""Models of the echo engine; answers, prompts and loads that go on when a test says so, not after some time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

COUNT = "one two three four five six seven eight nine ten "
ENDLESS: dict[str, Any] = {"text": COUNT * 2000, "tokens_per_second": 20, "context_length": 99_999}
"""A script whose words go on coming until it is stopped: 20 a second for 1,000 s."""


def write_model(models: Path, name: str, script: dict[str, Any]) -> str:
    """Put a scripted model into the folder ``models``; its id."""
    folder = models / "test" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.echo.json").write_text(json.dumps(script))
    return f"test/{name}"


class Gate:
    """A model ``id`` of the echo engine that goes no further than it is told to; shut at first.

    ``hold`` are the fields of :class:`paddock.backends.echo.script.Hold` but ``until``; ``script`` the other fields.
    """

    def __init__(self, models: Path, name: str = "held", hold: dict[str, Any] | None = None, **script: Any) -> None:
        self._file = models.parent / f"{name}.go"
        held = {"after_tokens": 3, **(hold or {}), "until": str(self._file)}
        self.id = write_model(models, name, {"text": "one two three four five six", "hold": held, **script})

    def open(self) -> None:
        """What is held goes on within 20 ms, and nothing is held until :meth:`shut`."""
        self._file.touch()

    def shut(self) -> None:
        self._file.unlink(missing_ok=True)
