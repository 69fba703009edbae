"""What the Discover page says about repositories, and its list of results."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Any
from urllib.parse import urlsplit

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from paddock.gui.widgets.badge import fit_words
from paddock.sdk.hub import Badge, HubResult, Suggestion
from paddock.sdk.units import bytes_text

Index = QModelIndex | QPersistentModelIndex
Row = HubResult | Suggestion

BADGES: dict[Badge, str] = {
    "tools": "tools",
    "vision": "vision",
    "reasoning": "reasoning",
    "embedding": "embeddings",
    "rerank": "reranking",
}
LICENCES = {
    "apache-2.0": "Apache 2.0",
    "mit": "MIT",
    "gemma": "Gemma",
    "llama2": "Llama 2",
    "llama3": "Llama 3",
    "llama3.1": "Llama 3.1",
    "llama3.2": "Llama 3.2",
    "llama3.3": "Llama 3.3",
    "llama4": "Llama 4",
    "cc-by-4.0": "CC BY 4.0",
    "cc-by-nc-4.0": "CC BY-NC 4.0",
    "other": "own licence",
}
"""What a person calls the hub's names."""
_DAY = 86_400


class HubRole(IntEnum):
    """Data of a row beyond its name."""

    REPO = Qt.ItemDataRole.UserRole + 1
    """OWNER/REPO."""
    SOURCE = Qt.ItemDataRole.UserRole + 3
    """What is meant by the row: OWNER/REPO, of a suggestion with its quant."""
    ROW = Qt.ItemDataRole.UserRole + 2
    """The result or suggestion; None while it is on its way."""


def open_words(page: str) -> str:
    """What the button says that opens a page of the hub."""
    host = urlsplit(page).netloc
    return "Open on Hugging Face" if host in ("", "huggingface.co") else f"Open on {host}"


def count_text(number: int) -> str:
    """“612”, “41 k”, “1.4 M”."""
    for limit, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= 0.9995 * limit:
            short = number / limit
            return f"{short:.1f} {unit}" if short < 10 and unit != "k" else f"{short:.0f} {unit}"
    return str(number)


def parameters_text(number: int | None) -> str:
    """“8.2 B”, “600 M”; empty where it is not known."""
    if not number:
        return ""
    short, unit = (number / 10**9, "B") if number >= 10**9 else (number / 10**6, "M")
    return f"{short:.1f}".removesuffix(".0") + f" {unit}" if short < 100 else f"{short:.0f} {unit}"


def licence_text(licence: str) -> str:
    """The licence as a person writes it."""
    return LICENCES.get(licence, licence)


