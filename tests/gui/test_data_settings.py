"""Backups, restore and titles from the settings, against a real host."""

from typing import Any

import pytest

from paddock.gui.widgets import Button

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
Scene = Any


def data(scene: Scene) -> Any:
    scene.window.show_settings("data")
    card = scene.window.stack.currentWidget().data
    scene.until(lambda: card.isVisible() and "in " in card.stored.about.text())
    return card


def test_a_backup_is_made_and_restored_and_the_restore_undone(scene: Scene) -> None:
    from paddock.sdk.types import NewChat

    kept = scene.ask(lambda client: client.create_chat(NewChat(title="Kept"))).summary.id
    card = data(scene)
    scene.until(lambda: "There is none yet" in card.copies.about.text())
    assert card.rows == []
    card.back_up.click()
    scene.until(lambda: len(card.rows) == 1)
    assert "1 conversation" in card.rows[0].holds.text()
    scene.ask(lambda client: client.create_chat(NewChat(title="Later")))
    scene.ask(lambda client: client.purge_chat(kept))
    scene.until(lambda: [chat.title for chat in scene.host.chats.values()] == ["Later"])
    card.rows[0].restore.click()
    press(scene, "Restore")
    scene.until(lambda: [chat.title for chat in scene.host.chats.values()] == ["Kept"])
    scene.until(lambda: len(card.rows) == 2)
    press(scene, "Undo")
    scene.until(lambda: [chat.title for chat in scene.host.chats.values()] == ["Later"])
    assert len(scene.ask(lambda client: client.backups())) == 3


def press(scene: Scene, label: str) -> None:
    """The button of the notice that is shown."""

    def found() -> Any:
        buttons = scene.window.bar.findChildren(Button)
        return next((button for button in buttons if button.text() == label and button.isVisible()), None)

    scene.until(lambda: found() is not None)
    found().click()


def test_an_open_conversation_that_a_restore_takes_away_is_closed(scene: Scene) -> None:
    from paddock.sdk.types import NewChat

    scene.ask(lambda client: client.create_chat(NewChat(title="Old")))
    backup = scene.ask(lambda client: client.back_up())
    new = scene.ask(lambda client: client.create_chat(NewChat(title="New"))).summary.id
    scene.chat.dialogue.open(new)
    scene.ask(lambda client: client.restore_backup(backup.name))
    scene.until(lambda: scene.chat.dialogue.chat == "")
    assert [chat.title for chat in scene.host.chats.values()] == ["Old"]


def test_titles_are_switched_and_conversations_imported_from_here(scene: Scene) -> None:
    from paddock.gui.pages.import_chats_dialog import ImportChatsDialog

    card = data(scene)
    assert card.titles.isChecked()
    card.titles.click()
    scene.until(lambda: not scene.host.settings.model_titles)
    card.bring.click()
    scene.until(lambda: scene.window.findChild(ImportChatsDialog) is not None)
    scene.window.findChild(ImportChatsDialog).reject()


def test_a_repair_is_told_in_the_window(open_window: Any, home: Any) -> None:
    from paddock.sdk.types import ChatSummary
    from paddock.server.chats import ChatTable
    from paddock.server.database import connect

    path = home / "chats.db"
    table = ChatTable(connect(path), path)
    table.add(ChatSummary(id="c", title="Rescued", created=1.0, updated=1.0, model="m", system=""))
    table.close()
    path.write_bytes(bytes(100) + path.read_bytes()[100:])
    told = []
    scene = open_window()
    scene.messages.posted.connect(told.append)
    scene.show()
    assert [chat.title for chat in scene.host.chats.values()] == ["Rescued"]
    (notice,) = [notice for notice in told if notice.key == "store"]
    assert "was damaged. It was repaired: 0 messages in 1 conversation are there" in notice.text
    card = data(scene)
    assert "was damaged" in card.stored.about.text()
