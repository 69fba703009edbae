"""What a long prompt does to running answers: the gaps between their tokens over their usual gap.

    python tests/perf/engine_rhythm.py [--rounds 5] [--tokens 4000] [--answers 3] [--threads N] [--cache DIR]

Three answers run; when each has had 40 tokens, a prompt of 4,000 tokens comes in. Counted are the gaps that touch the
time from its request to its first token, over the median gap before it. Prints one JSON object with the median over
the rounds of each round's median and maximum, the worst of all, and the same for llama-server; targets: median at most
3, maximum at most 4. Exit code 1: missed.
"""

from __future__ import annotations

import statistics
import sys
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from chat_load import ChatRequest, Stream
from comparison import in_turns, options, report
from servers import Ask, both_servers
from words import chat, words

TARGET_MEDIAN, TARGET_MAXIMUM = 3.0, 4.0
BEFORE = 40


@dataclass(frozen=True)
class Rhythm:
    """``median`` and ``maximum`` gap while the prompt came in, in usual gaps; seconds for the other two."""

    median: float
    maximum: float
    usual_s: float
    first_token_s: float


def rhythm(answers: list[Stream], long: Stream) -> Rhythm:
    begin, end = long.sent, long.arrivals[0]
    gaps = [(before, after) for answer in answers for before, after in pairwise(answer.arrivals)]
    steady = max(answer.arrivals[0] for answer in answers)
    usual = statistics.median(after - before for before, after in gaps if before >= steady and after <= begin)
    disturbed = [after - before for before, after in gaps if after > begin and before < end]
    return Rhythm(statistics.median(disturbed) / usual, max(disturbed) / usual, usual, long.first_token_s)


def figures_of(rounds: list[Rhythm]) -> dict[str, float]:
    return {
        "median": round(statistics.median(one.median for one in rounds), 2),
        "maximum": round(statistics.median(one.maximum for one in rounds), 2),
        "worst": round(max(one.maximum for one in rounds), 2),
        "usual_gap_ms": round(statistics.median(one.usual_s for one in rounds) * 1000, 1),
        "first_token_s": round(statistics.median(one.first_token_s for one in rounds), 2),
    }


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--tokens", type=int, default=4000, help="of the long prompt")
    parser.add_argument("--answers", type=int, default=3)
    asked = parser.parse_args()

    def run(ask: Ask, number: int) -> Rhythm:
        requests = [
            ChatRequest(chat(words(20, (number, answer)), words(10, answer)), 900, seed=answer, endless=True)
            for answer in range(asked.answers)
        ]
        question = chat(words(10, (number, "system")), words(asked.tokens - 30, number))
        *answers, long = ask([*requests, ChatRequest(question, 4, after_tokens=BEFORE)])
        return rhythm(answers, long)

    slots = asked.answers + 1
    with both_servers(asked, context=slots * (asked.tokens + 1024), parallel=slots) as servers:
        found = in_turns(asked.rounds, {name: partial(run, ask) for name, ask in servers.items()})
    ours, theirs = figures_of(found["paddock"]), figures_of(found["llama_server"])
    met = ours["median"] <= TARGET_MEDIAN and ours["maximum"] <= TARGET_MAXIMUM
    targets = {"target_median": TARGET_MEDIAN, "target_maximum": TARGET_MAXIMUM}
    return report(met, {**ours, **targets, "llama_server": theirs})


if __name__ == "__main__":
    sys.exit(main())
