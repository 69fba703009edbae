"""Lists of prompts while the host's events and answers come in another order than they were said; a real host."""

from collections.abc import Iterator
from typing import Any

import pytest
from batch_lists import forgotten, open_list
from hands import click

from paddock.gui.pages.batch_dialog import BatchDialog
from paddock.sdk.compare import Batch
from paddock.sdk.events import BatchChanged
from paddock.sdk.types import Pane

Scene = Any
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def scene(chat_scene: Scene) -> Iterator[Scene]:
    with forgotten(chat_scene):
        yield chat_scene


@pytest.fixture
def shown(scene: Scene) -> Iterator[BatchDialog]:
    dialog = open_list(scene)
    yield dialog
    dialog.close()


def test_a_list_that_was_paused_stays_so_whatever_is_told_late(
    scene: Scene, shown: BatchDialog, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = shown.run
    shown.setup.set_panes([Pane(model=scene.model("slow"))])
    shown.setup.source.text.setPlainText("one")
    click(shown.setup.start)
    held: list[BatchChanged] = []
    update = scene.host._update
    scene.until(lambda: run.batch is not None and bool(run.batch.running))
    monkeypatch.setattr(
        scene.host, "_update", lambda told: held.append(told) if isinstance(told, BatchChanged) else update(told)
    )
    before = run.batch
    click(run.pause)
    scene.until(lambda: run.pause.text() == "Go on")
    update(BatchChanged(id=before.id, batch=before))
    assert run.pause.text() == "Go on"
    scene.until(lambda: any(told.batch.state == "paused" for told in held))
    for told in held:
        update(told)
        assert run.pause.text() == "Go on"
    update(BatchChanged(id=before.id, batch=before))
    assert [batch.state for batch in shown.batches.values()] == ["paused"]
    click(run.pause)
    scene.until(lambda: run.pause.text() == "Pause")


def test_a_list_that_is_done_before_it_is_shown_is_shown_done(scene: Scene, shown: BatchDialog) -> None:
    shown.setup.set_panes([Pane(model=scene.model("fast"))])
    shown.setup.source.text.setPlainText("one")
    begun: list[Batch] = []
    shown.setup.started.disconnect(shown.show_batch)
    shown.setup.started.connect(begun.append)
    click(shown.setup.start)
    scene.until(lambda: bool(begun) and any(batch.state == "done" for batch in shown.batches.values()))
    assert begun[0].state == "running"
    shown.show_batch(begun[0])
    assert shown.run.batch is not None
    assert shown.run.state.text().startswith("Done · 1 of 1")
    shown._show_all(begun)  # asked for before it was done
    assert [batch.state for batch in shown.batches.values()] == ["done"]
