"""Paddock as its users serve with it: ``paddock serve --model FILE``, in a data folder of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from paddock.sdk import Client
from paddock.sdk.connect import lock_held
from paddock.sdk.errors import HostUnavailable
from paddock.sdk.paths import Home

_LEAVE_S = 60.0


class PaddockServer:
    """``url`` and ``model`` are what a request needs. ``context`` is for all ``parallel`` sequences together."""

    def __init__(self, home: Path, model: Path, *, context: int, parallel: int, threads: int) -> None:
        self._home = Home(home)
        self.model = str(model.resolve())
        self._command = [sys.executable, "-m", "paddock.sdk.cli.main", "serve", "--model", self.model, "--port", "0"]
        self._command += ["--context", str(context), "--parallel", str(parallel), "--threads", str(threads)]

    def __enter__(self) -> PaddockServer:
        environment = {**os.environ, "PADDOCK_HOME": str(self._home.root), "PADDOCK_STORES": "off"}
        self._process = subprocess.Popen(self._command, env=environment, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            address = re.search(r"(http://\S+)/v1", line)
            if address is not None:
                self.url = address[1]
                return self
        self._end()
        raise RuntimeError(f"“paddock serve” ended with exit code {self._process.returncode}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        """End the host, and with it worker and command, and wait until they have gone."""
        with suppress(HostUnavailable), Client.connect(self._home, start=False) as client:
            client.shutdown("now")
        self._process.communicate()
        end = time.monotonic() + _LEAVE_S
        while lock_held(self._home):
            if time.monotonic() > end:
                raise RuntimeError("Paddock's host does not end")
            time.sleep(0.02)


@contextmanager
def paddock_server(model: Path, *, context: int, parallel: int, threads: int) -> Iterator[PaddockServer]:
    """One with a fresh data folder."""
    with (
        tempfile.TemporaryDirectory(prefix="paddock-perf-", ignore_cleanup_errors=True) as home,
        PaddockServer(Path(home), model, context=context, parallel=parallel, threads=threads) as server,
    ):
        yield server
