"""The conversation view: streaming, selecting, keyboard, screen reader, huge and hostile texts."""

import gc
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import shiboken6
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QAccessible, QGuiApplication
from PySide6.QtWidgets import QApplication, QHBoxLayout, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from paddock.gui.theme import Theme
from paddock.gui.widgets.conversation import ConversationView, Turns
from paddock.gui.widgets.conversation.blocks import NodeBlock, TextBlock
from paddock.gui.widgets.conversation.code import CodeBlock, pieces
from paddock.gui.widgets.conversation.style import ChatDocument
from paddock.sdk.types import ChatMessage, Stats, Usage

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

ANSWER = """Because only the **new** tokens are evaluated, see [the page](https://example.org/a):

```python
def reuse(tokens):
    return tokens
```

1. one
2. two

| a | b |
|---|--:|
| 1 | 2 |

The end."""
Make = Callable[..., ConversationView]


def message(name: str, role: str, content: str, **more: Any) -> ChatMessage:
    given: dict[str, Any] = {"chat_id": "c", "parent": None, "model": "demo/Starter" if role == "assistant" else ""}
    return ChatMessage(id=name, role=role, content=content, **{**given, **more})  # type: ignore[arg-type]


def exchange() -> list[ChatMessage]:
    numbers = {
        "stats": Stats(ttft_s=0.12, tokens_per_second=31.6),
        "usage": Usage(prompt_tokens=1902, completion_tokens=214, cached_tokens=1843),
    }
    return [message("q", "user", "Why is it faster?"), message("a", "assistant", ANSWER, **numbers)]


@pytest.fixture
def make(qtbot: QtBot, qapp: QApplication) -> Make:
    Theme().apply(qapp)
    kept: list[ConversationView] = []

    def view(messages: list[ChatMessage], width: int = 760, height: int = 600) -> ConversationView:
        made = ConversationView(editable=True)
        kept.append(made)
        qtbot.addWidget(made)
        made.resize(width, height)
        made.set_messages(messages)
        with qtbot.waitExposed(made):
            made.show()
        return made

    return view


def settle(qtbot: QtBot, view: ConversationView) -> None:
    """Wait until everything that arrived is shown."""
    rows = view.column.rows
    qtbot.waitUntil(lambda: not any(row.pending_text or row.pending_reasoning for row in rows), timeout=10_000)


def shown(view: ConversationView, row: int) -> list[str]:
    """What the blocks of a row say, laid out or not."""
    found = []
    for block in view.column.rows[row].blocks:
        block.layout()
        if isinstance(block, NodeBlock):
            found.append(block.text())
    return found


def child_names(interface: Any) -> list[str]:
    return [interface.child(i).text(QAccessible.Text.Name) for i in range(interface.childCount())]


# -------------------------------------------------------------------- streaming


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=8))
def test_streamed_blocks_equal_those_of_the_whole_answer(make: Make, qtbot: QtBot, sizes: list[int]) -> None:
    whole = make(exchange())
    live = make([message("q", "user", "x"), message("a", "assistant", "", state="generating")])
    at, turn = 0, 0
    while at < len(ANSWER):
        size = sizes[turn % len(sizes)]
        live.stream_text("a", ANSWER[at : at + size])
        live._last_update = 0.0
        live._update()
        at, turn = at + size, turn + 1
    live.finish(exchange()[1])
    assert shown(live, 1) == shown(whole, 1)
    assert [type(b) for b in live.column.rows[1].blocks] == [type(b) for b in whole.column.rows[1].blocks]
    assert live.column.rows[1].height == whole.column.rows[1].height
    for view in (whole, live):
        view.hide()


def test_a_finished_stream_looks_exactly_like_the_stored_answer(make: Make, qtbot: QtBot) -> None:
    live = make([exchange()[0], message("a", "assistant", "", state="generating")])
    for start in range(0, len(ANSWER), 7):
        live.stream_text("a", ANSWER[start : start + 7])
        if start % 35 == 0:
            settle(qtbot, live)
    live.finish(exchange()[1])
    whole = make(exchange())
    live.verticalScrollBar().setValue(0)
    whole.verticalScrollBar().setValue(0)
    assert live.grab().toImage() == whole.grab().toImage()


