"""The first screen: what it shows, its downloads in place, when it comes and that it does not come back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from first_run_fakes import LAPTOP, OFFLINE, RAM, SUGGESTIONS, FirstRunHost, coming, suggestion
from memory_fakes import MODELS
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from paddock.gui.pages.first_run import DEMONSTRATION, MEANWHILE, FirstRun
from paddock.gui.pages.first_run_words import best_first, choose, facts, machine_words
from paddock.gui.theme import Theme
from paddock.sdk.memory import Machine
from paddock.sdk.types import NewChat

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

Scene = Any


@pytest.fixture
def first_host(tmp_path: Path, qapp: Any) -> FirstRunHost:
    Theme().apply(qapp)
    return FirstRunHost(tmp_path)


@pytest.fixture
def screen(first_host: FirstRunHost, qtbot: QtBot) -> FirstRun:
    made = FirstRun(first_host)
    qtbot.addWidget(made)
    made.resize(1000, 800)
    with qtbot.waitExposed(made):
        made.show()
    qtbot.waitUntil(lambda: len(made.rows) == 3 and len(made.switches) == 2)
    return made


# -------------------------------------------------------------------- words


def test_the_computer_in_one_line():
    assert machine_words(LAPTOP) == "This computer: 8 cores, 32.0 GB of memory, RTX 4060 Laptop with 8.0 GB"
    bare = Machine(name="This computer", devices=(RAM,), cores=1)
    assert machine_words(bare) == "This computer: 1 core, 32.0 GB of memory, no graphics card"


def test_three_that_fit_and_are_a_real_choice():
    assert [item.name for item in choose(SUGGESTIONS, LAPTOP)] == ["Large 8B", "Middle 4B", "Tiny 0.6B"]
    names = [item.name for item in best_first(SUGGESTIONS, LAPTOP)]
    assert names[:3] == ["Large 8B", "Middle 4B", "Tiny 0.6B"]
    assert sorted(names) == sorted(item.name for item in SUGGESTIONS)
    assert {"embedding", "rerank"} & set(best_first(SUGGESTIONS, LAPTOP)[-1].badges)


def test_what_fits_comes_before_what_needs_a_change_and_nothing_that_does_not_fit():
    few = [suggestion("A", 1), suggestion("B", 9, fit="fits_with"), suggestion("C", 40, fit="does_not_fit")]
    assert [item.name for item in choose(few, LAPTOP)] == ["A", "B"]


def test_without_a_graphics_card_the_largest_is_of_half_the_memory():
    many = [suggestion("A", 18), suggestion("B", 12), suggestion("C", 2)]
    assert [item.name for item in choose(many, Machine(name="", devices=(RAM,)))] == ["B", "C"]


def test_the_time_is_told_where_a_speed_is_known():
    large = suggestion("Large", 5.0)
    assert facts(large, None) == "5.0 GB to download · tools"
    assert facts(large, 12e6) == "5.0 GB to download, about 7 min · tools"


# -------------------------------------------------------------------- the screen


def test_it_offers_models_with_their_fit_and_the_stores_of_other_programs(screen: FirstRun):
    assert [row.badge.words for row in screen.rows] == ["fits", "fits", "fits"]
    assert screen.machine.text().startswith("This computer: 8 cores")
    assert [switch.accessibleName() for switch in screen.switches.values()] == [
        "Show the models of LM Studio",
        "Show the models of Ollama",
    ]
    assert screen.rows[0].button.accessibleName() == "Download Large 8B"
    assert screen.sentence.text() == DEMONSTRATION


def test_a_download_goes_on_in_its_place_and_ends_in_a_chat(screen: FirstRun, first_host: FirstRunHost, qtbot: QtBot):
    row = screen.rows[0]
    asked: list[str] = []
    screen.chat_wanted.connect(asked.append)
    row.button.click()
    assert not row.button.isEnabled()
    qtbot.waitUntil(lambda: row.button.text() == "Pause")
    assert first_host.client.asked[-1] == ("download", row.suggestion.source)
    assert row.facts.text() == "1.0 of 4.0 GB · 12.0 MB/s · 5 min left"
    assert row.progress.value() == 250
    assert "about 3 min" in screen.rows[1].facts.text()
    assert screen.sentence.text() == MEANWHILE
    row.button.click()
    qtbot.waitUntil(lambda: first_host.client.asked[-1] == ("pause", "d1"))
    first_host.show(coming(row.suggestion.source, state="paused", speed=None, seconds_left=None))
    assert (row.button.text(), row.facts.text()) == ("Resume", "Paused at 1.0 of 4.0 GB")
    model = MODELS[0]
    first_host.show(coming(row.suggestion.source, state="done", path=model.path))
    assert row.button.text() == "Chat"
    assert not row.progress.isVisible()
    row.button.click()
    assert asked == [model.id]


def test_what_is_wrong_with_a_download_stands_in_its_place(screen: FirstRun, first_host: FirstRunHost, qtbot: QtBot):
    first_host.client.fail["download"] = OFFLINE
    row = screen.rows[1]
    row.button.click()
    qtbot.waitUntil(lambda: row.facts.text() == OFFLINE.sentence())
    assert (row.button.text(), row.button.isEnabled()) == ("Download", True)
    first_host.show(coming(row.suggestion.source, state="failed", error=OFFLINE.info()))
    assert (row.button.text(), row.facts.text()) == ("Try again", OFFLINE.sentence())


def test_one_switch_hides_one_place(screen: FirstRun, first_host: FirstRunHost, qtbot: QtBot):
    switch = next(iter(screen.switches.values()))
    assert switch.isChecked()
    switch.click()
    qtbot.waitUntil(lambda: first_host.settings.hidden_places == ("/home/me/.lmstudio/models",))
    assert [item.isChecked() for item in screen.switches.values()] == [False, True]


def test_it_fits_the_smallest_window(screen: FirstRun):
    screen.resize(640, 480)
    assert screen.width() == 640
    assert screen.page.horizontalScrollBar().maximum() == 0


def test_without_suggestions_that_fit_it_says_so(first_host: FirstRunHost, qtbot: QtBot):
    first_host.client.suggested = [suggestion("Giant", 65, fit="does_not_fit")]
    first_host.client.found = []
    screen = FirstRun(first_host)
    qtbot.addWidget(screen)
    qtbot.waitUntil(lambda: "None of the suggested models" in screen.waiting.text())
    assert not screen.switches
    assert screen.start.text() == "Start"


# -------------------------------------------------------------------- when it comes


def newcomer(home: Path) -> None:
    (home / "settings.toml").unlink()


def test_a_newcomer_sees_it_once(open_window: Callable[[], Scene], home: Path, qtbot: QtBot):
    newcomer(home)
    scene = open_window()
    scene.show()
    welcome = scene.window.welcome
    scene.until(lambda: welcome.screen is not None and welcome.screen.isVisible())
    assert scene.window.page() == "chat"
    qtbot.keyClick(welcome.screen, Qt.Key.Key_Escape)
    scene.until(lambda: scene.host.settings.welcomed)
    assert welcome.screen is None
    assert scene.window.stack.currentWidget() is scene.chat
    scene.close()
    again = open_window()
    again.show()
    assert again.window.welcome.screen is None
    again.window.welcome.show()
    assert again.window.welcome.screen is not None
    again.window.show_page("settings")
    assert again.window.welcome.screen is None


def test_who_has_conversations_or_is_typing_does_not_see_it(open_window: Callable[[], Scene], home: Path):
    newcomer(home)
    typing = open_window()
    typing.chat.composer.set_text("What is")
    typing.show()
    assert typing.window.welcome.screen is None
    typing.ask(lambda client: client.create_chat(NewChat(title="Old")))
    typing.close()
    later = open_window()
    later.show()
    later.until(lambda: later.host.settings.welcomed)
    assert later.window.welcome.screen is None
