"""What conversations that rest in the context cost an answer that has nothing to do with them.

    python tests/perf/engine_resting.py [--rounds 5] [--chats 12] [--tokens 96] [--threads N] [--cache DIR]

Two Paddock servers with the same model and a context of 8,192 tokens. One has just answered ``--chats`` unrelated chats
of some 250 tokens and was then left alone for a few seconds; the other has answered none but the measured ones. Prints
one JSON object with the median ratio of their decode speeds; target: at least 0.98. Exit code 1: missed.
"""

from __future__ import annotations

import sys
import time
from functools import partial

from bench_model import bench_model
from chat_load import ChatLoad, ChatRequest
from comparison import in_turns, median_ratio, medians, options, report
from paddock_server import PaddockServer, paddock_server
from words import chat, words

TARGET = 0.98
CONTEXT = 8192
REST_S = 4.0
"""Idle for a little longer than the engine waits before it tidies up."""


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--chats", type=int, default=12)
    parser.add_argument("--tokens", type=int, default=96)
    asked = parser.parse_args()
    model, shape = bench_model(asked.cache), {"context": CONTEXT, "parallel": 1, "threads": asked.threads}
    with paddock_server(model, **shape) as full, paddock_server(model, **shape) as empty, ChatLoad() as load:

        def speed(server: PaddockServer, number: int) -> float:
            request = ChatRequest(chat("alone", words(5, number)), asked.tokens, seed=number)
            return load.run(server.url, server.model, [request])[0].tokens_per_second

        def rested(number: int) -> float:
            for one in range(asked.chats):
                prompt = chat(words(100, (number, one)), words(100, one))
                load.run(full.url, full.model, [ChatRequest(prompt, 8, seed=one)])
            time.sleep(REST_S)
            return speed(full, number)

        speed(empty, -1)
        found = in_turns(asked.rounds, {"beside_rest": rested, "alone": partial(speed, empty)})
    ratio = median_ratio(found["beside_rest"], found["alone"])
    return report(ratio >= TARGET, {"ratio": ratio, "target": TARGET, "tokens_per_second": medians(found)})


if __name__ == "__main__":
    sys.exit(main())
