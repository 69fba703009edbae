"""The library's index: what it saves, and that nothing is lost or wrong when it is damaged, foreign or cut off."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from paddock.browser import library as library_module
from paddock.browser.library import Library
from paddock.browser.library_facts import read_facts
from paddock.browser.stores import StorePlace

SUFFIXES = {".gguf": "llamacpp"}


@pytest.fixture
def open_library(models, tmp_path):
    """Makes libraries over one index, as one start after the other."""
    made: list[Library] = []

    def make(*folders: Path) -> Library:
        for earlier in made:
            earlier.close()
        places = [StorePlace(folder, "folder", folder.name) for folder in folders or (models,)]
        made.append(Library(places, SUFFIXES, tmp_path / "library.db"))
        return made[-1]

    yield make
    for library in made:
        library.close()


@pytest.fixture
def reads(monkeypatch) -> list[str]:
    """The names of the files whose headers are read."""
    names: list[str] = []

    def read(file, *, now):
        names.append(file.path.name)
        return read_facts(file, now=now)

    monkeypatch.setattr(library_module, "read_facts", read)
    return names


def ids(library: Library) -> list[str]:
    return sorted(info.id for info in library.models())


def test_a_warm_start_has_the_list_at_once_and_reads_no_header(put, open_library, reads):
    put("p/a/a.gguf")
    put("p/b/b.gguf")
    before = open_library().refresh()
    again = open_library()
    assert again.is_read
    assert again.models() == before
    assert sorted(reads) == ["a.gguf", "b.gguf"]
    assert again.refresh() is again.models()
    assert again.models() == before
    assert len(reads) == 2


def test_only_what_changed_is_read_again(put, open_library, reads):
    put("p/a/a.gguf")
    path = put("p/b/b.gguf")
    open_library().refresh()
    path.unlink()
    put("p/b/b.gguf", trained=8192)
    put("p/c/c.gguf")
    reads.clear()
    found = {info.id: info.context_length for info in open_library().refresh()}
    assert found == {"p/a": 4096, "p/b": 8192, "p/c": 4096}
    assert sorted(reads) == ["b.gguf", "c.gguf"]


def test_a_place_that_is_no_longer_shown_is_out_at_once(put, open_library, models, tmp_path, gguf_file):
    put("p/a/a.gguf")
    other = tmp_path / "other"
    other.mkdir()
    gguf_file.write_llama(other / "b.gguf")
    open_library(models, other).refresh()
    assert ids(open_library(models)) == ["p/a"]


def test_a_disk_that_comes_back_is_not_read_again(put, open_library, models, tmp_path, reads):
    put("p/a/a.gguf")
    open_library().refresh()
    models.rename(tmp_path / "unplugged")
    assert open_library().refresh() == ()
    (tmp_path / "unplugged").rename(models)
    reads.clear()
    assert ids_after_refresh(open_library()) == ["p/a"]
    assert reads == []


def ids_after_refresh(library: Library) -> list[str]:
    library.refresh()
    return ids(library)


@pytest.mark.parametrize("damage", ["rubbish", "cut", "foreign", "newer", "older", "list"])
def test_a_damaged_or_foreign_index_is_made_anew(put, open_library, tmp_path, damage):
    for number in range(20):
        put(f"p/m{number}/a.gguf")
    expected = open_library().refresh()
    open_library().close()
    path = tmp_path / "library.db"
    if damage == "rubbish":
        path.write_bytes(b"not a database" * 1000)
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        with sqlite3.connect(path) as connection:
            change = {
                "foreign": "PRAGMA application_id=7",
                "newer": "PRAGMA user_version=99",
                "older": "PRAGMA user_version=0",
                "list": "UPDATE list SET found = x'00ff'",
            }
            connection.execute(change[damage])
        connection.close()
    assert open_library().refresh() == expected
    assert open_library().models() == expected


def test_two_programs_of_different_versions_take_turns(put, open_library, monkeypatch):
    """Each makes the index anew, and neither shows what the other understood differently."""
    put("p/a/a.gguf")
    expected = open_library().refresh()
    for version in (2, 1, 2):
        monkeypatch.setattr("paddock.browser.library_index.VERSION", version)
        library = open_library()
        assert not library.is_read
        assert library.refresh() == expected


def test_an_index_that_cannot_be_written_is_done_without(put, models, tmp_path):
    put("p/a/a.gguf")
    (tmp_path / "file").write_text("in the way")
    library = Library([StorePlace(models, "folder", "")], SUFFIXES, tmp_path / "file" / "library.db")
    assert [info.id for info in library.refresh()] == ["p/a"]
    library.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from paddock.browser import library
from paddock.browser.stores import StorePlace

library._BATCH = 10
real, count = library.read_facts, 0

def read(file, *, now):
    global count
    count += 1
    if count == 35:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(file, now=now)

library.read_facts = read
library._READERS = 1
library.Library([StorePlace(Path(sys.argv[1]), "folder", "")], {".gguf": "llamacpp"}, Path(sys.argv[2])).refresh()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_kill_while_indexing_keeps_what_was_read(put, open_library, models, tmp_path, reads):
    for number in range(50):
        put(f"p/m{number}/a.gguf")
    command = [sys.executable, "-c", KILLED, str(models), str(tmp_path / "library.db")]
    assert subprocess.run(command, timeout=120, check=False).returncode == -signal.SIGKILL
    library = open_library()
    assert not library.is_read
    assert len(library.refresh()) == 50
    assert 15 <= len(reads) <= 20


def test_a_file_that_is_replaced_while_it_is_read_is_read_again(put, open_library, gguf_file, monkeypatch):
    path = put("p/a/a.gguf")
    calls = []

    def read(file, *, now):
        facts = read_facts(file, now=now)
        calls.append(facts.context_length)
        if len(calls) == 1:
            fresh = path.with_name("fresh")
            gguf_file.write_llama(fresh, trained=9000)
            os.utime(fresh, ns=(1, path.stat().st_mtime_ns + 1))
            fresh.replace(path)
        return facts

    monkeypatch.setattr(library_module, "read_facts", read)
    assert [info.context_length for info in open_library().refresh()] == [9000]
    assert [info.context_length for info in open_library().refresh()] == [9000]
    assert calls == [4096, 9000]


def test_a_file_and_a_folder_that_go_while_they_are_read(put, open_library, monkeypatch):
    gone = put("p/a/a.gguf")
    put("p/b/b.gguf")

    def read(file, *, now):
        if file.path == gone and gone.exists():
            gone.unlink()
            gone.parent.rmdir()
        return read_facts(file, now=now)

    monkeypatch.setattr(library_module, "read_facts", read)
    library = open_library()
    found = {info.id: info.error for info in library.refresh()}
    assert found["p/b"] is None
    assert "No such file" in (found["p/a"] or "")
    assert ids_after_refresh(library) == ["p/b"]


def test_a_model_that_has_gone_since_the_index_was_written_is_not_found(put, open_library):
    path = put("p/a/a.gguf")
    open_library().refresh()
    path.unlink()
    put("p/b/b.gguf")
    library = open_library()
    with pytest.raises(library_module.ModelNotFound):
        library.find("p/a")
    assert library.find("p/b").id == "p/b"


def test_closing_ends_a_refresh_and_keeps_the_list(put, open_library, monkeypatch):
    put("p/a/a.gguf")
    open_library().refresh()
    put("p/b/b.gguf")
    library = open_library()
    reading, go_on = threading.Event(), threading.Event()

    def read(file, *, now):
        reading.set()
        assert go_on.wait(60)
        return read_facts(file, now=now)

    monkeypatch.setattr(library_module, "read_facts", read)
    for number in range(30):
        put(f"p/m{number}/a.gguf")
    refresh = threading.Thread(target=library.refresh)
    refresh.start()
    assert reading.wait(60)
    closing = threading.Thread(target=library.close)
    closing.start()
    go_on.set()
    refresh.join(60)
    closing.join(60)
    assert not refresh.is_alive()
    assert not closing.is_alive()
    assert ids(library) == ["p/a"]
