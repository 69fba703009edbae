"""The first screen: what this computer can do, three models that fit it, and what other programs have on it."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import sentence
from paddock.gui.pages.first_run_model import SuggestedModel
from paddock.gui.pages.first_run_words import choose, machine_words, place_facts, speed_of
from paddock.gui.pages.form import COLUMN, Card, FormPage, Row
from paddock.gui.theme import current, new_measures
from paddock.gui.widgets import Button, Label, Switch
from paddock.sdk.downloads import Download
from paddock.sdk.host import SettingsPatch
from paddock.sdk.hub import Suggestion
from paddock.sdk.library import Place
from paddock.sdk.memory import Machine

OF_OTHERS = ("lmstudio", "ollama", "jan", "huggingface", "llamacpp")
DEMONSTRATION = "Or start now with the built-in demonstration model, no download."
MEANWHILE = "The download goes on while you look around."
IN_PLACE = "These models are used where they are. Nothing of another program is changed."
READY = "You can change all of this later."


class FirstRun(QWidget):
    """One screen, no wizard. ``left``: Start or Esc; ``chat_wanted`` carries a model's id."""

    left = Signal()
    chat_wanted = Signal(str)
    discover_wanted = Signal()

    def __init__(self, host: HostState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host = host
        self._machine: Machine | None = None
        self._suggested: list[Suggestion] | None = None
        self._paths: frozenset[str] = frozenset()
        self.setAccessibleName("Welcome to Paddock")
        self.page = FormPage("Welcome to Paddock")
        self.machine = Label("Looking at this computer…", 13, 400, "text2", wrap=True)
        self.heading = Label("Models that fit this computer", 15, 600)
        self.more = Button("More models", "link")
        self.more.clicked.connect(self.discover_wanted)
        self.models = Card()
        self.waiting = Label("Looking for models that fit…", 13, 400, "text2")
        self.models.add(self.waiting)
        self.rows: list[SuggestedModel] = []
        self.places = Card()
        self.switches: dict[str, Switch] = {}
        in_place = Label(IN_PLACE, 12, 400, "text2", wrap=True)
        self._places_section = _section(Label("Already on this computer", 15, 600), self.places, in_place)
        self._places_section.hide()
        self.sentence = Label(DEMONSTRATION, 13, 400, "text2", wrap=True)
        self.start = Button("Start", "primary")
        self.start.clicked.connect(self.left)
        self._lay_out()
        host.downloads_changed.connect(self._show_downloads)
        host.models_changed.connect(self._models_changed)
        host.settings_changed.connect(self._show_ticks)
        host.call(lambda client: client.machines(), self._machines_came, self._no_machine, self)
        host.call(lambda client: client.suggestions(), self._suggestions_came, self._no_suggestions, self)
        self._ask_places()

    def _lay_out(self) -> None:
        heading = QWidget()
        line = QHBoxLayout(heading)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.heading, 1)
        line.addWidget(self.more)
        column = self.page.column
        column.addWidget(self.machine)
        column.addWidget(_section(heading, self.models))
        column.addWidget(self._places_section)
        column.addStretch(1)
        self._last = QWidget()
        row = QHBoxLayout(self._last)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        row.addWidget(self.sentence, 1)
        row.addWidget(self.start)
        foot = QFrame()
        foot.setProperty("role", "foot")
        below = self._below = QHBoxLayout(foot)
        below.addStretch(1)
        below.addWidget(self._last, 10_000)  # as wide as it may be
        below.addStretch(1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self.page, 1)
        whole.addWidget(foot)
        self.page.verticalScrollBar().rangeChanged.connect(self._fit)
        self._fit()

    def _fit(self) -> None:
        """The last line stands below the column, which a scroll bar moves to the left."""
        bar = self.page.verticalScrollBar()
        self._last.setMaximumWidth(current().px(COLUMN))
        self._below.setContentsMargins(24, 12, 24 + (bar.sizeHint().width() if bar.maximum() else 0), 12)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if new_measures(event):
            self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
            return
        super().keyPressEvent(event)

    # ---------------------------------------------------------------- this computer, and what fits it

    def _machines_came(self, machines: list[Machine]) -> None:
        self._machine = machines[0]
        self.machine.setText(machine_words(machines[0]))
        self._show_suggestions()

    def _no_machine(self, error: BaseException) -> None:
        self.machine.setText(sentence(error))

    def _suggestions_came(self, suggestions: list[Suggestion]) -> None:
        self._suggested = suggestions
        self._show_suggestions()

    def _no_suggestions(self, error: BaseException) -> None:
        self.waiting.setText(sentence(error))

    def _show_suggestions(self) -> None:
        """Once both are known: the choice depends on the machine."""
        if self._machine is None or self._suggested is None or self.rows:
            return
        chosen = choose(self._suggested, self._machine)
        if not any(item.fit in ("fits", "fits_if_unloaded", "fits_with") for item in chosen):
            self.heading.setText("Good first models")
        self.waiting.setVisible(not chosen)
        self.waiting.setText("None of the suggested models fits this computer. Smaller ones are in Discover.")
        for suggestion in chosen:
            row = SuggestedModel(suggestion)
            row.download_wanted.connect(partial(self._download, row))
            row.pause_wanted.connect(partial(self._pause, row))
            row.chat_wanted.connect(lambda row=row: self.chat_wanted.emit(row.model))
            self.rows.append(row)
            if len(self.rows) == 1:
                self.models.column.addWidget(row)
            else:
                self.models.add(row)
        self._show_downloads()

    # ---------------------------------------------------------------- downloads

    def _download(self, row: SuggestedModel) -> None:
        row.show_asking()
        source = row.suggestion.source
        self._host.call(
            lambda client: client.download(source),
            lambda _: self._show_downloads(),
            lambda error: self._refused(row, error),
            row,
        )

    def _pause(self, row: SuggestedModel) -> None:
        download = self._download_of(row)
        if download is not None:
            number = download.id
            self._host.call(lambda client: client.pause_download(number), None, None, row)

    def _refused(self, row: SuggestedModel, error: BaseException) -> None:
        row.show_trouble(sentence(error))
        self._settle(trouble=True)

    def _download_of(self, row: SuggestedModel) -> Download | None:
        found = (item for item in self._host.downloads.values() if item.model == row.suggestion.source)
        return next(found, None)

    def _show_downloads(self) -> None:
        speed = speed_of(self._host.downloads.values())
        for row in self.rows:
            download = self._download_of(row)
            if download is not None and download.state == "done":
                known = self._host.models.values()
                row.model = row.model or next((info.id for info in known if info.path == download.path), "")
            if row.button.isEnabled() or download is not None:  # else it is being asked for
                row.show_download(download, speed)
        self._settle()

    def _settle(self, *, trouble: bool = False) -> None:
        """Which button stands out: what can be done at once, before what takes a while."""
        ready = next((row for row in self.rows if row.model), None)
        under_way = any(self._download_of(row) is not None for row in self.rows)
        offer = None if under_way or trouble else next(iter(self.rows), None)
        chief = ready or offer
        for row in self.rows:
            row.button.set_kind("primary" if row is chief else "secondary")
        self.start.set_kind("secondary" if chief is not None else "primary")
        self.sentence.setText(READY if ready is not None else MEANWHILE if under_way else DEMONSTRATION)

    # ---------------------------------------------------------------- what other programs have

    def _models_changed(self) -> None:
        paths = frozenset(info.path for info in self._host.models.values())
        if paths != self._paths:
            self._paths = paths
            self._ask_places()
            self._show_downloads()

    def _ask_places(self) -> None:
        self._host.call(lambda client: client.places(), self._places_came, lambda _: None, self)

    def _places_came(self, places: list[Place]) -> None:
        found = [place for place in places if place.source in OF_OTHERS and (place.models or place.problem)]
        for place in found:
            if place.path not in self.switches:
                self._add_place(place)
        self._places_section.setVisible(bool(self.switches))
        self._show_ticks()

    def _add_place(self, place: Place) -> None:
        switch = Switch(f"Show the models of {place.name}")
        switch.setToolTip(place.path)
        switch.clicked.connect(lambda shown: self._show_place(place.path, shown))
        self.switches[place.path] = switch
        row = Row(place.name, place_facts(place), switch)
        row.setToolTip(place.path)
        self.places.add(row)

    def _show_place(self, path: str, shown: bool) -> None:
        hidden = [item for item in self._host.settings.hidden_places if item != path]
        self._host.change_settings(SettingsPatch(hidden_places=tuple(hidden if shown else [*hidden, path])))

    def _show_ticks(self) -> None:
        for path, switch in self.switches.items():
            switch.setChecked(path not in self._host.settings.hidden_places)


def _section(*parts: QWidget) -> QWidget:
    """A title and what stands under it."""
    section = QWidget()
    column = QVBoxLayout(section)
    column.setContentsMargins(0, 8, 0, 0)
    column.setSpacing(8)
    for part in parts:
        column.addWidget(part)
    return section
