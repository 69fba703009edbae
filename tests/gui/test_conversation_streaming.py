"""The conversation view while an answer is written."""

import pytest
import shiboken6
from conversations import ANSWER, Make, child_names, exchange, message, settle, shown
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from paddock.gui.theme import Theme
from paddock.gui.widgets.conversation import ConversationView, Turns
from paddock.gui.widgets.conversation.blocks import TextBlock
from paddock.gui.widgets.conversation.code import CodeBlock, pieces
from paddock.sdk.types import Stats

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
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

    def click_on_the_line() -> None:
        (place,) = (n for n, block in enumerate(row.blocks) if any(t.key == "fold" for t in block.targets()))
        (target,) = row.blocks[place].targets()
        spot = view.place_of((0, place, "fold"), target.rect).translated(0, -view.scrolled()).center()
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=spot)

    click_on_the_line()
    assert shown(view, 0) == ["Let me think about it.", "Still."]
    view.stream_text("a", "Answer.")
    settle(qtbot, view)
    assert shown(view, 0)[-1] == "Answer."
    click_on_the_line()
    assert shown(view, 0) == ["Answer."]
    names = child_names(view.access.row(row))
    assert any(name.startswith("Show the reasoning: Thought for ") for name in names)


def test_pieces_for_other_messages_are_passed_over(make: Make) -> None:
    view = make(exchange())
    view.stream_text("unknown", "x")
    view.set_progress("unknown", "x")
    view.update_message(message("unknown", "assistant", "x"))
    assert len(view.column.rows) == 2


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
    Theme("dark", zoom=1.5).apply(qapp)
    view.stream_text("a", ANSWER[150:])
    settle(qtbot, view)
    view.finish(exchange()[1])
    assert view.column.rows[1].full_text() == ANSWER
    assert "".join(shown(view, 1)).endswith("The end.")
    assert view.style_.palette == Theme("dark").palette


@pytest.mark.parametrize(("seconds", "words"), [(4.2, "4.2 s"), (0.3, "300 ms")])
def test_the_folded_reasoning_says_how_long_the_host_measured(make: Make, seconds: float, words: str) -> None:
    thought = message("a", "assistant", "Paris.", reasoning="France, so Paris.", stats=Stats(reasoning_s=seconds))
    view = make([thought])
    names = child_names(QAccessible.queryAccessibleInterface(view).child(0))
    assert any(f"Thought for {words}" in name for name in names)


def colours(view: ConversationView) -> list[tuple[str, str]]:
    """Every character of the code in the last row with its colour."""
    found = []
    for block in view.column.rows[-1].blocks:
        if isinstance(block, CodeBlock):
            lines = block.document().firstBlock()
            while lines.isValid():
                for part in lines.begin():  # type: ignore[attr-defined]
                    run = part.fragment()
                    found += [(sign, run.charFormat().foreground().color().name()) for sign in run.text()]
                lines = lines.next()
    return found


@pytest.mark.parametrize("closed", [True, False])
def test_code_has_the_colours_of_the_whole_however_it_was_cut(make: Make, qtbot: QtBot, closed: bool) -> None:
    inside = "".join(f"    words {n} for if None\n" for n in range(40))
    text = '```python\nx = 1\n\n\ndef f():\n    """One line."""\n    return 2\n\n\nTEXT = """\n' + inside
    text += '"""\nwhile "😀" is None:\n' + "    pass  # why\n" * 9 + ("```\n" if closed else "")
    live = make([message("a", "assistant", "", state="generating")])
    for start in range(0, len(text), 9):
        live.stream_text("a", text[start : start + 9])
        live._last_update = 0.0
        live._update()
        live.settle(True, None)
    live.finish(message("a", "assistant", text))
    found = colours(live)
    assert len({colour for _, colour in found}) > 3
    assert found == colours(make([message("a", "assistant", text)]))


def test_a_streamed_table_has_the_columns_of_the_stored_one(make: Make, qtbot: QtBot) -> None:
    text = "| a | b |\n|---|--:|\n| many words in here | 1 |\n| 2 | some other words |\n| last and long row | x |"
    live = make([message("a", "assistant", "", state="generating")])
    for start in range(0, len(text), 3):
        live.stream_text("a", text[start : start + 3])
        live._last_update = 0.0
        live._update()
        live.grab()
    live.finish(message("a", "assistant", text))
    whole = make([message("a", "assistant", text)])
    live.verticalScrollBar().setValue(0)
    whole.verticalScrollBar().setValue(0)
    assert live.grab().toImage() == whole.grab().toImage()


def test_only_what_changed_is_painted_again(make: Make, qtbot: QtBot) -> None:
    view = make([message("a", "assistant", "", state="generating")])
    text = "\n\n".join(f"Paragraph {n}." for n in range(200)) + "\n\n```\n" + "line\n" * 40
    view.stream_text("a", text)
    settle(qtbot, view)
    view.grab()
    row, before = view.column.rows[0], view.scrolled()
    caret = view.caret_block(row)
    view.stream_text("a", "more")
    row.take_pending()
    row.compose()
    view.column.flow(0)
    assert row.first_change(caret, before - row.top) > row.height - 8 * 23


def test_another_row_of_a_table_leaves_those_above_as_they_are(make: Make, qtbot: QtBot) -> None:
    view = make([message("a", "assistant", "", state="generating")])
    view.stream_text("a", "| name | figure |\n|---|---|\n" + "| a row | 1,000 |\n" * 300)
    settle(qtbot, view)
    view.verticalScrollBar().setValue(0)
    row = view.column.rows[0]
    row.lay_out(0, 1 << 30)
    before = row.body.blocks().copy()
    view.stream_text("a", "| a row | 2,000 |\n")
    row.take_pending()
    row.compose()
    after = row.body.blocks()
    assert after[:-1] == before
    assert [block for block in after if not block.built] == after[-2:]
