"""The conversations that were deleted: back again, or gone for good."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.bridge import Latest
from paddock.gui.host_state import HostState
from paddock.gui.messages import sentence
from paddock.gui.models.chats import UNTITLED
from paddock.gui.models.model_table import used_text
from paddock.gui.theme import current
from paddock.gui.widgets import Button, Divider, ElidedLabel, IconButton, Label, Notice
from paddock.gui.widgets.layouts import empty
from paddock.gui.widgets.list_sheet import lay_out_list
from paddock.gui.widgets.question import Question
from paddock.sdk.types import Chat, ChatSummary

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient

T = TypeVar("T")

WIDTH, HEIGHT = 560, 400
KEPT_DAYS, DAY_S = 30, 86_400
MOST = 200
"""So many rows are shown."""


def trash_words(chat: ChatSummary, now: float) -> str:
    """“Deleted 2 days ago · kept for 28 more days”."""
    deleted = chat.deleted or now
    days = max(0, round((deleted + KEPT_DAYS * DAY_S - now) / DAY_S))
    kept = "removed at the next start" if days == 0 else f"kept for {days} more day{'s' if days > 1 else ''}"
    return f"Deleted {used_text(deleted, now)} · {kept}"


class ChatsTrash(QDialog):
    """``restored`` carries the chat that is in the list again. Asks before anything is gone for good."""

    restored = Signal(str)

    def __init__(self, host: HostState, parent: QWidget) -> None:
        super().__init__(parent)
        self._host = host
        self.chats: tuple[ChatSummary, ...] = ()
        self._asking = Latest()
        self.setWindowTitle("Deleted chats")
        self.setProperty("role", "surface")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(True)
        self.about = Label("Reading…", 13, 400, "text2", wrap=True, tabular=True)
        self.trouble = Notice()
        self.empty = Button("Empty the trash", "quiet", "trash")
        self.empty.setEnabled(False)
        self.close_button = Button("Close")
        head = (Label("Deleted chats", 18, 600), self.about, self.trouble)
        self._column = lay_out_list(self, head, (self.empty, self.close_button))
        window, look = parent.window(), current()
        self.resize(min(look.px(WIDTH), window.width() - 32), min(look.px(HEIGHT), window.height() - 24))
        self.empty.clicked.connect(lambda: self.ask_remove(self.chats))
        self.close_button.clicked.connect(self.reject)
        self.refresh()

    def refresh(self) -> None:
        """Ask what is in it."""
        self._asking.replace(
            self._host.call(lambda client: client.deleted_chats(), self.show_chats, self._failed, self)
        )

    def show_chats(self, chats: Sequence[ChatSummary]) -> None:
        """Show these."""
        self.chats = tuple(chats)
        empty(self._column)
        now = time.time()
        for number, chat in enumerate(self.chats[:MOST]):
            if number:
                self._column.addWidget(Divider())
            self._column.addWidget(self._row(chat, now))
        count = len(self.chats)
        more = f" The last {MOST} are shown." if count > MOST else ""
        words = f"{count} chats, each" if count > 1 else "1 chat,"
        self.about.setText(f"{words} kept for {KEPT_DAYS} days.{more}" if count else "The trash is empty.")
        self.empty.setEnabled(bool(count))
        if self.focusWidget() is None:
            self.close_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _row(self, chat: ChatSummary, now: float) -> QWidget:
        title = chat.title or UNTITLED
        restore = Button("Bring back")
        restore.setAccessibleName(f"Bring back {title}")
        remove = IconButton("trash", f"Remove {title} for good")
        remove.setToolTip("Remove for good")
        restore.clicked.connect(partial(self.restore, chat.id))
        remove.clicked.connect(lambda: self.ask_remove((chat,)))
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(ElidedLabel(title, 13, 500))
        words.addWidget(ElidedLabel(trash_words(chat, now), 12, 400, "text2", tabular=True))
        host = QWidget()
        row = QHBoxLayout(host)
        row.setContentsMargins(0, 6, 0, 6)
        row.setSpacing(8)
        row.addLayout(words, 1)
        row.addWidget(restore)
        row.addWidget(remove)
        return host

    def restore(self, chat: str, _: bool = False) -> None:
        """Bring a chat back into the list."""

        def back(found: Chat) -> None:
            self._host.learn_chat(found.summary)  # that it was deleted may be told after this
            self.restored.emit(chat)

        self._ask(lambda client: client.restore_chat(chat), back)

    def ask_remove(self, chats: Sequence[ChatSummary]) -> None:
        """Remove for good, after a question."""
        if not chats:
            return
        one = f"Remove “{chats[0].title or UNTITLED}” for good?"
        text = one if len(chats) == 1 else f"Remove {len(chats)} chats for good?"
        about = "This cannot be undone. Backups of the conversations may still hold it."
        box = Question(text, about, (("Remove for good", "danger"),), self)
        box.answered.connect(lambda: self._remove([chat.id for chat in chats]))
        box.open()

    def _remove(self, chats: Sequence[str]) -> None:
        async def purge(client: AsyncClient) -> None:
            for chat in chats:
                await client.purge_chat(chat)

        self._ask(purge, lambda _: None)

    def _ask(self, job: Callable[[AsyncClient], Awaitable[T]], then: Callable[[T], None]) -> None:
        def done(answer: T) -> None:
            then(answer)
            self.refresh()

        self.trouble.hide()
        self._host.call(job, done, self._failed, self)

    def _failed(self, error: BaseException) -> None:
        self.about.setText("")
        self.trouble.show_message("bad", sentence(error))
