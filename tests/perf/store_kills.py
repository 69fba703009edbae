"""Kill -9 of the host and of the window while conversations change: nothing that was told as done is ever missing.

    python tests/perf/store_kills.py [--kills 50] [--seed N]

In a fresh data folder with the test engine's models. Until the kill, which comes at a random moment, one thread asks,
edits, deletes, brings back, branches and trashes, another follows a long answer, and in every second round a window
asks questions too. Then the database must be whole, hold every finished message, every change that was answered, and of
the running answer everything that was heard until a second before the kill. Prints one JSON object: ``checked`` counts
the messages and changes that were looked for, ``lost_s`` is the most that was lost of a running answer, in seconds;
more than ``--lost`` (1.5) is wrong.
Exit code 1: something was wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from paddock.sdk import Client
from paddock.sdk.chats import MessagePatch
from paddock.sdk.connect import lock_held
from paddock.sdk.errors import PaddockError
from paddock.sdk.events import Finished, TextDelta
from paddock.sdk.paths import Home
from paddock.sdk.types import NewChat, SendRequest
from paddock.server.chat_rescue import problem

MODELS = {
    "fast": {"text": "Hay and straw, carrots and oats, all of it in the morning.", "tokens_per_second": 2000},
    "long": {"text": "".join(f"{number} " for number in range(20_000)), "tokens_per_second": 200},
}
DEADLINE_S = 120.0
LOST_S = 1.5
"""A busy machine may be late by half a second with the save of each second, and with telling us."""
CHANGES = 8
"""So many are told as done in each round before its kill."""
WINDOW = """
import sys
from PySide6.QtCore import QTimer
from paddock.gui.app import App, make_application
from paddock.gui.crash_log import CrashLog
from paddock.gui.messages import Messages
from paddock.sdk.paths import Home
home, messages = Home.find(), Messages()
application = make_application()
app = App(application, home, CrashLog(home.logs / "window.log", messages.error), messages)
dialogue = app.window.chat.dialogue
def ask():
    if app.host.models_known and dialogue.run is None:
        if len(dialogue.messages) > 6:
            dialogue.new()
        dialogue.set_model("test/fast")
        app.window.chat.send("What does a horse eat?")
        print("asked", flush=True)
timer = QTimer()
timer.timeout.connect(ask)
timer.start(30)
app.window.show()
application.exec()
"""


class Wrong(Exception):
    """What must never be; the text says what it was."""


@dataclass
class Told:
    """What the host has answered as done. What is ``open`` was asked for and not answered: it may be either."""

    texts: dict[str, str] = field(default_factory=dict)
    deleted: dict[str, bool] = field(default_factory=dict)
    trashed: dict[str, bool] = field(default_factory=dict)
    branches: dict[str, int] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)

    def count(self) -> int:
        return sum(map(len, (self.texts, self.deleted, self.trashed, self.branches)))


class Stream:
    """A long answer, followed in a thread, with the moment of each piece."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.answer = ""
        self.heard: list[tuple[float, int]] = []
        self.text = ""
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def _follow(self) -> None:
        with suppress(PaddockError), Client.connect(self._home) as client:
            chat = client.create_chat(NewChat(model="test/long")).summary.id
            for event in client.send(chat, SendRequest(content="Count.")):
                self.answer = event.id
                if isinstance(event, TextDelta):
                    self.text += event.text
                    self.heard.append((time.monotonic(), len(self.text)))

    def join(self) -> None:
        self._thread.join(DEADLINE_S)

    def lost(self, stored: str, killed: float) -> float:
        """Seconds before the kill from which on what was heard is not in ``stored``. Raises Wrong."""
        if not self.text.startswith(stored) and not stored.startswith(self.text):
            raise Wrong(f"the running answer reads {stored[-40:]!r}")
        missing = [moment for moment, length in self.heard if length > len(stored)]
        return max(0.0, killed - missing[0]) if missing else 0.0


