"""Damaged files of conversations: what can be read is kept, the rest comes from a copy, and it is told once."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import pytest
from stored_chats import fill, opened
from test_backups import Safe

from paddock.sdk.chats import ChatSearch
from paddock.sdk.compare import Batch, BatchCell, BatchPrompt
from paddock.sdk.errors import StorageFailed
from paddock.sdk.events import ChatsReplaced
from paddock.sdk.types import Pane
from paddock.server.backups import BackupFolder
from paddock.server.chat_rescue import problem, rescue

PAGE = 4096
CHATS, MESSAGES = 12, 20


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "chats.db"
    fill(path, CHATS, MESSAGES)
    return path.read_bytes()


def broken(whole: bytes, page: int, pages: int = 1) -> bytes:
    noise = random.Random(page).randbytes(PAGE * pages)
    return whole[: page * PAGE] + noise + whole[(page + pages) * PAGE :]


def counts(path: Path) -> tuple[int, int]:
    """Chats, and the messages that can be reached from them."""
    table = opened(path)
    chats = table.summaries()
    found = sum(len(table.chat(chat.id).messages) for chat in chats)
    table.close()
    return len(chats), found


@pytest.mark.parametrize("pages", [0, 1])
def test_a_broken_beginning_costs_nothing(whole, tmp_path, pages):
    path = tmp_path / "chats.db"
    path.write_bytes(bytes(100) + whole[100:] if not pages else broken(whole, 0))
    rescued = rescue(path, None, tmp_path / "new.db")
    assert (rescued.chats, rescued.messages) == (CHATS, CHATS * MESSAGES)
    assert counts(tmp_path / "new.db") == (CHATS, CHATS * MESSAGES)
    assert problem(tmp_path / "new.db", full=True) == ""


def test_a_broken_page_costs_only_what_it_held(whole, tmp_path):
    path, target = tmp_path / "chats.db", tmp_path / "new.db"
    for page in range(2, len(whole) // PAGE, 23):
        path.write_bytes(broken(whole, page))
        for old in tmp_path.glob("new.db*"):
            old.unlink()
        rescued = rescue(path, None, target)
        assert rescued.chats == CHATS
        assert rescued.messages > CHATS * MESSAGES - 30
        assert problem(target, full=True) == ""
        chats, reachable = counts(target)
        assert (chats, reachable) == (CHATS, rescued.messages)  # each is still on its conversation's path
        if not rescued.lost:
            assert rescued.messages == CHATS * MESSAGES


def test_what_is_lost_comes_from_the_copy_and_what_is_newer_stays(whole, tmp_path):
    path = tmp_path / "chats.db"
    path.write_bytes(whole)
    copy = BackupFolder(tmp_path / "backups", path).make("daily", 1_795_000_000.0)
    fill(path, 1, 4, first=CHATS)  # after the copy
    data = path.read_bytes()
    path.write_bytes(broken(data, len(data) // PAGE // 3, 8))
    rescued = rescue(path, Path(copy.path), tmp_path / "new.db")
    assert rescued.lost
    assert rescued.added > 0
    assert rescued.messages == CHATS * MESSAGES + 4
    assert counts(tmp_path / "new.db") == (CHATS + 1, CHATS * MESSAGES + 4)


def test_a_batch_that_only_the_copy_has_comes_back_paused(whole, tmp_path):
    path = tmp_path / "chats.db"
    path.write_bytes(whole)

    def batch(id: str) -> Batch:
        return Batch(id=id, name=id, state="running", prompts=1, panes=(Pane(id="0", model="m"),), repeat=1)

    table = opened(path)
    table.batches.add(batch("goes on"), [BatchPrompt(prompt="x")])
    table.batches.add(batch("removed since"), [BatchPrompt(prompt="x")])
    table.close()
    copy = BackupFolder(tmp_path / "backups", path).make("daily", 1_795_000_000.0)
    table = opened(path)
    table.batches.delete("removed since")
    table.close()
    path.write_bytes(broken(path.read_bytes(), len(whole) // PAGE // 3, 8))
    assert rescue(path, Path(copy.path), tmp_path / "new.db").lost
    table = opened(tmp_path / "new.db")
    assert {one.id: (one.state, one.prompts) for one in table.batches.all()} == {
        "goes on": ("running", 1),
        "removed since": ("paused", 1),
    }
    table.close()


def test_cells_stay_with_their_prompts_when_others_are_lost(whole, tmp_path):
    path = tmp_path / "chats.db"
    path.write_bytes(whole)
    table = opened(path)
    made = Batch(id="b", name="b", state="running", prompts=3, panes=(Pane(id="0", model="m"),), repeat=1)
    table.batches.add(made, [BatchPrompt(prompt=text) for text in ("one", "two", "three", "four")])
    table.batches.put("b", 3, BatchCell(prompt=3, pane=0, repeat=0, state="done", text="4"))
    table._connection.execute("DELETE FROM batch_prompts WHERE number=1")
    table._connection.execute("UPDATE batch_prompts SET prompt='{broken' WHERE number=3")
    table.close()
    rescue(path, None, tmp_path / "new.db")
    table = opened(tmp_path / "new.db")
    batch = table.batches.get("b")
    assert (batch.state, batch.total, batch.done) == ("paused", 4, 1)
    assert [prompt.prompt for prompt in table.batches.prompts("b")][::2] == ["one", "three"]
    table.close()


def test_messages_whose_conversation_is_lost_get_one(whole, tmp_path):
    path = tmp_path / "chats.db"
    path.write_bytes(whole)
    table = opened(path)
    table._connection.execute("PRAGMA foreign_keys=OFF")
    table._connection.execute("DELETE FROM chats WHERE id='c3'")
    table._connection.execute("DELETE FROM messages WHERE id='c4m5'")
    table.close()
    rescue(path, None, tmp_path / "new.db")
    table = opened(tmp_path / "new.db")
    assert table.summary("c3").title == "Rescued conversation"
    assert len(table.chat("c3").messages) == MESSAGES
    assert len(table.chat("c4").messages) == MESSAGES - 1
    table.close()


# ---------------------------------------------------------------- at the start


def started(root: Path) -> tuple[tuple[int, int], str]:
    """What a host finds after a start and its check, and what it tells a window, first and then again."""

    async def scene() -> tuple[tuple[int, int], str]:
        async with Safe(root) as safe:
            heard = safe.bus.subscribe("sdk")
            await safe.safety.check(safe.store)
            repair = safe.safety.untold()
            assert safe.safety.untold() is None
            chats = await safe.store.ask(lambda table: table.summaries())
            reached = [await safe.store.ask(lambda table, id=chat.id: table.chat(id)) for chat in chats]
            found = await safe.store.ask(lambda table: table.words.find(ChatSearch(words="number5x6"), ()))
            assert len(found) == 1
            heard.close()
            return (len(chats), sum(len(chat.messages) for chat in reached)), repair.text if repair else ""

    return asyncio.run(scene())


def kept(root: Path) -> list[Path]:
    return list(root.glob("chats.damaged-*.db"))


def test_a_whole_file_is_left_alone(whole, tmp_path):
    (tmp_path / "chats.db").write_bytes(whole)
    assert started(tmp_path) == ((CHATS, CHATS * MESSAGES), "")
    assert kept(tmp_path) == []


def test_a_broken_header_is_repaired_at_the_start_and_told_once(whole, tmp_path):
    damaged = bytes(100) + whole[100:]
    (tmp_path / "chats.db").write_bytes(damaged)
    found, told = started(tmp_path)
    assert found == (CHATS, CHATS * MESSAGES)
    assert "240 messages in 12 conversations" in told
    (aside,) = kept(tmp_path)
    assert aside.read_bytes() == damaged
    assert aside.name in told
    assert started(tmp_path) == (found, "")  # the next host


def test_a_broken_page_in_the_middle_is_found_after_the_start(whole, tmp_path):
    (tmp_path / "chats.db").write_bytes(broken(whole, len(whole) // PAGE // 3))
    (chats, messages), told = started(tmp_path)
    assert chats == CHATS
    assert messages > CHATS * MESSAGES - 30
    assert "was damaged" in told
    assert len(kept(tmp_path)) == 1


def test_a_truncated_file_is_filled_up_from_the_copy(whole, tmp_path):
    (tmp_path / "chats.db").write_bytes(whole)
    BackupFolder(tmp_path / "backups", tmp_path / "chats.db").make("daily", 1_795_000_000.0)
    (tmp_path / "chats.db").write_bytes(whole[: len(whole) // 2])
    found, told = started(tmp_path)
    assert found == (CHATS, CHATS * MESSAGES)
    assert "taken from the backup of 18 November 2026" in told


def test_an_emptied_file_is_not_taken_for_a_new_one(whole, tmp_path):
    (tmp_path / "chats.db").write_bytes(whole)
    BackupFolder(tmp_path / "backups", tmp_path / "chats.db").make("daily", 1_795_000_000.0)
    (tmp_path / "chats.db").write_bytes(b"")
    assert started(tmp_path)[0] == (CHATS, CHATS * MESSAGES)


def test_a_damaged_search_index_alone_is_made_anew_without_a_word(whole, tmp_path):
    (tmp_path / "chats.db").write_bytes(whole)
    table = opened(tmp_path / "chats.db")
    table._connection.execute("UPDATE words_data SET block=zeroblob(length(block)) WHERE id > 10")
    wal = (tmp_path / "chats.db-wal").read_bytes()
    table.close()
    assert problem(tmp_path / "chats.db", full=True) == "words"
    (tmp_path / "chats.db-wal").write_bytes(wal)  # as a host leaves it that was killed
    assert started(tmp_path) == ((CHATS, CHATS * MESSAGES), "")
    assert problem(tmp_path / "chats.db", full=True) == ""


def test_rubbish_in_the_write_ahead_log_harms_nothing(whole, tmp_path):
    (tmp_path / "chats.db").write_bytes(whole)
    (tmp_path / "chats.db-wal").write_bytes(os.urandom(70_000))
    assert started(tmp_path) == ((CHATS, CHATS * MESSAGES), "")


def test_a_swap_that_was_cut_short_is_finished(whole, tmp_path):
    (tmp_path / "chats.db").write_bytes(broken(whole, 0))
    (tmp_path / "chats.db.rescued").write_bytes(whole)
    (tmp_path / "chats.db-wal").write_bytes(os.urandom(70_000))
    assert started(tmp_path)[0] == (CHATS, CHATS * MESSAGES)
    assert len(kept(tmp_path)) == 1
    assert not (tmp_path / "chats.db.rescued").exists()


def test_an_open_window_hears_of_a_repair_and_reads_everything_again(whole, tmp_path):
    (tmp_path / "chats.db").write_bytes(broken(whole, len(whole) // PAGE // 3))

    async def scene() -> None:
        async with Safe(tmp_path) as safe:
            heard = safe.bus.subscribe("window")
            await safe.safety.check(safe.store)
            event = await anext(heard)
            assert isinstance(event, ChatsReplaced)
            assert event.repair is not None
            assert safe.safety.untold() is None
            heard.close()

    asyncio.run(scene())


def test_a_repair_without_room_leaves_the_file_as_it_is(whole, tmp_path, monkeypatch):
    damaged = bytes(100) + whole[100:]
    (tmp_path / "chats.db").write_bytes(damaged)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(StorageFailed, match="could not be repaired"):
        started(tmp_path)
    assert (tmp_path / "chats.db").read_bytes() == damaged
