"""Pictures of conversations, and of the pages as a newcomer has them, for :mod:`paddock.gui.screens`."""

from __future__ import annotations

import shutil
import struct
from functools import partial
from pathlib import Path

from PySide6.QtWidgets import QScrollArea

from paddock.gui.pages.chats_trash import ChatsTrash
from paddock.gui.pages.export_dialog import ExportDialog
from paddock.gui.pages.import_chats_dialog import ImportChatsDialog
from paddock.gui.pages.inspector_import import ImportPreset
from paddock.gui.pages.inspector_prompts import PromptLibrary
from paddock.gui.pages.memory_popover import MemoryPopover
from paddock.gui.screens_content import CHATS, DELETED, ECHO_MODELS, PROJECTOR, QUESTIONS, RICH
from paddock.gui.screens_home import put_echo
from paddock.gui.screens_studio import NotDrawn, Studio
from paddock.gui.widgets.conversation import ConversationView
from paddock.sdk.aclient import AsyncClient
from paddock.sdk.chats import FolderPatch
from paddock.sdk.host import ServerRequest, SettingsPatch
from paddock.sdk.paths import Home
from paddock.sdk.types import ChatPatch, NewChat


def prepare(home: Home) -> None:
    """Models of the echo engine beside the starter: that write, die, load slowly, have long names."""
    for name, script in ECHO_MODELS.items():
        put_echo(home, name, script)
    write_projector(home, "demo-seer")


def write_projector(home: Home, model: str) -> None:
    """The file through which ``model`` sees, beside it."""
    words = b"".join(_word(name) + struct.pack("<I", 8) + _word(value) for name, value in PROJECTOR)
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, len(PROJECTOR))
    (home.models / "demo" / model / f"mmproj-{model}.gguf").write_bytes(head + words)


def _word(text: str) -> bytes:
    """As GGUF files have it."""
    return struct.pack("<Q", len(text)) + text.encode()


