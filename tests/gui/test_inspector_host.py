"""The inspector with a real host: the next token, a running answer, presets, saved prompts, what others wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import psutil
import pytest
from compare_stage import Stage
from hands import click
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from paddock.gui.pages import inspector_preview
from paddock.gui.pages.inspector import Inspector
from paddock.gui.pages.inspector_import import ImportPreset
from paddock.gui.pages.inspector_prompts import PromptLibrary
from paddock.gui.widgets.token_chart import TokenBar, percent, seen
from paddock.sdk.asking import question
from paddock.sdk.errors import HostUnavailable
from paddock.sdk.events import TextDelta
from paddock.sdk.types import NewChat, SendRequest

Scene = Any
STARTER = "paddock/starter"
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def scene(stage: Stage, qtbot: QtBot) -> Stage:
    """A real host without a window."""
    stage.qtbot = qtbot
    stage.until(lambda: stage.host.connection == "connected" and stage.host.models_known)
    return stage


@pytest.fixture
def inspector(scene: Scene) -> Inspector:
    made = Inspector()
    scene.qtbot.addWidget(made)
    made.bind(scene.host, scene.messages)
    made.resize(316, 900)
    with scene.qtbot.waitExposed(made):
        made.show()
    return made


def test_temperature_zero_for_a_running_answer_makes_it_greedy(scene: Scene, inspector: Inspector) -> None:
    """The widget hands the running answer its new settings. The worker is halted meanwhile, so that none of the words
    can have been written with the others; that they hold from where an answer is, the engine's own tests show."""
    host = scene.host
    wild = {"temperature": 1.5, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "ignore_eos": True, "seed": 5}
    loaded = scene.ask(lambda client: client.load(STARTER))
    chat = scene.ask(lambda client: client.create_chat(NewChat(model=STARTER))).summary.id
    inspector.show_model(host.models[STARTER])
    inspector.set_sampling(wild)
    inspector.show_chat(chat, "")
    request = SendRequest(content="Tell me a story about a fox.", sampling=wild, max_tokens=40)
    pieces: list[str] = []
    ended: list[bool] = []
    assert inspector.running.isHidden()
    worker = psutil.Process(loaded.pid)
    worker.suspend()
    try:
        host.stream(
            lambda client: client.send(chat, request),
            lambda events: pieces.extend(event.text for event in events if isinstance(event, TextDelta)),
            lambda: ended.append(True),
        )
        scene.until(lambda: bool(host.generations) and [m.active for m in scene.ask(lambda c: c.loaded())] == [1])
        inspector.samplers["temperature"].box.setValue(0)  # type: ignore[union-attr]
        assert not inspector.running.isHidden()
        with scene.qtbot.waitSignal(inspector.running.applied):
            inspector.running.apply.click()
    finally:
        worker.resume()
    scene.until(lambda: bool(ended))
    scene.until(lambda: inspector.running.isHidden())
    greedy, other = (
        scene.ask(lambda client, heat=heat: collected(client, request, {**wild, "temperature": heat}))
        for heat in (0.0, 1.5)
    )
    assert "".join(pieces) == greedy != other


async def collected(client: Any, request: SendRequest, sampling: Any) -> str:
    asked = question(request.content, model=STARTER, max_tokens=request.max_tokens, sampling=sampling)
    return "".join([event.text async for event in client.generate(asked) if isinstance(event, TextDelta)])


