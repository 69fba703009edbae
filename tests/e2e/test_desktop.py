"""A person at a desktop: Xvfb, a window manager, real keys, and a real screen reader's client.

Screenshots go to ``$PADDOCK_SHOTS`` where it is set.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from paddock.sdk.client import Client
from paddock.sdk.errors import HostUnavailable
from paddock.sdk.types import Chat

pytestmark = [pytest.mark.desktop, pytest.mark.timeout(180)]

PACKAGES = {"Xvfb": "xvfb", "openbox": "openbox", "xdotool": "xdotool"}
READER = {"dbus-daemon": "dbus", "/usr/libexec/at-spi-bus-launcher": "at-spi2-core"}
QUESTION = "What is the capital of France?"
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
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def desktop(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of an empty desktop with a window manager and a data folder of its own."""
    need(PACKAGES)
    foreign = ("WAYLAND_DISPLAY", "QT_SCALE_FACTOR", "QT_QPA_PLATFORMTHEME")
    environment = {name: value for name, value in os.environ.items() if name not in foreign}
    screen = ["Xvfb", "-displayfd", "1", "-screen", "0", "1440x900x24", "-nolisten", "tcp"]
    quiet = {"stderr": subprocess.DEVNULL}
    with running(screen, environment, stdout=subprocess.PIPE, **quiet) as server:
        assert server.stdout is not None
        environment |= {
            "DISPLAY": f":{server.stdout.readline().strip()}",
            "QT_QPA_PLATFORM": "xcb",
            "PADDOCK_HOME": str(tmp_path / "home"),
            "XDG_CONFIG_HOME": str(tmp_path / "config"),
        }
        with running(["openbox"], environment, stdout=subprocess.DEVNULL, **quiet):
            yield environment
        end_host(tmp_path / "home")


def end_host(home: Path) -> None:
    try:
        with Client.connect(home, start=False) as client:
            client.shutdown("now")
    except HostUnavailable:
        pass


def xdotool(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        ["xdotool", *arguments], env=environment, capture_output=True, text=True, timeout=60, check=True
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
    subprocess.run([sys.executable, "-c", script, str(path)], env=environment, check=True, timeout=60)
    return path


def colours(path: Path) -> int:
    from PySide6.QtGui import QImage

    image = QImage(str(path))
    return len({image.pixel(x, y) for x in range(0, image.width(), 3) for y in range(0, image.height(), 3)})


def answered(home: Path) -> Chat | None:
    """The first conversation once its answer is complete."""
    try:
        with Client.connect(home, start=False) as client:
            for summary in client.chats():
                chat = client.chat(summary.id)
                if len(chat.messages) == 2 and chat.messages[-1].state == "done":
                    return chat
    except HostUnavailable:
        pass
    return None


def test_a_person_types_a_question_and_sees_the_answer(desktop: dict[str, str], tmp_path: Path) -> None:
    home = Path(desktop["PADDOCK_HOME"])
    with running(APP, desktop, stderr=subprocess.PIPE) as app:
        window_of(desktop)
        photograph(desktop, "window-start", tmp_path)
        xdotool(desktop, "type", "--delay", "15", QUESTION)
        xdotool(desktop, "key", "Return")
        eventually(lambda: answered(home), 60, "The answer")
        chat = answered(home)
        assert chat is not None
        assert chat.messages[0].content == QUESTION
        assert "Paris" in chat.messages[1].content
        before = colours(photograph(desktop, "window-answer", tmp_path))
        assert before > 20
        second = subprocess.run(APP, env=desktop, timeout=60, check=False)
        assert second.returncode == 0, "the second start asks the first window to come forward and leaves"
        assert app.poll() is None
        xdotool(desktop, "key", "ctrl+q")
        assert app.wait(20) == 0
        assert app.stderr is not None
        assert "Traceback" not in app.stderr.read()
    assert json.loads((home / "window.json").read_text())["chat"] == chat.summary.id


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


def tree(environment: dict[str, str], word: str = "") -> list[dict[str, object]]:
    client = ["/usr/bin/python3", str(Path(__file__).with_name("atspi_tree.py")), "Paddock", "30", word]
    done = subprocess.run(client, env=environment, capture_output=True, text=True, timeout=90, check=True)
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def test_a_screen_reader_finds_names_and_reads_the_answer(desktop: dict[str, str]) -> None:
    home = Path(desktop["PADDOCK_HOME"])
    with screen_reader(desktop) as environment, running(APP, environment):
        window_of(environment)
        xdotool(environment, "type", "--delay", "15", QUESTION)
        xdotool(environment, "key", "Return")
        eventually(lambda: answered(home), 60, "The answer")
        found = tree(environment, "Paris")
        items = [node["name"] for node in found if node["role"] == "list item"]
        assert any(QUESTION in str(name) for name in items)
        assert any("Paris" in str(name) for name in items)
        takes_focus = [node for node in found if node["focusable"] and node["showing"]]
        assert len(takes_focus) > 10
        assert [node for node in takes_focus if not node["name"] or node["role"] in ("filler", "unknown")] == []
        for key in ("ctrl+2", "ctrl+3"):
            xdotool(environment, "key", key)
            title = {"ctrl+2": "API server on", "ctrl+3": "Theme"}[key]
            page = [node for node in tree(environment, title) if node["focusable"] and node["showing"]]
            assert [node for node in page if not node["name"] or node["role"] in ("filler", "unknown")] == []
