"""Conversations to files: the format, what goes in, and where to."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import QDir
from PySide6.QtWidgets import QFileDialog, QGridLayout, QHBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import Action, Messages
from paddock.gui.pages.files_sheet import FilesSheet, show_in_folder
from paddock.gui.widgets import Label, Switch
from paddock.gui.widgets.choice import ChoiceCard
from paddock.sdk.chats import Exported, ExportFormat, ExportRequest
from paddock.sdk.errors import StorageFailed
from paddock.sdk.units import counted

FORMATS: dict[ExportFormat, tuple[str, str, str]] = {
    "markdown": ("Markdown", "Text for notes and wikis", "md"),
    "html": ("HTML", "One page for any browser", "html"),
    "pdf": ("PDF", "Pages to print or to send", "pdf"),
    "jsonl": ("JSON lines", "Everything, to import again", "jsonl"),
    "csv": ("CSV", "A table for spreadsheets", "csv"),
}
OPTIONS: dict[str, str] = {
    "reasoning": "Reasoning",
    "versions": "All versions",
    "numbers": "Numbers",
    "side_by_side": "Panes side by side",
}
_FITTING: dict[ExportFormat, tuple[str, ...]] = {
    "markdown": ("reasoning", "versions", "numbers", "side_by_side"),
    "html": ("reasoning", "versions", "numbers", "side_by_side"),
    "pdf": ("reasoning", "versions", "numbers", "side_by_side"),
    "jsonl": ("reasoning",),
    "csv": ("numbers",),
}


class ExportDialog(FilesSheet):
    """Writes ``chats``; without any those of ``folder``, or all. ``blind`` keeps names, settings and numbers out."""

    def __init__(
        self,
        host: HostState,
        messages: Messages,
        chats: Sequence[str],
        *,
        folder: str = "",
        blind: bool = False,
        side_by_side: bool = False,
        parent: QWidget,
    ) -> None:
        one = len(chats) == 1
        known = host.chats.get(chats[0]) if one else None
        title = (known.title if known is not None else "") or "Untitled conversation"
        what = f"“{title}”" if one else _many(len(chats), folder)
        if blind:
            what += "\nThe names of the models, their settings and numbers stay out."
        super().__init__(host, "Export chat" if one else "Export chats", what, "Export…", parent)
        self._messages, self._chats, self._folder, self._blind = messages, tuple(chats), folder, blind
        self._title, self._path = title, ""
        shown = self._chats or tuple(host.chats)
        self._panes = any(host.chats[chat].panes for chat in shown if chat in host.chats)
        self.formats = {format: ChoiceCard(name, about) for format, (name, about, _) in FORMATS.items()}
        self.options = {name: _Option(words) for name, words in OPTIONS.items()}
        self.formats["html" if side_by_side else "markdown"].setChecked(True)
        self.options["reasoning"].switch.setChecked(True)
        self.options["side_by_side"].switch.setChecked(side_by_side)
        self._fill()
        for card in self.formats.values():
            card.toggled.connect(self._show_options)
        self.start.clicked.connect(self._begin)
        self.trouble.action_triggered.connect(self._replace)
        self._show_options()

    def _fill(self) -> None:
        cards = QWidget()
        grid = QGridLayout(cards)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(6)
        for at, card in enumerate(self.formats.values()):
            grid.addWidget(card, at // 2, at % 2)
        self.rows.addWidget(cards)
        options = QWidget()
        self._table = QGridLayout(options)
        self._table.setContentsMargins(0, 0, 0, 0)
        self._table.setHorizontalSpacing(6)  # as between the cards
        self._table.setVerticalSpacing(4)
        for option in self.options.values():
            self._table.addWidget(option)
        for column in (0, 1):
            self._table.setColumnStretch(column, 1)
        self.rows.addWidget(options)
        self.formats["jsonl"].setVisible(not self._blind)  # they hold everything, or one pane alone

    def format(self) -> ExportFormat:
        """The one that is chosen."""
        return next(format for format, card in self.formats.items() if card.isChecked())

    def _show_options(self) -> None:
        fitting = _FITTING[self.format()]
        for name, option in self.options.items():
            fits = name in fitting and not (name == "numbers" and self._blind)
            option.setVisible(fits and (name != "side_by_side" or self._panes))
        for at, option in enumerate(option for option in self.options.values() if not option.isHidden()):
            self._table.addWidget(option, at // 2, at % 2)
        self.fit()

    def request(self, path: str, *, replace: bool) -> ExportRequest:
        """What the host is asked for."""
        on: dict[str, Any] = {
            name: option.switch.isChecked() for name, option in self.options.items() if not option.isHidden()
        }
        return ExportRequest(
            format=self.format(),
            chats=self._chats,
            folder=self._folder,
            path=path,
            replace=replace,
            blind=self._blind,
            job=self.job,
            **({"reasoning": False} | on if "reasoning" in _FITTING[self.format()] else on),
        )

    # ---------------------------------------------------------------- where to

    def _begin(self) -> None:
        name, _, suffix = FORMATS[self.format()]
        if len(self._chats) == 1:
            proposed = os.path.join(QDir.homePath(), f"{_file_name(self._title)}.{suffix}")
            path, _ = QFileDialog.getSaveFileName(self, "Export chat", proposed, f"{name} (*.{suffix})")
            if path:
                self.write(path if os.path.splitext(path)[1] else f"{path}.{suffix}", replace=True)
            return
        path = QFileDialog.getExistingDirectory(self, "The folder for the files", QDir.homePath())
        if path:
            self.write(path)

    def write(self, path: str, *, replace: bool = False) -> None:
        """Have it written to a file, or to a folder that gets a file for each. A file that the save dialog named has
        been agreed to; of those in a folder is asked here."""
        self._path = path
        request = self.request(path, replace=replace)
        self.run("Writing…", lambda client: client.export_chats(request), partial(self._written, path))

    def _replace(self) -> None:
        self.write(self._path, replace=True)

    def refuse(self, error: BaseException) -> None:
        super().refuse(error)
        if isinstance(error, StorageFailed) and "is there already" in error.message:
            self.trouble.show_message("warn", error.message, "", "Replace")
            self.fit()

    def _written(self, path: str, done: Exported) -> None:
        count = "The conversation is" if done.chats == 1 else f"{done.chats:,} conversations are"
        words = " ".join((f"{count} exported.", *done.notes))
        first = done.files[0] if done.files else path
        self._messages.info(words, Action("Show in folder", partial(show_in_folder, first)), seconds=12)
        self.accept()


class _Option(QWidget):
    def __init__(self, words: str) -> None:
        super().__init__()
        self.switch = Switch(words)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 2, 12, 2)  # the switch stands as far in as what is in a card
        row.addWidget(Label(words, 13), 1)
        row.addWidget(self.switch)


def _many(chats: int, folder: str) -> str:
    if chats:
        return f"{counted(chats, 'chat')}, a file for each."
    return f"All chats{' of this folder' if folder else ''} but private ones, a file for each."


def _file_name(title: str) -> str:
    """A proposal; the host and the save dialog have the last word."""
    return " ".join(re.sub(r'[\x00-\x1f<>:"/\\|?*]', " ", title).split())[:100].strip(" .") or "Conversation"
