"""How the window was left, and rubbish in the file."""

from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from paddock.gui.state_saver import StateSaver
from paddock.gui.window_state import SMALLEST, Edit, Sent, Task, WindowState, place, read, write
from paddock.sdk.pictures import Picture

LAPTOP = (0, 0, 1366, 740)
RIGHT = (1366, 0, 1920, 1080)


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    state = WindowState(geometry=(10, 20, 900, 700), page="server", chat="c1", zoom=1.2, drafts={"c1": "half a"})
    sent = Sent(text="on its way", at=1.5, chat="c1", pictures=(Picture(hash="0" * 64, width=3, height=2),))
    edit = Edit(Task("insert", "m1", "assistant", above=True), "words")
    state = msgspec.structs.replace(state, sent=(sent,), edits={"c1": edit})
    write(tmp_path / "deep" / "window.json", state)
    assert read(tmp_path / "deep" / "window.json") == state
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["window.json"]


@pytest.mark.parametrize("rubbish", [b"", b"{", b"[]", b"null", b"\xff\xfe\x00", b'{"geometry": "wide"}'])
def test_rubbish_is_a_fresh_start(tmp_path: Path, rubbish: bytes) -> None:
    path = tmp_path / "window.json"
    path.write_bytes(rubbish)
    assert read(path) == WindowState()


def test_one_bad_field_does_not_cost_the_others(tmp_path: Path) -> None:
    path = tmp_path / "window.json"
    path.write_bytes(b'{"geometry": [1, 2], "page": "bench", "chat": "c9", "zoom": 99, "from_the_future": {}}')
    assert read(path) == WindowState(chat="c9", zoom=2.0)


def test_a_window_on_a_screen_stays_where_it_was() -> None:
    assert place((1400, 30, 1000, 700), [LAPTOP, RIGHT]) == (1400, 30, 1000, 700)


@pytest.mark.parametrize(
    "gone", [(1400, 30, 1000, 700), (-3000, 50, 900, 600), (100, -900, 900, 600), (100, 5000, 900, 600)]
)
def test_a_window_whose_screen_is_gone_comes_back(gone: tuple[int, int, int, int]) -> None:
    x, y, width, height = place(gone, [LAPTOP])
    assert x >= 0
    assert x + width <= 1366
    assert y >= 0
    assert y + height <= 740


def test_a_window_is_no_larger_than_its_screen_and_no_smaller_than_usable() -> None:
    assert place((0, 0, 4000, 3000), [LAPTOP])[2:] == (1366, 740)
    assert place((10, 10, 5, 5), [LAPTOP])[2:] == SMALLEST


def test_changes_that_go_on_do_not_put_off_that_they_are_stored(qtbot: QtBot, qapp: QObject) -> None:
    stored: list[int] = []
    saver = StateSaver(lambda: stored.append(len(stored)), qapp)

    def changing() -> bool:
        saver.changed()
        return bool(stored)

    qtbot.waitUntil(changing)
    saver.deleteLater()
