"""The KV store: prefixes worth keeping, on disk, where they survive worker, host and machine.

``folder/<identity>/<key>.kv``: the identity (``identity.py``) says what shaped the states, the key is the hash of the
token ids. Several processes share the folder: files appear whole by a rename, vanish by an unlink (which leaves other
processes' maps as they are), and are never changed, except that their time of modification is the time of last use.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from array import array
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from paddock.backends.llamacpp import kv_file, kv_folder
from paddock.backends.llamacpp.kv_file import Buffer, Header, Loaded, Unreadable

QUEUE_BYTES = 512 * 2**20
"""States waiting for the disk; more are dropped."""
RESERVE_BYTES = 2**30
"""The store leaves this much of the disk to others."""


@dataclass(frozen=True)
class Stored:
    """A prefix on disk. ``used`` is the time of last use in seconds since the epoch; ``checkpoints`` are positions."""

    key: str
    tokens: array[int]
    n_bytes: int
    used: float
    checkpoints: tuple[int, ...]


@dataclass(frozen=True)
class Stats:
    """``count`` and ``n_bytes`` of this identity on disk, as far as this process knows; ``waiting_bytes`` are not
    written yet; ``dropped`` were never written since the start."""

    count: int
    n_bytes: int
    waiting_bytes: int
    dropped: int


@dataclass(frozen=True)
class _Waiting:
    tokens: array[int]
    state: Buffer
    checkpoints: Mapping[int, Buffer]
    n_bytes: int


class KvStore:
    """The prefixes of one identity. Every method may be called from any thread and, except ``entries``, ``flush`` and
    ``close``, does not wait for the disk to write: that happens on a thread of its own. Nothing raises OSError: what
    goes wrong is a line for ``log`` (called on either thread) and a prefix that has to be computed again.

    Args:
        folder: ``Home.kv``; made when something is kept.
        identity: What shaped the states, as hexadecimal digits.
        budget_bytes: For all identities in ``folder`` together; the least recently used leave.
        log: Takes sentences.
        model: Path of the model's file, so that people see what is kept.
    """

    def __init__(
        self,
        folder: Path,
        identity: str,
        budget_bytes: int,
        log: Callable[[str], None],
        *,
        model: str = "",
        queue_bytes: int = QUEUE_BYTES,
        reserve_bytes: int = RESERVE_BYTES,
    ) -> None:
        self._folder = folder
        self._own = folder / kv_folder.name_of(identity)
        self._identity = identity
        self._budget = budget_bytes
        self._log = log
        self._model = model
        self._queue_bytes = queue_bytes
        self._reserve = reserve_bytes
        self._changed = threading.Condition()
        self._known: dict[str, tuple[int, frozenset[int]]] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._jobs: deque[Callable[[], object]] = deque()
        self._working = False
        self._closing = False
        self._dropped = 0
        self._newest_ns = 0
        self._writer = threading.Thread(target=self._work, name="kv-store", daemon=True)
        self._writer.start()

    # ------------------------------------------------------------ the engine's side

    def entries(self) -> list[Stored]:
        """What is kept, least recently used first. Reads every header; what is unreadable, and what a killed process
        left half-written, is removed."""
        kv_folder.sweep(self._folder)
        found = []
        for file in kv_folder.files_of(self._own):
            header = self._header(file.path)
            if header is not None:
                tokens = kv_file.tokens_of(header)
                at = tuple(part.position for part in header.parts[1:])
                found.append(Stored(file.path.stem, tokens, file.n_bytes, file.used_ns / 1e9, at))
        with self._changed:
            self._known = {stored.key: (stored.n_bytes, frozenset(stored.checkpoints)) for stored in found}
            self._do(lambda: self._make_room(0))
        return sorted(found, key=lambda stored: stored.used)

    def read(self, key: str) -> Loaded | None:
        """The prefix, checked; None when it is not there (any more). Counts as a use."""
        with self._changed:
            waiting = self._waiting.get(key)
        if waiting is not None:
            views = {at: memoryview(bytearray(data)) for at, data in waiting.checkpoints.items()}
            return Loaded(waiting.tokens, memoryview(bytearray(waiting.state)), views, None)
        path = self._path(key)
        try:
            loaded = kv_file.read(path, self._identity)
            if kv_file.key_of(loaded.tokens) != key:
                loaded.close()
                raise Unreadable("its name belongs to other tokens")
        except FileNotFoundError:
            self._forget(key)
            return None
        except Unreadable as error:
            self._log(f"KV store: {path.name} is removed: {error}.")
            self.remove(key)
            return None
        except OSError as error:
            self._log(f"KV store: {path.name} cannot be read: {error}.")
            return None
        self.touch(key)
        return loaded

    def put(
        self, tokens: Sequence[int], state: Buffer, checkpoints: Mapping[int, Buffer] | None = None, wait_s: float = 0.0
    ) -> bool:
        """Keep a prefix: written soon, unless the disk does not keep up. The buffers belong to the store from now on
        and must not change any more. False when there was no room in the queue, for ``wait_s`` seconds."""
        checkpoints = dict(checkpoints or {})
        ids = kv_file.as_tokens(tokens)
        key = kv_file.key_of(ids)
        n_bytes = sum(memoryview(data).nbytes for data in (state, *checkpoints.values()))
        with self._changed:
            if key in self._waiting:
                return True
            if not self._changed.wait_for(lambda: self._closing or self._fits(n_bytes), wait_s) or self._closing:
                self._dropped += 1
                dropped = self._dropped
            else:
                waiting = self._waiting[key] = _Waiting(ids, state, checkpoints, n_bytes)
                self._do(lambda: self._write(key, waiting))
                return True
        self._log(f"KV store: the disk does not keep up; {dropped} prefixes were not kept.")
        return False

    def touch(self, key: str) -> None:
        """``key`` was used now."""
        with self._changed:
            self._do(lambda: self._mark_used(key))

    def remove(self, key: str) -> None:
        """Forget ``key``, also where it waits to be written; unknown ones are ignored."""
        self._forget(key)
        with self._changed:
            self._waiting.pop(key, None)
            self._do(lambda: self._unlink(key))

    def stats(self) -> Stats:
        with self._changed:
            waiting = sum(each.n_bytes for each in self._waiting.values())
            n_bytes = sum(size for size, _ in self._known.values())
            return Stats(len(self._known), n_bytes, waiting, self._dropped)

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything handed over is on disk; False when it is not after ``timeout_s`` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._jobs and not self._working, timeout_s)

    def close(self, timeout_s: float) -> None:
        """Write what is waiting, for at most ``timeout_s`` seconds; the rest is dropped."""
        deadline = time.monotonic() + timeout_s
        self.flush(timeout_s)
        with self._changed:
            self._closing = True
            left = len(self._waiting)
            self._jobs.clear()
            self._changed.notify_all()
        if left:
            self._log(f"KV store: {left} prefixes were not written in {timeout_s:g} seconds and are not kept.")
        self._writer.join(max(0.0, deadline - time.monotonic()))

    # ------------------------------------------------------------ the writer's side

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._closing)
                if self._closing:
                    return
                job = self._jobs.popleft()
                self._working = True
            try:
                job()
            except OSError as error:
                self._log(f"KV store: {error}.")
            except Exception as error:  # noqa: BLE001 - a bug here may cost prefixes, never the engine
                self._log(f"KV store: a job failed: {error!r}.")
            with self._changed:
                self._working = False
                self._changed.notify_all()

    def _write(self, key: str, waiting: _Waiting) -> None:
        path = self._path(key)
        try:
            with self._changed:
                if self._waiting.get(key) is not waiting:
                    return  # it was removed
                _, known = self._known.get(key, (0, frozenset[int]()))
            if path.exists() and known.issuperset(waiting.checkpoints):
                self._mark_used(key)
                return
            self._own.mkdir(mode=0o700, parents=True, exist_ok=True)
            size = waiting.n_bytes + len(waiting.tokens) * waiting.tokens.itemsize
            if not self._make_room(size):
                self._log(f"KV store: no room on the disk for {size / 2**20:.0f} MiB; a prefix is not kept.")
                return
            tokens, state, checkpoints = waiting.tokens, waiting.state, waiting.checkpoints
            kv_file.write(path, self._identity, self._model, tokens, state, checkpoints, self._now_ns())
            with self._changed:
                self._known[key] = path.stat().st_size, frozenset(checkpoints)
        except OSError as error:
            self._log(f"KV store: a prefix could not be written: {error}.")
        finally:
            with self._changed:
                if self._waiting.get(key) is waiting:
                    del self._waiting[key]

    def _make_room(self, size: int) -> bool:
        """Whether ``size`` more bytes may be written, the least recently used prefixes of all identities removed."""
        files = sorted(kv_folder.all_files(self._folder), key=lambda file: file.used_ns)
        held = sum(file.n_bytes for file in files)
        if not held + size:
            return True
        self._newest_ns = max(self._newest_ns, files[-1].used_ns) if files else self._newest_ns
        excess = max(held + size - self._budget, size + self._reserve - shutil.disk_usage(self._folder).free)
        if excess > held:
            return False
        for file in files:
            if excess <= 0:
                break
            if kv_folder.unlink(file.path):
                excess -= file.n_bytes
                if file.path.parent == self._own:
                    self._forget(file.path.stem)
        return excess <= 0

    def _unlink(self, key: str) -> None:
        self._forget(key)  # again: it may have been written since
        kv_folder.unlink(self._path(key))

    def _mark_used(self, key: str) -> None:
        now = self._now_ns()
        with contextlib.suppress(FileNotFoundError):
            os.utime(self._path(key), ns=(now, now))

    # ------------------------------------------------------------ small things

    def _now_ns(self) -> int:
        """Later than every use before, whatever the clock says."""
        self._newest_ns = max(time.time_ns(), self._newest_ns + 1_000_000)
        return self._newest_ns

    def _fits(self, n_bytes: int) -> bool:
        held = sum(each.n_bytes for each in self._waiting.values())
        return not held or held + n_bytes <= self._queue_bytes

    def _do(self, job: Callable[[], object]) -> None:
        if not self._closing:
            self._jobs.append(job)
            self._changed.notify_all()

    def _path(self, key: str) -> Path:
        return self._own / f"{key}{kv_file.SUFFIX}"

    def _forget(self, key: str) -> None:
        with self._changed:
            self._known.pop(key, None)

    def _header(self, path: Path) -> Header | None:
        try:
            header = kv_file.read_header(path)
            if header.identity != self._identity or kv_file.key_of(kv_file.tokens_of(header)) != path.stem:
                raise Unreadable("it belongs to another model, other settings or other tokens")
        except FileNotFoundError:
            return None
        except Unreadable as error:
            self._log(f"KV store: {path.name} is removed: {error}.")
            kv_folder.unlink(path)
            return None
        except OSError as error:
            self._log(f"KV store: {path.name} cannot be read: {error}.")
            return None
        return header
