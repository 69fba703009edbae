"""How long the GUI thread is deaf while 2,000 results of the Discover page are scrolled.

    python tests/perf/discover_scroll.py [--rows 2000] [--seconds 10]     target: no stall over 50 ms

Pages of 100 come while the list is scrolled by turns of the wheel; once a second the scroll bar jumps to anywhere.
Lateness is that of a precise 4 ms timer; the same timer idle is the control. Exit code 1: a stall over 50 ms that is
also over the worst of the idle control.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import sys

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication
from streaming import Clock, line, say, spin

from paddock.gui.models.hub import HubList
from paddock.gui.pages.discover_rows import ResultList
from paddock.gui.theme import ThemeSource
from paddock.sdk.hub import Badge, HubResult
from paddock.sdk.memory import Verdict

STALL_MS = 50.0
PAGE = 100
FRAME_MS = 16
BADGES: tuple[tuple[Badge, ...], ...] = ((), ("tools",), ("tools", "reasoning"), ("vision",), ("embedding",))
FITS: tuple[Verdict, ...] = ("fits", "fits_with", "does_not_fit", "cannot_tell")


def results(first: int, number: int) -> list[HubResult]:
    found = []
    for at in range(first, first + number):
        chance = random.Random(at)
        name = f"{chance.choice(('Qwen3', 'Llama-3.1', 'gemma-3', 'SmolLM3-long-name-of-a-merge'))}-{at}-Instruct-GGUF"
        author = chance.choice(("bartowski", "unsloth", "lmstudio-community"))
        found.append(
            HubResult(
                id=f"{author}/{name}",
                author=author,
                name=name,
                downloads=chance.randrange(10**6),
                licence=chance.choice(("apache-2.0", "mit", "llama3.1")),
                parameters=chance.randrange(10**8, 10**11),
                badges=chance.choice(BADGES),
                formats=("gguf",),
                fit=chance.choice(FITS),
            )
        )
    return found


def measure(app: QApplication, rows: int, seconds: float) -> list[float]:
    """The lateness of its beats in ms."""
    model, view = HubList(), ResultList()
    view.setModel(model)
    view.resize(356, 800)
    model.show(results(0, PAGE), coming=6)
    pages = [results(first, PAGE) for first in range(PAGE, rows, PAGE)]
    view.end_near.connect(lambda: model.append(pages.pop(0), 6 if pages else 0) if pages else None)
    view.show()
    app.processEvents()
    bar, chance, frames = view.verticalScrollBar(), random.Random(1), 0
    drive = QTimer(view)
    drive.setTimerType(Qt.TimerType.PreciseTimer)

    def scroll() -> None:
        nonlocal frames
        frames += 1
        if frames % 60 == 0 and not pages:
            bar.setValue(chance.randrange(bar.maximum()))
        else:
            bar.setValue(bar.value() + (360 if pages else 90))

    drive.timeout.connect(scroll)
    gc.collect()
    gc.freeze()
    gc.disable()
    drive.start(FRAME_MS)
    clock = Clock()
    clock.start()
    spin(seconds)
    clock.stop()
    drive.stop()
    gc.enable()
    say(f"{line('scrolling', clock.late)}  rows {model.rowCount()}")
    view.close()
    return clock.late


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    if not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = QApplication(sys.argv[:1])
    ThemeSource(app).set(choice="light")
    idle = Clock()
    idle.start()
    spin(3)
    idle.stop()
    say(line("idle", idle.late))
    worst = max(measure(app, options.rows, options.seconds))
    return int(worst > max(STALL_MS, max(idle.late)))


if __name__ == "__main__":
    sys.exit(main())
