"""The whole program from outside: a real host, real workers, the starter model, in a data folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from held_answers import write_model

from paddock.sdk import Client
from paddock.sdk.paths import Home

sys.path.insert(0, str(Path(__file__).parent))  # what the tests of a desktop share

PADDOCK = str(Path(sys.executable).with_name("paddock"))
STARTER = "paddock/starter"


class Program:
    """One installation under test: its data folder, its command, its host."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self._started: list[subprocess.Popen[str]] = []
        self.env = {**os.environ, "PADDOCK_HOME": str(root), "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}

    def run(self, *arguments: str, stdin: str | None = None, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PADDOCK, *arguments],
            env=self.env,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        started = subprocess.Popen(
            [PADDOCK, *arguments], env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._started.append(started)
        return started

    def client(self, name: str = "sdk") -> Client:
        return Client.connect(self.home, client=name)

    def host_pid(self) -> int:
        pid = json.loads(self.home.host_file.read_text())["pid"]
        assert isinstance(pid, int)
        return pid

    def echo_model(self, name: str, **script: object) -> str:
        """Put a scripted model into the models folder; its id."""
        return write_model(self.home.models, name, script)

    def processes(self) -> list[psutil.Process]:
        """Hosts and workers that use this data folder."""
        found = []
        for process in psutil.process_iter():
            try:
                ours = process.environ().get("PADDOCK_HOME") == str(self.home.root) and process.pid != os.getpid()
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:  # it has just ended, or belongs to somebody else
                continue
        return found

    def close(self) -> None:
        for started in self._started:
            started.kill()
            started.communicate()
        for process in self.processes():
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self.until(lambda: not self.processes(), "all processes of this data folder gone")

    @staticmethod
    def until(condition: Callable[[], object], what: str, seconds: float = 120.0) -> None:
        """Wait until ``condition`` is true of another process; fails naming ``what``."""
        end = time.monotonic() + seconds
        pause = threading.Event()
        while not condition():
            assert time.monotonic() < end, f"waited {seconds:g} s for: {what}"
            pause.wait(0.02)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    installed = Program(tmp_path / "home")
    yield installed
    installed.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One program for all tests of a module that leave it as they found it."""
    installed = Program(tmp_path_factory.mktemp("shared") / "home")
    yield installed
    installed.close()
