"""The column of conversations: new, search, open, rename, pin, keep private, delete."""

from __future__ import annotations

import datetime
from collections.abc import Callable

from PySide6.QtCore import QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import Action, Messages
from paddock.gui.models.chats import UNTITLED, ChatList, ChatRole
from paddock.gui.pages.chat_rows import ChatView
from paddock.gui.widgets import IconButton, Label, SearchField
from paddock.sdk.types import Chat, ChatPatch, ChatSummary

PRIVATE_HELP = "Nothing of it is kept in the prompt cache on disk"
PRIVATE_NOW = (
    "From the next question on nothing of “{title}” is kept in the prompt cache on disk. What was kept before stays"
    " until it is pushed out, or cleared in the settings."
)
PRIVATE_S = 12
UNDO_S = 8
"""A deleted chat can be brought back for so long; only then the host is asked to delete it."""


class ChatsColumn(QWidget):
    """Lists what :class:`HostState` knows. ``chosen`` carries a chat's id, ``new_wanted`` asks for an empty one and
    says whether it is private."""

    chosen = Signal(str)
    new_wanted = Signal(bool)
    deleted = Signal(str)
    """The chat was taken from the list; the host hears of it when it cannot be undone any more."""
    close_wanted = Signal()

    def __init__(self, host: HostState, messages: Messages, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host = host
        self._messages = messages
        self._open = ""
        self._leaving: set[str] = set()
        self.setProperty("role", "side")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._model = ChatList(self._rename, self)
        self.search = SearchField("Search chats")
        self.view = ChatView()
        self.view.setModel(self._model)
        self.nothing = Label("", 13, 400, "muted", wrap=True)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.new_button = IconButton("plus", "New chat (Ctrl+N)")
        self.new_private_button = IconButton("lock", "New private chat (Ctrl+Shift+N)")
        self.new_private_button.setToolTip(f"{self.new_private_button.toolTip()}\n{PRIVATE_HELP}")
        self.close_button = IconButton("close", "Close the list of chats")
        self.close_button.hide()
        self._lay_out()
        self.search.textChanged.connect(self.refresh)
        self.search.returnPressed.connect(self._open_first)
        self.new_button.clicked.connect(lambda: self.new_wanted.emit(False))
        self.new_private_button.clicked.connect(lambda: self.new_wanted.emit(True))
        self.close_button.clicked.connect(self.close_wanted)
        self.view.clicked.connect(self._activate)
        self.view.activated.connect(self._activate)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.customContextMenuRequested.connect(self._menu_at)
        host.chats_changed.connect(self.refresh)
        self.refresh()

    def _lay_out(self) -> None:
        title = QHBoxLayout()
        title.setSpacing(2)
        title.addWidget(Label("Chats", 15, 600))
        title.addStretch(1)
        title.addWidget(self.new_private_button)
        title.addWidget(self.new_button)
        title.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 11, 12, 8)
        column.setSpacing(8)
        column.addLayout(title)
        column.addWidget(self.search)
        column.addWidget(self.nothing)
        column.addWidget(self.view, 1)

    # ---------------------------------------------------------------- what is shown

    def refresh(self) -> None:
        """Show what the host has now."""
        words = self.search.text()
        chats = [chat for chat in self._host.chats.values() if chat.id not in self._leaving]
        self._model.show(chats, words, datetime.date.today())
        found = self._model.rowCount() > 0
        self.nothing.setVisible(not found)
        self.view.setVisible(found)
        if not found:
            empty = "Conversations will be listed here." if self._host.chats_known else ""
            self.nothing.setText(f"No title contains “{words}”." if words.strip() and chats else empty)
        self._select()

    def show_open(self, chat: str) -> None:
        """Mark the open chat; empty for a new one."""
        self._open = chat
        self._select()

    def flush(self) -> None:
        """Delete for good what still could be brought back; before the window goes."""
        for chat in list(self._leaving):
            self._delete_for_good(chat)

    def _select(self) -> None:
        row = self._model.row_of(self._open)
        if row.isValid():
            if self.view.currentIndex() != row:
                self.view.setCurrentIndex(row)
        else:
            self.view.setCurrentIndex(QModelIndex())
            self.view.clearSelection()

    def _activate(self, index: QModelIndex) -> None:
        chat = self._model.chat(index)
        if chat is not None:
            self.chosen.emit(chat.id)

    def _open_first(self) -> None:
        if self.search.text().strip():
            self._activate(self._model.first())

    # ---------------------------------------------------------------- what is done with one

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Down and self.search.hasFocus() and self._model.rowCount():
            self.view.setFocus(Qt.FocusReason.TabFocusReason)
            return
        chat = self._current()
        if chat is not None and self.view.hasFocus():
            if event.key() == Qt.Key.Key_Delete:
                self.delete(chat.id)
                return
            if event.key() == Qt.Key.Key_Menu:
                self._menu(chat, self.view.viewport().mapToGlobal(QPoint(24, 24)))
                return
        super().keyPressEvent(event)

    def _current(self) -> ChatSummary | None:
        return self._model.chat(self.view.currentIndex())

    def _menu_at(self, where: QPoint) -> None:
        chat = self._model.chat(self.view.indexAt(where))
        if chat is not None:
            self._menu(chat, self.view.viewport().mapToGlobal(where))

    def menu_for(self, chat: str) -> QMenu | None:
        """The actions on one chat."""
        summary = self._host.chats.get(chat)
        if summary is None:
            return None
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Rename").triggered.connect(lambda: self.rename(chat))
        menu.addAction("Unpin" if summary.pinned else "Pin").triggered.connect(lambda: self.pin(chat))
        private = menu.addAction("Private")
        private.setCheckable(True)
        private.setChecked(summary.private)
        private.setToolTip(PRIVATE_HELP)
        private.setStatusTip(PRIVATE_HELP)
        private.triggered.connect(lambda checked: self.set_private(chat, checked))
        menu.setToolTipsVisible(True)
        menu.addSeparator()
        menu.addAction("Delete").triggered.connect(lambda: self.delete(chat))
        return menu

    def _menu(self, chat: ChatSummary, where: QPoint) -> None:
        menu = self.menu_for(chat.id)
        if menu is not None:
            menu.popup(where)

    def rename(self, chat: str) -> None:
        """Edit a title in its row (F2)."""
        row = self._model.row_of(chat)
        if row.isValid():
            self.view.setCurrentIndex(row)
            self.view.edit(row)

    def _rename(self, chat: str, title: str) -> None:
        self._patch(chat, ChatPatch(title=title))

    def pin(self, chat: str) -> None:
        """Pin, or unpin what is pinned."""
        pinned = not bool(self._model.row_of(chat).data(ChatRole.PINNED))
        self._patch(chat, ChatPatch(pinned=pinned))

    def set_private(self, chat: str, private: bool) -> None:
        """Keep nothing of a chat in the prompt cache on disk from its next question on, or let it be kept again."""
        self._patch(chat, ChatPatch(private=private), self._tell_private if private else None)

    def _tell_private(self, chat: ChatSummary) -> None:
        text = PRIVATE_NOW.format(title=chat.title or UNTITLED)
        self._messages.info(text, seconds=PRIVATE_S, key=f"private-{chat.id}")

    def _patch(self, chat: str, patch: ChatPatch, then: Callable[[ChatSummary], None] | None = None) -> None:
        def changed(result: Chat) -> None:
            self._host.learn_chat(result.summary)
            if then is not None:
                then(result.summary)

        self._host.call(lambda client: client.patch_chat(chat, patch), changed, self._messages.error, self)

    def delete(self, chat: str) -> None:
        """Take a chat from the list; for a while it can be brought back."""
        summary = self._host.chats.get(chat)
        if summary is None or chat in self._leaving:
            return
        self._leaving.add(chat)
        self.refresh()
        self.deleted.emit(chat)
        self._messages.info(
            f"“{summary.title or UNTITLED}” was deleted.",
            Action("Undo", lambda: self._bring_back(chat)),
            seconds=UNDO_S,
            key=f"deleted-{chat}",
            on_gone=lambda: self._delete_for_good(chat),
        )

    def _bring_back(self, chat: str) -> None:
        self._leaving.discard(chat)
        self.refresh()
        self.chosen.emit(chat)

    def _delete_for_good(self, chat: str) -> None:
        if chat in self._leaving:
            self._host.call(lambda client: client.delete_chat(chat), None, lambda error: self._stays(chat, error))

    def _stays(self, chat: str, error: BaseException) -> None:
        self._leaving.discard(chat)
        self.refresh()
        self._messages.error(error)
