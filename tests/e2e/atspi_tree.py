"""Run by the system's Python, which has the AT-SPI bindings: prints the accessible tree of one application as JSON.

    /usr/bin/python3 atspi_tree.py APPLICATION SECONDS [WORD]

Waits until the application is there and, when WORD is given, until a node's name contains it. Each node is
{"role", "name", "focusable", "showing", "path"}.
"""

import json
import sys
import threading
import time

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402  the version is chosen before


def nodes(item, path=""):
    try:
        states = item.get_state_set()
        yield {
            "role": item.get_role_name(),
            "name": item.get_name(),
            "focusable": states.contains(Atspi.StateType.FOCUSABLE),
            "showing": states.contains(Atspi.StateType.SHOWING),
            "path": path,
        }
        for number in range(item.get_child_count()):
            child = item.get_child_at_index(number)
            if child is not None:
                yield from nodes(child, f"{path}/{item.get_role_name()}")
    except GLib.Error:
        return  # it went away while it was read


def application(name):
    desktop = Atspi.get_desktop(0)
    for number in range(desktop.get_child_count()):
        found = desktop.get_child_at_index(number)
        if found is not None and found.get_name() == name:
            return found
    return None


def main():
    name, seconds = sys.argv[1], float(sys.argv[2])
    word = sys.argv[3] if len(sys.argv) > 3 else ""
    end = time.monotonic() + seconds
    pause = threading.Event()
    found = []
    while time.monotonic() < end:
        app = application(name)
        found = list(nodes(app)) if app is not None else []
        if len(found) > 3 and any(word in node["name"] for node in found):
            break
        pause.wait(0.3)
        while GLib.MainContext.default().iteration(False):
            pass
    print(json.dumps(found))  # noqa: T201  the command's output


main()
