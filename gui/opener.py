"""What other programs and the hand bring to the window: addresses, files, folders. Each is shown in a sheet first."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from paddock.gui.drops import Drops
from paddock.gui.host_state import HostState
from paddock.gui.messages import Messages
from paddock.sdk.errors import PaddockError
from paddock.sdk.open_address import Opened, OpenFile


class Opener(QObject):
    """Opens the sheet for what was asked for; one at a time."""

    chat_wanted = Signal(str)
    hub_wanted = Signal(str)
    model_wanted = Signal(str)

    def __init__(self, host: HostState, messages: Messages, window: QWidget) -> None:
        super().__init__(window)
        self._host, self._messages, self._window = host, messages, window
        self._sheet: QWidget | None = None
        self.drops = Drops(window)
        self.drops.dropped.connect(self.open_paths)
        self.drops.linked.connect(self._show)
        host.open_requested.connect(self.open_address)

    def open_address(self, text: str) -> None:
        """An address, or the path of a file, as it came from outside."""
        from paddock.sdk.open_address import parse_address

        try:
            target = parse_address(text)
        except PaddockError as error:
            self._messages.error(error)
            return
        self._show(target)

    def open_paths(self, paths: Sequence[str]) -> None:
        """Files and folders that were dropped: one in the sheet, several to be added."""
        if len(paths) == 1:
            self._show(OpenFile(path=paths[0]))
        elif paths:
            self._import(paths)

    def _show(self, target: Opened) -> None:
        from paddock.gui.pages.open_sheet import OpenSheet

        if self._sheet is not None:
            self._sheet.close()
        sheet = OpenSheet(self._host, target, self._window)
        sheet.chat_wanted.connect(self.chat_wanted)
        sheet.hub_wanted.connect(self.hub_wanted)
        sheet.import_wanted.connect(lambda path: self._import([path]))
        sheet.destroyed.connect(self._gone)
        self._sheet = sheet
        sheet.open()

    def _gone(self) -> None:
        self._sheet = None

    def _import(self, paths: Sequence[str]) -> None:
        from paddock.gui.pages.import_dialog import ImportDialog

        dialog = ImportDialog(self._host, paths, self._window)
        dialog.model_wanted.connect(self.model_wanted)
        dialog.open()
