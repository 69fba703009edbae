"""Copies of the conversations: whole or not there, few, and put back without losing what is there."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import time
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from server_harness import HostProcess, echo_model
from stored_chats import fill, opened

from paddock.sdk.chats import Backup
from paddock.sdk.errors import HostBusy, NotFound, StorageFailed
from paddock.sdk.events import ChatsReplaced
from paddock.sdk.paths import Home
from paddock.sdk.types import ChatSummary
from paddock.server.backups import BackupFolder, kept_of
from paddock.server.bus import Bus
from paddock.server.chat_safety import ChatSafety
from paddock.server.chats import ChatStore
from paddock.server.database import APPLICATION, MIGRATIONS

DAY = 86_400.0
NOON = 1_795_000_000.0 - 1_795_000_000.0 % DAY + DAY / 2
"""Noon of a day, UTC."""


def folder(root: Path) -> BackupFolder:
    return BackupFolder(root / "backups", root / "chats.db")


def titles(path: Path) -> list[str]:
    table = opened(path)
    found = sorted(chat.title for chat in table.summaries())
    table.close()
    return found


def test_a_copy_is_made_while_the_conversations_are_in_use(tmp_path):
    fill(tmp_path / "chats.db", 3)
    table = opened(tmp_path / "chats.db")
    table.delete("c0", 5.0)  # only in the write-ahead log
    made = folder(tmp_path).make("manual", NOON)
    table.purge("c1")
    table.close()
    assert (made.chats, made.reason, made.created) == (3, "by hand", NOON)
    with sqlite3.connect(made.path) as copy:
        assert copy.execute("SELECT count(*) FROM chats WHERE deleted IS NOT NULL").fetchone() == (1,)
        assert copy.execute("SELECT count(*) FROM words WHERE words MATCH 'number1x4'").fetchone() == (1,)
    copy.close()
    assert [path.name for path in (tmp_path / "backups").iterdir()] == [made.name]


def test_a_full_disk_leaves_no_half_copy(tmp_path, monkeypatch):
    fill(tmp_path / "chats.db", 3)
    kept = folder(tmp_path).make("daily", NOON)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000_000))
    with pytest.raises(StorageFailed, match="disk is full"):
        folder(tmp_path).make("daily", NOON + DAY)
    assert [path.name for path in (tmp_path / "backups").iterdir()] == [kept.name]


def test_a_disk_that_fills_up_while_the_copy_is_written_leaves_nothing(tmp_path):
    fill(tmp_path / "chats.db", 3)
    resource = pytest.importorskip("resource")
    code = (
        "import resource, signal, sys; from pathlib import Path; from paddock.server.backups import BackupFolder\n"
        "from paddock.sdk.errors import StorageFailed\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "root = Path(sys.argv[1])\n"
        "try: BackupFolder(root / 'backups', root / 'chats.db').make('daily', 1.0)\n"
        "except StorageFailed as error: print(error)\n"
    )
    assert resource
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "copied" in done.stdout or "full" in done.stdout
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_damaged_file_gives_no_copy(tmp_path):
    fill(tmp_path / "chats.db", 3)
    data = bytearray((tmp_path / "chats.db").read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 20_480] = os.urandom(20_480)
    (tmp_path / "chats.db").write_bytes(data)
    with pytest.raises(StorageFailed, match="damaged"):
        folder(tmp_path).make("daily", NOON)
    assert list((tmp_path / "backups").iterdir()) == []


def test_one_copy_a_day_and_only_of_changes(tmp_path):
    backups = folder(tmp_path)
    table = opened(tmp_path / "chats.db")
    assert not backups.due(time.time())  # there is nothing to keep
    table.close()
    fill(tmp_path / "chats.db", 1)
    now = time.time()
    assert backups.due(now)
    backups.make("daily", now)
    assert not backups.due(now)
    later = now + DAY
    assert not backups.due(later)  # nothing has changed
    os.utime(tmp_path / "chats.db", (later, later))
    assert backups.due(later)


def name(moment: float, kind: str = "daily") -> str:
    return time.strftime("chats-%Y%m%dT%H%M%SZ", time.gmtime(moment)) + f"-{kind}.db"


def test_copies_of_seven_days_and_four_weeks_are_kept():
    copies = [(name(NOON - day * DAY), 100) for day in range(60)] + [(name(NOON + 3600), 100)]
    kept = kept_of(copies)
    assert {name(NOON + 3600), *(name(NOON - day * DAY) for day in range(1, 7))} <= kept
    assert name(NOON) not in kept  # of each day the latest
    assert len(kept) == 7 + 4
    older = sorted(kept)[:4]
    assert max(older) < name(NOON - 6 * DAY)
    before_updates = [(name(NOON - day * DAY, "update"), 100) for day in range(5)]
    assert len(kept_of(before_updates)) == 3
    assert len(kept_of(copies + before_updates)) == 7 + 4 + 3


def test_the_bytes_of_all_copies_are_bounded_but_the_newest_stays():
    copies = [(name(NOON - day * DAY), 400) for day in range(5)]
    assert kept_of(copies, most_bytes=900) == {name(NOON), name(NOON - DAY)}
    assert kept_of(copies, most_bytes=10) == {name(NOON)}


# ---------------------------------------------------------------- the service


class Safe:
    """A store with its safety, as the host has them."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.answering = False
        self.now = time.time()
        self.bus = Bus()
        self.safety = ChatSafety(self.home, self.bus, answering=lambda: self.answering, clock=lambda: self.now)
        self.store = ChatStore(self.home.chats_file, self.safety.connect)

    async def __aenter__(self) -> Safe:
        await self.store.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.safety.close()
        await self.store.close()

    async def titles(self) -> list[str]:
        return sorted(chat.title for chat in await self.store.ask(lambda table: table.summaries()))


