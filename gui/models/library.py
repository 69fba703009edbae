"""The models on disk with what the pool says about them, for the picker."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from paddock.sdk.types import LoadedModel, ModelInfo
from paddock.sdk.units import bytes_text

Index = QModelIndex | QPersistentModelIndex


class ModelRole(IntEnum):
    """Data of a row beyond its name."""

    MODEL_ID = Qt.ItemDataRole.UserRole + 1
    INFO = Qt.ItemDataRole.UserRole + 2
    LOADED = Qt.ItemDataRole.UserRole + 3
    FACTS = Qt.ItemDataRole.UserRole + 4
    STATE = Qt.ItemDataRole.UserRole + 5
    """The state in words."""


def facts(info: ModelInfo) -> str:
    """Quant and size: ``Q4_K_M · 4.9 GB``."""
    return " · ".join(part for part in (info.quant, bytes_text(info.size_bytes) if info.size_bytes else "") if part)


def state_text(loaded: LoadedModel | None) -> str:
    """What the pool says, in words; empty for a model that is only on disk."""
    if loaded is None:
        return ""
    match loaded.state:
        case "loading":
            return f"loading {loaded.progress * 100:.0f} %"
        case "ready":
            return "answering" if loaded.active else "loaded"
        case "unloading":
            return "unloading"
        case "failed":
            return "failed"


def also_text(info: ModelInfo) -> str:
    """Its further names, in words; empty where it has none."""
    return f"also {', '.join(info.aliases)}" if info.aliases else ""


class ModelList(QAbstractListModel):
    """Usable models first, by name; broken ones after them with their reason."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[tuple[ModelInfo, LoadedModel | None]] = []

    def show(self, models: Iterable[ModelInfo], loaded: Iterable[LoadedModel]) -> None:
        """Replace the rows."""
        pool = {item.model: item for item in loaded}
        new = [
            (info, pool.get(info.id))
            for info in sorted(models, key=lambda info: (info.error is not None, info.name.casefold(), info.id))
        ]
        if [info.id for info, _ in new] == [info.id for info, _ in self._rows]:
            for row, content in enumerate(new):
                if self._rows[row] != content:
                    self._rows[row] = content
                    where = self.index(row, 0)
                    self.dataChanged.emit(where, where)
            return
        self.beginResetModel()
        self._rows = new
        self.endResetModel()

    def info(self, index: Index) -> ModelInfo | None:
        return self._rows[index.row()][0] if index.isValid() else None

    def loaded(self, index: Index) -> LoadedModel | None:
        return self._rows[index.row()][1] if index.isValid() else None

    def row_of(self, model: str) -> QModelIndex:
        for number, (info, _) in enumerate(self._rows):
            if info.id == model:
                return self.index(number, 0)
        return QModelIndex()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        info, loaded = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return info.name or info.id
        if role == ModelRole.MODEL_ID:
            return info.id
        if role == ModelRole.INFO:
            return info
        if role == ModelRole.LOADED:
            return loaded
        if role == ModelRole.FACTS:
            return facts(info)
        if role == ModelRole.STATE:
            return state_text(loaded)
        if role == Qt.ItemDataRole.ToolTipRole:
            return info.error or "\n".join(part for part in (info.id, also_text(info)) if part)
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return info.error or ", ".join(part for part in (facts(info), state_text(loaded), also_text(info)) if part)
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        if self._rows[index.row()][0].error is not None:
            return Qt.ItemFlag.ItemIsEnabled
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
