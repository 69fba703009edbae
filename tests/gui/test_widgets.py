"""Painted controls keep the keyboard, the names and the focus ring's rule."""

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible, QFont, QInputMethodEvent
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
    QWidgetItem,
)
from pytestqt.qtbot import QtBot
from shiboken6 import getAllValidWrappers

from paddock.gui import theme
from paddock.gui.theme import Theme
from paddock.gui.widgets import (
    Button,
    Chip,
    ElidedLabel,
    IconButton,
    Label,
    LineField,
    MessageField,
    NumberBox,
    Progress,
    RailButton,
    SearchField,
    Select,
    Slider,
    Switch,
    TextArea,
)
from paddock.gui.widgets.tab_order import InOrder, in_order

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
Show = Callable[..., QWidget]


@pytest.fixture(autouse=True)
def _light(qapp: QApplication) -> None:
    Theme().apply(qapp)


def test_slider_steps_by_keys_and_returns_to_its_default(qtbot: QtBot, show: Show) -> None:
    slider = Slider("Temperature", 0, 2, default=0.8, step=0.05)
    show(slider)
    slider.setFocus()
    with qtbot.waitSignal(slider.value_changed) as caught:
        qtbot.keyClick(slider, Qt.Key.Key_Right)
    assert caught.args == [0.85]
    qtbot.keyClick(slider, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert slider.number() == pytest.approx(0.35)
    qtbot.keyClick(slider, Qt.Key.Key_End)
    assert slider.number() == 2
    qtbot.mouseDClick(slider, Qt.MouseButton.LeftButton)
    assert slider.number() == pytest.approx(0.8)


def test_slider_follows_the_mouse_to_both_ends(qtbot: QtBot, show: Show) -> None:
    slider = Slider("Top-k", 0, 200, default=40)
    show(slider)
    qtbot.mouseClick(slider, Qt.MouseButton.LeftButton, pos=QPoint(slider.width() - 1, 10))
    assert slider.number() == 200
    qtbot.mouseClick(slider, Qt.MouseButton.LeftButton, pos=QPoint(0, 10))
    assert slider.number() == 0


def test_switch_and_chip_toggle_with_space(qtbot: QtBot, show: Show) -> None:
    switch, chip = Switch("Top-p on"), Chip("Reasoning", icon="bulb")
    chip.setCheckable(True)
    show(switch, chip)
    qtbot.keyClick(switch, Qt.Key.Key_Space)
    qtbot.keyClick(chip, Qt.Key.Key_Space)
    assert switch.isChecked()
    assert chip.isChecked()
    qtbot.mouseClick(switch, Qt.MouseButton.LeftButton, pos=QPoint(2, 2))
    assert not switch.isChecked()


def test_enter_presses_a_button_as_space_does(qtbot: QtBot, show: Show) -> None:
    button = Button("Copy")
    show(button)
    pressed: list[bool] = []
    button.clicked.connect(lambda: pressed.append(True))
    for key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
        qtbot.keyClick(button, key)
    assert len(pressed) == 3


def test_chip_opens_its_menu_with_the_down_key(qtbot: QtBot, show: Show) -> None:
    chip = Chip("Qwen3 8B", menu=True, sub="Q4_K_M")
    page = show(chip)
    menu = QMenu(page)
    menu.addAction("One")
    chip.setMenu(menu)
    chip.setFocus()
    qtbot.keyClick(chip, Qt.Key.Key_Down)
    assert menu.isVisible()
    menu.close()


def test_number_box_takes_typing_and_arrows(qtbot: QtBot, show: Show) -> None:
    box = NumberBox("Temperature", 0, 2)
    show(box)
    box.setFocus()
    box.selectAll()
    qtbot.keyClicks(box, "1.25")
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert box.value() == 1.25
    qtbot.keyClick(box, Qt.Key.Key_Up)
    assert box.value() == pytest.approx(1.26)
    assert box.lineEdit().width() >= 40


@pytest.mark.parametrize(
    ("reason", "ring"),
    [
        (Qt.FocusReason.TabFocusReason, True),
        (Qt.FocusReason.BacktabFocusReason, True),
        (Qt.FocusReason.ShortcutFocusReason, True),
        (Qt.FocusReason.MouseFocusReason, False),
        (Qt.FocusReason.OtherFocusReason, False),
    ],
)
def test_ring_is_shown_only_for_focus_by_keyboard(qtbot: QtBot, show: Show, reason: Qt.FocusReason, ring: bool) -> None:
    for widget in (Button("Load"), IconButton("plus", "New chat"), Slider("K", 0, 9, default=4), Chip("JSON")):
        other = Button("Other")
        page = show(other, widget)
        other.setFocus(Qt.FocusReason.MouseFocusReason)
        widget.setFocus(reason)
        qtbot.waitUntil(widget.hasFocus)
        assert widget.ring_shown is ring
        page.close()


def test_the_ring_changes_pixels(qtbot: QtBot, show: Show) -> None:
    button = Button("Load", "primary")
    show(Button("Other"), button)
    button.setFocus(Qt.FocusReason.MouseFocusReason)
    without = button.grab().toImage()
    button.clearFocus()
    button.setFocus(Qt.FocusReason.TabFocusReason)
    assert button.grab().toImage() != without


def test_every_control_has_a_name_and_a_role(qtbot: QtBot, show: Show) -> None:
    widgets: list[QWidget] = [
        Button("Load"),
        IconButton("plus", "New chat"),
        RailButton("chat", "Chat"),
        Chip("Qwen3 8B", sub="Q4_K_M"),
        Switch("Top-p on"),
        Slider("Top-p", 0, 1, default=0.95, step=0.01),
        NumberBox("Top-p", 0, 1),
        SearchField("Search chats"),
        LineField("Address"),
        TextArea("System prompt"),
        MessageField("Message"),
        Select("Theme", ["Light", "Dark"]),
        Progress("Loading"),
    ]
    show(*widgets)
    roles = set()
    for widget in widgets:
        interface = QAccessible.queryAccessibleInterface(widget)
        assert interface.text(QAccessible.Text.Name), widget
        roles.add(interface.role())
    assert {QAccessible.Role.Button, QAccessible.Role.Slider, QAccessible.Role.CheckBox} <= roles


def test_message_field_sends_with_enter_but_not_while_composing(qtbot: QtBot, show: Show) -> None:
    field = MessageField("Message", "Message Qwen3 8B")
    show(field)
    field.setFocus()
    sent: list[str] = []
    field.submitted.connect(lambda: sent.append(field.toPlainText()))
    QApplication.sendEvent(field, QInputMethodEvent("にほ", []))
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert sent == []
    committed = QInputMethodEvent("", [])
    committed.setCommitString("日本")
    QApplication.sendEvent(field, committed)
    qtbot.keyClick(field, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert sent == []
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert sent == ["日本\n"]


def test_message_field_grows_to_its_limit(qtbot: QtBot, show: Show) -> None:
    field = MessageField("Message", max_rows=4)
    show(field)
    one = field.sizeHint().height()
    field.setPlainText("a\nb\nc")
    three = field.sizeHint().height()
    field.setPlainText("\n".join("abcdefghij"))
    assert one < three < field.sizeHint().height() <= one * 4


def test_search_field_empties_with_escape(qtbot: QtBot, show: Show) -> None:
    field = SearchField("Search chats")
    show(field)
    qtbot.keyClicks(field, "abc")
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert field.text() == ""


def test_elided_label_tells_the_whole_in_its_tooltip(qtbot: QtBot, show: Show) -> None:
    label = ElidedLabel("Kubernetes probes explained to a six-year-old")
    show(label)
    label.resize(90, 20)
    assert label.toolTip() == label.text()
    label.resize(900, 20)
    assert label.toolTip() == ""


def test_nothing_is_clipped_at_150_percent_text(qtbot: QtBot, show: Show, qapp: QApplication) -> None:
    button = Button("Use 8,192 context", "primary")
    show(button)
    before = button.sizeHint()
    Theme(zoom=1.5).apply(qapp)
    assert button.sizeHint().width() > before.width() * 1.4
    assert theme.current().zoom == 1.5


@pytest.mark.parametrize("labelled", [True, False])
def test_a_choice_is_labelled_for_screen_readers_once(qtbot: QtBot, labelled: bool) -> None:
    page = QWidget()
    qtbot.addWidget(page)
    row, select = QHBoxLayout(page), Select("Theme", ["Light", "Dark"])
    if labelled:
        name = QLabel("Theme")
        name.setBuddy(select)
        row.addWidget(name)
    row.addWidget(select)
    page.show()
    page.hide()
    page.show()
    relations: Any = QAccessible.queryAccessibleInterface(select).relations(QAccessible.RelationFlag.Label)
    assert [label.text(QAccessible.Text.Name) for label, _ in relations] == ["Theme"]


def test_what_cannot_be_pressed_looks_alike(show: Show) -> None:
    parts = (Button("Save"), Chip("Save", menu=True), Select("Sets", ["Save"]))
    for part in parts:
        part.setEnabled(False)
    show(*parts)
    grounds = {part.grab().toImage().pixelColor(5, part.height() // 2).name() for part in parts}
    assert grounds == {theme.current().palette.window.lower()}


def test_signs_that_are_typed_are_not_redrawn_as_others(qapp: QApplication) -> None:
    calt = QFont.Tag("calt")
    fields = (TextArea("Text"), MessageField("Message"), LineField("Line"), Label("->", verbatim=True))
    assert [field.font().featureValue(calt) for field in fields] == [0] * 4
    assert not Label("->").font().isFeatureSet(calt)


def test_the_composers_field_shrinks_with_its_text_also_after_it_changed_unseen(show: Show, qtbot: QtBot) -> None:
    field = MessageField("Message")
    page = show(field)
    page.hide()
    for text in ("a\nb\nc\nd", ""):
        field.setPlainText(text)
        QApplication.processEvents()
    page.show()
    for text, tall in (("word " * 2000, True), ("", False)):
        field.setPlainText(text)
        qtbot.waitUntil(lambda tall=tall: (field.height() > 100) is tall)  # type: ignore[misc]


def test_the_tab_order_follows_the_layouts_and_keeps_none_of_their_items(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    outer, row, column = QVBoxLayout(window), QHBoxLayout(), QVBoxLayout()
    last, first, second, third = (QPushButton(name) for name in ("last", "first", "second", "third"))
    outer.addLayout(row)
    outer.addWidget(last)
    row.addLayout(column)
    column.addWidget(first)
    column.addWidget(second)
    row.addWidget(third)
    window.show()

    def items() -> set[int]:
        return {id(kept) for kept in getAllValidWrappers() if isinstance(kept, QWidgetItem)}

    before = items()
    assert list(in_order(window)) == [window, first, second, third, last]
    assert items() <= before, "one that outlives its item is taken for whatever is made at its address: a crash"


def test_what_is_hidden_leaves_the_focus_nearby_and_without_a_ring(qtbot: QtBot) -> None:
    window, page = InOrder(), QWidget()
    qtbot.addWidget(window)
    rail, field, save = Button("Rail"), QLineEdit(), Button("Save")
    for parent, parts in ((window, (rail, page)), (page, (field, save))):
        column = QVBoxLayout(parent)
        for part in parts:
            column.addWidget(part)
    window.show()
    window.activateWindow()
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)
    field.hide()
    assert save.hasFocus()
    assert not save.ring_shown, "no key was pressed"
    qtbot.keyClick(save, Qt.Key.Key_Tab)
    assert rail.hasFocus()
    assert rail.ring_shown
