"""A desktop of its own for a test: Xvfb, a window manager, real keys and a real mouse, and what a screen reader sees.

Pictures go to ``$PADDOCK_SHOTS`` where it is set.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from paddock.sdk.client import Client
from paddock.sdk.errors import HostUnavailable

PACKAGES = {"Xvfb": "xvfb", "openbox": "openbox", "xdotool": "xdotool"}
READER = {"dbus-daemon": "dbus", "/usr/libexec/at-spi-bus-launcher": "at-spi2-core"}
APP = [sys.executable, "-m", "paddock.sdk.cli.main"]


def need(programs: dict[str, str]) -> None:
    missing = sorted(package for program, package in programs.items() if shutil.which(program) is None)
    if missing:
        sentence = f"The desktop test needs {', '.join(missing)}: apt-get install {' '.join(missing)}"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)


def eventually(done: Callable[[], object], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    pause = threading.Event()
    while not done():
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        pause.wait(0.1)


@contextmanager
def running(command: list[str], environment: dict[str, str], **options: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, env=environment, text=True, start_new_session=True, **options)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(30)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


@contextmanager
def desktop_session(folder: Path, screen: str = "1440x900") -> Iterator[dict[str, str]]:
    """The environment of an empty desktop with a window manager and a data folder of its own, whose first screen was
    seen."""
    need(PACKAGES)
    foreign = ("WAYLAND_DISPLAY", "QT_SCALE_FACTOR", "QT_QPA_PLATFORMTHEME")
    environment = {name: value for name, value in os.environ.items() if name not in foreign}
    server_command = ["Xvfb", "-displayfd", "1", "-screen", "0", f"{screen}x24", "-nolisten", "tcp"]
    quiet = {"stderr": subprocess.DEVNULL}
    home = folder / "home"
    home.mkdir()
    (home / "settings.toml").write_text("welcomed = true\n")
    with running(server_command, environment, stdout=subprocess.PIPE, **quiet) as server:
        assert server.stdout is not None
        environment |= {
            "DISPLAY": f":{server.stdout.readline().strip()}",
            "QT_QPA_PLATFORM": "xcb",
            "PADDOCK_HOME": str(home),
            "XDG_CONFIG_HOME": str(folder / "config"),
        }
        with running(["openbox"], environment, stdout=subprocess.DEVNULL, **quiet):
            yield environment
        end_host(home)


def end_host(home: Path) -> None:
    try:
        with Client.connect(home, start=False) as client:
            client.shutdown("now")
    except HostUnavailable:
        pass


def xdotool(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        ["xdotool", *arguments], env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout.strip()


def window_of(environment: dict[str, str]) -> str:
    """The id of the window, in front and with the keyboard."""
    number = xdotool(environment, "search", "--sync", "--onlyvisible", "--name", "^Paddock$").splitlines()[-1]
    xdotool(environment, "windowactivate", "--sync", number)
    return number


def photograph(environment: dict[str, str], name: str, folder: Path) -> Path:
    """The whole screen, as a person sees it."""
    path = Path(os.environ.get("PADDOCK_SHOTS", folder)) / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    script = (
        "import sys; from PySide6.QtWidgets import QApplication; app = QApplication([]);"
        "sys.exit(0 if app.primaryScreen().grabWindow(0).save(sys.argv[1]) else 1)"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], env=environment, check=True, timeout=120)
    return path


@contextmanager
def screen_reader(environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """A session bus with the accessibility bus on it."""
    need(READER)
    probe = subprocess.run(
        ["/usr/bin/python3", "-c", "import gi; gi.require_version('Atspi', '2.0')"], capture_output=True, check=False
    )
    if probe.returncode:
        need({"the AT-SPI bindings of the system's Python": "python3-gi gir1.2-atspi-2.0"})
    bus = ["dbus-daemon", "--session", "--nofork", "--print-address=1"]
    with running(bus, environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as daemon:
        assert daemon.stdout is not None
        with_bus = environment | {
            "DBUS_SESSION_BUS_ADDRESS": daemon.stdout.readline().strip(),
            "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1",
        }
        launcher = ["/usr/libexec/at-spi-bus-launcher", "--launch-immediately"]
        with running(launcher, with_bus, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            yield with_bus


class Person:
    """Looks at the window as a screen reader does, and uses mouse and keys. ``environment`` is a screen reader's;
    ``scale`` the factor of the screen: what a screen reader is told are logical pixels."""

    def __init__(self, environment: dict[str, str], folder: Path, scale: int = 1) -> None:
        self._environment = environment
        self._scale = scale
        self._folder = folder
        self._eyes = subprocess.Popen(
            ["/usr/bin/python3", str(Path(__file__).with_name("atspi_eyes.py")), "Paddock"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        self._eyes.kill()
        self._eyes.communicate()

    def look(self, name: str, role: str = "") -> list[dict[str, Any]]:
        """What shows whose name has ``name`` (a regular expression) in it, in the order of the tree; all without."""
        assert self._eyes.stdin is not None
        assert self._eyes.stdout is not None
        self._eyes.stdin.write(json.dumps([name, role]) + "\n")
        self._eyes.stdin.flush()
        found: list[dict[str, Any]] = json.loads(self._eyes.stdout.readline())
        return found

    def see(self, name: str, role: str = "", seconds: float = 90) -> dict[str, Any]:
        """Wait until something like that shows and can be used; the first of it."""
        found: list[dict[str, Any]] = []

        def there() -> bool:
            found[:] = [node for node in self.look(name, role) if node["enabled"]]
            return bool(found)

        try:
            eventually(there, seconds, f"{role or 'something'} called “{name}”")
        except AssertionError:
            self.photograph("not-there")
            shown = sorted({f"{node['role']}: {node['name']}" for node in self.look("", "") if node["name"]})
            raise AssertionError(
                f"There is no {role or 'thing'} called “{name}”; there are\n" + "\n".join(shown)
            ) from None
        return found[0]

    def wait(self, done: Callable[[], object], what: str, seconds: float = 90) -> None:
        """As :func:`eventually`, with a picture of what shows instead."""
        try:
            eventually(done, seconds, what)
        except AssertionError:
            self.photograph("not-there")
            raise

    def click(self, name: str, role: str = "", seconds: float = 90) -> None:
        """With the mouse, in the middle of it, once it stays where it is."""
        node = self.see(name, role, seconds)
        while (later := self.see(name, role, seconds)) != node:
            node = later
        self.point(node["x"] + node["width"] // 2, node["y"] + node["height"] // 2)

    def point(self, x: int, y: int) -> None:
        at = str(x * self._scale), str(y * self._scale)
        xdotool(self._environment, "mousemove", *at, "click", "1")

    def press(self, *keys: str) -> None:
        xdotool(self._environment, "key", "--delay", "60", *keys)

    def type(self, text: str) -> None:
        xdotool(self._environment, "type", "--delay", "15", text)

    def focus_on(self, name: str, key: str = "Tab", most: int = 60) -> None:
        """Go with ``key`` until what is called ``name`` has the keyboard."""
        for _ in range(most):
            if any(node["focused"] for node in self.look(name)):
                return
            self._move_on(key)
        raise AssertionError(f"“{name}” cannot be reached with {key}; the keyboard is at {self.focused()}")

    def _move_on(self, key: str) -> None:
        before = self._focus()
        self.press(key)
        with suppress(AssertionError):  # it may have been the last one
            eventually(lambda: self._focus() != before, 5, "The keyboard going on")

    def focused(self) -> list[str]:
        """Names of what has the keyboard."""
        return [node["name"] for node in self._focus()]

    def _focus(self) -> list[dict[str, Any]]:
        return [node for node in self.look("") if node["focused"]]

    def photograph(self, name: str) -> Path:
        return photograph(self._environment, name, self._folder)
