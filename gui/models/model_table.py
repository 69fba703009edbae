"""The models on disk as a table: sorted by any column, narrowed by words and kinds, quick with tens of thousands.

The rows are kept in order and narrowed by a scan over words that were folded once; Qt's proxy would ask Python for
every row and key stroke."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import IntEnum
from typing import Any, NamedTuple

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from paddock.gui.models.hub import parameters_text
from paddock.gui.models.library import state_text
from paddock.sdk.library import Place
from paddock.sdk.types import LoadedModel, ModelInfo, ModelSource
from paddock.sdk.units import bytes_text

Index = QModelIndex | QPersistentModelIndex
DAY_S = 86_400


class Column(IntEnum):
    """What is told of a model, from the left."""

    NAME = 0
    ARCHITECTURE = 1
    PARAMETERS = 2
    QUANT = 3
    SIZE = 4
    CONTEXT = 5
    FOLDER = 6
    USED = 7


TITLES = ("Name", "Architecture", "Parameters", "Quant", "Size", "Context", "Folder", "Last used")
NUMBERS = (Column.PARAMETERS, Column.SIZE, Column.CONTEXT)
"""Columns that stand at the right of their place and are sorted downwards first."""
SOURCES: dict[ModelSource, str] = {
    "bundled": "Paddock",
    "folder": "",
    "path": "By path",
    "huggingface": "Hugging Face cache",
    "lmstudio": "LM Studio",
    "ollama": "Ollama",
    "jan": "Jan",
    "llamacpp": "llama.cpp cache",
}
CAPABILITIES = {
    "chat": "Chat",
    "tools": "Tools",
    "reasoning": "Reasoning",
    "vision": "Vision",
    "embedding": "Embedding",
}


class TableRole(IntEnum):
    """Data of a row beyond the text of its cells."""

    INFO = Qt.ItemDataRole.UserRole + 1
    LOADED = Qt.ItemDataRole.UserRole + 2
    SILK = Qt.ItemDataRole.UserRole + 3
    ABOUT = Qt.ItemDataRole.UserRole + 4
    """Who made it and what it can do, or why it cannot be used."""


REMEMBERED = 32
"""Narrowings whose result is kept."""


class Wanted(NamedTuple):
    """What is to be shown: models that have all ``words``, and are of the kinds that are set."""

    words: str = ""
    loaded: bool = False
    chat: bool = False
    embedding: bool = False
    vision: bool = False
    place: str = ""


class Row(NamedTuple):
    """A model with what the table needs of it at every key stroke."""

    info: ModelInfo
    place: str
    text: str
    size: int


def used_text(when: float | None, now: float) -> str:
    """A time in the past, as near as one wants to know it."""
    if when is None:
        return ""
    passed = max(0.0, now - when)
    if passed < 90:
        return "just now"
    if passed < 5400:
        return f"{passed / 60:.0f} min ago"
    if passed < DAY_S:
        return f"{passed / 3600:.0f} h ago"
    days = round(passed / DAY_S)
    if days < 14:
        return "yesterday" if days == 1 else f"{days} days ago"
    day = time.localtime(when)
    this_year = day.tm_year == time.localtime(now).tm_year
    return time.strftime("%d %b" if this_year else "%b %Y", day).lstrip("0")


def place_of(info: ModelInfo, places: Collection[Place]) -> Place | None:
    """The place that a model lies in."""
    near = [place for place in places if place.path == info.folder]
    return next(iter(near or [place for place in places if place.source == info.source != "folder"]), None)


def place_name(info: ModelInfo, places: Collection[Place]) -> str:
    """What people call the place that a model lies in."""
    place = place_of(info, places)
    if place is not None:
        return place.name
    return SOURCES[info.source] or info.folder.replace("\\", "/").rstrip("/").rpartition("/")[2] or "Models"


def owner(info: ModelInfo) -> str:
    """Who made it: the publisher in its id."""
    return info.id.rpartition("/")[0]


def reason(info: ModelInfo) -> str:
    """Why it cannot be used, without the file's name: there is little room in a row."""
    error, name = info.error or "", info.path.replace("\\", "/").rpartition("/")[2]
    for start in (name, f"“{name}”"):
        error = error.removeprefix(f"{start} is ").removeprefix(f"{start} ")
    return error