def test_the_next_token_follows_the_sliders(scene: Scene, inspector: Inspector) -> None:
    host = scene.host
    chat = scene.ask(lambda client: client.create_chat(NewChat(model=STARTER))).summary.id
    inspector.show_model(host.models[STARTER])
    inspector.next_token.set_open(True)
    preview = inspector.preview
    assert preview is not None
    assert "Ask something" in preview.state.text()

    async def answer(client: Any) -> str:
        request = SendRequest(content="What is the capital of France?", max_tokens=5)
        async for _ in client.send(chat, request):
            pass
        return (await client.chat(chat)).messages[-1].id

    leaf = scene.ask(answer)
    inspector.show_chat(chat, leaf)
    scene.until(lambda: not preview.tokens.isHidden())
    bars = [bar for bar in preview.tokens.rows.bars if isinstance(bar, TokenBar)]
    assert len(bars) == 10
    assert bars[0].before == max(bar.before for bar in bars)
    assert "of" in inspector.next_token.head.accessibleDescription()
    inspector.samplers["top_k"].box.setValue(2)  # type: ignore[union-attr]
    bars = [bar for bar in preview.tokens.rows.bars if isinstance(bar, TokenBar)]
    assert [bar.cut for bar in bars] == ["", "", *["Top-k"] * 8] or all(bar.cut for bar in bars[2:])
    spoken = preview.tokens.rows.index(5).data(Qt.ItemDataRole.AccessibleTextRole)
    assert "cut off by Top-k" in spoken
    inspector.samplers["temperature"].box.setValue(0)  # type: ignore[union-attr]
    bars = [bar for bar in preview.tokens.rows.bars if isinstance(bar, TokenBar)]
    assert [percent(bar.now) for bar in bars[:2]] == ["100.0 %", "0.0 %"]
    scene.ask(lambda client: client.unload(STARTER))
    scene.until(lambda: host.loaded_model(STARTER) is None)
    inspector.show_chat(chat, "another")
    assert preview.action.text() == "Load the model"
    with scene.qtbot.waitSignal(inspector.load_wanted) as wanted:
        preview.action.click()
    assert wanted.args == [STARTER]


@pytest.mark.parametrize("open_", [False, True], ids=["closed", "open"])
def test_what_was_found_in_a_chat_is_not_told_of_another(scene: Scene, inspector: Inspector, open_: bool) -> None:
    async def answered(client: Any) -> tuple[str, str]:
        chat = (await client.create_chat(NewChat(model=STARTER))).summary.id
        async for _ in client.send(chat, SendRequest(content="What is the capital of France?", max_tokens=3)):
            pass
        return chat, (await client.chat(chat)).messages[-1].id

    chat, leaf = scene.ask(answered)
    inspector.show_model(scene.host.models[STARTER])
    section = inspector.next_token
    section.set_open(True)
    preview = inspector.preview
    assert preview is not None
    inspector.show_chat(chat, leaf)
    scene.until(lambda: not preview.tokens.isHidden())
    section.set_open(open_)
    assert "left" in section.head.accessibleDescription(), "closing the section is no other chat"
    inspector.show_chat("", "")
    assert section.head.accessibleDescription() == ""
    assert preview.tokens.isHidden()
    inspector.show_chat(chat, leaf)
    section.set_open(True)
    scene.until(lambda: not preview.tokens.isHidden())
    assert "left" in section.head.accessibleDescription()


def test_the_place_of_the_next_token_is_chosen_and_a_failed_look_tried_again(
    scene: Scene, inspector: Inspector, monkeypatch: Any
) -> None:
    model = next(id for id, info in scene.host.models.items() if Path(info.path).name.startswith("alpha"))

    async def answered(client: Any) -> tuple[str, str]:
        await client.load(model)
        chat = (await client.create_chat(NewChat(model=model))).summary.id
        async for _ in client.send(chat, SendRequest(content="Which horse wins?")):
            pass
        return chat, (await client.chat(chat)).messages[-1].id

    def first() -> list[str]:
        return [bar.text for bar in preview.tokens.rows.bars if isinstance(bar, TokenBar)]

    def choose(key: Qt.Key) -> None:
        click(preview.place)
        scene.until(preview.place.view().isVisible)
        QTest.keyClick(preview.place.view(), key)
        QTest.keyClick(preview.place.view(), Qt.Key.Key_Return)

    chat, leaf = scene.ask(answered)
    inspector.show_model(scene.host.models[model])
    click(inspector.next_token.head)
    preview = inspector.preview
    assert preview is not None
    inspector.show_chat(chat, leaf)
    scene.until(lambda: first() == ["Which", " horse", " wins?"])
    choose(Qt.Key.Key_Down)
    scene.until(lambda: first()[3:5] == [" The", " **capital**"])
    refused = HostUnavailable("The model did not answer.", hint="Try again.")
    with monkeypatch.context() as lost:
        lost.setattr(inspector_preview, "look", AsyncMock(side_effect=refused))
        choose(Qt.Key.Key_Up)
        scene.until(lambda: preview.action.isVisible() and preview.action.text() == "Try again")
    assert preview.tokens.isHidden()
    click(preview.action)
    scene.until(lambda: first() == ["Which", " horse", " wins?"] and preview.tokens.isVisible())
    assert preview.action.isHidden()


