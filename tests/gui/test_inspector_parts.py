"""The inspector's parts as a person uses them: every sampler, their order, what else shapes an answer, panes."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from pytestqt.qtbot import QtBot

from paddock.gui.pages.inspector import Inspector
from paddock.gui.pages.inspector_preview import Sight, question
from paddock.gui.pages.sampling_order import OrderControl
from paddock.gui.pages.sampling_other import OtherControl, meant, shown
from paddock.gui.theme import Theme
from paddock.gui.widgets.popup import Popup
from paddock.gui.widgets.token_chart import BarChart, TokenBar
from paddock.sdk.llamacpp_sampling import SAMPLERS, SAMPLING
from paddock.sdk.presets import Preset
from paddock.sdk.types import Chat, ChatMessage, ChatSummary, ModelInfo, Pane

MODEL = ModelInfo(id="a/b", name="B", engine="llamacpp", path="b.gguf", capabilities=("chat", "reasoning"))


pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture(scope="module")
def themed(qapp: Any) -> None:
    Theme().apply(qapp)


@pytest.fixture
def inspector(qtbot: QtBot, themed: None) -> Inspector:
    made = Inspector()
    qtbot.addWidget(made)
    made.resize(316, 900)
    made.show_model(MODEL)
    return made


def summary(**more: Any) -> ChatSummary:
    return ChatSummary(id="c", title="C", created=0, updated=0, **more)


def test_every_option_of_the_engine_has_a_control(inspector: Inspector) -> None:
    assert set(inspector.samplers) == {"temperature", "top_p", "top_k", "min_p", "repeat_penalty"}
    inspector.section.more.set_open(True)
    inspector.section.order.set_open(True)
    assert set(inspector.samplers) | {"seed"} == {spec.name for spec in SAMPLING}
    for spec in SAMPLING:
        if spec.name not in ("seed", "samplers"):
            control = inspector.samplers[spec.name]
            assert control.name.accessibleDescription() == spec.help  # type: ignore[union-attr]
            control.set_value(None)
            assert not control.differs(), spec.name


def test_values_are_the_same_before_and_after_the_fold_is_opened(inspector: Inspector) -> None:
    given = {
        "dry_multiplier": 0.8,
        "min_p": 0.001,
        "ignore_eos": True,
        "drafting": "ngram",
        "logit_bias": {"42": -1.5},
        "dry_sequence_breakers": ["\n", "###"],
        "mirostat": 2,
        "seed": 7,
        "samplers": ["top_k", "temperature"],
    }
    inspector.set_sampling(given)
    assert inspector.sampling() == given
    inspector.section.more.set_open(True)
    inspector.section.order.set_open(True)
    assert inspector.sampling() == given
    assert inspector.section.more.head.accessibleDescription() == "6 changed"
    inspector.section.reset_all.click()
    assert inspector.sampling() == {"seed": 7}


def test_a_filter_finds_samplers_by_name_alias_and_group(inspector: Inspector, qtbot: QtBot) -> None:
    inspector.section.more.set_open(True)
    inspector.section.filter.setText("dry window")
    hidden = {name for name, control in inspector.samplers.items() if control.isHidden()}
    assert "dry_penalty_last_n" not in hidden
    assert {"typical_p", "dry_multiplier"} <= hidden
    inspector.section.filter.setText("mirostat_lr")
    assert not inspector.samplers["mirostat_eta"].isHidden()
    inspector.section.filter.setText("zzz")
    assert not inspector.section.nothing.isHidden()


def test_the_order_changes_by_keyboard_and_goes_back(inspector: Inspector, qtbot: QtBot) -> None:
    inspector.section.order.set_open(True)
    order = inspector.samplers["samplers"]
    assert isinstance(order, OrderControl)
    order.list.setCurrentRow(3)
    with qtbot.waitSignal(inspector.sampling_changed):
        qtbot.keyClick(order.list, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert inspector.sampling()["samplers"][:4] == ["penalties", "dry", "top_k", "top_n_sigma"]  # type: ignore[index]
    order.reset.click()
    assert inspector.sampling() == {}
    order.list.model().moveRow(order.list.rootIndex(), 8, order.list.rootIndex(), 0)  # as a drag does
    assert inspector.sampling()["samplers"] == ["temperature", *SAMPLERS[:-1]]


def test_a_sampler_that_does_nothing_is_marked(inspector: Inspector) -> None:
    inspector.section.order.set_open(True)
    order = inspector.samplers["samplers"]
    assert isinstance(order, OrderControl)

    def idle() -> set[str]:
        said = Qt.ItemDataRole.AccessibleDescriptionRole
        rows = [order.list.item(row) for row in range(order.list.count())]
        return {row.data(Qt.ItemDataRole.UserRole) for row in rows if row.data(said)}

    assert idle() == {"penalties", "dry", "top_n_sigma", "typical_p", "xtc"}
    inspector.samplers["top_k"].switch.click()  # type: ignore[union-attr]
    assert "top_k" in idle()
    inspector.samplers["temperature"].box.setValue(0)  # type: ignore[union-attr]
    assert idle() == set(SAMPLERS)


def test_help_opens_from_the_keyboard(inspector: Inspector, qtbot: QtBot) -> None:
    inspector.show()
    name = inspector.samplers["top_k"].name  # type: ignore[union-attr]
    qtbot.keyClick(name, Qt.Key.Key_Return)
    sheet = next(popup for popup in name.findChildren(Popup) if popup.isVisible())
    assert sheet.accessibleName() == "About Top-k"
    qtbot.keyClick(sheet, Qt.Key.Key_Escape)
    assert not sheet.isVisible()


def test_what_the_engine_does_not_offer_is_said_and_not_sent(inspector: Inspector) -> None:
    inspector.show_settings(summary(sampling={"temperature": 0.3, "quantum_p": 0.5}))
    assert not inspector.section.foreign.isHidden()
    assert inspector.request().sampling == {"temperature": 0.3}
    assert inspector.chat_patch().sampling == {"temperature": 0.3, "quantum_p": 0.5}


def test_an_option_that_is_reset_goes_to_the_models_default(inspector: Inspector) -> None:
    inspector.show_settings(summary(sampling={"temperature": 0.3, "top_k": 5}))
    inspector.samplers["temperature"].reset_value()
    assert inspector.request().sampling == {"temperature": None, "top_k": 5}
    assert inspector.chat_patch().sampling == {"top_k": 5}


def test_what_is_stored_stays_where_it_equals_the_default_of_the_model_before(inspector: Inspector) -> None:
    """The conversation that is opened has another model, whose defaults come after its settings."""
    before = inspector.samplers["top_k"].value()
    inspector.show_model(ModelInfo(id="x", name="X", engine="llamacpp", path="x", sampling={"temperature": 0.4}))
    inspector.show_settings(summary(sampling={"temperature": 0.4}))
    inspector.show_model(ModelInfo(id="y", name="Y", engine="llamacpp", path="y"))
    assert inspector.chat_patch().sampling == {"temperature": 0.4}
    assert inspector.follow(summary(sampling={"temperature": 0.5}))
    assert (inspector.sampling(), inspector.samplers["top_k"].value()) == ({"temperature": 0.5}, before)


def test_stop_strings_seed_length_and_reasoning_go_with_the_question(inspector: Inspector, qtbot: QtBot) -> None:
    answer = inspector.answer
    qtbot.keyClicks(answer.stop.field, r"\nUser:")
    qtbot.keyClick(answer.stop.field, Qt.Key.Key_Return)
    answer.limit.switch.click()
    answer.limit.box.setValue(64)
    answer.seed.switch.click()
    answer.dice.click()
    answer.reasoning.setCurrentIndex(2)
    request = inspector.request()
    assert (request.stop, request.max_tokens, request.reasoning) == (("\nUser:",), 64, False)
    assert request.sampling == {"seed": answer.fixed_seed()}
    answer.stop.chips[0].click()
    answer.limit.switch.click()
    assert (inspector.request().stop, inspector.request().max_tokens) == ((), 0)
    inspector.show_model(ModelInfo(id="x", name="X", engine="llamacpp", path="x", capabilities=("chat",)))
    assert answer.reasoning_row.isHidden()
    assert inspector.request().reasoning == "auto"


@pytest.mark.parametrize("text", ["\n", "a\\nb", "\t\\", "plain"])
def test_what_is_shown_is_what_is_meant(text: str) -> None:
    assert meant(shown(text)) == text


def test_a_bias_that_is_none_is_named(inspector: Inspector) -> None:
    inspector.section.more.set_open(True)
    bias = inspector.samplers["logit_bias"]
    assert isinstance(bias, OtherControl)
    bias.editor.setPlainText("42 = -100\n Paris=2\nnonsense")  # type: ignore[attr-defined]
    assert inspector.sampling()["logit_bias"] == {"42": -100.0, "Paris": 2.0}
    assert "nonsense" in bias.problem.text()


def test_a_preset_is_recognised_and_its_changes_are_marked(inspector: Inspector) -> None:
    precise = Preset(id="p", name="Precise", sampling={"temperature": 0.2, "top_p": 0.95}, stop=("END",))
    inspector.presets._set([precise])
    inspector.presets.chosen.emit(precise)
    assert inspector.sampling() == {"temperature": 0.2}
    chip = inspector.presets.chip
    assert (chip.accessibleName(), chip.accessibleDescription()) == ("Preset: Precise", "")
    inspector.samplers["top_k"].box.setValue(7)  # type: ignore[union-attr]
    assert chip.accessibleDescription() == "changed"
    inspector.presets.revert.click()
    assert inspector.sampling() == {"temperature": 0.2}
    inspector.show_settings(summary(sampling={"temperature": 0.2}, stop=("END",)))
    assert inspector.presets.current == precise


def test_a_new_conversation_begins_with_the_default_preset(inspector: Inspector) -> None:
    every = Preset(id="e", name="Every", sampling={"temperature": 0.1}, default_for=("*",))
    own = Preset(id="o", name="Own", sampling={"temperature": 0.9}, system="Be kind.", default_for=("a/b",))
    inspector.show_settings(None)
    inspector.presets._set([every, own])
    assert (inspector.sampling(), inspector.system.toPlainText()) == ({"temperature": 0.9}, "Be kind.")
    assert inspector.presets.chip.accessibleDescription() == ""
    inspector.show_model(ModelInfo(id="x", name="X", engine="llamacpp", path="x"))
    assert inspector.sampling() == {"temperature": 0.1}
    inspector.show_settings(summary(sampling={"top_k": 3}))
    assert inspector.sampling() == {"top_k": 3}


def test_a_pane_is_edited_and_the_conversation_comes_back(inspector: Inspector, qtbot: QtBot) -> None:
    inspector.show_settings(summary(sampling={"temperature": 0.3}))
    inspector.show_system("Of the conversation.")
    inspector.edit_pane("Pane 2", Pane(id="p2", name="mine", model="x", sampling={"top_k": 9}), MODEL)
    assert inspector.samplers["top_k"].value() == 9
    assert inspector.samplers["temperature"].value() == 0.3  # taken from the conversation
    assert inspector.section.count.text() == "1 changed"
    assert not inspector.system.isEnabled()
    inspector.prompt.own.click()
    inspector.system.setPlainText("Of the pane.")
    inspector.samplers["top_k"].box.setValue(11)  # type: ignore[union-attr]
    assert inspector.sampling() == {"temperature": 0.3}  # the conversation's own stay
    with qtbot.waitSignal(inspector.pane_changed) as told:
        inspector.flush()
    assert told.args == [Pane(id="p2", name="mine", model="x", system="Of the pane.", sampling={"top_k": 11})]
    with qtbot.waitSignal(inspector.pane_closed):
        inspector.back.click()
    assert inspector.settings().sampling == {"temperature": 0.3}
    assert inspector.system.toPlainText() == "Of the conversation."
    assert inspector.system.isEnabled()


def test_everything_that_takes_the_focus_has_a_name(inspector: Inspector) -> None:
    inspector.section.more.set_open(True)
    inspector.section.order.set_open(True)
    inspector.show()
    nameless = []
    for widget in inspector.findChildren(object):
        policy = getattr(widget, "focusPolicy", None)
        if policy is None or policy() == Qt.FocusPolicy.NoFocus or not widget.isVisible():  # type: ignore[attr-defined]
            continue
        if widget.objectName() in ("qt_spinbox_lineedit",):
            continue
        face = QAccessible.queryAccessibleInterface(widget)
        if face is not None and not face.text(QAccessible.Text.Name):
            nameless.append(widget)
    assert nameless == []


def test_the_chance_of_a_sure_token_keeps_its_distance_from_the_full_bar(qtbot: QtBot, themed: None) -> None:
    chart = BarChart("Next tokens")
    qtbot.addWidget(chart)
    chart.show_bars([TokenBar("a", 1.0, 1.0)])
    chart.resize(300, chart.height())
    image = chart.viewport().grab().toImage()
    ground = image.pixel(0, 0)
    empty = [all(image.pixel(x, y) == ground for y in range(image.height())) for x in range(image.width())]
    gaps = [len(list(run)) for blank, run in groupby(empty[image.width() // 2 :]) if blank]
    assert gaps[0] >= 6 * image.devicePixelRatio()  # from the mark at the bar's end to the first digit


def test_the_question_about_the_next_token_is_the_conversation_at_its_place() -> None:
    said = [("user", "One?"), ("assistant", "Two."), ("user", "Three?"), ("assistant", "Four.")]
    messages = tuple(
        ChatMessage(id=str(n), chat_id="c", parent=None, role=role, content=text)  # type: ignore[arg-type]
        for n, (role, text) in enumerate(said)
    )
    chat = Chat(summary=summary(private=True), messages=messages)
    begins = question(chat, Sight("c", "3", "m", "Be brief."), "From the settings.")
    assert [message.content for message in begins.messages] == ["Be brief.", "One?", "Two.", "Three?"]
    assert (begins.go_on, begins.private) == (False, True)
    ends = question(chat, Sight("c", "3", "m", place="ends"), "From the settings.")
    assert [message.content for message in ends.messages][0::4] == ["From the settings.", "Four."]
    assert ends.go_on
