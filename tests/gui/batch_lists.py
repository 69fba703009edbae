"""Lists of prompts in the window of a module's tests: opened, found, and forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from paddock.gui.pages.batch_dialog import BatchDialog

Scene = Any


@contextmanager
def forgotten(scene: Scene) -> Iterator[Scene]:
    """Afterwards the host has no batches any more."""
    yield scene
    for batch in scene.ask(lambda client: client.batches()):
        scene.ask(lambda client, id=batch.id: client.delete_batch(id))


def lists(scene: Scene) -> list[BatchDialog]:
    """Those that are shown."""
    return [item for item in scene.window.findChildren(BatchDialog) if item.isVisible()]


def open_list(scene: Scene) -> BatchDialog:
    """By its command; the only one that is shown then."""
    next(action.run for action in scene.window.commands.all() if action.title == "Compare a list of prompts")()
    (shown,) = lists(scene)
    return shown
