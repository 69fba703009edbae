"""What a blind comparison shows: one question at a time, in an order of its own, and nothing that tells who answers.

The answers come into view together, when all are there: the order in which they come and how fast they are written
would tell whose they are, and a common pace would be that of the slowest anyway. So would reasoning, which some models
do and others do not, and what an error says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from paddock.sdk.blind import blind_order
from paddock.sdk.types import ChatMessage

LETTERS = "ABCDEF"
FAILED = "This answer failed. After the vote it says why."


@dataclass(frozen=True)
class Blind:
    """``order`` are the panes as they are shown."""

    order: tuple[str, ...]

    def alias(self, pane: str) -> str:
        """The letter that a pane goes by."""
        return LETTERS[self.order.index(pane)] if pane in self.order else "?"


@dataclass(frozen=True)
class OneTurn:
    """Keeps to one question. ``hidden``: only the words of its answers, and none before all are ``ready``."""

    turn: str
    hidden: bool
    ready: bool

    def __call__(self, pane: str, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
        """What is shown of ``messages``, each with its turn."""
        answers = [item for item in messages if item.turn == self.turn and item.role == "assistant"]
        return [self._covered(item) for item in answers] if self.hidden else answers

    def _covered(self, answer: ChatMessage) -> ChatMessage:
        bare = msgspec.structs.replace(
            answer, reasoning="", error=None, usage=None, stats=None, stop_reason="", edited=None, revisions=0
        )
        if not self.ready:
            return msgspec.structs.replace(bare, content="", state="generating")
        if answer.state == "failed":
            return msgspec.structs.replace(bare, content=answer.content or FAILED, state="done")
        return bare


def blinded(chat: str, turn: str, panes: Iterable[str]) -> Blind:
    """The panes of ``chat`` under letters; the same for the same question, in an export too."""
    return Blind(blind_order(chat, turn, panes))
