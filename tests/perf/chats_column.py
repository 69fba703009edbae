"""``python -m tests.perf.chats_column``: how long the list of conversations holds the window up with 2,000 chats.

Prints milliseconds of the GUI thread's own time (median and largest of the rounds) for what happens while one works: an
answer begins or ends in one chat, a letter is typed into the search field, a folder is opened, the whole list comes
from the host. Exits with 1 where a median is over 50 ms.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

CHATS, FOLDERS, ROUNDS, LIMIT_MS = 2000, 40, 15, 50.0


def main() -> int:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ["PADDOCK_HOME"] = tempfile.mkdtemp(prefix="paddock-perf-")
    from PySide6.QtWidgets import QApplication

    from paddock.gui.app import App, make_application
    from paddock.gui.crash_log import CrashLog
    from paddock.gui.messages import Messages
    from paddock.sdk.chats import ChatFolder
    from paddock.sdk.paths import Home
    from paddock.sdk.types import ChatSummary

    application = make_application()
    messages, home = Messages(), Home(Path(os.environ["PADDOCK_HOME"]))
    app = App(application, home, CrashLog(home.root / "window.log", messages.error), messages)
    window, host = app.window, app.host
    window.first_painted.disconnect(app._painted)  # no host is started: its empty list would take the place of ours
    window.resize(1280, 800)
    window.show()
    QApplication.processEvents()
    column, now = window.chat.chats, time.time()
    folders = [ChatFolder(id=f"f{n}", name=f"Folder {n}", parent=f"f{n // 4}" if n > 3 else "") for n in range(FOLDERS)]
    column.deeds._take_folders(folders)
    chats = [
        ChatSummary(id=f"c{n}", title=f"Chat {n} about horses", created=now, updated=now - n * 900, pinned=n % 97 == 0,
                    folder=f"f{n % FOLDERS}" if n % 5 == 0 else "", tags=("animals",) if n % 11 == 0 else ())
        for n in range(CHATS)
    ]  # fmt: skip
    host.chats_known = True

    def answering(number: int) -> None:
        chat = chats[(number * 37) % CHATS]
        host.learn_chat(msgspec.structs.replace(chat, generating="g" if number % 2 else None, updated=now + number))

    def fold(number: int) -> None:
        folder = column._model.folder_row("f0")
        assert folder.isValid()
        column._fold(folder, bool(number % 2))

    def typing(number: int) -> None:
        column.search.setText("horses"[: number % 6 + 1])

    worst = 0.0
    for name, step in (
        ("the list comes", lambda _: host._set_chats(list(chats))),
        ("an answer begins or ends", answering),
        ("a letter is typed", typing),
        ("the search is over", lambda n: column.search.setText("x" if n % 2 else "")),
        ("a folder is opened or closed", fold),
    ):
        if name.startswith("a folder"):
            column.search.clear()
        worst = max(worst, measured(name, step, QApplication.processEvents))
    window._quitting = True
    window.close()
    app.close()
    return int(worst > LIMIT_MS)


def measured(name: str, step: Callable[[int], object], settle: Callable[[], object]) -> float:
    """The median of the rounds in milliseconds; each with what the event loop has to do for it."""
    taken = []
    for number in range(ROUNDS):
        settle()
        started = time.thread_time()
        step(number)
        settle()
        taken.append((time.thread_time() - started) * 1000)
    median = statistics.median(taken)
    print(f"{name:32} {median:6.1f} ms, at most {max(taken):6.1f}")  # noqa: T201  the command's output
    return median


if __name__ == "__main__":
    sys.exit(main())
