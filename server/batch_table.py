"""Batches, their cells and the saved sets of prompts as rows. A cell has a row from the moment it ends."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Sequence
from pathlib import Path

import msgspec

from paddock.sdk.compare import Batch, BatchCell, BatchPrompt, BatchState, PromptSet
from paddock.sdk.errors import NotFound
from paddock.sdk.types import Pane
from paddock.server.chat_values import to_json
from paddock.server.database import storage_errors, transaction

BATCHES = """
    SELECT batches.*,
        (SELECT count(*) FROM batch_prompts WHERE batch=batches.id) AS prompts,
        (SELECT count(*) FROM cells WHERE batch=batches.id AND state='done') AS done,
        (SELECT count(*) FROM cells WHERE batch=batches.id AND state='failed') AS failed,
        (SELECT count(*) FROM cells WHERE batch=batches.id AND judging) AS to_judge
    FROM batches
"""


class BatchTable:
    """Every method may raise StorageFailed. Lives on the thread of ``connection``."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def add(self, batch: Batch, prompts: Sequence[BatchPrompt]) -> None:
        with transaction(self._connection, self._path) as rows:
            rows.execute(
                "INSERT INTO batches (id, name, state, panes, repeat, created) VALUES (?, ?, ?, ?, ?, ?)",
                (batch.id, batch.name, batch.state, to_json(batch.panes), batch.repeat, batch.created),
            )
            rows.executemany(
                "INSERT INTO batch_prompts (batch, number, prompt) VALUES (?, ?, ?)",
                ((batch.id, number, to_json(prompt)) for number, prompt in enumerate(prompts)),
            )

    def all(self) -> list[Batch]:
        """The latest first."""
        with storage_errors(self._path):
            return [_batch(row) for row in self._connection.execute(f"{BATCHES} ORDER BY created DESC, rowid DESC")]

    def get(self, id: str) -> Batch:
        """Raises NotFound."""
        with storage_errors(self._path):
            row = self._connection.execute(f"{BATCHES} WHERE id=?", (id,)).fetchone()
        if row is None:
            raise _missing()
        return _batch(row)

    def _look_for(self, id: str) -> None:
        with storage_errors(self._path):
            if self._connection.execute("SELECT 1 FROM batches WHERE id=?", (id,)).fetchone() is None:
                raise _missing()

    def prompts(self, id: str) -> list[BatchPrompt]:
        """Raises NotFound."""
        self._look_for(id)
        with storage_errors(self._path):
            rows = self._connection.execute("SELECT prompt FROM batch_prompts WHERE batch=? ORDER BY number", (id,))
            return [msgspec.json.decode(row["prompt"], type=BatchPrompt) for row in rows]

    def set_state(self, id: str, state: BatchState) -> None:
        with transaction(self._connection, self._path) as rows:
            rows.execute("UPDATE batches SET state=?, revision=revision+1 WHERE id=?", (state, id))

    def pause(self) -> None:
        """Whatever runs waits until it is resumed."""
        with transaction(self._connection, self._path) as rows:
            rows.execute("UPDATE batches SET state='paused', revision=revision+1 WHERE state='running'")

    def delete(self, id: str) -> None:
        """Raises NotFound."""
        with transaction(self._connection, self._path) as rows:
            if not rows.execute("DELETE FROM batches WHERE id=?", (id,)).rowcount:
                raise _missing()

    # -------------------------------------------------------------- cells

    def put(self, id: str, number: int, cell: BatchCell) -> None:
        """What has become of cell ``number``, in place of what is known of it. Raises NotFound when the batch has been
        removed."""
        with transaction(self._connection, self._path) as rows:
            self._look_for(id)
            _put(rows, id, number, cell)

    def retry(self, id: str) -> int:
        """Cells that failed wait again, and answers that a judge could not judge wait for it; how many."""
        with storage_errors(self._path):
            cells = self._connection.execute("SELECT number, change, cell FROM cells WHERE batch=?", (id,)).fetchall()
        again = [(row["number"], made) for row in cells if (made := _again(_cell(row))) is not None]
        with transaction(self._connection, self._path) as rows:
            for number, cell in again:
                _put(rows, id, number, cell)
        return len(again)

    def ended(self, id: str) -> set[int]:
        """Numbers of the cells that are not to be asked (again)."""
        with storage_errors(self._path):
            rows = self._connection.execute("SELECT number FROM cells WHERE batch=? AND state<>'waiting'", (id,))
            return {row["number"] for row in rows}

    def to_judge(self, id: str) -> list[tuple[int, BatchCell]]:
        with storage_errors(self._path):
            query = "SELECT number, change, cell FROM cells WHERE batch=? AND judging ORDER BY number"
            return [(row["number"], _cell(row)) for row in self._connection.execute(query, (id,))]

    def cells(self, id: str, after: int, limit: int) -> dict[int, BatchCell]:
        """Those with numbers from ``after``, ``limit`` of them."""
        with storage_errors(self._path):
            rows = self._connection.execute(
                "SELECT number, change, cell FROM cells WHERE batch=? AND number>=? AND number<? ORDER BY number",
                (id, after, after + limit),
            )
            return {row["number"]: _cell(row) for row in rows}

    def changes(self, id: str, since: int, limit: int) -> list[BatchCell]:
        """Raises NotFound."""
        self._look_for(id)
        with storage_errors(self._path):
            rows = self._connection.execute(
                "SELECT change, cell FROM cells WHERE batch=? AND change>? ORDER BY change LIMIT ?", (id, since, limit)
            )
            return [_cell(row) for row in rows]

    # -------------------------------------------------------------- sets of prompts

    def sets(self) -> list[PromptSet]:
        """By name."""
        with storage_errors(self._path):
            rows = self._connection.execute("SELECT * FROM prompt_sets ORDER BY name COLLATE NOCASE, rowid")
            return [_set(row) for row in rows]

    def put_set(self, prompts: PromptSet, now: float) -> PromptSet:
        """Raises NotFound for an id that there is not."""
        kept = msgspec.structs.replace(prompts, id=prompts.id or uuid.uuid4().hex[:12], changed=now)
        values = (kept.name, to_json(kept.prompts), now, kept.id)
        with transaction(self._connection, self._path) as rows:
            if not prompts.id:
                rows.execute("INSERT INTO prompt_sets (name, prompts, changed, id) VALUES (?, ?, ?, ?)", values)
            elif not rows.execute("UPDATE prompt_sets SET name=?, prompts=?, changed=? WHERE id=?", values).rowcount:
                raise NotFound("There is no such set of prompts.", hint="Read the list again.")
        return kept

    def delete_set(self, id: str) -> None:
        """Raises NotFound."""
        with transaction(self._connection, self._path) as rows:
            if not rows.execute("DELETE FROM prompt_sets WHERE id=?", (id,)).rowcount:
                raise NotFound("There is no such set of prompts.", hint="Read the list again.")


