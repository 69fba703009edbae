"""A person at a desktop: Xvfb, a window manager, real keys, and a real screen reader's client.

Screenshots go to ``$PADDOCK_SHOTS`` where it is set.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from desktop_session import (
    APP,
    Person,
    desktop_session,
    eventually,
    photograph,
    running,
    screen_reader,
    window_of,
    xdotool,
)

from paddock.gui.rail import PAGES
from paddock.sdk.client import Client
from paddock.sdk.errors import HostUnavailable
from paddock.sdk.types import Chat

pytestmark = [pytest.mark.desktop, pytest.mark.timeout(480)]

QUESTION = "What is the capital of France?"


@pytest.fixture
def desktop(tmp_path: Path) -> Iterator[dict[str, str]]:
    with desktop_session(tmp_path) as environment:
        yield environment


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
        eventually(lambda: answered(home), 120, "The answer")
        chat = answered(home)
        assert chat is not None
        assert chat.messages[0].content == QUESTION
        assert "Paris" in chat.messages[1].content
        before = colours(photograph(desktop, "window-answer", tmp_path))
        assert before > 20
        second = subprocess.run(APP, env=desktop, timeout=120, check=False)
        assert second.returncode == 0, "the second start asks the first window to come forward and leaves"
        assert app.poll() is None
        xdotool(desktop, "key", "ctrl+q")
        assert app.wait(60) == 0
        assert app.stderr is not None
        assert "Traceback" not in app.stderr.read()
    assert json.loads((home / "window.json").read_text())["chat"] == chat.summary.id


def tree(environment: dict[str, str], word: str = "") -> list[dict[str, object]]:
    client = ["/usr/bin/python3", str(Path(__file__).with_name("atspi_tree.py")), "Paddock", "60", word]
    done = subprocess.run(client, env=environment, capture_output=True, text=True, timeout=120, check=True)
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def test_a_screen_reader_finds_names_and_reads_the_answer(desktop: dict[str, str]) -> None:
    home = Path(desktop["PADDOCK_HOME"])
    with screen_reader(desktop) as environment, running(APP, environment):
        window_of(environment)
        xdotool(environment, "type", "--delay", "15", QUESTION)
        xdotool(environment, "key", "Return")
        eventually(lambda: answered(home), 120, "The answer")
        found = tree(environment, "Paris")
        items = [node["name"] for node in found if node["role"] == "list item"]
        assert any(QUESTION in str(name) for name in items)
        assert any("Paris" in str(name) for name in items)
        takes_focus = [node for node in found if node["focusable"] and node["showing"]]
        assert len(takes_focus) > 10
        assert [node for node in takes_focus if not node["name"] or node["role"] in ("filler", "unknown")] == []
        for name, title in (("server", "API server on"), ("settings", "Theme")):
            number = [page for page, _, _ in PAGES].index(name) + 1
            xdotool(environment, "key", f"ctrl+{number}")
            page = [node for node in tree(environment, title) if node["focusable"] and node["showing"]]
            assert [node for node in page if not node["name"] or node["role"] in ("filler", "unknown")] == []


def test_a_sampler_is_dragged_to_the_top(desktop: dict[str, str], tmp_path: Path) -> None:
    """With the mouse, by the window system's own drag, which Qt's offscreen platform does not have."""
    home = Path(desktop["PADDOCK_HOME"])

    def order() -> object:
        chat = answered(home)
        return chat.summary.sampling.get("samplers") if chat is not None else None

    with screen_reader(desktop) as environment, running(APP, environment):
        window_of(environment)
        user = Person(environment, tmp_path)
        try:
            user.type(QUESTION)
            user.press("Return")
            eventually(lambda: answered(home), 120, "The answer")
            user.click("^Sampler order$")
            user.see("^Top-k$", "list item")
            drag(user, environment, "^Min-p$", "^Top-k$")
            eventually(order, 60, "The new order")
        finally:
            user.close()
    names = order()
    assert isinstance(names, list)
    assert names.index("min_p") == names.index("top_k") - 1
    assert len(names) == len(set(names)), "nothing was lost or taken twice"


def drag(user: Person, environment: dict[str, str], what: str, onto: str) -> None:
    """A row of a list to the upper edge of another."""
    row = user.see(what, "list item")
    while (later := user.see(what, "list item")) != row:
        row = later
    place = user.see(onto, "list item")
    x, y = row["x"] + row["width"] // 2, row["y"] + row["height"] // 2
    xdotool(environment, "mousemove", str(x), str(y), "mousedown", "1")
    for at in range(y, place["y"] + 3, -8):
        xdotool(environment, "mousemove", str(x), str(at))
    xdotool(environment, "mousemove", str(x), str(place["y"] + 4), "mouseup", "1")