def test_it_follows_the_end_only_while_the_reader_is_there(make: Make, qtbot: QtBot) -> None:
    history = [message(f"m{i}", "assistant", ANSWER) for i in range(4)]
    view = make([*history, message("a", "assistant", "", state="generating")])
    assert view.at_bottom()
    view.stream_text("a", "word\n\n" * 30)
    settle(qtbot, view)
    assert view.at_bottom()
    view.verticalScrollBar().setValue(100)
    top = view.verticalScrollBar().value()
    view.stream_text("a", "word\n\n" * 30)
    settle(qtbot, view)
    assert view.verticalScrollBar().value() == top
    assert not view.at_bottom()


def test_only_the_last_block_is_rebuilt(make: Make, qtbot: QtBot) -> None:
    view = make([message("a", "assistant", "", state="generating")])
    view.stream_text("a", "First paragraph.\n\nSecond paragraph.\n\nThird")
    settle(qtbot, view)
    before = [b for b in view.column.rows[0].blocks if isinstance(b, TextBlock)]
    view.stream_text("a", " grows.")
    settle(qtbot, view)
    after = [b for b in view.column.rows[0].blocks if isinstance(b, TextBlock)]
    assert after[:2] == before[:2]
    assert after[2] is not before[2]


def test_code_grows_by_appending_and_keeps_its_text(make: Make, qtbot: QtBot) -> None:
    lines = [f"value_{i} = '''{i}'''" for i in range(300)]
    view = make([message("a", "assistant", "", state="generating")])
    view.stream_text("a", "```python\n")
    for line in lines:
        view.stream_text("a", line + "\n")
        view._last_update = 0.0
        view._update()
    view.stream_text("a", "```\nend")
    settle(qtbot, view)
    code = [b for b in view.column.rows[0].blocks if isinstance(b, CodeBlock)]
    assert len(code) > 2
    assert "\n".join(b.document().toPlainText() for b in code) == "\n".join(lines)


def test_reasoning_folds_and_unfolds(make: Make, qtbot: QtBot) -> None:
    view = make([message("a", "assistant", "", state="generating")])
    view.stream_reasoning("a", "Let me *think* about it.\n\nStill.")
    settle(qtbot, view)
    assert shown(view, 0) == []
    row = view.column.rows[0]
    row.toggle_reasoning()
    assert shown(view, 0) == ["Let me think about it.", "Still."]
    view.stream_text("a", "Answer.")
    settle(qtbot, view)
    assert shown(view, 0)[-1] == "Answer."
    row.toggle_reasoning()
    assert shown(view, 0) == ["Answer."]
    names = child_names(view.access.row(row))
    assert any(name.startswith("Show the reasoning: Thought for ") for name in names)


def test_pieces_for_other_messages_are_passed_over(make: Make) -> None:
    view = make(exchange())
    view.stream_text("unknown", "x")
    view.set_progress("unknown", "x")
    view.update_message(message("unknown", "assistant", "x"))
    assert len(view.column.rows) == 2


# -------------------------------------------------------------------- faults in the conversation


def test_a_failure_shows_cause_hint_and_retry(make: Make, qtbot: QtBot) -> None:
    failed = message(
        "a",
        "assistant",
        "Half",
        state="failed",
        error={"code": "engine_died", "message": "The engine ended with SIGSEGV.", "hint": "Load it again."},
    )
    view = make([message("q", "user", "x"), failed])
    interface = view.access.row(view.column.rows[1])
    assert "The engine ended with SIGSEGV. Load it again." in interface.text(QAccessible.Text.Name)
    number = child_names(interface).index("Retry")
    with qtbot.waitSignal(view.retry_requested) as caught:
        rect = interface.child(number).rect()
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.viewport().mapFromGlobal(rect.center()))
    assert caught.args == ["a"]


@pytest.mark.parametrize(("state", "button"), [("interrupted", "Retry"), ("cancelled", "Answer again")])
def test_other_unfinished_answers_can_be_answered_again(make: Make, state: str, button: str) -> None:
    view = make([message("a", "assistant", "Half", state=state)])
    assert button in child_names(view.access.row(view.column.rows[0]))


# -------------------------------------------------------------------- selection and copying


def drag(qtbot: QtBot, view: ConversationView, start: QPoint, end: QPoint) -> None:
    qtbot.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(view.viewport(), end)
    view._pointer._place = QPointF(end)
    view._pointer._drag()
    qtbot.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, pos=end)


def test_select_all_copies_every_message_with_its_speaker(make: Make, qtbot: QtBot) -> None:
    view = make(exchange())
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    with qtbot.waitSignal(view.copied):
        qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == (
        "You:\nWhy is it faster?\n\nStarter:\nBecause only the new tokens are evaluated, see the page:\n\n"
        "def reuse(tokens):\n    return tokens\n\n1. one\n2. two\n\na\tb\n1\t2\n\nThe end."
    )
    qtbot.keyClick(view, Qt.Key.Key_Escape)
    assert view.selected_text() == ""


