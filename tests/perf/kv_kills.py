"""Kill -9 of worker and host while the KV store is being written: never a wrong answer, never an unreadable store.

    python tests/perf/kv_kills.py [--kills 30] [--seed N]

In a fresh data folder with the bundled starter model. Each round removes some of the kept prompts, asks conversations
whose answers are known from a run without cache and store, has the store written (by an idle engine and by an unload in
turns), and kills the worker or the host (in turns) at a random moment of it. Then every file must be whole, every
answer the known one, and what the killed writer left half-written gone after the next load. Prints one JSON object;
``hit`` counts the kills that came before the unload was over, ``torn`` those that left a file half-written, and
``restored`` the prefixes that later answers took from disk.
Exit code 1: something was wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from paddock.backends.llamacpp import kv_file, kv_folder
from paddock.backends.llamacpp.kv_store import KvStore
from paddock.sdk import Client
from paddock.sdk.connect import lock_held
from paddock.sdk.errors import PaddockError
from paddock.sdk.events import Finished, TextDelta
from paddock.sdk.paths import Home
from paddock.sdk.types import GenerateRequest, Message, Usage

MODEL = "paddock/starter"
CONTEXT = 4096
TURNS = 12
COUNTRIES = ("Kenya", "Norway", "Greece", "Peru")
DEADLINE_S = 30.0
WRITING_S = 5.0
"""An idle engine begins after two."""


@dataclass(frozen=True)
class Known:
    """A prompt with its answer."""

    messages: tuple[Message, ...]
    text: str
    prompt_tokens: int


@dataclass
class Found:
    """What the rounds have shown."""

    asked: int = 0
    hit: int = 0
    torn: int = 0
    files: int = 0
    restored: int = 0


class Wrong(Exception):
    """What must never be; the text says what it was."""


def ask(client: Client, messages: tuple[Message, ...], *, cached: bool = True) -> tuple[str, Usage]:
    request = GenerateRequest(
        id=f"kills-{time.monotonic_ns()}",
        model=MODEL,
        messages=messages,
        max_tokens=32,
        sampling={"temperature": 0.0},
        cache_prompt=cached,
    )
    events = list(client.generate(request))
    if not isinstance(events[-1], Finished):
        raise Wrong(f"a request ended with {events[-1]}")
    return "".join(event.text for event in events if isinstance(event, TextDelta)), events[-1].usage


def talk(number: int) -> tuple[Message, ...]:
    """A conversation of some 250 tokens; every number begins another."""
    source = random.Random(number)
    turns = [f"{source.randrange(1, 20)} + {source.randrange(1, 20)}" for _ in range(TURNS)]
    told = [(f"What is {turn}?", f"{turn} = {sum(map(int, turn.split(' + ')))}.") for turn in turns]
    return tuple(
        Message(role=role, content=text)
        for turn in told
        for role, text in zip(("user", "assistant"), turn, strict=True)
    )


def known_answers(client: Client) -> list[Known]:
    """Conversations with two more turns, each with its answer: short ones, of which the model is sure."""
    client.load(MODEL, {"n_ctx": CONTEXT, "kv_store": False})
    found = []
    for number, country in enumerate(COUNTRIES):
        messages = talk(number)
        for question in (f"What is the capital of {country}?", f"What is 9 + {number + 1}?"):
            messages = (*messages, Message(role="user", content=question))
            text, usage = ask(client, messages, cached=False)
            found.append(Known(messages, text, usage.prompt_tokens))
            messages = (*messages, Message(role="assistant", content=text))
    client.unload(MODEL)
    if len({known.text for known in found}) < len(found):
        raise Wrong(f"the answers do not tell the prompts apart: {[known.text for known in found]}")
    return found


class Kills:
    """The rounds, in the data folder ``home``."""

    def __init__(self, home: Home, seed: int) -> None:
        self._home = home
        self._random = random.Random(seed)
        self._client = Client.connect(home)
        self._known: list[Known] = []
        self.found = Found()

    def learn(self) -> None:
        """Get to know the answers. Raises Wrong."""
        self._known = known_answers(self._client)

    def round(self, *, host: bool, unload: bool) -> None:
        """Ask, have it written, and kill the host or only the worker. Raises Wrong."""
        before = self._files()
        removed = self._random.sample(before, len(before) // 2)
        for path in removed:
            path.unlink()
        self.check_answers()
        [model] = self._client.loaded()
        assert model.pid is not None
        worker, ours = psutil.Process(model.pid), psutil.Process(self._client.handshake().pid)
        kept = set(self._files())
        unloading = threading.Thread(target=self._unload)
        if unload:
            unloading.start()
        written = self._random.randrange(len(removed) or len(COUNTRIES))
        self._wait_for(lambda: self._begun(kept) > written or (unload and not unloading.is_alive()), WRITING_S)
        time.sleep(self._random.uniform(0, 0.01))
        with suppress(ProcessLookupError):
            self.found.hit += not _gone(worker)
            os.kill(ours.pid if host else worker.pid, signal.SIGKILL)
        if not self._wait_for(lambda: _gone(worker) and (not host or (_gone(ours) and not lock_held(self._home)))):
            raise Wrong("what was killed does not end")
        if unload:
            unloading.join()
        self._check_files()
        if host:
            self._client.close()
            self._client = Client.connect(self._home)

    def check_answers(self) -> None:
        """Every answer is the known one, and what the killed writer had begun is gone. Raises Wrong."""
        left = self._temporary()
        self._client.load(MODEL, {"n_ctx": CONTEXT, "n_parallel": 2})
        if still := set(left) & set(self._temporary()):
            raise Wrong(f"half-written files stay: {sorted(map(str, still))}")
        for known in self._known:
            text, usage = ask(self._client, known.messages)
            self.found.asked += 1
            if text != known.text:
                raise Wrong(f"{text!r} in place of {known.text!r}, {usage.cached_tokens} tokens cached")
            if usage.prompt_tokens != known.prompt_tokens or not 0 <= usage.cached_tokens < usage.prompt_tokens:
                raise Wrong(f"{usage} for a prompt of {known.prompt_tokens} tokens")
        [model] = self._client.loaded()
        self.found.restored += model.stats.restored_from_disk if model.stats is not None else 0

    def close(self) -> None:
        with suppress(PaddockError):
            self._client.shutdown("now")
        self._client.close()
        self._wait_for(lambda: not lock_held(self._home))

    def _check_files(self) -> None:
        """Whole files only, and a store that can be read. Raises Wrong."""
        self.found.torn += bool(self._temporary())
        for path in self._files():
            self.found.files += 1
            try:
                identity = kv_file.read_header(path).identity
                kv_file.read(path, identity).close()
            except (kv_file.Unreadable, OSError) as error:
                raise Wrong(f"{path.name}: {error}") from error
        if not self._files() or self._random.random() < 0.5:  # otherwise the next worker has to clean up by itself
            return
        said: list[str] = []
        store = KvStore(self._home.kv, identity, 2**40, said.append, reserve_bytes=0)
        entries = store.entries()
        store.close(DEADLINE_S)
        if said or len(entries) != len(self._files()) or self._temporary():
            raise Wrong(f"{len(entries)} entries, {said}, {self._temporary()}")

    def _begun(self, kept: set[Path]) -> int:
        """Files that are being written or were written beside ``kept``."""
        return len(self._temporary()) + len(set(self._files()) - kept)

    def _files(self) -> list[Path]:
        return sorted(file.path for file in kv_folder.all_files(self._home.kv))

    def _temporary(self) -> list[Path]:
        return list(self._home.kv.rglob(f"*{kv_file.TEMPORARY}"))

    def _unload(self) -> None:
        with suppress(PaddockError):  # what answers it is killed
            self._client.unload(MODEL)

    @staticmethod
    def _wait_for(condition: Callable[[], object], seconds: float = DEADLINE_S) -> bool:
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                return False
            time.sleep(0.001)
        return True


def _gone(process: psutil.Process) -> bool:
    """Whether all its threads have ended: one that waits for the disk outlives the kill, with its files."""
    try:
        zombie = process.is_running() and process.status() == psutil.STATUS_ZOMBIE
        return not process.is_running() or (zombie and process.num_threads() <= 1)
    except psutil.NoSuchProcess:
        return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32), help="of the moments (default: any)")
    asked = parser.parse_args()
    wrong = ""
    with tempfile.TemporaryDirectory(prefix="paddock-kills-", ignore_cleanup_errors=True) as folder:
        kills = Kills(Home(Path(folder)), asked.seed)
        try:
            kills.learn()
            for number in range(asked.kills):
                kills.round(host=number % 2 == 1, unload=number % 4 >= 2)
            kills.check_answers()
        except Wrong as error:
            wrong = str(error)
        finally:
            kills.close()
    found = kills.found
    figures = {"kills": asked.kills, "seed": asked.seed, **vars(found), "wrong": wrong}
    sys.stdout.write(json.dumps(figures) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
