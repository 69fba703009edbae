"""The conversation view lays out huge, hostile and foreign texts, and stays where the reader is."""

from typing import Any

import msgspec
import pytest
from conversations import ANSWER, Make, exchange, message, settle, shown
from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from work_counter import calls

from paddock.gui.theme import Theme
from paddock.gui.widgets.conversation import ConversationView
from paddock.gui.widgets.conversation.blocks import TextBlock
from paddock.gui.widgets.conversation.style import ChatDocument

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def test_documents_never_load_anything(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = ChatDocument.loadResource

    def watched(self: ChatDocument, kind: int, name: Any) -> Any:
        asked.append(str(name))
        return real(self, kind, name)

    monkeypatch.setattr(ChatDocument, "loadResource", watched)
    text = "![x](file:///etc/passwd) ![y](http://127.0.0.1:9/x.png) <img src='file:///etc/passwd'>\n\n> ![z](/x.png)"
    view = make([message("a", "assistant", text), message("q", "user", text)])
    view.grab()
    assert asked == []
    document = ChatDocument()
    document.setHtml("<img src='file:///etc/passwd'><p>x</p>")
    document.setTextWidth(100)
    assert document.loadResource(2, "file:///etc/passwd") is None


def test_no_part_of_a_document_comes_from_html(make: Make) -> None:
    view = make([message("a", "assistant", "<b>bold</b> &lt;i&gt; <style>*{}</style>")])
    assert shown(view, 0) == ["<b>bold</b> <i> <style>*{}</style>"]


@pytest.mark.parametrize(
    ("unit", "around"),
    [("a" * 100, ""), ("x" * 100, "```"), ("word " * 20, ""), ("- item\n", "\n")],
    ids=["one word", "one line of code", "one paragraph", "a long list"],
)
def test_huge_messages_do_not_freeze(make: Make, qtbot: QtBot, unit: str, around: str) -> None:
    def work(count: int) -> list[int]:
        """The calls of each step in which a message of so many units is shown, and how much text is laid out then."""
        view = make([])
        text = f"{around}\n{unit * count}\n{around}"
        counts = [calls(lambda: view.set_messages([message("a", "assistant", text)]))]
        (row,) = view.column.rows
        qtbot.waitUntil(lambda: not row.pending())
        for step in (view.grab, lambda: view.verticalScrollBar().setValue(0), view.grab):
            counts.append(calls(step))
        return [*counts, sum(len(block.text()) for block in row.blocks if block.built)]

    work(10)  # what is loaded at the first time
    little, huge = work(250), work(2_500)
    assert all(more < 12 * less + 1_000 for less, more in zip(little, huge, strict=True)), "no step grows faster"
    assert 0 < huge[-1] < 30_000, "what is not seen is not laid out"


def test_a_long_conversation_opens_with_few_documents(make: Make) -> None:
    messages = [message(f"m{i}", "user" if i % 2 else "assistant", ANSWER) for i in range(3000)]
    make(messages[:2])  # what is loaded at the first time
    little, view = make([]), make([])
    tenth = calls(lambda: little.set_messages(messages[:300]))
    assert calls(lambda: view.set_messages(messages)) < 12 * tenth
    assert sum(row.parsed for row in view.column.rows) < 40
    for share in (0.0, 0.5, 0.25, 1.0):
        bar = view.verticalScrollBar()
        bar.setValue(int(bar.maximum() * share))
        view.grab()
    built = sum(block.built for row in view.column.rows for block in row.blocks)
    assert built < 800


def test_scrolling_up_keeps_what_is_seen_in_place(make: Make) -> None:
    view = make([message(f"m{i}", "assistant", ANSWER) for i in range(60)])
    bar = view.verticalScrollBar()
    for _ in range(80):
        anchor = view.anchor()
        assert anchor is not None
        row, place, y = anchor
        before = bar.value()
        bar.setValue(before - 37)
        if before < 37:
            break
        seen = row.top + row.blocks[place].top - view.scrolled()
        assert seen == y + 37


def test_going_to_the_end_shows_the_end_although_heights_were_estimates(make: Make, qapp: QApplication) -> None:
    view = make([message(f"m{i}", "assistant", ANSWER) for i in range(60)])
    Theme(zoom=1.5).apply(qapp)
    view.verticalScrollBar().setValue(0)
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum())
    last = view.column.rows[-1]
    assert last.parsed
    assert all(block.built for block in last.blocks[-3:])
    assert view.scrolled() == view.column.height - view.viewport().height()


def test_keeping_a_chat_keeps_its_rows(make: Make) -> None:
    first = exchange()
    view = make(first)
    rows = list(view.column.rows)
    view.set_messages([*first, message("q2", "user", "more")])
    assert view.column.rows[:2] == rows
    changed = msgspec.structs.replace(first[1], version=2, versions=2, siblings=("o", "a"))
    view.set_messages([first[0], changed])
    assert view.column.rows == rows


def text_blocks(view: ConversationView) -> list[TextBlock]:
    blocks = [block for block in view.column.rows[-1].blocks if isinstance(block, TextBlock)]
    for block in blocks:
        block.layout()
    return blocks


def test_a_hebrew_paragraph_begins_at_the_right(make: Make) -> None:
    view = make([message("a", "assistant", "שלום עולם\n\nHello world")])
    hebrew, english = text_blocks(view)
    assert hebrew.hit(QPointF(hebrew.width - 1, 8)) == 0
    assert english.hit(QPointF(1, 8)) == 0


def test_a_list_of_another_kind_stands_apart_from_the_one_above(make: Make) -> None:
    view = make([message("a", "assistant", "- one\n- two\n\n1. first\n2. second")])
    _, bullet, number, second = text_blocks(view)
    assert number.gap > bullet.gap == second.gap


ROOM_FOR_ALL = "Whether the bar shows is not to depend on what was shown before, whatever the height of the view. " * 8


@pytest.mark.parametrize("width", [340, 760])
def test_the_scroll_bar_shows_only_where_the_whole_width_is_not_enough(
    make: Make, qapp: QApplication, width: int
) -> None:
    """At every height around the content's, from above and from below."""
    failed = message("a", "assistant", ROOM_FOR_ALL, state="failed", error={"code": "x", "message": ROOM_FOR_ALL})
    view = make([message("q", "user", ROOM_FOR_ALL), failed], width=width, height=4_000)
    view.grab()
    needed, column, left = view.column.height, view.column.width, view.column_left()
    heights = range(needed - 60, needed + 61, 5)
    for height in (*heights, *reversed(heights)):
        view.resize(width, height)
        qapp.processEvents()
        assert view.column.height == needed
        assert (view.column.width, view.column_left()) == (column, left)
        assert view.verticalScrollBar().isVisible() == (needed > height)
        assert left + column < view.viewport().width(), "nothing is under the bar"


def test_an_answer_that_grows_past_the_view_wraps_as_before(make: Make, qtbot: QtBot) -> None:
    view = make([message("q", "user", "x"), message("a", "assistant", "", state="generating")], width=340, height=500)
    widths = set()
    for _ in range(12):
        view.stream_text("a", ROOM_FOR_ALL[:200] + "\n\n")
        settle(qtbot, view)
        widths.add((view.column.width, view.column_left()))
    assert view.verticalScrollBar().isVisible()
    assert len(widths) == 1
