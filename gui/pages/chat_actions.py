"""The actions of the Chat page's conversation and of the list of conversations."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from paddock.gui.actions import Action
from paddock.sdk.types import ChatMessage

if TYPE_CHECKING:
    from paddock.gui.window import Window


def chat_actions(window: Window) -> list[Action]:
    """Shortcuts and palette entries; what needs a conversation is off without one."""
    page = window.chat

    def talking() -> bool:
        return window.page() == "chat" and bool(page.dialogue.chat) and page.dialogue.run is None

    def stored() -> bool:
        return window.page() == "chat" and bool(page.chat)

    def last(role: str) -> ChatMessage | None:
        return next((item for item in reversed(page.dialogue.messages) if item.role == role), None)

    def does(action: str, role: str) -> Callable[[], None]:
        def run() -> None:
            message = last(role)
            if message is not None:
                page.deeds.act(action, message.id)

        return run

    def regenerate() -> None:
        message = last("assistant")
        if message is not None:
            page.view.regenerate_requested.emit(message.id)

    def in_list(run: Callable[[], None]) -> Callable[[], None]:
        def shown() -> None:
            window.show_page("chat")
            page.columns.show_chats()
            run()

        return shown

    chat = partial(Action, group="Chat", enabled=talking)
    listed = partial(Action, group="Chat")
    return [
        chat(title="Regenerate the last answer", run=regenerate, keys=("Ctrl+R",), words="again version"),
        chat(title="Continue the last answer", run=does("continue", "assistant"), words="go on"),
        chat(title="Edit the last question", run=does("edit", "user"), keys=("Ctrl+Shift+E",), words="change"),
        chat(title="Version before", run=partial(page.step_version, -1), keys=("Alt+Left",)),
        chat(title="Next version", run=partial(page.step_version, 1), keys=("Alt+Right",)),
        chat(title="Branch the chat", run=lambda: page.deeds.branch(""), words="copy fork"),
        listed(title="Search chats", run=in_list(page.chats.focus_search), keys=("Ctrl+Shift+F",), words="find texts"),
        listed(title="Rename the chat", run=in_list(page.chats.rename_here), keys=("F2",), enabled=stored),
        listed(title="Tags of the chat", run=lambda: page.chats.edit_tags([page.chat]), enabled=stored, words="label"),
        listed(title="Delete the chat", run=lambda: page.chats.delete(page.chat), enabled=stored, words="remove trash"),
        listed(title="New folder of chats", run=in_list(page.chats.deeds.new_folder)),
        listed(title="Deleted chats", run=page.chats.open_trash, words="trash bring back"),
    ]  # fmt: skip