def test_dragging_selects_over_text_and_code(make: Make, qtbot: QtBot) -> None:
    view = make([message("a", "assistant", ANSWER)])
    view.verticalScrollBar().setValue(0)
    blocks = [b for b in view.column.rows[0].blocks if isinstance(b, NodeBlock)]
    row = view.column.rows[0]
    start = QPoint(view.column_left(), row.top + blocks[0].top + 8)
    end = QPoint(view.column_left() + 700, row.top + blocks[1].top + blocks[1].height - 4)
    drag(qtbot, view, start, end)
    assert view.selected_text() == (
        "Because only the new tokens are evaluated, see the page:\n\ndef reuse(tokens):\n    return tokens"
    )


def test_double_click_takes_a_word_and_triple_the_paragraph(make: Make, qtbot: QtBot) -> None:
    view = make([message("a", "assistant", "alpha beta gamma")])
    row = view.column.rows[0]
    block = next(b for b in row.blocks if isinstance(b, TextBlock))
    place = QPoint(view.column_left() + 60, row.top + block.top + 10)
    target = view.viewport()
    qtbot.mouseClick(target, Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseDClick(target, Qt.MouseButton.LeftButton, pos=place)
    assert view.selected_text() == "beta"
    qtbot.mouseClick(target, Qt.MouseButton.LeftButton, pos=place)
    assert view.selected_text() == "alpha beta gamma"


def test_shift_click_extends(make: Make, qtbot: QtBot) -> None:
    view = make([message("a", "assistant", "alpha beta gamma")])
    row = view.column.rows[0]
    block = next(b for b in row.blocks if isinstance(b, TextBlock))
    y = row.top + block.top + 10
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(view.column_left(), y))
    qtbot.mouseClick(
        view.viewport(),
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.ShiftModifier,
        QPoint(view.column_left() + 600, y),
    )
    assert view.selected_text() == "alpha beta gamma"


def test_copy_button_copies_the_source_of_the_answer(make: Make, qtbot: QtBot) -> None:
    view = make(exchange())
    names = child_names(view.access.row(view.column.rows[1]))
    assert names == ["the page", "Wrap long lines", "Copy code", "Copy answer", "Regenerate"] or set(names) == {
        "the page",
        "Wrap long lines",
        "Copy code",
        "Copy answer",
        "Regenerate",
    }
    row = view.column.rows[1]
    target = next(t for b in row.blocks for t in b.targets() if t.name == "Copy answer")
    target.run()
    assert QGuiApplication.clipboard().text() == ANSWER
    target = next(t for b in row.blocks for t in b.targets() if t.name == "Copy code")
    target.run()
    assert QGuiApplication.clipboard().text() == "def reuse(tokens):\n    return tokens"


# -------------------------------------------------------------------- keyboard


def test_tab_visits_every_hit_area_and_ends(make: Make, qtbot: QtBot, qapp: QApplication) -> None:
    page = QWidget()
    before, view, after = QPushButton("before"), ConversationView(), QPushButton("after")
    line = QHBoxLayout(page)
    for widget in (before, view, after):
        line.addWidget(widget)
    page.resize(900, 500)
    view.set_messages(exchange())
    view.verticalScrollBar().setValue(0)
    qtbot.addWidget(page)
    with qtbot.waitActive(page):
        page.show()
        page.activateWindow()
    before.setFocus()
    view.verticalScrollBar().setValue(0)
    visited: list[str] = []
    for _ in range(30):
        focus = qapp.focusWidget()
        assert focus is not None
        qtbot.keyClick(focus, Qt.Key.Key_Tab)
        if qapp.focusWidget() is after:
            break
        target = view.focused_target()
        visited.append(target.name if target is not None else "view")
        assert view.ring_shown
    assert qapp.focusWidget() is after
    assert visited == [
        "view",
        "Copy message",
        "the page",
        "Wrap long lines",
        "Copy code",
        "Copy answer",
        "Regenerate",
    ]


def test_enter_runs_the_focused_hit_area(make: Make, qtbot: QtBot) -> None:
    view = make(exchange())
    row = view.column.rows[1]
    place = len(row.blocks) - 1
    view.setFocus(Qt.FocusReason.TabFocusReason)
    view.focus_target((1, place, "again"), "keyboard")
    with qtbot.waitSignal(view.regenerate_requested) as caught:
        qtbot.keyClick(view, Qt.Key.Key_Return)
    assert caught.args == ["a"]


