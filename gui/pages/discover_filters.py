"""The filters of a search on the hub, as chips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from PySide6.QtCore import Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QWidget

from paddock.gui.models.hub import BADGES, licence_text
from paddock.gui.widgets import Button, Chip
from paddock.gui.widgets.flow import FlowLayout
from paddock.gui.widgets.menu import Menu
from paddock.sdk.hub import HubSearchRequest

_LICENCES = ("apache-2.0", "mit", "gemma", "llama3.1", "llama3.2", "llama3.3", "cc-by-4.0", "cc-by-nc-4.0", "other")
_TASKS = {
    "text-generation": "Text",
    "image-text-to-text": "Pictures and text",
    "feature-extraction": "Embeddings",
    "sentence-similarity": "Sentence similarity",
    "text-ranking": "Reranking",
}
_LANGUAGES = {
    "ar": "Arabic",
    "zh": "Chinese",
    "nl": "Dutch",
    "en": "English",
    "fr": "French",
    "de": "German",
    "hi": "Hindi",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "pl": "Polish",
    "pt": "Portuguese",
    "ru": "Russian",
    "es": "Spanish",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "vi": "Vietnamese",
}
_BILLIONS = ((None, 2), (2, 5), (5, 10), (10, 20), (20, 40), (40, None))


class Choice(NamedTuple):
    """A line of a filter: its words, and what it sets in the request."""

    text: str
    sets: Mapping[str, Any]


class Filter(NamedTuple):
    """The first choice is the usual one."""

    name: str
    choices: Sequence[Choice]


def _sizes() -> list[Choice]:
    found = []
    for low, high in _BILLIONS:
        sets = {"min_parameters": low and low * 10**9, "max_parameters": high and high * 10**9}
        text = f"Up to {high} B" if low is None else f"{low} to {high} B" if high else f"Over {low} B"
        found.append(Choice(text, sets))
    return [Choice("Any size", {"min_parameters": None, "max_parameters": None}), *found]


CAPABILITY = Filter(
    "Capability",
    [Choice("Any", {"badge": None}), *(Choice(text.capitalize(), {"badge": badge}) for badge, text in BADGES.items())],
)
LICENCE = Filter(
    "Licence",
    [
        Choice("Any licence", {"licence": ""}),
        *(Choice(licence_text(name).capitalize() if name == "other" else licence_text(name), {"licence": name})
          for name in _LICENCES),
    ],
)  # fmt: skip
FORMAT = Filter(
    "Format",
    [Choice("GGUF", {"format": "gguf"}), Choice("MLX", {"format": "mlx"}), Choice("Any format", {"format": "any"})],
)
SIZE = Filter("Size", _sizes())
SORT = Filter(
    "Sorted by",
    [
        Choice("Trending", {"sort": "trending"}),
        Choice("Downloads", {"sort": "downloads"}),
        Choice("Likes", {"sort": "likes"}),
        Choice("Updated", {"sort": "updated"}),
    ],
)
MORE = (
    Filter(
        "Access",
        [
            Choice("Any access", {"gated": None}),
            Choice("Open to all", {"gated": False}),
            Choice("Gated", {"gated": True}),
        ],
    ),
    Filter("Task", [Choice("Any task", {"task": ""}), *(Choice(text, {"task": key}) for key, text in _TASKS.items())]),
    Filter(
        "Language",
        [Choice("Any language", {"language": ""}), *(Choice(text, {"language": k}) for k, text in _LANGUAGES.items())],
    ),
)


class ChoiceMenu(Menu):
    """One of a filter's choices. ``changed`` follows every change by the user."""

    changed = Signal()

    def __init__(self, about: Filter, parent: QWidget | None = None) -> None:
        super().__init__(parent, about.name)
        self.about = about
        self.number = 0
        group = QActionGroup(self)
        self.actions_: list[QAction] = []
        for number, choice in enumerate(about.choices):
            action = self.addAction(choice.text)
            action.setCheckable(True)
            action.setChecked(number == 0)
            action.triggered.connect(lambda _=False, number=number: self._choose(number))
            group.addAction(action)
            self.actions_.append(action)

    @property
    def choice(self) -> Choice:
        return self.about.choices[self.number]

    def choose(self, number: int) -> None:
        """Take a choice without saying so."""
        self.number = number
        self.actions_[number].setChecked(True)

    def _choose(self, number: int) -> None:
        if number != self.number:
            self.choose(number)
            self.changed.emit()


