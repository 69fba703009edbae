"""What the samplers do to the next token: the engine is asked once, the bars follow the sliders."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from paddock.gui.bridge import Task
from paddock.gui.host_state import HostState
from paddock.gui.messages import sentence
from paddock.gui.models.sampler_stages import NAMES
from paddock.gui.widgets import Button, Label, Select
from paddock.gui.widgets.token_chart import BarChart, StageBar, TokenBar
from paddock.sdk.aclient import AsyncClient
from paddock.sdk.asking import new_id
from paddock.sdk.questions import Candidates, CandidatesRequest
from paddock.sdk.types import Chat, ChatMessage, Message, Options

if TYPE_CHECKING:
    from paddock.gui.models.next_token import Stage

    Chain = Callable[[Candidates, Options], tuple[Stage, ...]]

ROWS = 10
Place = Literal["begins", "ends"]
_PLACES: tuple[tuple[str, Place], ...] = (
    ("Where the last answer begins", "begins"),
    ("Where the last answer ends", "ends"),
)
LEFT_OUT = "Mirostat and adaptive-p choose by what came before; their choice is not shown."


@dataclass(frozen=True)
class Sight:
    """What is looked at. ``leaf`` is the last message of the conversation ``chat``."""

    chat: str = ""
    leaf: str = ""
    model: str = ""
    system: str = ""
    reasoning: bool | None = None
    place: Place = "begins"


async def look(client: AsyncClient, sight: Sight, system: str) -> tuple[Candidates, Chain]:
    """The candidates, and the chain that is worked out from them; numpy is imported beside the loop's thread."""
    chat = await client.chat(sight.chat)
    request = question(chat, sight, system)
    found = await client.candidates(request)
    return found, await asyncio.to_thread(_chain)


def _chain() -> Chain:
    from paddock.gui.models.next_token import stages

    return stages


def question(chat: Chat, sight: Sight, system: str) -> CandidatesRequest:
    """The conversation as the model had it before the last answer, or has it at its end. ``system`` stands where the
    conversation has no system prompt of its own."""
    path: Sequence[ChatMessage] = [m for m in chat.messages if m.content or m.tool_calls or m.role != "assistant"]
    answered = bool(path) and path[-1].role == "assistant"
    if answered and sight.place == "begins":
        path = path[:-1]
    said = sight.system or system
    messages = [Message(role="system", content=said)] if said else []
    messages += [
        Message(role=m.role, content=m.content, reasoning=m.reasoning, tool_calls=m.tool_calls, pictures=m.pictures)
        for m in path
    ]
    go_on = answered and sight.place == "ends"
    return CandidatesRequest(
        id=new_id(),
        model=sight.model,
        messages=tuple(messages),
        go_on=go_on,
        reasoning=sight.reasoning,
        private=chat.summary.private,
    )


def bars(found: Candidates, stages: Sequence[Stage]) -> list[TokenBar]:
    """The likeliest tokens before and behind the chain ``stages``, whose first is the model's own distribution."""
    first, last = stages[0], stages[-1]
    rows = min(ROWS, len(found.tokens))
    cut = ["" for _ in range(rows)]
    for row in range(rows):
        if not last.kept[row]:
            cut[row] = next((NAMES.get(s.name, s.name) for s in stages if not s.kept[row]), "")
    return [
        TokenBar(found.texts[row], float(first.probabilities[row]), float(last.probabilities[row]), cut[row])
        for row in range(rows)
    ]