def test_white_space_of_tokens_is_to_be_seen() -> None:
    assert [seen(text) for text in (" the", "\n\n", "", "\x00")] == [
        "␣the",
        "↵↵",
        "(nothing)",
        "\N{REPLACEMENT CHARACTER}",
    ]


def test_presets_are_kept_renamed_deleted_and_brought_back(scene: Scene, inspector: Inspector) -> None:
    row, host = inspector.presets, scene.host
    inspector.show_model(host.models[STARTER])
    row.refresh()
    scene.until(lambda: any(preset.shipped for preset in row.all))
    inspector.samplers["temperature"].box.setValue(0.35)  # type: ignore[union-attr]
    row.save_as()
    sheet = row.sheet
    assert sheet is not None
    sheet.field.setText("Precise")  # taken
    sheet.save.click()
    scene.until(lambda: not sheet.problem.isHidden())
    sheet.field.setText("Mine")
    sheet.save.click()
    scene.until(lambda: row.current is not None and row.current.name == "Mine")
    kept = next(preset for preset in scene.ask(lambda client: client.presets()) if preset.name == "Mine")
    assert kept.sampling == {"temperature": 0.35}
    row._fill_menu()
    entry = {action.text(): action for action in row.menu.actions()}
    assert entry["Mine"].isChecked()
    assert not entry["Save “Mine”"].isEnabled()
    entry["Default for all models"].trigger()
    scene.until(lambda: row.current is not None and row.current.default_for == ("*",))
    inspector.show_settings(None)
    assert inspector.sampling() == {"temperature": 0.35}
    posted: list[Any] = []
    scene.messages.posted.connect(posted.append)
    row._fill_menu()
    next(action for action in row.menu.actions() if action.text() == "Delete").trigger()
    scene.until(lambda: bool(posted))
    assert kept.id not in {preset.id for preset in scene.ask(lambda client: client.presets())}
    posted[0].action.run()
    scene.until(lambda: kept.id in {preset.id for preset in row.all})


def test_a_saved_prompt_is_filled_in_and_used(scene: Scene, inspector: Inspector) -> None:
    inspector.show_model(scene.host.models[STARTER])
    inspector.prompt.library.click()
    library = inspector.findChild(PromptLibrary)
    assert isinstance(library, PromptLibrary)
    scene.until(lambda: "translator" in library.prompts)
    rows = [library.list.item(row).text() for row in range(library.list.count())]
    library.list.setCurrentRow(rows.index("Translator"))
    assert list(library.answers) == ["language"]
    assert "{{language}}" in library.note.text()
    library.answers["language"].setText("Welsh")
    assert "{{language}}" not in library.note.text()
    library.name.setText("Into Welsh")
    library.save.click()
    scene.until(lambda: any(prompt.name == "Into Welsh" for prompt in library.prompts.values()))
    library.answers["language"].setText("Welsh")
    with scene.qtbot.waitSignal(inspector.system_changed) as told:
        library.use.click()
    assert "into Welsh" in told.args[0]


def test_a_preset_of_another_program_is_shown_before_it_is_kept(
    scene: Scene, inspector: Inspector, tmp_path: Path
) -> None:
    file = tmp_path / "Fox.preset.json"
    fields = [{"key": "llm.prediction.temperature", "value": 0.4}, {"key": "llm.prediction.unheard", "value": 1}]
    load = [{"key": "llm.load.contextLength", "value": 8192}]
    file.write_text(json.dumps({"operation": {"fields": fields}, "load": {"fields": load}}))
    inspector.import_presets()
    sheet = inspector.findChild(ImportPreset)
    assert isinstance(sheet, ImportPreset)
    assert not sheet.keep.isEnabled()
    sheet.text.setPlainText("nothing of ours")
    scene.until(lambda: not sheet.problem.isHidden())
    sheet.take_file(str(file))
    scene.until(lambda: sheet.read is not None)
    assert sheet.name.text() == "Fox"
    assert "Temperature: 0.4" in sheet.understood.text()
    assert "Context length: 8,192" in sheet.notes.text()
    assert "unheard" in sheet.notes.text()
    sheet.keep.click()
    scene.until(lambda: inspector.sampling() == {"temperature": 0.4})
    assert any(preset.name == "Fox" for preset in scene.ask(lambda client: client.presets()))