class ChatPictures:
    """Conversations with real answers; a starter model where there is one, otherwise the echo engine's."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._made: dict[str, str] = {}

    # ---------------------------------------------------------------- what is to be seen

    def furnish(self) -> None:
        studio = self._studio
        for title, pinned in CHATS:
            self._store(title, pinned)
        for title in DELETED:
            studio.ask(partial(AsyncClient.delete_chat, id=self._store(title)))
        work = studio.ask(lambda client: client.put_chat_folder(FolderPatch(name="Work"))).id
        filed = studio.ask(lambda client: client.create_chat(NewChat(title="Release notes 0.4"))).summary.id
        studio.ask(lambda client: client.patch_chat(filed, ChatPatch(folder=work, tags=("release",))))
        self._made["chat"] = self._converse(self._answering_model(), QUESTIONS)
        self._made["chat-rich"] = self._converse(self._echo("demo-writer"), RICH)
        self._made["chat-error"] = self._converse(self._echo("demo-crash"), ("Tell me a short story about a fox",))

    def _store(self, title: str, pinned: bool = False) -> str:
        """The id of an empty conversation."""
        studio = self._studio
        chat = studio.ask(lambda client: client.create_chat(NewChat(title=title))).summary.id
        if pinned:
            studio.ask(lambda client: client.patch_chat(chat, ChatPatch(pinned=True)))
        return chat

    def _answering_model(self) -> str:
        host = self._studio.host
        starter = host.models.get(host.settings.default_model)
        return starter.id if starter is not None and starter.error is None else self._echo("demo-writer")

    def _echo(self, name: str) -> str:
        """The id of one of the echo engine's models made for the pictures."""
        models = self._studio.host.models
        found = next((info for info in models.values() if Path(info.path).stem.startswith(name)), None)
        if found is None:
            raise NotDrawn(f"The model {name} is not listed: {sorted(models)}")
        return found.id

    def _begin(self, model: str, question: str) -> None:
        """A new conversation with its question sent."""
        chat = self._studio.chat
        self._studio.window.show_page("chat")
        chat.new_chat()
        chat.dialogue.set_model(self._echo(model))
        chat.send(question)

    def _throw_away(self, made: str) -> None:
        """Leave a conversation and delete it for good."""
        studio = self._studio
        if made in self._made.values():
            raise NotDrawn("A picture was about to delete the conversation of another one.")
        studio.chat.new_chat()
        studio.ask(lambda client: client.delete_chat(made))
        studio.until(lambda: made not in studio.host.chats, "The list without that conversation")
        studio.ask(lambda client: client.purge_chat(made))

    def _converse(self, model: str, questions: tuple[str, ...]) -> str:
        """The id of a new conversation, once every answer in it is stored."""
        studio, chat = self._studio, self._studio.chat
        studio.window.show_page("chat")
        chat.new_chat()
        chat.dialogue.set_model(model)
        for number, question in enumerate(questions, 1):
            chat.send(question)
            studio.until(lambda: bool(chat.dialogue.chat) and chat.dialogue.run is None, f"The answer to “{question}”")
            self._until_stored(chat.dialogue.chat, 2 * number)
        return chat.dialogue.chat

    def _until_stored(self, chat: str, messages: int) -> None:
        """Until the conversation on show has so many messages, and the last of them has ended."""
        dialogue = self._studio.chat.dialogue

        def stored() -> bool:
            shown = dialogue.messages
            return dialogue.chat == chat and len(shown) >= messages and shown[-1].state != "generating"

        self._studio.until(stored, f"The stored answer in {chat}")

    def _inspect_from_the_top(self) -> None:
        """The inspector as before something in it was opened."""
        self._studio.settle()
        self._studio.part(QScrollArea, self._studio.chat.inspector).verticalScrollBar().setValue(0)

    def _until_counted(self) -> None:
        """Until the composer says how much of the context is taken, where the model is loaded."""
        watch = self._studio.chat.context
        self._studio.until(lambda: watch.settled, "The tokens of the conversation")

    def _until_ready(self, model: str) -> None:
        """Until ``model`` is loaded and has nothing to do, not even a title to find."""
        studio = self._studio
        if studio.host.loaded_model(model) is None:
            studio.ask(lambda client: client.load(model))

        def ready() -> bool:
            loaded = studio.host.loaded_model(model)
            return loaded is not None and loaded.state == "ready" and not loaded.active

        studio.until(ready, f"Loading {model}")

    def clear_demos(self, home: Home) -> None:
        """Take the demo models away, where a real one is left, and switch the API server on."""
        studio = self._studio
        for demo in [item.id for item in studio.host.loaded.values() if item.model != self._answering_model()]:
            studio.ask(partial(AsyncClient.unload, id=demo))
        if not studio.host.models[self._answering_model()].path.endswith(".echo.json"):
            for name in ECHO_MODELS:
                shutil.rmtree(home.models / "demo" / name[:100])
            studio.ask(lambda client: client.refresh_models())
            studio.until(lambda: len(studio.host.models) == 1, "The list without the demo models")
        studio.ask(lambda client: client.set_server(ServerRequest(running=True)))
        studio.until(lambda: studio.host.server is not None and studio.host.server.running, "The API server")

    # ---------------------------------------------------------------- with models that do as they are told

    def rich(self, name: str) -> None:
        self._shoot("chat-rich", name)

    def error(self, name: str) -> None:
        self._shoot("chat-error", name)

    def _rich(self) -> ConversationView:
        """The conversation with something of everything."""
        self._studio.window.show_page("chat")
        self._studio.chat.open(self._made["chat-rich"])
        self._until_stored(self._made["chat-rich"], 2)
        self._until_counted()
        return self._studio.chat.view

    def loading(self, name: str) -> None:
        studio, chat = self._studio, self._studio.chat
        slow = self._echo("demo-large")
        self._begin("demo-large", "What does a paddock hold?")
        studio.until(lambda: chat.composer.progress.isVisible(), "The loading bar")
        studio.until(lambda: chat.composer.progress.value() > 350, "Some progress")
        studio.until(lambda: bool(chat.dialogue.chat), "The conversation that waits for its model")
        studio.save(f"chat-loading-{name}")
        made = chat.dialogue.chat
        chat.dialogue.stop()
        self._throw_away(made)
        studio.tell(lambda client: client.unload(slow))  # stopping may have unloaded it
        studio.until(lambda: studio.host.loaded_model(slow) is None, "The unloading")

    def deeds(self, name: str) -> None:
        """Search, a message under edit, one put in, the trash."""
        studio, chat = self._studio, self._studio.chat
        self._rich()
        chat.columns.show_chats()
        chat.chats.search.setText("evaluated")
        studio.until(lambda: bool(chat.chats.texts.hits), "What the search found")
        studio.save(f"chat-search-{name}")
        chat.chats.search.clear()
        chat.columns.close_overlay()
        for action in ("edit", "insert"):
            chat.deeds.act(action, chat.dialogue.messages[0].id)
            studio.save(f"chat-{action}-{name}")
            chat.composer.stop_editing()
        chat.chats.open_trash()
        trash = studio.part(ChatsTrash)
        studio.until(lambda: trash.about.text() != "Reading…", "The trash")
        studio.save(f"chat-trash-{name}", trash)
        trash.reject()

    # ---------------------------------------------------------------- with the models that are really there

    def answers(self, name: str) -> None:
        self._until_ready(self._answering_model())
        self._shoot("chat", name)

    def empty(self, name: str) -> None:
        self._studio.chat.new_chat()
        self._studio.chat.dialogue.set_model(self._answering_model())
        self._studio.save(f"chat-empty-{name}")

    def server(self, name: str) -> None:
        self._studio.window.show_page("server")
        self._studio.save(f"server-{name}")

    def memory(self, name: str) -> None:
        """What lies behind the meter."""
        studio, model = self._studio, self._answering_model()
        studio.window.show_page("chat")
        studio.ask(lambda client: client.load(model))
        studio.until(lambda: bool(studio.window.rail.meter.gauges), "The memory meter")
        studio.window.show_memory()
        popover = studio.part(MemoryPopover)
        studio.save(f"memory-{name}", popover)
        popover.hide()

    def inspector(self, name: str) -> None:
        """All samplers, the next token, and the sheets of presets and prompts."""
        studio, inspector = self._studio, self._studio.chat.inspector
        studio.chat.open(self._made["chat"])
        self._until_stored(self._made["chat"], 2)
        self._until_ready(self._answering_model())
        self._until_counted()
        if not inspector.isVisible():
            studio.chat.columns.toggle_inspector()
        inspector.next_token.set_open(True)
        preview = inspector.preview
        studio.until(lambda: preview is not None and not preview.tokens.isHidden(), "The next token")
        studio.settle()
        inspector.next_token.set_open(False)
        inspector.next_token.set_open(True)  # with its bars, which were not there when it was opened
        studio.save(f"next-token-{name}")
        inspector.next_token.set_open(False)
        inspector.section.order.set_open(True)
        studio.save(f"sampler-order-{name}")
        inspector.section.order.set_open(False)
        self._inspect_from_the_top()
        self._until_counted()
        inspector.open_library()
        library = studio.part(PromptLibrary)
        studio.until(lambda: library.list.count() > 1, "The saved prompts")
        studio.save(f"prompts-{name}", library)
        library.reject()
        inspector.import_presets()
        sheet = studio.part(ImportPreset)
        sheet.take_text("llama-server --temp 0.7 --top-k 40 --min-p 0.05 -c 8192 --port 8080")
        studio.until(lambda: sheet.read is not None, "What the preset says")
        studio.save(f"import-preset-{name}", sheet)
        sheet.reject()
        studio.chat.columns.close_overlay()

    def files(self, name: str) -> None:
        """A conversation to a file, and conversations from files."""
        studio = self._studio
        export = ExportDialog(studio.host, studio.messages, [self._made["chat"]], parent=studio.window)
        taking = ImportChatsDialog(studio.host, studio.messages, parent=studio.window)
        for title, dialog in (("export", export), ("import-chats", taking)):
            dialog.open()
            studio.save(f"{title}-{name}", dialog)
            dialog.reject()

    def load_dialog(self, name: str) -> None:
        """What fits, and what does not under a limit of one's own."""
        studio, model = self._studio, self._answering_model()
        needed = studio.ask(lambda client: client.estimate(model))
        self._shoot_dialog(f"load-fits-{name}", "fits")
        limit = (needed.total_bytes - needed.parts.kv // 2) // 2**20
        studio.ask(lambda client: client.patch_settings(SettingsPatch(memory_guard="custom", memory_limit_mib=limit)))
        self._shoot_dialog(f"load-does-not-fit-{name}", "fits_with")
        studio.ask(lambda client: client.patch_settings(SettingsPatch(memory_guard="balanced", memory_limit_mib=0)))

    def _shoot_dialog(self, name: str, verdict: str) -> None:
        studio = self._studio
        dialog = studio.chat.open_load_dialog(self._answering_model())
        if dialog is None:
            raise NotDrawn("The load dialog did not open.")
        breakdown = dialog.breakdown
        studio.until(lambda: breakdown.estimate is not None and dialog.estimator.settled, "The estimate")
        found = breakdown.estimate.verdict if breakdown.estimate is not None else "nothing"
        if found != verdict:
            raise NotDrawn(f"The load dialog was to say {verdict}, but says {found}.")
        studio.save(name, dialog)
        dialog.reject()

    def _shoot(self, page: str, name: str) -> None:
        studio, chat = self._studio, self._studio.chat
        studio.window.show_page("chat")
        if page not in self._made:
            raise NotDrawn("Its conversation was not made.")
        chat.open(self._made[page])
        self._until_stored(self._made[page], 2)
        self._until_counted()
        studio.save(f"{page}-{name}")
