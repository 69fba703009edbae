"""For tests of a page in the window that a module has to itself: fixtures by ``pytest.fixture``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Scene = Any


def opens_anew(chat_scene: Scene) -> Iterator[Scene]:
    """Every test opens its page anew."""
    yield chat_scene
    chat_scene.window.show_page("chat")


def home_of(scene: Scene) -> Path:
    """The folder that the window and its host have their files in."""
    return Path(os.environ["PADDOCK_HOME"])
