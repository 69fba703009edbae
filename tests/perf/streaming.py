"""How long the GUI thread is deaf while four panes stream: ``python tests/perf/streaming.py [--seconds 10]``.

Lateness is what a key press would have waited: the gap between ticks of a precise 4 ms timer, less 4 ms. The same timer
idle in the same process is the control; “work” is what the GUI thread itself computed between two ticks, which other
programs on the machine do not lengthen. Three variants: as it is (mixed text with code and tables), ``--code --written
100000`` (one growing block of code of 3,000 lines), ``--written 40000``. Prints one line per measurement and, with
``--budget MS``, fails when the median p99 exceeds the idle p99 by more than the budget.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import queue
import random
import statistics
import sys
import threading
import time
from collections.abc import Iterator

from PySide6.QtCore import QCoreApplication, QEventLoop, QObject, Qt, QTimer
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QWidget

from paddock.gui.theme import ThemeSource
from paddock.gui.widgets.conversation import ConversationView, Turns
from paddock.gui.widgets.conversation.highlight import warm
from paddock.sdk.types import ChatMessage, Stats, Usage

BEAT_MS = 4
PARAGRAPHS = (
    "### What the numbers say",
    "The **prefix cache** keeps every token id it has already seen in a radix tree, so a second question about the "
    "same document costs only its own tokens. You can see it under the answer: `cached 1,843 of 1,902`.",
    "- the **weights** are read once per step, whatever the batch\n- the KV cache grows with the context, `2 * n_kv`\n"
    "- sampling is done on the CPU and costs 0.1 ms\n  - unless a grammar is on, then 0.2 ms\n  - or many tokens",
    "```python\nfrom dataclasses import dataclass\n\n@dataclass(frozen=True)\nclass Slot:\n    '''One sequence.'''\n"
    "    seq_id: int\n    tokens: list[int]\n\ndef schedule(waiting: list[Slot], budget: int = 512):\n"
    "    # decode tokens first\n    batch = []\n    for slot in waiting:\n        if budget <= 0:\n            break\n"
    "        batch.append(slot.seq_id)\n    return batch\n```",
    "Let us look at what changes when the *temperature* goes from 0.8 to 0.2: the tail of the distribution shrinks.",
    "| quant | size | fits | decode |\n|---|---:|:---:|---:|\n| Q8_0 | 7.95 GB | no | 21.4 tok/s |\n"
    "| Q6_K | 6.14 GB | yes | 26.9 tok/s |\n| Q4_K_M | 4.58 GB | **yes** | 34.8 tok/s |",
)


def answer(length: int, seed: int, only_code: bool = False) -> str:
    """Markdown of at least ``length`` characters."""
    if only_code:
        body = "\n\n".join(PARAGRAPHS[3].split("\n")[1:-1]).replace("\n\n", "\n")
        return "```python\n" + (body + "\n\n") * (length // len(body) + 1)
    parts: list[str] = []
    size = 0
    while size < length:
        parts.append(PARAGRAPHS[(seed + len(parts)) % len(PARAGRAPHS)])
        size += len(parts[-1]) + 2
    return "\n\n".join(parts)


def tokens(text: str, seed: int) -> Iterator[str]:
    """``text`` in pieces of about a token."""
    chance, at = random.Random(seed), 0
    while at < len(text):
        size = chance.choice((2, 3, 4, 4, 5, 6))
        yield text[at : at + size]
        at += size


class Clock(QObject):
    """Lateness of the beat in ms, and what the thread computed between two beats."""

    def __init__(self) -> None:
        super().__init__()
        self.late: list[float] = []
        self.busy: list[float] = []
        self._used = 0.0
        self._last = 0.0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)

    def start(self) -> None:
        self.late, self.busy = [], []
        self._used = time.thread_time()
        self._last = time.perf_counter()
        self._timer.start(BEAT_MS)

    def stop(self) -> None:
        self._timer.stop()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.late.append(max(0.0, (now - self._last) * 1e3 - BEAT_MS))
        self._last = now
        used = time.thread_time()
        self.busy.append((used - self._used) * 1e3)
        self._used = used
        faulthandler.cancel_dump_traceback_later()
        faulthandler.dump_traceback_later(1.0)


class TimedView(ConversationView):
    """Notes what painting and updating cost, in ms."""

    paints: list[float]
    updates: list[float]

    def paintEvent(self, event: QPaintEvent) -> None:
        started = time.perf_counter()
        super().paintEvent(event)
        self.paints.append((time.perf_counter() - started) * 1e3)

    def _update(self) -> None:
        started = time.perf_counter()
        super()._update()
        self.updates.append((time.perf_counter() - started) * 1e3)


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def line(name: str, values: list[float]) -> str:
    worst = max(values, default=0.0)
    over = f"over 16 ms {sum(v > 16 for v in values)}  over 50 ms {sum(v > 50 for v in values)}  n {len(values)}"
    shares = f"p50 {percentile(values, 0.5):6.2f}  p99 {percentile(values, 0.99):6.2f}"
    return f"{name:10s} {shares}  max {worst:6.2f}  {over}"


def say(words: str) -> None:
    sys.stdout.write(words + "\n")


def spin(seconds: float) -> None:
    loop = QEventLoop()
    QTimer.singleShot(int(seconds * 1000), loop.quit)
    loop.exec()


def message(name: str, role: str, content: str, state: str = "done") -> ChatMessage:
    return ChatMessage(
        id=name,
        chat_id="c",
        parent=None,
        role=role,  # type: ignore[arg-type]
        content=content,
        model="demo/model" if role == "assistant" else "",
        state=state,  # type: ignore[arg-type]
        stats=Stats(ttft_s=0.1, tokens_per_second=100.0) if role == "assistant" else None,
        usage=Usage(prompt_tokens=100, completion_tokens=200, cached_tokens=50) if role == "assistant" else None,
    )


def produce(arrived: queue.SimpleQueue[tuple[int, str]], options: argparse.Namespace, seconds: float) -> None:
    """Tokens at the given rate, as the bridge would deliver them."""
    need = int(options.rate * seconds * 6)
    sources = [tokens(answer(need, pane, options.code), pane) for pane in range(options.panes)]
    started = time.perf_counter()
    count = 0
    while time.perf_counter() - started < seconds:
        for pane, source in enumerate(sources):
            arrived.put((pane, next(source, "")))
        count += 1
        time.sleep(max(0.0, started + count / options.rate - time.perf_counter()))


def measure(app: QApplication, options: argparse.Namespace) -> list[float]:
    """One run; the lateness of its beats."""
    window = QWidget()
    row = QHBoxLayout(window)
    turns = Turns(window)
    views: list[TimedView] = []
    for _ in range(options.panes):
        view = TimedView(turns=turns)
        view.paints, view.updates = [], []
        history = []
        for number in range(options.history):
            history.append(message(f"q{number}", "user", f"Tell me more about point {number}, please."))
            history.append(message(f"a{number}", "assistant", answer(1400, number)))
        written = answer(options.written, len(views), options.code) if options.written else ""
        view.set_messages([*history, message("live", "assistant", written, "generating")])
        row.addWidget(view)
        views.append(view)
    window.resize(1800, 1100)
    opened = time.perf_counter()
    window.show()
    app.processEvents()
    opened = time.perf_counter() - opened
    while any(row.pending() for view in views for row in view.column.rows[-1:]):
        spin(0.1)
    spin(1)  # what was there before has been parsed, coloured and painted
    arrived: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()
    deliver = QTimer(window)
    deliver.setTimerType(Qt.TimerType.PreciseTimer)

    def take() -> None:
        while not arrived.empty():
            pane, text = arrived.get()
            views[pane].stream_text("live", text)

    deliver.timeout.connect(take)
    deliver.start(8)
    gc.collect()
    gc.freeze()
    gc.disable()
    total = options.seconds + 1
    thread = threading.Thread(target=produce, args=(arrived, options, total), daemon=True)
    thread.start()
    spin(1)
    for view in views:
        view.paints, view.updates = [], []
    clock = Clock()
    cpu, wall = time.process_time(), time.perf_counter()
    clock.start()
    spin(options.seconds - 0.5)
    clock.stop()
    share = (time.process_time() - cpu) / (time.perf_counter() - wall)
    faulthandler.cancel_dump_traceback_later()
    thread.join()
    say(f"{line('streaming', clock.late)}  cpu {share * 100:.0f} %  open {opened * 1e3:.0f} ms")
    say(line("  work", clock.busy))
    say(line("  updates", [cost for view in views for cost in view.updates]))
    say(line("  paints", [cost for view in views for cost in view.paints]))
    deliver.stop()
    gc.enable()
    window.close()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, 0)
    app.processEvents()
    return clock.late


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--panes", type=int, default=4)
    parser.add_argument("--rate", type=float, default=100.0, help="tokens per second in each pane")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--history", type=int, default=20, help="earlier answers in each pane")
    parser.add_argument("--code", action="store_true", help="one growing code block instead of mixed Markdown")
    parser.add_argument("--written", type=int, default=0, help="characters of the answer that are there already")
    parser.add_argument("--budget", type=float, help="ms that the median p99 may exceed the idle one by")
    options = parser.parse_args()
    app = QApplication(sys.argv[:1])
    ThemeSource(app).set(choice="light")
    for _ in warm():
        pass
    idle = Clock()
    idle.start()
    spin(3)
    idle.stop()
    faulthandler.cancel_dump_traceback_later()
    say(line("idle", idle.late))
    runs = [measure(app, options) for _ in range(options.runs)]
    median = statistics.median(percentile(run, 0.99) for run in runs)
    control = percentile(idle.late, 0.99)
    say(f"median p99 {median:.2f} ms, idle p99 {control:.2f} ms, smallest max {min(max(run) for run in runs):.2f} ms")
    return 1 if options.budget is not None and median > control + options.budget else 0


if __name__ == "__main__":
    sys.exit(main())
