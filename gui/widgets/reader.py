"""Markdown to read, painted as the conversation is: one text, nothing to answer."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from paddock.gui.widgets.conversation import ConversationView
from paddock.gui.widgets.conversation.row import MessageRow
from paddock.sdk.types import ChatMessage


class _TextRow(MessageRow):
    """Only what is said: no name above it, no actions below."""

    def compose(self) -> None:
        self.blocks = list(self.body.blocks())
        width, self.width = self.width, 0
        if width:
            self.place(width)


class Reader(ConversationView):
    """Shows one Markdown text from its beginning. ``link_activated`` carries an address, only ever by a click or
    Enter; nothing is fetched."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self._number = 0

    def show_text(self, text: str) -> None:
        self._number += 1
        self.set_messages([ChatMessage(id=str(self._number), chat_id="", parent=None, role="assistant", content=text)])
        self.verticalScrollBar().setValue(0)

    def _row(self, message: ChatMessage) -> MessageRow:
        return _TextRow(message, self.style_, self._markdown, self._deeds, editable=False)
