"""One window on one real host for all tests of a module, with the echo engine's models and helpers to use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from held_answers import ENDLESS
from own_home import own_home

SICK: dict[str, dict[str, Any]] = {
    "crash": {"text": "one two three four five six seven eight", "die": {"signal": "SIGSEGV", "after_tokens": 3}},
    "deaf": {"text": "never", "hang": "generate"},
    "stubborn": {"fail_load": {"code": "out_of_memory", "message": "Too big.", "hint": "Take a smaller one."}},
}
MODELS: dict[str, dict[str, Any]] = {
    "fast": {"text": "The **capital** of France is Paris.", "tokens_per_second": 400},
    "slow": ENDLESS,
    **SICK,
}


@contextmanager
def stage(home: Path, make_scene: Callable[[], Any]) -> Iterator[Any]:
    """What ``make_scene`` makes, a Scene of the conftest, open until all tests have run; each puts its own
    ``qtbot`` into it."""
    (home / "settings.toml").write_text("welcomed = true\nmodel_titles = false\n")
    with own_home(home, MODELS):
        scene = make_scene()
        try:
            yield scene
        finally:
            scene.window._quitting = True
            scene.close()
