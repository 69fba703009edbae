"""What is known of a model on disk, as rows of name and value."""

from __future__ import annotations

import time
from functools import partial

from PySide6.QtCore import QEvent, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.models.hub import licence_text, parameters_text
from paddock.gui.models.model_table import CAPABILITIES, used_text
from paddock.gui.theme import current, new_measures
from paddock.gui.widgets import Button, ElidedLabel, Label
from paddock.gui.widgets.flow import FlowLayout
from paddock.gui.widgets.layouts import empty
from paddock.gui.widgets.tag import Tag
from paddock.sdk.types import ModelInfo, Options
from paddock.sdk.units import bytes_text

MOST_DUPLICATES = 3


def size_words(info: ModelInfo) -> str:
    """“4.9 GB in 3 files”."""
    files = len(info.files) + bool(info.projector and info.projector not in info.files)
    return bytes_text(info.size_bytes) + (f" in {files} files" if files > 1 else "")


def sampling_words(options: Options) -> str:
    """“temperature 0.6, top_p 0.95”."""
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in options.items()
    )


def facts_of(info: ModelInfo, place: str) -> list[tuple[str, str]]:
    """What is known, in the order it is read."""
    facts = [
        ("Architecture", info.architecture),
        ("Parameters", parameters_text(info.parameters)),
        ("Quant", info.quant),
        ("Size", size_words(info) if info.size_bytes else ""),
        ("Context", f"{info.context_length:,} tokens" if info.context_length else ""),
        ("Chat template", "" if info.error is not None else "in the file" if info.has_template else "none"),
        ("Vision file", "on disk: it sees pictures" if info.projector else ""),
        ("Licence", licence_text(info.licence)),
        ("Sampling", sampling_words(info.sampling)),
        ("Last used", used_text(info.last_used, time.time()) or "never"),
        ("Folder", place),
    ]
    return [(name, value) for name, value in facts if value]


class ModelFacts(QWidget):
    """``other_wanted`` carries the id of a model with the same content."""

    other_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.shown: list[tuple[str, str]] = []
        self.reveal = Button("Show the file in its folder", "link", "folder")
        self._last: QWidget = self.reveal
        self.reveal.clicked.connect(self._reveal)
        self._told: tuple[ModelInfo, str] | None = None
        self._tags_host, self._rows_host = QWidget(), QWidget()
        self._tags = FlowLayout(self._tags_host)
        self._rows = QGridLayout(self._rows_host)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setHorizontalSpacing(12)
        self._rows.setVerticalSpacing(6)
        self._rows.setColumnStretch(1, 1)
        self._measure()
        self._same = QVBoxLayout()
        self._same.setSpacing(2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        column.addWidget(self._tags_host)
        column.addWidget(self._rows_host)
        line = QHBoxLayout()
        line.addWidget(self.reveal)
        line.addStretch(1)
        column.addLayout(line)
        column.addLayout(self._same)

    def show_model(self, info: ModelInfo, place: str) -> None:
        """``place`` is what people call where it lies."""
        if (info, place) == self._told:
            return
        self._told = (info, place)
        empty(self._tags)
        for ability in info.capabilities:
            self._tags.addWidget(Tag(CAPABILITIES[ability]))
        self._tags_host.setVisible(bool(info.capabilities))
        empty(self._rows)
        self.shown = facts_of(info, place)
        for number, (name, value) in enumerate(self.shown):
            self._rows.addWidget(Label(name, 12, 400, "text2"), number, 0)
            self._rows.addWidget(_value(value), number, 1)
        empty(self._same)
        self._last = self.reveal
        for other in info.duplicates[:MOST_DUPLICATES]:
            link = Button(f"Same content as {other}", "link", "copy")
            link.clicked.connect(partial(self.other_wanted.emit, other))
            self._same.addWidget(link)
            QWidget.setTabOrder(self._last, link)
            self._last = link
        self.reveal.setVisible(bool(info.path))
        self.reveal.setToolTip(info.path)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if new_measures(event):
            self._measure()

    def _measure(self) -> None:
        self._rows.setColumnMinimumWidth(0, current().px(92))

    def last_key(self) -> QWidget:
        """What takes the keyboard last."""
        return self._last

    def _reveal(self) -> None:
        if self._told is not None:
            reveal(self._told[0])


def reveal(info: ModelInfo) -> None:
    """Open the folder that the model's first file lies in."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(info.path.replace("\\", "/").rpartition("/")[0]))


def _value(text: str) -> Label:
    label = ElidedLabel(text, 13, 400, "text", tabular=True)
    label.setSizePolicy(label.sizePolicy().Policy.Ignored, label.sizePolicy().Policy.Fixed)
    return label
