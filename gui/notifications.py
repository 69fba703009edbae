"""What is told when something long has ended: in the window, and on the desktop while no window of ours is in front."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from functools import partial
from typing import Protocol

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QApplication, QSystemTrayIcon

from paddock.gui import desktop_notice
from paddock.gui.bridge import Bridge
from paddock.gui.host_state import HostState
from paddock.gui.messages import Action, Messages
from paddock.gui.models.downloads import download_item
from paddock.sdk.compare import Batch
from paddock.sdk.downloads import Download
from paddock.sdk.errors import ErrorInfo
from paddock.sdk.host import Generation
from paddock.sdk.jobs import Job
from paddock.sdk.units import bytes_text

STAYS_S = 20
TRAY_MS = 10_000
LONG_ANSWER_S = 20
"""An answer that took less has nobody gone away."""

Show = Callable[[str, str, Mapping[str, str]], AsyncGenerator[str, None]]


class Goals(Protocol):
    """Where a notice leads to: the window."""

    def chat_with(self, model: str) -> None: ...
    def load_with_settings(self, model: str) -> None: ...
    def show_page(self, page: str) -> None: ...
    def open_chat(self, chat: str) -> None: ...
    def show_batch(self, batch: Batch) -> None: ...
    def shows_batch(self, batch: str) -> bool: ...
    def come_forward(self, token: str = "") -> None: ...


class Notifications(QObject):
    """Listens to the host for as long as the window lives. GUI thread."""

    def __init__(
        self,
        host: HostState,
        messages: Messages,
        bridge: Bridge,
        goals: Goals,
        *,
        show: Show = desktop_notice.show,
        in_front: Callable[[], bool] = lambda: QApplication.activeWindow() is not None,
    ) -> None:
        super().__init__()
        self._host, self._messages, self._bridge, self._goals = host, messages, bridge, goals
        self._show, self._in_front = show, in_front
        self._answers: dict[str, Generation] = {}
        self._stuck: set[str] = set()
        self._batches: set[str] = set()
        host.downloads_changed.connect(self._look_for_stuck)
        host.download_ended.connect(self._download_ended)
        host.job_ended.connect(self._job_ended)
        host.batch_changed.connect(self._batch_changed)
        host.snapshot.connect(lambda: self._answers.update(host.generations))
        host.generation_started.connect(lambda answer: self._answers.update({answer.id: answer}))
        host.generation_ended.connect(self._answer_ended)

    def _download_ended(self, download: Download) -> None:
        name = _name(download)
        if download.state == "done":
            size = bytes_text(download.total_bytes)
            self._came(f"done-{download.id}", f"{name} is here, {size}.", lambda: self._model_at(download.path))
        elif download.state == "failed":
            self._failed(f"done-{download.id}", f"{name} was not downloaded.", download.error)

    def _look_for_stuck(self) -> None:
        """One that was paused by itself, as on a full disk, ends nothing but waits for somebody."""
        stuck = {item.id: item for item in self._host.downloads.values() if item.state == "paused" and item.error}
        for id in stuck.keys() - self._stuck:
            self._failed(f"done-{id}", f"{_name(stuck[id])} had to be paused.", stuck[id].error)
        self._stuck = set(stuck)

    def _job_ended(self, job: Job) -> None:
        if job.state == "done" and job.model:
            self._came(f"done-{job.id}", f"{job.title}: done.", lambda: job.model)
        elif job.state == "done":
            self._messages.info(f"{job.title}: done.", seconds=STAYS_S, key=f"done-{job.id}")
            self._tell(f"{job.title}: done.", {})
        elif job.state == "failed":
            self._failed(f"done-{job.id}", f"{job.title}: failed.", job.error)

    def _batch_changed(self, id: str, batch: Batch | None) -> None:
        """One that ends, or has to be paused, while nobody looks at it."""
        ran = id in self._batches
        self._batches.discard(id)
        if batch is not None and batch.state == "running":
            self._batches.add(id)
        elif ran and batch is not None and (batch.state == "done" or batch.note) and not self._goals.shows_batch(id):
            failed = f", {batch.failed:,} failed" if batch.failed else ""
            answers = f"{batch.total:,} {'answer' if batch.total == 1 else 'answers'}"
            done = f"“{batch.name}” is done: {answers}{failed}."
            show = Action("Show", partial(self._goals.show_batch, batch))
            if batch.state == "done":
                self._messages.info(done, show, seconds=STAYS_S, key=f"batch-{id}")
            else:
                self._messages.warn(f"“{batch.name}” had to be paused. {batch.note}", show, key=f"batch-{id}")
            self._tell(done if batch.state == "done" else f"“{batch.name}” had to be paused.", {"show": show})

    def _answer_ended(self, number: str, chat: str) -> None:
        answer = self._answers.pop(number, None)
        if answer is None or answer.client != "window" or time.time() - answer.started < LONG_ANSWER_S:
            return
        summary = self._host.chats.get(chat)
        title = f" in “{summary.title}”" if summary is not None and summary.title else ""
        known = summary is not None
        self._tell(f"The answer{title} is there.", {}, partial(self._goals.open_chat, chat) if known else None)

    # ---------------------------------------------------------------- telling

    def _came(self, key: str, text: str, model: Callable[[], str]) -> None:
        ways = {
            "load": Action("Load", partial(self._go, model, self._goals.load_with_settings)),
            "chat": Action("Chat", partial(self._go, model, self._goals.chat_with)),
        }
        self._messages.info(text, ways["load"], second=ways["chat"], seconds=STAYS_S, key=key)
        self._tell(text, ways)

    def _failed(self, key: str, text: str, error: ErrorInfo | None) -> None:
        why = f"{text} {error.message} {error.hint}".strip() if error is not None else text
        show = Action("Show", lambda: self._goals.show_page("downloads"))
        self._messages.error(why, show, key=key)
        self._tell(why, {"show": show})

    def _go(self, model: Callable[[], str], way: Callable[[str], None]) -> None:
        found = model()
        if found:
            way(found)
        else:  # the list of models has yet to come, or it was deleted since
            self._goals.show_page("downloads")

    def _model_at(self, path: str) -> str:
        return next((info.id for info in self._host.models.values() if info.path == path), "")

    def _tell(self, text: str, ways: Mapping[str, Action], goal: Callable[[], None] | None = None) -> None:
        """On the desktop, where somebody else is in front and it is wanted. A click on it leads to ``goal``."""
        if self._in_front() or not self._host.settings.notify:
            return
        if sys.platform != "linux":
            self._tray(text, goal)
            return
        words = {key: action.label for key, action in ways.items()}
        show = self._show

        def chosen(keys: list[str]) -> None:
            self._goals.come_forward()
            if goal is not None and keys:
                goal()
            for key in keys:
                if key in ways:
                    ways[key].run()

        # without a session bus, or with a strange one, the notice in the window is enough
        self._bridge.stream(lambda: show("Paddock", text, words), chosen, None, lambda _: None, self)

    def _tray(self, text: str, goal: Callable[[], None] | None) -> None:
        """As macOS and Windows let a program speak through Qt: from an icon that goes again."""
        if not QSystemTrayIcon.isSystemTrayAvailable():
            return
        tray = QSystemTrayIcon(QApplication.windowIcon(), self)
        tray.messageClicked.connect(lambda: self._goals.come_forward())
        if goal is not None:
            tray.messageClicked.connect(goal)
        tray.show()
        tray.showMessage("Paddock", text, QApplication.windowIcon(), TRAY_MS)
        QTimer.singleShot(TRAY_MS, tray.deleteLater)


def _name(download: Download) -> str:
    return f"{download_item(download).title} {download.model.rpartition(':')[2]}".strip()
