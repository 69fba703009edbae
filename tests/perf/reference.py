"""llama-server and llama-bench of exactly the llama.cpp that the installed engine was built from.

Built once into the cache folder as the installed engine is (Release, llama.cpp's own defaults), without web pages, TLS
or anything that would be fetched. Needs CMake, Ninja and a C++ compiler. On Linux the programs then run on the
installed engine's own libraries, so that the same machine code computes on both sides.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType

from bench_model import source

_OFF = ("LLAMA_OPENSSL", "LLAMA_BUILD_TESTS", "LLAMA_BUILD_EXAMPLES", "LLAMA_BUILD_APP", "LLAMA_BUILD_UI",
        "LLAMA_USE_PREBUILT_UI")  # fmt: skip
_TARGETS = ("llama-server", "llama-bench")
_START_S = 60.0


def build(cache: Path) -> Path:
    """The folder of the programs, built at the first call (10 minutes on two cores)."""
    sources = source(cache)
    build_folder = sources.parents[1] / "build"
    programs = build_folder / "bin"
    if not all((programs / name).exists() for name in _TARGETS):
        off = [f"-D{name}=OFF" for name in _OFF]
        nice = ["nice"] if shutil.which("nice") else []
        configure = ["cmake", "-S", str(sources), "-B", str(build_folder), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release"]
        make = ["cmake", "--build", str(build_folder), "--parallel", "2", "--target", *_TARGETS]
        subprocess.run([*configure, *off], check=True, stdout=sys.stderr)
        subprocess.run([*nice, *make], check=True, stdout=sys.stderr)
    return programs


def _environment() -> dict[str, str]:
    spec = importlib.util.find_spec("llama_cpp")
    assert spec is not None
    assert spec.origin is not None
    return {**os.environ, "LD_LIBRARY_PATH": str(Path(spec.origin).parent / "lib")}


def bench_decode(programs: Path, model: Path, *, threads: int, tokens: int) -> float:
    """Decode speed as llama-bench prints it, in tokens per second: ``tokens`` decode calls from an empty context,
    without sampling."""
    command = [str(programs / "llama-bench"), "-m", str(model), "-p", "0", "-n", str(tokens), "-t", str(threads)]
    command += ["-r", "1", "-o", "json"]
    done = subprocess.run(command, env=_environment(), check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout)[0]["avg_ts"])


class LlamaServer:
    """A llama-server with its own defaults but for what both sides share: ``context`` tokens for all slots together.

    ``url`` and ``model`` are what a request needs.
    """

    model = "bench"

    def __init__(self, programs: Path, model: Path, *, context: int, parallel: int, threads: int) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._command = [str(programs / "llama-server"), "-m", str(model), "--host", "127.0.0.1", "--port", str(port)]
        self._command += ["-c", str(context), "-np", str(parallel), "-t", str(threads), "-tb", str(threads)]

    def __enter__(self) -> LlamaServer:
        self._log = tempfile.TemporaryFile("w+", errors="replace")
        self._process = subprocess.Popen(self._command, env=_environment(), stdout=self._log, stderr=subprocess.STDOUT)
        end = time.monotonic() + _START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                self.__exit__(None, None, None)
                raise RuntimeError(f"llama-server did not start: {self._tail}")
            time.sleep(0.05)
        return self

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()
        self._log.seek(0)
        self._tail = self._log.read()[-2000:]
        self._log.close()
