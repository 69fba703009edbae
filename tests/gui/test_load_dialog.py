"""The load dialog on a host that the test holds in its hands: estimates, remedies, saving, loading, refusal."""

from collections.abc import Callable
from typing import Any

import pytest
from memory_fakes import GEMMA, QWEN, FakeHost, loaded_gemma
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from paddock.gui.pages.load_dialog import LoadDialog
from paddock.gui.pages.load_sliders import context_stops
from paddock.sdk.errors import EngineError, OutOfMemory
from paddock.sdk.types import LoadedModel

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def host(free_host: FakeHost) -> FakeHost:
    return free_host


@pytest.fixture
def show(qtbot: QtBot, open_load_dialog: Callable[..., LoadDialog]) -> Callable[[], LoadDialog]:
    def make() -> LoadDialog:
        dialog = open_load_dialog()
        qtbot.waitUntil(lambda: dialog.breakdown.estimate is not None and dialog.estimator.settled)
        return dialog

    return make


def calls(host: FakeHost, method: str) -> list[Any]:
    return [value for name, value in host.client.asked if name == method]


def settle(qtbot: QtBot, dialog: LoadDialog) -> None:
    qtbot.waitUntil(lambda: dialog.estimator.settled)


def ask_fully(qtbot: QtBot, host: FakeHost, dialog: LoadDialog, tokens: int) -> None:
    """Until the full question has left, and no answer to it or to the quick one before it has come."""
    host.held = True
    dialog.settings.context.slider.set_number(tokens)
    qtbot.waitUntil(lambda: dialog.estimator._full is not None)


def test_what_fits_says_so_with_every_part_in_numbers(show: Callable[[], LoadDialog]) -> None:
    dialog = show()
    card, machine = dialog.breakdown.devices
    assert card.name.text() == "RTX 4060 Laptop (CUDA0)"
    assert card.need.text() == "needs 6.2 GB of 7.2 GB free"
    said = card.legend.accessibleName()
    for words in ("Weights 4.7 GB", "KV cache 1.2 GB", "Compute 304 MB", "Free after 992 MB"):
        assert words in said
    assert machine.name.text() == "Memory of this computer"
    assert "Kept free 3.3 GB" in machine.legend.accessibleName(), "what the guard keeps is no one's"
    assert dialog.breakdown.notice.accessibleName() == "Fits. 1.0 GB stays free."
    assert dialog.breakdown.source.text() == "Simulated by the engine"
    assert dialog.settings.context.largest.text() == "Largest that fits: 14,848"
    assert dialog.load.isVisible()
    assert not dialog.force.isVisible()


def test_the_slider_asks_quickly_at_once_and_fully_when_it_rests(
    qtbot: QtBot, host: FakeHost, show: Callable[[], LoadDialog]
) -> None:
    dialog = show()
    host.client.asked.clear()
    host.held = True
    slider = dialog.settings.context.slider
    for number in (2048, 4096, 12288):
        slider.set_number(number)
    host.release()
    assert calls(host, "quick") == [{"n_ctx": 2048}], "one question at a time"
    assert dialog.breakdown.source.text() == "Estimated, the engine is being asked…"
    assert "KV cache 301 MB" in dialog.breakdown.devices[0].legend.accessibleName(), "the bar follows the drag"
    host.release()
    assert calls(host, "quick") == [{"n_ctx": 2048}, {"n_ctx": 12288}], "what was passed over is not asked"
    assert not calls(host, "full")
    host.held = False
    settle(qtbot, dialog)
    assert calls(host, "full") == [{"n_ctx": 12288}]
    assert dialog.breakdown.source.text() == "Simulated by the engine"


def test_a_full_answer_to_settings_that_have_moved_on_is_dropped(
    qtbot: QtBot, host: FakeHost, show: Callable[[], LoadDialog]
) -> None:
    dialog = show()
    ask_fully(qtbot, host, dialog, 40_960)
    dialog.settings.context.slider.set_number(1024)
    host.held = False
    host.release()
    settle(qtbot, dialog)
    assert dialog.breakdown.estimate is not None
    assert dialog.breakdown.estimate.context_length == 1024


