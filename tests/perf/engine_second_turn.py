"""The second turn of a long chat: prompt tokens evaluated over prompt tokens that are new.

    python tests/perf/engine_second_turn.py [--rounds 5] [--tokens 3000] [--threads N] [--cache DIR]

The first turn is 3,000 tokens long and gets an answer of 64, which goes back with the second turn as the text it was.
Evaluated is what usage does not call cached; new are the question and the template's words around it, counted on a chat
of two words. Random weights answer with words that rarely turn back into the same tokens, which is the hard case: what
llama-server makes of it is printed too. Prints one JSON object; target: at most 1.05. Exit code 1: missed.
"""

from __future__ import annotations

import statistics
import sys
from functools import partial

from chat_load import ChatRequest, Stream
from comparison import in_turns, options, report
from servers import Ask, both_servers
from words import words

TARGET = 1.05
ANSWER, QUESTION = 64, 100


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--tokens", type=int, default=3000, help="of the first turn")
    asked = parser.parse_args()

    def ratio(send: Ask, number: int) -> float:
        def ask(*messages: dict[str, str], tokens: int = 1) -> Stream:
            return send([ChatRequest(list(messages), tokens, seed=number)])[0]

        first, question = user(words(asked.tokens - 30, number)), user(words(QUESTION, (number, "second")))
        answer = assistant(ask(first, tokens=ANSWER).text)
        second = ask(first, answer, question)
        short = ask(user("Hi"), assistant("yes"), question).prompt_tokens - 1  # "yes" is one token
        new = short - ask(user("Hi")).prompt_tokens
        return (second.prompt_tokens - second.cached_tokens) / new

    with both_servers(asked, context=asked.tokens + 1024, parallel=1) as servers:
        found = in_turns(asked.rounds, {name: partial(ratio, ask) for name, ask in servers.items()})
    worst = max(found["paddock"])
    figures = {"ratio": round(worst, 3), "target": TARGET, "median": round(statistics.median(found["paddock"]), 3)}
    figures["llama_server_ratio"] = round(statistics.median(found["llama_server"]), 3)
    return report(worst <= TARGET, figures)


if __name__ == "__main__":
    sys.exit(main())