def _nothing_last(value: float | str | None, down: bool) -> tuple[bool, float | str]:
    """Unknown values stand at the end whichever way the table is sorted."""
    return (value in (None, "", 0)) != down, value or (0 if not isinstance(value, str) else "")


_KEYS: dict[Column, Callable[[Row], float | str | None]] = {
    Column.NAME: lambda row: row.info.name.casefold() or row.info.id.casefold(),
    Column.ARCHITECTURE: lambda row: row.info.architecture,
    Column.PARAMETERS: lambda row: row.info.parameters,
    Column.QUANT: lambda row: row.info.quant,
    Column.SIZE: lambda row: row.info.size_bytes,
    Column.CONTEXT: lambda row: row.info.context_length,
    Column.FOLDER: lambda row: row.place.casefold(),
    Column.USED: lambda row: row.info.last_used,
}


class ModelTable(QAbstractTableModel):
    """``silk`` tells the colour of a loaded model. The table is reset when rows come, go or change their place."""

    def __init__(self, silk: Callable[[str], int], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._silk = silk
        self._source: Mapping[str, ModelInfo] = {}
        self._places: tuple[Place, ...] = ()
        self._loaded: dict[str, LoadedModel] = {}
        self._all: list[Row] = []
        self._shown: list[Row] = []
        self._wanted = Wanted()
        self._found: dict[Wanted, list[Row]] = {}
        """What was shown for words before, so that taking letters back is as quick as typing."""
        self.sorted_by, self.downwards = Column.NAME, False

    # ---------------------------------------------------------------- what is shown

    def show(self, models: Mapping[str, ModelInfo], loaded: Iterable[LoadedModel], places: Iterable[Place]) -> None:
        """Replace what is known. ``models`` is looked at again only when it is another mapping."""
        pool = {item.model: item for item in loaded}
        known = tuple(places)
        if models is not self._source or known != self._places:
            self._source, self._places, self._loaded = models, known, pool
            self._all = [self._row(info) for info in models.values()]
            self._order()
            return
        moved = {id for id in pool.keys() | self._loaded.keys() if pool.get(id) != self._loaded.get(id)}
        self._loaded = pool
        if not moved:
            return
        self._found.clear()
        if self._wanted.loaded:
            self._show(self._narrowed(self._all))
        for number, row in enumerate(self._shown):
            if row.info.id in moved:
                self.dataChanged.emit(self.index(number, 0), self.index(number, len(Column) - 1))

    def narrow(self, wanted: Wanted) -> None:
        """Show what is ``wanted`` only."""
        if wanted == self._wanted:
            return
        if len(self._found) >= REMEMBERED:
            self._found.clear()
        before, self._wanted = self._wanted, wanted
        self._found[before] = self._shown
        more = wanted.words.startswith(before.words) and wanted == before._replace(words=wanted.words)
        found = self._found.get(wanted)
        self._show(self._narrowed(self._shown if more else self._all) if found is None else found)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self.sorted_by, self.downwards = Column(column), order == Qt.SortOrder.DescendingOrder
        self._order()

    def _row(self, info: ModelInfo) -> Row:
        place = place_name(info, self._places)
        words = (info.name, info.id, info.architecture, info.quant, place, info.notes, info.licence, *info.aliases)
        return Row(info, place, "\n".join(words).casefold(), info.size_bytes)

    def _order(self) -> None:
        down, key, name = self.downwards, _KEYS[self.sorted_by], _KEYS[Column.NAME]
        self._all.sort(key=lambda row: (name(row), row.info.quant, row.info.id))
        if self.sorted_by != Column.NAME or down:
            self._all.sort(key=lambda row: _nothing_last(key(row), down), reverse=down)
        self._found.clear()
        self._show(self._narrowed(self._all), anew=True)

    def _narrowed(self, rows: list[Row]) -> list[Row]:
        """Those of ``rows`` that are wanted."""
        wanted, pool = self._wanted, self._loaded
        for word in wanted.words.casefold().split():
            rows = [row for row in rows if word in row.text]
        if wanted.loaded:
            rows = [row for row in rows if row.info.id in pool]
        for kind in ("chat", "embedding"):
            if getattr(wanted, kind):
                rows = [row for row in rows if kind in row.info.capabilities]
        if wanted.vision:
            rows = [row for row in rows if row.info.projector]
        if wanted.place:
            rows = [row for row in rows if row.place == wanted.place]
        return rows.copy() if rows is self._all else rows

    def _show(self, rows: list[Row], *, anew: bool = False) -> None:
        if anew or rows != self._shown:
            self.beginResetModel()
            self._shown = rows
            self.endResetModel()

    # ---------------------------------------------------------------- what is asked

    def total(self) -> int:
        """Models, shown or not."""
        return len(self._all)

    def size_bytes(self) -> int:
        """Of all that is shown."""
        return sum([row.size for row in self._shown])

    def at(self, row: int) -> str:
        """The id in a row, the nearest one where there is none; empty for an empty table."""
        return self._shown[min(max(row, 0), len(self._shown) - 1)].info.id if self._shown else ""

    def likely(self) -> str:
        """The model that one would look at first: one that is loaded, else the one used last."""
        rows = [row for row in self._shown if row.info.id in self._loaded] or self._shown
        return max(rows, key=lambda row: row.info.last_used or 0.0).info.id if rows else ""

    def place_names(self) -> list[str]:
        """The places that hold a model, sorted."""
        return sorted({row.place for row in self._all}, key=str.casefold)

    def longest_name(self) -> str:
        """Of the names of all models, whether they are shown or not, the one of the most letters."""
        return max((row.info.name for row in self._all), key=len, default="")

    def info(self, index: Index) -> ModelInfo | None:
        return self._shown[index.row()].info if index.isValid() else None

    def rows_of(self, models: Collection[str]) -> list[int]:
        """The numbers of the rows of these models, from the top."""
        wanted = set(models)
        return [number for number, row in enumerate(self._shown) if row.info.id in wanted] if wanted else []

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return TITLES[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row = self._shown[index.row()]
        info = row.info
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(row, Column(index.column()))
        if role == TableRole.INFO:
            return info
        if role == TableRole.LOADED:
            return self._loaded.get(info.id)
        if role == TableRole.SILK:
            return self._silk(info.id)
        if role == TableRole.ABOUT:
            return (
                reason(info)
                if info.error is not None
                else " · ".join(
                    filter(None, (owner(info), *(CAPABILITIES[item].lower() for item in info.capabilities)))
                )
            )
        if role == Qt.ItemDataRole.ToolTipRole:
            return info.error or (info.path if index.column() == Column.FOLDER else info.id)
        if role == Qt.ItemDataRole.AccessibleTextRole and index.column() == Column.NAME:
            told = (info.name or info.id, state_text(self._loaded.get(info.id)), info.error or "")
            return ", ".join(part for part in told if part)
        return None

    def _text(self, row: Row, column: Column) -> str:
        info = row.info
        match column:
            case Column.NAME:
                return info.name or info.id
            case Column.ARCHITECTURE:
                return info.architecture
            case Column.PARAMETERS:
                return parameters_text(info.parameters)
            case Column.QUANT:
                return info.quant
            case Column.SIZE:
                return bytes_text(info.size_bytes) if info.size_bytes else ""
            case Column.CONTEXT:
                return f"{info.context_length:,}" if info.context_length else ""
            case Column.FOLDER:
                return row.place
            case Column.USED:
                return used_text(info.last_used, time.time())
