"""The load dialog and the answers of the Chat page say what every other face says: the table of verdicts, through a
real host with real, tiny models."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtGui import QAccessible

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

from verdict_table import CASES, OPTIONS, WANTED, Case, arrange, write_models

from paddock.sdk import Client, SettingsPatch

Scene = Any
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def client(home: Path) -> Iterator[Client]:
    write_models(home / "models")
    with Client.connect(home) as client:
        client.set_load_options(WANTED, OPTIONS)
        yield client


def opened(scene: Scene, model: str = "") -> Any:
    dialog = scene.chat.open_load_dialog(model)
    settled(scene, dialog)
    return dialog


def settled(scene: Scene, dialog: Any) -> None:
    scene.until(lambda: dialog.breakdown.estimate is not None and dialog.estimator.settled)


def closed(scene: Scene, dialog: Any) -> None:
    """Wait until it is gone; it deletes itself."""
    from shiboken6 import isValid

    scene.until(lambda: not isValid(dialog) or not dialog.isVisible())


def without_sizes(sentence: str) -> str:
    """What is free moves from one question to the next."""
    return re.sub(r"[\d.]+ [KMG]?B", "", sentence)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.verdict)
def test_the_dialog_tells_what_the_table_says_and_obeys_the_same_override(
    case: Case, client: Client, scene: Scene
) -> None:
    arrange(client, case)
    told = client.estimate(WANTED)
    dialog = opened(scene, WANTED)
    breakdown = dialog.breakdown
    assert breakdown.estimate.verdict == told.verdict == case.verdict
    assert without_sizes(breakdown.notice.accessibleName()) == without_sizes(told.sentence)
    assert (breakdown.remedy is not None) == case.remedy
    assert dialog.load.isVisible() == case.loads
    assert dialog.force.isVisible() != case.loads
    (dialog.load if case.loads else dialog.force).click()
    closed(scene, dialog)
    scene.until(lambda: (now := scene.host.loaded_model(WANTED)) is not None and now.state == "ready")
    assert (len(client.loaded()) > 1) == (case.verdict == "fits")


def test_the_button_of_the_remedy_makes_it_fit(client: Client, scene: Scene) -> None:
    arrange(client, next(case for case in CASES if case.verdict == "fits_with"))
    dialog = opened(scene, WANTED)
    button = dialog.focusWidget()
    assert button.text() == dialog.breakdown.remedy.sentence, "Enter applies it"
    button.click()
    settled(scene, dialog)
    assert dialog.breakdown.estimate.verdict in ("fits", "fits_if_unloaded")
    assert dialog.focusWidget() is dialog.load
    dialog.load.click()
    closed(scene, dialog)


def test_an_answer_that_the_guard_refused_has_the_remedy_as_a_button(client: Client, scene: Scene) -> None:
    arrange(client, next(case for case in CASES if case.verdict == "fits_with"))
    scene.dialogue.set_model(WANTED)
    scene.type_and_send("hello")
    scene.answered()
    failed = scene.dialogue.messages[-1]
    remedy = failed.error["details"]["remedy"]
    interface = scene.chat.view.access.row(scene.chat.view.column.rows[-1])
    assert failed.error["message"] in interface.text(QAccessible.Text.Name)
    press(scene, interface, remedy)
    dialog = shown_dialog(scene)
    settled(scene, dialog)
    assert dialog.options().items() >= failed.error["details"]["remedy_options"].items()
    assert dialog.breakdown.estimate.verdict in ("fits", "fits_if_unloaded")
    dialog.load.click()
    closed(scene, dialog)
    client.patch_settings(SettingsPatch(memory_guard="off"))
    scene.chat.view.retry_requested.emit(failed.id)
    scene.answered()
    assert scene.dialogue.messages[-1].state == "done"


def test_an_answer_that_ran_out_of_memory_leads_to_the_load_settings(scene: Scene) -> None:
    scene.take_model("stubborn")
    scene.type_and_send("hello")
    scene.answered()
    press(scene, scene.chat.view.access.row(scene.chat.view.column.rows[-1]), "Change load settings")
    dialog = shown_dialog(scene)
    settled(scene, dialog)
    assert dialog.title.text() == scene.host.model_name(scene.model("stubborn"))
    dialog.reject()


def press(scene: Scene, interface: Any, name: str) -> None:
    from conversations import child_names
    from PySide6.QtGui import QAccessibleActionInterface

    assert child_names(interface)[-2:] == [name, "Retry"]
    child = interface.child(child_names(interface).index(name))
    child.actionInterface().doAction(QAccessibleActionInterface.pressAction())


def shown_dialog(scene: Scene) -> Any:
    from paddock.gui.pages.load_dialog import LoadDialog

    return next(dialog for dialog in scene.chat.findChildren(LoadDialog) if dialog.isVisible())
