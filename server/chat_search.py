"""Full-text search over the titles and messages of conversations."""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import msgspec

from paddock.sdk.chats import ChatHit, ChatSearch
from paddock.server.database import storage_errors

MOST = 500
COMMON = 4_000
"""So many messages are ranked at most."""
_AROUND = 12
"""Words around a hit."""
_OPEN, _CLOSE = "\x02", "\x03"
_PIECES = re.compile(r'"([^"]*)"|(\S+)')


class ChatWords:
    """May raise StorageFailed. Lives on the thread of ``connection``."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def find(self, search: ChatSearch, folders: Sequence[str]) -> list[ChatHit]:
        """Titles first, then messages, the best first, those of one chat or of words that are nearly everywhere the
        latest first; ``folders`` are those to look into, empty: everywhere."""
        terms = terms_of(search.words)
        if not terms:
            return []
        limit = max(1, min(search.limit, MOST))
        where, values = _where(search, folders)
        with storage_errors(self._path):
            titles = self._connection.execute(
                f"SELECT id, title, created FROM chats WHERE {where} ORDER BY updated DESC", values
            ).fetchall()
            hits = [hit for row in titles if (hit := _title_hit(row, terms)) is not None] if not search.chat else []
            match = _match(terms)
            order = "words.rowid DESC" if search.chat or self._is_common(match) else "rank"
            if search.chat:
                ends = "SELECT {}(number) FROM messages WHERE chat_id=?"
                where += f" AND words.rowid BETWEEN ({ends.format('min')}) AND ({ends.format('max')})"
                values += [search.chat, search.chat]
            rows = self._connection.execute(
                "SELECT chats.id AS chat, chats.title AS title, messages.id AS message, messages.role AS role,"
                " messages.created AS created,"
                f" snippet(words, 0, '{_OPEN}', '{_CLOSE}', '…', {_AROUND}) AS snippet FROM words"
                " JOIN messages ON messages.number=words.rowid JOIN chats ON chats.id=messages.chat_id"
                f" WHERE words MATCH ? AND messages.deleted IS NULL AND {where} ORDER BY {order} LIMIT ?",
                (match, *values, limit),
            ).fetchall()
        hits += [_message_hit(row) for row in rows]
        return hits[:limit]

    def _is_common(self, match: str) -> bool:
        """Whether so many messages match that ranking them all would be felt, and would say little."""
        found = "SELECT 1 FROM words WHERE words MATCH ? LIMIT ?"
        count = self._connection.execute(f"SELECT count(*) FROM ({found})", (match, COMMON)).fetchone()[0]
        return bool(count == COMMON)


def terms_of(words: str) -> list[tuple[str, bool]]:
    """Each term with whether it may go on: the last one, unless it stands in quotation marks."""
    found = [(phrase or word, not phrase) for phrase, word in _PIECES.findall(words)]
    terms = [(text, word) for text, word in found if any(c.isalnum() for c in text)]
    return [(text, word and at == len(terms) - 1) for at, (text, word) in enumerate(terms)]


def _match(terms: Sequence[tuple[str, bool]]) -> str:
    """FTS5's language: every term a string, so that nothing in it is an operator."""
    return " AND ".join('"' + text.replace('"', '""') + '"' + (" *" if goes_on else "") for text, goes_on in terms)


def _where(search: ChatSearch, folders: Sequence[str]) -> tuple[str, list[str]]:
    conditions = ["chats.deleted IS NOT NULL" if search.deleted else "chats.deleted IS NULL"]
    values: list[str] = []
    if search.chat:
        conditions.append("chats.id=?")
        values.append(search.chat)
    if folders:
        conditions.append(f"chats.folder IN ({', '.join('?' * len(folders))})")
        values += folders
    if search.tag:
        conditions.append("EXISTS (SELECT 1 FROM json_each(chats.tags) WHERE json_each.value=?)")
        values.append(search.tag)
    return " AND ".join(conditions), values


def _title_hit(row: sqlite3.Row, terms: Sequence[tuple[str, bool]]) -> ChatHit | None:
    title, plain = row["title"], _plain(row["title"])
    marks = []
    for text, _ in terms:
        at = plain.find(_plain(text))
        if at < 0:
            return None
        marks.append((at, at + len(_plain(text))))
    exact = len(plain) == len(title)  # letters that change their length when they are folded move the places
    return ChatHit(
        chat=row["id"], title=title, snippet=title, marks=tuple(sorted(marks)) if exact else (), created=row["created"]
    )


def _message_hit(row: sqlite3.Row) -> ChatHit:
    snippet = " ".join(row["snippet"].split())
    marks, text = [], ""
    for piece in re.split(f"({_OPEN}[^{_CLOSE}]*{_CLOSE})", snippet):
        if piece.startswith(_OPEN):
            piece = piece[1:-1]
            marks.append((len(text), len(text) + len(piece)))
        text += piece
    hit = ChatHit(chat=row["chat"], title=row["title"], message=row["message"], role=row["role"])
    return msgspec.structs.replace(hit, snippet=text, marks=tuple(marks), created=row["created"])


def _plain(text: str) -> str:
    """Without accents and case."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c)).casefold()