class Changes:
    """Changes conversations in a thread until the host is gone."""

    def __init__(self, home: Home, told: Told, seed: int) -> None:
        self._home = home
        self._told = told
        self._random = random.Random(seed)
        self._stopped = False
        self._chats: list[str] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._stopped = True
        self._thread.join(DEADLINE_S)

    def _run(self) -> None:
        with suppress(PaddockError), Client.connect(self._home) as client:
            while not self._stopped:
                if len(self._chats) < 2:
                    self._chats.append(client.create_chat(NewChat(model="test/fast")).summary.id)
                chat = self._random.choice(self._chats)
                doing = self._random.choice((self._ask, self._ask, self._edit, self._delete, self._branch, self._trash))
                doing(client, chat)

    def _ask(self, client: Client, chat: str) -> None:
        *_, ending = client.send(chat, SendRequest(content=f"What does a horse eat? {self._random.random()}"))
        if not isinstance(ending, Finished):
            return
        for message in client.chat(chat).messages[-2:]:
            self._told.texts[message.id] = message.content

    def _one(self, client: Client, chat: str) -> str:
        ids = [message.id for message in client.chat(chat).messages]
        return self._random.choice(ids) if ids else ""

    def _edit(self, client: Client, chat: str) -> None:
        if message := self._one(client, chat):
            text = f"Edited {self._random.random()}"
            self._told.open.add(message)
            client.patch_message(chat, message, MessagePatch(content=text))
            self._told.texts[message] = text
            self._told.open.discard(message)

    def _delete(self, client: Client, chat: str) -> None:
        if message := self._one(client, chat):
            for gone in (True, False)[: self._random.choice((1, 2))]:
                self._told.open.add(message)
                client.patch_message(chat, message, MessagePatch(deleted=gone))
                self._told.deleted[message] = gone
                self._told.open.discard(message)

    def _branch(self, client: Client, chat: str) -> None:
        made = client.branch_chat(chat)
        self._told.branches[made.summary.id] = len(made.messages)

    def _trash(self, client: Client, chat: str) -> None:
        for gone in (True, False)[: self._random.choice((1, 2, 2))]:
            self._told.open.add(chat)
            client.delete_chat(chat) if gone else client.restore_chat(chat)
            self._told.trashed[chat] = gone
            self._told.open.discard(chat)
        if self._told.trashed[chat]:
            self._chats.remove(chat)


