"""An answer on its way: begun or found running, heard piece by piece, and what was stored of it in the end."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from paddock.gui.bridge import Task
from paddock.gui.host_state import HostState
from paddock.gui.pages.question import PATIENCE_S, Piece, Run, View, ask, follow
from paddock.gui.window_state import Sent
from paddock.sdk.errors import ErrorInfo, HostUnavailable, PaddockError
from paddock.sdk.types import Chat, ChatMessage, ChatPatch, ChatSummary, NewChat, SendRequest


class Answers(QObject):
    """The part of a :class:`~paddock.gui.pages.dialogue.Dialogue` that follows answers. GUI thread only."""

    opened = Signal()
    """Another conversation is shown, or a new one."""
    changed = Signal()
    """Title, model, system prompt or messages changed."""
    run_changed = Signal()
    """Sending, loading, answering or nothing."""
    created = Signal(str)
    failed = Signal(object)
    """An error that belongs to no answer."""
    given_back = Signal(str, object)
    """The text of a question that was stopped before it had been sent, and its Pictures."""
    returned = Signal(str, str, object)
    """The same of one that was refused after its conversation, whose id comes first, had been left."""

    sent_changed = Signal()
    """What :meth:`sent` tells has changed: the host has taken a question."""
    compared = Signal(str)
    """Models are compared in the conversation that was opened: it is no dialogue."""
    located = Signal(str)
    """The message that the conversation was opened at is shown."""

    def __init__(self, host: HostState, view: View) -> None:
        super().__init__()
        self._host = host
        self._view = view
        self._numbers = itertools.count(1)
        self._opening: Task | None = None
        self._runs: list[Run] = []
        self._times: dict[str, float] = {}  # when each question was first sent, by its id
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(round(PATIENCE_S * 1000) + 20)
        self._patience.timeout.connect(self._show_progress)
        self.chat = ""
        self.title = ""
        self.model = ""
        self.system = ""
        self._private = False
        self._at = ""
        self._unsaved: ChatPatch | None = None  # a change on its way to the host
        self._chosen: ChatPatch | None = None  # another model on its way to the host
        self._known: tuple[float, int] | None = None  # the state that is shown, or being fetched
        self.messages: list[ChatMessage] = []
        self.run: Run | None = None

    # ---------------------------------------------------------------- what is stored

    def _load(self) -> None:
        chat = self.chat
        if self._opening is not None:
            self._opening.cancel()
        self._opening = self._host.call(lambda client: client.chat(chat), self._show, self._fail, self)

    def _show(self, chat: Chat) -> None:
        if chat.summary.id == self.chat:
            if self.run is None and self._is_old(chat.summary):
                self._load()
                return
            self._known = state_of(chat.summary)
        self._host.learn_chat(chat.summary)
        if chat.summary.id != self.chat or self.run is not None:
            return
        if chat.panes:
            self.compared.emit(self.chat)
            return
        lost = [one for one in self.take_unsent() if not has(chat, one.content, self._times.get(one.id, 0.0))]
        self._take(chat)
        self._view.set_messages(self.messages)
        for question in lost:
            self.given_back.emit(question.content, question.pictures)
        if chat.summary.generating is not None:
            self._attach(chat.summary.generating)
        self.changed.emit()
        self._go_to_message()

    def _is_old(self, summary: ChatSummary) -> bool:
        """Whether it was read before something that is known already."""
        known = self._host.chats.get(summary.id)
        return known is not None and (known.revision, known.updated) > (summary.revision, summary.updated)

    def _go_to_message(self) -> None:
        """Show the message that the conversation was opened at; another version of a turn is chosen for it."""
        wanted, self._at = self._at, ""
        if not wanted:
            return
        if any(message.id == wanted for message in self.messages):
            self.located.emit(wanted)
        elif self.run is None:
            chat = self.chat
            patch = ChatPatch(leaf=wanted)
            self._host.change(lambda client: client.patch_chat(chat, patch), partial(self._show_at, wanted), self._fail)

    def _show_at(self, message: str, chat: Chat) -> None:
        self._show(chat)
        if any(item.id == message for item in self.messages):
            self.located.emit(message)

    def take_unsent(self) -> list[ChatMessage]:
        """The questions on show that the host did not take; they are here no longer."""
        unsent = self._unsent()
        gone = {message.id for pair in unsent for message in pair}
        self.messages = [message for message in self.messages if message.id not in gone]
        return [asked for asked, _ in unsent]

    def _unsent(self) -> list[tuple[ChatMessage, ChatMessage]]:
        pairs = [pair for pair in pairwise(self.messages) if pair[1].id.startswith("local-failed-")]
        return [(asked, failed) for asked, failed in pairs if asked.id.startswith("local-")]

    def sent(self) -> list[Sent]:
        """The questions of this and of earlier conversations that the host is not known to have."""
        going = [(run.chat, run.question) for run in self._runs if run.question is not None and not run.answer]
        going += [(self.chat, asked) for asked, _ in self._unsent()]
        return [
            Sent(text=asked.content, at=self._times[asked.id], chat=chat, pictures=asked.pictures)
            for chat, asked in going
        ]

    def _take(self, chat: Chat) -> None:
        summary = chat.summary
        self.title, self.model = summary.title, self._model_of(summary)
        if self._unsaved is None:
            self.system = summary.system
        self.messages = [message for message in chat.messages if message.role in ("user", "assistant")]

    def _model_of(self, summary: ChatSummary) -> str:
        """Whom to ask, by what the host says: nobody else than was chosen here since."""
        return self.model if self._chosen is not None else summary.model or self.model

    def _patched(self, chat: Chat) -> None:
        self._host.learn_chat(chat.summary)

    def _fail(self, error: BaseException) -> None:
        if not (isinstance(error, HostUnavailable) and self._host.connection == "lost"):
            self.failed.emit(error)  # that the host is away is said already

    # ---------------------------------------------------------------- asking

    def _start(self, request: SendRequest, question: ChatMessage | None, base: str = "") -> None:
        if question is not None:
            self._times.setdefault(question.id, time.time())
        run = Run(self.chat, request, question, base=base)
        chat, new = self.chat, NewChat(model=self.model, system=self.system, private=self._private)
        patch = self._unsaved
        self.run = run
        self._runs.append(run)
        run.job = self._host.stream(
            lambda client: ask(client, chat, new, request, patch),
            lambda items: self._heard(run, items),
            lambda: self._over(run),
            lambda error: self._broke(run, error),
            self,
        )
        self.run_changed.emit()
        self.changed.emit()

    def _attach(self, generation: str) -> None:
        answer = next((item for item in self.messages if item.id == generation), None)
        run = Run(self.chat, answer=generation, phase="queued")
        self.run = run
        self._runs.append(run)
        chat, continued = self.chat, answer is not None and answer.revisions > 0
        run.job = self._host.stream(
            lambda client: follow(client, chat, generation, continued=continued),
            lambda items: self._heard(run, items),
            lambda: self._over(run),
            lambda error: self._over(run),  # it had ended before we came; the chat holds it
            self,
        )
        self.run_changed.emit()

    # ---------------------------------------------------------------- hearing

    def _heard(self, run: Run, items: Sequence[Piece]) -> None:
        text: list[str] = []
        reasoning: list[str] = []
        named = bool(run.answer)
        for item in items:
            if isinstance(item, Chat):
                self._chat_made(run, item)
                continue
            said, thought = run.hear(item)
            text.append(said)
            reasoning.append(thought)
        if run.answer and not named:
            self.sent_changed.emit()
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
                self.sent_changed.emit()

    def _show_answer(self, run: Run) -> None:
        """Put the answer's row into the view; of one that was stored in part all that was written comes again."""
        if run.shown:
            return
        run.shown = True
        answer = next((item for item in self.messages if item.id == run.answer), None)
        if answer is None:
            answer = self._answer(run, run.answer)
        reasoning = answer.reasoning if run.base else ""
        answer = msgspec.structs.replace(answer, content=run.base, reasoning=reasoning, state="generating")
        others = [item for item in self.messages if item.id != run.answer]
        if len(others) < len(self.messages):
            self._view.set_messages(others)  # what is shown of it would be kept otherwise
        self.messages = [*others, answer]
        self._view.set_messages(self.messages)

    def _answer(self, run: Run, name: str) -> ChatMessage:
        parent = self.messages[-1].id if self.messages else None
        return ChatMessage(id=name, chat_id=run.chat, parent=parent, role="assistant", content="", model=self.model)

    def _over(self, run: Run) -> None:
        self._finish(run)
        if run is not self.run:
            self._return(run)
            return
        if run.error is not None and not run.answer:
            self.run = None
            self._show_failure(run, run.error)
            self.run_changed.emit()
            return
        self._settle(run)

    def _settle(self, run: Run) -> None:
        """The run counts as such until what was stored is shown, so that nothing is asked in between."""
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
        if self._is_old(chat.summary):
            self._settle(run)
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
            self._return(run)
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

    def _return(self, run: Run) -> None:
        """The conversation was left; a question that was not taken is to be written on in it."""
        if run.question is not None and not run.answer:
            self.returned.emit(run.chat, run.question.content, run.question.pictures)

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


def has(chat: Chat, text: str, since: float) -> bool:
    """Whether a question was kept in ``chat`` since then (Unix seconds)."""
    kept = itertools.chain(chat.messages, *chat.paths.values())
    return any(item.role == "user" and item.content == text and item.created >= since for item in kept)


def state_of(summary: ChatSummary) -> tuple[float, int]:
    """What tells that a conversation says something else than before, or has become a comparison."""
    return summary.updated, summary.panes
