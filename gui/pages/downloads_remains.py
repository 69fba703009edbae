"""What takes room where downloads are made and belongs to none of them: named with its size, removed when asked."""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import sentence
from paddock.gui.models.model_table import used_text
from paddock.gui.pages.form import Card
from paddock.gui.widgets import Button, ElidedLabel, Label, Notice
from paddock.gui.widgets.layouts import empty
from paddock.gui.widgets.question import Question
from paddock.sdk.downloads import DownloadRemains
from paddock.sdk.units import bytes_text


class Remains(QWidget):
    """Hidden while there is nothing. ``changed``: it came or went."""

    changed = Signal()

    def __init__(self, host: HostState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host = host
        self.found: tuple[DownloadRemains, ...] = ()
        self.buttons: list[Button] = []
        self.trouble = Notice()
        self._card = Card()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(Label("Left over", 15, 600))
        about = "Parts of downloads that are in no list any more. Getting the same model again goes on from them."
        column.addWidget(Label(about, 13, 400, "text2", wrap=True))
        column.addWidget(self.trouble)
        column.addWidget(self._card)
        self.hide()

    def look(self) -> None:
        """Ask the host."""
        self._host.call(lambda client: client.download_remains(), self._show, lambda error: None, self)

    def _show(self, found: Sequence[DownloadRemains]) -> None:
        if tuple(found) == self.found:
            return
        self.found, self.buttons = tuple(found), []
        empty(self._card.column)
        for remains in self.found:
            self._card.add(self._row(remains))
        self.setVisible(bool(self.found))
        self.changed.emit()

    def _row(self, remains: DownloadRemains) -> QWidget:
        name = ", ".join(remains.files) or "no files"
        title = ElidedLabel(name, 13, 500, middle=True)
        facts = f"{bytes_text(remains.size_bytes)} · {used_text(remains.changed, time.time())}"
        remove = Button("Remove", icon="trash")
        remove.setAccessibleName(f"Remove {name}, {facts}")
        remove.clicked.connect(lambda: self._ask(remains))
        self.buttons.append(remove)
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(title)
        words.addWidget(ElidedLabel(f"{facts} · {remains.path}", 12, 400, "text2", tabular=True, middle=True))
        row = QWidget()
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 8, 0, 8)
        line.setSpacing(8)
        line.addLayout(words, 1)
        line.addWidget(remove)
        return row

    def _ask(self, remains: DownloadRemains) -> None:
        text = f"Remove {bytes_text(remains.size_bytes)} of a download that did not end?"
        about = "What had come would have to be fetched again."
        box = Question(text, about, (("Remove for good", "danger"),), self)
        box.answered.connect(lambda: self._remove(remains.id))
        box.open()

    def _remove(self, id: str) -> None:
        self.trouble.hide()
        self._host.call(lambda client: client.remove_download_remains(id), lambda _: self.look(), self._failed, self)

    def _failed(self, error: BaseException) -> None:
        self.trouble.show_message("bad", sentence(error))
        self.look()
