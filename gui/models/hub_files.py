"""The files of a repository as rows: each quant with its verdict, and what there is of it on this computer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from paddock.gui.models.memory import duration_text
from paddock.gui.widgets.badge import fit_words
from paddock.sdk.downloads import Download
from paddock.sdk.hub import HubModel, QuantFit, RepoFits
from paddock.sdk.memory import MACHINE_MEMORY, Estimate, EstimatedDevice
from paddock.sdk.units import bytes_text

Index = QModelIndex | QPersistentModelIndex
FILE = Qt.ItemDataRole.UserRole + 1
"""Role of the row's :class:`FileRow`."""


@dataclass(frozen=True)
class FileRow:
    """One quant. ``fit`` is None until it was estimated; ``model`` is the id of the model on disk, ``download`` the one
    on its way. ``reason`` is told of the quant that suits best."""

    label: str
    source: str
    size_bytes: int
    files: int
    missing: tuple[str, ...] = ()
    fit: QuantFit | None = None
    reason: str = ""
    model: str = ""
    download: Download | None = None

    @property
    def estimate(self) -> Estimate | None:
        return self.fit.estimate if self.fit is not None else None

    @property
    def coming(self) -> bool:
        """It is in the queue, whether it moves or not."""
        return not self.model and self.download is not None and self.download.state != "done"

    @property
    def judged(self) -> bool:
        """It is whole, and of a kind of which it can be told what it takes."""
        return not self.missing and self.estimate is not None and self.estimate.verdict != "cannot_tell"

    def verdict_words(self) -> str:
        """“fits”, “fits with 3k context”; empty until it was estimated."""
        estimate = self.estimate
        return fit_words(estimate.verdict, estimate.remedy) if estimate is not None else ""

    def best_words(self) -> str:
        """Why it suits best; empty for the others."""
        return f"Best here: {self.reason[:1].lower()}{self.reason[1:]}" if self.reason else ""

    def words(self) -> str:
        """What is to be said of it beside its numbers."""
        if self.missing:
            parts = len(self.missing) + self.files
            return f"{len(self.missing)} of {parts} parts are missing on the hub"
        if self.coming and self.download is not None:
            return progress_words(self.download)
        if self.reason:
            return self.best_words()
        return "downloaded" if self.model else self.fit.about if self.fit is not None else ""

    def action(self) -> str:
        """What its button does."""
        if self.missing:
            return ""
        if self.coming and self.download is not None:
            return "Pause" if self.download.state in ("running", "queued") else "Resume"
        return "Chat" if self.model else "Download"

    def described(self) -> str:
        """All that the row shows, for a screen reader."""
        on_disk = "downloaded" if self.model and self.reason else ""
        words = (self.label, bytes_text(self.size_bytes), self.verdict_words(), self.words(), on_disk, self.action())
        return ", ".join(word for word in words if word)


def main_device(estimate: Estimate) -> EstimatedDevice | None:
    """The device that decides: where the least is left of what takes something, the machine's memory last."""
    used = [device for device in estimate.devices if device.bytes]
    gpus = [device for device in used if device.name != MACHINE_MEMORY]
    return max(gpus or used, key=_share, default=None)


def fill_of(estimate: Estimate) -> float:
    """How much of what is free on the device that decides it would take; 0 to 1, and above where it does not fit."""
    device = main_device(estimate)
    return _share(device) if device is not None else 0.0


def _share(device: EstimatedDevice) -> float:
    free = device.total if device.free is None else device.free
    return device.bytes / free if free > 0 else 2.0


def progress_words(download: Download) -> str:
    """How far a download is, in a few words."""
    total = download.total_bytes
    share = f"{100 * download.done_bytes / total:.0f} %" if total else ""
    match download.state:
        case "running" if download.verifying:
            return "checking"
        case "running":
            left = duration_text(download.seconds_left) if download.seconds_left is not None else ""
            return ", ".join(part for part in (share, f"{left} left" if left else "") if part)
        case "queued":
            return "waiting"
        case "paused":
            return f"paused at {share}" if share else "paused"
        case "failed":
            return "failed"
        case "done":
            return "downloaded"


def label_of(model: HubModel, name: str) -> str:
    """The label of the one that ``name`` means: a label in any case, or the name or path of a file; empty for none."""
    wanted = name.casefold()
    for quant in model.quants:
        files = (file.path.casefold() for file in quant.files)
        if wanted == quant.label.casefold() or any(wanted in (path, path.rpartition("/")[2]) for path in files):
            return quant.label
    return ""


def file_rows(
    model: HubModel,
    fits: RepoFits | None,
    downloads: Iterable[Download],
    on_disk: Mapping[str, str] | Collection[str],
    *,
    ascending: bool = False,
) -> list[FileRow]:
    """The rows by size. ``on_disk``: ids of the models on this computer, which are the names of what was
    downloaded."""
    known = {fit.label: fit for fit in fits.fits} if fits is not None else {}
    coming = {download.model: download for download in downloads}
    rows = []
    for quant in model.quants:
        fit = known.get(quant.label)
        best = fits is not None and quant.label == fits.best
        rows.append(
            FileRow(
                label=quant.label,
                source=quant.source,
                size_bytes=quant.size_bytes,
                files=len(quant.files),
                missing=quant.missing,
                fit=fit,
                reason=fits.reason if best and fits is not None else "",
                model=(fit.downloaded if fit is not None else "") or (quant.source if quant.source in on_disk else ""),
                download=coming.get(quant.source),
            )
        )
    return sorted(rows, key=lambda row: row.size_bytes, reverse=not ascending)


def count_words(model: HubModel) -> str:
    """“7 quants, one file each”, “7 quants, 3 of them in parts”."""
    number = len(model.quants)
    split = sum(len(quant.files) > 1 for quant in model.quants)
    if not number:
        return ""
    quants = "1 quant" if number == 1 else f"{number} quants"
    if not split:
        return f"{quants}, one file each" if number > 1 else f"{quants}, one file"
    return f"{quants}, in parts" if split == number else f"{quants}, {split} of them in parts"


class FileList(QAbstractListModel):
    """Rows that change in place while their number and order stay."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: list[FileRow] = []

    def show(self, rows: list[FileRow]) -> None:
        if [row.label for row in rows] != [row.label for row in self.rows]:
            self.beginResetModel()
            self.rows = rows
            self.endResetModel()
            return
        before, self.rows = self.rows, rows
        for number, row in enumerate(rows):
            if row != before[number]:
                where = self.index(number, 0)
                self.dataChanged.emit(where, where)

    def row(self, index: Index) -> FileRow | None:
        return self.rows[index.row()] if index.isValid() else None

    def row_of(self, label: str) -> QModelIndex:
        number = next((number for number, row in enumerate(self.rows) if row.label == label), None)
        return self.index(number, 0) if number is not None else QModelIndex()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.row(index)
        if row is None:
            return None
        if role == FILE:
            return row
        if role == Qt.ItemDataRole.DisplayRole:
            return row.label
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return row.described()
        if role == Qt.ItemDataRole.ToolTipRole:
            estimate = row.estimate
            return "\n".join(part for part in (row.source, estimate.sentence if estimate else "", row.words()) if part)
        return None
