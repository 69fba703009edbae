"""What all engine benchmarks share: their options, measuring in turns, and the one JSON object they print."""

from __future__ import annotations

import argparse
import json
import math
import signal
import statistics
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from bench_model import default_cache

T = TypeVar("T")


def options(description: str | None) -> argparse.ArgumentParser:
    """A parser with ``--rounds``, ``--threads`` and ``--cache``; a terminated benchmark ends its servers too."""
    from paddock.backends.llamacpp.machine import physical_cores

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each side (default 5)")
    parser.add_argument("--threads", type=int, default=physical_cores(), help="of each side (default: physical cores)")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="folder for sources, builds and the model")
    return parser


def in_turns(rounds: int, sides: Mapping[str, Callable[[int], T]]) -> dict[str, list[T]]:
    """Every side measured once a round, in an order that turns round by round; each gets the round's number."""
    found: dict[str, list[T]] = {name: [] for name in sides}
    names = list(sides)
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            found[name].append(sides[name](number))
    return found


def medians(found: Mapping[str, list[float]], digits: int = 2) -> dict[str, float]:
    return {name: round(statistics.median(values), digits) for name, values in found.items()}


def median_ratio(above: list[float], below: list[float]) -> float:
    """The median of the ratios within each round: what slows a whole round down does not count."""
    return round(statistics.median(a / b for a, b in zip(above, below, strict=True)), 4)


def median_error(above: list[float], below: list[float]) -> float:
    """The standard error of :func:`median_ratio`, from the rounds' median deviation: 0.0 for one round."""
    ratios = [a / b for a, b in zip(above, below, strict=True)]
    middle = statistics.median(ratios)
    deviation = 1.4826 * statistics.median(abs(ratio - middle) for ratio in ratios)  # of a normal distribution
    return round(1.2533 * deviation / math.sqrt(len(ratios)), 4)


def report(met: bool, figures: Mapping[str, object]) -> int:
    """Print the result; the exit code, 1 when a target is missed."""
    sys.stdout.write(json.dumps({**figures, "met": met}) + "\n")
    return 0 if met else 1
