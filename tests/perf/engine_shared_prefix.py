"""Eight users behind one system prompt that nobody has sent before, against ``llama-server -np 8``.

    python tests/perf/engine_shared_prefix.py [--rounds 5] [--users 8] [--words 600] [--threads N] [--cache DIR]

All ask at once, each another question, and get 16 tokens; measured is the time from the first request to the last
token. Prints one JSON object; target: at most a quarter of llama-server's time. Exit code 1: missed.
"""

from __future__ import annotations

import sys
from functools import partial

from chat_load import ChatRequest
from comparison import in_turns, median_ratio, medians, options, report
from servers import Ask, both_servers
from words import chat, words

TARGET = 0.25
TOKENS = 16


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--users", type=int, default=8)
    parser.add_argument("--words", type=int, default=600, help="of the system prompt")
    asked = parser.parse_args()

    def seconds(ask: Ask, number: int) -> float:
        system = words(asked.words, (number, "system"))
        users = range(asked.users)
        streams = ask([ChatRequest(chat(system, words(12, (number, user))), TOKENS, seed=user) for user in users])
        return max(stream.arrivals[-1] for stream in streams) - min(stream.sent for stream in streams)

    with both_servers(asked, context=asked.users * (asked.words + 400), parallel=asked.users) as servers:
        found = in_turns(asked.rounds, {name: partial(seconds, ask) for name, ask in servers.items()})
    ratio = median_ratio(found["paddock"], found["llama_server"])
    return report(ratio <= TARGET, {"ratio": ratio, "target": TARGET, "seconds": medians(found)})


if __name__ == "__main__":
    sys.exit(main())
