"""Decode speed of one answer through the public API against llama-bench, and against llama-server in the same run.

    python tests/perf/engine_single.py [--rounds 5] [--tokens 128] [--threads N] [--cache DIR]

Paddock and llama-server stream the same chat over HTTP with the same sampling; llama-bench only decodes. Prints one
JSON object; target: at least 0.93 of llama-bench (aim 0.95) and not below llama-server. Exit code 1: missed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

from bench_model import bench_model
from chat_load import ChatRequest
from comparison import in_turns, median_ratio, medians, options, report
from reference import bench_decode, build
from servers import Ask, both_servers
from words import chat, words

TARGET, TARGET_SERVER = 0.93, 1.0
CONTEXT = 4096


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--tokens", type=int, default=128)
    asked = parser.parse_args()
    programs, model = build(asked.cache), bench_model(asked.cache)

    def bench(_number: int) -> float:
        return bench_decode(programs, model, threads=asked.threads, tokens=asked.tokens)

    def stream(ask: Ask, number: int) -> float:
        request = ChatRequest(chat(words(20, number), words(20, "question")), asked.tokens, seed=number)
        return ask([request])[0].tokens_per_second

    with both_servers(asked, context=CONTEXT, parallel=1) as servers:
        sides: dict[str, Callable[[int], float]] = {name: partial(stream, ask) for name, ask in servers.items()}
        found = in_turns(asked.rounds, {**sides, "llama_bench": bench})
    ratio = median_ratio(found["paddock"], found["llama_bench"])
    to_server = median_ratio(found["paddock"], found["llama_server"])
    figures = {"ratio": ratio, "target": TARGET, "ratio_to_llama_server": to_server, "target_server": TARGET_SERVER}
    figures |= {"llama_server_ratio": median_ratio(found["llama_server"], found["llama_bench"])}
    tokens_per_second = medians(found)
    return report(ratio >= TARGET and to_server >= TARGET_SERVER, {**figures, "tokens_per_second": tokens_per_second})


if __name__ == "__main__":
    sys.exit(main())
