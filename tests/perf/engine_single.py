"""Decode speed of one answer through the public API against llama-bench, and against llama-server in the same run.

    python tests/perf/engine_single.py [--rounds 30] [--tokens 48] [--threads N] [--cache DIR]

Paddock and llama-server stream the same chat over HTTP with the same sampling; llama-bench only decodes. Many short
answers in turns tell more than few long ones where the machine's speed wanders. Prints one JSON object, the ratios with
their standard errors; target: at least 0.93 of llama-bench (aim 0.95) and not below llama-server. Exit code 1: missed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

from bench_model import bench_model
from chat_load import ChatRequest
from comparison import in_turns, median_error, median_ratio, medians, options, report
from reference import bench_decode, build
from servers import Ask, both_servers
from words import chat, words

TARGET, TARGET_SERVER = 0.93, 1.0
CONTEXT = 4096


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--tokens", type=int, default=48)
    parser.set_defaults(rounds=30)
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
    ours, bench_speeds, server_speeds = found["paddock"], found["llama_bench"], found["llama_server"]
    ratio, to_server = median_ratio(ours, bench_speeds), median_ratio(ours, server_speeds)
    figures = {"ratio": ratio, "error": median_error(ours, bench_speeds), "target": TARGET}
    figures |= {"ratio_to_llama_server": to_server, "error_to_llama_server": median_error(ours, server_speeds)}
    figures |= {"target_server": TARGET_SERVER, "llama_server_ratio": median_ratio(server_speeds, bench_speeds)}
    tokens_per_second = medians(found)
    return report(ratio >= TARGET and to_server >= TARGET_SERVER, {**figures, "tokens_per_second": tokens_per_second})


if __name__ == "__main__":
    sys.exit(main())
