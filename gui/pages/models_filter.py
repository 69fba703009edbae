"""What narrows and orders the table of models: words, kinds, places."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMenu, QVBoxLayout, QWidget

from paddock.gui.models.model_table import NUMBERS, TITLES, Column, Wanted
from paddock.gui.widgets import Chip, SearchField, menu_words
from paddock.gui.widgets.flow import FlowLayout
from paddock.gui.widgets.menu import Menu

EVERYWHERE = "All folders"


class ModelFilter(QWidget):
    """``changed`` follows every change; ``sort_wanted`` carries a column and whether it goes downwards."""

    changed = Signal()
    sort_wanted = Signal(object, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.search = SearchField("Filter by name, architecture, quant, folder, notes")
        self.loaded, self.chat = Chip("Loaded"), Chip("Chat")
        self.embedding, self.vision = Chip("Embedding"), Chip("Vision")
        self.vision.setToolTip("Models with a projector beside them, with which they see pictures.")
        self.place = Chip(EVERYWHERE, icon="folder")
        self.order = Chip("Sorted by name", icon="arrow-down")
        self._place = ""
        self._places: list[str] = []
        self._place_menu, self._order_menu = Menu(self.place), Menu(self.order)
        self.place.setMenu(self._place_menu)
        self.order.setMenu(self._order_menu)
        self._host = QWidget()
        chips = FlowLayout(self._host)
        for chip in (self.loaded, self.chat, self.embedding, self.vision):
            chip.setCheckable(True)
            chip.toggled.connect(lambda _: self.changed.emit())
            chips.addWidget(chip)
        chips.addWidget(self.place)
        chips.addWidget(self.order)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.search)
        column.addWidget(self._host)
        self.search.textChanged.connect(lambda _: self.changed.emit())
        self.show_order(Column.NAME, False)
        self.show_places([])

    def wanted(self) -> Wanted:
        """What is to be shown."""
        return Wanted(
            self.search.text(),
            self.loaded.isChecked(),
            self.chat.isChecked(),
            self.embedding.isChecked(),
            self.vision.isChecked(),
            self._place,
        )

    def clear(self) -> None:
        """Show everything again."""
        self.search.clear()
        for chip in (self.loaded, self.chat, self.embedding, self.vision):
            chip.setChecked(False)
        self._choose_place("")

    def show_places(self, places: Sequence[str]) -> None:
        """The places that hold models; with fewer than two there is nothing to choose."""
        self.place.setVisible(len(places) > 1)
        if list(places) == self._places:
            return
        self._places = list(places)
        if self._place and self._place not in places:
            self._choose_place("")
        _fill(self._place_menu, [("", EVERYWHERE), *((name, name) for name in places)], self._place, self._choose_place)

    def _choose_place(self, place: str) -> None:
        self._place = place
        self.place.set(text=place or EVERYWHERE, role="Folder")
        self.changed.emit()

    def show_order(self, column: Column, downwards: bool) -> None:
        """How the table is sorted now."""
        way = "downwards" if downwards else "upwards"
        self.order.set(text=f"Sorted by {TITLES[column].lower()}", icon="arrow-down" if downwards else "arrow-up")
        self.order.setToolTip(f"Sorted {way}. Choose again to turn it round.")
        titles = [(str(int(item)), TITLES[item]) for item in Column]

        def choose(number: str) -> None:
            chosen = Column(int(number))
            usual = chosen in NUMBERS or chosen == Column.USED
            self.sort_wanted.emit(chosen, not downwards if chosen == column else usual)

        _fill(self._order_menu, titles, str(int(column)), choose)


def _fill(menu: QMenu, choices: Sequence[tuple[str, str]], chosen: str, choose: object) -> None:
    menu.clear()
    group = QActionGroup(menu)
    for value, words in choices:
        action = menu.addAction(menu_words(words))
        action.setCheckable(True)
        action.setChecked(value == chosen)
        action.setActionGroup(group)
        action.triggered.connect(partial(_call, choose, value))


def _call(choose: object, value: str, checked: bool = False) -> None:
    assert callable(choose)
    choose(value)
