"""Answers, prompts and loads of the echo engine that go on when a test says so, not when some time has passed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

COUNT = "one two three four five six seven eight nine ten "
ENDLESS: dict[str, Any] = {"text": COUNT * 2000, "tokens_per_second": 20, "context_length": 99_999}
"""A script whose words go on coming until it is stopped: 20 a second for 1,000 s."""


class Gate:
    """A model ``id`` of the echo engine that goes no further than it is told to; shut at first.

    ``hold`` are the fields of :class:`paddock.backends.echo.script.Hold` but ``until``; ``script`` the other fields.
    """

    def __init__(self, models: Path, name: str = "held", hold: dict[str, Any] | None = None, **script: Any) -> None:
        self.id = f"test/{name}"
        self._file = models.parent / f"{name}.go"
        held = {"after_tokens": 3, **(hold or {}), "until": str(self._file)}
        folder = models / "test" / name
        folder.mkdir(parents=True, exist_ok=True)
        script = {"text": "one two three four five six", "hold": held, **script}
        (folder / f"{name}.echo.json").write_text(json.dumps(script))

    def open(self) -> None:
        """What is held goes on within 20 ms, and nothing is held until :meth:`shut`."""
        self._file.touch()

    def shut(self) -> None:
        self._file.unlink(missing_ok=True)