def test_a_restore_brings_back_everything_and_keeps_what_was_there(tmp_path):
    fill(tmp_path / "chats.db", 3)

    async def scene() -> None:
        async with Safe(tmp_path) as safe:
            heard = safe.bus.subscribe("window")
            first = await safe.safety.back_up()
            await safe.store.ask(lambda table: table.purge("c0"))
            before = await safe.safety.restore(safe.store, first.name)
            assert await safe.titles() == ["Chat 0", "Chat 1", "Chat 2"]
            hits = await safe.store.ask(
                lambda table: table.words._connection.execute("PRAGMA quick_check").fetchone()[0]
            )
            assert hits == "ok"
            assert isinstance(await anext(heard), ChatsReplaced)
            assert (before.reason, before.chats) == ("before a restore", 2)
            await safe.safety.restore(safe.store, before.name)
            assert await safe.titles() == ["Chat 1", "Chat 2"]
            heard.close()

    asyncio.run(scene())
    assert titles(tmp_path / "chats.db") == ["Chat 1", "Chat 2"]
    assert not [path for path in (tmp_path / "backups").iterdir() if path.name.startswith(".")]


def test_what_cannot_be_restored_changes_nothing(tmp_path):
    fill(tmp_path / "chats.db", 2)

    async def refused(safe: Safe, copy: Backup | str, kind: type[Exception], words: str) -> None:
        with pytest.raises(kind, match=words):
            await safe.safety.restore(safe.store, copy if isinstance(copy, str) else copy.name)
        assert await safe.titles() == ["Chat 0", "Chat 1"]

    async def scene() -> None:
        async with Safe(tmp_path) as safe:
            good = await safe.safety.back_up()
            await refused(safe, "../chats.db", NotFound, "no backup")
            safe.answering = True
            await refused(safe, good, HostBusy, "being written")
            safe.answering = False
            data = bytearray(Path(good.path).read_bytes())
            data[8192:20_000] = os.urandom(20_000 - 8192)
            Path(good.path).write_bytes(data)
            await refused(safe, good, StorageFailed, "is damaged")
            foreign = Path(good.path).with_name("chats-20200101T000000Z-daily.db")
            sqlite3.connect(foreign).execute("CREATE TABLE x (y)").connection.close()
            await refused(safe, foreign.name, StorageFailed, "no copy of Paddock")

    asyncio.run(scene())


def test_an_update_copies_the_conversations_first(tmp_path):
    path = tmp_path / "chats.db"
    old = sqlite3.connect(path, isolation_level=None)
    old.executescript(f"{MIGRATIONS[0]}; PRAGMA application_id={APPLICATION}; PRAGMA user_version=1;")
    old.execute("INSERT INTO chats VALUES ('c', 'Horses', 1.0, 2.0, 'm', '', 0, NULL)")
    old.close()

    async def scene() -> list[Backup]:
        async with Safe(tmp_path) as safe:
            assert await safe.titles() == ["Horses"]
            (copy,) = await safe.safety.backups()
            await safe.safety.restore(safe.store, copy.name)  # of an earlier version
            assert await safe.titles() == ["Horses"]
            return [copy]

    (copy,) = asyncio.run(scene())
    assert (copy.reason, copy.chats) == ("before an update", 1)
    kept = sqlite3.connect(copy.path)
    assert kept.execute("PRAGMA user_version").fetchone() == (1,)
    kept.close()


def test_what_is_written_during_a_restore_is_in_the_copy_or_in_the_conversations(tmp_path, monkeypatch):
    fill(tmp_path / "chats.db", 1)
    new = ChatSummary(id="new", title="New", created=1.0, updated=1.0, model="m", system="")

    async def scene() -> None:
        async with Safe(tmp_path) as safe:
            good = await safe.safety.back_up()
            loop, make = asyncio.get_running_loop(), BackupFolder.make
            asked: list[Future[bool]] = []

            def slowly(backups: BackupFolder, kind: Any, now: float) -> Backup:
                made = make(backups, kind, now)
                asked.append(asyncio.run_coroutine_threadsafe(safe.store.ask(lambda table: table.add(new)), loop))
                return made

            monkeypatch.setattr(BackupFolder, "make", slowly)
            await safe.safety.restore(safe.store, good.name)
            await asyncio.wrap_future(asked[0])
            assert await safe.titles() == ["Chat 0", "New"]

    asyncio.run(scene())


# ---------------------------------------------------------------- the routes


def test_backups_through_the_control_api(start, tmp_path):
    echo_model(tmp_path, "paris", text="Paris.")
    host: HostProcess = start().ready()
    chat = host.post("/control/chats", {"title": "Kept", "model": "test/paris"})["summary"]["id"]
    made = host.post("/control/backups", {})
    assert host.get("/control/backups") == [made]
    host.http.delete(f"/control/chats/{chat}?forever=1")
    state = host.get("/control/chat-store")
    assert state["backups_bytes"] == made["size_bytes"]
    assert state["repair"] is None
    before = host.post(f"/control/backups/{made['name']}/restore", {})
    assert before["reason"] == "before a restore"
    assert [item["title"] for item in host.get("/control/chats")] == ["Kept"]
    assert host.http.post("/control/backups/nothing.db/restore").status_code == 404
    events = host.events("POST", f"/control/chats/{chat}/send", {"content": "hi", "model": "test/slow"})
    next(events)
    assert host.http.post(f"/control/backups/{made['name']}/restore").status_code == 409