def test_links_open_only_by_click_or_enter(make: Make, qtbot: QtBot) -> None:
    view = make(exchange())
    row = view.column.rows[1]
    place = next(i for i, b in enumerate(row.blocks) if isinstance(b, TextBlock))
    view.setFocus(Qt.FocusReason.TabFocusReason)
    view.focus_target((1, place, "link0"), "keyboard")
    with qtbot.waitSignal(view.link_activated) as caught:
        qtbot.keyClick(view, Qt.Key.Key_Return)
    assert caught.args == ["https://example.org/a"]
    _, _, rect = row.blocks[place].links()[0]
    spot = view.place_of((1, place, "link0"), rect.toRect()).translated(0, -view.scrolled()).center()
    with qtbot.waitSignal(view.link_activated):
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=spot)


def test_home_end_and_page_keys_scroll(make: Make, qtbot: QtBot) -> None:
    view = make([message(f"m{i}", "assistant", ANSWER) for i in range(12)])
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_Home)
    assert view.scrolled() == 0
    qtbot.keyClick(view, Qt.Key.Key_PageDown)
    assert view.scrolled() > 300
    qtbot.keyClick(view, Qt.Key.Key_End)
    assert view.at_bottom()


def test_versions_are_asked_for_by_sibling(make: Make, qtbot: QtBot) -> None:
    view = make([message("b", "assistant", "two", version=2, versions=3, siblings=("a", "b", "c"))])
    targets = {t.key: t for block in view.column.rows[0].blocks for t in block.targets()}
    with qtbot.waitSignal(view.version_requested) as caught:
        targets["later"].run()
    assert caught.args == ["c"]
    with qtbot.waitSignal(view.version_requested) as caught:
        targets["earlier"].run()
    assert caught.args == ["a"]


# -------------------------------------------------------------------- screen readers


def test_a_screen_reader_finds_a_list_of_messages(make: Make) -> None:
    view = make(exchange())
    interface = QAccessible.queryAccessibleInterface(view)
    assert interface.role() == QAccessible.Role.List
    assert interface.text(QAccessible.Text.Name) == "Conversation"
    assert interface.childCount() == 2
    first, second = interface.child(0), interface.child(1)
    assert first.role() == QAccessible.Role.ListItem
    assert first.text(QAccessible.Text.Name) == "You: Why is it faster?"
    assert second.text(QAccessible.Text.Name).startswith("Starter: Because only the")
    assert first.parent().object() is view
    roles = {second.child(i).role() for i in range(second.childCount())}
    assert roles == {QAccessible.Role.Button, QAccessible.Role.Link}
    assert all(child_names(second))
    assert interface.indexOfChild(second) == 1


def test_a_screen_reader_can_press_a_button(make: Make, qtbot: QtBot) -> None:
    view = make(exchange())
    item = QAccessible.queryAccessibleInterface(view).child(1)
    button = item.child(child_names(item).index("Regenerate"))
    action = button.actionInterface()
    with qtbot.waitSignal(view.regenerate_requested):
        action.doAction("Press")


def test_interfaces_of_removed_messages_become_invalid(make: Make) -> None:
    view = make(exchange())
    interface = QAccessible.queryAccessibleInterface(view)
    item = interface.child(1)
    item.child(0)
    view.set_messages([message("z", "user", "other")])
    gc.collect()
    assert interface.childCount() == 1
    assert interface.child(0).text(QAccessible.Text.Name) == "You: other"