def age_words(then: float, now: float) -> str:
    """“updated 3 weeks ago”; both in Unix seconds. Empty for a time that is not known."""
    if not then:
        return ""
    days = int(max(0.0, now - then) // _DAY)
    if days < 2:
        return "updated yesterday" if days else "updated today"
    for length, unit in ((365, "year"), (30, "month"), (7, "week")):
        if days >= 2 * length:
            return f"updated {days // length} {unit}s ago"
    return f"updated {days} days ago"


def title_of(name: str) -> str:
    """A repository's name as a title: “Qwen3 8B” of ``Qwen3-8B-GGUF``."""
    for suffix in ("-GGUF", "-gguf"):
        name = name.removesuffix(suffix)
    return name.replace("-", " ").replace("_", " ")


def facts(row: Row) -> tuple[str, ...]:
    """Parameters, what it can do, its licence; a result's downloads are told by :func:`downloads_text`."""
    found = [parameters_text(row.parameters), ", ".join(BADGES[badge] for badge in row.badges)]
    if isinstance(row, Suggestion):
        return tuple(part for part in (*found, bytes_text(row.size_bytes)) if part)
    formats = "MLX" if row.formats == ("mlx",) else ""
    gated = "gated" if row.gated else ""
    return tuple(part for part in (found[0], formats, found[1], licence_text(row.licence), gated) if part)


def lead_text(row: Row) -> str:
    """Why a suggestion stands there; empty for a result."""
    return "" if isinstance(row, HubResult) else "Downloaded" if row.downloaded else "Suggested"


def downloads_text(row: Row) -> str:
    """The downloads of the last 30 days; empty for none and for a suggestion."""
    return count_text(row.downloads) if isinstance(row, HubResult) and row.downloads else ""


def repo_of(row: Row) -> str:
    """OWNER/REPO."""
    return row.id if isinstance(row, HubResult) else row.source.rpartition(":")[0] or row.source


def described(row: Row) -> str:
    """What the row shows beside its name, for a screen reader."""
    fetched = downloads_text(row)
    reason = row.reason if isinstance(row, Suggestion) else ""
    owner = f"by {repo_of(row).partition('/')[0]}"
    here = "downloaded" if isinstance(row, Suggestion) and row.downloaded else ""
    known = f"{fetched} {'download' if fetched == '1' else 'downloads'}" if fetched else here
    words = [owner, fit_words(row.fit, short=True), *facts(row), known, reason]
    return ", ".join(word for word in words if word)


class HubList(QAbstractListModel):
    """Suggestions, results in the hub's order, and rows that stand for those on their way."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Row] = []
        self._seen: set[str] = set()
        self._coming = 0

    @property
    def rows(self) -> Sequence[Row]:
        return self._rows

    def show(self, rows: Iterable[Row], coming: int = 0) -> None:
        """Replace everything; ``coming`` rows are still on their way."""
        self.beginResetModel()
        self._rows, self._seen, self._coming = [], set(), coming
        self._rows = self._fresh(rows)
        self.endResetModel()

    def append(self, rows: Iterable[Row], coming: int = 0) -> None:
        """Add the next page at the end; what is listed already is passed over (the hub's order moves on)."""
        self.set_coming(0)
        fresh = self._fresh(rows)
        if fresh:
            self.beginInsertRows(QModelIndex(), len(self._rows), len(self._rows) + len(fresh) - 1)
            self._rows += fresh
            self.endInsertRows()
        self.set_coming(coming)

    def set_coming(self, number: int) -> None:
        """So many rows at the end are on their way."""
        first, change = len(self._rows), number - self._coming
        if change > 0:
            self.beginInsertRows(QModelIndex(), first + self._coming, first + number - 1)
            self._coming = number
            self.endInsertRows()
        elif change < 0:
            self.beginRemoveRows(QModelIndex(), first + number, first + self._coming - 1)
            self._coming = number
            self.endRemoveRows()

    def row(self, index: Index) -> Row | None:
        return self._rows[index.row()] if index.isValid() and index.row() < len(self._rows) else None

    def row_of(self, repo: str) -> QModelIndex:
        for number, row in enumerate(self._rows):
            if repo_of(row) == repo:
                return self.index(number, 0)
        return QModelIndex()

    def _fresh(self, rows: Iterable[Row]) -> list[Row]:
        found = []
        for row in rows:
            key = f"{type(row).__name__} {repo_of(row)}"
            if key not in self._seen:
                self._seen.add(key)
                found.append(row)
        return found

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(self._rows) + self._coming

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row = self.row(index)
        if role == HubRole.ROW:
            return row
        if row is None:
            return "Loading" if role == Qt.ItemDataRole.AccessibleTextRole else None
        if role == Qt.ItemDataRole.DisplayRole:
            return row.name
        if role == HubRole.REPO:
            return repo_of(row)
        if role == HubRole.SOURCE:
            return row.id if isinstance(row, HubResult) else row.source
        if role == Qt.ItemDataRole.ToolTipRole:
            told = f"{lead_text(row)} · {' · '.join(facts(row))}"
            return f"{told}\n{row.reason}" if isinstance(row, Suggestion) else row.id
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{row.name}, {described(row)}"
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if self.row(index) is None:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren


def clock_text(then: float) -> str:
    """“12:40”, with the day where it was not today; ``then`` in Unix seconds, local time."""
    told, today = time.localtime(then), time.localtime()
    same = told[:3] == today[:3]
    return time.strftime("%H:%M" if same else "%d %B, %H:%M", told)
