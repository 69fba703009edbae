"""The computer is kept awake while there is work, and not longer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack

import pytest

from paddock.server.awake import Awake

LOOK_S = 0.01
WAIT_S = 60.0


class System:
    """Something that can be held awake; what happened to it, in order."""

    def __init__(self, name: str = "a test") -> None:
        self.name = name
        self.happened: asyncio.Queue[str] = asyncio.Queue()
        self.working = False
        self.wanted = True
        self._loop = asyncio.get_running_loop()

    def hold(self, stack: ExitStack) -> str:
        self._tell("held" if self.name else "asked in vain")
        stack.callback(self._tell, "let go")
        return self.name

    def _tell(self, what: str) -> None:
        self._loop.call_soon_threadsafe(self.happened.put_nowait, what)

    async def next(self) -> str:
        return await asyncio.wait_for(self.happened.get(), WAIT_S)


@contextlib.asynccontextmanager
async def kept(system: System) -> AsyncIterator[Awake]:
    awake = Awake(working=lambda: system.working, wanted=lambda: system.wanted, hold=system.hold, look_s=LOOK_S)
    awake.start()
    yield awake
    await awake.close()


@pytest.mark.anyio
async def test_it_is_held_while_there_is_work_and_let_go_after_it():
    system = System()
    async with kept(system):
        system.working = True
        assert await system.next() == "held"
        system.working = False
        assert await system.next() == "let go"
        system.working = True
        assert await system.next() == "held"
        system.wanted = False
        assert await system.next() == "let go", "the setting holds at once"


@pytest.mark.anyio
async def test_the_end_of_the_host_lets_go():
    system = System()
    async with kept(system) as awake:
        system.working = True
        assert await system.next() == "held"
        assert awake.held_by in ("", "a test")  # told a moment after it is held
    assert await system.next() == "let go"
    assert awake.held_by == ""


@pytest.mark.anyio
async def test_work_that_is_over_at_the_second_look_holds_nothing():
    system = System()
    looks = 0

    def working() -> bool:
        nonlocal looks
        looks += 1
        if looks == 4:
            system._tell("fourth look")
        return looks == 2

    awake = Awake(working=working, wanted=lambda: True, hold=system.hold, look_s=LOOK_S)
    awake.start()
    assert await system.next() == "fourth look"
    await awake.close()
    assert system.happened.empty()


@pytest.mark.anyio
async def test_where_nothing_can_hold_it_the_log_says_so_once(caplog: pytest.LogCaptureFixture):
    system = System(name="")
    with caplog.at_level(logging.WARNING):
        async with kept(system):
            for _ in range(2):
                system.working = True
                assert await system.next() == "asked in vain"
                system.working = False
                assert await system.next() == "let go"
    assert [record.message for record in caplog.records] == [
        "nothing on this computer keeps it from sleeping while work runs"
    ]


@pytest.mark.anyio
async def test_a_desktop_that_misbehaves_does_no_harm():
    system = System()

    def hold(stack: ExitStack) -> str:
        system.hold(stack)
        raise RuntimeError("a desktop's mood")

    awake = Awake(working=lambda: system.working, wanted=lambda: True, hold=hold, look_s=LOOK_S)
    awake.start()
    system.working = True
    assert await system.next() == "held"
    system.working = False
    assert await system.next() == "let go"
    await awake.close()


def test_its_libraries_are_not_loaded_before_there_is_work():
    code = "import paddock.server.awake, sys; print({'wakepy', 'jeepney'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
