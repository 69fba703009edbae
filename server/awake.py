"""Keeps the computer from sleeping while there is work. The screen may go dark."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

logger = logging.getLogger(__name__)

LOOK_S = 5.0
"""Work that is seen in two looks keeps the computer awake; what is shorter does not need it."""
BUS_S = 5.0
REASON = "A download, an answer or a job is running"


class Awake:
    """Lives on the host's loop; everything that speaks with the system does so on one thread of its own, as its
    libraries want it.

    Args:
        working: Whether there is work now.
        wanted: Whether the user wants the computer kept awake for it.
        hold: Keeps the system awake until the stack is closed, and returns what does it; empty where nothing can.
    """

    def __init__(
        self,
        *,
        working: Callable[[], bool],
        wanted: Callable[[], bool],
        hold: Callable[[ExitStack], str] | None = None,
        look_s: float = LOOK_S,
    ) -> None:
        self._working = working
        self._wanted = wanted
        self._hold = hold or hold_system
        self._look_s = look_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="awake")
        self._stack = ExitStack()
        self._looking: asyncio.Task[None] | None = None
        self._told = False
        self.held_by = ""
        """What keeps the computer awake now; empty while nothing does."""

    def start(self) -> None:
        """Look now and then, until :meth:`close`."""
        self._looking = asyncio.get_running_loop().create_task(self._look())

    async def close(self) -> None:
        """Let the computer sleep again. Raises nothing."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        await self._end()
        self._thread.shutdown(wait=False)

    async def _look(self) -> None:
        before = held = False
        while True:
            await asyncio.sleep(self._look_s)
            due = self._wanted() and self._working()
            if due and before and not held:
                held = True
                await self._begin()
            elif not due and held:
                held = False
                await self._end()
            before = due

    async def _begin(self) -> None:
        by = await self._off_loop(lambda: self._hold(self._stack))
        self.held_by = by or ""
        if by:
            logger.info("the computer is kept awake (%s)", by)
        elif not self._told:
            self._told = True
            logger.warning("nothing on this computer keeps it from sleeping while work runs")

    async def _end(self) -> None:
        if self.held_by:
            logger.info("the computer may sleep again")
        self.held_by = ""
        await self._off_loop(self._stack.close)

    async def _off_loop(self, work: Callable[[], str | None]) -> str | None:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except Exception:  # desktops differ, and none of their moods may stop the work that is kept going
            logger.exception("keeping the computer awake failed")
            return None


def hold_system(stack: ExitStack) -> str:
    """Keep this computer awake until ``stack`` is closed: by the desktop, macOS or Windows (wakepy), else by logind.
    What does it; empty where nothing can. Blocks."""
    return _by_desktop(stack) or (_by_logind(stack) if sys.platform == "linux" else "")


def _by_desktop(stack: ExitStack) -> str:
    from wakepy import keep

    mode = stack.enter_context(keep.running(on_fail="pass"))
    return mode.method.name if mode.active and mode.method is not None else ""


def _by_logind(stack: ExitStack) -> str:
    """systemd's inhibitor lock (systemd.io/INHIBITOR_LOCKS): held as long as its file descriptor is open."""
    from jeepney import DBusAddress, MessageType, new_method_call
    from jeepney.io.blocking import open_dbus_connection

    name = "org.freedesktop.login1"
    manager = DBusAddress("/org/freedesktop/login1", bus_name=name, interface=f"{name}.Manager")
    call = new_method_call(manager, "Inhibit", "ssss", ("sleep:idle", "Paddock", REASON, "block"))
    try:
        with open_dbus_connection("SYSTEM", enable_fds=True) as connection:
            answer = connection.send_and_get_reply(call, timeout=BUS_S)
    except (OSError, TimeoutError) as error:
        logger.debug("no logind: %s", error)
        return ""
    if answer.header.message_type is MessageType.error or not answer.body:
        return ""
    stack.callback(os.close, answer.body[0].to_raw_fd())
    return name
