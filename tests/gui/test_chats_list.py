"""Folders, tags, search over texts, the trash, and several chats at once: done in the list, looked up in the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from listed_chats import chats, drop, folders, fresh, lines, make, menu_at, pick, rename_in_place, select
from PySide6.QtCore import Qt
from work_counter import calls

from paddock.sdk.chats import ChatFolder
from paddock.sdk.types import ChatPatch, ChatSummary

Scene = Any
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def scene(chat_scene: Scene) -> Iterator[Scene]:
    yield from fresh(chat_scene)


def test_a_folder_is_made_named_and_filled(scene: Scene) -> None:
    chat, column = make(scene, "Horses"), scene.chat.chats
    pick(column.menu_for(chat), "Move to", "New folder…")
    scene.until(lambda: bool(column.deeds.folders) and scene.host.chats[chat].folder != "")
    rename_in_place(scene, "Work")
    scene.until(lambda: [folder.name for folder in folders(scene)] == ["Work"])
    assert chats(scene)[chat].folder == folders(scene)[0].id
    scene.until(lambda: lines(scene) == ["Folders", "Work", "Horses"])
    row = column._model.folder_row(folders(scene)[0].id)
    column.view.setCurrentIndex(row)
    scene.qtbot.keyClick(column.view, Qt.Key.Key_Left)
    assert lines(scene) == ["Folders", "Work"], "closed"
    scene.qtbot.keyClick(column.view, Qt.Key.Key_Right)
    pick(column.menu_for(chat), "Move to", "No folder")
    scene.until(lambda: chats(scene)[chat].folder == "")


def test_a_list_of_folders_that_comes_late_takes_no_folder_away(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Callable[..., None]] = []
    deeds = scene.chat.chats.deeds
    with monkeypatch.context() as late:
        late.setattr(scene.host, "call", lambda job, done, *_: answers.append(done) or Late(answers, done))
        scene.host.folders_changed.emit()
        scene.host.folders_changed.emit()
    assert len(answers) == 1, "the first is not waited for any more"
    answers[0]([ChatFolder(id="f", name="Work")])
    assert [folder.name for folder in deeds.folders] == ["Work"]
    deeds._reading = None
    scene.host.folders_changed.emit()
    scene.until(lambda: deeds.folders == ())


class Late:
    """A request whose answer is heard when the test says so, unless it is cancelled."""

    def __init__(self, answers: list[Callable[..., None]], done: Callable[..., None]) -> None:
        self._answers, self._done = answers, done

    def cancel(self) -> None:
        self._answers.remove(self._done)


def test_chats_and_folders_are_dragged_into_folders(scene: Scene) -> None:
    column, model = scene.chat.chats, scene.chat.chats._model
    first, second = make(scene, "Horses"), make(scene, "Foxes")
    for name in ("Animals", "Zoo"):
        column.deeds.new_folder()
        scene.until(lambda: "New folder" in lines(scene))
        rename_in_place(scene, name)
        scene.until(lambda name=name: name in lines(scene))
    animals, zoo = (next(f.id for f in column.deeds.folders if f.name == name) for name in ("Animals", "Zoo"))
    drop(scene, [model.row_of(first), model.row_of(second)], model.folder_row(animals))
    scene.until(lambda: {chat.folder for chat in chats(scene).values()} == {animals})
    drop(scene, [model.folder_row(animals)], model.folder_row(zoo))
    scene.until(lambda: next(f for f in folders(scene) if f.id == animals).parent == zoo)
    scene.until(lambda: lines(scene) == ["Folders", "Zoo", "Animals", "Foxes", "Horses"])
    column.view.setCurrentIndex(model.folder_row(animals))
    column.view.setFocus()
    scene.qtbot.keyClick(column.view, Qt.Key.Key_Delete)
    scene.until(lambda: {chat.folder for chat in chats(scene).values()} == {zoo})
    scene.until(lambda: bool(scene.window.bar.rows()))
    scene.window.bar.rows()[-1].gone.emit(True)
    scene.until(lambda: {chat.folder for chat in chats(scene).values()} not in ({zoo}, {""}))
    assert sorted(folder.name for folder in folders(scene)) == ["Animals", "Zoo"]


def test_tags_are_given_taken_off_and_narrow_the_list(scene: Scene) -> None:
    from paddock.gui.pages.chats_tags import TagsDialog

    column = scene.chat.chats
    chat, _ = make(scene, "Horses"), make(scene, "Foxes")
    pick(column.menu_for(chat), "Tags…")
    dialog = column.findChild(TagsDialog)
    scene.qtbot.keyClicks(dialog.field, "animals")
    scene.qtbot.keyClick(dialog.field, Qt.Key.Key_Return)
    scene.until(lambda: chats(scene)[chat].tags == ("animals",))
    scene.until(column.tag_chip.isVisible)
    pick(column.tag_menu(), "animals")
    assert lines(scene) == ["Today", "Horses"]
    scene.qtbot.mouseClick(dialog.chips[0], Qt.MouseButton.LeftButton)
    scene.until(lambda: chats(scene)[chat].tags == ())
    scene.until(lambda: lines(scene) == ["Today", "Foxes", "Horses"])
    dialog.reject()


def test_a_word_in_a_text_is_found_and_leads_to_its_message(scene: Scene) -> None:
    column = scene.chat.chats
    texts = [
        "Tell me of stables. " * 60,
        "A stable holds horses. " * 60,
        "Where does the przewalski live?",
        "In Mongolia.",
    ]
    chat, _ = make(scene, "Questions", *texts), make(scene, "Other", "Nothing of that.")
    scene.qtbot.keyClicks(column.search, "przew")
    scene.until(lambda: lines(scene) == ["In messages", "Questions"])
    row = column._model.index(1, 0).data(257 + 5)  # ChatRole.ROW
    assert row.hit.snippet[slice(*row.hit.marks[0])] == "przewalski"
    scene.qtbot.keyClick(column.search, Qt.Key.Key_Return)
    scene.until(lambda: scene.dialogue.chat == chat and len(scene.dialogue.messages) == 4)
    view = scene.chat.view
    place = view.column.rows[2]
    scene.until(lambda: view.scrolled() <= place.top <= view.scrolled() + view.viewport().height())
    column.search.setText("nowhere at all")
    scene.until(lambda: "Nothing contains “nowhere at all”." in column.nothing.text())
    scene.qtbot.keyClick(column.search, Qt.Key.Key_Escape)
    assert "Questions" in lines(scene)


def test_a_hit_in_another_version_shows_that_version(scene: Scene) -> None:
    scene.type_and_send("my zebra question")
    scene.answered()
    first = scene.dialogue.messages[0].id
    scene.chat.view.edit_requested.emit(first)
    scene.chat.composer.field.clear()
    scene.type_and_send("another one")
    scene.answered()
    scene.chat.open(scene.dialogue.chat, first)
    scene.until(lambda: scene.dialogue.messages[0].id == first)


def test_several_chats_are_chosen_tagged_and_deleted_together(scene: Scene) -> None:
    column = scene.chat.chats
    ids = [make(scene, title) for title in ("One", "Two", "Three")]
    select(scene, ids[2], ids[0])
    assert column.chosen_chats() == [ids[2], ids[0]]
    assert scene.dialogue.chat == ids[2], "the first click opens, the others choose"
    pick(column.menu_for(*column.chosen_chats()), "Pin")
    scene.until(lambda: {chat for chat, item in chats(scene).items() if item.pinned} == {ids[0], ids[2]})
    scene.until(lambda: lines(scene)[:1] == ["Pinned"])
    select(scene, ids[2], ids[0])
    column.view.setFocus()
    scene.qtbot.keyClick(column.view, Qt.Key.Key_Delete)
    scene.until(lambda: list(chats(scene)) == [ids[1]])
    scene.until(lambda: scene.window.bar.texts()[-1:] == ["2 chats were deleted."])
    scene.window.bar.rows()[-1].gone.emit(True)
    scene.until(lambda: len(chats(scene)) == 3)


def test_f2_renames_the_open_chat(scene: Scene) -> None:
    chat = make(scene, "Horses")
    scene.chat.open(chat)
    scene.chat.focus_composer()
    scene.qtbot.keyClick(scene.window, Qt.Key.Key_F2)
    rename_in_place(scene, "Ponies")
    scene.until(lambda: chats(scene)[chat].title == "Ponies")
    scene.until(lambda: scene.chat.head.title.text() == "Ponies")


def test_settings_and_model_belong_to_their_chat(scene: Scene) -> None:
    first, second = make(scene, "One"), make(scene, "Two")
    scene.chat.open(first)
    scene.take_model("slow")
    scene.chat.inspector.set_sampling({"temperature": 0.3})
    scene.chat.inspector.sampling_changed.emit()
    scene.chat.inspector.settings_changed.emit()
    known = scene.host.chats
    scene.until(lambda: (known[first].sampling, known[first].model) == ({"temperature": 0.3}, scene.model("slow")))
    scene.chat.open(second)
    assert scene.chat.inspector.sampling() == {}
    scene.ask(lambda client: client.patch_chat(second, ChatPatch(model=scene.model("fast"))))
    scene.chat.open(first)
    assert scene.chat.inspector.sampling() == {"temperature": 0.3}
    assert scene.dialogue.model == scene.model("slow")


def test_a_refresh_with_two_thousand_chats_is_no_stall(scene: Scene) -> None:
    """The time is printed by tests/perf/chats_column.py."""
    column, now = scene.chat.chats, time.time()
    many = {
        f"x{n}": ChatSummary(id=f"x{n}", title=f"Chat {n}", created=now, updated=now - n * 600) for n in range(2000)
    }
    scene.host.chats.update(many)
    column.refresh()
    work = calls(column.refresh)
    for chat in many:
        del scene.host.chats[chat]
    column.refresh()
    assert work < 20 * len(many)


def test_the_menu_opens_where_the_row_is(scene: Scene) -> None:
    menu = menu_at(scene, scene.chat.chats._model.row_of(make(scene, "Horses")))
    assert [entry.text() for entry in menu.actions() if entry.text()] == [
        "Rename", "Pin", "Move to", "Tags…", "Private", "Export…", "Delete",
    ]  # fmt: skip
    menu.close()
