"""Nothing that a person reads is cut off where it need not be, and nothing lies where it does not belong."""

from pathlib import Path
from typing import Any, cast

import pytest
from models_fakes import LibraryHost
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QFontMetrics
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QCheckBox, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from paddock.gui.message_bar import NoticeRow
from paddock.gui.messages import Action, Notice
from paddock.gui.models.memory import Segment
from paddock.gui.pages.chat_head import ChatHead, TitleLabel
from paddock.gui.pages.composer import Composer
from paddock.gui.pages.composer_context import ContextPopup, Fill
from paddock.gui.pages.open_sheet import OpenSheet
from paddock.gui.quit_question import QuitQuestion, Work
from paddock.gui.theme import Theme, current
from paddock.gui.widgets import ElidedLabel, Label, menu_words
from paddock.gui.widgets.labels import no_word_alone, whole_facts
from paddock.gui.widgets.memory_bar import MemoryLegend
from paddock.gui.widgets.question import Question
from paddock.sdk.open_address import OpenFile

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
LONG = "Paddock-Compares-Names-Of-Any-Length-Instruct-" * 4 + "Q4_K_M"


@pytest.fixture(autouse=True)
def _light(qapp: QApplication) -> None:
    Theme().apply(qapp)


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    made = QWidget()
    made.resize(720, 480)
    qtbot.addWidget(made)
    made.show()
    return made


def test_the_whole_sentence_about_a_full_context_is_to_be_read(window: QWidget) -> None:
    anchor = QPushButton(window)
    popup = ContextPopup(Fill(0, 140, 5001, 5141, 4096, longest=5001), anchor)
    popup.open_above(anchor)
    for label in popup.findChildren(Label):
        assert label.height() >= label.heightForWidth(label.width()), label.text()
    popup.close()


def test_a_long_name_in_the_legend_gives_way_and_its_size_stays(qtbot: QtBot) -> None:
    legend = MemoryLegend()
    qtbot.addWidget(legend)
    legend.show_segments([Segment(LONG, 2_000_000_000, 0)])
    [(x, _, _, words)] = legend._places(300)
    assert words.endswith("2.0 GB")
    assert x + QFontMetrics(current().font(12, tabular=True)).horizontalAdvance(words) <= 300


def test_an_entry_of_a_menu_is_short_and_has_no_keys_of_its_own() -> None:
    assert menu_words("R&D") == "R&&D"
    assert len(menu_words(LONG)) < 60
    assert menu_words(LONG).startswith("Paddock-Compares")
    assert menu_words(LONG).endswith("Q4_K_M")


def test_the_end_of_a_name_is_seen_where_its_middle_gives_way(qtbot: QtBot) -> None:
    label = ElidedLabel(LONG, middle=True)
    qtbot.addWidget(label)
    label.resize(200, 20)
    label.show()
    assert label._shown().endswith("_K_M")
    assert label.toolTip() == LONG


def test_a_message_has_its_cross_inside_and_free_of_its_words(window: QWidget) -> None:
    notice = Notice("warn", "Put the backup in the place of all conversations? " * 3, Action("Restore", str))
    row = NoticeRow(notice, window)
    row.resize(500, row.heightForWidth(500))
    row.show()
    assert row.card.geometry().contains(row.close_button.geometry())
    cross = row.close_button.geometry()
    for part in row.card.findChildren(QWidget):
        if part.isVisible():
            assert part.mapTo(row, part.rect().topRight()).x() < cross.left()


def test_a_long_name_in_the_empty_field_is_cut_in_its_middle(qtbot: QtBot) -> None:
    composer = Composer()
    qtbot.addWidget(composer)
    composer.resize(500, 120)
    composer.show()
    composer.set_placeholder(f"Message {LONG}")
    words = composer.field.placeholderText()
    assert words.startswith("Message Paddock")
    assert words.endswith("Q4_K_M")
    assert QFontMetrics(composer.field.font()).horizontalAdvance(words) <= composer.field.viewport().width()


def test_a_long_name_is_cut_also_where_it_came_while_the_field_was_hidden(window: QWidget) -> None:
    composer = Composer(window)
    composer.resize(500, 120)
    composer.set_placeholder(f"Message {LONG}")
    composer.show()
    assert composer.field.placeholderText().endswith("Q4_K_M")


def test_facts_are_left_out_whole(qapp: QApplication) -> None:
    metrics = QFontMetrics(current().font(12))
    room = metrics.horizontalAdvance("10 tokens · 53.6")
    assert whole_facts("10 tokens · 53.6 tok/s", metrics, room) == "10 tokens"
    assert whole_facts("10 tokens", metrics, room) == "10 tokens"
    assert whole_facts("10 tokens", metrics, 3) == ""


def test_no_word_stands_alone_on_the_last_line() -> None:
    assert no_word_alone("which can be switched off.") == "which can be switched\u00a0off."
    assert no_word_alone("Off.") == "Off."


def test_the_title_of_a_chat_gets_what_the_name_of_the_model_leaves(qtbot: QtBot, tmp_path: Path) -> None:
    host = LibraryHost(tmp_path)
    head = ChatHead(host)
    qtbot.addWidget(head)
    head.resize(664, 53)
    head.show()
    head.show_chat("What is the capital of France?", next(iter(host.loaded.values())).model)
    assert head.title.maximumWidth() >= head.title.sizeHint().width()
    head.show_chat("A title " * 20, LONG)
    assert head.title.minimumWidth() > 150
    assert head.chip.maximumWidth() > 150
    head.show_chat("", "")
    assert head.chip.maximumWidth() >= head.chip.sizeHint().width()


def test_a_question_is_cancelled_where_no_answer_is_the_usual_one(window: QWidget) -> None:
    box = Question("Remove it?", "It cannot be undone.", (("Remove for good", "danger"),), window)
    box.open()
    QTest.keyClick(box.focusWidget(), Qt.Key.Key_Return)
    assert box.result() == Question.DialogCode.Rejected
    usual = Question("Go on?", "It goes on.", (("Stop", "secondary"), ("Go on", "primary")), window)
    QTimer.singleShot(0, lambda: QTest.keyClick(usual.focusWidget(), Qt.Key.Key_Return))
    assert usual.ask() == "Go on"


def test_a_short_title_takes_no_more_room_than_its_words(qtbot: QtBot) -> None:
    title = TitleLabel("A title of more than ninety-six pixels", 14, 600)
    qtbot.addWidget(title)
    title.setMinimumWidth(96)
    title.setText("New chat")
    assert title.sizeHint().width() < 96


def test_nothing_is_asked_about_downloads_where_none_is_under_way(window: QWidget) -> None:
    seen: list[int] = []

    def look() -> None:
        [box] = window.findChildren(Question)
        seen.append(len(box.findChildren(QCheckBox)))
        box.close()

    QTimer.singleShot(0, look)
    assert QuitQuestion(cast(Any, None), cast(Any, None), cast(Any, None), window)._ask(Work(answers=1)) == "cancel"
    assert seen == [0]


def test_the_sheet_grows_with_what_it_says(qtbot: QtBot, window: QWidget, tmp_path: Path) -> None:
    sheet = OpenSheet(LibraryHost(tmp_path), OpenFile(path="/down/qwen.gguf"), window)
    sheet.open()
    qtbot.waitUntil(lambda: sheet.first.isEnabled())
    sheet.facts.setText("It is among your models. " * 20)
    qtbot.waitUntil(lambda: sheet.facts.height() >= sheet.facts.heightForWidth(sheet.facts.width()))
    qtbot.waitUntil(lambda: sheet.title.height() >= sheet.title.sizeHint().height())