class NextToken(QWidget):
    """Asks while it is ``watching``: when the section is open. ``load_wanted`` carries the model to load."""

    load_wanted = Signal(str)
    noted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host: HostState | None = None
        self._sight = Sight()
        self._seen: Sight | None = None
        self._job: Task | None = None
        self._watching = False
        self._options: Options = {}
        self._found: Candidates | None = None
        self._chain: Chain | None = None
        self.place = Select("Place of the next token", [words for words, _ in _PLACES])
        self.state = Label("", 13, 400, "text2", wrap=True)
        self.action = Button("Load the model")
        self.tokens = BarChart("Next tokens")
        self.rest = Label("", 12, 400, "text2", tabular=True, wrap=True)
        self.stages_title = Label("Tokens left after each sampler", 12, 600, "muted")
        self.stages = BarChart("Tokens left after each sampler")
        self.left_out = Label(LEFT_OUT, 12, 400, "text2", wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        for part in (self.place, self.state, self.action, self.tokens, self.rest, self.stages_title, self.stages):
            column.addWidget(part)
            column.setAlignment(part, Qt.AlignmentFlag.AlignLeft if part in (self.place, self.action) else _FULL)
        self.stages_title.setContentsMargins(0, 8, 0, 0)
        column.addWidget(self.left_out)
        self.place.activated.connect(self._place_chosen)
        self.action.clicked.connect(self._act)
        self._show_parts(False)
        self.show_state("")

    def bind(self, host: HostState) -> None:
        self._host = host
        host.models_changed.connect(self._consider)
        host.connection_changed.connect(self._consider)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._consider()

    def watch(self, on: bool) -> None:
        """Whether the section is open."""
        self._watching = on
        if not on:
            self._stop()
        self._consider()

    def show_sight(self, sight: Sight) -> None:
        """Look at another place; the place in the answer stays as it was chosen."""
        sight = replace(sight, place=self._sight.place)
        if sight == self._sight:
            return
        elsewhere = sight.chat != self._sight.chat
        self._sight = sight
        self._stop()
        if elsewhere or not self._watching:
            self._forget()
        self._consider()

    def _forget(self) -> None:
        """What was found is of another place."""
        self._seen = None
        self._found = None
        self.show_state("")

    def show_options(self, options: Options) -> None:
        """All sampling options as they are now."""
        if options != self._options:
            self._options = options
            self._draw()

    # ---------------------------------------------------------------- asking

    def _place_chosen(self, number: int) -> None:
        self._sight = replace(self._sight, place=_PLACES[number][1])
        self._stop()
        self._consider()

    def _stop(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._job = None

    def _consider(self) -> None:
        """Ask when there is something new to ask and the model has time for it."""
        host, sight = self._host, self._sight
        if host is None or not self._watching or not self.isVisible() or self._job is not None:
            return
        if sight == self._seen:
            return
        loaded = host.loaded_model(sight.model)
        if host.connection != "connected":
            self.show_state("The host does not answer at present.")
        elif not sight.chat or not sight.leaf:
            self.show_state("Ask something first; then the bars show what could have come next.")
        elif loaded is None or loaded.state == "failed":
            self.show_state(f"{host.model_name(sight.model)} is not loaded.", "Load the model")
        elif loaded.state != "ready":
            self.show_state("The model is being loaded.")
        elif loaded.active or loaded.queued:
            self.show_state("The model is busy; it is asked when it has finished.", keep=True)
        else:
            self._ask(host, sight)

    def _ask(self, host: HostState, sight: Sight) -> None:
        self.show_state("Asking the model.", keep=True)
        system = host.settings.system_prompt
        self._job = host.call(
            lambda client: look(client, sight, system), lambda seen: self._answered(sight, *seen), self._failed, self
        )

    def _answered(self, sight: Sight, found: Candidates, chain: Chain) -> None:
        self._job, self._seen = None, sight
        self._found, self._chain = found, chain
        self.show_state("")
        self._draw()

    def _failed(self, error: BaseException) -> None:
        self._job, self._seen = None, self._sight
        self._found = None
        self.show_state(sentence(error), "Try again")

    def _act(self) -> None:
        if self._seen == self._sight:
            self._seen = None
            self._consider()
        else:
            self.load_wanted.emit(self._sight.model)

    # ---------------------------------------------------------------- showing

    def show_state(self, words: str, action: str = "", *, keep: bool = False) -> None:
        """Say why there are no bars; ``keep`` leaves the earlier ones."""
        if words and not keep:
            self._found = None
        self.state.setText(words)
        self.state.setVisible(bool(words))
        self.action.setText(action)
        self.action.setVisible(bool(action))
        if self._found is None:
            self._show_parts(False)
            self.noted.emit("")

    def _show_parts(self, shown: bool) -> None:
        for part in (self.tokens, self.rest, self.stages_title, self.stages):
            part.setVisible(shown)
        target = self._options.get("adaptive_target")
        adaptive = isinstance(target, (int, float)) and target >= 0
        self.left_out.setVisible(shown and (adaptive or bool(self._options.get("mirostat"))))

    def _draw(self) -> None:
        if self._found is None or self._chain is None or not self._options:
            return
        stages = self._chain(self._found, self._options)
        whole = stages[0].left
        shown = bars(self._found, stages)
        self.tokens.show_bars(shown)
        self.stages.show_bars([StageBar(NAMES.get(s.name, s.name), s.left, whole) for s in stages[1:]])
        others = max(0, stages[-1].left - sum(not bar.cut for bar in shown))
        share = max(0.0, 1 - sum(bar.now for bar in shown))
        words = "one other token" if others == 1 else f"{others:,} other tokens"
        self.rest.setText(f"{words}: {100 * share:.1f} %" if others else "No other token can be drawn.")
        self._show_parts(True)
        self.stages_title.setVisible(len(stages) > 1)
        self.stages.setVisible(len(stages) > 1)
        self.noted.emit(f"{stages[-1].left:,} of {whole:,} left")


_FULL = Qt.AlignmentFlag(0)
