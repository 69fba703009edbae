"""One conversation as the window lives it: opened, asked, answered, stopped, asked again. No widgets of its own."""

from __future__ import annotations

import msgspec
from PySide6.QtCore import Signal

from paddock.gui.host_state import HostState
from paddock.gui.models.chats import UNTITLED_PRIVATE
from paddock.gui.pages.dialogue_answers import Answers, state_of
from paddock.gui.pages.question import View
from paddock.sdk.host import Generation
from paddock.sdk.pictures import Picture
from paddock.sdk.types import Chat, ChatMessage, ChatPatch, SendRequest


class Dialogue(Answers):
    """Drives a conversation view. A ``request`` holds the settings of an answer, the rest of it is filled in. GUI
    thread only."""

    left = Signal()
    """The conversation is about to be another one."""
    rejoined = Signal()
    """It was left because the host had gone, and is there again."""

    def __init__(self, host: HostState, view: View) -> None:
        super().__init__(host, view)
        self._edits: dict[str, str] = {}
        """Which stored message a question that has not been stored yet is an edited version of."""
        host.snapshot.connect(self._reconnected)
        host.generation_started.connect(self._generation_started)
        host.generation_ended.connect(self._generation_ended)
        host.chats_changed.connect(self._chats_changed)
        host.chat_deleted.connect(self._chat_deleted)

    # ---------------------------------------------------------------- which conversation

    def new(self, *, model: str = "", system: str = "", private: bool = False) -> None:
        """An empty conversation; it is stored, as a ``private`` one or not, when its first message is sent."""
        self._leave()
        self.chat, self.title, self.messages = "", UNTITLED_PRIVATE if private else "", []
        self.model, self.system, self._private = model, system, private
        self._view.set_messages([])
        self.opened.emit()
        self.run_changed.emit()

    def open(self, chat: str, at: str = "") -> None:
        """Show a stored conversation, ``at`` a message of it, and follow the answer that is being written in it."""
        self._at = at
        if chat == self.chat:
            self._go_to_message()
            return
        self._leave()
        self.chat, self.messages = chat, []
        summary = self._host.chats.get(chat)
        self._known = state_of(summary) if summary else None
        self.title = summary.title if summary else ""
        self.model = summary.model if summary else ""
        self.system = summary.system if summary else ""
        self._view.set_messages([])
        self.opened.emit()
        self.run = next((run for run in self._runs if run.chat == chat and not run.ended), None)
        self.run_changed.emit()
        self._load()

    def set_model(self, model: str) -> None:
        """Answer with this model from now on."""
        self.model = model
        if self.chat:
            chat, patch = self.chat, ChatPatch(model=model)
            self._chosen = patch
            self._host.change(
                lambda client: client.patch_chat(chat, patch),
                lambda stored: self._model_kept(patch, stored),
                lambda error: self._model_refused(patch, error),
            )
        self.changed.emit()

    def _model_kept(self, patch: ChatPatch, chat: Chat) -> None:
        self._chosen = None if self._chosen is patch else self._chosen
        self._patched(chat)

    def _model_refused(self, patch: ChatPatch, error: BaseException) -> None:
        self._chosen = None if self._chosen is patch else self._chosen
        self._fail(error)

    def set_system(self, system: str) -> None:
        """The system prompt from the next message on."""
        if system == self.system:
            return
        self.system = system
        if self.chat:
            chat, patch = self.chat, ChatPatch(system=system)
            self._unsaved = patch
            self._host.change(lambda client: client.patch_chat(chat, patch), lambda stored: self._saved(patch, stored))

    def _saved(self, patch: ChatPatch, chat: Chat) -> None:
        self._unsaved = None if self._unsaved is patch else self._unsaved
        self._patched(chat)

    def choose_version(self, message: str) -> None:
        """Show another version of a turn."""
        chat = self.chat
        self._host.change(lambda client: client.patch_chat(chat, ChatPatch(leaf=message)), self._show, self._fail)

    def show(self, chat: Chat) -> None:
        """The conversation as an answer of the host has it, after a change to it."""
        self._show(chat)

    def _leave(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
        self.left.emit()
        self._unsaved = self._chosen = None
        run, self.run = self.run, None
        if run is not None and run.answer:  # it goes on in the host; opening the chat again follows it
            self._finish(run)
            if run.job is not None:
                run.job.cancel()

    # ---------------------------------------------------------------- asking

    def send(self, text: str, request: SendRequest, pictures: tuple[Picture, ...] = ()) -> None:
        """Ask. Shown at once; goes out as soon as the host answers."""
        question = msgspec.structs.replace(self._question(text), pictures=pictures)
        request = msgspec.structs.replace(request, pictures=pictures)
        self.messages = [*self.messages, question]
        self._view.append_message(question)
        self._start(msgspec.structs.replace(request, content=text, model=self.model), question)

    def edit(self, message: str, text: str, request: SendRequest) -> None:
        """Ask ``text`` in place of a stored message of the user's; the earlier one stays as another version."""
        place = self.place(message)
        if place is None or self.run is not None:
            self.given_back.emit(text, ())
            return
        question = msgspec.structs.replace(self._question(text), pictures=self.messages[place].pictures)
        self._edits[question.id] = message
        self.messages = [*self.messages[:place], question]
        self._view.set_messages(self.messages)
        self._start(msgspec.structs.replace(request, content=text, regenerate=message, model=self.model), question)

    def answer_again(self, message: str, request: SendRequest) -> None:
        """A new version of an answer, or a failed one once more."""
        place = self.place(message)
        if place is None or self.run is not None:
            return
        kept = self.messages[: place + 1] if self.messages[place].role == "user" else self.messages[:place]
        last = kept[-1] if kept else None
        self.messages = kept
        self._view.set_messages(kept)
        request = msgspec.structs.replace(request, model=self.model)
        if last is not None and last.id.startswith("local-"):  # it never reached the host
            edited = self._edits.get(last.id)
            new = tuple(picture for picture in last.pictures if picture.data)  # the host has those of an edited one
            request = msgspec.structs.replace(request, pictures=new)
            self._start(msgspec.structs.replace(request, content=last.content, regenerate=edited), last)
        else:
            target = last.id if last is not None and message.startswith("local-") else message
            self._start(msgspec.structs.replace(request, regenerate=target), None)

    def go_on(self, message: str, request: SendRequest) -> None:
        """Write on at an answer that has ended, where it ends."""
        place = self.place(message)
        if place is None or self.run is not None or self.messages[place].role != "assistant":
            return
        answer = self.messages[place]
        request = msgspec.structs.replace(request, go_on=message, model=answer.model or self.model)
        self._start(request, None, answer.content)

    def place(self, message: str) -> int | None:
        """Where a message stands in the conversation; None for one that is not shown."""
        return next((n for n, item in enumerate(self.messages) if item.id == message), None)

    def _question(self, text: str) -> ChatMessage:
        return ChatMessage(id=f"local-{next(self._numbers)}", chat_id=self.chat, parent=None, role="user", content=text)

    def stop(self) -> None:
        """End the answer; a question that has not left yet comes back."""
        run = self.run
        if run is None:
            return
        self._claim(run)
        if answer := run.answer:
            self._host.call(lambda client: client.cancel(answer), None, self._fail)
            return
        if run.job is not None:
            run.job.cancel()
        self._finish(run)
        self.run = None
        if run.question is not None:
            self.messages = [message for message in self.messages if message.id != run.question.id]
            self._view.set_messages(self.messages)
            self.given_back.emit(run.question.content, run.question.pictures)
            if run.question.id in self._edits:
                self._load()  # what it was to replace is still there
        self.run_changed.emit()
        self.changed.emit()

    # ---------------------------------------------------------------- what the host tells

    def _reconnected(self) -> None:
        if self.chat and (self.run is None or self.run.answer):
            if self.run is not None:
                self._leave()
                self.rejoined.emit()
                self.run_changed.emit()
            self._load()

    def _generation_started(self, generation: Generation) -> None:
        if generation.chat_id != self.chat or not self.chat:
            return
        if self.run is None:
            self._load()
        else:
            self._claim(self.run)
            self.run_changed.emit()

    def _generation_ended(self, generation: str, chat: str) -> None:
        if chat and chat == self.chat and self.run is None:
            self._load()

    def _chats_changed(self) -> None:
        summary = self._host.chats.get(self.chat)
        if summary is None:
            return
        model = self._model_of(summary)
        if (summary.title, model) != (self.title, self.model):
            self.title, self.model = summary.title, model
            self.changed.emit()
        unsent = any(message.id.startswith("local-") for message in self.messages)
        if self.run is None and not unsent and state_of(summary) != self._known:  # another program changed it
            self._known = state_of(summary)
            self._load()

    def _chat_deleted(self, chat: str) -> None:
        if chat == self.chat:
            self.new(model=self.model, system="")
