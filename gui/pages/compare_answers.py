"""What is stored of a comparison, and its answers on their way: followed in every pane, heard piece by piece."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from functools import partial

import msgspec
from PySide6.QtCore import QObject, Signal

from paddock.gui.bridge import Task
from paddock.gui.host_state import HostState
from paddock.gui.models import panes as facts
from paddock.gui.pages.compare_run import PaneRun, Screens
from paddock.gui.pages.question import follow
from paddock.sdk.chats import Revision
from paddock.sdk.events import GenerationEvent
from paddock.sdk.types import Chat, ChatMessage, ChatSummary, Pane


class PaneAnswers(QObject):
    """The part of a :class:`~paddock.gui.pages.compare_session.Comparison` that follows answers. GUI thread only."""

    opened = Signal()
    """Another comparison is shown."""
    changed = Signal()
    """Panes, title or messages changed."""
    run_changed = Signal(str)
    """A pane's answer moved on; its id."""
    settled = Signal(str)
    """A pane's answer has ended and is stored."""
    ended = Signal(str)
    """The conversation holds no panes any more."""
    failed = Signal(object)

    def __init__(self, host: HostState, screens: Screens) -> None:
        super().__init__()
        self._host, self._screens = host, screens
        self._numbers = itertools.count(1)
        self._loading: Task | None = None
        self._load_again = False
        self._clear()

    def _clear(self) -> None:
        self.summary: ChatSummary | None = None
        self.chat = ""
        self.panes: tuple[Pane, ...] = ()
        self.paths: dict[str, list[ChatMessage]] = {}
        self.runs: dict[str, PaneRun] = {}
        self.asking: Task | None = None  # a question on its way to the host
        self._unsaved: tuple[Pane, ...] = ()  # panes on their way to the host
        self._stop_wanted = False
        self._asked_at: float | None = None  # since when answers are on their way that are not followed yet

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

    # ---------------------------------------------------------------- what is stored

    def leave(self) -> None:
        """Nothing is shown any more; questions and answers go on in the host."""
        for pane in list(self.runs):
            self._drop(pane)
        if self._loading is not None:
            self._loading.cancel()
        self._loading, self._load_again = None, False
        self._clear()

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
        if self._load_again:  # the host may be another one by now
            self._load_again = False
            self._load()
        elif self._host.connection == "connected":
            self.failed.emit(error)

    def show(self, chat: Chat) -> None:
        """What the host has of it now; another conversation is passed over, and what is older than what is known is
        asked for again."""
        if chat.summary.id != self.chat:
            return
        known = self._host.chats.get(self.chat)
        if known is not None and (known.revision, known.updated) > (chat.summary.revision, chat.summary.updated):
            self._load()
            return
        self.summary = chat.summary
        self._host.learn_chat(chat.summary)
        if not chat.panes:
            self.leave()
            self.changed.emit()
            self.ended.emit(chat.summary.id)
            return
        unsaved = {pane.id for pane in self._unsaved} == {pane.id for pane in chat.panes}
        self.panes = self._unsaved if unsaved else chat.panes
        self.changed.emit()  # the panes' widgets come and go first
        if self.asking is not None:
            return  # it may be without the question that is shown, or without its answers; all of it comes with those
        over = [self._take(pane.id, list(chat.paths.get(pane.id, ()))) for pane in chat.panes]
        self._asked_at = None
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
            self._attach(pane, last)
        return pane if over else ""

    # ---------------------------------------------------------------- hearing

    def _attach(self, pane: str, answer: ChatMessage) -> None:
        run = PaneRun(self.chat, answer=answer.id, phase="queued", pane=pane, start=self._asked_at)
        self.runs[pane] = run
        chat, continued = self.chat, answer.revisions > 0
        run.job = self._host.stream(
            lambda client: follow(client, chat, run.answer, continued=continued),
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

    def _heard(self, run: PaneRun, events: Iterable[GenerationEvent | Revision]) -> None:
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
        """What was stored of the answer in part comes again with its stream, but for what it was continued from."""
        if run.shown:
            return
        run.shown = True
        *path, last = self.paths[run.pane]
        before = msgspec.structs.replace(last, content=run.base, reasoning=last.reasoning if run.base else "")
        if last.id == run.answer and before != last:
            self._screens.show_path(run.pane, path)  # a text that is shown is not taken back, a message is
            self.paths[run.pane] = [*path, before]
            self._screens.show_path(run.pane, self.paths[run.pane])

    def _over(self, run: PaneRun) -> None:
        run.ended = True
        if self.runs.get(run.pane) is run and self._host.connection == "connected":
            self._load()
