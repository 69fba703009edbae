"""One message: its blocks from top to bottom, parsed and laid out when it comes near the view."""

from __future__ import annotations

import bisect
from collections.abc import Callable

from paddock.gui.widgets.conversation.blocks import Block, NodeBlock, TextBlock
from paddock.gui.widgets.conversation.body import alike
from paddock.gui.widgets.conversation.chrome import (
    CardBlock,
    CardButton,
    FoldBlock,
    HeadBlock,
    ProgressBlock,
    Versions,
)
from paddock.gui.widgets.conversation.code import CodeBlock
from paddock.gui.widgets.conversation.content import MessageText
from paddock.gui.widgets.conversation.endings import ending
from paddock.gui.widgets.conversation.foot import FootBlock, OwnFootBlock, stats
from paddock.gui.widgets.conversation.gallery import pictures_block
from paddock.gui.widgets.conversation.markdown import Parser
from paddock.gui.widgets.conversation.offers import Deeds, Offers, can_go_on, entries
from paddock.gui.widgets.conversation.style import Style
from paddock.sdk.types import ChatMessage

BUBBLE_SHARE = 0.7
BUBBLE_X, BUBBLE_TOP, BUBBLE_BOTTOM = 17, 13, 10
FIT_LIMIT = 2_000
"""Longer own messages take the whole width of the bubble instead of being measured."""
_SIGNS = str.maketrans("", "", "*_`#>")


