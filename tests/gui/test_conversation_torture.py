"""Hostile text: shown whole, stored or streamed; nothing fetched, nothing run, nothing opened."""

import random
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conversations import Make, message, settle
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QDesktopServices
from pytestqt.qtbot import QtBot
from torture_texts import texts

from paddock.gui.widgets.conversation import ConversationView

KEPT = ("<script>", "onerror", "Emoji", "שלום", "never closed", "Prices $5 and $6", "indented code", "<base href")


class Counting(ThreadingHTTPServer):
    """A web server that nobody is to ask."""

    asked: list[str]


@pytest.fixture
def server() -> Iterator[Counting]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            pass

    made = Counting(("127.0.0.1", 0), Handler)
    made.asked = []
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def read_through(view: ConversationView, qtbot: QtBot) -> None:
    """Scroll from the top to the end, painting everything."""
    settle(qtbot, view)
    bar = view.verticalScrollBar()
    bar.setValue(0)
    for _ in range(60):
        view.grab()
        if bar.value() >= bar.maximum():
            break
        bar.setValue(bar.value() + bar.pageStep())


def test_the_torture_file_is_shown_whole_and_asks_nobody(
    make: Make, qtbot: QtBot, server: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    text = texts(f"http://127.0.0.1:{server.server_port}")["mixed"]
    whole = make([message("q", "user", text), message("a", "assistant", text)])
    read_through(whole, qtbot)
    for chance in (random.Random(1), random.Random(2)):
        live = make([message("q", "user", "x"), message("s", "assistant", "", state="generating")])
        at = 0
        while at < len(text):
            size = chance.choice((1, 3, 7, 60, 400))
            live.stream_text("s", text[at : at + size])
            live._last_update = 0.0
            live._update()
            at += size
        live.finish(message("s", "assistant", text))
        read_through(live, qtbot)
        assert live.plain_text("s") == whole.plain_text("a")
    shown = whole.plain_text("a")
    assert [words for words in KEPT if words not in shown] == []
    assert (server.asked, opened) == ([], [])


def everything(view: ConversationView) -> list[tuple[object, ...]]:
    """All blocks of the last row, laid out: what they are, say and measure."""
    row = view.column.rows[-1]
    row.lay_out(0, 1 << 30)
    view.column.flow()
    view.settle(False, None)
    return [(type(b), b.top, b.left, b.height, b.text(), b.glue()) for b in row.blocks]


@pytest.mark.parametrize("seed", range(3))
def test_hostile_text_in_random_pieces_becomes_what_it_is_at_once(make: Make, qtbot: QtBot, seed: int) -> None:
    chance, hostile = random.Random(seed), texts()
    names = chance.sample(["mixed", "table", "lists", "quotes", "links", "formulas", "wide table", "stars"], 4)
    text = "\n\n".join([hostile[name][: chance.randint(200, 1_500)] for name in names] + [hostile["code"][:1_500]])
    live = make([message("a", "assistant", "", state="generating")])
    at = 0
    while at < len(text):
        size = chance.choice((3, 20, 90, 300))
        live.stream_text("a", text[at : at + size])
        live._last_update = 0.0
        live._update()
        at += size
    live.finish(message("a", "assistant", text))
    whole = make([message("a", "assistant", text)])
    for view in (live, whole):
        settle(qtbot, view)
    assert everything(live) == everything(whole)
    for view in (live, whole):
        view.select_all()
        view.verticalScrollBar().setValue(300)
    assert live.selected_text() == whole.selected_text()
    assert live.grab().toImage() == whole.grab().toImage()
    assert live.find_text("x")[1] == whole.find_text("x")[1] > 0


@pytest.mark.parametrize("name", ["table", "line", "links", "quotes", "lists", "brackets", "stars", "wide table"])
def test_hostile_text_is_shown_to_its_end(make: Make, qtbot: QtBot, name: str) -> None:
    view = make([message("q", "user", "x"), message("a", "assistant", texts()[name][:12_000] + "\n\nThe end.")])
    settle(qtbot, view)
    bar = view.verticalScrollBar()
    for value in (0, bar.maximum() // 2, bar.maximum()):
        bar.setValue(value)
        view.grab()
    assert view.plain_text("a").endswith("The end.")
    assert name not in ("quotes", "lists") or "deep" in view.plain_text("a")


def test_a_link_to_a_file_does_nothing_and_says_so(make: Make, qtbot: QtBot) -> None:
    view = make([message("a", "assistant", "[open me](file:///etc/passwd) and ![](file:///etc/shadow)")])
    activated: list[str] = []
    view.link_activated.connect(activated.append)
    row = view.column.rows[0]
    block = row.blocks[1]
    place = QPoint(view.column_left() + 10, row.top + block.top + 10 - view.scrolled())
    assert view.link_at(place) == "file:///etc/passwd"
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    view.open_link("file:///etc/passwd")
    assert (activated, block.links()) == ([], [])


def test_a_picture_is_opened_by_a_click_and_only_then(make: Make, qtbot: QtBot) -> None:
    view = make([message("a", "assistant", "![a cat](https://example.org/cat.png)")])
    activated: list[str] = []
    view.link_activated.connect(activated.append)
    view.grab()
    assert activated == []
    row = view.column.rows[0]
    place = QPoint(view.column_left() + 60, row.top + row.blocks[1].top + 20 - view.scrolled())
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert activated == ["https://example.org/cat.png"]
