"""Downloads and jobs in words, and in the order they are shown. Values only."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from paddock.sdk.downloads import Download, DownloadState
from paddock.sdk.errors import ErrorInfo
from paddock.sdk.jobs import Job, JobState
from paddock.sdk.types import ModelInfo
from paddock.sdk.units import bytes_text

Section = Literal["running", "waiting", "stopped", "done"]
SECTIONS: dict[Section, str] = {
    "running": "Under way",
    "waiting": "Waiting",
    "stopped": "Paused or failed",
    "done": "Done",
}
RailState = Literal["running", "paused", "failed", "done"]
_COARSE_S = 5


@dataclass(frozen=True)
class Item:
    """A download or a job as it is shown. ``fraction`` is None where nobody can tell; ``line`` says how far it is;
    ``model`` is the library's id of what came of it."""

    id: str
    section: Section
    title: str
    about: str
    line: str
    fraction: float | None
    state: DownloadState | JobState
    note: str = ""
    error: ErrorInfo | None = None
    model: str = ""
    source: Download | Job | None = None

    @property
    def is_download(self) -> bool:
        return isinstance(self.source, Download)

    def words(self) -> str:
        """All of it for a screen reader."""
        told = (self.title, self.about, self.line, self.note, self.error.message if self.error else "")
        return ", ".join(part for part in told if part)


def items(downloads: Iterable[Download], jobs: Iterable[Job], models: Iterable[ModelInfo]) -> list[Item]:
    """What runs, what waits in its order, what stopped, and what is done, the latest first."""
    downloads = list(downloads)
    arrived = {download.path for download in downloads if download.path}
    by_path = {info.path: info.id for info in models if info.path in arrived}
    found = [download_item(download, by_path.get(download.path, "")) for download in downloads]
    found += [job_item(job) for job in jobs]
    done = sorted((item for item in found if item.section == "done"), key=_added, reverse=True)
    order = list(SECTIONS)
    return sorted((item for item in found if item.section != "done"), key=lambda i: order.index(i.section)) + done


def _added(item: Item) -> float:
    return item.source.added if item.source is not None else 0.0


def download_item(download: Download, model: str = "") -> Item:
    owner, _, rest = download.model.partition("/")
    name, _, quant = rest.rpartition(":")
    total = download.total_bytes
    section: Section
    match download.state:
        case "running":
            section, line = "running", _moving(download)
        case "queued":
            section, line = "waiting", amount(download.done_bytes, total)
        case "paused":
            section, line = "stopped", f"Paused at {amount(download.done_bytes, total)}"
        case "failed":
            section, line = "stopped", f"Failed at {amount(download.done_bytes, total)}"
        case "done":
            section, line = "done", bytes_text(total)
        case _:
            assert_never(download.state)
    done = download.verified_bytes if download.verifying else download.done_bytes
    return Item(
        id=download.id,
        section=section,
        title=name or rest,
        about=" · ".join(part for part in (quant, owner) if part),
        line=line,
        fraction=done / total if total else None,
        state=download.state,
        note=download.note,
        error=download.error,
        model=model,
        source=download,
    )


def _moving(download: Download) -> str:
    total = download.total_bytes
    if download.verifying:
        return f"Comparing checksums, {amount(download.verified_bytes, total)}"
    speed = f"{bytes_text(download.speed)}/s" if download.speed else ""
    return _joined(amount(download.done_bytes, total), speed, left_words(download.seconds_left))


def job_item(job: Job) -> Item:
    section: Section
    progress = amount(job.done_bytes, job.total_bytes) if job.total_bytes else ""
    match job.state:
        case "running":
            section, line = "running", _joined(progress, left_words(job.seconds_left)) or "Running"
        case "queued":
            section, line = "waiting", "Waits for its turn"
        case "failed":
            section, line = "stopped", "Failed"
        case "done":
            section, line = "done", bytes_text(job.total_bytes) if job.total_bytes else "Done"
        case "cancelled":
            section, line = "done", "Cancelled"
        case _:
            assert_never(job.state)
    return Item(
        id=job.id,
        section=section,
        title=job.title,
        about="",
        line=line,
        fraction=job.share(),
        state=job.state,
        note=job.note if section == "running" else "",
        error=job.error,
        model=job.model if job.state == "done" else "",
        source=job,
    )


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def amount(done: int, total: int) -> str:
    """“1.2 of 5.0 GB”: both in the unit of the whole, except “12.0 MB of 5.0 GB” where that would say 0.0."""
    whole = bytes_text(total)
    unit = whole.rpartition(" ")[2]
    if bytes_text(done).endswith(f" {unit}"):
        return f"{bytes_text(done).rpartition(' ')[0]} of {whole}"
    scale = 1000 ** ("B", "kB", "MB", "GB", "TB").index(unit)
    if not done:
        return f"0 of {whole}"
    part = f"{done / scale:.1f}"
    return f"{bytes_text(done) if part == '0.0' else part} of {whole}"


def left_words(seconds: float | None) -> str:
    """“4 min left”; seconds in steps, so that the words stand still long enough to be read."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{max(_COARSE_S, math.ceil(seconds / _COARSE_S) * _COARSE_S)} s left"
    if seconds < 5400:
        return f"{math.ceil(seconds / 60)} min left"
    hours = math.ceil(seconds / 3600)
    return f"{hours} h left" if hours < 48 else f"{math.ceil(hours / 24)} days left"


@dataclass(frozen=True)
class Summary:
    """What the rail shows of everything together: its state, how far it is, two words, and a sentence."""

    state: RailState
    fraction: float | None
    words: str
    sentence: str


def summary(shown: Sequence[Item], unseen: Iterable[str]) -> Summary | None:
    """None where the rail has nothing to show. ``unseen`` are ids of what is done and nobody has looked at."""
    moving = [item for item in shown if item.section in ("running", "waiting")]
    failed = [item for item in shown if item.state == "failed"]
    paused = [item for item in shown if item.state == "paused"]
    done = [item for item in shown if item.section == "done" and item.id in set(unseen)]
    if moving:
        left = _left(moving)
        failures = f", {len(failed)} failed" if failed else ""
        return Summary("running", _share(moving), left, f"{len(moving)} under way or waiting, {left}{failures}")
    if failed:
        return Summary("failed", _share(failed), f"{len(failed)} failed", f"{len(failed)} failed")
    if paused:
        return Summary("paused", _share(paused), "paused", f"{len(paused)} paused")
    if done:
        return Summary("done", 1.0, "done", f"{len(done)} done")
    return None


def _sizes(item: Item) -> tuple[int, int]:
    if isinstance(item.source, Download | Job):
        return item.source.done_bytes, item.source.total_bytes
    return 0, 0


def _share(shown: Sequence[Item]) -> float | None:
    done, total = map(sum, zip(*(_sizes(item) for item in shown), strict=True))
    return done / total if total else None


def _left(moving: Sequence[Item]) -> str:
    """The time of all downloads at the speed of the one that runs, or of the only job."""
    downloads = [item.source for item in moving if isinstance(item.source, Download)]
    speed = sum(download.speed or 0.0 for download in downloads)
    if speed:
        return left_words(sum(download.total_bytes - download.done_bytes for download in downloads) / speed)
    if any(download.verifying for download in downloads):
        return "checking"
    times = [item.source.seconds_left for item in moving if isinstance(item.source, Job) and item.source.seconds_left]
    if times:
        return left_words(max(times))
    share = _share(moving)
    return f"{share:.0%}".replace("%", " %") if share is not None else "running"
