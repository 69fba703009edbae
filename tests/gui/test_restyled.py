"""Pages that were made before their text or theme changed look as if they were made after it, and stay in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QStackedWidget, QWidget
from pytestqt.qtbot import QtBot

from paddock.gui import window_state
from paddock.gui.kept_places import lay_out_now
from paddock.gui.pages.form import Card, FormPage, Row
from paddock.gui.pages.load_breakdown import Breakdown
from paddock.gui.theme import ThemeSource
from paddock.gui.widgets import Select
from paddock.gui.window_state import WindowState
from paddock.sdk.host import SettingsPatch

Scene = Any
Place = tuple[int, ...]
PAGES = ("chat", "models", "discover", "downloads", "server", "settings")
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def without_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Discover shows the same in every window, whatever the network is."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")


@pytest.fixture
def one_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    """All windows tell of the same free memory, though each asked at another time: digits are not equally wide."""
    told: dict[bool, tuple[Any, Any]] = {}
    show = Breakdown.show_estimate

    def first_told(part: Breakdown, estimate: Any, memory: Any, replacing: Any = (), *, full: bool) -> None:
        show(part, *told.setdefault(full, (estimate, memory)), replacing, full=full)

    monkeypatch.setattr(Breakdown, "show_estimate", first_told)


def laid_out(part: QWidget, path: str = "") -> Iterator[tuple[str, Place]]:
    """What shows inside ``part``: its place, the size it wants where nothing is in it, and how far it scrolls."""
    shown = [child for child in part.children() if isinstance(child, QWidget) and child.isVisibleTo(part)]
    for number, child in enumerate(child for child in shown if not child.isWindow()):
        name = f"{path}/{type(child).__name__}:{number}"
        far = child.verticalScrollBar().maximum() if isinstance(child, QAbstractScrollArea) else 0
        size = () if child.findChild(QWidget) is not None else child.sizeHint().toTuple()
        yield name, (*child.geometry().getRect(), far, *size)
        yield from laid_out(child, name)


def differences(old: QWidget, new: QWidget) -> dict[str, tuple[Place | None, Place | None]]:
    """What shows in one of them otherwise than in the other."""
    found, wanted = dict(laid_out(old)), dict(laid_out(new))
    names = [*wanted, *(name for name in found if name not in wanted)]
    return {name: (found.get(name), wanted.get(name)) for name in names if found.get(name) != wanted.get(name)}


def new_window(open_window: Callable[[], Scene], monkeypatch: pytest.MonkeyPatch, state: WindowState) -> Scene:
    with monkeypatch.context() as patch:
        patch.setattr(window_state, "read", lambda path: state)
        made = open_window()
    made.show()
    made.window.resize(1440, 900)
    for page in PAGES:
        made.window.show_page(page)
    return made


def same_start(scene: Scene) -> None:
    scene.window.show_page("chat")
    scene.chat.new_chat()
    scene.take_model("fast")


def test_pages_follow_the_text_as_if_they_were_made_anew(
    without_hub: None, one_estimate: None, open_window: Callable[[], Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [new_window(open_window, monkeypatch, WindowState())]
    for zoom, theme, density in ((2.0, "dark", "compact"), (1.0, "light", "comfortable")):
        patch = SettingsPatch(text_zoom=zoom, theme=theme, density=density)
        made[0].ask(lambda client, patch=patch: client.patch_settings(patch))
        new = new_window(open_window, monkeypatch, WindowState(zoom=zoom, theme=theme, density=density))
        made.append(new)
        for scene in made:
            new.until(lambda scene=scene, zoom=zoom: scene.app.themes.theme.zoom == zoom)
            same_start(scene)
        for size in ((1440, 900), (960, 600)):
            for page in PAGES:
                for scene in made:
                    scene.window.resize(*size)
                    scene.window.show_page(page)

                def same(new: Scene = new, page: str = page) -> None:
                    for old in made[:-1]:
                        assert differences(old.window, new.window) == {}, page

                new.qtbot.waitUntil(same)


def test_a_hidden_page_stays_at_its_end_while_the_theme_changes(qtbot: QtBot, qapp: QApplication) -> None:
    themes = ThemeSource(qapp)
    themes.set(choice="light")
    stack, page = QStackedWidget(), FormPage("Long")
    qtbot.addWidget(stack)
    for number in range(12):
        card = Card()
        card.add(Row(f"Name {number}", "What is told of it in a sentence or two. " * 4, Select("One", ["1", "2"])))
        page.column.addWidget(card)
    stack.addWidget(page)
    stack.addWidget(QWidget())
    stack.resize(500, 400)
    stack.show()
    lay_out_now()
    bar = page.verticalScrollBar()
    bar.setValue(bar.maximum())
    at_end = bar.maximum()
    assert at_end > 400
    stack.setCurrentIndex(1)
    themes.set(choice="dark")
    stack.setCurrentIndex(0)
    lay_out_now()
    assert (bar.value(), bar.maximum()) == (at_end, at_end)
    themes.set(choice="light")
