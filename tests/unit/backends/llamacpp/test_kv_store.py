"""The KV store on a real disk: what comes back is exact, or nothing comes back."""

from __future__ import annotations

import ctypes
import random
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.backends.llamacpp import kv_file, kv_store
from paddock.backends.llamacpp.kv_file import Loaded
from paddock.backends.llamacpp.kv_folder import clear, usage
from paddock.backends.llamacpp.kv_store import KvStore

IDENTITY = "ab" * 32
OTHER = "cd" * 32
TIMEOUT_S = 60.0
MIB = 2**20

TOKENS = st.lists(st.integers(-(2**31), 2**31 - 1), max_size=50)
CHECKPOINTS = st.dictionaries(st.integers(0, 50), st.binary(max_size=300), max_size=3)


@contextmanager
def opened(folder: Path, identity: str = IDENTITY, budget: int = 100 * MIB, **more: Any) -> Iterator[KvStore]:
    log = more.pop("log", None)
    store = KvStore(folder, identity, budget, (lambda line: None) if log is None else log.append, **more)
    try:
        yield store
    finally:
        store.close(TIMEOUT_S)


def contents(loaded: Loaded | None) -> tuple[list[int], bytes, dict[int, bytes]] | None:
    if loaded is None:
        return None
    with loaded:
        return list(loaded.tokens), bytes(loaded.state), {at: bytes(view) for at, view in loaded.checkpoints.items()}


def keep(store: KvStore, tokens: list[int], size: int) -> str:
    assert store.put(tokens, bytes(size))
    assert store.flush(TIMEOUT_S)
    return kv_file.key_of(kv_file.as_tokens(tokens))


def keys(store: KvStore) -> list[str]:
    return [stored.key for stored in store.entries()]


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@settings(max_examples=40, deadline=None)
@given(tokens=TOKENS, state=st.binary(max_size=5000), checkpoints=CHECKPOINTS)
def test_a_prefix_comes_back_as_it_was(tokens: list[int], state: bytes, checkpoints: dict[int, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with opened(Path(folder)) as store:
            assert store.put(tokens, state, checkpoints)
        with opened(Path(folder)) as store:
            (stored,) = store.entries()
            assert list(stored.tokens) == tokens
            assert set(stored.checkpoints) == set(checkpoints)
            assert contents(store.read(stored.key)) == (tokens, state, checkpoints)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), state=st.binary(max_size=200), checkpoints=CHECKPOINTS)
def test_a_damaged_file_never_answers_and_is_removed(
    data: st.DataObject, state: bytes, checkpoints: dict[int, bytes]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with opened(Path(folder)) as store:
            store.put([1, 2, 3], state, checkpoints)
        (path,) = files(Path(folder))
        whole = bytearray(path.read_bytes())
        place = data.draw(st.integers(0, len(whole) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "longer", "overwritten"])):
            case "flip":
                whole[place] ^= 1 << data.draw(st.integers(0, 7))
            case "cut":
                del whole[place:]
            case "longer":
                whole += bytes(place + 1)
            case _:
                noise = data.draw(st.binary(min_size=1, max_size=4).filter(lambda b: b != whole[place : place + 4]))
                before = bytes(whole)
                whole[place : place + len(noise)] = noise
                if bytes(whole) == before:
                    return
        path.write_bytes(whole)
        with opened(Path(folder)) as store:
            for stored in store.entries():
                assert store.read(stored.key) is None
            assert store.read(path.stem) is None
            assert store.flush(TIMEOUT_S)
            assert files(Path(folder)) == []


def test_a_whole_file_of_a_newer_version_or_other_tokens_or_settings_is_removed(tmp_path: Path) -> None:
    log: list[str] = []
    with opened(tmp_path) as store:
        key = keep(store, [1, 2], 100)
    (path,) = files(tmp_path)
    good = path.read_bytes()
    newer = bytearray(good)
    newer[8] += 1
    path.write_bytes(newer)
    path.with_name(f"{'0' * 64}.kv").write_bytes(good)
    with opened(tmp_path, OTHER) as store:
        keep(store, [1, 2], 100)
    foreign = tmp_path / OTHER[:32] / f"{key}.kv"
    foreign.replace(path.with_name(f"{'1' * 64}.kv"))
    with opened(tmp_path, log=log) as store:
        assert store.entries() == []
    assert files(tmp_path) == []
    assert "version is 2" in "".join(log)
    assert len(log) == 3


def test_what_is_no_file_of_ours_stays(tmp_path: Path) -> None:
    own = tmp_path / IDENTITY[:32]
    (own / f"{'2' * 64}.kv").mkdir(parents=True)
    (own / "notes.txt").write_text("mine")
    (tmp_path / "loose.kv").write_text("mine")
    with opened(tmp_path) as store:
        assert store.entries() == []
        keep(store, [1], 10)
    clear(tmp_path)
    assert [path.name for path in files(tmp_path)] == ["notes.txt", "loose.kv"]


