"""What the KV store costs beside llama.cpp: ``python tests/perf/kv_disk.py [--mib 24] [--runs 9]``.

Medians of writing a state (until it is on the disk), and of reading it with its checksum, from the file cache and, on
Linux, after the file was dropped from it; beside them the checksums of the standard library over the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from paddock.backends.llamacpp.kv_store import KvStore

MIB = 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mib", type=int, default=24, help="size of the state; 2,000 tokens of a 0.5B model take 24")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument(
        "--folder", type=Path, help="where to write; by default the system's folder for temporary files"
    )
    given = parser.parse_args()
    state = os.urandom(given.mib * MIB)
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        store = KvStore(folder, "0" * 64, 2**40, print, reserve_bytes=0)

        def write() -> None:
            store.put(range(write_number[0]), state)
            store.flush(60)
            write_number[0] += 1

        def read() -> None:
            loaded = store.read(key)
            assert loaded is not None
            loaded.close()

        def forget() -> None:
            descriptor = os.open(folder / ("0" * 32) / f"{key}.kv", os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)

        write_number = [2000]
        report("write", write, given)
        key = store.entries()[0].key
        report("read, cached", read, given)
        if hasattr(os, "posix_fadvise"):
            report("read, cold", read, given, before=forget)
        for label, check in (("crc32", zlib.crc32), ("adler32", zlib.adler32), ("sha256", hashlib.sha256)):
            report(label, lambda check=check: check(state), given)  # type: ignore[misc]
        store.close(60)


def report(
    label: str, work: Callable[[], object], given: argparse.Namespace, before: Callable[[], None] | None = None
) -> None:
    times = []
    for _ in range(given.runs):
        if before is not None:
            before()
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    median = statistics.median(times)
    rate = given.mib * MIB / median / 1e9
    sys.stdout.write(f"{label:>14}: {median * 1e3:7.1f} ms for {given.mib} MiB ({rate:.1f} GB/s)\n")


if __name__ == "__main__":
    main()
