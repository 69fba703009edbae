"""The list of conversations: folders as a tree, groups by day, and what a search found, all as rows of one list."""

from __future__ import annotations

import datetime
import difflib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal

from PySide6.QtCore import QAbstractListModel, QMimeData, QModelIndex, QObject, QPersistentModelIndex, Qt

from paddock.sdk.chats import ChatFolder, ChatHit
from paddock.sdk.types import ChatSummary

Index = QModelIndex | QPersistentModelIndex
Kind = Literal["heading", "folder", "chat", "hit"]

UNTITLED = "New chat"
UNTITLED_PRIVATE = "New private chat"
PRIVATE = "Private: nothing of it is kept in the prompt cache on disk"
MIME = "application/x-paddock-chats"
TITLES, TEXTS = "Titles", "In messages"


class ChatRole(IntEnum):
    """Data of a row beyond its text."""

    CHAT_ID = Qt.ItemDataRole.UserRole + 1
    """Empty on a heading and a folder."""
    SUMMARY = Qt.ItemDataRole.UserRole + 2
    GENERATING = Qt.ItemDataRole.UserRole + 3
    PINNED = Qt.ItemDataRole.UserRole + 4
    PRIVATE = Qt.ItemDataRole.UserRole + 5
    ROW = Qt.ItemDataRole.UserRole + 6
    """The :class:`Row` itself."""


@dataclass(frozen=True)
class Row:
    """One line. ``depth`` is how deep it lies in folders; ``open`` and ``count`` are of a folder: whether what it holds
    is shown, and how many conversations that are."""

    heading: str
    chat: ChatSummary | None = None
    folder: ChatFolder | None = None
    hit: ChatHit | None = None
    depth: int = 0
    open: bool = True
    count: int = 0

    @property
    def kind(self) -> Kind:
        if self.hit is not None:
            return "hit"
        if self.chat is not None:
            return "chat"
        return "folder" if self.folder is not None else "heading"

    @property
    def key(self) -> tuple[str, str, str]:
        id = self.chat.id if self.chat is not None else self.folder.id if self.folder is not None else ""
        return (self.heading, id, self.hit.message if self.hit is not None else "")

    def shows_as(self, other: Row) -> bool:
        """Whether it looks as ``other`` does, which has the same key."""
        return (
            (self.chat is other.chat or self.chat == other.chat)
            and (self.depth, self.open, self.count) == (other.depth, other.open, other.count)
            and self.folder == other.folder
            and self.hit == other.hit
        )

    @property
    def text(self) -> str:
        if self.chat is not None:
            return self.chat.title or UNTITLED
        return self.folder.name if self.folder is not None else self.heading


def rows(
    chats: Iterable[ChatSummary],
    words: str,
    today: datetime.date,
    *,
    folders: Sequence[ChatFolder] = (),
    closed: Iterable[str] = (),
    tag: str = "",
    hits: Sequence[ChatHit] = (),
) -> list[Row]:
    """The lines for the chats, newest first within their group; only those with ``tag`` where there is one.

    With ``words`` those whose title holds them, and the ``hits`` of a search; else folders whose content is hidden
    where they are ``closed``.
    """
    newest = sorted(chats, key=lambda chat: chat.updated, reverse=True)
    if tag:
        newest = [chat for chat in newest if tag in chat.tags]
    if words.strip():
        return _found(newest, words.casefold().strip(), hits)
    groups: dict[str, list[ChatSummary]] = {"Pinned": [], "Today": [], "Yesterday": [], "Earlier": []}
    days = [_midnight(today), _midnight(today - datetime.timedelta(days=1))]
    inside: dict[str, list[ChatSummary]] = {folder.id: [] for folder in folders}
    for chat in newest:
        if not chat.pinned and chat.folder in inside:
            inside[chat.folder].append(chat)
        else:
            groups[_group(chat, days)].append(chat)
    found = _under("Pinned", groups.pop("Pinned"))
    tree = list(_tree(folders, inside, frozenset(closed), "", 0, only_full=bool(tag)))
    found += [Row("Folders"), *tree] if tree else []
    for heading, members in groups.items():
        found += _under(heading, members)
    return found