def _missing() -> NotFound:
    return NotFound("There is no such batch.", hint="Read the list again; it may have been removed.")


def _batch(row: sqlite3.Row) -> Batch:
    panes = msgspec.json.decode(row["panes"], type=tuple[Pane, ...])
    return Batch(
        id=row["id"],
        name=row["name"],
        state=row["state"],
        prompts=row["prompts"],
        panes=panes,
        repeat=row["repeat"],
        done=row["done"],
        failed=row["failed"],
        total=row["prompts"] * len(panes) * row["repeat"],
        to_judge=row["to_judge"],
        created=row["created"],
        revision=row["revision"],
    )


def _cell(row: sqlite3.Row) -> BatchCell:
    return msgspec.structs.replace(msgspec.json.decode(row["cell"], type=BatchCell), change=row["change"])


def _put(rows: sqlite3.Connection, id: str, number: int, cell: BatchCell) -> None:
    rows.execute(
        "INSERT OR REPLACE INTO cells (batch, number, state, judging, cell) VALUES (?, ?, ?, ?, ?)",
        (id, number, cell.state, cell.judging, to_json(cell)),
    )


def _again(cell: BatchCell) -> BatchCell | None:
    """A cell that failed as it was before it was asked; None for one that did not."""
    if cell.state == "failed":
        return BatchCell(prompt=cell.prompt, pane=cell.pane, repeat=cell.repeat)
    if any(check.passed is None and check.kind == "judge" for check in cell.checks):
        return msgspec.structs.replace(cell, judging=True)
    return None


def _set(row: sqlite3.Row) -> PromptSet:
    prompts = msgspec.json.decode(row["prompts"], type=tuple[BatchPrompt, ...])
    return PromptSet(id=row["id"], name=row["name"], prompts=prompts, changed=row["changed"])
