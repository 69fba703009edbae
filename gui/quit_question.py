"""What happens to running work when the window is closed: asked once, for everything together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from PySide6.QtWidgets import QWidget

from paddock.gui.host_state import HostState
from paddock.gui.models.downloads import Item
from paddock.gui.pages.dialogue import Dialogue
from paddock.gui.pages.downloads_actions import DownloadActions
from paddock.gui.widgets.buttons import Kind
from paddock.gui.widgets.question import Question
from paddock.sdk.host import OnQuit, SettingsPatch

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient

Answer = Literal["go_on", "stop", "cancel"]
GO_ON = "Go on in the background"


@dataclass(frozen=True)
class Work:
    """What is under way. ``answers`` counts those that the host has not told of yet, too."""

    answers: int = 0
    downloads: int = 0
    jobs: int = 0

    def text(self) -> str:
        """“Two answers are being written, and a download is under way.”"""
        parts = (
            _counted(self.answers, "An answer is being written", "{} answers are being written"),
            _counted(self.downloads, "A download is under way", "{} downloads are under way"),
            _counted(self.jobs, "A job is running", "{} jobs are running"),
        )
        said = [part for part in parts if part]
        return ", and ".join([said[0], *(part[0].lower() + part[1:] for part in said[1:])]) + "."

    def about(self) -> str:
        """What the two ways out mean."""
        many = self.answers + self.downloads + self.jobs > 1
        if not (self.downloads or self.jobs):
            chat = "They can go on in the background and will be in their chats."
            return chat if many else "It can go on in the background and will be in its chat."
        go_on = f"{'They go' if many else 'It goes'} on in the background, and the next window shows how far."
        means = [
            "an answer keeps what it has" if self.answers else "",
            "a download goes on from where it is" if self.downloads else "",
            "a job is undone" if self.jobs else "",
        ]
        how = "paused" if self._only_downloads else "stopped"
        return f"{go_on} If {how}, {', '.join(part for part in means if part)}."

    def stop_label(self) -> str:
        return "Pause and quit" if self._only_downloads else "Stop and quit"

    @property
    def _only_downloads(self) -> bool:
        return bool(self.downloads) and not (self.answers or self.jobs)


def _counted(number: int, one: str, many: str) -> str:
    return "" if not number else one if number == 1 else many.format(number)


class QuitQuestion:
    """``session_ends`` is set when the desktop session ends: then nothing is asked and everything goes on, or ends
    with the session."""

    def __init__(self, host: HostState, actions: DownloadActions, dialogue: Dialogue, window: QWidget) -> None:
        self._host, self._actions, self._dialogue, self._window = host, actions, dialogue, window
        self.session_ends = False

    def may_quit(self) -> bool:
        """Do with what runs as the settings or the person say; False: the window stays."""
        if self._host.connection != "connected" or self.session_ends:
            return True
        rule = self._host.settings.on_quit
        answers, unheard = self._answers()
        moving, jobs = self._actions.moving(), self._jobs()
        ask = rule == "ask"
        work = Work(len(answers) + unheard, len(moving) if ask else 0, len(jobs) if ask else 0)
        answer: Answer = self._ask(work) if work != Work() else "go_on"
        if answer == "cancel":
            return False
        if answer == "stop":
            self._stop(answers, unheard, jobs if ask else [])
        if rule == "pause" or (ask and answer == "stop"):
            self._actions.pause_all()
        return True

    def _answers(self) -> tuple[list[str], bool]:
        """Those of this window's kind, and whether there is one that the host has yet to tell of."""
        running = [item.id for item in self._host.generations.values() if item.client == "window"]
        run = self._dialogue.run
        return running, run is not None and not run.ended and run.answer not in running

    def _jobs(self) -> list[Item]:
        shown = self._actions.items()
        return [item for item in shown if not item.is_download and item.section in ("running", "waiting")]

    def _ask(self, work: Work) -> Answer:
        keep = "Do not ask again about downloads" if work.downloads else ""
        answers: tuple[tuple[str, Kind], ...] = ((work.stop_label(), "secondary"), (GO_ON, "primary"))
        box = Question(work.text(), work.about(), answers, self._window, keep=keep)
        given = box.ask()
        if box.keep.isChecked() and given:
            rule: OnQuit = "go_on" if given == GO_ON else "pause"
            self._host.change_settings(SettingsPatch(on_quit=rule))
        return "cancel" if not given else "go_on" if given == GO_ON else "stop"

    def _stop(self, answers: Sequence[str], unheard: bool, jobs: Sequence[Item]) -> None:
        for generation in answers:
            self._host.call(partial(_cancel, generation))
        if unheard:
            self._dialogue.stop()
        for job in jobs:
            self._host.call(partial(_cancel_job, job.id))


async def _cancel(generation: str, client: AsyncClient) -> None:
    await client.cancel(generation)


async def _cancel_job(job: str, client: AsyncClient) -> None:
    await client.cancel_job(job)
