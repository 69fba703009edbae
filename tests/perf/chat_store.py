"""100,000 messages in 2,000 conversations: does it show?

    python tests/perf/chat_store.py [--chats 2000] [--messages 100000] [--longest 5000] [--runs 5]

Starts the host over an empty store and over a full one, in turns, until it says “ready”; then searches, lists and opens
the longest conversation, as the host answers it and as the window shows it until its first paint (Qt's offscreen
platform where there is no display). Prints one JSON object with medians in milliseconds; exit code 1: a target is
missed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from paddock.sdk import Client
from paddock.sdk.chats import ChatSearch
from paddock.sdk.paths import Home
from paddock.sdk.types import ChatMessage, ChatSummary
from paddock.server.chat_rescue import problem
from paddock.server.chats import ChatTable
from paddock.server.database import connect

SEARCH_MS, OPEN_MS, START = 100.0, 300.0, 1.15
"""Targets; the start as a ratio to that over an empty store."""
WORDS = (  # noqa: SIM905  a list of words would be fifty lines
    "horse pony saddle bridle hay straw oats stable paddock meadow gallop trot canter rein stirrup hoof mane tail foal"
    " the a of to and in is it that for with on as are be this from or by which when how what why model memory context"
).split()
SEARCHES = ("saddle stirrup", "needle", "hoo", '"mane tail"', "the")


def fill(home: Home, chats: int, messages: int, longest: int) -> str:
    """Write the conversations; the id of the longest."""
    home.root.mkdir(parents=True, exist_ok=True)
    source = random.Random(6)
    table = ChatTable(connect(home.chats_file), home.chats_file)
    table._connection.execute("PRAGMA synchronous=OFF")
    each = (messages - longest) // (chats - 1)
    for number in range(chats):
        chat = f"chat{number}"
        title = " ".join(source.choices(WORDS, k=4))
        moment = 1.7e9 + number
        table.add(ChatSummary(id=chat, title=title, created=moment, updated=moment, model="m", system=""))
        said: list[ChatMessage] = []
        for at in range(each if number else longest):
            text = " ".join(source.choices(WORDS, k=source.choice((8, 20, 120)))) + "."
            if at % 9 == 1:
                text = f"## A list\n\n- {text}\n- **{text[:40]}**\n\n```python\nprint({at})\n```\n"
            parent = said[-1].id if said else None
            role = "assistant" if at % 2 else "user"
            said.append(
                ChatMessage(id=f"{chat}-{at}", chat_id=chat, parent=parent, role=role, content=text, created=moment)
            )
        table.append(chat, said, "", moment)
    table.close()
    return "chat0"


def started(home: Home) -> float:
    """Milliseconds until a host over ``home`` says that it is ready; it is ended again."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "paddock.server"]
    environment = {**os.environ, "PADDOCK_HOME": str(home.root)}
    host = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert host.stdout is not None
    while host.stdout.readline().strip() != "ready":
        pass
    took = (time.perf_counter() - began) * 1000
    host.terminate()
    host.stdout.close()
    host.wait()
    return took


def took(question: Callable[[], Any], runs: int) -> float:
    """The median of its milliseconds."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        question()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def painted(messages: tuple[ChatMessage, ...], runs: int) -> float:
    """Milliseconds from ``set_messages`` to the end of the first paint of a conversation view."""
    if not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from paddock.gui.app import Collector, make_application
    from paddock.gui.theme import Theme
    from paddock.gui.widgets.conversation import ConversationView
    from paddock.gui.widgets.conversation.highlight import warm

    application = make_application()
    collector = Collector()  # as in the window, which collects between events only
    Theme().apply(application)
    warm()  # as the window has done by then
    view = ConversationView(editable=True)
    view.resize(760, 800)
    view.show()
    application.processEvents()
    collector.start()

    def show() -> None:
        view.set_messages(list(messages))
        view.viewport().repaint()

    def once() -> float:
        view.set_messages([])
        application.processEvents()
        return took(show, 1)

    median = statistics.median(once() for _ in range(runs))
    collector.stop()
    return median


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("chats", 2000), ("messages", 100_000), ("longest", 5000), ("runs", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    os.environ["PADDOCK_STORES"] = "off"
    with tempfile.TemporaryDirectory(prefix="paddock-store-", ignore_cleanup_errors=True) as folder:
        empty, full = Home(Path(folder) / "empty"), Home(Path(folder) / "full")
        longest = fill(full, asked.chats, asked.messages, asked.longest)
        starts: dict[str, list[float]] = {"empty": [], "full": []}
        started(empty), started(full)  # warm the disk
        for _ in range(asked.runs):
            starts["empty"].append(started(empty))
            starts["full"].append(started(full))
        with Client.connect(full.root) as client:
            searches = {words: took(lambda words=words: client.search_chats(words), asked.runs) for words in SEARCHES}  # type: ignore[misc]
            within = took(lambda: client.search_chats(ChatSearch(words="saddle", chat=longest)), asked.runs)
            listed = took(client.chats, asked.runs)
            opened = took(lambda: client.chat(longest), asked.runs)
            messages = client.chat(longest).messages
            client.shutdown("now")
        shown = painted(messages, asked.runs)
        checks = {
            f"{name}_check": took(lambda full_check=full_check: problem(full.chats_file, full=full_check), 1)  # type: ignore[misc]
            for name, full_check in (("quick", False), ("full", True))
        }
        size = full.chats_file.stat().st_size
    ratio = statistics.median(starts["full"]) / statistics.median(starts["empty"])
    figures = {
        "start_empty_ms": statistics.median(starts["empty"]),
        "start_full_ms": statistics.median(starts["full"]),
        "search_ms": max(searches.values()),
        "search_in_chat_ms": within,
        "list_ms": listed,
        "open_host_ms": opened,
        "open_window_ms": shown,
        "open_ms": opened + shown,
        **checks,
    }
    missed = ratio > START or figures["search_ms"] > SEARCH_MS or figures["open_ms"] > OPEN_MS
    rounded = {name: round(value, 1) for name, value in figures.items()}
    slowest = max(searches, key=lambda words: searches[words])
    told = {"start_ratio": round(ratio, 2), **rounded, "slowest_search": slowest, "size_mb": size // 10**6}
    sys.stdout.write(json.dumps({**told, "missed": missed}) + "\n")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
