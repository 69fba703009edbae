"""How soon the bars of the next token follow a slider: ``python tests/perf/next_token_preview.py``.

The real inspector, offscreen, with candidates as an engine tells them of a vocabulary of 152,000 tokens after 2,000
tokens of text. One change: a slider's step, the chain worked out anew, the rows painted. Told are milliseconds of the
GUI thread's processor time, so that other work on the machine does not count. With ``--budget`` it fails when the 99th
percentile of a variant is over 16 ms.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import time

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from PySide6.QtWidgets import QApplication

from paddock.gui.models.next_token import stages
from paddock.gui.pages.inspector import Inspector
from paddock.gui.pages.inspector_preview import Sight
from paddock.gui.theme import Theme
from paddock.sdk.questions import Candidates
from paddock.sdk.types import Options

FRAME_MS = 16.0
VOCABULARY, TOP, RECENT = 152_000, 512, 2_000
EVERYTHING: Options = {
    "repeat_penalty": 1.1, "repeat_last_n": 2_000, "dry_multiplier": 0.8, "dry_penalty_last_n": 2_000,
    "top_n_sigma": 3.0, "typical_p": 0.95, "xtc_probability": 0.5, "dynatemp_range": 0.3,
}  # fmt: skip
VARIANTS: dict[str, Options] = {"as it comes": {}, "every sampler on": EVERYTHING}


def candidates() -> Candidates:
    """Made up, the same each time."""
    draw = np.random.default_rng(7)
    row = draw.normal(0, 2, VOCABULARY)
    row[:40] += draw.uniform(4, 12, 40)
    row = np.sort(row)[::-1]
    groups, counts = np.unique(np.floor(row[TOP:] * 16), return_counts=True)
    words = [f" word{number}" for number in range(TOP)]
    random.seed(3)
    recent = tuple(random.choices(range(TOP), k=RECENT))
    return Candidates(
        tokens=tuple(range(TOP)),
        texts=tuple(words),
        logits=row[:TOP].astype("<f4").tobytes(),
        rest_logits=(groups[::-1] / 16).astype("<f4").tobytes(),
        rest_counts=counts[::-1].astype("<u4").tobytes(),
        recent=recent,
        recent_texts=tuple(words[token] for token in recent),
    )


def measure(app: QApplication, inspector: Inspector, options: Options, changes: int) -> list[float]:
    """Milliseconds of each change."""
    inspector.set_sampling(options)
    slider = inspector.samplers["temperature"].slider  # type: ignore[union-attr]
    taken = []
    for number in range(changes):
        began = time.thread_time()
        slider.setValue(5 + number % 30)
        app.processEvents()
        taken.append((time.thread_time() - began) * 1000)
    return taken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=300)
    parser.add_argument("--budget", action="store_true")
    options = parser.parse_args()
    app = QApplication([])
    Theme().apply(app)
    inspector = Inspector()
    inspector.resize(316, 1400)
    inspector.next_token.set_open(True)
    inspector.show()
    assert inspector.preview is not None
    inspector.preview._answered(Sight(), candidates(), stages)
    app.processEvents()
    failed = False
    for name, given in VARIANTS.items():
        measure(app, inspector, given, 20)
        taken = sorted(measure(app, inspector, given, options.changes))
        late = taken[int(0.99 * len(taken))]
        failed |= late > FRAME_MS
        middle = statistics.median(taken)
        print(f"{name}: median {middle:.1f} ms, 99 % {late:.1f} ms, longest {taken[-1]:.1f} ms")  # noqa: T201  the command's output
    return int(failed and options.budget)


if __name__ == "__main__":
    sys.exit(main())
