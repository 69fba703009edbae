"""How long a key takes in the command palette with 2,000 conversations.

    python tests/perf/palette.py [--chats 2000]

Types words letter by letter and takes them back, on Qt's offscreen platform where there is no display; a key is done
when the list below the field is painted. Prints one JSON object; exit code 1: the slowest key takes 30 ms or more.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import time

WORDS = ("new chat", "saddle hay", "sdlhy", "settings", "use model 7", "nothing of the kind")
TITLE = ("horse", "pony", "saddle", "bridle", "hay", "straw", "oats", "stable", "paddock", "meadow", "gallop", "trot")
TARGET_MS = 30.0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--chats", type=int, default=2000)
    asked = parser.parse_args()
    if not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QWidget

    from paddock.gui.app import make_application
    from paddock.gui.pages.palette import Palette
    from paddock.gui.palette_entries import Entry, of_chats
    from paddock.gui.theme import Theme
    from paddock.sdk.types import ChatSummary

    application = make_application()
    Theme().apply(application)
    source = random.Random(6)
    chats = [
        ChatSummary(
            id=str(n), title=" ".join(source.choices(TITLE, k=5)), created=0.0, updated=float(n), model="", system=""
        )
        for n in range(asked.chats)
    ]
    others = [Entry(id=f"a{n}", title=f"New thing {n}", kind="View", run=int) for n in range(60)]
    others += [Entry(id=f"m{n}", title=f"Use model {n}", kind="Model", run=int) for n in range(100)]
    window = QWidget()
    window.resize(1280, 800)
    window.show()
    palette = Palette(lambda: [*others, *of_chats(chats, lambda id: None)], window)
    began = time.perf_counter()
    palette.open_over(window)
    palette.repaint()
    opened = (time.perf_counter() - began) * 1000
    application.processEvents()
    times = []
    for words in WORDS:
        for length in [*range(1, len(words) + 1), *range(len(words) - 1, -1, -1)]:
            began = time.perf_counter()
            palette.field.setText(words[:length])
            palette.view.viewport().repaint()
            times.append((time.perf_counter() - began) * 1000)
            application.processEvents()
    figures = {"opened_ms": opened, "median_ms": statistics.median(times), "max_ms": max(times), "target_ms": TARGET_MS}
    rounded = {name: round(value, 1) for name, value in figures.items()}
    sys.stdout.write(json.dumps({"chats": asked.chats, "keys": len(times), **rounded}) + "\n")
    return int(max(times) >= TARGET_MS)


if __name__ == "__main__":
    sys.exit(main())
