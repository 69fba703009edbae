"""What is done with the chosen file: download, pause, load, chat; with size, time and disk."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from paddock.gui.models.hub_files import FileRow
from paddock.gui.models.memory import duration_text
from paddock.gui.theme import current
from paddock.gui.widgets import Button, Label, Progress
from paddock.gui.widgets.buttons import LargeButton
from paddock.gui.widgets.labels import no_word_alone
from paddock.sdk.downloads import Download
from paddock.sdk.memory import Verdict
from paddock.sdk.units import bytes_text

SPARE = 10**8
"""So many bytes of the disk are left alone, as the host does."""


def download_words(size: int, speed: float | None, disk_free: int) -> str:
    """“about 7 min at 12 MB/s, 214 GB free on disk”; without a time where no speed is known."""
    time = f"about {duration_text(size / speed)} at {bytes_text(speed)}/s" if speed else ""
    disk = f"{bytes_text(disk_free)} free on disk" if disk_free else ""
    return ", ".join(part for part in (time, disk) if part)


def running_words(download: Download) -> str:
    """“2.1 GB of 5.0 GB, 12 MB/s, 4 min left”."""
    parts = [f"{bytes_text(download.done_bytes)} of {bytes_text(download.total_bytes)}"]
    if download.verifying:
        return f"Comparing {bytes_text(download.total_bytes)} with the checksum"
    if download.state == "queued":
        return download.note or "Waiting for the downloads before it"
    if download.speed:
        parts.append(f"{bytes_text(download.speed)}/s")
    if download.seconds_left is not None:
        parts.append(f"{duration_text(download.seconds_left)} left")
    return ", ".join([*parts, *([download.note] if download.note else [])])


class ActionBar(QWidget):
    """``acted`` when the primary button was pressed; ``load_wanted``, ``cancel_wanted`` and ``downloads_wanted`` are
    the quieter ones beside it."""

    acted = Signal()
    load_wanted = Signal()
    cancel_wanted = Signal()
    downloads_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.primary = LargeButton("", "primary")
        self.load = Button("Load with settings")
        self.cancel = Button("Cancel download", "quiet")
        self.downloads = Button("Show downloads", "link")
        self.words = Label("", 13, 400, "text2", wrap=True, tabular=True)
        self.words.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.progress = Progress("Progress of the download")
        column = QVBoxLayout()
        column.setSpacing(4)
        column.addWidget(self.progress)
        column.addWidget(self.words)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self.primary)
        row.addWidget(self.load)
        row.addLayout(column, 1)
        row.setAlignment(column, Qt.AlignmentFlag.AlignVCenter)  # stretches would take the page's room for the bar
        row.addWidget(self.cancel)
        row.addWidget(self.downloads)
        self.primary.clicked.connect(self.acted)
        self.load.clicked.connect(self.load_wanted)
        self.cancel.clicked.connect(self.cancel_wanted)
        self.downloads.clicked.connect(self.downloads_wanted)

    def sizeHint(self) -> QSize:
        return QSize(320, max(super().sizeHint().height(), current().px(LargeButton.HIGH)))

    def show_row(self, row: FileRow, *, obstacle: str, disk_free: int, speed: float | None) -> None:
        """``obstacle``: why nothing can be had of this repository; ``speed`` of earlier downloads in bytes per
        second."""
        coming = row.download if row.coming else None
        self.load.setVisible(bool(row.model))
        self.cancel.setVisible(coming is not None)
        self.downloads.setVisible(coming is not None)
        self.progress.setVisible(coming is not None and coming.state != "failed")
        self.primary.setEnabled(True)
        token = "text2"
        if row.model:
            self._say("Chat", "On this computer.")
        elif coming is not None:
            token = self._show_download(coming)
        else:
            token = self._offer(row, obstacle, disk_free, speed)
        self.words.set_token(token)

    def _say(self, button: str, words: str) -> None:
        self.primary.setText(button)
        self.primary.setAccessibleDescription(words)
        self.words.setText(no_word_alone(words))
        self.words.setVisible(bool(words))

    def _show_download(self, download: Download) -> str:
        self.progress.set_fraction(download.done_bytes / max(1, download.total_bytes))
        if download.state in ("running", "queued"):
            self._say("Pause", running_words(download))
            return "text2"
        error = download.error
        said = " ".join(part for part in (error.message, error.hint) if part) if error is not None else ""
        if download.state == "failed":
            self._say("Try again", said or "The download failed.")
            return "bad"
        self._say("Resume", said or f"Paused. {running_words(download)}")
        return "warn" if said else "text2"

    def _offer(self, row: FileRow, obstacle: str, disk_free: int, speed: float | None) -> str:
        verdict: Verdict = row.estimate.verdict if row.estimate is not None else "cannot_tell"
        too_big = verdict == "does_not_fit"
        button = f"Download {'anyway' if too_big else row.label}, {bytes_text(row.size_bytes)}"
        words = download_words(row.size_bytes, speed, disk_free)
        token = "text2"
        if obstacle or row.missing:
            self.primary.setEnabled(False)
            words = "" if obstacle else row.words() + "."
        elif disk_free and row.size_bytes + SPARE > disk_free:
            self.primary.setEnabled(False)
            needed, free = (bytes_text(size).replace(" ", "\u00a0") for size in (row.size_bytes, disk_free))
            words, token = f"Not enough room: it needs {needed}, {free} are free on disk.", "bad"
        elif too_big:
            words = f"It does not fit, and may not load. {words[:1].upper()}{words[1:]}".strip()
        self._say(button, words)
        return token