def test_a_view_gives_an_address_and_writing_there_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.put([1], (ctypes.c_uint8 * 4)(1, 2, 3, 4))
        store.flush(TIMEOUT_S)
        key = keys(store)[0]
        loaded = store.read(key)
        assert loaded is not None
        array = (ctypes.c_uint8 * 4).from_buffer(loaded.state)
        array[0] = 9
        loaded.close()
        assert bytes(array) == b"\x09\x02\x03\x04"
        assert contents(store.read(key)) == ([1], b"\x01\x02\x03\x04", {})


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    go_on = threading.Event()
    write = kv_file.write

    def wait(*given: Any) -> None:
        assert go_on.wait(TIMEOUT_S)
        write(*given)

    monkeypatch.setattr(kv_file, "write", wait)
    yield go_on
    go_on.set()


def test_a_full_queue_drops_and_what_waits_can_be_read(tmp_path: Path, slow_disk: threading.Event) -> None:
    log: list[str] = []
    with opened(tmp_path, queue_bytes=2500, log=log) as store:
        accepted = [store.put([number], bytes([number]) * 1000, {1: b"c"}) for number in range(4)]
        assert accepted == [True, True, False, False]
        assert store.stats() == kv_store.Stats(count=0, n_bytes=0, waiting_bytes=2002, dropped=2)
        assert log[-1] == "KV store: the disk does not keep up; 2 prefixes were not kept."
        loaded = store.read(kv_file.key_of(kv_file.as_tokens([1])))
        assert contents(loaded) == ([1], b"\x01" * 1000, {1: b"c"})
        slow_disk.set()
        assert store.put([5], bytes(1000), wait_s=TIMEOUT_S)
        assert store.flush(TIMEOUT_S)
        assert len(keys(store)) == 3


def test_what_is_kept_again_stays_though_it_was_removed_before_it_was_written(
    tmp_path: Path, slow_disk: threading.Event
) -> None:
    with opened(tmp_path) as store:
        for number in (1, 2):
            assert store.put([number], b"first")
        again, gone = (kv_file.key_of(kv_file.as_tokens([number])) for number in (1, 2))
        store.remove(again)
        store.remove(gone)
        assert store.put([1], b"second")
        slow_disk.set()
        assert store.flush(TIMEOUT_S)
        assert store.stats().count == len(files(tmp_path)) == 1
        assert contents(store.read(again)) == ([1], b"second", {})
        assert store.read(gone) is None


def test_closing_does_not_wait_longer_than_asked(tmp_path: Path, slow_disk: threading.Event) -> None:
    log: list[str] = []
    store = KvStore(tmp_path, IDENTITY, MIB, log.append)
    store.put([1], b"x")
    store.close(0.0)
    assert not store.put([2], b"y")
    assert "not written in 0 seconds" in log[0]


def test_the_least_recently_used_of_all_identities_leaves(tmp_path: Path) -> None:
    with opened(tmp_path, budget=4 * MIB) as one, opened(tmp_path, OTHER, budget=4 * MIB) as two:
        first, second = keep(one, [1], MIB), keep(two, [2], MIB)
        third = keep(one, [3], MIB)
        contents(one.read(first))
        one.flush(TIMEOUT_S)
        keep(two, [4], MIB)  # takes the place of [2], the oldest but for the use of [1]
        assert keys(one) == [third, first]
        assert second not in keys(two)
        keep(one, [5], 4 * MIB)  # larger than the budget with its header
        assert keys(one) == [third, first]
        total = sum(kept.n_bytes for kept in usage(tmp_path))
        assert total <= 4 * MIB


