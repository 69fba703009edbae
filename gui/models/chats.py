"""The list of conversations: groups (Pinned, Today, Yesterday, Earlier) with their headings as rows of their own."""

from __future__ import annotations

import datetime
import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from paddock.sdk.types import ChatSummary

Index = QModelIndex | QPersistentModelIndex

UNTITLED = "New chat"
UNTITLED_PRIVATE = "New private chat"
PRIVATE = "Private: nothing of it is kept in the prompt cache on disk"


class ChatRole(IntEnum):
    """Data of a row beyond its text."""

    CHAT_ID = Qt.ItemDataRole.UserRole + 1
    """Empty on a heading."""
    SUMMARY = Qt.ItemDataRole.UserRole + 2
    GENERATING = Qt.ItemDataRole.UserRole + 3
    PINNED = Qt.ItemDataRole.UserRole + 4
    PRIVATE = Qt.ItemDataRole.UserRole + 5


@dataclass(frozen=True)
class Row:
    """One line: a heading when ``chat`` is None."""

    heading: str
    chat: ChatSummary | None = None

    @property
    def key(self) -> tuple[str, str]:
        return (self.heading, self.chat.id if self.chat is not None else "")


def rows(chats: Iterable[ChatSummary], words: str, today: datetime.date) -> list[Row]:
    """The lines for the chats whose title holds ``words``, newest first within their group."""
    wanted = words.casefold().strip()
    groups: dict[str, list[ChatSummary]] = {"Pinned": [], "Today": [], "Yesterday": [], "Earlier": []}
    for chat in sorted(chats, key=lambda chat: chat.updated, reverse=True):
        if wanted in (chat.title or UNTITLED).casefold():
            groups[_group(chat, today)].append(chat)
    found: list[Row] = []
    for heading, members in groups.items():
        if members:
            found.append(Row(heading))
            found.extend(Row(heading, chat) for chat in members)
    return found


def _group(chat: ChatSummary, today: datetime.date) -> str:
    if chat.pinned:
        return "Pinned"
    day = datetime.datetime.fromtimestamp(chat.updated).date()
    if day >= today:
        return "Today"
    return "Yesterday" if day == today - datetime.timedelta(days=1) else "Earlier"


class ChatList(QAbstractListModel):
    """Rows in the order they are shown. Changes are reported row by row, so that selection and scroll stay."""

    def __init__(self, rename: Callable[[str, str], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Row] = []
        self._rename = rename

    def show(self, chats: Iterable[ChatSummary], words: str, today: datetime.date) -> None:
        """Replace the rows by what ``chats`` and ``words`` make them."""
        new = rows(chats, words, today)
        steps = difflib.SequenceMatcher(
            None, [row.key for row in self._rows], [row.key for row in new], autojunk=False
        ).get_opcodes()
        for kind, old_from, old_to, new_from, new_to in reversed(steps):
            if kind == "equal":
                self._update(old_from, new[new_from:new_to])
                continue
            if old_to > old_from:
                self.beginRemoveRows(QModelIndex(), old_from, old_to - 1)
                del self._rows[old_from:old_to]
                self.endRemoveRows()
            if new_to > new_from:
                self.beginInsertRows(QModelIndex(), old_from, old_from + new_to - new_from - 1)
                self._rows[old_from:old_from] = new[new_from:new_to]
                self.endInsertRows()

    def _update(self, start: int, new: list[Row]) -> None:
        for row, content in enumerate(new, start):
            if self._rows[row] != content:
                self._rows[row] = content
                where = self.index(row, 0)
                self.dataChanged.emit(where, where)

    def row_of(self, chat_id: str) -> QModelIndex:
        """The row of a chat; invalid when it is not shown."""
        for number, row in enumerate(self._rows):
            if row.chat is not None and row.chat.id == chat_id:
                return self.index(number, 0)
        return QModelIndex()

    def first(self) -> QModelIndex:
        """The first chat's row; invalid when none is shown."""
        return next((self.index(n, 0) for n, row in enumerate(self._rows) if row.chat is not None), QModelIndex())

    def chat(self, index: Index) -> ChatSummary | None:
        """The chat of a row; None for a heading."""
        return self._rows[index.row()].chat if index.isValid() else None

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        chat = row.chat
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return row.heading if chat is None else chat.title or UNTITLED
        if role == ChatRole.CHAT_ID:
            return "" if chat is None else chat.id
        if chat is None:
            return None
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{chat.title or UNTITLED}\n{PRIVATE}" if chat.private else chat.title or UNTITLED
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{chat.title or UNTITLED}, private" if chat.private else None
        if role == ChatRole.SUMMARY:
            return chat
        if role == ChatRole.GENERATING:
            return chat.generating is not None
        if role == ChatRole.PINNED:
            return chat.pinned
        if role == ChatRole.PRIVATE:
            return chat.private
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return "being answered" if chat.generating is not None else ""
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        if self._rows[index.row()].chat is None:
            return Qt.ItemFlag.NoItemFlags  # the arrow keys pass over it
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEditable

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        chat = self.chat(index)
        title = str(value).strip()
        if role != Qt.ItemDataRole.EditRole or chat is None or not title or title == chat.title:
            return False
        self._rename(chat.id, title)
        return True