def _under(heading: str, chats: Sequence[ChatSummary]) -> list[Row]:
    return [Row(heading), *(Row(heading, chat) for chat in chats)] if chats else []


def _found(chats: Sequence[ChatSummary], wanted: str, hits: Sequence[ChatHit]) -> list[Row]:
    known = {chat.id: chat for chat in chats}
    titled = {chat.id: chat for chat in chats if wanted in (chat.title or UNTITLED).casefold()}
    titled.update({hit.chat: known[hit.chat] for hit in hits if not hit.message and hit.chat in known})
    texts = [Row(TEXTS, known[hit.chat], hit=hit) for hit in hits if hit.message and hit.chat in known]
    return _under(TITLES, list(titled.values())) + ([Row(TEXTS), *texts] if texts else [])


def _tree(
    folders: Sequence[ChatFolder],
    inside: dict[str, list[ChatSummary]],
    closed: frozenset[str],
    parent: str,
    depth: int,
    *,
    only_full: bool,
) -> Iterable[Row]:
    known = {folder.id for folder in folders}
    for folder in folders:
        if (folder.parent if folder.parent in known else "") != parent or folder.id == folder.parent:
            continue
        below = list(_tree(folders, inside, closed, folder.id, depth + 1, only_full=only_full))
        held = inside[folder.id]
        if only_full and not held and not below:
            continue
        shown = folder.id not in closed
        yield Row("Folders", folder=folder, depth=depth, open=shown, count=len(held))
        if shown:
            yield from below
            yield from (Row("Folders", chat, depth=depth + 1) for chat in held)


def _midnight(day: datetime.date) -> float:
    """When a day begins here, in Unix seconds."""
    return datetime.datetime.combine(day, datetime.time()).timestamp()


def _group(chat: ChatSummary, days: Sequence[float]) -> str:
    if chat.pinned:
        return "Pinned"
    if chat.updated >= days[0]:
        return "Today"
    return "Yesterday" if chat.updated >= days[1] else "Earlier"


@dataclass(frozen=True)
class ListDeeds:
    """What the list asks for: a new title of a chat, a new name of a folder, chats and folders put into a folder
    (empty: into none)."""

    rename: Callable[[str, str], None]
    rename_folder: Callable[[str, str], None] = lambda folder, name: None
    move: Callable[[list[str], list[str], str], None] = lambda chats, folders, folder: None