def test_a_quick_answer_that_comes_after_the_full_one_is_dropped(
    qtbot: QtBot, host: FakeHost, show: Callable[[], LoadDialog]
) -> None:
    dialog = show()
    ask_fully(qtbot, host, dialog, 2048)
    host._waiting.reverse()
    host.release()
    assert dialog.breakdown.source.text() == "Simulated by the engine"
    assert dialog.estimator.settled


def test_a_remedy_is_a_button_that_applies_it(qtbot: QtBot, host: FakeHost, show: Callable[[], LoadDialog]) -> None:
    dialog = show()
    dialog.settings.context.slider.set_number(40_960)
    settle(qtbot, dialog)
    notice = dialog.breakdown.notice
    assert notice._button.text() == "Use 14,848 tokens of context"
    assert dialog.force.isVisible()
    assert not dialog.load.isVisible()
    assert "middle of an answer" in dialog.status.text(), "what may happen is said"
    notice._button.click()
    settle(qtbot, dialog)
    assert dialog.settings.context.number() == 14_848
    assert notice.accessibleName().startswith("Fits.")
    assert dialog.load.isVisible()


def test_loading_anyway_forces(qtbot: QtBot, host: FakeHost, show: Callable[[], LoadDialog]) -> None:
    dialog = show()
    dialog.settings.context.slider.set_number(40_960)
    settle(qtbot, dialog)
    with qtbot.waitSignal(dialog.loaded) as loaded:
        dialog.force.click()
    assert loaded.args == [QWEN]
    assert calls(host, "load") == [({"n_ctx": 40_960}, True)]


def test_unloading_another_model_first_is_one_click(
    qtbot: QtBot, host: FakeHost, show: Callable[[], LoadDialog]
) -> None:
    host.client.gemma = True
    dialog = show()
    assert dialog.status.text() == "Loading it unloads Gemma 3 4B first."
    dialog.breakdown.notice._button.click()
    settle(qtbot, dialog)
    assert calls(host, "unload") == ["i1"]
    qtbot.waitUntil(lambda: dialog.breakdown.notice.accessibleName().startswith("Fits."))
    assert not dialog.status.isVisible()


def test_a_refused_load_says_why_and_keeps_the_dialog_with_its_remedy(
    qtbot: QtBot, host: FakeHost, show: Callable[[], LoadDialog]
) -> None:
    dialog = show()
    host.client.fail["load"] = OutOfMemory("Does not fit: 4.1 GB are missing.", hint="Unload Gemma 3 4B first.")
    host.client.gemma = True  # it came meanwhile
    dialog.load.click()
    qtbot.waitUntil(lambda: dialog.trouble.isVisible())
    assert dialog.isVisible()
    assert dialog.trouble.accessibleName() == "Does not fit: 4.1 GB are missing. Unload Gemma 3 4B first."
    settle(qtbot, dialog)
    assert dialog.breakdown.notice._button.text() == "Unload Gemma 3 4B first"


def test_an_estimate_that_fails_says_so_in_its_place_and_loading_stays_possible(
    qtbot: QtBot, host: FakeHost, show: Callable[[], LoadDialog]
) -> None:
    dialog = show()
    host.client.fail["full"] = host.client.fail["quick"] = EngineError("The simulation ended.", hint="Look at the log.")
    dialog.settings.context.slider.set_number(1024)
    settle(qtbot, dialog)
    said = dialog.breakdown.notice.accessibleName()
    assert said == "What it takes cannot be told. The simulation ended. Look at the log."
    assert not dialog.breakdown.devices[0].isVisible()
    assert dialog.load.isEnabled()
    host.client.fail.clear()
    dialog.settings.context.slider.set_number(2048)
    settle(qtbot, dialog)
    assert dialog.breakdown.devices[0].isVisible()


