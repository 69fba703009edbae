"""One conversation as the window lives it: opened, asked, answered, stopped, asked again. No widgets of its own."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from paddock.gui.bridge import Task
from paddock.gui.host_state import HostState
from paddock.gui.models.chats import UNTITLED_PRIVATE
from paddock.gui.pages.question import PATIENCE_S, Run, View, ask
from paddock.sdk.errors import ErrorInfo, HostUnavailable, PaddockError
from paddock.sdk.events import GenerationEvent
from paddock.sdk.host import Generation
from paddock.sdk.types import Chat, ChatMessage, ChatPatch, NewChat, Options, SendRequest


class Dialogue(QObject):
    """Drives a conversation view. GUI thread only."""

    opened = Signal()
    """Another conversation is shown, or a new one."""
    changed = Signal()
    """Title, model, system prompt or messages changed."""
    run_changed = Signal()
    """Sending, loading, answering or nothing."""
    created = Signal(str)
    failed = Signal(object)
    """An error that belongs to no answer."""
    given_back = Signal(str)
    """The text of a question that was stopped before it had been sent."""

    def __init__(self, host: HostState, view: View) -> None:
        super().__init__()
        self._host = host
        self._view = view
        self._numbers = itertools.count(1)
        self._opening: Task | None = None
        self._runs: list[Run] = []
        self._edits: dict[str, str] = {}
        """Which stored message a question that has not been stored yet is an edited version of."""
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(round(PATIENCE_S * 1000) + 20)
        self._patience.timeout.connect(self._show_progress)
        self.chat = ""
        self.title = ""
        self.model = ""
        self.system = ""
        self._private = False
        self.messages: list[ChatMessage] = []
        self.run: Run | None = None
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

    def open(self, chat: str) -> None:
        """Show a stored conversation, and follow the answer that is being written in it."""
        if chat == self.chat:
            return
        self._leave()
        self.chat, self.messages = chat, []
        summary = self._host.chats.get(chat)
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
            chat = self.chat
            self._host.call(lambda client: client.patch_chat(chat, ChatPatch(model=model)), self._patched)
        self.changed.emit()

    def set_system(self, system: str) -> None:
        """The system prompt from the next message on."""
        if system == self.system:
            return
        self.system = system
        if self.chat:
            chat = self.chat
            self._host.call(lambda client: client.patch_chat(chat, ChatPatch(system=system)), self._patched)

    def choose_version(self, message: str) -> None:
        """Show another version of a turn."""
        chat = self.chat
        self._host.call(lambda client: client.patch_chat(chat, ChatPatch(leaf=message)), self._show, self._fail)

    def _leave(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
        run, self.run = self.run, None
        if run is not None and run.answer:  # it goes on in the host; opening the chat again follows it
            self._finish(run)
            if run.job is not None:
                run.job.cancel()

    def _load(self) -> None:
        chat = self.chat
        if self._opening is not None:
            self._opening.cancel()
        self._opening = self._host.call(lambda client: client.chat(chat), self._show, self._fail, self)

    def _show(self, chat: Chat) -> None:
        self._host.learn_chat(chat.summary)
        if chat.summary.id != self.chat or self.run is not None:
            return
        self._take(chat)
        self._view.set_messages(self.messages)
        if chat.summary.generating is not None:
            self._attach(chat.summary.generating)
        self.changed.emit()

    def _take(self, chat: Chat) -> None:
        summary = chat.summary
        self.title, self.model, self.system = summary.title, summary.model or self.model, summary.system
        self.messages = [message for message in chat.messages if message.role in ("user", "assistant")]

    def _patched(self, chat: Chat) -> None:
        self._host.learn_chat(chat.summary)

    def _fail(self, error: BaseException) -> None:
        if not (isinstance(error, HostUnavailable) and self._host.connection == "lost"):
            self.failed.emit(error)  # that the host is away is said already

    # ---------------------------------------------------------------- asking

    def send(self, text: str, sampling: Options) -> None:
        """Ask. Shown at once; goes out as soon as the host answers."""
        question = self._question(text)
        self.messages = [*self.messages, question]
        self._view.append_message(question)
        self._start(SendRequest(content=text, model=self.model, sampling=sampling), question)

    def edit(self, message: str, text: str, sampling: Options) -> None:
        """Ask ``text`` in place of a stored message of the user's; the earlier one stays as another version."""
        place = next((n for n, item in enumerate(self.messages) if item.id == message), None)
        if place is None or self.run is not None:
            return
        question = self._question(text)
        self._edits[question.id] = message
        self.messages = [*self.messages[:place], question]
        self._view.set_messages(self.messages)
        self._start(SendRequest(content=text, regenerate=message, model=self.model, sampling=sampling), question)

    def _question(self, text: str) -> ChatMessage:
        return ChatMessage(id=f"local-{next(self._numbers)}", chat_id=self.chat, parent=None, role="user", content=text)

    def answer_again(self, message: str, sampling: Options) -> None:
        """A new version of an answer, or a failed one once more."""
        if self.run is not None:
            return
        place = next((n for n, item in enumerate(self.messages) if item.id == message), None)
        if place is None:
            return
        kept = self.messages[: place + 1] if self.messages[place].role == "user" else self.messages[:place]
        last = kept[-1] if kept else None
        self.messages = kept
        self._view.set_messages(kept)
        if last is not None and last.id.startswith("local-"):  # it never reached the host
            edited = self._edits.get(last.id)
            request = SendRequest(content=last.content, regenerate=edited, model=self.model, sampling=sampling)
            self._start(request, last)
        else:
            target = last.id if last is not None and message.startswith("local-") else message
            self._start(SendRequest(regenerate=target, model=self.model, sampling=sampling), None)

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
            self.given_back.emit(run.question.content)
            if run.question.id in self._edits:
                self._load()  # what it was to replace is still there
        self.run_changed.emit()
        self.changed.emit()

    def _start(self, request: SendRequest, question: ChatMessage | None) -> None:
        run = Run(self.chat, request, question)
        chat, new = self.chat, NewChat(model=self.model, system=self.system, private=self._private)
        self.run = run
        self._runs.append(run)
        run.job = self._host.stream(
            lambda client: ask(client, chat, new, request),
            lambda items: self._heard(run, items),
            lambda: self._over(run),
            lambda error: self._broke(run, error),
            self,
        )
        self.run_changed.emit()
        self.changed.emit()

    def _attach(self, generation: str) -> None:
        run = Run(self.chat, answer=generation, phase="queued")
        self.run = run
        self._runs.append(run)
        run.job = self._host.stream(
            lambda client: client.attach(generation),
            lambda items: self._heard(run, items),
            lambda: self._over(run),
            lambda error: self._over(run),  # it had ended before we came; the chat holds it
            self,
        )
        self.run_changed.emit()

    # ---------------------------------------------------------------- hearing

    def _heard(self, run: Run, items: Sequence[Chat | GenerationEvent]) -> None:
        text: list[str] = []
        reasoning: list[str] = []
        for item in items:
            if isinstance(item, Chat):
                self._chat_made(run, item)
                continue
            said, thought = run.hear(item)
            text.append(said)
            reasoning.append(thought)
        if run is not self.run:
            return
        if run.phase in ("prompt", "answering"):
            self._show_answer(run)
            self._show_progress()
        if any(reasoning):
            self._view.stream_reasoning(run.answer, "".join(reasoning))
        if any(text):
            self._view.stream_text(run.answer, "".join(text))
        self.run_changed.emit()

    def _show_progress(self) -> None:
        """Count the prompt's tokens in the answer's place, from when it takes its time until the first word."""
        run = self.run
        if run is None or not run.shown:
            return
        self._view.set_progress(run.answer, run.progress())
        if run.phase == "prompt" and not run.progress():
            self._patience.start()

    def _chat_made(self, run: Run, chat: Chat) -> None:
        run.chat = chat.summary.id
        self._host.learn_chat(chat.summary)
        if run is self.run and not self.chat:
            self.chat = chat.summary.id
            self._claim(run)
            self.created.emit(self.chat)
            self.changed.emit()

    def _claim(self, run: Run) -> None:
        """Take note that the host has the question, though no event of its answer may have come yet."""
        known = {message.id for message in self.messages}
        for generation in self._host.generations.values():
            if run.chat and generation.chat_id == run.chat and generation.id not in known:
                run.taken(generation.id)

    def _show_answer(self, run: Run) -> None:
        """Put the answer's row into the view; one that was stored in part starts empty, its text comes again."""
        if run.shown:
            return
        run.shown = True
        answer = next((item for item in self.messages if item.id == run.answer), None)
        if answer is None:
            answer = self._answer(run, run.answer)
        answer = msgspec.structs.replace(answer, content="", reasoning="", state="generating")
        self.messages = [*(item for item in self.messages if item.id != run.answer), answer]
        self._view.set_messages(self.messages)

    def _answer(self, run: Run, name: str) -> ChatMessage:
        parent = self.messages[-1].id if self.messages else None
        return ChatMessage(id=name, chat_id=run.chat, parent=parent, role="assistant", content="", model=self.model)

    def _over(self, run: Run) -> None:
        self._finish(run)
        if run is not self.run:
            return
        if run.error is not None and not run.answer:
            self.run = None
            self._show_failure(run, run.error)
            self.run_changed.emit()
            return
        # the run counts as such until what was stored is shown, so that nothing is asked in between
        chat = run.chat
        self._host.call(
            lambda client: client.chat(chat),
            lambda stored: self._settled(run, stored),
            lambda error: self._unsettled(run, error),
            self,
        )

    def _settled(self, run: Run, chat: Chat) -> None:
        if run is not self.run:
            self._host.learn_chat(chat.summary)
            return
        self.run = None
        last = chat.messages[-1] if chat.messages else None
        if last is not None and last.id == run.answer:
            self._view.finish(last)
        self._show(chat)
        self.run_changed.emit()

    def _unsettled(self, run: Run, error: BaseException) -> None:
        if run is self.run:
            self.run = None
            self.run_changed.emit()
            if self._host.connection == "connected":
                self.failed.emit(error)

    def _broke(self, run: Run, error: BaseException) -> None:
        self._finish(run)
        if run is not self.run:
            self._fail(error)
            return
        self.run = None
        self.run_changed.emit()
        if run.answer:  # the connection went; the answer may go on. Reconnecting looks again
            if self._host.connection == "connected":
                self._load()
            return
        info = error.info() if isinstance(error, PaddockError) else ErrorInfo(code="error", message=str(error))
        self._show_failure(run, info)
        if not isinstance(error, PaddockError):
            self.failed.emit(error)

    def _show_failure(self, run: Run, error: ErrorInfo) -> None:
        message = msgspec.structs.replace(
            self._answer(run, f"local-failed-{next(self._numbers)}"), state="failed", error=msgspec.to_builtins(error)
        )
        self.messages = [*self.messages, message]
        self._view.append_message(message)
        self.changed.emit()

    def _finish(self, run: Run) -> None:
        run.ended = True
        if run in self._runs:
            self._runs.remove(run)

    # ---------------------------------------------------------------- what the host tells

    def _reconnected(self) -> None:
        if self.chat and (self.run is None or self.run.answer):
            if self.run is not None:
                self._leave()
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
        if summary is not None and (summary.title, summary.model) != (self.title, self.model):
            self.title, self.model = summary.title, summary.model or self.model
            self.changed.emit()

    def _chat_deleted(self, chat: str) -> None:
        if chat == self.chat:
            self.new(model=self.model, system="")
