"""Finding words, marks, and where the turns are."""

from typing import Any

from conversations import Make, message, settle
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

LONG = "Nothing of interest here.\n\n" * 20


def many() -> list:
    found = []
    for number in range(40):
        words = "the **need**le is here, NEEDLE" if number in (3, 30) else LONG
        found += [message(f"q{number}", "user", f"question {number}"), message(f"a{number}", "assistant", words)]
    return found


def test_words_are_found_in_messages_that_were_never_laid_out(make: Make, qtbot: QtBot) -> None:
    view = make(many())
    view.verticalScrollBar().setValue(0)
    assert not view.column.rows[61].parsed
    view.find_text("needle")
    qtbot.waitUntil(lambda: view._count() == (1, 4))
    view.find_text("NEEDLE")
    assert view.find_text("question 30") == (1, 1)
    row = view.column.rows[60]
    assert 0 <= row.top - view.scrolled() < view.viewport().height()


def test_the_search_goes_round_and_back(make: Make) -> None:
    view = make([message("q", "user", "apple pear apple"), message("a", "assistant", "- Apple\n\n```\napple()\n```")])
    assert [view.find_text("apple") for _ in range(5)] == [(1, 4), (2, 4), (3, 4), (4, 4), (1, 4)]
    assert view.find_text("apple", backwards=True) == (4, 4)
    assert view.find_text("plum") == (0, 0)
    view.clear_find()
    assert not view._finder.active


def test_the_bar_searches_while_one_types_and_escape_closes_it(make: Make, qtbot: QtBot) -> None:
    view = make([message("q", "user", "one two"), message("a", "assistant", "two three two")])
    view.open_find()
    bar = view.find_bar
    assert bar is not None
    qtbot.keyClicks(bar.field, "two")
    assert bar.count.text() == "1 of 3"
    qtbot.keyClick(bar.field, Qt.Key.Key_Return)
    assert bar.count.text() == "2 of 3"
    qtbot.keyClick(bar.field, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert bar.count.text() == "1 of 3"
    qtbot.keyClick(bar.field, Qt.Key.Key_Escape)
    assert not bar.isVisible()


def test_marks_are_painted_where_the_plain_text_says(make: Make) -> None:
    view = make(
        [
            message(
                "a",
                "assistant",
                "**Bold** words, $x^2$ and 👩‍👩‍👧 more\n\n- an item\n\n| a | b |\n|---|---|\n| c | d |",
            )
        ]
    )
    text = view.plain_text("a")
    assert "$x^2$" in text
    assert "an item" in text
    before = view.grab().toImage()
    for words in ("words", "$x^2$", "more", "item", "d"):
        start = text.rindex(words)
        view.set_marks("a", ((start, start + len(words), "added"),))
        row = view.column.rows[0]
        hit = [(block, view.marks_of(row, block)) for block in row.blocks if view.marks_of(row, block)]
        ((block, ((a, b, kind),)),) = hit
        assert (block.plain()[a:b], kind) == (words, "added")
        assert view.grab().toImage() != before
    view.set_marks("a", ())
    assert view.grab().toImage() == before


def test_panes_can_be_scrolled_to_the_same_turn(make: Make, qtbot: QtBot) -> None:
    def turns(length: int) -> list:
        return [message(f"m{n}", "assistant", LONG[: 27 * length], turn=f"t{n}") for n in range(12)]

    first, second = make(turns(4)), make(turns(14))
    first.scroll_to_turn("t6", 0.5)
    turn, fraction = first.turn_at_top()
    assert turn == "t6"
    second.scroll_to_turn(turn, fraction)
    found, behind = second.turn_at_top()
    assert found == "t6"
    assert abs(behind - fraction) < 0.1
    second.scroll_to_turn("none")
    assert second.turn_at_top()[0] == "t6", "a turn that is not shown moves nothing"
    moved: list[bool] = []
    second.scrolled_by_user.connect(lambda: moved.append(True))
    second.scroll_to_turn("t2")
    QApplication.processEvents()
    assert moved == []
    qtbot.keyClick(second, Qt.Key.Key_PageDown)
    qtbot.waitUntil(lambda: bool(moved))


def test_a_button_leads_back_to_the_end(make: Make, qtbot: QtBot) -> None:
    view = make([message(f"m{n}", "assistant", LONG) for n in range(4)])
    settle(qtbot, view)
    assert view.at_bottom()
    assert not view._jump.isVisible()
    view.verticalScrollBar().setValue(0)
    assert view._jump.isVisible()
    qtbot.mouseClick(view._jump, Qt.MouseButton.LeftButton)
    assert view.at_bottom()
    assert not view._jump.isVisible()
    view.verticalScrollBar().setValue(0)
    for height, shown in ((150, False), (500, True)):  # over few lines it would lie over their words
        view.window().resize(view.window().width(), height)
        qtbot.waitUntil(lambda height=height: abs(view.window().height() - height) < 2)
        assert view._jump.isVisible() is shown


def test_a_wide_table_scrolls_by_bar_and_keys(make: Make, qtbot: QtBot) -> None:
    head = "|" + " a long heading |" * 14 + "\n|" + "---|" * 14 + "\n|" + " some words in it |" * 14
    view = make([message("a", "assistant", head)])
    row = view.column.rows[0]
    place = next(n for n, block in enumerate(row.blocks) if block.side() is not None)
    block, side = row.blocks[place], row.blocks[place].side()
    assert side is not None
    grip = side.thumb.center().toPoint() + QPoint(
        view.column_left() + block.left, row.top + block.top - view.scrolled()
    )
    qtbot.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=grip)
    qtbot.mouseMove(view.viewport(), grip + QPoint(80, 0))
    qtbot.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, pos=grip + QPoint(80, 0))
    dragged = block.side()
    assert dragged is not None
    assert dragged.offset > 80
    view.focus_target((0, place, "side"), "keyboard")
    qtbot.keyClick(view, Qt.Key.Key_Left)
    moved = block.side()
    assert moved is not None
    assert moved.offset == dragged.offset - 40


def test_the_windows_shortcut_finds_in_the_open_chat(scene: Any) -> None:
    scene.take_model("fast")
    scene.type_and_send("hello")
    scene.answered()
    scene.window.activateWindow()
    find = next(action for action in scene.window.commands.all() if action.title == "Find")
    assert find.keys == ("Ctrl+F",)
    find.run()
    view = scene.chat.view
    scene.qtbot.keyClicks(view.find_bar.field, "paris")
    assert view.find_bar.count.text() == "1 of 1"
    view.find_bar.close_bar()
    scene.window.show_page("models")
    find.run()
    assert scene.window.stack.currentWidget().filter.search.hasFocus()