def test_a_load_shows_its_progress_and_can_be_stopped(
    qtbot: QtBot, host: FakeHost, show: Callable[[], LoadDialog]
) -> None:
    dialog = show()
    host.held = True
    dialog.load.click()
    host.loaded["i2"] = LoadedModel(id="i2", model=QWEN, engine="llamacpp", state="loading", progress=0.4)
    host.models_changed.emit()
    assert dialog.status.text() == "Loading… 40 %"
    assert dialog.progress.isVisible()
    assert dialog.cancel.text() == "Stop loading"
    assert not dialog.settings.isEnabled()
    load = dialog._load
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert load is not None
    assert load.cancelled  # type: ignore[attr-defined]
    assert dialog.isVisible(), "stopping a load is not closing"
    assert dialog.settings.isEnabled()
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_saved_settings_are_shown_kept_and_forgotten(
    qtbot: QtBot, host: FakeHost, show: Callable[[], LoadDialog]
) -> None:
    host.client.saved = {"n_ctx": 12_288, "cache_type_k": "q8_0", "cache_type_v": "q4_0"}
    dialog = show()
    settings = dialog.settings
    assert settings.context.number() == 12_288
    assert settings.cache.choice.currentText() == "K q8_0, V q4_0"
    dialog.defaults.click()
    assert dialog.options() == {"n_ctx": 8192, "cache_type_k": "f16", "cache_type_v": "f16"}, "not the saved ones"
    settings.cache.choice.activated.emit(3)
    dialog.save.click()
    qtbot.waitUntil(lambda: not dialog.save.isEnabled())
    assert host.client.saved == {"cache_type_k": "q8_0", "cache_type_v": "q8_0"}
    settings.parallel.slider.set_number(2)
    assert dialog.save.isEnabled()
    dialog.defaults.click()
    dialog.save.click()
    qtbot.waitUntil(lambda: dialog.save.text() == "Saved: the defaults")
    assert host.client.saved == {}


def test_settings_moved_before_the_saved_ones_came_stay(qtbot: QtBot, host: FakeHost) -> None:
    host.client.saved = {"n_ctx": 1024}
    parent = QWidget()
    qtbot.addWidget(parent)
    dialog = LoadDialog(host, QWEN, parent)
    dialog.settings.context.slider.set_number(4096)
    qtbot.waitUntil(lambda: dialog.breakdown.estimate is not None and dialog.estimator.settled)
    assert dialog.settings.context.number() == 4096


def test_a_loaded_model_shows_what_is_in_force_and_is_replaced(host: FakeHost, show: Callable[[], LoadDialog]) -> None:
    host.loaded["i2"] = LoadedModel(
        id="i2", model=QWEN, engine="llamacpp", state="ready", options={"n_ctx": 2048, "n_threads": 6, "n_ubatch": 256}
    )
    dialog = show()
    assert dialog.options() == {"n_ctx": 2048, "n_ubatch": 256}, "threads that the engine chose are no setting"
    assert dialog.load.text() == "Load again"
    assert dialog.plan.replacing() == ("i2",)


def test_auto_takes_the_context_that_the_host_decides(
    qtbot: QtBot, host: FakeHost, show: Callable[[], LoadDialog]
) -> None:
    dialog = show()
    context = dialog.settings.context
    context.auto.click()
    settle(qtbot, dialog)
    assert dialog.options() == {"n_ctx": 0}
    assert not context.slider.isEnabled()
    context.auto.click()
    context.largest.click()
    assert dialog.options() == {"n_ctx": 14_848}


def test_layers_are_offered_only_where_a_gpu_could_take_them(
    qtbot: QtBot, host: FakeHost, show: Callable[[], LoadDialog]
) -> None:
    dialog = show()
    layers = dialog.settings.layers
    assert layers.isVisible()
    assert layers.number() == 36
    layers.slider.set_number(20)
    assert dialog.options() == {"n_gpu_layers": 20}
    layers.slider.set_number(36)
    assert dialog.options() == {}, "all of them is the default"
    host.client.gpu = False
    dialog.settings.parallel.slider.set_number(4)
    settle(qtbot, dialog)
    assert not layers.isVisible()


