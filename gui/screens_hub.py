"""The hub of the tests for :mod:`paddock.gui.screens`: a process of its own, there only in a checkout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from paddock.sdk import version

CATALOGUE = Path(version.__file__).resolve().parents[1] / "tests" / "hub_catalogue.py"


class TestHub:
    """Serves about 300 repositories to what is started after it, and furnishes ``folder`` with a person's models."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, str(CATALOGUE), "--furnish", str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        found = re.search(r"HF_ENDPOINT=(\S+)", self._process.stdout.readline())
        if found is None:
            raise OSError(f"{CATALOGUE} did not say where it serves.")
        os.environ |= {
            "HF_ENDPOINT": found[1],
            "NO_PROXY": "127.0.0.1,localhost",
            "HOME": str(folder / "person"),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
        for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "PADDOCK_STORES"):
            os.environ.pop(name, None)

    def set_rate(self, rate: int) -> None:
        """Bytes per second of one connection; 0: as fast as it can."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{rate}\n")
        self._process.stdin.flush()

    def end(self) -> None:
        """From now on it cannot be reached."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
