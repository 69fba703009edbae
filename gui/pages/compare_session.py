"""A comparison as the window lives it: opened, asked in all panes or one, answered in each. No widgets of its own."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import Signal

from paddock.gui.host_state import HostState
from paddock.gui.models import panes as facts
from paddock.gui.pages import compare_jobs as jobs
from paddock.gui.pages.compare_answers import PaneAnswers
from paddock.gui.pages.compare_run import Screens
from paddock.gui.window_state import Sent
from paddock.sdk.compare import AskPanes
from paddock.sdk.host import Generation
from paddock.sdk.pictures import Picture
from paddock.sdk.types import Chat, ChatMessage, ChatPatch, ChatSummary, NewChat, Pane

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient


class Comparison(PaneAnswers):
    """Drives the panes. GUI thread only."""

    created = Signal(str)
    deleted = Signal(str)
    given_back = Signal(str, object)
    """The text of a question that was stopped or refused before it had been stored, and its Pictures."""
    returned = Signal(str, str, object)
    """The same of one that was refused after its conversation, whose id comes first, had been left."""
    sent_changed = Signal()
    """What :meth:`sent` tells has changed."""

    def __init__(self, host: HostState, screens: Screens) -> None:
        super().__init__(host, screens)
        self._missed = False
        self._sent: list[Sent] = []
        self._asked = Sent(text="", at=0.0), AskPanes()
        host.snapshot.connect(self._reconnected)
        host.generation_started.connect(self._generation_started)
        host.generation_ended.connect(self._generation_ended)
        host.chats_changed.connect(self._chats_changed)
        host.chat_told.connect(self._told)
        host.chat_deleted.connect(self._chat_deleted)

    # ---------------------------------------------------------------- which one

    def open(self, chat: str) -> None:
        """Show a stored comparison, and follow what is being answered in it."""
        if chat != self.chat:
            self.leave()
            self.chat, self.summary = chat, self._host.chats.get(chat)
            self.opened.emit()
            self._load()

    def begin(self, chat: str, panes: Sequence[Pane], new: NewChat) -> None:
        """Compare ``panes`` in ``chat``; where that is empty a conversation is made as ``new`` says."""
        self.leave()
        self.chat, self.summary = chat, self._host.chats.get(chat)
        self.opened.emit()
        wanted = tuple(panes)
        self._loading = self._host.call(
            lambda client: jobs.begin(client, chat, wanted, new), self._begun, self._not_begun, self
        )

    def _begun(self, chat: Chat) -> None:
        self._loading = None
        new, self.chat = chat.summary.id != self.chat, chat.summary.id
        self._host.learn_chat(chat.summary)
        if new:
            self.created.emit(self.chat)
        self.show(chat)

    def _not_begun(self, error: BaseException) -> None:
        chat = self.chat
        self.leave()
        self.changed.emit()
        self.failed.emit(error)
        (self.ended if chat else self.deleted).emit(chat)

    # ---------------------------------------------------------------- asking

    def send(self, text: str, panes: Sequence[str] = (), pictures: tuple[Picture, ...] = ()) -> None:
        """Ask in ``panes``, or in all. Shown at once."""
        name = f"local-{next(self._numbers)}"
        question = ChatMessage(
            id=name, chat_id=self.chat, parent=None, role="user", content=text, pictures=pictures, turn=name
        )
        for pane in panes or [pane.id for pane in self.panes]:
            self.paths[pane] = [*self.paths.get(pane, []), question]
            self._screens.show_path(pane, self.paths[pane])
        self._ask(AskPanes(content=text, pictures=pictures, panes=tuple(panes)))

    def edit(self, turn: str, text: str) -> None:
        """Ask a question in other words, in every pane that has it; the earlier version stays."""
        self._ask(AskPanes(content=text, turn=turn, panes=self._having(turn)))

    def again(self, turn: str, panes: Sequence[str] = ()) -> None:
        """New versions of the answers to a question."""
        if self.asking is None and (free := tuple(panes) or self._having(turn)):
            self._ask(AskPanes(turn=turn, panes=free))

    def go_on(self, pane: str) -> None:
        """Write on at the answer that a pane ends with."""
        if self.asking is None and pane not in self.runs:
            self._ask(AskPanes(go_on=True, panes=(pane,)))

    def _having(self, turn: str) -> tuple[str, ...]:
        """The panes in which a question was asked and that are free."""
        return tuple(
            pane.id
            for pane in self.panes
            if pane.id not in self.runs and facts.question([self.paths.get(pane.id, ())], turn) is not None
        )

    def _ask(self, request: AskPanes) -> None:
        chat, panes = self.chat, self._unsaved
        sent = Sent(text=request.content or "", at=time.time(), chat=chat, pictures=request.pictures)
        if request.content is not None:
            self._sent.append(sent)
        self._asked = sent, request
        self.asking = self._host.change(
            lambda client: jobs.ask(client, chat, request, panes),
            lambda stored: self._answered(sent, stored),
            lambda error: self._refused(sent, request, error),
            self,
        )
        self.changed.emit()

    def sent(self) -> list[Sent]:
        """The questions of this and of earlier comparisons that the host is not known to have."""
        return list(self._sent)

    def _settle(self, sent: Sent) -> None:
        self._sent = [one for one in self._sent if one is not sent]
        self.sent_changed.emit()

    def _answered(self, sent: Sent, chat: Chat) -> None:
        self._settle(sent)
        self._host.learn_chat(chat.summary)
        if chat.summary.id != self.chat:
            return
        self.asking = None
        self._asked_at = time.monotonic()
        self.show(chat)
        if self._stop_wanted:
            self.stop()

    def _refused(self, sent: Sent, request: AskPanes, error: BaseException) -> None:
        if sent.chat == self.chat:
            self._forget_question(request)
            self._load()
        elif request.content is not None:
            self.returned.emit(sent.chat, request.content, request.pictures)
        self._settle(sent)
        self.failed.emit(error)

    def _forget_question(self, request: AskPanes) -> None:
        self.asking, self._stop_wanted = None, False
        for pane, path in self.paths.items():
            kept = [message for message in path if not message.id.startswith("local-")]
            if kept != path:
                self.paths[pane] = kept
                self._screens.show_path(pane, kept)
        if request.content is not None:
            self.given_back.emit(request.content, request.pictures)
        self.changed.emit()

    def stop(self, pane: str = "") -> None:
        """End the answer of a pane, or all. A question that waits for the host comes back."""
        if self.asking is not None and not pane:
            if self._host.connection == "connected":
                self._stop_wanted = True  # as soon as it is known what has begun
            else:
                self.asking.cancel()
                self._forget_question(self._asked[1])
                self._settle(self._asked[0])
            return
        self._stop_wanted = False
        for run in self.runs.values():
            if pane in ("", run.pane):
                self._cancel(run.answer)

    def _cancel(self, answer: str) -> None:
        self._host.call(lambda client: client.cancel(answer), None, lambda error: self._load(), self)

    # ---------------------------------------------------------------- changing the panes

    def put(self, panes: Sequence[Pane]) -> None:
        """Other panes; what is answered in one that goes is stopped."""
        chat, wanted, kept = self.chat, tuple(panes), {pane.id for pane in panes}
        stopped = tuple(run.answer for pane, run in self.runs.items() if pane not in kept)
        if kept == {pane.id for pane in self.panes}:
            self.panes = self._unsaved = wanted
            self.changed.emit()
        self._host.change(
            lambda client: jobs.put(client, chat, wanted, stopped),
            lambda stored: self._saved(wanted, stored),
            self._not_changed,
            self,
        )

    def _saved(self, panes: tuple[Pane, ...], chat: Chat) -> None:
        self._unsaved = () if self._unsaved == panes else self._unsaved
        self.show(chat)
        if self._missed and not self._unsaved:
            self._missed = False
            self._load()

    def end(self, pane: str) -> None:
        """Go on alone, as ``pane`` has it."""
        chat = self.chat
        first = sorted(self.panes, key=lambda item: item.id != pane)
        stopped = tuple(run.answer for run in self.runs.values())
        self._change(lambda client: jobs.end(client, chat, first, stopped))

    def adopt(self, pane: str) -> None:
        """All panes go on from the conversation as ``pane`` has it."""
        chat = self.chat
        self._change(lambda client: client.adopt_pane(chat, pane))

    def part(self, leaves: Mapping[str, str]) -> None:
        """Each pane goes on from its own message, by the panes' ids."""
        chat, wanted = self.chat, dict(leaves)
        self._change(lambda client: jobs.part(client, chat, wanted))

    def choose_version(self, pane: str, message: str) -> None:
        """Show another version of a turn in a pane."""
        chat = self.chat
        self._change(lambda client: client.patch_chat(chat, ChatPatch(leaf=message, pane=pane)))

    def _change(self, job: Callable[[AsyncClient], Awaitable[Chat]]) -> None:
        self._host.change(job, self.show, self._not_changed, self)

    def _not_changed(self, error: BaseException) -> None:
        self._unsaved = ()
        self.failed.emit(error)
        self._load()

    # ---------------------------------------------------------------- what the host tells

    def _reconnected(self) -> None:
        if self.chat:
            for pane in list(self.runs):
                self._drop(pane)
            self._load()

    def _generation_started(self, generation: Generation) -> None:
        followed = any(run.answer == generation.id for run in self.runs.values())
        if self.chat and generation.chat_id == self.chat and self.asking is None and not followed:
            self._load()

    def _generation_ended(self, generation: str, chat: str) -> None:
        if self.chat and chat == self.chat and all(run.answer != generation for run in self.runs.values()):
            self._load()

    def _chats_changed(self) -> None:
        summary = self._host.chats.get(self.chat)
        if summary is None or self.summary is None:
            return
        before, now = self.summary, summary
        if self.running:
            before, now = _lasting(before), _lasting(now)
        if now == before:
            return
        self.summary = summary
        self._load()

    def _told(self, chat: str) -> None:
        """A pane has other settings where nothing else has changed."""
        if not chat or chat != self.chat:
            return
        if self._unsaved:
            self._missed = True  # what the host answers to our own change may be older than that
        elif not self.running and self.summary == self._host.chats.get(chat):
            self._load()

    def _chat_deleted(self, chat: str) -> None:
        if chat == self.chat:
            self.leave()
            self.changed.emit()
            self.deleted.emit(chat)


def _lasting(summary: ChatSummary) -> ChatSummary:
    """Without what changes with every answer."""
    return msgspec.structs.replace(summary, generating=None, updated=0.0)
