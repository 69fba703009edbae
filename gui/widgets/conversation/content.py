"""What a message says: its text and reasoning, parsed at once or while they are written."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from paddock.gui.widgets.conversation.body import Body
from paddock.gui.widgets.conversation.markdown import Parser
from paddock.gui.widgets.conversation.nodes import Code, Node, plain_nodes
from paddock.gui.widgets.conversation.stream import Stream
from paddock.gui.widgets.conversation.style import Style
from paddock.sdk.types import ChatMessage

SLICE_S = 0.004
"""So long a message is parsed at once; a longer one over several turns."""


@dataclass
class Speaker:
    """How a model is shown: its name, what stands beside it, and its silk (from 0; -1: none, the accent)."""

    name: str = ""
    sub: str = ""
    silk: int = -1


class MessageText:
    """The text of one message as two sequences of blocks. Text that has arrived waits in ``pending_text`` and
    ``pending_reasoning`` until :meth:`take_pending`."""

    def __init__(
        self,
        message: ChatMessage,
        style: Style,
        parser: Callable[[], Parser],
        copied: Callable[[str, str], None],
        relayout: Callable[[], None],
    ) -> None:
        self.message = message
        self.speaker = Speaker(name=message.model.rsplit("/", 1)[-1])
        self.pending_text = ""
        self.pending_reasoning = ""
        self._parser = parser
        self._copied = copied
        self._relayout = relayout
        self._thought_from: float | None = None
        self.thought_s: float | None = None
        self.start_over(style)

    @property
    def own(self) -> bool:
        return self.message.role == "user"

    @property
    def generating(self) -> bool:
        return self.message.state == "generating"

    def name(self) -> str:
        """Who speaks, in words."""
        if self.own:
            return "You"
        names = {"system": "System", "tool": "Tool"}
        return names.get(self.message.role) or self.speaker.name or "Assistant"

    def pending(self) -> bool:
        """Whether something is left to be parsed."""
        return bool(self.pending_text or self.pending_reasoning)

    def take_all(self) -> None:
        """Parse what is left of it at once: for what needs the whole of a message."""
        while self.parsed and self.pending() and self._stream is not None:
            self.take_pending()

    def full_text(self) -> str:
        """The text, parsed or not yet."""
        return (self.content if self.parsed else self.message.content) + self.pending_text

    def full_reasoning(self) -> str:
        return (self.reasoning if self.parsed else self.message.reasoning) + self.pending_reasoning

    def start_over(self, style: Style) -> None:
        """Forget what was parsed."""
        self.style = style
        self.parsed = False
        self.content = self.reasoning = ""
        self.body = Body(style, "own" if self.own else "plain", self._copied, self._relayout)
        self.thoughts = Body(style, "quiet", self._copied, self._relayout)
        self._stream: Stream | None = None
        self._thought_stream: Stream | None = None

    def read(self) -> None:
        """Parse the message, the first part of a very long one; what is left waits in ``pending_text``."""
        text, reasoning = self.full_text(), self.full_reasoning()
        self.parsed = True
        if self.own:
            self.content = text
            self.body.update(plain_nodes(text), [])
            return
        self._stream, self._thought_stream = Stream(self._parser()), Stream(self._parser())
        self.pending_text, self.pending_reasoning = text, reasoning
        self.take_pending()

    def follow(self, message: ChatMessage) -> bool:
        """Show another state of the message. False: the text is another, and must be read anew."""
        text, reasoning = self.full_text(), self.full_reasoning()
        late = message.state == "generating" and text.startswith(message.content)
        if late and reasoning.startswith(message.reasoning):
            # An answer's saved state lags behind what has already been streamed.
            self.message = message
            if not self.parsed:
                self.pending_text = text[len(message.content) :]
                self.pending_reasoning = reasoning[len(message.reasoning) :]
            return True
        self.message = message
        if not self.parsed:
            self.pending_text = self.pending_reasoning = ""
            return True
        if self.own or not (message.content.startswith(text) and message.reasoning.startswith(reasoning)):
            self.pending_text = self.pending_reasoning = ""
            return False
        self.pending_text += message.content[len(text) :]
        self.pending_reasoning += message.reasoning[len(reasoning) :]
        self.take_pending()
        return True

    def take_pending(self) -> None:
        """Parse what has arrived, a piece at least and for some milliseconds; what is left waits for another turn."""
        if self._stream is None or self._thought_stream is None:
            return
        self._clock()
        until = time.perf_counter() + SLICE_S
        while self.pending_reasoning:
            size = self._thought_stream.slice(self.pending_reasoning)
            piece, self.pending_reasoning = self.pending_reasoning[:size], self.pending_reasoning[size:]
            self._thought_stream.feed(piece)
            self.reasoning += piece
            if time.perf_counter() >= until:
                break
        while self.pending_text:
            size = self._stream.slice(self.pending_text)
            piece, self.pending_text = self.pending_text[:size], self.pending_text[size:]
            self._stream.feed(piece)
            self.content += piece
            if time.perf_counter() >= until:
                break
        if not self.generating and not self.pending_text and not self.pending_reasoning:
            self._stream.finish()
            self._thought_stream.finish()
        self.body.update([*self._stream.final, *self._calls()], self._stream.live)

    def read_thoughts(self) -> None:
        """Bring the blocks of the reasoning up to date; only needed where it is unfolded."""
        if self._thought_stream is not None:
            self.thoughts.update(self._thought_stream.final, self._thought_stream.live)

    def _calls(self) -> list[Node]:
        if self.generating or self.pending_text:
            return []
        return [Code(call.arguments, call.name) for call in self.message.tool_calls]

    def _clock(self) -> None:
        """How long it thought is known only to who was there."""
        if not self.generating:
            return
        now = time.monotonic()
        if self.pending_reasoning and self._thought_from is None:
            self._thought_from = now
        if self.pending_text and self._thought_from is not None and self.thought_s is None:
            self.thought_s = now - self._thought_from
