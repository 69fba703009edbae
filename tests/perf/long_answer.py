"""Whether the end of a long answer costs what its beginning did: ``python tests/perf/long_answer.py [--limit 1.5]``.

Feeds a view an answer of 10,000 tokens, three a turn, and adds up what updating and painting cost over the first and
the last thousand tokens, for mixed Markdown, for one growing code block, for one growing table and for one list. Exits
with 1 where the last thousand cost more than ``--limit`` times the first.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time

from PySide6.QtWidgets import QApplication
from streaming import answer, message, say, tokens

from paddock.gui.theme import ThemeSource
from paddock.gui.widgets.conversation import ConversationView
from paddock.gui.widgets.conversation.highlight import warm

TOKENS = 10_000
PART = 1_000
TURN = 3


def table(rows: int) -> str:
    lines = [f"| row {number} | {number * 7} | value {number % 13} |" for number in range(rows)]
    return "\n".join(["| name | figure | what |", "|---|---:|---|", *lines])


def bullets(items: int) -> str:
    return "\n".join(f"- item {number} says *something* about `{number}`" for number in range(items))


TEXTS = {
    "mixed": answer(6 * TOKENS, 0),
    "code": answer(6 * TOKENS, 0, only_code=True),
    "table": table(3 * TOKENS // 10),
    "list": bullets(3 * TOKENS // 10),
}


def costs(app: QApplication, text: str) -> list[float]:
    """Seconds that every thousand tokens cost."""
    view = ConversationView()
    view.set_messages([message("q", "user", "Go on."), message("live", "assistant", "", "generating")])
    view.resize(800, 900)
    view.show()
    app.processEvents()
    pieces = list(tokens(text, 1))[:TOKENS]
    gc.collect()
    gc.disable()
    found = []  # of the processor's time: what else the machine does is left out
    for start in range(0, len(pieces), PART):
        begun = time.thread_time()
        for at in range(start, min(start + PART, len(pieces)), TURN):
            view.stream_text("live", "".join(pieces[at : at + TURN]))
            view._last_update = 0.0
            view._update()
            app.processEvents()
        found.append(time.thread_time() - begun)
    gc.enable()
    view.close()
    view.deleteLater()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=float, default=1.5)
    parser.add_argument("--only", choices=tuple(TEXTS))
    options = parser.parse_args()
    app = QApplication(sys.argv[:1])
    ThemeSource(app).set(choice="light")
    for _ in warm():
        pass
    costs(app, answer(8_000, 1))  # what is made once
    bad = 0
    for name, text in TEXTS.items():
        if options.only in (None, name):
            started = time.perf_counter()
            found = costs(app, text)
            ratio = found[-1] / found[0]
            bad += ratio > options.limit
            say(
                f"{name:6s} first thousand tokens {found[0] * 1e3:6.0f} ms, last {found[-1] * 1e3:6.0f} ms, "
                f"ratio {ratio:.2f}, all {time.perf_counter() - started:.1f} s"
            )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
