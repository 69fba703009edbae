"""The library with many files: first index, start with a warm index, a look at an unchanged tree, the list as a client
gets it.

    python tests/perf/library.py [--models 10000] [--tokens 512] [--keep FOLDER]

The models are small GGUF files with a vocabulary of ``--tokens`` and sparse weights, in folders PUBLISHER/REPO of four
quants. The reference of each ratio is ``os.walk`` with one ``stat`` for each file, of the same tree in the same run.
Ends with 1 when the first index takes 20 s or more, the full list of a warm start 0.5 s, a look 2 s, or the list by the
control API 0.15 s.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from paddock.browser.gguf import parse_header
from paddock.browser.library import Library
from paddock.browser.stores import StorePlace
from paddock.sdk.client import Client
from paddock.sdk.paths import Home

TESTS = Path(__file__).parents[1]
QUANTS = ("Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0")
LIMITS = {"first index": 20.0, "warm start": 0.5, "look": 2.0, "list by the control API": 0.15}
WEIGHTS = 3_000_000_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=10_000)
    parser.add_argument("--tokens", type=int, default=512, help="size of each model's vocabulary")
    parser.add_argument("--keep", type=Path, help="folder where the models are made and found again")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = Home(Path(temporary) / "home")
        models = (given.keep or Path(temporary) / "made").absolute()
        made = make(models, given.models, given.tokens)
        print(f"{given.models:,} models, {made:,} bytes of header each")  # noqa: T201
        walk = statistics.median(timed(lambda: walked(models)) for _ in range(5))
        print(f"{'os.walk and stat':<28}{walk:8.3f} s")  # noqa: T201
        took = measure(models, home)
    for name, seconds in took.items():
        within = seconds < LIMITS[name]
        print(f"{name:<28}{seconds:8.3f} s{seconds / walk:8.1f} times{'' if within else '   TOO SLOW'}")  # noqa: T201
    return int(any(seconds >= LIMITS[name] for name, seconds in took.items()))


def measure(models: Path, home: Home) -> dict[str, float]:
    home.root.mkdir()
    made: list[Library] = []

    def start() -> None:
        made.append(Library([StorePlace(models, "folder", "made")], {".gguf": "llamacpp"}, home.library_file))
        if not made[-1].is_read:
            made[-1].refresh()
        assert made[-1].models()

    took = {"first index": timed(start)}
    made[-1].close()
    took["warm start"] = statistics.median(timed(start) for _ in range(3))
    took["look"] = statistics.median(timed(lambda: made[-1].refresh()) for _ in range(3))
    for library in made:
        library.close()
    return took | {"list by the control API": by_the_api(models, home)}


def by_the_api(models: Path, home: Home) -> float:
    """A host's answer, JSON on both sides included."""
    (home.root / "settings.toml").write_text(f"model_folders = ['{models}']\n")
    environment = os.environ | {"PADDOCK_HOME": str(home.root), "PADDOCK_STORES": "off"}
    host = subprocess.Popen([sys.executable, "-m", "paddock.server"], env=environment, stdout=subprocess.PIPE)
    try:
        assert host.stdout is not None
        assert host.stdout.readline() == b"ready\n"
        with Client.connect(home, client="cli", start=False) as client:
            client.refresh_models()
            return statistics.median(timed(client.models) for _ in range(7))
    finally:
        host.terminate()
        host.wait(30)


def make(folder: Path, count: int, tokens: int) -> int:
    """Bytes of one header."""
    writer = gguf_file()
    metadata = writer.llama_metadata() | {
        "tokenizer.ggml.tokens": (writer.ARRAY, (writer.STRING, [f"token{number}" for number in range(tokens)])),
        "tokenizer.ggml.scores": (writer.ARRAY, (writer.F32, [0.0] * tokens)),
        "tokenizer.ggml.token_type": (writer.ARRAY, (writer.I32, [1] * tokens)),
    }
    whole = writer.Writer().file(metadata, writer.llama_tensors())
    head = whole[: parse_header(io.BytesIO(whole), len(whole), "made").data_start]
    for number in range(count):
        path = (
            folder
            / f"publisher{number // 400}"
            / f"model-{number // 4}-GGUF"
            / f"model-{number // 4}-{QUANTS[number % 4]}.gguf"
        )
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(head)
        os.truncate(path, WEIGHTS + number * 4096)
    return len(head)


def walked(folder: Path) -> None:
    for root, _, names in os.walk(folder):
        for name in names:
            os.stat(os.path.join(root, name))


def timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def gguf_file() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gguf_file", TESTS / "unit" / "browser" / "gguf_file.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.exit(main())
