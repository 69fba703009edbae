"""Folders of conversations as rows: a tree."""

from __future__ import annotations

import sqlite3
import uuid
from pathlib import Path

from paddock.sdk.chats import ChatFolder, FolderPatch
from paddock.sdk.errors import BadRequest, NotFound
from paddock.server.database import storage_errors, transaction

LONGEST_NAME = 200


class FolderTable:
    """Every method may raise StorageFailed. Lives on the thread of ``connection``."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def all(self) -> list[ChatFolder]:
        """By their positions, then their names."""
        with storage_errors(self._path):
            rows = self._connection.execute("SELECT * FROM folders ORDER BY position, name COLLATE NOCASE, id")
            return [_folder(row) for row in rows]

    def get(self, folder_id: str) -> ChatFolder:
        """Raises NotFound."""
        with storage_errors(self._path):
            row = self._connection.execute("SELECT * FROM folders WHERE id=?", (folder_id,)).fetchone()
        if row is None:
            raise NotFound("There is no such folder.", hint="Read the folders again.", id=folder_id)
        return _folder(row)

    def put(self, folder_id: str, patch: FolderPatch) -> ChatFolder:
        """Change a folder, or with an empty id make one. Raises NotFound, and BadRequest for a name that is empty or
        too long and for a folder that would lie in itself."""
        before = self.get(folder_id) if folder_id else ChatFolder(id=uuid.uuid4().hex, name="")
        name = before.name if patch.name is None else patch.name.strip()
        parent = before.parent if patch.parent is None else patch.parent
        if not 0 < len(name) <= LONGEST_NAME:
            raise BadRequest("A folder needs a name.", hint=f"Give it one of up to {LONGEST_NAME} characters.")
        if parent and (before.id == parent or before.id in self.above(parent)):
            raise BadRequest("A folder cannot lie in itself.", hint="Choose another place.")
        position = before.position if patch.position is None else patch.position
        with transaction(self._connection, self._path) as rows:
            rows.execute(
                "INSERT INTO folders (id, name, parent, position) VALUES (?, ?, ?, ?) ON CONFLICT(id) DO UPDATE"
                " SET name=excluded.name, parent=excluded.parent, position=excluded.position",
                (before.id, name, parent, position),
            )
        return self.get(before.id)

    def delete(self, folder_id: str) -> None:
        """What it holds moves to the folder above. Raises NotFound."""
        folder = self.get(folder_id)
        with transaction(self._connection, self._path) as rows:
            rows.execute("UPDATE chats SET folder=? WHERE folder=?", (folder.parent, folder_id))
            rows.execute("UPDATE folders SET parent=? WHERE parent=?", (folder.parent, folder_id))
            rows.execute("DELETE FROM folders WHERE id=?", (folder_id,))

    def above(self, folder_id: str) -> list[str]:
        """The folders that hold this one, the nearest first. Raises NotFound."""
        above: list[str] = []
        parent = self.get(folder_id).parent
        while parent and parent not in above:
            above.append(parent)
            parent = self.get(parent).parent
        return above

    def below(self, folder_id: str) -> list[str]:
        """This folder and all that lie in it. Raises NotFound."""
        found = [self.get(folder_id).id]
        everything = self.all()
        for holder in found:
            found += [folder.id for folder in everything if folder.parent == holder]
        return found


def _folder(row: sqlite3.Row) -> ChatFolder:
    return ChatFolder(id=row["id"], name=row["name"], parent=row["parent"], position=row["position"])
