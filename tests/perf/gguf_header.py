"""How long the header of a model takes to read: ``python tests/perf/gguf_header.py [FILE.gguf]``.

Without a file the largest vocabulary is made that models are published with: 262,144 tokens with scores, types and
515,000 merges, 16 MB of header. Prints the median of several reads beside a bare read of the same bytes, and beside
``gguf.GGUFReader`` where that package is installed; then what fetching it in ranges costs, from a server in this
process. With ``--budget S`` it fails when reading takes longer.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from paddock.browser.gguf import Header, read_header
from paddock.browser.hub import Hub
from paddock.browser.remote import fetch_headers

HELPERS = Path(__file__).parents[1] / "unit" / "browser"


def helper(name: str) -> ModuleType:
    """One of the modules that the unit tests share."""
    spec = importlib.util.spec_from_file_location(f"browser_{name}", HELPERS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def fetching(path: Path, header: Header, folder: Path) -> str:
    hub_module = helper("hub")
    with path.open("rb") as file:
        blob = hub_module.Blob(file.read(header.data_start), path.stat().st_size)
    with hub_module.LocalHub() as hub:
        hub.add("owner/repo", {"model-Q4_K_M.gguf": blob})
        began = time.perf_counter()
        found = asyncio.run(fetch_headers("owner/repo", folder, hub=Hub(hub.url)))
        took = time.perf_counter() - began
        asked = len([seen for seen in hub.seen if seen.range])
        return f"fetched       {found.fetched_bytes / 1e6:8.2f} MB in {asked} requests and {took:.2f} s"


def seconds(work: Callable[[], object], times: int) -> float:
    """The median of the processor's time."""
    taken = []
    for _ in range(times):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--times", type=int, default=7)
    parser.add_argument("--budget", type=float, default=0.0, help="seconds")
    asked = parser.parse_args()
    os.environ["NO_PROXY"] = "127.0.0.1,localhost"
    with tempfile.TemporaryDirectory() as folder:
        path = asked.file or Path(folder) / "large.gguf"
        if asked.file is None:
            g = helper("gguf_file")
            path.write_bytes(g.Writer().file(g.large_vocabulary(), g.llama_tensors()))
        header = read_header(path)

        def bare() -> None:
            with path.open("rb") as file:
                file.read(header.data_start)

        tokens = header.counts.get("tokenizer.ggml.tokens", 0)
        read = seconds(lambda: read_header(path), asked.times)
        lines = [
            f"header        {header.data_start / 1e6:8.2f} MB, {tokens:,} tokens, {len(header.tensors)} tensors",
            f"bare read     {seconds(bare, asked.times) * 1000:8.1f} ms",
            f"read_header   {read * 1000:8.1f} ms",
        ]
        if importlib.util.find_spec("gguf"):
            from gguf import GGUFReader

            lines.append(f"GGUFReader    {seconds(lambda: GGUFReader(path), 1) * 1000:8.1f} ms")
        lines.append(fetching(path, header, Path(folder) / "headers"))
        sys.stdout.write("\n".join(lines) + "\n")
    return 1 if asked.budget and read > asked.budget else 0


if __name__ == "__main__":
    sys.exit(main())
