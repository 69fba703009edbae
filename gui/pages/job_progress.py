"""How far jobs are that a dialog has started."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.widgets import Label, Notice, Progress
from paddock.sdk.jobs import ENDED, Job
from paddock.sdk.units import bytes_text, span_text


def job_words(job: Job) -> str:
    """“1.2 of 5.0 GB · 4 min left”, “40 % · 90 conversations read”, or what it waits for."""
    size = f"{job.fraction * 100:.0f} %" if job.fraction is not None else ""
    if job.total_bytes:
        size = f"{bytes_text(job.done_bytes)} of {bytes_text(job.total_bytes)}"
    left = f"{span_text(job.seconds_left)} left" if job.seconds_left is not None and job.state == "running" else ""
    waits = "waiting for its turn" if job.state == "queued" else job.note
    return " · ".join(part for part in (size, left, waits) if part)


class JobProgress(QWidget):
    """Follows jobs to their end. ``ended`` carries them when all have come to it."""

    ended = Signal(object)

    def __init__(self, host: HostState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host = host
        self._jobs: dict[str, Job] = {}
        self._over = False
        self.title = Label("", 13, 500, wrap=True)
        self.bar = Progress("Progress")
        self.words = Label("", 12, 400, "text2", tabular=True, wrap=True)
        self.trouble = Notice()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        for part in (self.title, self.bar, self.words, self.trouble):
            column.addWidget(part)
        host.jobs_changed.connect(self._changed)
        self.hide()

    def follow(self, jobs: Sequence[Job]) -> None:
        """Show these from now on."""
        self._jobs = {job.id: job for job in jobs}
        self._over = False
        self.show()
        self._changed()

    def running(self) -> list[str]:
        """The ids of those that have not ended."""
        return [job.id for job in self._jobs.values() if job.state not in ENDED]

    def _changed(self) -> None:
        if not self._jobs or self._over:
            return
        self._jobs = {id: self._host.jobs.get(id, job) for id, job in self._jobs.items()}
        jobs = list(self._jobs.values())
        now = next(
            (job for job in jobs if job.state == "running"), next((j for j in jobs if j.state == "queued"), jobs[-1])
        )
        done, total = sum(job.done_bytes for job in jobs), sum(job.total_bytes for job in jobs)
        number = f"{jobs.index(now) + 1} of {len(jobs)}: " if len(jobs) > 1 else ""
        self.title.setText(number + now.title)
        self.bar.set_fraction(done / total if total else None)
        self.words.setText(job_words(now))
        failed = next((job.error for job in jobs if job.state == "failed" and job.error is not None), None)
        if failed is not None:
            self.trouble.show_message("bad", failed.message, failed.hint)
        if not self.running():
            self._over = True
            self.bar.setVisible(failed is None)
            self.words.setVisible(failed is None)
            self.ended.emit(jobs)
