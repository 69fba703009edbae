"""The conversation view: what pages call, the keyboard, and streaming."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import partial

import msgspec
from PySide6.QtCore import QEvent, QObject, QPointF, Signal
from PySide6.QtGui import QColor, QResizeEvent
from PySide6.QtWidgets import QMenu, QWidget

from paddock.gui import theme
from paddock.gui.widgets.conversation import accessible, menus
from paddock.gui.widgets.conversation.content import Speaker
from paddock.gui.widgets.conversation.gallery import Gallery
from paddock.gui.widgets.conversation.jump import JumpButton
from paddock.gui.widgets.conversation.markdown import Parser
from paddock.gui.widgets.conversation.offers import Deeds, Offers
from paddock.gui.widgets.conversation.row import MessageRow
from paddock.gui.widgets.conversation.searching import Searching
from paddock.gui.widgets.conversation.style import Style
from paddock.gui.widgets.conversation.turns import Turns
from paddock.gui.widgets.conversation.workshop import workshop
from paddock.sdk.types import ChatMessage

UPDATE_S = 0.030
"""At most about 30 updates a second; an expensive one makes the next wait four times as long as it took."""
HEAVY_S = 0.010
"""What took longer is painted in another turn."""


class ConversationView(Searching):
    """Shows the messages of a chat and follows an answer while it is written. GUI thread only.

    ``actions`` are those that the page answers, of "branch", "continue", "delete", "insert" (below the message),
    "role", "revisions" and "edit" (which makes answers editable too and comes as ``edit_requested``): stored messages
    offer them in their menu, and ``action_requested`` says which and of which message. Without ``heads`` and
    ``numbers`` answers stand alone: whoever shows the view says what belongs there.

    Copying, selecting, folding and scrolling are done inside; everything else is a signal with a message id
    (``version_requested``: of the sibling to show), the hash of a picture (``picture_opened``) or an address
    (``link_activated``, only ever by a click or Enter).
    """

    regenerate_requested = Signal(str)
    retry_requested = Signal(str)
    remedy_requested = Signal(str)
    edit_requested = Signal(str)
    version_requested = Signal(str)
    picture_opened = Signal(str)

    action_requested = Signal(str, str)

    def __init__(
        self,
        parent: QWidget | None = None,
        *,
        turns: Turns | None = None,
        editable: bool = False,
        actions: frozenset[str] = frozenset(),
        heads: bool = True,
        numbers: bool = True,
    ) -> None:
        super().__init__(parent, turns)
        self._editable = editable
        self._offers = Offers(actions, heads, numbers)
        self._silk: int | None = None
        self._renewing, self._repainting = QObject(self), QObject(self)
        self._jump = JumpButton(self)
        self._jump.clicked.connect(lambda: self.settle(True, None))
        workshop().ready.connect(self._something_ready)
        self._parser: Parser | None = None
        self._speakers: dict[str, Speaker] = {}
        self._look = theme.current()
        self._last_update = 0.0
        self._cost = 0.0
        self.gallery = Gallery(self)
        self.gallery.changed.connect(self.viewport().update)
        self._deeds = Deeds(
            copy=self.copy_text,
            regenerate=self.regenerate_requested.emit,
            retry=self.retry_requested.emit,
            remedy=self.remedy_requested.emit,
            edit=self.edit_requested.emit,
            version=self.version_requested.emit,
            act=self.act,
            menu=self._menu_of,
            reshaped=self._reshaped,
            gallery=self.gallery,
            open_picture=self.picture_opened.emit,
        )
        self.setAccessibleName("Conversation")
        self.setProperty("role", "surface")

    # ------------------------------------------------------------ what pages call

    def set_messages(self, messages: Sequence[ChatMessage]) -> None:
        """Show ``messages``. Those shown already keep their layout and place; another chat is shown from its end."""
        started = time.perf_counter()
        known = {row.message.id: row for row in self.column.rows}
        same_chat = any(message.id in known for message in messages)
        stick = self.at_bottom() or not same_chat
        anchor = self.anchor() if same_chat else None
        rows = []
        for message in messages:
            row = known.get(message.id)
            if row is None:
                row = self._row(message)
            elif row.message != message:
                row.set_message(message)
            rows.append(row)
        if rows != self.column.rows:
            self.unfocus()
            self.selection.clear()
        self.column.rows[:] = rows
        self._mark_last()
        self.access.forget_all_but(rows)
        if anchor is not None and anchor[0] not in rows:
            anchor = None
        self.fit()
        self.settle(stick, anchor, repaint=False)
        self._repaint(started)

    def append_message(self, message: ChatMessage) -> None:
        """Add a message at the end. An own message is always scrolled to."""
        stick = self.at_bottom() or message.role == "user"
        anchor = self.anchor()
        row = self._row(message)
        self.column.rows.append(row)
        self._mark_last()
        row.place(self.column.width or self._column_width())
        self.column.flow(len(self.column.rows) - 1)
        self.settle(stick, anchor)

    def update_message(self, message: ChatMessage) -> None:
        """Show another state of a message; one that is not shown is passed over."""
        number = self.column.find(message.id)
        if number is None:
            return
        stick, anchor = self.at_bottom(), self.anchor()
        row = self.column.rows[number]
        row.set_message(message)
        row.place(self.column.width)
        self._drop_stale(number)
        self.column.flow(number)
        self.settle(stick, anchor)

    def stream_text(self, message_id: str, text: str) -> None:
        """Add the next piece of an answer; shown in one of the coming turns. A message not shown is passed over."""
        self._stream(message_id, text, "")

    def stream_reasoning(self, message_id: str, text: str) -> None:
        """Add the next piece of the reasoning before an answer."""
        self._stream(message_id, "", text)

    def set_progress(self, message_id: str, words: str) -> None:
        """What happens before the first word: "Reading the prompt, 1,024 of 4,000 tokens"."""
        number = self.column.find(message_id)
        if number is not None and self.column.rows[number].progress != words:
            row = self.column.rows[number]
            row.set_progress(words)
            self._reshaped(row)

    def finish(self, message: ChatMessage) -> None:
        """The answer has ended: ``message`` is its final state. Says so to a screen reader."""
        self.update_message(message)
        accessible.announce(self, message)

    def set_silks(self, silks: Mapping[str, int]) -> None:
        """Silk numbers (from 0) by model id."""
        before = deepcopy(self._speakers)
        for model, number in silks.items():
            self._speaker(model).silk = number
        self._renamed(before)

    def set_accent_silk(self, number: int | None) -> None:
        """The caret of an answer being written in the colour of a silk (from 0; below: in grey); None: in the
        accent's."""
        self._silk = number
        look = self.style_.theme
        self.accent = None if number is None else QColor(look.silk(number) if number >= 0 else look.palette.muted)
        self.viewport().update()

    def set_names(self, names: Mapping[str, tuple[str, str]]) -> None:
        """Name and what stands beside it ("Q4_K_M") by model id."""
        before = deepcopy(self._speakers)
        for model, (name, sub) in names.items():
            speaker = self._speaker(model)
            speaker.name, speaker.sub = name, sub
        self._renamed(before)

    # ------------------------------------------------------------ menus

    def act(self, action: str, message_id: str) -> None:
        """Something was chosen that is to be done with a message."""
        if action == "edit":
            self.edit_requested.emit(message_id)
        else:
            self.action_requested.emit(action, message_id)

    def menu_at(self, point: QPointF) -> QMenu:
        return menus.at_point(self, point)

    def open_menu(self, row: MessageRow) -> None:
        menus.of_message(self, row).popup(menus.below(self, row))

    def _menu_of(self, message_id: str) -> None:
        number = self.column.find(message_id)
        if number is not None:
            place = self.cursor().pos() if self.hot is not None else menus.below(self, self.column.rows[number])
            menus.of_message(self, self.column.rows[number]).popup(place)

    # ------------------------------------------------------------ rows

    def _row(self, message: ChatMessage) -> MessageRow:
        row = MessageRow(
            message, self.style_, self._markdown, self._deeds, editable=self._editable, offers=self._offers
        )
        if message.model:
            row.speaker = self._speaker(message.model)
        return row

    def _mark_last(self) -> None:
        for row in self.column.rows[-2:]:
            row.set_last(row is self.column.rows[-1])

    def _speaker(self, model: str) -> Speaker:
        return self._speakers.setdefault(model, Speaker(name=model.rsplit("/", 1)[-1]))

    def _renamed(self, before: Mapping[str, Speaker]) -> None:
        if before == self._speakers:
            return
        for row in self.column.rows:
            if row.parsed:
                row.compose()
        self.viewport().update()

    def _markdown(self) -> Parser:
        if self._parser is None:
            self._parser = Parser()
        return self._parser

    def _column_width(self) -> int:
        self.fit()
        return self.column.width

    def _drop_stale(self, number: int) -> None:
        """Forget focus and selection in a row whose blocks may have changed places."""
        if self.focused is not None and self.focused[0] == number and self.focused_target() is None:
            self.unfocus()
        span = self.selection.range()
        if span is not None and span[1].row == number and span[1].block >= len(self.column.rows[number].blocks):
            self.selection.clear()

    def _reshaped(self, row: MessageRow) -> None:
        """A row changed its shape: fold, wrap."""
        if row not in self.column.rows:
            return
        stick, anchor = self.at_bottom(), self.anchor()
        number = self.column.rows.index(row)
        row.place(self.column.width)
        row.flow()
        self._drop_stale(number)
        self.column.flow(number)
        self.settle(stick and row.generating, anchor)

    # ------------------------------------------------------------ streaming

    def _stream(self, message_id: str, text: str, reasoning: str) -> None:
        number = self.column.find(message_id)
        if number is None:
            return
        row = self.column.rows[number]
        if not row.generating:
            row.message = msgspec.structs.replace(row.message, state="generating")
        row.pending_text += text
        row.pending_reasoning += reasoning
        self._turns.ask(self, self._update)

    def seen(self) -> None:
        """A very long message is parsed over several turns, beginning when it is first seen."""
        if any(row.parsed and row.pending() for row in self.column.rows[-1:] + self._seen_rows()):
            self._turns.ask(self, self._update)

    def _seen_rows(self) -> list[MessageRow]:
        top = self.scrolled()
        found = []
        for number in range(self.column.at(top), len(self.column.rows)):
            if self.column.rows[number].top > top + self.viewport().height():
                break
            found.append(self.column.rows[number])
        return found

    def _update(self) -> None:
        """This view's turn: parse and show what has arrived, repainting only from the first change down."""
        started = time.perf_counter()
        if started - self._last_update < max(UPDATE_S, 4 * self._cost):
            self._turns.ask(self, self._update)
            return
        stick, anchor, before = self.at_bottom(), self.anchor(), self.scrolled()
        dirty: int | None = None
        for number, row in enumerate(self.column.rows):
            if not row.pending():
                continue
            if not row.parsed:
                if row.generating:
                    row.parse()
                else:
                    continue
            caret = self.caret_block(row)
            row.take_pending()
            row.compose()
            self.column.flow(number)
            top = row.top + row.first_change(caret, before - row.top)
            dirty = top if dirty is None else min(dirty, top)
        if dirty is not None:
            self.settle(stick, anchor, repaint=False)
            self._repaint(started, partial(self._show, before, dirty))
        self._last_update = time.perf_counter()
        self._cost = self._last_update - started
        if any(row.parsed and row.pending() for row in self.column.rows):
            self._turns.ask(self, self._update)

    def _repaint(self, started: float, part: Callable[[], None] | None = None) -> None:
        """Paint everything, or a ``part``; where what has been done since ``started`` took long, everything in another
        turn."""
        if time.perf_counter() - started > HEAVY_S:
            self._turns.ask(self._repainting, self.viewport().update)
        else:
            (part or self.viewport().update)()

    def _show(self, before: int, dirty: int) -> None:
        now, height = self.scrolled(), self.viewport().height()
        if now != before:
            self.shift(before - now)
        top = max(0, dirty - now - 2)
        if top < height:
            self.viewport().update(0, top, self.viewport().width(), height - top)

    # ------------------------------------------------------------ look

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._jump.follow()

    def _something_ready(self) -> None:
        self._turns.ask(self._renewing, self._renew)

    def _renew(self) -> None:
        """A lexer or a formula that was missing is there: lay out again what lacked it."""
        stick, anchor = self.at_bottom(), self.anchor()
        if sum(row.renew() for row in self.column.rows if row.parsed):
            self.settle(stick, anchor)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if theme.new_look(event) and theme.current() != getattr(self, "_look", theme.current()):
            self._look = theme.current()
            self._restyle()

    def _restyle(self) -> None:
        stick, anchor = self.at_bottom(), self.anchor()
        self.style_ = self.column.style = Style(self._look, self._look.zoom)
        self.set_accent_silk(self._silk)
        for row in self.column.rows:
            row.restyle(self.style_)
        self.fit()
        pinned = (anchor[0], -1, min(0, anchor[2])) if anchor is not None else None
        self.settle(stick, pinned)