class Kills:
    """The rounds, in the data folder ``home``."""

    def __init__(self, home: Home, seed: int, most_lost_s: float) -> None:
        self._home = home
        self._random = random.Random(seed)
        self._most_lost_s = most_lost_s
        self._told = Told()
        self.checked = 0
        self.lost_s = 0.0
        for name, script in MODELS.items():
            folder = home.models / "test" / name
            folder.mkdir(parents=True)
            (folder / f"{name}.echo.json").write_text(json.dumps(script))
        home.settings_file.write_text("welcomed = true\n")

    def round(self, *, window: bool) -> None:
        """Change, kill the host, or only the window, at a random moment, and look at what is there. Raises Wrong."""
        with Client.connect(self._home) as client:
            host = client.handshake().pid
            client.chats()
        shown = self._open_window() if window else None
        stream = Stream(self._home)
        changes = Changes(self._home, self._told, self._random.randrange(2**32))
        before = self._told.count()
        wait_for(lambda: stream.heard and self._told.count() >= before + CHANGES, "something is said and changed")
        time.sleep(self._random.uniform(0.05, 1.9))
        killed = time.monotonic()
        if shown is not None:
            shown.kill()
            shown.wait()
            changes.stop()
            self._check_window()
            killed = time.monotonic()
        os.kill(host, signal.SIGKILL)
        wait_for(lambda: not lock_held(self._home), "the host ends")
        changes.stop()
        stream.join()
        self._check(stream, killed)

    def _open_window(self) -> subprocess.Popen[str]:
        environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
        window = subprocess.Popen(
            [sys.executable, "-c", WINDOW],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert window.stdout is not None
        late = threading.Timer(DEADLINE_S, window.kill)
        late.start()
        said = window.stdout.readline()
        late.cancel()
        window.stdout.close()
        if not said:
            raise Wrong("the window asked nothing")
        return window

    def _check_window(self) -> None:
        """What the killed window has asked is answered all the same."""
        with Client.connect(self._home) as client:
            wait_for(lambda: all(item.model != "test/fast" for item in client.generations()), "the answers end")
            for summary in client.chats():
                messages = client.chat(summary.id).messages
                if messages and summary.model == "test/fast" and messages[-1].state not in ("done", "interrupted"):
                    raise Wrong(f"an answer is {messages[-1].state} after its window was killed")

    def _check(self, stream: Stream, killed: float) -> None:
        told, path = self._told, self._home.chats_file
        if found := problem(path, full=True):
            raise Wrong(f"the database: {found}")
        with closing(sqlite3.connect(path)) as rows:
            messages = {row[0]: row[1:] for row in rows.execute("SELECT id, content, deleted FROM messages")}
            chats = dict(rows.execute("SELECT id, deleted FROM chats"))
            counts = dict(rows.execute("SELECT chat_id, count(*) FROM messages GROUP BY chat_id"))
        for message, text in told.texts.items():
            if message not in messages or (message not in told.open and messages[message][0] != text):
                raise Wrong(f"a finished message is missing or another: {message}")
        for message, gone in told.deleted.items():
            if message not in told.open and (messages[message][1] is not None) != gone:
                raise Wrong(f"a message that was {'deleted' if gone else 'brought back'} is not")
        for chat, gone in told.trashed.items():
            if chat not in told.open and (chats[chat] is not None) != gone:
                raise Wrong(f"a conversation that was {'trashed' if gone else 'restored'} is not")
        for chat, count in told.branches.items():
            if counts.get(chat, 0) < count:
                raise Wrong("a branch is not whole")
        told.open.clear()
        self._learn(messages, chats)
        self.checked += told.count()
        lost = stream.lost(messages[stream.answer][0], killed)
        self.lost_s = max(self.lost_s, lost)
        if lost > self._most_lost_s:
            raise Wrong(f"{lost:.2f} s of a running answer are lost")

    def _learn(self, messages: dict[str, tuple[str, float | None]], chats: dict[str, float | None]) -> None:
        """What was open has been decided now."""
        told = self._told
        told.texts = {message: messages[message][0] for message in told.texts}
        told.deleted = {message: messages[message][1] is not None for message in told.deleted}
        told.trashed = {chat: chats[chat] is not None for chat in told.trashed}

    def close(self) -> None:
        with suppress(PaddockError), Client.connect(self._home, start=False) as client:
            client.shutdown("now")
        wait_for(lambda: not lock_held(self._home), "the host ends")


def wait_for(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            raise Wrong(f"not within {DEADLINE_S:.0f} s: {what}")
        time.sleep(0.005)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32), help="of the moments (default: any)")
    parser.add_argument("--lost", type=float, default=LOST_S, help="seconds of a running answer (default: %(default)s)")
    asked = parser.parse_args()
    wrong = ""
    with tempfile.TemporaryDirectory(prefix="paddock-kills-", ignore_cleanup_errors=True) as folder:
        os.environ |= {"PADDOCK_HOME": folder, "PADDOCK_STORES": "off"}
        kills = Kills(Home(Path(folder)), asked.seed, asked.lost)
        done = 0
        try:
            while done < asked.kills:
                window = done % 3 == 0 and done + 1 < asked.kills
                kills.round(window=window)
                done += 2 if window else 1  # the window, then its host
        except Wrong as error:
            wrong = str(error)
        finally:
            kills.close()
    figures = {"kills": done, "seed": asked.seed, "checked": kills.checked, "lost_s": round(kills.lost_s, 2)}
    sys.stdout.write(json.dumps({**figures, "wrong": wrong}) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
