"""Every entry of the menus of the chats' list, and what the mouse does there; each is looked up in the store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import pytest
from listed_chats import (
    LEFT,
    chats,
    click,
    focus,
    folders,
    fresh,
    lines,
    make,
    menu_at,
    pick,
    press,
    rename_in_place,
    select,
    shown_menu,
)
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QDialog, QWidget

from paddock.gui.pages.chats_tags import TagsDialog
from paddock.gui.pages.chats_trash import ChatsTrash
from paddock.gui.pages.export_dialog import ExportDialog
from paddock.gui.pages.import_chats_dialog import ImportChatsDialog
from paddock.gui.widgets.question import Question

Scene = Any
D = TypeVar("D", bound=QDialog)
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def scene(chat_scene: Scene) -> Iterator[Scene]:
    yield from fresh(chat_scene)


def dialog_of(scene: Scene, kind: type[D]) -> D:
    scene.until(lambda: any(found.isVisible() for found in scene.window.findChildren(kind)))
    return next(found for found in scene.window.findChildren(kind) if found.isVisible())


def push(scene: Scene, parent: QWidget, words: str) -> None:
    """Click the button with these words, or of this name."""

    def found() -> QAbstractButton | None:
        buttons = [button for button in parent.findChildren(QAbstractButton) if button.isVisible()]
        return next((button for button in buttons if words in (button.text(), button.accessibleName())), None)

    scene.until(lambda: found() is not None)
    scene.qtbot.mouseClick(found(), LEFT)


def row_of(scene: Scene, chat: str) -> Any:
    return scene.chat.chats._model.row_of(chat)


def test_the_menu_of_a_chat_does_what_it_says(scene: Scene) -> None:
    column, chat = scene.chat.chats, make(scene, "Horses")
    press(scene, menu_at(scene, row_of(scene, chat)), "Rename")
    rename_in_place(scene, "Never", end=Qt.Key.Key_Escape)
    assert "Horses" in lines(scene)
    press(scene, menu_at(scene, row_of(scene, chat)), "Rename")
    rename_in_place(scene, "Ponies")
    scene.until(lambda: chats(scene)[chat].title == "Ponies" and "Ponies" in lines(scene))
    for words, pinned in (("Pin", True), ("Unpin", False)):
        press(scene, menu_at(scene, row_of(scene, chat)), words)
        scene.until(lambda pinned=pinned: chats(scene)[chat].pinned == pinned == scene.host.chats[chat].pinned)
    column.deeds.new_folder()
    rename_in_place(scene, "Work")
    scene.until(lambda: "Work" in lines(scene))
    pick(menu_at(scene, row_of(scene, chat)), "Move to", "Work")
    scene.until(lambda: chats(scene)[chat].folder == folders(scene)[0].id)
    scene.until(lambda: lines(scene) == ["Folders", "Work", "Ponies"])
    press(scene, menu_at(scene, row_of(scene, chat)), "Tags…")
    tags = dialog_of(scene, TagsDialog)
    scene.qtbot.keyClicks(tags.field, "animals")
    push(scene, tags, "Done")
    scene.until(lambda: chats(scene)[chat].tags == ("animals",))
    press(scene, menu_at(scene, row_of(scene, chat)), "Export…")
    export = dialog_of(scene, ExportDialog)
    assert export.what.text() == "“Ponies”"
    export.reject()
    press(scene, menu_at(scene, row_of(scene, chat)), "Delete")
    scene.until(lambda: not chats(scene))
    push(scene, scene.window.bar, "Undo")
    scene.until(lambda: list(chats(scene)) == [chat])


def test_the_menu_of_several_is_of_all_of_them(scene: Scene) -> None:
    column = scene.chat.chats
    one, two, three = (make(scene, title) for title in ("One", "Two", "Three"))
    for chat, tags in ((one, ("both", "one")), (two, ("both",))):
        column.deeds.set_tags([chat], tags, ())
    scene.until(lambda: all(scene.host.chats[chat].tags for chat in (one, two)))
    click(scene, row_of(scene, two))
    click(scene, row_of(scene, one), Qt.KeyboardModifier.ShiftModifier)
    menu = menu_at(scene, row_of(scene, one))
    assert [entry.text() for entry in menu.actions() if entry.text()] == [
        "2 chats", "Pin", "Move to", "Tags…", "Export…", "Delete",
    ]  # fmt: skip
    press(scene, menu, "Tags…")
    tags = dialog_of(scene, TagsDialog)
    assert tags.tags == ["both"]
    push(scene, tags, "Take off the tag both")
    scene.until(lambda: [chats(scene)[chat].tags for chat in (one, two)] == [("one",), ()])
    tags.reject()
    select(scene, one, two)
    press(scene, menu_at(scene, row_of(scene, two)), "Export…")
    export = dialog_of(scene, ExportDialog)
    assert set(export.request("/x", replace=False).chats) == {one, two}
    export.reject()
    press(scene, menu_at(scene, row_of(scene, three)), "Delete")
    scene.until(lambda: set(chats(scene)) == {one, two})
    scene.until(lambda: set(scene.host.chats) == {one, two})
    click(scene, row_of(scene, one))
    scene.qtbot.keyClick(focus(scene), Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    scene.qtbot.keyClick(column.view, Qt.Key.Key_Delete)
    scene.until(lambda: not chats(scene))


def test_the_menu_of_a_folder_does_what_it_says(scene: Scene) -> None:
    column, model = scene.chat.chats, scene.chat.chats._model

    def menu_of(name: str) -> Any:
        return menu_at(scene, model.folder_row(next(one.id for one in column.deeds.folders if one.name == name)))

    def stored(name: str) -> Any:
        return next((one for one in folders(scene) if one.name == name), None)

    scene.qtbot.mouseClick(column.more_button, LEFT)
    press(scene, shown_menu(column), "New folder")
    rename_in_place(scene, "Work")
    scene.until(lambda: stored("Work") is not None and "Work" in lines(scene))
    press(scene, menu_of("Work"), "Rename")
    rename_in_place(scene, "Stable")
    scene.until(lambda: stored("Stable") is not None and "Stable" in lines(scene))
    press(scene, menu_of("Stable"), "New folder in it")
    rename_in_place(scene, "Hay")
    scene.until(lambda: stored("Hay") is not None and stored("Hay").parent == stored("Stable").id)
    scene.until(lambda: lines(scene) == ["Folders", "Stable", "Hay"])
    pick(menu_of("Hay"), "Move to", "The top")
    scene.until(lambda: {one.parent for one in column.deeds.folders} == {""} == {stored("Hay").parent})
    pick(menu_of("Stable"), "Move to", "Hay")
    inner = stored("Hay").id
    scene.until(lambda: [one.name for one in column.deeds.folders if one.parent == inner] == ["Stable"])
    scene.until(lambda: lines(scene) == ["Folders", "Hay", "Stable"])
    focus(scene)
    click(scene, model.folder_row(stored("Hay").id))
    assert lines(scene) == ["Folders", "Hay"], "a click closes it"
    scene.qtbot.keyClick(column.view, Qt.Key.Key_Return)
    assert lines(scene) == ["Folders", "Hay", "Stable"], "and Enter opens it"
    press(scene, menu_of("Stable"), "Export…")
    export = dialog_of(scene, ExportDialog)
    assert export.request("/x", replace=False).folder == stored("Stable").id
    export.reject()
    press(scene, menu_of("Stable"), "Delete the folder")
    scene.until(lambda: stored("Stable") is None)
    push(scene, scene.window.bar, "Undo")
    scene.until(lambda: stored("Stable") is not None and stored("Stable").parent == stored("Hay").id)


def test_the_menu_of_the_list_leads_to_files_and_to_the_trash(scene: Scene) -> None:
    column = scene.chat.chats
    ids = [make(scene, title) for title in ("Kept", "Gone", "Third")]

    def more(words: str, kind: type[D]) -> D:
        scene.qtbot.mouseClick(column.more_button, LEFT)
        press(scene, shown_menu(column), words)
        return dialog_of(scene, kind)

    more("Import chats…", ImportChatsDialog).reject()
    export = more("Export all chats…", ExportDialog)
    assert (export.request("/x", replace=False).chats, export.what.text()) == (
        (),
        "All chats but private ones, a file for each.",
    )
    export.reject()
    select(scene, *ids)
    scene.qtbot.keyClick(focus(scene), Qt.Key.Key_Delete)
    scene.until(lambda: not chats(scene))

    def trash() -> set[str]:
        return {chat.id for chat in scene.ask(lambda client: client.deleted_chats())}

    shown = more("Deleted chats…", ChatsTrash)
    push(scene, shown, "Bring back Kept")
    scene.until(lambda: list(chats(scene)) == [ids[0]])
    scene.until(lambda: scene.dialogue.chat == ids[0])
    scene.until(lambda: ids[0] not in [chat.id for chat in shown.chats])
    push(scene, shown, "Remove Gone for good")
    assert shown.findChild(Question).focusWidget().text() == "Cancel"
    push(scene, dialog_of(scene, Question), "Remove for good")
    scene.until(lambda: ids[1] not in trash())
    scene.until(lambda: ids[1] not in [chat.id for chat in shown.chats])
    push(scene, shown, "Empty the trash")
    push(scene, dialog_of(scene, Question), "Cancel")
    assert ids[2] in trash()
    push(scene, shown, "Empty the trash")
    push(scene, dialog_of(scene, Question), "Remove for good")
    scene.until(lambda: not trash() and shown.about.text() == "The trash is empty.")
    push(scene, shown, "Close")


def test_the_mouse_opens_a_hit_a_chat_and_a_tag_and_closes_the_list(scene: Scene) -> None:
    column = scene.chat.chats
    chat, other = make(scene, "Questions", "Where is the przewalski?"), make(scene, "Other")
    scene.qtbot.keyClicks(column.search, "przewalski")
    scene.until(lambda: lines(scene) == ["In messages", "Questions"])
    click(scene, column._model.index(1, 0))
    scene.until(lambda: scene.dialogue.chat == chat)
    column.search.clear()
    scene.qtbot.mouseDClick(
        column.view.viewport(), LEFT, pos=column.view.visualRect(row_of(scene, other)).center()
    )  # as the system tells a second click; the first one opens
    click(scene, row_of(scene, other))
    scene.until(lambda: scene.dialogue.chat == other)
    column.deeds.set_tags([chat], ["rare"], ())
    scene.until(column.tag_chip.isVisible)
    scene.qtbot.mouseClick(column.tag_chip, LEFT)
    press(scene, shown_menu(column), "rare")
    assert lines(scene) == ["Today", "Questions"]
    scene.qtbot.mouseClick(column.tag_chip, LEFT)
    press(scene, shown_menu(column), "All tags")
    assert "Other" in lines(scene)
    scene.window.resize(800, 600)
    scene.qtbot.mouseClick(scene.chat.head.chats, LEFT)
    assert column.isVisible()
    scene.qtbot.mouseClick(column.close_button, LEFT)
    assert not column.isVisible()
    scene.window.resize(1280, 800)
