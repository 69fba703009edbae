"""One window on one real host for all tests of a module, with the echo engine's models and helpers to use it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from held_answers import ENDLESS
from host_end import end_host

MODELS: dict[str, dict[str, Any]] = {
    "fast": {"text": "The **capital** of France is Paris.", "tokens_per_second": 400},
    "slow": ENDLESS,
}


@contextmanager
def stage(home: Path, make_scene: Callable[[], Any]) -> Iterator[Any]:
    """What ``make_scene`` makes, a Scene of the conftest, open until all tests have run; each puts its own
    ``qtbot`` into it."""
    for name, script in MODELS.items():
        folder = home / "models" / "test" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.echo.json").write_text(json.dumps(script))
    (home / "settings.toml").write_text("welcomed = true\nmodel_titles = false\n")
    before = os.environ.get("PADDOCK_HOME")
    os.environ["PADDOCK_HOME"] = str(home)
    scene = make_scene()
    try:
        yield scene
    finally:
        scene.window._quitting = True
        scene.close()
        asyncio.run(end_host(home))
        os.environ.pop("PADDOCK_HOME")
        if before is not None:
            os.environ["PADDOCK_HOME"] = before
