"""Downloads through kills and faults: every file right in the end, and hardly a byte fetched twice.

    python tests/perf/download_faults.py [--rounds 30] [--megabytes 300] [--rate 60] [--seed N] [--kinds kill,flip]

A hub on this machine serves a model in three shards, with ``--rate`` MB/s, to a real host in a fresh data folder. Each
round gets it once and meets one fault at a random moment: the host is killed with SIGKILL (it goes on when the next
client starts it), a connection falls silent, answers break off, a byte arrives flipped, the disk is full (a small
tmpfs; only where this user may mount one), the hub answers 429 and 503, or lets its signed addresses expire. Then the
three files must have the right SHA-256 and be all that there is. At last, names that lead elsewhere must be refused.

Prints one JSON object; ``twice`` is what the hub sent beyond the size of the model, as a share of it, in total and for
each kind of fault. A flipped byte is found by the checksum of the whole file, so that file is fetched again up to it.
Exit code 1: something was wrong, or more than 5 % was fetched twice.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

from paddock.sdk import Client
from paddock.sdk.connect import lock_held, stop_host
from paddock.sdk.downloads import Download
from paddock.sdk.errors import ModelUnusable
from paddock.sdk.paths import Home

KINDS = ("kill", "flip", "kill", "cut", "kill", "status", "kill", "stall", "kill", "full")
"""In the order of the rounds, again and again."""
NAMES = (
    "../../x-Q4_K_M.gguf", "/tmp/x-Q4_K_M.gguf", "a/../../x-Q4_K_M.gguf", "C:\\x-Q4_K_M.gguf", "..\\x-Q4_K_M.gguf",
    "CON.Q4_K_M.gguf", "nul.Q4_K_M.gguf", "x" * 300 + "-Q4_K_M.gguf", "~/x-Q4_K_M.gguf", ".x-Q4_K_M.gguf",
)  # fmt: skip
HUB = Path(__file__).parents[1] / "unit" / "browser" / "hub.py"
DEADLINE_S = 120.0
MOST_TWICE = 0.05
PIECE = 16 * 2**20
"""Bytes of one request."""
MARGIN = 256 * 2**20
"""What a download leaves free on the disk."""


def hub_module() -> Any:
    spec = importlib.util.spec_from_file_location("download_faults_hub", HUB)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


class SmallDisk:
    """A disk under the models folder with little more room than one model needs; ``there`` where it could be had."""

    def __init__(self, folder: Path, size: int) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._ballast = folder / ".ballast"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=False, capture_output=True
        )
        self.there = done.returncode == 0

    def fill(self) -> None:
        status = os.statvfs(self._folder)
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, (status.f_bavail - 16) * status.f_frsize)

    def empty(self) -> None:
        self._ballast.unlink()

    def close(self) -> None:
        if self.there:
            subprocess.run(["umount", "-l", str(self._folder)], check=False)


class Rounds:
    """Gets one model again and again."""

    def __init__(self, root: Path, hub: Any, megabytes: int, seed: int) -> None:
        self._random = random.Random(seed)
        self._hub = hub
        self.home = Home(root / "home")
        self._root = root
        size = megabytes * 10**6 // 3
        self.files = {f"m-Q4_K_M-{n:05}-of-00003.gguf": self._random.randbytes(size + n) for n in (1, 2, 3)}
        self.right = {name: hashlib.sha256(data).hexdigest() for name, data in self.files.items()}
        self.size = sum(map(len, self.files.values()))
        self.disk = SmallDisk(self.home.models, self.size + MARGIN + 64 * 2**20)
        self.problems: list[str] = []
        self._repo = ""

    def run(self, number: int, kind: str) -> int:
        """Bytes that were sent beyond the model's size."""
        self._repo = f"owner/round-{number}"
        self._hub.add(self._repo, self.files)
        before = self._hub.sent
        self._arm(kind)
        with Client.connect(self.home) as client:
            client.download(self._repo)
            if kind == "full":
                self._settle(client, "paused")
                self.disk.empty()
                client.resume_download(f"{self._repo}:Q4_K_M")
            if kind == "kill":
                self._kill(before)
        with Client.connect(self.home) as client:
            self._settle(client, "done")
            self._look(client, f"round {number} ({kind})")
        return int(self._hub.sent - before - self.size)

    def _arm(self, kind: str) -> None:
        faults, some = self._hub.faults, self._random
        faults.flips, faults.cuts, faults.stalls, faults.statuses = [], [], [], []  # what the last round left over
        shard = len(next(iter(self.files.values())))
        piece = min(PIECE, shard)
        quiet = [-1] * some.randrange(min(8, len(self.files) * -(-shard // PIECE)))
        match kind:
            case "flip":
                faults.flips = [*quiet, some.randrange(piece // 2)]
            case "cut":
                faults.cuts = [10**9] * len(quiet) + [some.randrange(piece) for _ in range(4)]
            case "stall":
                faults.stalls = [*quiet, some.randrange(piece // 2)]
            case "status":
                wait = (429, {"Retry-After": "1"})
                faults.statuses = [(200, {})] * len(quiet) + [wait, (503, {}), (403, {}), (200, {}), wait]
            case "full":
                self.disk.fill()

    def _kill(self, before: int) -> None:
        """At a random moment, which may be that of the checksums or of the arrival."""
        until = before + self._random.uniform(0.02, 1.0) * self.size
        self._wait(lambda: self._hub.sent >= until)
        time.sleep(self._random.uniform(0, 0.3))
        pid = json.loads(self.home.host_file.read_text())["pid"]
        os.kill(pid, signal.SIGKILL)
        self._wait(lambda: not lock_held(self.home))

    def _settle(self, client: Client, state: str) -> Download:
        found: list[Download] = []

        def settled() -> bool:
            found[:] = [each for each in client.downloads() if each.repo == self._repo]
            return bool(found) and found[0].state not in ("queued", "running")

        self._wait(settled)
        if found[0].state != state:
            self.problems.append(f"{self._repo} is {found[0].state}, not {state}: {found[0].error}")
        return found[0]

    def _wait(self, wanted: Any) -> None:
        end = time.monotonic() + DEADLINE_S
        while not wanted():
            if time.monotonic() > end:
                raise TimeoutError(f"{self._repo}: nothing more happens")
            threading.Event().wait(0.02)

    def _look(self, client: Client, where: str) -> None:
        """Everything that there is must be the three files, right. They are removed."""
        found = {}
        for path in self.home.models.rglob("*"):
            if path.is_file():
                found[str(path.relative_to(self.home.models))] = hashlib.sha256(path.read_bytes()).hexdigest()
                path.unlink()
        expected = {f"{self._repo}/{name}": digest for name, digest in self.right.items()}
        if found != expected:
            self.problems.append(f"{where}: {sorted(found)} are there, or have another content")
        client.cancel_download(f"{self._repo}:Q4_K_M")
        if [path.name for path in self._root.iterdir()] != ["home"]:
            self.problems.append(f"{where}: something lies beside the data folder")

    def refuse(self) -> int:
        """How many names were refused, as all must be."""
        refused = 0
        with Client.connect(self.home) as client:
            for number, name in enumerate(NAMES):
                self._hub.add(f"owner/name-{number}", {name: b"x"})
                with suppress(ModelUnusable):
                    client.download(f"owner/name-{number}")
                    self.problems.append(f"{name!r} was taken")
                    continue
                refused += 1
            if client.downloads() or any(path.is_file() for path in self.home.models.rglob("*")):
                self.problems.append("a name that was refused left something")
        return refused

    def close(self) -> None:
        stop_host("now", self.home)
        self.disk.close()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--rate", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--kinds", default=",".join(KINDS))
    chosen = parser.parse_args()
    sent: defaultdict[str, list[int]] = defaultdict(list)
    began = time.monotonic()
    with hub_module().LocalHub() as hub, tempfile.TemporaryDirectory(prefix="paddock-downloads-") as folder:
        os.environ |= {"HF_ENDPOINT": hub.url, "NO_PROXY": "127.0.0.1,localhost"}
        os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
        for name in ("HF_TOKEN", "HF_HUB_OFFLINE"):
            os.environ.pop(name, None)
        hub.faults.rate = int(chosen.rate * 1e6 / 4)
        rounds = Rounds(Path(folder), hub, chosen.megabytes, chosen.seed)
        try:
            kinds = [kind for kind in chosen.kinds.split(",") if kind != "full" or rounds.disk.there]
            for number in range(chosen.rounds):
                kind = kinds[number % len(kinds)]
                sent[kind].append(rounds.run(number, kind))
            refused = rounds.refuse()
        finally:
            rounds.close()
    many = sum(map(len, sent.values()))
    twice = sum(map(sum, sent.values())) / (many * rounds.size)
    result = {
        "rounds": many,
        "bytes": rounds.size,
        "twice": round(twice, 4),
        "twice_by_kind": {kind: round(sum(each) / (len(each) * rounds.size), 4) for kind, each in sent.items()},
        "rounds_by_kind": {kind: len(each) for kind, each in sent.items()},
        "names_refused": refused,
        "seconds": round(time.monotonic() - began),
        "seed": chosen.seed,
        "problems": rounds.problems,
    }
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 1 if rounds.problems or twice > MOST_TWICE else 0


if __name__ == "__main__":
    sys.exit(main())