class FilterChip(Chip):
    """Looks switched on while something is chosen that is not the usual."""

    changed = Signal()

    def __init__(self, *filters: Filter, name: str = "", always: bool = False, parent: QWidget | None = None) -> None:
        self._name = name or filters[0].name
        self._always = always
        super().__init__(self._name, parent)
        self.setCheckable(True)
        self.menus = [ChoiceMenu(about, self) for about in filters]
        if len(self.menus) == 1:
            self.setMenu(self.menus[0])
        else:
            whole = Menu(self)
            for menu in self.menus:
                whole.addMenu(menu)
            self.setMenu(whole)
        for menu in self.menus:
            menu.changed.connect(self._changed)
        self._show()

    @property
    def active(self) -> bool:
        return any(menu.number for menu in self.menus)

    def nextCheckState(self) -> None:
        """A click opens the menu; only a choice switches it."""

    def clear(self) -> None:
        """Back to the usual."""
        for menu in self.menus:
            menu.choose(0)
        self._show()

    def sets(self) -> dict[str, Any]:
        """What the choices set in a request."""
        return {key: value for menu in self.menus for key, value in menu.choice.sets.items()}

    def _changed(self) -> None:
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        chosen = [menu.choice.text for menu in self.menus if menu.number or self._always]
        self.setChecked(self.active and not self._always)
        many = f"{self._name}: {len(chosen)}"
        self.set(text=chosen[0] if len(chosen) == 1 else many if chosen else self._name, role="")
        said = ", ".join(menu.choice.text for menu in self.menus)
        self.setAccessibleName(f"{self._name}: {said}")
        self.setToolTip(", ".join(chosen) if len(chosen) > 1 else "")


class Filters(QWidget):
    """``changed`` follows every change by the user."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.fits = Chip("Fits here")
        self.fits.setCheckable(True)
        self.fits.setToolTip("Leaves out what certainly does not fit")
        self.capability = FilterChip(CAPABILITY)
        self.licence = FilterChip(LICENCE)
        self.format = FilterChip(FORMAT, always=True)
        self.size_ = FilterChip(SIZE)
        self.more = FilterChip(*MORE, name="More")
        self.sort = FilterChip(SORT, always=True)
        self.clear_button = Button("Clear", "link")
        self.clear_button.setAccessibleName("Clear all filters")
        self._chips = (self.capability, self.licence, self.format, self.size_, self.more)
        row = FlowLayout(self, gap=4)
        for part in (self.fits, *self._chips, self.sort, self.clear_button):
            row.addWidget(part)
        self.fits.toggled.connect(self._changed)
        for chip in (*self._chips, self.sort):
            chip.changed.connect(self._changed)
        self.clear_button.clicked.connect(self.clear)
        self._show()

    @property
    def active(self) -> bool:
        """Whether anything is left out."""
        return self.fits.isChecked() or any(chip.active for chip in self._chips)

    def clear(self) -> None:
        """Nothing is left out any more."""
        if self.active:
            self.fits.blockSignals(True)
            self.fits.setChecked(False)
            self.fits.blockSignals(False)
            for chip in self._chips:
                chip.clear()
            self._changed()

    def applied_to(self, request: HubSearchRequest) -> HubSearchRequest:
        """``request`` narrowed and sorted as the chips say."""
        sets = {key: value for chip in (*self._chips, self.sort) for key, value in chip.sets().items()}
        return msgspec.structs.replace(request, fits=self.fits.isChecked(), **sets)

    def _changed(self) -> None:
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        self.fits.set(icon="check" if self.fits.isChecked() else "")
        self.clear_button.setVisible(self.active)
