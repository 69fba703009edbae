"""As a new user would, from a name to an answer: search, see that it fits, download, pause, quit, come back, resume,
load and chat; once with the mouse and once with the keyboard alone. The model is the starter under another name, on a
hub of about 300 others.

Pictures go to ``$PADDOCK_SHOTS`` where it is set.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from desktop_session import APP, Person, desktop_session, running, screen_reader, window_of, xdotool
from module_files import load_file

from paddock.resources import FOLDER
from paddock.sdk.client import Client
from paddock.sdk.downloads import Download
from paddock.sdk.errors import HostUnavailable

pytestmark = [pytest.mark.desktop, pytest.mark.timeout(480)]

REPO = "paddock-tests/Pocket-Mustang-5M-GGUF"
QUANT = "Q8_0"
SLOW = 10_000
"""Bytes per second of one connection until the download has been paused and gone on with."""
QUESTION = "What is the capital of France?"


@pytest.fixture
def hub() -> Iterator[Any]:
    """The catalogue, and in it one model whose file is a real one."""
    made = load_file("hub_catalogue.py")
    with made.local_hub().LocalHub() as served:
        known = made.Catalogue(served)
        starter = next((FOLDER / "starter").glob("*.gguf"))
        family = made.Family("paddock-tests", "Pocket-Mustang-{}", "5M", "mit", "llama", 2048, made.TOOLS)
        name = f"Pocket-Mustang-5M-{QUANT}.gguf"
        repo = served.add(REPO, {name: starter.read_bytes()})
        facts = {"gguf": {"total": 4_737_792, "architecture": "llama", "context_length": 2048}}
        entry = made._entry(family, REPO, {"README.md": 0, name: starter.stat().st_size}, False, ["gguf"], facts)
        entry.facts["sha"] = repo.revision
        known.entries[REPO] = entry
        yield served


@contextmanager
def person(folder: Path, hub: Any, *, scale: int, theme: str) -> Iterator[tuple[Person, dict[str, str]]]:
    """Someone at a desktop of their own, on which nothing was started yet."""
    with desktop_session(folder, f"{1440 if scale == 1 else 1920}x{900 if scale == 1 else 1200}") as desktop:
        settings = Path(desktop["PADDOCK_HOME"]) / "settings.toml"
        settings.write_text(f'welcomed = true\ntheme = "{theme}"\n')
        desktop |= {
            "HF_ENDPOINT": hub.url,
            "HOME": str(folder),
            "NO_PROXY": "127.0.0.1,localhost",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "QT_SCALE_FACTOR": str(scale),
        }
        for name in ("HF_TOKEN", "HF_HUB_OFFLINE"):
            desktop.pop(name, None)
        with screen_reader(desktop) as environment:
            somebody = Person(environment, folder, scale)
            try:
                yield somebody, environment
            finally:
                somebody.close()


@contextmanager
def window(environment: dict[str, str], told: Path) -> Iterator[subprocess.Popen[str]]:
    """The program, in front; what it says on its error channel is added to the file ``told``."""
    with told.open("a") as errors, running(APP, environment, stderr=errors) as app:
        window_of(environment)
        try:
            yield app
        except AssertionError:
            state = f"ended with {app.poll()}" if app.poll() is not None else "runs"
            print(f"The program {state}. It said:\n{told.read_text()}")  # noqa: T201  for the report of the failure
            raise


def left(app: subprocess.Popen[str], told: Path) -> None:
    """The window has gone without a complaint."""
    assert app.wait(60) == 0
    assert "Traceback" not in told.read_text()


def downloads(home: Path) -> list[Download]:
    try:
        with Client.connect(home, start=False) as client:
            return client.downloads()
    except HostUnavailable:
        return []


def wait_for(user: Person, home: Path, state: str) -> None:
    """Until the download is in that state; ``running`` means that some of it has come."""

    def reached() -> bool:
        return any(each.state == state and (state != "running" or each.done_bytes > 0) for each in downloads(home))

    user.wait(reached, f"A download that is {state}")


def answered(home: Path) -> bool:
    with Client.connect(home, start=False) as client:
        chats = [client.chat(summary.id) for summary in client.chats()]
    answers = [chat.messages[-1] for chat in chats if len(chat.messages) == 2]
    return any(answer.state == "done" and "Paris" in answer.content and answer.model == REPO for answer in answers)


def test_by_mouse(tmp_path: Path, hub: Any) -> None:
    with person(tmp_path, hub, scale=1, theme="light") as (user, environment):
        home, told = Path(environment["PADDOCK_HOME"]), tmp_path / "errors.txt"
        with window(environment, told) as app:
            user.click("^Discover$", "radio button")
            user.click("Name, author, or address", "text")
            user.type("mustang")
            user.click("Mustang.*fits", "list item")
            user.see(f"^{QUANT}.*fits")
            user.photograph("mouse-1-fits")
            hub.faults.rate = SLOW
            user.click(f"^Download {QUANT}, 5.2 MB")
            wait_for(user, home, "running")
            user.photograph("mouse-2-downloading")
            user.click("^Pause", "push button")
            wait_for(user, home, "paused")
            user.click("^Resume", "push button")
            wait_for(user, home, "running")
            xdotool(environment, "key", "alt+F4")  # what the cross in the title bar does
            user.see("A download is under way")
            user.photograph("mouse-3-quit")
            user.click("^Pause and quit", "push button")
            left(app, told)
        with window(environment, told) as app:
            hub.faults.rate = 0
            user.click("^Downloads", "push button")
            user.click("^Resume", "push button")
            wait_for(user, home, "done")
            user.click("^Load", "push button")
            user.see("Simulated by the engine")
            user.photograph("mouse-4-load")
            user.click("^Load$", "push button")
            user.wait(lambda: loaded(home), "The load")
            user.click("^Chat$", "radio button")
            user.click("^Message", "text")
            user.type(QUESTION)
            user.click("^Send", "push button")
            user.wait(lambda: answered(home), "The answer")
            user.see("Paris", "list item")
            user.photograph("mouse-5-answer")
            user.press("ctrl+q")
            left(app, told)


def test_by_keyboard_alone_at_200_per_cent(tmp_path: Path, hub: Any) -> None:
    with person(tmp_path, hub, scale=2, theme="dark") as (user, environment):
        home, told = Path(environment["PADDOCK_HOME"]), tmp_path / "errors.txt"
        with window(environment, told) as app:
            user.press("ctrl+2")
            user.focus_on("Name, author, or address")
            user.type("mustang")
            user.press("Return")
            user.see("Mustang.*fits", "list item")
            user.press("Down", "Return")
            user.see(f"^{QUANT}.*fits")
            user.photograph("keyboard-1-fits")
            hub.faults.rate = SLOW
            user.focus_on(f"^Download {QUANT}, 5.2 MB")
            user.press("space")
            wait_for(user, home, "running")
            user.photograph("keyboard-2-downloading")
            user.focus_on("^Pause")
            user.press("space")
            wait_for(user, home, "paused")
            user.focus_on("^Resume")
            user.press("space")
            wait_for(user, home, "running")
            user.press("ctrl+q")
            user.see("A download is under way")
            user.photograph("keyboard-3-quit")
            user.focus_on("^Pause and quit")
            user.press("space")
            left(app, told)
        with window(environment, told) as app:
            hub.faults.rate = 0
            user.press("ctrl+j")
            user.focus_on("^Resume")
            user.press("space")
            wait_for(user, home, "done")
            user.focus_on("^Load")
            user.press("space")
            user.see("Simulated by the engine")
            user.photograph("keyboard-4-load")
            user.focus_on("^Load$")
            user.press("space")
            user.wait(lambda: loaded(home), "The load")
            user.wait(lambda: not user.look("Simulated by the engine"), "The end of the dialog")
            user.press("ctrl+1")
            user.focus_on("^Message")
            user.type(QUESTION)
            user.press("Return")
            user.wait(lambda: answered(home), "The answer")
            user.see("Paris", "list item")
            user.photograph("keyboard-5-answer")
            user.press("ctrl+q")
            left(app, told)


def loaded(home: Path) -> bool:
    with Client.connect(home, start=False) as client:
        return any(item.model == REPO and item.state == "ready" for item in client.loaded())
