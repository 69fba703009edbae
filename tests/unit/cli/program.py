"""The command as a program of its own, against the real host and scripted echo models."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from held_answers import write_model

from paddock.sdk.client import Client
from paddock.sdk.paths import Home

TEXT = "one two three four five"


class Program:
    """The command with a data folder of its own."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.env = {**os.environ, "PADDOCK_HOME": str(root), "COLUMNS": "120"}
        self.command = [sys.executable, "-m", "paddock.sdk.cli.main"]
        for name, script in {
            "quick": {"text": TEXT, "tokens_per_second": 1000, "reasoning": "Let me see."},
            "slow": {"text": "word " * 2000, "hold": {"after_tokens": 30}},
            "broken": {
                "fail_load": {
                    "code": "load_failed",
                    "message": "The weights are damaged.",
                    "hint": "Download it again.",
                }
            },
        }.items():
            write_model(self.home.models, name, script)

    def run(self, *arguments: str, stdin: str | None = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command, *arguments],
            env=self.env,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.command, *arguments],
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def client(self) -> Client:
        return Client.connect(self.home)


def until(condition: Callable[[], object], what: str, seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end, f"waited {seconds:g} s for {what}"
        pause.wait(0.02)
