"""The data of the conversations among the settings: where it lies, backups, import, titles, trash."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.bridge import Latest
from paddock.gui.host_state import HostState
from paddock.gui.messages import Action, Messages
from paddock.gui.pages.form import Card, Row, Stack, silently
from paddock.gui.widgets import Button, Divider, ElidedLabel, IconButton, Label, Switch
from paddock.gui.widgets.layouts import empty
from paddock.sdk.chats import Backup, StoreState
from paddock.sdk.host import SettingsPatch
from paddock.sdk.units import bytes_text

SHOWN = 4
"""So many backups are listed until all are asked for."""
_KEY = "backups"


class BackupRow(QWidget):
    """A backup: when and why it was made, what is in it, and the way back to it."""

    def __init__(self, backup: Backup, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.backup = backup
        when = moment(backup.created)
        self.name = ElidedLabel(f"{when}, {backup.reason}", 13, 500)
        self.holds = Label(holds(backup), 12, 400, "bad" if backup.damaged else "text2", tabular=True)
        self.restore = Button("Restore")
        self.restore.setAccessibleName(f"Restore the backup of {when}")
        self.restore.setVisible(not backup.damaged)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(self.name)
        words.addWidget(self.holds)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 6, 0, 6)
        row.setSpacing(8)
        row.addLayout(words, 1)
        row.addWidget(self.restore, 0, Qt.AlignmentFlag.AlignVCenter)


class DataCard(Card):
    """What it shows is asked for whenever it comes into sight."""

    def __init__(self, host: HostState, messages: Messages, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host = host
        self._messages = messages
        self._path = ""
        self._all = False
        self._backups: list[Backup] = []
        self._asking = Latest()
        self.rows: list[BackupRow] = []
        self.titles = Switch("Titles by the model")
        self.place = IconButton("folder", "Open the folder of the conversations", size=28, glyph=16)
        self.stored = Row("Conversations", "Looking…", self.place, verbatim=True)
        self.back_up = Button("Back up now")
        self.copies = Row("Backups", "", self.back_up)
        self.list = QVBoxLayout()
        self.list.setSpacing(0)
        self.more = Button("Show all backups", "link")
        self.bring = Button("Import…")
        self.bring.setAccessibleName("Import chats")
        self._lay_out()
        self.titles.clicked.connect(lambda on: host.change_settings(SettingsPatch(model_titles=on)))
        self.place.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(self._path)))
        self.back_up.clicked.connect(self._make)
        self.more.clicked.connect(self._show_all)
        self.bring.clicked.connect(self._import)
        host.snapshot.connect(self.look)
        for signal in (host.settings_changed, host.connection_changed):
            signal.connect(self.refresh)
        self.refresh()

    def _lay_out(self) -> None:
        self.add(self.stored)
        about = "The model that gives a conversation’s first answer also names it, when it has nothing else to do."
        self.add(Row("Titles by the model", about, self.titles))
        about = "Conversations from Paddock, LM Studio, Jan, Open WebUI or ChatGPT. Nothing is taken twice."
        self.add(Row("Import chats", about, self.bring))
        about = "Deleted conversations stay in the trash for 30 days, and in the backups that were made before."
        self.add(Stack("Trash", Label(about, 12, 400, "text2", wrap=True)))
        self.add(self.copies)
        self.column.addLayout(self.list)
        self.column.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)
        self.column.addSpacing(2)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.look()

    def refresh(self) -> None:
        """Show what is stored."""
        connected = self._host.connection == "connected"
        for control in (self.titles, self.back_up, self.bring, *(row.restore for row in self.rows)):
            control.setEnabled(connected)
        self.place.setEnabled(bool(self._path))
        silently(self.titles, lambda: self.titles.setChecked(self._host.settings.model_titles))

    def look(self) -> None:
        """Ask the host what there is."""
        if self.isVisible() and self._host.connection == "connected":
            self._asking.replace(
                self._host.call(lambda client: client.chat_store(), self._learn, self._failed, self),
                self._host.call(lambda client: client.backups(), self.show_backups, self._failed, self),
            )

    def show_backups(self, backups: list[Backup]) -> None:
        """List these, the latest first."""
        self._backups = backups
        empty(self.list)
        self.rows = [BackupRow(backup) for backup in (backups if self._all else backups[:SHOWN])]
        for row in self.rows:
            self.list.addWidget(Divider())
            self.list.addWidget(row)
            row.restore.clicked.connect(partial(self._ask_restore, row.backup))
        self.more.setVisible(len(self.rows) < len(backups))
        about = "One a day, and one before each update and restore. The last 7 days and 4 weeks are kept."
        self.copies.about.setText(about if backups else f"{about} There is none yet.")
        self.copies.about.show()
        self.refresh()

    # ---------------------------------------------------------------- doing

    def _learn(self, state: StoreState) -> None:
        self._path = str(Path(state.path).parent)
        text = f"{bytes_text(state.size_bytes)} in {self._path}."
        if state.backups_bytes:
            text += f" Backups take {bytes_text(state.backups_bytes)}."
        if state.repair is not None:
            text += f" {moment(state.repair.when)}: {state.repair.text}"
        self.stored.about.setText(text)
        self.refresh()

    def _failed(self, error: BaseException) -> None:
        self.stored.about.setText(str(error))

    def _show_all(self) -> None:
        self._all = True
        self.show_backups(self._backups)
        if len(self.rows) > SHOWN:
            self.rows[SHOWN].restore.setFocus(Qt.FocusReason.OtherFocusReason)

    def _make(self) -> None:
        self.back_up.setEnabled(False)
        self._host.call(lambda client: client.back_up(), self._made, self._refused, self)

    def _made(self, backup: Backup) -> None:
        self._messages.info(f"A backup of {conversations(backup.chats)} was made.", key=_KEY)
        self.look()

    def _ask_restore(self, backup: Backup) -> None:
        text = (
            f"Replace all conversations by the backup of {moment(backup.created)} ({conversations(backup.chats)})?"
            " What is there now is backed up first."
        )
        self._messages.warn(text, Action("Restore", lambda: self._restore(backup.name)), key=_KEY)

    def _restore(self, name: str) -> None:
        self._host.call(lambda client: client.restore_backup(name), self._restored, self._refused, self)

    def _restored(self, before: Backup) -> None:
        back = Action("Undo", lambda: self._restore(before.name))
        self._messages.info("The backup is in place.", back, seconds=20, key=_KEY)
        self.look()

    def _refused(self, error: BaseException) -> None:
        self._messages.error(error, key=_KEY)
        self.refresh()

    def _import(self) -> None:
        from paddock.gui.pages.import_chats_dialog import ImportChatsDialog

        dialog = ImportChatsDialog(self._host, self._messages, parent=self.window())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()


def moment(when: float) -> str:
    """“21 November 2026, 15:04”."""
    return time.strftime("%d %B %Y, %H:%M", time.localtime(when)).lstrip("0")


def conversations(count: int) -> str:
    """“1 conversation”, “12 conversations”."""
    return "1 conversation" if count == 1 else f"{count:,} conversations"


def holds(backup: Backup) -> str:
    """What a backup has in it, in words."""
    if backup.damaged:
        return "Damaged: it cannot be read."
    return f"{conversations(backup.chats)}, {bytes_text(backup.size_bytes)}"