def test_every_other_option_has_a_control_that_gives_what_it_takes(show: Callable[[], LoadDialog]) -> None:
    from paddock.sdk.llamacpp_load import LOAD
    from paddock.sdk.options import check

    dialog = show()
    settings = dialog.settings
    values = {
        spec.name: value
        for spec in LOAD
        if (value := {"bool": spec.default is not True, "text": "x", "list": ["a", "b"]}.get(spec.kind)) is not None
    }
    values |= {"n_threads": 3, "cache_ram_mib": 0, "flash_attn": "on", "yarn_ext_factor": 0.5, "rope_scaling": "yarn"}
    settings.set_options(values)
    assert check(dialog.options(), LOAD, where="test") == values
    settings.set_options({})
    assert dialog.options() == {}
    assert settings.fields["n_batch"].editor.text() == "2,048"


def test_what_is_free_changing_asks_again_without_a_quick_answer(
    qtbot: QtBot, host: FakeHost, show: Callable[[], LoadDialog], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paddock.gui.pages.load_dialog.MEMORY_PAUSE_MS", 20)
    dialog = show()
    host.client.asked.clear()
    host.client.gemma = True
    host.memory_changed.emit()
    settle(qtbot, dialog)
    assert (len(calls(host, "quick")), len(calls(host, "full"))) == (0, 1)
    assert dialog.breakdown.notice.accessibleName().startswith("Fits when Gemma 3 4B is unloaded.")


def test_the_dialog_works_from_the_keyboard_and_names_everything(qtbot: QtBot, show: Callable[[], LoadDialog]) -> None:
    dialog = show()
    names = []
    for widget in dialog.findChildren(QWidget):
        if widget.isVisible() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.focusProxy() is None:
            interface = QAccessible.queryAccessibleInterface(widget)
            names.append(interface.text(QAccessible.Text.Name))
    assert all(names), names
    assert len(set(names)) == len(names), sorted(names)
    qtbot.keyClick(dialog.settings.context.slider, Qt.Key.Key_Left)
    assert dialog.settings.context.number() == 7168


def test_enter_applies_the_remedy_and_then_loads(qtbot: QtBot, host: FakeHost, show: Callable[[], LoadDialog]) -> None:
    host.client.saved = {"n_ctx": 32_768}
    dialog = show()
    assert dialog.force.isVisible()
    remedy = dialog.focusWidget()
    assert remedy is not None
    assert QAccessible.queryAccessibleInterface(remedy).text(QAccessible.Text.Name) == "Use 14,848 tokens of context"
    qtbot.keyClick(remedy, Qt.Key.Key_Return)
    settle(qtbot, dialog)
    assert dialog.options() == {"n_ctx": 14_848}
    assert dialog.focusWidget() is dialog.load
    qtbot.keyClick(dialog.load, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not dialog.isVisible())
    assert calls(host, "load") == [({"n_ctx": 14_848}, False)]


@pytest.mark.parametrize("trained", [16, 512, 2048, 40_960, 1_000_000])
def test_context_stops_rise_to_what_the_model_was_trained_for(trained: int) -> None:
    stops = context_stops(trained)
    assert stops == sorted(set(stops))
    assert stops[-1] == trained
    assert len(stops) <= 60


def test_a_model_of_another_engine_has_the_bar_but_no_settings(
    qtbot: QtBot, host: FakeHost, open_load_dialog: Callable[..., LoadDialog]
) -> None:
    import msgspec

    host.models[GEMMA] = msgspec.structs.replace(host.models[GEMMA], engine="echo")
    dialog = open_load_dialog(model=GEMMA)
    qtbot.waitUntil(lambda: dialog.breakdown.estimate is not None)
    assert dialog.options() == {}
    assert not dialog.settings.unfold.isVisible()
    assert loaded_gemma().id in dialog.plan.replacing()