def test_a_smaller_budget_is_kept_from_the_start(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        for number in range(4):
            keep(store, [number], MIB)
    with opened(tmp_path, budget=2 * MIB) as store:
        store.entries()
        store.flush(TIMEOUT_S)
        assert len(keys(store)) == store.stats().count == 1


def test_a_clock_that_goes_back_does_not_make_the_newest_the_oldest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as store:
        old = keep(store, [1], 10)
    monkeypatch.setattr(kv_store.time, "time_ns", lambda: 10**9)
    with opened(tmp_path) as store:
        store.entries()
        new = keep(store, [2], 10)
        assert keys(store) == [old, new]
        store.touch(old)
        store.flush(TIMEOUT_S)
        assert keys(store) == [new, old]


def test_the_same_prefix_is_written_once_and_again_with_more_checkpoints(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        key = keep(store, [1, 2], 100)
        (path,) = files(tmp_path)
        before = path.stat().st_ino
        keep(store, [1, 2], 100)
        assert path.stat().st_ino == before
        store.put([1, 2], bytes(100), {1: b"c"})
        store.flush(TIMEOUT_S)
        assert files(tmp_path) == [path]
        assert contents(store.read(key)) == ([1, 2], bytes(100), {1: b"c"})


def test_the_rest_of_the_disk_is_left_to_others(tmp_path: Path) -> None:
    log: list[str] = []
    with opened(tmp_path, reserve_bytes=2**60, log=log) as store:
        store.put([1], bytes(MIB))
    assert files(tmp_path) == []
    assert "no room on the disk for 1 MiB" in log[0]


def test_a_folder_that_cannot_be_made_is_a_log_line(tmp_path: Path) -> None:
    log: list[str] = []
    (tmp_path / "kv").write_text("a file")
    with opened(tmp_path / "kv", log=log) as store:
        assert store.entries() == []
        store.put([1], b"x")
    assert len(log) == 1
    assert "could not be written" in log[0]


@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE is POSIX")
def test_a_full_disk_is_a_log_line_and_leaves_nothing(tmp_path: Path) -> None:
    program = f"""
import resource
from pathlib import Path
from paddock.backends.llamacpp.kv_store import KvStore
resource.setrlimit(resource.RLIMIT_FSIZE, (1000000, 1000000))
store = KvStore(Path({str(tmp_path)!r}), {IDENTITY!r}, 2**30, print)
assert store.put([1], bytes(3000000))
assert store.put([2], bytes(10))
store.close(30)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert "could not be written: [Errno 27]" in run.stdout
    assert len(files(tmp_path)) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="flock is POSIX; Windows itself keeps an open file")
def test_only_what_nobody_writes_any_more_is_swept(tmp_path: Path) -> None:
    import fcntl

    own = tmp_path / IDENTITY[:32]
    own.mkdir()
    dead, alive = own / "dead.part", own / "alive.part"
    dead.write_bytes(b"half")
    with alive.open("wb") as file, opened(tmp_path) as store:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        store.entries()
        assert files(tmp_path) == [alive]
    clear(tmp_path)
    assert files(tmp_path) == []


def test_usage_names_the_models_and_clearing_leaves_readers_what_they_have(tmp_path: Path) -> None:
    assert usage(tmp_path / "none") == []
    with opened(tmp_path, model="/m/a.gguf") as one, opened(tmp_path, OTHER, model="/m/b.gguf") as two:
        key, _ = keep(one, [1], 1000), keep(one, [2], 1000)
        keep(two, [3], 1000)
        newest, older = usage(tmp_path)
        assert (newest.identity, newest.model, newest.files) == (OTHER[:32], "/m/b.gguf", 1)
        assert (older.model, older.files, older.n_bytes) == ("/m/a.gguf", 2, sum(e.n_bytes for e in one.entries()))
        loaded = one.read(key)
        assert clear(tmp_path, IDENTITY) == 0
        assert [kept.model for kept in usage(tmp_path)] == ["/m/b.gguf"]
        assert contents(loaded) == ([1], bytes(1000), {})
        assert one.read(key) is None
        keep(one, [1], 1000)
        assert keys(one) == [key]
        assert clear(tmp_path) == 0
        assert files(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_only_the_user_can_read_it(tmp_path: Path) -> None:
    with opened(tmp_path / "kv") as store:
        keep(store, [1], 10)
    (path,) = files(tmp_path)
    assert path.stat().st_mode & 0o077 == path.parent.stat().st_mode & 0o077 == 0


WRITER = """
import sys
from pathlib import Path
from paddock.backends.llamacpp.kv_store import KvStore
store = KvStore(Path(sys.argv[1]), sys.argv[2], 16 * 2**20, print)
number = int(sys.argv[3])
while True:
    number += 1
    state = number.to_bytes(8, "little") * 250_000
    store.put([number, 1], state, {1: state[:5000]}, wait_s=60)
    if number % 1000 == 1 and store.flush(60):
        print("ready", flush=True)
"""


def test_a_writer_killed_at_any_moment_leaves_only_exact_prefixes(tmp_path: Path) -> None:
    seen, log = 0, list[str]()
    for round_number in range(30):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), IDENTITY, str(round_number * 1000)],
            stdout=subprocess.PIPE,
        )
        with writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
            with pytest.raises(subprocess.TimeoutExpired):
                writer.wait(timeout=random.uniform(0.001, 0.05))
            writer.kill()
        with opened(tmp_path, log=log) as store:
            for stored in store.entries():
                number = stored.tokens[0]
                state = number.to_bytes(8, "little") * 250_000
                assert contents(store.read(stored.key)) == ([number, 1], state, {1: state[:5000]})
                seen += 1
            assert store.flush(TIMEOUT_S)
        assert {path.suffix for path in files(tmp_path)} <= {".kv"}
    assert seen >= 30
    assert log == []  # none was even half-written
