"""The first token behind a known prefix after a restart of worker and host, over the prefix's cold prefill.

    python tests/perf/engine_restart.py [--rounds 5] [--tokens 2000] [--cold-file-cache] [--new-question] [--warm-up]

Each round, in a fresh data folder: the prompt is sent for the first time (the cold prefill), Paddock is shut down,
started again on the same folder and asked the same. ``--cold-file-cache`` also drops the store's files from the
system's file cache (Linux). ``--new-question`` asks another question behind the same system prompt, whose own tokens
have to be evaluated. ``--warm-up`` sends a few unrelated words before both measurements: the first decode after a load
touches all weights. Both times are those from the request to its first token. Prints one JSON object; target: at most
0.015, with a cold file cache 0.03. Exit code 1: missed.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from pathlib import Path

from bench_model import bench_model
from chat_load import ChatLoad, ChatRequest, Stream
from comparison import median_ratio, options, report
from paddock_server import PaddockServer
from words import chat, words

from paddock.sdk.paths import Home

TARGET, TARGET_COLD = 0.015, 0.03


def drop_from_file_cache(folder: Path) -> None:
    """Forget the folder's files, after they have reached the disk. Raises RuntimeError when there are none."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    if not files:
        raise RuntimeError(f"Nothing was stored in {folder}")
    for file in files:
        descriptor = os.open(file, os.O_RDWR)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--tokens", type=int, default=2000, help="of the prefix")
    parser.add_argument("--cold-file-cache", action="store_true")
    parser.add_argument("--new-question", action="store_true")
    parser.add_argument("--warm-up", action="store_true")
    asked = parser.parse_args()
    model = bench_model(asked.cache)
    model.read_bytes()  # the weights are in the file cache in every round
    shape = {"context": asked.tokens + 1024, "parallel": 2, "threads": asked.threads}

    def first_token(load: ChatLoad, home: Path, system: str, question: str) -> Stream:
        with PaddockServer(home, model, **shape) as paddock:
            if asked.warm_up:
                load.run(paddock.url, paddock.model, [ChatRequest(chat("warm-up", "warm-up"), 2)])
            return load.run(paddock.url, paddock.model, [ChatRequest(chat(system, question), 2, seed=1)])[0]

    cold: list[Stream] = []
    known: list[Stream] = []
    with ChatLoad() as load:
        for number in range(asked.rounds):
            with tempfile.TemporaryDirectory(dir=asked.cache, ignore_cleanup_errors=True) as folder:  # no tmpfs
                home, system = Path(folder), words(asked.tokens - 25, number)
                cold.append(first_token(load, home, system, "Go on"))
                if asked.cold_file_cache:
                    drop_from_file_cache(Home(home).kv)
                known.append(first_token(load, home, system, "Stop now" if asked.new_question else "Go on"))
    cold_s, known_s = ([stream.first_token_s for stream in streams] for streams in (cold, known))
    ratio = median_ratio(known_s, cold_s)
    target = TARGET_COLD if asked.cold_file_cache else TARGET
    figures = {"ratio": ratio, "target": target, "cold_prefill_s": round(statistics.median(cold_s), 3)}
    figures |= {"first_token_s": round(statistics.median(known_s), 4), "prompt_tokens": known[0].prompt_tokens}
    figures["evaluated_tokens"] = known[0].prompt_tokens - known[0].cached_tokens
    return report(ratio <= target, figures)


if __name__ == "__main__":
    sys.exit(main())