class MessageRow(MessageText):
    """A row of the view. ``top`` is absolute, everything in it relative; ``width`` is the column's."""

    def __init__(
        self,
        message: ChatMessage,
        style: Style,
        parser: Callable[[], Parser],
        deeds: Deeds,
        *,
        editable: bool = False,
        offers: Offers | None = None,
    ) -> None:
        self.blocks: list[Block] = []
        self.top = 0
        self.height = 0
        self.width = 0
        self.bubble: tuple[int, int, int, int] | None = None
        self._deeds = deeds
        self._editable = editable
        self.offers = offers if offers is not None else Offers()
        self.last = False
        """Whether it is the last of the conversation; :meth:`set_last`."""
        self.unfolded = False
        self.progress = ""
        self._tops: list[int] = []
        self._kept: dict[str, tuple[tuple[object, ...], Block]] = {}
        super().__init__(message, style, parser, deeds.copy, self._reshaped)

    def restyle(self, style: Style) -> None:
        """Another theme or zoom: everything is made anew when it is next seen, what is being written at once."""
        text, reasoning = self.full_text(), self.full_reasoning()
        self._clear(style)
        self.width = 0
        self.pending_text = text[len(self.message.content) :]
        self.pending_reasoning = reasoning[len(self.message.reasoning) :]
        if self.generating:
            self.parse()

    def _clear(self, style: Style) -> None:
        self.start_over(style)
        self.blocks, self._tops, self._kept = [], [], {}

    def parse(self) -> None:
        """Turn the message into blocks."""
        if not self.parsed:
            self.read()
            self.compose()

    def set_message(self, message: ChatMessage) -> None:
        """Show another state of the message; a text that only grew is not parsed again."""
        if not self.follow(message):
            self._clear(self.style)
            self.parse()
        elif self.parsed:
            self.compose()

    def set_last(self, last: bool) -> None:
        """Whether another message follows; what is offered depends on it."""
        if last != self.last:
            self.last = last
            if self.parsed:
                self.compose()

    def set_progress(self, words: str) -> None:
        self.progress = words
        if self.parsed:
            self.compose()

    # ------------------------------------------------------------ blocks

    def compose(self) -> None:
        """Put the blocks in order. Blocks that stay keep their layout."""
        style = self.style
        found: list[Block] = []
        if not self.own and self.offers.heads:
            found.append(self._head())
        if self.reasoning:
            found.append(self._fold())
            if self.unfolded:
                self.read_thoughts()
                found.extend(self._quoted(self.thoughts.blocks()))
        if pictures := self.message.pictures:
            found.append(self._keep("pictures", pictures, lambda: pictures_block(style, pictures, self._deeds)))
        body: list[NodeBlock] = self.body.blocks()
        if body and found:
            body[0].gap = style.px(12 if self.reasoning else 8)
        found.extend(body)
        found.extend(self._tail(body))
        self._change(found)

    def _change(self, found: list[Block]) -> None:
        """Show ``found``; what stands before the first new block keeps its place."""
        first = alike(self.blocks, found)
        self.blocks = found
        if self.own and self.width:
            self._place_own(self.width)
            self.flow()
        elif self.width:
            for block in found[first:]:
                block.place(max(40, self.width - block.left))
            self.flow(max(0, first - 1))

    def _keep(self, key: str, signature: tuple[object, ...], make: Callable[[], Block]) -> Block:
        """The block made last time if it would show the same: then it need not be painted again."""
        kept = self._kept.get(key)
        if kept is None or kept[0] != signature:
            kept = self._kept[key] = (signature, make())
        return kept[1]

    def _head(self) -> Block:
        name, speaker, message = self.name(), self.speaker, self.message
        signature = (name, speaker.sub, speaker.silk, message.version, message.versions, message.siblings)
        return self._keep(
            "head",
            signature,
            lambda: HeadBlock(self.style, name=name, sub=speaker.sub, silk=speaker.silk, versions=self._versions()),
        )

    def _fold(self) -> Block:
        measured = self.message.stats.reasoning_s if self.message.stats is not None else None
        seconds = measured if measured is not None else self.thought_s
        if seconds is not None and seconds >= 0.0005:
            words = f"Thought for {seconds:.1f} s" if seconds >= 0.9995 else f"Thought for {seconds * 1000:.0f} ms"
        else:
            words = "Thinking" if self.generating and not self.content else "Thought"
        source = self.reasoning.strip()
        preview = source[-160:] if self.generating and not self.content else source[:160]
        preview = " ".join(preview.translate(_SIGNS).split())
        unfolded = self.unfolded
        return self._keep(
            "fold",
            (words, preview, unfolded),
            lambda: FoldBlock(
                self.style,
                gap=self.style.px(8) if self.offers.heads else 0,
                words=words,
                preview=preview,
                unfolded=unfolded,
                toggle=self.toggle_reasoning,
            ),
        )

    def _quoted(self, blocks: list[NodeBlock]) -> list[NodeBlock]:
        for number, block in enumerate(blocks):
            block.bubble = False
            if not number:
                block.gap = self.style.px(10)
        return blocks

    def toggle_reasoning(self) -> None:
        """Fold or unfold."""
        self.unfolded = not self.unfolded
        self.compose()
        self._deeds.reshaped(self)

    def _tail(self, body: list[NodeBlock]) -> list[Block]:
        style, message = self.style, self.message
        if self.own:
            return [self._own_foot()]
        found: list[Block] = []
        if self.generating:
            if not body or not isinstance(body[-1], TextBlock | CodeBlock):
                above = bool(body or self.reasoning or self.offers.heads)
                found.append(ProgressBlock(style, gap=style.px(10) if above else 0, words=self.progress))
            return found
        card = ending(message)
        if card is not None:
            buttons = [CardButton("retry", "refresh", card.action, lambda: self._deeds.retry(message.id))]
            if self._offers("continue") and can_go_on(message):
                go_on = CardButton("continue", "play", "Continue", lambda: self._deeds.act("continue", message.id))
                buttons.insert(0, go_on)
            if card.remedy:
                buttons.insert(0, CardButton("remedy", card.icon, card.remedy, lambda: self._deeds.remedy(message.id)))
            found.append(
                CardBlock(
                    style,
                    gap=style.px(14),
                    severity=card.severity,
                    sentence=card.sentence,
                    hint=card.hint,
                    buttons=buttons,
                )
            )
        numbers = stats(message) if self.offers.numbers else []
        actions = []
        if message.content:
            actions.append(("copy", "copy", "Copy answer", lambda: self._deeds.copy(message.content, "answer")))
        if card is None and message.role == "assistant":
            actions.append(("again", "refresh", "Regenerate", lambda: self._deeds.regenerate(message.id)))
            if self._offers("continue") and can_go_on(message):
                actions.append(("continue", "play", "Continue", lambda: self._deeds.act("continue", message.id)))
        if self._offers("branch"):
            actions.append(("branch", "branch", "Branch from here", lambda: self._deeds.act("branch", message.id)))
        if len(entries(message, self.offers.actions, self.last)) > 1:
            actions.append(("menu", "dots", "More", lambda: self._deeds.menu(message.id)))
        versions = Versions() if self.offers.heads else self._versions()
        if numbers or versions.count > 1 or (actions and card is None):
            found.append(FootBlock(style, gap=style.px(10), numbers=numbers, actions=actions, versions=versions))
        return found

    def _offers(self, action: str) -> bool:
        return any(action == entry for entry, _ in entries(self.message, self.offers.actions, self.last))

    def _own_foot(self) -> OwnFootBlock:
        message = self.message
        actions = [("copy", "copy", "Copy message", lambda: self._deeds.copy(message.content, "message"))]
        if self._editable and message.created:  # what is not stored yet has no place to be changed in
            actions.append(("edit", "pencil", "Edit message", lambda: self._deeds.edit(message.id)))
        if entries(message, self.offers.actions, self.last):
            actions.append(("menu", "dots", "More", lambda: self._deeds.menu(message.id)))
        return OwnFootBlock(self.style, gap=self.style.px(2), actions=actions, versions=self._versions())

    def _versions(self) -> Versions:
        message = self.message
        if message.versions < 2 or message.id not in message.siblings:
            return Versions(message.version, message.versions)
        place = message.siblings.index(message.id)
        before = message.siblings[place - 1] if place else None
        after = message.siblings[place + 1] if place + 1 < len(message.siblings) else None
        return Versions(
            message.version,
            message.versions,
            (lambda: self._deeds.version(before)) if before else None,
            (lambda: self._deeds.version(after)) if after else None,
        )

    def _reshaped(self) -> None:
        for block in self.blocks:
            if isinstance(block, CodeBlock):
                block.drop()
                block.height = block.estimate(block.width)
        self._deeds.reshaped(self)

    # ------------------------------------------------------------ places

    def estimate(self, width: int) -> int:
        """A height before parsing."""
        text = self.message.content
        share = BUBBLE_SHARE if self.own else 1.0
        line = self.style.px(23)
        rows = len(text) * self.style.px(8) / max(80, width * share) + text.count("\n") * 0.7
        return int(rows + 1) * line + self.style.px(60)

    def place(self, width: int) -> None:
        """Give the row its width; blocks get estimates."""
        if width == self.width and self.parsed:
            return
        self.width = width
        if not self.parsed:
            self.height = self.estimate(width)
            return
        if self.own:
            self._place_own(width)
        else:
            for block in self.blocks:
                block.place(max(40, width - block.left))
        self.flow()

    def _place_own(self, width: int) -> None:
        body = self.body.blocks()
        pad = self.style.px(BUBBLE_X)
        room = max(120, int(width * BUBBLE_SHARE)) - 2 * pad
        wanted = room
        if len(self.message.content) <= FIT_LIMIT and all(isinstance(block, TextBlock) for block in body):
            wanted = 24
            for block in body:
                block.place(room)
                assert isinstance(block, TextBlock)
                wanted = min(room, max(wanted, block.ideal_width() + 1))
        left = width - wanted - pad
        for block in body:
            block.bubble = True
            block.left = left
            block.place(wanted)
            if wanted < room:
                block.layout()  # an estimate would wrap what was measured to fit
        for other in self.blocks:
            if not other.bubble:
                other.place(width)
        self.bubble = (left - pad, 0, wanted + 2 * pad, 0)

    def flow(self, start: int = 0) -> None:
        """Set tops and the row's height from the blocks' heights, from block ``start`` on."""
        start = 0 if self.own or start >= len(self._tops) else start
        over, under = self.style.px(BUBBLE_TOP), self.style.px(BUBBLE_BOTTOM)
        body = [block for block in self.blocks if block.bubble] if self.own else []
        tops = self._tops[:start]
        y = self.blocks[start - 1].top + self.blocks[start - 1].height if start else 0
        for block in self.blocks[start:]:
            y += over if body and block is body[0] else block.gap
            block.top = y
            tops.append(y)
            y += block.height
            if body and block is body[-1]:
                y += under
                if self.bubble is not None:
                    x, _, w, _ = self.bubble
                    self.bubble = (x, body[0].top - over, w, y - body[0].top + over)
        self._tops = tops
        self.height = y

    def first_block(self, y: int) -> int:
        """The block at ``y``, or the last one above it."""
        return max(0, bisect.bisect_right(self._tops, y) - 1)

    def lay_out(self, top: int, bottom: int) -> bool:
        """Make exact what lies between two heights in the row; whether heights changed."""
        if not self.parsed:
            height = self.height
            self.parse()
            width, self.width = self.width, 0
            self.place(width)
            if self.height != height:
                return True
        first, shift = -1, 0
        for number in range(self.first_block(top), len(self.blocks)):
            block = self.blocks[number]
            if block.top + shift > bottom:
                break
            if not block.built:
                height = block.height
                block.layout()
                shift += block.height - height
                first = number if first < 0 and block.height != height else first
        if first >= 0:
            self.flow(first)
        return first >= 0

    def forget(self, keep_top: int, keep_bottom: int) -> None:
        """Drop documents of blocks outside two heights in the row."""
        for block in self.blocks:
            if block.built and (block.top + block.height < keep_top or block.top > keep_bottom):
                block.drop()

    def parts(self) -> list[tuple[NodeBlock, int]]:
        """The blocks of its text, each with where its words begin in :meth:`plain`."""
        found: list[tuple[NodeBlock, int]] = []
        at = 0
        for block in self.body.blocks():
            at += len(block.glue()) if found else 0
            found.append((block, at))
            at += len(block.plain())
        return found

    def plain(self) -> str:
        """Its text as it is shown, without signs of lists: what is searched and marked. It must be parsed."""
        return "".join(
            (block.glue() if number else "") + block.plain() for number, (block, _) in enumerate(self.parts())
        )

    def renew(self) -> bool:
        """Lay out again what lacked a lexer or a formula; whether there was any."""
        return sum(block.renew() for block in self.blocks) > 0

    def first_change(self, caret: Block | None, top: int) -> int:
        """The top of the first block from height ``top`` on that is to be painted again: one that is not laid out, as
        all that was seen is, or had the caret."""
        for block in self.blocks[self.first_block(top) :]:
            if (block is caret or not block.built) and block.top + block.height > top:
                return block.top + block.stays()
        return self.height
