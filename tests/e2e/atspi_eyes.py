"""Run by the system's Python, which has the AT-SPI bindings: looks at one application for as long as it is asked to.

    /usr/bin/python3 atspi_eyes.py APPLICATION

Each line of the input is a JSON list [NAME, ROLE]: a regular expression that a node's name has in it, and its role
(empty: any). The answer is one line, a JSON list of the nodes that show, in the order of the tree: {"role", "name",
"value", "enabled", "focused", "x", "y", "width", "height"} in pixels of the screen.
"""

import json
import re
import sys

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402  the version is chosen before


def nodes(item):
    """Those that show, without looking into what does not."""
    try:
        states = item.get_state_set()
        if not states.contains(Atspi.StateType.SHOWING):
            return
        yield item, states
        for number in range(item.get_child_count()):
            child = item.get_child_at_index(number)
            if child is not None:
                yield from nodes(child)
    except GLib.Error:
        return  # it went away while it was read


def seen(item, states):
    area = item.get_extents(Atspi.CoordType.SCREEN)
    return {
        "role": item.get_role_name(),
        "name": item.get_name(),
        "enabled": states.contains(Atspi.StateType.ENABLED),
        "focused": states.contains(Atspi.StateType.FOCUSED),
        "x": area.x,
        "y": area.y,
        "width": area.width,
        "height": area.height,
    }


class Focus:
    """Remembers the window of what has the keyboard: Qt does not list popups among those of the application."""

    def __init__(self):
        self.window = None
        self._listener = Atspi.EventListener.new(self._came)
        self._listener.register("object:state-changed:focused")

    def _came(self, event):
        if not event.detail1:
            return
        try:
            item = event.source
            while (above := item.get_parent()) is not None and above.get_role() != Atspi.Role.APPLICATION:
                item = above
            self.window = item
        except GLib.Error:
            self.window = None


def windows(application, focus):
    """What has the keyboard first, then the main window. The others are not asked for by their number: Qt 6.11 crashes
    when one of them has closed since they were counted."""
    desktop = Atspi.get_desktop(0)
    if focus.window is not None:
        yield focus.window
    for number in range(desktop.get_child_count()):
        app = desktop.get_child_at_index(number)
        if app is not None and app.get_name() == application and app.get_child_count():
            main = app.get_child_at_index(0)
            if main != focus.window:
                yield main


def look(application, focus, name, role):
    found = []
    for window in windows(application, focus):
        for item, states in nodes(window):
            if re.search(name, item.get_name() or "") and role in ("", item.get_role_name()):
                found.append(seen(item, states))
    return found


def main():
    focus = Focus()
    for line in sys.stdin:
        name, role = json.loads(line)
        while GLib.MainContext.default().iteration(False):
            pass
        try:
            found = look(sys.argv[1], focus, name, role)
        except GLib.Error:
            found = []  # the application is coming or going
        print(json.dumps(found), flush=True)  # noqa: T201  the answer


main()
