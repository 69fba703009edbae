"""What the Chat page shows of its conversation: head, inspector, composer and the words below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from paddock.gui.host_state import HostState
from paddock.gui.pages.chat_status import answerer, status, trouble

if TYPE_CHECKING:
    from paddock.gui.pages.chat import ChatPage

HINT = "Enter sends   ·   Shift+Enter new line   ·   Ctrl+N new chat"
RUNNING = "Enter sends after this answer   ·   Esc stops   ·   Shift+Enter new line"
TASKS = {
    "ask": "Enter asks again   ·   Ctrl+S changes the text only   ·   Esc leaves it",
    "change": "Enter saves   ·   Esc leaves it",
    "insert": "Enter inserts   ·   Esc leaves it",
}


class ChatShown(QObject):
    """Brings the parts of ``page`` up to date. Nothing is shown of a conversation while models are compared."""

    def __init__(self, page: ChatPage, host: HostState) -> None:
        super().__init__(page)
        self._page, self._host = page, host
        page.inspector.reasoning_shown.connect(page.composer.show_reasoning)
        page.composer.reasoning.chosen.connect(page.inspector.set_reasoning)

    def show_chat(self) -> None:
        """Everything."""
        page, dialogue = self._page, self._page.dialogue
        if page.compare.shown:
            return
        page.head.show_chat(dialogue.title, dialogue.model)
        page.head.set_compare_enabled(dialogue.run is None and self._host.models_known)
        page.inspector.show_system(dialogue.system)
        page.inspector.show_chat(dialogue.chat, dialogue.messages[-1].id if dialogue.messages else "")
        page.show_on_stage(page.view if dialogue.messages or dialogue.chat else page.start)
        self.show_models()

    def show_models(self) -> None:
        """What depends on the models on disk and in memory."""
        page, host, model = self._page, self._host, self._page.dialogue.model
        page.view.set_names({info.id: (info.name or info.id, info.quant) for info in host.models.values()})
        page.view.set_silks(host.silks.worn)
        if page.compare.shown:
            return
        page.inspector.show_model(host.models.get(model))
        page.pictures.show_model(model)
        page.head.set_compare_enabled(page.dialogue.run is None and host.models_known)
        page.composer.set_placeholder(f"Message {host.model_name(model)}" if model else "Message")
        page.start.show_model(answerer(host, model))
        page.start.show_trouble(*trouble(host, model))
        self.show_run()

    def show_run(self) -> None:
        """How far the answer is."""
        page = self._page
        if page.compare.shown:
            return
        running = page.dialogue.run is not None
        page.composer.set_status(*status(self._host, page.dialogue))
        page.composer.set_running(running)
        self.show_hint()
        self.count()

    def show_hint(self) -> None:
        """Which keys do what."""
        page = self._page
        task = page.composer.task.task
        page.hint.setText(TASKS[task.kind] if task is not None else RUNNING if page.dialogue.run is not None else HINT)

    def count(self) -> None:
        """Have the context counted with what is on show, unless an answer is changing it."""
        page, dialogue = self._page, self._page.dialogue
        if dialogue.run is not None or page.compare.shown:
            return
        settings = page.inspector.settings()
        system = dialogue.system or self._host.settings.system_prompt
        draft = "" if page.composer.task.task is not None else page.composer.text()
        page.context.look(dialogue.model, system, dialogue.messages, draft, settings.max_tokens, settings.reasoning)

    def locate(self, message: str) -> None:
        """Scroll to a message."""
        view = self._page.view
        number = view.column.find(message)
        if number is not None:
            view.verticalScrollBar().setValue(max(0, view.column.rows[number].top - 12))
