"""The actions that every page has."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from paddock.gui.actions import Action
from paddock.gui.rail import PAGES
from paddock.gui.window_find import find, find_next

if TYPE_CHECKING:
    from paddock.gui.window import Window


def window_actions(window: Window) -> list[Action]:
    """Shortcuts and palette entries of the window itself."""
    chat, view = partial(Action, group="Chat"), partial(Action, group="View")
    models, places = partial(Action, group="Models"), partial(Action, group="Go to")
    return [
        chat(title="New chat", run=window.new_chat, keys=("Ctrl+N",)),
        chat(title="New private chat", run=partial(window.new_chat, private=True), keys=("Ctrl+Shift+N",)),
        chat(title="Write a message", run=window.to_composer, keys=("Ctrl+L",), words="composer"),
        chat(title="Find", run=lambda: find(window.stack.currentWidget()), keys=("Ctrl+F",), words="search words"),
        chat(title="Find next", run=lambda: find_next(window.stack.currentWidget()), keys=("F3",)),
        chat(title="Find previous", run=lambda: find_next(window.stack.currentWidget(), True), keys=("Shift+F3",)),
        chat(
            title="Export the chat",
            run=lambda: window.chat.chats.export((window.chat.chat,)),
            words="save pdf html markdown csv",
            enabled=lambda: bool(window.chat.chat),
        ),
        chat(title="Import chats", run=window.chat.chats.open_import, words="lm studio jan chatgpt"),
        Action(title="Compare a list of prompts", group="Compare", run=window.show_prompt_list, words="batch csv"),
        chat(title="Saved system prompts", run=window.chat.inspector.open_library, words="library instructions"),
        chat(title="Import a preset", run=window.chat.inspector.import_presets, words="lm studio llama.cpp samplers"),
        models(title="Memory", run=window.show_memory, keys=("Ctrl+M",), words="ram gpu unload"),
        models(title="Load with settings", run=window.load_settings, keys=("Ctrl+Shift+L",)),
        *(
            places(title=title, run=partial(window.show_page, page), keys=(f"Ctrl+{number}",))
            for number, (page, _, title) in enumerate(PAGES, 1)
            if page != "settings"
        ),
        places(title="Downloads", run=partial(window.show_page, "downloads"), keys=("Ctrl+J",)),
        places(title="Settings", run=partial(window.show_page, "settings"), keys=("Ctrl+,", f"Ctrl+{len(PAGES)}")),
        view(title="Show or hide the inspector", run=window.toggle_inspector, keys=("Ctrl+I",)),
        view(title="Larger text", run=partial(window.zoom, 1), keys=("Ctrl++", "Ctrl+="), words="zoom"),
        view(title="Smaller text", run=partial(window.zoom, -1), keys=("Ctrl+-",), words="zoom"),
        view(title="Text at normal size", run=partial(window.zoom, 0), keys=("Ctrl+0",), words="zoom"),
        view(title="Next part of the window", run=partial(window.next_region, 1), keys=("F6",), listed=False),
        view(title="Part of the window before", run=partial(window.next_region, -1), keys=("Shift+F6",), listed=False),
        Action(title="Quit", group="Window", run=window.leave, keys=("Ctrl+Q",)),
    ]
