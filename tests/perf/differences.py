"""How long two answers of 10,000 words take to be compared, words and places; it happens off the GUI thread.

    python tests/perf/differences.py [--words 10000]

Prints one JSON object: milliseconds of processor time (the best of five) where 5 % of the words are others, and for
unrelated texts.
"""

from __future__ import annotations

import argparse
import json
import random
import time

from paddock.gui.models.differences import Answer, difference

VOCABULARY = 2_000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--words", type=int, default=10_000)
    count: int = parser.parse_args().words
    source = random.Random(6)
    words = [f"w{number}" for number in range(VOCABULARY)]
    common = [1 / number for number in range(1, VOCABULARY + 1)]  # as in a language, few words make most of a text
    one = source.choices(words, common, k=count)
    edited = [word if source.random() > 0.05 else source.choice(words) for word in one]
    other = source.choices(words, common, k=count)
    took = {"edited_ms": best(one, edited), "unrelated_ms": best(one, other)}
    print(json.dumps({"words": count, **took}))  # noqa: T201  the command's output


def best(one: list[str], other: list[str]) -> float:
    left, right = (Answer(text, text) for text in (" ".join(one), " ".join(other)))
    found = []
    for _ in range(5):
        began = time.process_time()
        difference(left, right)
        found.append((time.process_time() - began) * 1000)
    return round(min(found), 1)


if __name__ == "__main__":
    main()
