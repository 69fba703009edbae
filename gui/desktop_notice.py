"""Notices of the desktop itself, for what ends while the window is behind. Lives on the bridge's thread.

On Linux they go by D-Bus (the desktop notifications specification, org.freedesktop.Notifications). Where there is no
such service nothing is shown, and the notice in the window is enough.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping

WAIT_S = 600.0
"""So long the answer to a notice is waited for; many desktops never say that one was closed."""
_NAME = "org.freedesktop.Notifications"
_PATH = "/org/freedesktop/Notifications"


async def show(title: str, body: str, actions: Mapping[str, str]) -> AsyncGenerator[str, None]:
    """Show a notice; yields the key of the action that was chosen, ``default`` for a click on the notice itself.

    ``actions`` maps keys to words. Ends when the notice is closed. Raises OSError and ValueError without a session bus.
    """
    import asyncio

    from jeepney import DBusAddress, HeaderFields, MatchRule, message_bus, new_method_call
    from jeepney.io.asyncio import Proxy, open_dbus_router

    if not os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return
    service = DBusAddress(_PATH, bus_name=_NAME, interface=_NAME)
    rule = MatchRule(type="signal", interface=_NAME, path=_PATH)
    flat = [text for pair in {"default": "Open", **actions}.items() for text in pair]
    hints = {"desktop-entry": ("s", "paddock"), "urgency": ("y", 1)}
    asked = ("Paddock", 0, "paddock", title, body, flat, hints, -1)
    async with open_dbus_router() as router:
        with router.filter(rule, bufsize=16) as signals:
            await Proxy(message_bus, router).AddMatch(rule)
            answer = await router.send_and_get_reply(new_method_call(service, "Notify", "susssasa{sv}i", asked))
            if not answer.body or not isinstance(answer.body[0], int):
                return  # there is a bus, but nobody who shows notices
            number = answer.body[0]
            try:
                async with asyncio.timeout(WAIT_S):
                    while True:
                        told = await signals.get()
                        if not told.body or told.body[0] != number:
                            continue
                        match told.header.fields.get(HeaderFields.member):
                            case "ActionInvoked":
                                yield told.body[1]
                                return
                            case "NotificationClosed":
                                return
            except TimeoutError:
                return
