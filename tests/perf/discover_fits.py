"""Fit badges of a repository: what moves them all when a slider is dragged.

    python tests/perf/discover_fits.py [--rounds N] [--quants N] [--parameters BILLIONS]

A host of its own asks a small hub for a repository of twenty quants (headers of a llama, no weights). Once the header
of one of them is known, ``hub_fits`` with ``quick`` is asked with another context each time, and in turn with it one
quick ``estimate`` of that quant with the same context, the reference: both answer from the header. The same for a
planned computer that only some of the quants fit. Prints medians and 95th percentiles in milliseconds and the median of
the ratios; ends with 1 where badges for all cost more than ``LIMIT`` times as much as one estimate, per quant.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from comparison import median_ratio, report

TESTS = Path(__file__).parents[1]
LIMIT = 0.5
"""Of what a quick estimate takes, for each quant."""
PLANNED = "8GB"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40, help="questions of each kind (default 40)")
    parser.add_argument("--quants", type=int, default=20, help="quants of the repository (default 20)")
    parser.add_argument("--parameters", type=float, default=8, help="billions of the model (default 8)")
    given = parser.parse_args()
    hub_module = _module("hub", TESTS / "unit" / "browser" / "hub.py")
    with tempfile.TemporaryDirectory(prefix="paddock-fits-") as folder, hub_module.LocalHub() as hub:
        environment = {
            "PADDOCK_HOME": str(Path(folder, "home")),
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(Path(folder, "hf")),
            "HF_TOKEN": "",
            "NO_PROXY": "127.0.0.1,localhost",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
        os.environ.update(environment)
        _fill(hub, hub_module, given.quants, round(given.parameters * 10**9))
        return _measure(given.rounds, given.quants)


def _fill(hub: Any, hub_module: ModuleType, count: int, parameters: int) -> None:
    """Quants from 2 to 16 bits per weight; those of one kind differ by nothing but the length of their file."""
    headers = _module("hub_headers", TESTS / "hub_headers.py")
    files = {}
    for number in range(count):
        quant = list(headers.QUANTS)[number % len(headers.QUANTS)]
        _, weights, size = headers.QUANTS[quant]
        length = parameters * size // weights * 3 // 2 + 4096 * number
        name = f"{number}-{quant}.gguf"
        head = headers.HeaderBlob("llama", "Model", parameters, 32768, quant, "", length).head
        files[name] = hub_module.Blob(head, length)
    hub.add("owner/model-GGUF", files)


def _measure(rounds: int, quants: int) -> int:
    from paddock.sdk import Client
    from paddock.sdk.hub import FitsRequest

    with Client.connect(client="bench") as client:
        first = client.hub_fits(FitsRequest(repo="owner/model-GGUF"))
        assert len(first.fits) == quants, first
        known = next(fit.source for fit in first.fits if fit.estimate.source == "simulated")
        figures: dict[str, Any] = {"quants": quants, "rounds": rounds}
        met = True
        for name, on in (("here", ""), ("planned", PLANNED)):

            def fits(number: int, on: str = on) -> object:
                options = {"n_ctx": 1024 + 256 * number}
                return client.hub_fits(FitsRequest(repo="owner/model-GGUF", options=options, on=on, quick=True))

            def estimate(number: int, on: str = on) -> object:
                options = {"n_ctx": 1024 + 256 * number}
                return client.estimate(known, options, on=on, quick=True)

            taken = _in_turns(rounds, fits, estimate)
            ratio = median_ratio(taken["fits"], taken["estimate"])
            met = met and ratio / quants <= LIMIT
            figures[name] = {side: _summary(times) for side, times in taken.items()} | {"ratio": ratio}
        client.shutdown("now")
    return report(met, figures)


def _in_turns(rounds: int, fits: Callable[[int], object], estimate: Callable[[int], object]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"fits": [], "estimate": []}
    for number in range(-2, rounds):  # the first two warm up
        sides = [("fits", fits), ("estimate", estimate)]
        for side, ask in sides if number % 2 else reversed(sides):
            began = time.perf_counter()
            ask(number + 2)
            if number >= 0:
                found[side].append((time.perf_counter() - began) * 1000)
    return found


def _summary(times: list[float]) -> dict[str, float]:
    return {"median_ms": round(statistics.median(times), 1), "p95_ms": round(statistics.quantiles(times, n=20)[-1], 1)}


def _module(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"fits_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.exit(main())
