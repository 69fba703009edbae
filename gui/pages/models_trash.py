"""What was deleted: how much it holds, back again or gone for good."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import sentence
from paddock.gui.models.model_table import used_text
from paddock.gui.theme import current
from paddock.gui.widgets import Button, Divider, ElidedLabel, IconButton, Label, Notice
from paddock.gui.widgets.layouts import empty
from paddock.gui.widgets.list_sheet import lay_out_list
from paddock.gui.widgets.question import Question
from paddock.sdk.library import Trashed
from paddock.sdk.units import bytes_text

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient

WIDTH, HEIGHT, LIST = 560, 520, 380
DAY_S = 86_400


def trash_words(item: Trashed, now: float) -> str:
    """“4.9 GB · deleted 2 days ago · kept for 5 more days”."""
    days = max(0, round((item.expires - now) / DAY_S))
    kept = "removed today" if days == 0 else f"kept for {days} more day{'s' if days > 1 else ''}"
    return f"{bytes_text(item.size_bytes)} · deleted {used_text(item.deleted, now)} · {kept}"


class TrashRow(QWidget):
    """A deleted model."""

    restore_wanted = Signal()
    remove_wanted = Signal()

    def __init__(self, item: Trashed, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        name = ElidedLabel(item.name, 13, 500, middle=True)
        name.setToolTip(item.path)
        self.restore = Button("Restore")
        self.restore.setAccessibleName(f"Restore {item.name}")
        self.remove = IconButton("trash", f"Remove {item.name} for good")
        self.restore.clicked.connect(self.restore_wanted)
        self.remove.clicked.connect(self.remove_wanted)
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(name)
        words.addWidget(ElidedLabel(trash_words(item, time.time()), 12, 400, "text2", tabular=True))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 6, 0, 6)
        row.setSpacing(8)
        row.addLayout(words, 1)
        row.addWidget(self.restore)
        row.addWidget(self.remove)


class TrashDialog(QDialog):
    """``changed``: something left the trash. Asks before anything is gone for good."""

    changed = Signal()

    def __init__(self, host: HostState, parent: QWidget) -> None:
        super().__init__(parent)
        self._host = host
        self.items: tuple[Trashed, ...] = ()
        self.rows: list[TrashRow] = []
        self.setWindowTitle("Trash")
        self.setProperty("role", "surface")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(True)
        self.about = Label("Reading…", 13, 400, "text2", wrap=True, tabular=True)
        self.trouble = Notice()
        self.empty = Button("Empty the trash", "quiet", "trash")
        self.close_button = Button("Close")
        head = (Label("Trash", 18, 600), self.about, self.trouble)
        self._column = lay_out_list(self, head, (self.empty, self.close_button))
        window, theme = parent.window(), current()
        self._tallest = min(theme.px(HEIGHT), window.height() - 24)
        self.resize(min(theme.px(WIDTH), window.width() - 32), min(theme.px(HEIGHT - LIST), self._tallest))
        self.empty.clicked.connect(partial(self._remove, ""))
        self.close_button.clicked.connect(self.reject)
        self.refresh()

    def refresh(self) -> None:
        """Ask what is in it."""
        self._host.call(lambda client: client.trash(), self.show_items, self._failed, self)

    def show_items(self, items: Sequence[Trashed]) -> None:
        """Show these."""
        self.items = tuple(items)
        empty(self._column)
        self.rows = []
        for item in items:
            if self.rows:
                self._column.addWidget(Divider())
            row = TrashRow(item)
            row.restore_wanted.connect(partial(self._restore, item.id))
            row.remove_wanted.connect(partial(self._remove, item.id))
            self._column.addWidget(row)
            self.rows.append(row)
        size = bytes_text(sum(item.size_bytes for item in items))
        self.about.setText(f"{size} are free once it is emptied." if items else "The trash is empty.")
        self.empty.setEnabled(bool(items))
        theme = current()
        wanted = theme.px(HEIGHT - LIST) + min(
            theme.px(LIST), sum(row.sizeHint().height() + 1 for row in self.rows) + 16
        )
        self.resize(self.width(), min(wanted, self._tallest))
        if not self.isActiveWindow() or self.focusWidget() is None:
            self.close_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _restore(self, id: str) -> None:
        self._ask(lambda client: client.restore_model(id))

    def _remove(self, id: str) -> None:
        going = [item for item in self.items if item.id == id or not id]
        size = bytes_text(sum(item.size_bytes for item in going))
        text = f"Remove “{going[0].name}” for good?" if len(going) == 1 else f"Remove all {len(going)} models for good?"
        about = f"{size} become free. This cannot be undone."
        if Question(text, about, (("Remove for good", "danger"),), self).ask():
            self._ask(lambda client: client.empty_trash(id))

    def _ask(self, job: Callable[[AsyncClient], Awaitable[object]]) -> None:
        self.trouble.hide()
        self._host.call(job, self._done, self._failed, self)

    def _done(self, _: object) -> None:
        self.changed.emit()
        self.refresh()

    def _failed(self, error: BaseException) -> None:
        self.trouble.show_message("bad", sentence(error))
        self.refresh_quietly()

    def refresh_quietly(self) -> None:
        """Ask once more without a word where that fails."""
        self._host.call(lambda client: client.trash(), self.show_items, lambda error: None, self)
