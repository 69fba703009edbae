"""The conversation view: what pages call, the keyboard, and streaming."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
from PySide6.QtCore import QEvent, QPointF, QRect, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QFocusEvent, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from paddock.gui import theme
from paddock.gui.widgets.conversation import accessible, walk
from paddock.gui.widgets.conversation.blocks import Target
from paddock.gui.widgets.conversation.markdown import Parser
from paddock.gui.widgets.conversation.row import SLICE, Deeds, MessageRow, Speaker
from paddock.gui.widgets.conversation.style import Style
from paddock.gui.widgets.conversation.surface import Surface
from paddock.gui.widgets.conversation.turns import Turns
from paddock.gui.widgets.conversation.walk import Key
from paddock.sdk.types import ChatMessage

UPDATE_S = 0.030
"""At most about 30 updates a second; an expensive one makes the next wait four times as long as it took."""
SIDE_STEP = 40


class ConversationView(Surface):
    """Shows the messages of a chat and follows an answer while it is written. GUI thread only.

    Copying, selecting, folding and scrolling are done inside; everything else is a signal with a message id
    (``version_requested``: of the sibling to show) or an address (``link_activated``, only ever by a click or Enter).
    """

    regenerate_requested = Signal(str)
    retry_requested = Signal(str)
    edit_requested = Signal(str)
    version_requested = Signal(str)
    link_activated = Signal(str)
    copied = Signal(str)
    """What was copied, in a word: selection, answer, message, code, link."""

    def __init__(self, parent: QWidget | None = None, *, turns: Turns | None = None, editable: bool = False) -> None:
        super().__init__(parent)
        self._turns = turns if turns is not None else Turns(self)
        self._editable = editable
        self._zoom: float | None = None
        self._parser: Parser | None = None
        self._speakers: dict[str, Speaker] = {}
        self._look = theme.current()
        self._last_update = 0.0
        self._cost = 0.0
        self._deeds = Deeds(
            copy=self.copy_text,
            regenerate=self.regenerate_requested.emit,
            retry=self.retry_requested.emit,
            edit=self.edit_requested.emit,
            version=self.version_requested.emit,
            reshaped=self._reshaped,
        )
        self.setAccessibleName("Conversation")
        self.setProperty("role", "surface")
        self.access = accessible.Access(self)

    # ------------------------------------------------------------ what pages call

    def set_messages(self, messages: Sequence[ChatMessage]) -> None:
        """Show ``messages``. Those shown already keep their layout and place; another chat is shown from its end."""
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
            self._unfocus()
            self.selection.clear()
        self.column.rows[:] = rows
        self.access.forget_all_but(rows)
        if anchor is not None and anchor[0] not in rows:
            anchor = None
        self.fit()
        self.settle(stick, anchor)

    def append_message(self, message: ChatMessage) -> None:
        """Add a message at the end. An own message is always scrolled to."""
        stick = self.at_bottom() or message.role == "user"
        anchor = self.anchor()
        row = self._row(message)
        self.column.rows.append(row)
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
        """What happens before the first word: "Loading Qwen3 8B, 40 %"."""
        number = self.column.find(message_id)
        if number is not None:
            row = self.column.rows[number]
            row.set_progress(words)
            self._reshaped(row)

    def finish(self, message: ChatMessage) -> None:
        """The answer has ended: ``message`` is its final state. Says so to a screen reader."""
        self.update_message(message)
        accessible.announce(self, message)

    def set_zoom(self, zoom: float) -> None:
        """Text size, 1.0 = 100 %, apart from the theme's."""
        self._zoom = zoom
        self._restyle()

    def set_silks(self, silks: Mapping[str, int]) -> None:
        """Silk numbers (from 0) by model id."""
        for model, number in silks.items():
            self._speaker(model).silk = number
        self._rename()

    def set_names(self, names: Mapping[str, tuple[str, str]]) -> None:
        """Name and what stands beside it ("Q4_K_M") by model id."""
        for model, (name, sub) in names.items():
            speaker = self._speaker(model)
            speaker.name, speaker.sub = name, sub
        self._rename()

    def selected_text(self) -> str:
        return self.selection.text()

    # ------------------------------------------------------------ rows

    def _row(self, message: ChatMessage) -> MessageRow:
        row = MessageRow(message, self.style_, self._markdown, self._deeds, editable=self._editable)
        if message.model:
            row.speaker = self._speaker(message.model)
        return row

    def _speaker(self, model: str) -> Speaker:
        return self._speakers.setdefault(model, Speaker(name=model.rsplit("/", 1)[-1]))

    def _rename(self) -> None:
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
        if self.focused is not None and self.focused[0] == number and self._focused_target() is None:
            self._unfocus()
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
        if any(row.parsed and row.pending_text for row in self.column.rows[-1:] + self._seen_rows()):
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
            if not (row.pending_text or row.pending_reasoning):
                continue
            if not row.parsed:
                if row.generating:
                    row.parse()
                else:
                    continue
            caret = self.caret_block(row)
            row.take_pending(SLICE)
            row.compose()
            row.flow()
            self.column.flow(number)
            top = row.first_change(caret)
            dirty = row.top + top if dirty is None else min(dirty, row.top + top)
        if dirty is not None:
            self._show(stick, anchor, before, dirty)
        self._last_update = time.perf_counter()
        self._cost = self._last_update - started
        if any(row.parsed and row.pending_text for row in self.column.rows):
            self._turns.ask(self, self._update)

    def _show(self, stick: bool, anchor: tuple[MessageRow, int, int] | None, before: int, dirty: int) -> None:
        self.settle(stick, anchor, repaint=False)
        now, height = self.scrolled(), self.viewport().height()
        if abs(now - before) >= height:
            self.viewport().update()
            return
        if now != before:
            self.viewport().scroll(0, before - now)
        top = max(0, dirty - now - 2)
        if top < height:
            self.viewport().update(0, top, self.viewport().width(), height - top)

    # ------------------------------------------------------------ look

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        kinds = (QEvent.Type.PaletteChange, QEvent.Type.ApplicationFontChange, QEvent.Type.StyleChange)
        if event.type() in kinds and theme.current() != getattr(self, "_look", theme.current()):
            self._look = theme.current()
            self._restyle()

    def _restyle(self) -> None:
        stick, anchor = self.at_bottom(), self.anchor()
        self.style_ = self.column.style = Style(self._look, self._zoom if self._zoom is not None else self._look.zoom)
        for row in self.column.rows:
            row.restyle(self.style_)
        self.fit()
        pinned = (anchor[0], -1, min(0, anchor[2])) if anchor is not None else None
        self.settle(stick, pinned)

    # ------------------------------------------------------------ copying and links

    def copy_text(self, text: str, what: str) -> None:
        """Put ``text`` on the clipboard."""
        if text:
            QGuiApplication.clipboard().setText(text)
            self.copied.emit(what)

    def open_link(self, url: str) -> None:
        self.link_activated.emit(url)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        point = QPointF(event.pos())
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        copy = menu.addAction("Copy", lambda: self.copy_text(self.selected_text(), "selection"))
        copy.setEnabled(self.selection.range() is not None)
        found = self.block_at(point)
        if found is not None:
            row = self.column.rows[found[0]]
            menu.addAction("Copy message as Markdown", lambda: self.copy_text(row.full_text(), "message"))
        link = self.link_at(point)
        if link:
            menu.addAction("Copy link", lambda: self.copy_text(link, "link"))
        menu.addSeparator()
        menu.addAction("Select all", self._select_all)
        menu.popup(event.globalPos())

    def _select_all(self) -> None:
        self.selection.everything()
        self.viewport().update()

    # ------------------------------------------------------------ keyboard

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride and _is_ours(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        bar = self.verticalScrollBar()
        key = event.key()
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_text(self.selected_text(), "selection")
        elif event.matches(QKeySequence.StandardKey.SelectAll):
            self._select_all()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self.focused is not None:
            target = self._focused_target()
            if target is not None:
                target.run()
        elif key == Qt.Key.Key_Space:
            back = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            bar.setValue(bar.value() + (-bar.pageStep() if back else bar.pageStep()))
        elif key == Qt.Key.Key_Home:
            bar.setValue(0)
        elif key == Qt.Key.Key_End:
            self.settle(True, None)
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right) and self.focused is not None:
            self._scroll_side(SIDE_STEP if key == Qt.Key.Key_Right else -SIDE_STEP)
        elif key == Qt.Key.Key_Escape and (self.focused is not None or self.selection.range() is not None):
            self._unfocus()
            self.selection.clear()
            self.viewport().update()
        else:
            super().keyPressEvent(event)

    def _scroll_side(self, delta: int) -> None:
        assert self.focused is not None
        row, place, _ = self.focused
        self.column.rows[row].blocks[place].scroll_x(delta)
        self.viewport().update()

    def _focused_target(self) -> Target | None:
        """The focused hit area; None when it is gone."""
        if self.focused is None:
            return None
        row, place, key = self.focused
        if row >= len(self.column.rows) or place >= len(self.column.rows[row].blocks):
            return None
        stops = walk.stops(self.column, row, place, self.open_link)
        return next((target for stop, target in stops if stop[2] == key), None)

    def _unfocus(self) -> None:
        self.focused = None

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() not in (Qt.FocusReason.PopupFocusReason, Qt.FocusReason.ActiveWindowFocusReason):
            self._unfocus()
        self.viewport().update()

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab goes through the hit areas from the top of what is seen, then on; Shift+Tab back, then out."""
        stop: tuple[Key, Target] | None = None
        if self.focused is not None and self._focused_target() is not None:
            stop = walk.following(self.column, self.focused, forward, self.open_link)
        elif forward and self.column.rows:
            top = self.scrolled()
            candidates = walk.forward(self.column, self.column.at(top), self.open_link)
            stop = next((stop for stop in candidates if self.place_of(stop[0], stop[1].rect).bottom() > top), None)
        if stop is None:
            had = self.focused is not None
            self._unfocus()
            self.viewport().update()
            return True if had and not forward else super().focusNextPrevChild(forward)
        self.focus_target(stop[0], "keyboard")
        return True

    def focus_target(self, key: Key, how: Literal["keyboard", "other"]) -> None:
        """Put the focus on a hit area and scroll it into view."""
        self.focused = key
        self._ring = how == "keyboard"
        target = self._focused_target()
        if target is not None:
            self.reveal(self.place_of(key, target.rect))
            self.access.focus(key)
        self.viewport().update()

    def place_of(self, key: Key, rect: QRect) -> QRect:
        """A rectangle of a block, in heights of the column."""
        row = self.column.rows[key[0]]
        block = row.blocks[key[1]]
        return rect.translated(self.column_left() + block.left, row.top + block.top)


def _is_ours(event: QKeyEvent) -> bool:
    return event.matches(QKeySequence.StandardKey.Copy) or event.matches(QKeySequence.StandardKey.SelectAll)
