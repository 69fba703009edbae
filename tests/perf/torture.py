"""The longest stall of the GUI thread over hostile text: ``python tests/perf/torture.py [--limit 50]``.

Every text of ``tests/gui/torture_texts.py`` is shown as a stored answer, scrolled through, and streamed in random
pieces, while a precise timer of 4 ms says how late it is; formulas and lexers are made by a bridge, as in the window.
Before them the timer runs idle in the same process. Prints for each the longest stall and the longest stretch that the
thread itself computed without a break (which a busy machine does not lengthen), and exits with 1 where the latter is
longer than ``--limit`` ms.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "gui"))

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from streaming import Clock, faulthandler, message, say, spin
from torture_texts import texts

from paddock.gui.bridge import Bridge
from paddock.gui.theme import ThemeSource
from paddock.gui.widgets.conversation import ConversationView
from paddock.gui.widgets.conversation.highlight import warm
from paddock.gui.widgets.conversation.workshop import Workshop

STEPS = 25


Measured = tuple[float, float]
"""The longest stall and the longest stretch of work, in ms."""


class Trial:
    """One text in a view of its own."""

    def __init__(self) -> None:
        self.view = ConversationView()
        self.view.resize(1000, 900)
        self.view.set_messages([message("q", "user", "x")])
        self.view.show()
        self.clock = Clock()
        spin(0.2)

    def timed(self, seconds: float) -> Measured:
        self.clock.start()
        spin(seconds)
        self.clock.stop()
        faulthandler.cancel_dump_traceback_later()
        return max(self.clock.late), max(self.clock.busy)

    def shown(self, text: str) -> Measured:
        """Stored: opened within the measurement, then scrolled."""
        bar = self.view.verticalScrollBar()
        stored = [message("q", "user", "x"), message("a", "assistant", text)]
        QTimer.singleShot(20, self.view, lambda: self.view.set_messages(stored))
        for step in range(STEPS):
            QTimer.singleShot(300 + 40 * step, self.view, lambda at=step: bar.setValue(bar.maximum() * at // STEPS))
        return self.timed(0.6 + 0.04 * STEPS)

    def streamed(self, text: str) -> Measured:
        """In random pieces, two thousand of them at most."""
        chance, at, pieces = random.Random(1), 0, []
        while at < len(text):
            size = chance.randint(1, 2 * max(4, len(text) // 2_000))
            pieces.append(text[at : at + size])
            at += size
        self.view.set_messages([message("q", "user", "x"), message("s", "assistant", "", "generating")])
        rest = iter(pieces)
        timer = QTimer(self.view)
        timer.timeout.connect(lambda: self.view.stream_text("s", "".join(next(rest, "") for _ in range(8))))
        timer.start(8)
        return self.timed(0.5 + len(pieces) / 8 * 0.009)

    def end(self) -> None:
        self.view.close()
        self.view.deleteLater()
        spin(0.05)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=float, default=50.0, help="ms of work")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    app = QApplication(sys.argv[:1])
    ThemeSource(app).set(choice="light")
    for _ in warm():
        pass
    bridge = Bridge(lambda error: None)
    bridge.start()
    gc.collect()
    gc.freeze()
    gc.disable()  # as the window does it; its own collections are between events
    Workshop(bridge.submit, app).install(app)
    idle = Trial()
    control, _ = idle.timed(2.0)
    idle.end()
    say(f"idle {control:.1f} ms; longest stall (longest work) in ms, stored and streamed:")
    worst = longest = 0.0
    for name, text in texts().items():
        if options.only in ("", name):
            trial = Trial()
            stored, streamed = trial.shown(text), trial.streamed(text)
            trial.end()
            worst = max(worst, stored[1], streamed[1])
            longest = max(longest, stored[0], streamed[0])
            numbers = "  ".join(f"{late:6.1f} ({busy:5.1f})" for late, busy in (stored, streamed))
            say(f"{name:12s} {numbers}  {len(text):,} characters")
    bridge.close()
    say(f"longest work {worst:.1f} ms, longest stall {longest:.1f} ms")
    return 1 if worst > options.limit else 0


if __name__ == "__main__":
    sys.exit(main())
