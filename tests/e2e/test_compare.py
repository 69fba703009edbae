"""Compare as a new user would, with the mouse: two models, one prompt, a blind vote, the names, differences, a file.

Pictures go to ``$PADDOCK_SHOTS`` where it is set, else they stay in the test's folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from desktop_session import APP, Person, desktop_session, running, screen_reader, window_of, xdotool

from paddock.sdk.client import Client
from paddock.sdk.compare import Vote
from paddock.sdk.types import Chat

pytestmark = [pytest.mark.desktop, pytest.mark.timeout(480)]

QUESTION = "What is the capital of France?"
SHETLAND = "The capital of France is Paris, a city on the Seine."
EXMOOR = "The capital of France is Paris. It has two million people."
NAMES = ("Shetland", "Exmoor")


@contextmanager
def desktop(folder: Path) -> Iterator[tuple[Person, dict[str, str]]]:
    """Someone at a desktop with two models, on which nothing was started yet."""
    with desktop_session(folder) as environment:
        models = Path(environment["PADDOCK_HOME"]) / "models" / "paddock-tests"
        for name, text, pace in (("Shetland", SHETLAND, 200), ("Exmoor", EXMOOR, 60)):
            (models / name).mkdir(parents=True)
            script = {"text": text, "tokens_per_second": pace}
            (models / name / f"{name}.echo.json").write_text(json.dumps(script))
        settings = Path(environment["PADDOCK_HOME"]) / "settings.toml"
        settings.write_text('welcomed = true\ndefault_model = "paddock-tests/Shetland"\n')
        environment |= {"HOME": str(folder), "PADDOCK_STORES": "off", "HF_HUB_OFFLINE": "1"}
        with screen_reader(environment) as heard:
            user = Person(heard, folder)
            try:
                yield user, heard
            finally:
                user.close()


def stored(home: Path) -> tuple[Chat, list[Vote]]:
    with Client.connect(home, start=False) as client:
        chat = next(item for item in client.chats() if item.panes)
        return client.chat(chat.id), client.votes(chat.id)


def named(user: Person) -> list[str]:
    """What shows a model's name."""
    return [node["name"] for node in user.look("") if any(name in node["name"] for name in NAMES)]


def open_menu(user: Person, environment: dict[str, str], name: str) -> None:
    """A menu is told to a screen reader when the mouse is over one of its entries."""
    node = user.see(name, "push button")
    user.click(name, "push button")
    x, y = str(node["x"]), str(node["y"] + node["height"] + 40)
    user.wait(lambda: xdotool(environment, "mousemove", x, y) or user.look("", "menu item"), "The menu")


def test_a_blind_comparison_by_mouse(tmp_path: Path) -> None:
    with desktop(tmp_path) as (user, environment):
        home = Path(environment["PADDOCK_HOME"])
        with running(APP, environment):
            window_of(environment)
            user.see("^Model: Shetland", "push button")
            user.click("^Compare", "push button")
            user.see("^Pane 2: Exmoor", "push button")
            user.photograph("compare-1-panes")
            user.click("^Blind$")
            user.wait(lambda: not named(user), "Hiding the names")
            user.click("^Message$", "text")
            user.type(QUESTION)
            user.click("^Send", "push button")
            user.see("^Pane A is best")
            assert not named(user)
            user.photograph("compare-2-blind")
            user.click("^Pane B is best")
            user.wait(lambda: len(named(user)) > 1, "The names")
            user.photograph("compare-3-names")
            user.click("^Differences$")
            user.see("^only in this answer$")
            user.photograph("compare-4-differences")
            open_menu(user, environment, "^More about this comparison")
            user.click("^Export side by side", "menu item")
            user.click("^Export", "push button")
            user.click("^Save", "push button")
            user.see("exported")
            user.photograph("compare-5-exported")
        chat, votes = stored(home)
        (written,) = tmp_path.glob("*.html")
        page = written.read_text()
    answers = {path[-1].model: path[-1].content for path in chat.paths.values()}
    assert answers == {"paddock-tests/Shetland": SHETLAND, "paddock-tests/Exmoor": EXMOOR}
    (vote,) = votes
    assert (vote.outcome, vote.blind, len(vote.contestants)) == ("pane", True, 2)
    assert vote.pane in chat.paths
    assert all(words in page for words in (QUESTION, SHETLAND, EXMOOR, *NAMES))
