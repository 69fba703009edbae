"""Eight unshared answers at once: tokens per second of all together, against ``llama-server -np 8``.

    python tests/perf/engine_concurrent.py [--rounds 5] [--streams 8] [--tokens 96] [--threads N] [--cache DIR]

All requests come at once, each with a system prompt of its own. Counted are the tokens that arrive from the moment
when every stream has begun until the first one ends: eight running answers, nothing else. ``wall_ratio`` compares the
whole time instead, reading the prompts included. Prints one JSON object; target: at least 0.97 (aim 1.03).
Exit code 1: missed.
"""

from __future__ import annotations

import sys
from functools import partial

from chat_load import ChatRequest, Stream
from comparison import in_turns, median_ratio, medians, options, report
from servers import Ask, both_servers
from words import chat, words

TARGET = 0.97
CONTEXT_EACH = 1024


def decoding(streams: list[Stream]) -> float:
    """Tokens per second of all streams while all of them were writing."""
    begin = max(stream.arrivals[0] for stream in streams)
    end = min(stream.arrivals[-1] for stream in streams)
    arrived = 0.0
    for stream in streams:
        each = stream.completion_tokens / len(stream.arrivals)  # a server may send two tokens as one piece
        arrived += each * sum(begin < at <= end for at in stream.arrivals)
    return arrived / (end - begin)


def whole(streams: list[Stream]) -> float:
    """Tokens per second from the first request to the last token."""
    taken = max(stream.arrivals[-1] for stream in streams) - min(stream.sent for stream in streams)
    return sum(stream.completion_tokens for stream in streams) / taken


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=96)
    asked = parser.parse_args()

    def run(ask: Ask, number: int) -> list[Stream]:
        return ask(
            [
                ChatRequest(chat(words(30, (number, user, "system")), words(30, user)), asked.tokens, seed=user)
                for user in range(asked.streams)
            ]
        )

    with both_servers(asked, context=CONTEXT_EACH * asked.streams, parallel=asked.streams) as servers:
        found = in_turns(asked.rounds, {name: partial(run, ask) for name, ask in servers.items()})
    speeds = {name: [decoding(streams) for streams in rounds] for name, rounds in found.items()}
    wholes = {name: [whole(streams) for streams in rounds] for name, rounds in found.items()}
    ratio = median_ratio(speeds["paddock"], speeds["llama_server"])
    figures = {"ratio": ratio, "target": TARGET}
    figures["wall_ratio"] = median_ratio(wholes["paddock"], wholes["llama_server"])
    return report(ratio >= TARGET, {**figures, "tokens_per_second": medians(speeds), "wall": medians(wholes)})


if __name__ == "__main__":
    sys.exit(main())
