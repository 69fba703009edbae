"""What conversations that rest in the context cost an answer that has nothing to do with them.

    python tests/perf/engine_resting.py [--rounds 5] [--chats 6] [--tokens 64] [--threads N] [--cache DIR]

Two Paddock servers with the same model and a context of 8,192 tokens. One has just been asked ``--chats`` unrelated
chats of some 900 tokens, every other of them behind the same system prompt, the other only what is measured: the decode
speed of an answer to another prompt. Prints one JSON object with the median ratio of the speeds; target: at least 0.96.
Exit code 1: missed.
"""

from __future__ import annotations

import statistics
import sys
from itertools import pairwise

from bench_model import bench_model
from chat_load import ChatLoad, ChatRequest
from comparison import in_turns, median_ratio, medians, options, report
from paddock_server import PaddockServer, paddock_server
from words import chat, words

TARGET = 0.96
CONTEXT = 8192
SYSTEM = "alone"


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--chats", type=int, default=6)
    parser.add_argument("--tokens", type=int, default=64)
    asked = parser.parse_args()
    model, shape = bench_model(asked.cache), {"context": CONTEXT, "parallel": 1, "threads": asked.threads}
    systems = [SYSTEM if one % 2 else words(400, ("system", one)) for one in range(asked.chats)]
    chats = [ChatRequest(chat(system, words(800 - len(system.split()), one)), 2) for one, system in enumerate(systems)]
    with paddock_server(model, **shape) as beside, paddock_server(model, **shape) as alone, ChatLoad() as load:

        def speed(server: PaddockServer, number: int) -> float:
            """Tokens per second by the median gap: what another program takes for a moment does not count."""
            request = ChatRequest(chat(SYSTEM, words(5, number)), asked.tokens, seed=number)
            arrivals = load.run(server.url, server.model, [request])[0].arrivals
            return 1 / statistics.median(later - sooner for sooner, later in pairwise(arrivals))

        def beside_rest(number: int) -> float:
            for request in chats:
                load.run(beside.url, beside.model, [request])
            return speed(beside, number)

        beside_rest(-1)
        speed(alone, -1)
        found = in_turns(asked.rounds, {"beside_rest": beside_rest, "alone": lambda number: speed(alone, number)})
    ratio = median_ratio(found["beside_rest"], found["alone"])
    return report(ratio >= TARGET, {"ratio": ratio, "target": TARGET, "tokens_per_second": medians(found)})


if __name__ == "__main__":
    sys.exit(main())
