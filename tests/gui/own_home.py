"""A data folder for the tests of the window, and how they ask its host."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from held_answers import write_model
from pytestqt.qtbot import QtBot

T = TypeVar("T")


class HostUser:
    """Has a ``host`` (a :class:`~paddock.gui.host_state.HostState`), and the ``qtbot`` of the current test."""

    host: Any
    qtbot: QtBot

    def until(self, done: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(done)

    def ready(self, model: str) -> bool:
        """Whether the window has heard that ``model`` is loaded; the host itself may know it earlier."""
        known = self.host.loaded_model(model)
        return known is not None and known.state == "ready"

    def ask(self, job: Callable[[Any], Awaitable[T]]) -> T:
        got: list[T] = []
        bad: list[BaseException] = []
        self.host.call(job, got.append, bad.append)
        self.until(lambda: bool(got or bad))
        if bad:
            raise bad[0]
        return got[0]


@contextmanager
def own_home(home: Path, models: Mapping[str, Any]) -> Iterator[None]:
    """Programs use the folder ``home`` with these scripted models; its host ends with the block."""
    for name, script in models.items():
        write_model(home / "models", name, script)
    before = os.environ.get("PADDOCK_HOME")
    os.environ["PADDOCK_HOME"] = str(home)
    try:
        yield
    finally:
        asyncio.run(_end_host(home))
        del os.environ["PADDOCK_HOME"]
        if before is not None:
            os.environ["PADDOCK_HOME"] = before


async def _end_host(home: Path) -> None:
    from paddock.sdk.aclient import AsyncClient
    from paddock.sdk.errors import HostUnavailable

    try:
        async with await AsyncClient.connect(home, start=False) as client:
            await client.shutdown("now")
    except HostUnavailable:
        pass
