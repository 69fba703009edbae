"""The folders that models are read from among the settings: ours, the user's own, and stores of other programs."""

from __future__ import annotations

from functools import partial

from msgspec import structs
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QShowEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.bridge import Latest
from paddock.gui.host_state import HostState
from paddock.gui.pages.form import Card, silently
from paddock.gui.widgets import Button, Divider, ElidedLabel, IconButton, Label, Switch
from paddock.gui.widgets.layouts import empty
from paddock.sdk.host import SettingsPatch
from paddock.sdk.library import Place
from paddock.sdk.units import bytes_text


class PlaceRow(QWidget):
    """A folder: its name, what is in it, and a switch or a button to take it away."""

    def __init__(self, place: Place, *, own: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.place = place
        self.name = ElidedLabel(place.name, 13, 500)
        self.path = ElidedLabel(place.path, 12, 400, "text2", verbatim=True)
        self.holds = Label(place_words(place), 12, 400, "bad" if place.problem else "text2", wrap=True, tabular=True)
        self.open = IconButton("folder", f"Open the folder {place.name}", size=28, glyph=16)
        self.remove = IconButton("close", f"Remove {place.name} from the list", size=28, glyph=16)
        self.shown = Switch(f"Show the models of {place.name}")
        self.shown.setChecked(place.shown)
        self.remove.setVisible(own)
        self.shown.setVisible(foreign(place))
        self.open.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(place.path)))
        words = QVBoxLayout()
        words.setSpacing(0)
        for label in (self.name, self.path, self.holds):
            words.addWidget(label)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 8, 0, 8)
        row.setSpacing(8)
        row.addLayout(words, 1)
        for control in (self.open, self.remove, self.shown):
            row.addWidget(control, 0, Qt.AlignmentFlag.AlignVCenter)


class FoldersCard(Card):
    """Asks the host for the places whenever it comes into sight or the models change."""

    def __init__(self, host: HostState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host = host
        self.rows: list[PlaceRow] = []
        self._shown: tuple[list[Place], list[bool]] = [], []
        self._asking = Latest()
        self._list = QVBoxLayout()
        self._list.setSpacing(6)
        self.none = Label("Looking…", 12, 400, "text2", wrap=True)
        self.add_button = Button("Add a folder…", "secondary", "plus")
        self.column.addLayout(self._list)
        self.column.addWidget(self.none)
        self.column.addWidget(Divider())
        self.column.addSpacing(4)
        self.column.addWidget(self.add_button, 0, Qt.AlignmentFlag.AlignLeft)
        self.column.addSpacing(6)
        self.add_button.clicked.connect(self._choose)
        host.models_changed.connect(self.look)
        host.settings_changed.connect(self.look)
        host.connection_changed.connect(self._connection_changed)
        self._connection_changed()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.look()

    def look(self) -> None:
        """Ask the host what is where."""
        if self.isVisible() and self._host.connection == "connected":
            self._asking.replace(self._host.call(lambda client: client.places(), self.show_places, self._failed, self))

    def show_places(self, places: list[Place]) -> None:
        """Show these; the rows stay while nothing has changed, so that the focus stays too."""
        self.none.setVisible(not places)
        self.none.setText("There are no folders.")
        own = [self._is_own(place) for place in places]  # the settings may come after the places
        shown = [structs.replace(place, free_bytes=None) for place in places]  # it changes all the time, unseen
        if (shown, own) == self._shown:
            return
        self._shown = shown, own
        focused = next((n for n, row in enumerate(self.rows) if row.isAncestorOf(self.focusWidget() or self)), None)
        empty(self._list)
        self.rows = [PlaceRow(place, own=mine) for place, mine in zip(places, own, strict=True)]
        for row in self.rows:
            if self._list.count():
                self._list.addWidget(Divider())
            self._list.addWidget(row)
            row.remove.clicked.connect(partial(self._remove, row.place))
            row.shown.clicked.connect(lambda shown, row=row: self._show(row, shown))
        if focused is not None and self.rows:
            row = self.rows[min(focused, len(self.rows) - 1)]
            (row.open if row.shown.isHidden() else row.shown).setFocus(Qt.FocusReason.OtherFocusReason)

    def _is_own(self, place: Place) -> bool:
        return place.source == "folder" and place.path in self._host.settings.model_folders

    def _connection_changed(self) -> None:
        self.add_button.setEnabled(self._host.connection == "connected")
        self.look()

    def _failed(self, error: BaseException) -> None:
        self.none.setText(str(error))
        self.none.setVisible(not self.rows)

    # ---------------------------------------------------------------- doing

    def _choose(self) -> None:
        dialog = QFileDialog(self.window(), "Add a folder of models")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.add_folder)
        dialog.open()

    def add_folder(self, path: str) -> None:
        """Have the models of ``path`` listed in place."""
        folders = self._host.settings.model_folders
        if path and path not in folders:
            self._host.change_settings(SettingsPatch(model_folders=(*folders, path)))

    def _remove(self, place: Place) -> None:
        left = tuple(folder for folder in self._host.settings.model_folders if folder != place.path)
        self._host.change_settings(SettingsPatch(model_folders=left))

    def _show(self, row: PlaceRow, shown: bool) -> None:
        path = row.place.path
        hidden = tuple(place for place in self._host.settings.hidden_places if place != path)
        silently(row.shown, lambda: row.shown.setChecked(shown))
        self._host.change_settings(SettingsPatch(hidden_places=hidden if shown else (*hidden, path)))


def foreign(place: Place) -> bool:
    """Whether it is the store of another program."""
    return place.source not in ("folder", "bundled", "path")


def place_words(place: Place) -> str:
    """“12 models, 48.2 GB”, and what there is to know about them."""
    if place.problem:
        return place.problem
    count = "No models" if not place.models else "1 model" if place.models == 1 else f"{place.models:,} models"
    size = f", {bytes_text(place.size_bytes)}" if place.size_bytes else ""
    note = f". {place.note}" if place.note else ""
    return f"{count}{size}{'' if place.shown else ', hidden'}{note}"