class ChatList(QAbstractListModel):
    """Rows in the order they are shown. Changes are reported row by row, so that selection and scroll stay."""

    def __init__(self, deeds: ListDeeds, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Row] = []
        self._places: dict[str, int] = {}
        self._deeds = deeds

    def show(self, new: list[Row]) -> None:
        """Replace the rows."""
        old, keys = [row.key for row in self._rows], [row.key for row in new]
        start = _same(old, keys)
        end = _same(old[start:][::-1], keys[start:][::-1])
        middle = old[start : len(old) - end], keys[start : len(keys) - end]
        steps = difflib.SequenceMatcher(None, *middle, autojunk=False).get_opcodes()
        steps = [(kind, a + start, b + start, c + start, d + start) for kind, a, b, c, d in steps]
        self._update(len(old) - end, new[len(new) - end :])
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
        self._update(0, new[:start])
        self._places = {row.chat.id: n for n, row in enumerate(self._rows) if row.chat is not None and row.hit is None}

    def _update(self, start: int, new: list[Row]) -> None:
        for row, content in enumerate(new, start):
            before = self._rows[row]
            self._rows[row] = content
            if not before.shows_as(content):
                where = self.index(row, 0)
                self.dataChanged.emit(where, where)

    def row_of(self, chat_id: str) -> QModelIndex:
        """The row of a chat; invalid when it is not shown."""
        place = self._places.get(chat_id)
        return QModelIndex() if place is None else self.index(place, 0)

    def folder_row(self, folder: str) -> QModelIndex:
        """The row of a folder; invalid when it is not shown."""
        found = (n for n, row in enumerate(self._rows) if row.folder is not None and row.folder.id == folder)
        return next((self.index(n, 0) for n in found), QModelIndex())

    def first(self) -> QModelIndex:
        """The first chat's row; invalid when none is shown."""
        return next((self.index(n, 0) for n, row in enumerate(self._rows) if row.chat is not None), QModelIndex())

    def at(self, number: int) -> Row:
        """The row of a number."""
        return self._rows[number]

    def row(self, index: Index) -> Row | None:
        return self._rows[index.row()] if index.isValid() else None

    def chat(self, index: Index) -> ChatSummary | None:
        """The chat of a row; None for a heading or a folder."""
        return self._rows[index.row()].chat if index.isValid() else None

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        chat = row.chat
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return row.text
        if role == ChatRole.ROW:
            return row
        if role == ChatRole.CHAT_ID:
            return "" if chat is None else chat.id
        if role in _SPOKEN:
            return _SPOKEN[Qt.ItemDataRole(role)](row)
        if chat is None:
            return None
        if role == ChatRole.SUMMARY:
            return chat
        if role == ChatRole.GENERATING:
            return chat.generating is not None
        if role == ChatRole.PINNED:
            return chat.pinned
        if role == ChatRole.PRIVATE:
            return chat.private
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        row = self.row(index)
        if row is None:
            return Qt.ItemFlag.NoItemFlags
        if row.kind == "heading":  # the arrow keys pass over it
            return Qt.ItemFlag.ItemIsDropEnabled if row.heading not in (TITLES, TEXTS) else Qt.ItemFlag.NoItemFlags
        usual = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if row.kind == "hit":
            return usual
        usual |= Qt.ItemFlag.ItemIsEditable | Qt.ItemFlag.ItemIsDragEnabled
        return usual | Qt.ItemFlag.ItemIsDropEnabled if row.kind == "folder" else usual

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        row, text = self.row(index), str(value).strip()
        if role != Qt.ItemDataRole.EditRole or row is None or not text or text == row.text:
            return False
        if row.chat is not None:
            self._deeds.rename(row.chat.id, text)
        elif row.folder is not None:
            self._deeds.rename_folder(row.folder.id, text)
        return row.kind != "heading"

    # ---------------------------------------------------------------- dragging

    def supportedDropActions(self) -> Qt.DropAction:
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:
        return [MIME]

    def mimeData(self, indexes: Sequence[Index]) -> QMimeData:
        held = [self._rows[index.row()] for index in indexes]
        ids = {
            "chats": [row.chat.id for row in held if row.chat is not None],
            "folders": [row.folder.id for row in held if row.folder is not None],
        }
        mime = QMimeData()
        mime.setData(MIME, json.dumps(ids).encode())
        return mime

    def canDropMimeData(self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: Index) -> bool:
        return data.hasFormat(MIME) and parent.isValid()

    def dropMimeData(self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: Index) -> bool:
        target = self.row(parent)
        if target is None or not data.hasFormat(MIME):
            return False
        ids = json.loads(bytes(data.data(MIME).data()))
        self._deeds.move(ids["chats"], ids["folders"], target.folder.id if target.folder is not None else "")
        return True


def _same(one: Sequence[object], other: Sequence[object]) -> int:
    """How many of the first entries are the same."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _tool_tip(row: Row) -> str | None:
    if row.chat is None:
        return row.folder.name if row.folder is not None else None
    tags = f"\n{', '.join(row.chat.tags)}" if row.chat.tags else ""
    return f"{row.text}{tags}" + (f"\n{PRIVATE}" if row.chat.private else "")


def _spoken(row: Row) -> str | None:
    if row.folder is not None:
        chats = f"{row.count} chat{'' if row.count == 1 else 's'}"
        return f"{row.text}, folder, {chats}, {'open' if row.open else 'closed'}"
    if row.hit is not None:
        return f"{row.text}: {row.hit.snippet}"
    return f"{row.text}, private" if row.chat is not None and row.chat.private else None


def _described(row: Row) -> str | None:
    if row.chat is None:
        return None
    return "being answered" if row.chat.generating is not None else ""


_SPOKEN: dict[Qt.ItemDataRole, Callable[[Row], str | None]] = {
    Qt.ItemDataRole.ToolTipRole: _tool_tip,
    Qt.ItemDataRole.AccessibleTextRole: _spoken,
    Qt.ItemDataRole.AccessibleDescriptionRole: _described,
}
