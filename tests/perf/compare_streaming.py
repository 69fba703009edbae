"""How long the GUI thread is deaf while the Compare view streams: ``python tests/perf/compare_streaming.py``.

The real view, session and bridge; only the host behind them is played, so that every run sees the same tokens: four
panes (``--panes``) at 400 tokens/s in total (``--rate`` each). Three variants: mixed text with code and tables, one
code block that grows past 3,000 lines, and an answer that has 40,000 characters already. Lateness is that of a precise
4 ms timer, beside the same timer idle in the same process; “work” is what the GUI thread computed between two beats.
With ``--budget`` it fails when a variant has a stall over
33 ms or a 99th percentile over 8 ms, net of the control.
"""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import gc
import statistics
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget
from streaming import Clock, answer, line, message, percentile, say, spin, tokens

from paddock.gui.bridge import Bridge
from paddock.gui.host_state import HostState
from paddock.gui.messages import Messages
from paddock.gui.pages.compare import CompareView
from paddock.gui.theme import ThemeSource
from paddock.gui.widgets.conversation import warm
from paddock.gui.window_state import WindowState
from paddock.sdk.compare import ComparePlan
from paddock.sdk.events import GenerationEvent, Snapshot, TextDelta
from paddock.sdk.host import ServerStatus, Settings
from paddock.sdk.types import Chat, ChatSummary, LoadedModel, ModelInfo, Pane

STALL_MS, P99_MS = 33.0, 8.0
VARIANTS = ("mixed", "code", "long")


class Player:
    """The host's client, as far as the view asks: a chat whose panes are being answered."""

    def __init__(self, options: argparse.Namespace, variant: str) -> None:
        self._options, self._variant = options, variant
        self.started = asyncio.Event()
        summary = ChatSummary(id="c", title="Streaming", created=1, updated=1, panes=options.panes)
        panes = tuple(Pane(id=f"p{n}", model=f"demo/model-{n}") for n in range(options.panes))
        paths = {
            pane.id: (*self._history(), message(f"live-{pane.id}", "assistant", "", "generating")) for pane in panes
        }
        self._chat = Chat(summary=summary, messages=paths[panes[0].id], panes=panes, paths=paths)

    def _history(self) -> list[Any]:
        found = []
        for number in range(self._options.history):
            found.append(message(f"q{number}", "user", f"Tell me more about point {number}, please."))
            found.append(message(f"a{number}", "assistant", answer(1400, number)))
        return [*found, message("q", "user", "Tell me everything.")]

    async def models(self) -> list[ModelInfo]:
        return [ModelInfo(id=p.model, name=p.model, engine="echo", path="", quant="Q4_K_M") for p in self._chat.panes]

    async def chats(self) -> list[ChatSummary]:
        return [self._chat.summary]

    async def chat(self, chat: str) -> Chat:
        return self._chat

    async def compare_plan(self, chat: str) -> ComparePlan:
        return ComparePlan(groups=(), sentence="")

    async def attach(self, name: str) -> AsyncGenerator[GenerationEvent, None]:
        pane, seconds = int(name[-1]), self._options.seconds + 30
        text = answer(int(self._options.rate * seconds * 6), pane, self._variant == "code")
        before = {"mixed": 0, "code": 2_900 * 22, "long": 40_000}[self._variant]
        whole = answer(before + len(text), pane, self._variant == "code")
        if before:
            yield TextDelta(id=name, text=whole[:before])
        await self.started.wait()
        began = time.perf_counter()
        for count, piece in enumerate(tokens(whole[before:], pane), 1):
            yield TextDelta(id=name, text=piece)
            await asyncio.sleep(max(0.0, began + count / self._options.rate - time.perf_counter()))


class Link:
    """In the place of the connection to a host."""

    def __init__(self, options: argparse.Namespace, variant: str) -> None:
        self._options, self._variant = options, variant
        self._player: Player | None = None

    def player(self) -> Player:
        if self._player is None:
            self._player = Player(self._options, self._variant)
        return self._player

    async def updates(self) -> AsyncGenerator[Any, None]:
        loaded = tuple(
            LoadedModel(id=f"i{n}", model=f"demo/model-{n}", engine="echo", state="ready", measured_bytes=4_900_000_000)
            for n in range(self._options.panes)
        )
        yield Snapshot(
            id="host", loaded=loaded, server=ServerStatus(running=False, host="", port=0), settings=Settings()
        )
        await asyncio.Event().wait()

    async def call(self, job: Callable[[Any], Awaitable[Any]]) -> Any:
        return await job(self.player())

    async def iterate(self, job: Callable[[Any], AsyncGenerator[Any, None]]) -> AsyncGenerator[Any, None]:
        async for item in job(self.player()):
            yield item


def measure(app: QApplication, options: argparse.Namespace, variant: str) -> list[float]:
    """One run; the lateness of its beats."""
    bridge = Bridge(lambda error: say(f"error: {error!r}"))
    link = Link(options, variant)
    host = HostState(bridge, link, Settings())  # type: ignore[arg-type]
    bridge.start()
    host.start()
    window = QWidget()
    column = QVBoxLayout(window)
    column.setContentsMargins(0, 0, 0, 0)
    view = CompareView(host, Messages(), WindowState())
    column.addWidget(view)
    window.resize(1800, 1100)
    window.show()
    while not host.chats_known:
        spin(0.05)
    view.open("c")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not _ready(view, variant):
        spin(0.1)
    spin(1.5)  # what was there before has been parsed and coloured
    gc.collect()
    gc.freeze()
    gc.disable()
    host.call(_start)
    spin(1)
    clock = Clock()
    cpu, wall = time.process_time(), time.perf_counter()
    before = sum(run.pieces for run in view.session.runs.values())
    clock.start()
    spin(options.seconds)
    clock.stop()
    took = time.perf_counter() - wall
    share = (time.process_time() - cpu) / took
    rate = (sum(run.pieces for run in view.session.runs.values()) - before) / took
    faulthandler.cancel_dump_traceback_later()
    say(f"{line(variant, clock.late)}  cpu {share * 100:.0f} %  {rate:.0f} tokens/s in all")
    say(line("  work", clock.busy))
    gc.enable()
    view.leave()
    bridge.close()
    window.close()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, 0)
    app.processEvents()
    return clock.late


async def _start(player: Player) -> None:
    player.started.set()


def _ready(view: CompareView, variant: str) -> bool:
    """Whether the answers that are there already are shown."""
    if not view.panes:
        return False
    rows = [pane.view.column.rows for pane in view.panes.values()]
    return all(row and (variant == "mixed" or row[-1].content) and not row[-1].pending_text for row in rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--panes", type=int, default=4)
    parser.add_argument("--rate", type=float, default=100.0, help="tokens per second in each pane")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--history", type=int, default=20, help="earlier answers in each pane")
    parser.add_argument("--variants", nargs="*", default=VARIANTS, choices=VARIANTS)
    parser.add_argument("--budget", action="store_true", help="fail outside the limits")
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
    control, worst = percentile(idle.late, 0.99), max(idle.late)
    missed = False
    for variant in options.variants:
        runs = [measure(app, options, variant) for _ in range(options.runs)]
        p99 = statistics.median(percentile(run, 0.99) for run in runs)
        stall = min(max(run) for run in runs)
        say(f"{variant}: median p99 {p99:.2f} ms (idle {control:.2f}), least longest {stall:.2f} (idle {worst:.2f})")
        missed |= p99 - control > P99_MS or stall - worst > STALL_MS
    return 1 if options.budget and missed else 0


if __name__ == "__main__":
    sys.exit(main())