def test_ending_the_program_with_interfaces_alive_does_not_crash() -> None:
    program = textwrap.dedent("""
        import sys
        from PySide6.QtGui import QAccessible
        from PySide6.QtWidgets import QApplication
        from paddock.gui.theme import Theme
        from paddock.gui.widgets.conversation import ConversationView, Turns
        from paddock.sdk.types import ChatMessage
        app = QApplication(sys.argv)
        Theme().apply(app)
        views = [ConversationView() for _ in range(3)]
        for view in views:
            view.set_messages([ChatMessage(id="a", chat_id="c", parent=None, role="user", content="x")])
            view.show()
            top = QAccessible.queryAccessibleInterface(view)
            for i in range(top.childCount()):
                top.child(i).childCount() and top.child(i).child(0).text(QAccessible.Text.Name)
        app.processEvents()
        views[0].deleteLater()
        app.processEvents()
        del views[0]
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr.replace("This plugin does not support propagateSizeHints()\n", "")) == (0, "")


# -------------------------------------------------------------------- hostile and huge


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
    "text",
    ["a" * 1_000_000, "```\n" + "x" * 1_000_000 + "\n```", "word " * 200_000, "- item\n" * 5_000],
    ids=["one word", "one line of code", "one paragraph", "a long list"],
)
def test_huge_messages_do_not_freeze(make: Make, text: str) -> None:
    started = time.process_time()
    view = make([message("a", "assistant", text)])
    view.grab()
    view.verticalScrollBar().setValue(0)
    view.grab()
    assert time.process_time() - started < 4.0
    assert view.column.rows[0].blocks


def test_a_long_conversation_opens_with_few_documents(make: Make) -> None:
    messages = [message(f"m{i}", "user" if i % 2 else "assistant", ANSWER) for i in range(3000)]
    started = time.process_time()
    view = make(messages)
    assert time.process_time() - started < 3.0
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


def test_going_to_the_end_shows_the_end_although_heights_were_estimates(make: Make) -> None:
    view = make([message(f"m{i}", "assistant", ANSWER) for i in range(60)])
    view.set_zoom(1.5)
    view.verticalScrollBar().setValue(0)
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum())
    last = view.column.rows[-1]
    assert last.parsed
    assert all(block.built for block in last.blocks[-3:])
    assert view.scrolled() == view.column.height - view.viewport().height()


def test_links_in_tables_can_be_reached(make: Make) -> None:
    view = make([message("a", "assistant", "| a | b |\n|--|--|\n| 😀 x | see [here](https://example.org/t) |")])
    item = view.access.row(view.column.rows[0])
    names = child_names(item)
    assert "here" in names
    assert item.child(names.index("here")).rect().width() > 10


def test_an_older_snapshot_does_not_take_back_what_was_streamed(make: Make, qtbot: QtBot) -> None:
    view = make([message("a", "assistant", "", state="generating")])
    view.stream_text("a", "One two three")
    settle(qtbot, view)
    view.update_message(message("a", "assistant", "One", state="generating"))
    view.stream_text("a", " four")
    settle(qtbot, view)
    assert shown(view, 0) == ["One two three four"]


def test_a_pane_closed_while_it_waits_for_its_turn_is_passed_over(make: Make, qtbot: QtBot) -> None:
    turns = Turns()
    closed, open_ = ConversationView(turns=turns), ConversationView(turns=turns)
    qtbot.addWidget(open_)
    for view in (closed, open_):
        view.set_messages([message("a", "assistant", "", state="generating")])
        view.stream_text("a", "words")
    shiboken6.delete(closed)
    settle(qtbot, open_)
    assert open_.column.rows[0].content == "words"


def test_code_pieces_join_to_the_code_again() -> None:
    text = "\n".join(["x = 1"] * 500 + ["y" * 10_000] + ["z"] * 10)
    joined = ""
    for number, piece in enumerate(pieces(text)):
        joined += ("" if piece.glued or not number else "\n") + piece.text
    assert joined == text


def test_more_code_changes_only_the_last_piece() -> None:
    text = "\n".join(f"line {i}" for i in range(400))
    assert pieces(text + "\nmore")[: len(pieces(text)) - 1] == pieces(text)[:-1]


def test_theme_and_zoom_change_while_an_answer_is_written(make: Make, qtbot: QtBot, qapp: QApplication) -> None:
    view = make([exchange()[0], message("a", "assistant", "", state="generating")])
    view.stream_text("a", ANSWER[:150])
    settle(qtbot, view)
    Theme("dark").apply(qapp)
    view.set_zoom(1.5)
    view.stream_text("a", ANSWER[150:])
    settle(qtbot, view)
    view.finish(exchange()[1])
    assert view.column.rows[1].full_text() == ANSWER
    assert "".join(shown(view, 1)).endswith("The end.")
    assert view.style_.palette == Theme("dark").palette


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


def test_the_folded_reasoning_says_how_long_the_host_measured(make: Make) -> None:
    thought = message("a", "assistant", "Paris.", reasoning="France, so Paris.", stats=Stats(reasoning_s=4.2))
    view = make([thought])
    names = child_names(QAccessible.queryAccessibleInterface(view).child(0))
    assert any("Thought for 4.2 s" in name for name in names)


def test_only_a_stored_message_can_be_edited(make: Make) -> None:
    view = make([message("stored", "user", "hello", created=1.0), message("local-1", "user", "hello")])
    first, second = (child_names(QAccessible.queryAccessibleInterface(view).child(row)) for row in (0, 1))
    assert "Edit message" in first
    assert "Edit message" not in second
