"""A comparison as the window lives it: opened, asked in all panes or one, answered in each. No widgets of its own."""

from __future__ import annotations

import itertools
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QObject, Signal

from paddock.gui.bridge import Task
from paddock.gui.host_state import HostState
from paddock.gui.models import panes as facts
from paddock.gui.pages import compare_jobs as jobs
from paddock.gui.pages.compare_run import PaneRun, Screens
from paddock.sdk.compare import AskPanes
from paddock.sdk.events import GenerationEvent
from paddock.sdk.host import Generation
from paddock.sdk.types import Chat, ChatMessage, ChatPatch, ChatSummary, NewChat, Pane

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient


class Comparison(QObject):
    """Drives the panes. GUI thread only."""

    opened = Signal()
    """Another comparison is shown."""
    changed = Signal()
    """Panes, title or messages changed."""
    run_changed = Signal(str)
    """A pane's answer moved on; its id."""
    settled = Signal(str)
    """A pane's answer has ended and is stored."""
    created = Signal(str)
    ended = Signal(str)
    """The conversation holds no panes any more."""
    deleted = Signal(str)
    failed = Signal(object)
    given_back = Signal(str)
    """The text of a question that was stopped or refused before it had been stored."""

    def __init__(self, host: HostState, screens: Screens) -> None:
        super().__init__()
        self._host, self._screens = host, screens
        self._numbers = itertools.count(1)
        self._loading: Task | None = None
        self._load_again = False
        self._clear()
        host.snapshot.connect(self._reconnected)
        host.generation_started.connect(self._generation_started)
        host.generation_ended.connect(self._generation_ended)
        host.chats_changed.connect(self._chats_changed)
        host.chat_deleted.connect(self._chat_deleted)

    def _clear(self) -> None:
        self.summary: ChatSummary | None = None
        self.chat = ""
        self.panes: tuple[Pane, ...] = ()
        self.paths: dict[str, list[ChatMessage]] = {}
        self.runs: dict[str, PaneRun] = {}
        self.asking: Task | None = None  # a question on its way to the host
        self._request = AskPanes()
        self._stop_wanted = False

    # ---------------------------------------------------------------- what is compared

    @property
    def title(self) -> str:
        return self.summary.title if self.summary is not None else ""

    @property
    def running(self) -> bool:
        return self.asking is not None or bool(self.runs)

    def turns(self) -> list[str]:
        """The questions, in the order they were asked."""
        return facts.turns(self.paths.values())

    def answer(self, pane: str, turn: str) -> ChatMessage | None:
        return facts.answer(self.paths.get(pane, ()), turn)

    def model(self, pane: Pane) -> str:
        """The id of the model that answers in a pane."""
        chat = self.summary.model if self.summary is not None else ""
        return pane.model or chat or self._host.settings.default_model

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

    def leave(self) -> None:
        """Nothing is shown any more; questions and answers go on in the host."""
        for pane in list(self.runs):
            self._drop(pane)
        if self._loading is not None:
            self._loading.cancel()
        self._loading, self._load_again = None, False
        self._clear()

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

    def _load(self) -> None:
        """Read the conversation again, once more where it is being read already."""
        if self._loading is not None:
            self._load_again = True
            return
        chat = self.chat
        if chat:
            self._loading = self._host.call(lambda client: client.chat(chat), self._loaded, self._not_loaded, self)

    def _loaded(self, chat: Chat) -> None:
        self._loading = None
        self.show(chat)
        if self._load_again:
            self._load_again = False
            self._load()

    def _not_loaded(self, error: BaseException) -> None:
        self._loading = None
        self._load_again = False
        if self._host.connection == "connected":
            self.failed.emit(error)

    def show(self, chat: Chat) -> None:
        """What the host has of it now; another conversation is passed over."""
        if chat.summary.id != self.chat:
            return
        self.summary = chat.summary
        if not chat.panes:
            self._host.learn_chat(chat.summary)
            self.leave()
            self.changed.emit()
            self.ended.emit(chat.summary.id)
            return
        self.panes = chat.panes
        self.changed.emit()  # the panes' widgets come and go first
        over = [self._take(pane.id, list(chat.paths.get(pane.id, ()))) for pane in chat.panes]
        for gone in self.paths.keys() - {pane.id for pane in chat.panes}:
            self._drop(gone)
            del self.paths[gone]
        self.changed.emit()
        for pane in filter(None, over):
            self.settled.emit(pane)

    def _take(self, pane: str, path: list[ChatMessage]) -> str:
        """A pane's path as it is stored, unless what is followed is newer. Returns the pane if its answer is over."""
        run = self.runs.get(pane)
        if run is not None and not run.ended and run.answer in {m.id for m in path} & {m.id for m in self.paths[pane]}:
            return ""
        over = run is not None and run.ended
        if over:
            del self.runs[pane]
        self.paths[pane] = path
        self._screens.show_path(pane, path)
        last = path[-1] if path else None
        if over and last is not None and run is not None and last.id == run.answer:
            self._screens.finish(pane, last)
        if last is not None and last.state == "generating" and pane not in self.runs:
            self._attach(pane, last.id)
        return pane if over else ""

    # ---------------------------------------------------------------- asking

    def send(self, text: str, panes: Sequence[str] = ()) -> None:
        """Ask in ``panes``, or in all. Shown at once."""
        name = f"local-{next(self._numbers)}"
        question = ChatMessage(id=name, chat_id=self.chat, parent=None, role="user", content=text, turn=name)
        for pane in panes or [pane.id for pane in self.panes]:
            self.paths[pane] = [*self.paths.get(pane, []), question]
            self._screens.show_path(pane, self.paths[pane])
        self._ask(AskPanes(content=text, panes=tuple(panes)))

    def edit(self, turn: str, text: str) -> None:
        """Ask a question in other words, in every pane that has it; the earlier version stays."""
        self._ask(AskPanes(content=text, turn=turn, panes=self._having(turn)))

    def again(self, turn: str, panes: Sequence[str] = ()) -> None:
        """New versions of the answers to a question."""
        if free := tuple(panes) or self._having(turn):
            self._ask(AskPanes(turn=turn, panes=free))

    def _having(self, turn: str) -> tuple[str, ...]:
        """The panes in which a question was asked and that are free."""
        return tuple(
            pane.id
            for pane in self.panes
            if pane.id not in self.runs and facts.question([self.paths.get(pane.id, ())], turn) is not None
        )

    def _ask(self, request: AskPanes) -> None:
        chat, self._request = self.chat, request
        self.asking = self._host.call(
            lambda client: jobs.ask(client, chat, request),
            self._answered,
            lambda error: self._refused(chat, request, error),
            self,
        )
        self.changed.emit()

    def _answered(self, chat: Chat) -> None:
        self._host.learn_chat(chat.summary)
        if chat.summary.id != self.chat:
            return
        self.asking = None
        began = time.monotonic()
        self.show(chat)
        for run in self.runs.values():
            if not run.pieces and run.start is None:
                run.start = began
        if self._stop_wanted:
            self.stop()

    def _refused(self, chat: str, request: AskPanes, error: BaseException) -> None:
        if chat == self.chat:
            self._forget_question(request)
        self.failed.emit(error)

    def _forget_question(self, request: AskPanes) -> None:
        self.asking, self._stop_wanted = None, False
        for pane, path in self.paths.items():
            kept = [message for message in path if not message.id.startswith("local-")]
            if kept != path:
                self.paths[pane] = kept
                self._screens.show_path(pane, kept)
        if request.content is not None:
            self.given_back.emit(request.content)
        self.changed.emit()

    def stop(self, pane: str = "") -> None:
        """End the answer of a pane, or all. A question that waits for the host comes back."""
        if self.asking is not None and not pane:
            if self._host.connection == "connected":
                self._stop_wanted = True  # as soon as it is known what has begun
            else:
                self.asking.cancel()
                self._forget_question(self._request)
            return
        self._stop_wanted = False
        for run in self.runs.values():
            if pane in ("", run.pane):
                self._cancel(run.answer)

    def _cancel(self, answer: str) -> None:
        self._host.call(lambda client: client.cancel(answer), None, lambda error: self._load())

    def _attach(self, pane: str, answer: str) -> None:
        run = PaneRun(self.chat, answer=answer, phase="queued", pane=pane)
        self.runs[pane] = run
        run.job = self._host.stream(
            lambda client: client.attach(answer),
            partial(self._heard, run),
            partial(self._over, run),
            lambda error: self._over(run),  # it had ended before we came, or the connection went; the store knows
            self,
        )
        self.run_changed.emit(pane)

    def _drop(self, pane: str) -> None:
        run = self.runs.pop(pane, None)
        if run is not None and run.job is not None:
            run.job.cancel()

    # ---------------------------------------------------------------- hearing

    def _heard(self, run: PaneRun, events: Iterable[GenerationEvent]) -> None:
        heard = [run.hear(event) for event in events]
        text, reasoning = "".join(said for said, _ in heard), "".join(thought for _, thought in heard)
        if self.runs.get(run.pane) is not run:
            return
        if text or reasoning:
            self._start_over(run)
            run.count(sum(1 for piece in heard if any(piece)))
            self._screens.stream(run.pane, run.answer, text, reasoning)
        self.run_changed.emit(run.pane)

    def _start_over(self, run: PaneRun) -> None:
        """What was stored of the answer in part comes again with its stream."""
        if run.shown:
            return
        run.shown = True
        *path, last = self.paths[run.pane]
        if last.id == run.answer and (last.content or last.reasoning):
            self._screens.show_path(run.pane, path)  # a text that is shown is not taken back, a message is
            self.paths[run.pane] = [*path, msgspec.structs.replace(last, content="", reasoning="")]
            self._screens.show_path(run.pane, self.paths[run.pane])

    def _over(self, run: PaneRun) -> None:
        run.ended = True
        if self.runs.get(run.pane) is run and self._host.connection == "connected":
            self._load()

    # ---------------------------------------------------------------- changing the panes

    def put(self, panes: Sequence[Pane]) -> None:
        """Other panes; what is answered in one that goes is stopped."""
        chat, wanted, kept = self.chat, tuple(panes), {pane.id for pane in panes}
        stopped = tuple(run.answer for pane, run in self.runs.items() if pane not in kept)
        if kept == {pane.id for pane in self.panes}:
            self.panes = wanted
            self.changed.emit()
        self._change(lambda client: jobs.put(client, chat, wanted, stopped))

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
        self._host.call(job, self.show, self._not_changed, self)

    def _not_changed(self, error: BaseException) -> None:
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
        if summary is None or self.summary is None or _lasting(summary) == _lasting(self.summary):
            return
        self.summary = summary
        self._load()

    def _chat_deleted(self, chat: str) -> None:
        if chat == self.chat:
            self.leave()
            self.changed.emit()
            self.deleted.emit(chat)


def _lasting(summary: ChatSummary) -> ChatSummary:
    """Without what changes with every answer."""
    return msgspec.structs.replace(summary, generating=None, updated=0.0)
