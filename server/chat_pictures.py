"""The files of pictures that messages show, as rows by their hashes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from msgspec import structs

from paddock.sdk.errors import NotFound
from paddock.sdk.pictures import Picture, picture_of
from paddock.sdk.types import ChatMessage, Message
from paddock.server.database import storage_errors

M = TypeVar("M", Message, ChatMessage)


def received(pictures: Iterable[Picture]) -> tuple[Picture, ...]:
    """``pictures`` of a request, as their files say they are. Raises BadRequest."""
    return tuple(picture_of(picture.data or b"", at=picture.at) for picture in pictures)


class PictureTable:
    """Every method may raise StorageFailed. Lives on the thread of ``connection``."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def data(self, name: str) -> bytes | None:
        """The file with the hash ``name``."""
        with storage_errors(self._path):
            row = self._connection.execute("SELECT data FROM pictures WHERE hash=?", (name,)).fetchone()
        return None if row is None else bytes(row["data"])

    def get(self, name: str) -> Picture:
        """The picture with the hash ``name``. Raises NotFound."""
        data = self.data(name)
        if data is None:
            raise NotFound("This picture is not kept (any more).", hint="Read the conversation again.")
        return picture_of(data)

    def shown(self, messages: Iterable[M]) -> tuple[M, ...]:
        """``messages`` with the files of their pictures, without those whose file is lost."""
        return tuple(map(self._shown, messages))

    def _shown(self, message: M) -> M:
        if not message.pictures:
            return message
        found = (structs.replace(picture, data=picture.data or self.data(picture.hash)) for picture in message.pictures)
        return structs.replace(message, pictures=tuple(picture for picture in found if picture.data))
