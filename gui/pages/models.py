"""The Models page: everything on disk as a table, and the chosen model beside it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import msgspec
from PySide6.QtCore import QItemSelectionModel, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from paddock.gui.bridge import Latest
from paddock.gui.host_state import HostState
from paddock.gui.messages import Messages
from paddock.gui.models.model_table import Column, ModelTable
from paddock.gui.pages.chat_columns import INSPECTOR_BELOW, Scrim
from paddock.gui.pages.models_actions import ModelActions
from paddock.gui.pages.models_filter import ModelFilter
from paddock.gui.pages.models_pane import ModelPane
from paddock.gui.pages.models_problems import ProblemStrip
from paddock.gui.pages.models_rows import ModelsView
from paddock.gui.pages.models_state import TableState
from paddock.gui.theme import current
from paddock.gui.widgets import Button, IconButton, Label
from paddock.gui.window_state import WindowState
from paddock.sdk.library import Place, Trashed
from paddock.sdk.types import ModelInfo
from paddock.sdk.units import bytes_text

PANE_WIDTH = 380


class Choice(NamedTuple):
    """What is chosen in the table: the ids of the selected models, the current one's, and its row."""

    selected: list[str]
    current: str
    row: int


class ModelsPage(QWidget):
    """The table follows :class:`HostState`; places, problems and the trash are asked for when the page is shown and
    when the library changes."""

    chat_wanted = Signal(str)
    load_wanted = Signal(str)
    hub_wanted = Signal(str)
    """A repository, or empty for the hub itself."""
    state_changed = Signal()
    """Widths or order, to be kept with the window."""

    def __init__(self, host: HostState, messages: Messages, state: WindowState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host, self._messages = host, messages
        self._places: tuple[Place, ...] = ()
        self._asking = Latest()
        self._wanted_model = ""
        self._known: object = None
        self._kept = Choice([], "", -1)
        self._pane_open = False
        self.setProperty("role", "surface")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Models")
        self.table = ModelTable(host.silk, self)
        self.view = ModelsView(self.table)
        self.filter = ModelFilter()
        self.problems = ProblemStrip(host, messages)
        self.nothing = TableState()
        self.pane = ModelPane(host, self)
        self.doing = ModelActions(host, messages, lambda: self._places, self)
        self.count = Label("", 13, 400, "text2", tabular=True)
        self.trash = Button("Trash", "quiet", "trash")
        self.add = Button("Add models…", "secondary", "plus")
        self.details = IconButton("panel-right", "Details of the model (Alt+Enter)")
        self.foot = Label("", 12, 400, "text2", tabular=True)
        self.bulk = QWidget()
        self.chosen = Label("", 13, 500, tabular=True)
        self.bulk_import, self.bulk_delete = Button("Copy to my models…"), Button("Delete", icon="trash")
        self._main = QWidget(self)
        self._scrim = Scrim(self)
        self._scrim.hide()
        self._lay_out()
        self._connect()
        self._restore(state)
        self.refresh()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(Label("Models", 18, 600))
        head.addWidget(self.count, 1)
        for button in (self.trash, self.add, self.details):
            head.addWidget(button)
        self.details.setCheckable(True)
        row = QHBoxLayout(self.bulk)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.chosen, 1)
        row.addWidget(self.bulk_import)
        row.addWidget(self.bulk_delete)
        self.bulk.hide()
        self.stack = QStackedWidget()
        self.stack.addWidget(self.nothing)
        self.stack.addWidget(self.view)
        column = QVBoxLayout(self._main)
        column.setContentsMargins(20, 14, 20, 8)
        column.setSpacing(10)
        column.addLayout(head)
        column.addWidget(self.filter)
        column.addWidget(self.problems)
        column.addWidget(self.stack, 1)
        column.addWidget(self.bulk)
        column.addWidget(self.foot)

        self._order_keys()

    def _order_keys(self) -> None:
        """Tab goes from the head down the page, then down the pane."""
        narrowing = self.filter
        parts: list[QWidget] = [self.trash, self.add, self.details, narrowing.search, narrowing.loaded, narrowing.chat]
        parts += [narrowing.embedding, narrowing.vision, narrowing.place, narrowing.order, self.problems.unfold]
        parts += [self.view, self.bulk_import, self.bulk_delete, *self.pane.keys()]
        for before, after in pairwise(parts):
            QWidget.setTabOrder(before, after)

    def regions(self) -> list[QWidget]:
        """What F6 goes through."""
        middle: QWidget = self.view if self.stack.currentWidget() is self.view else self.nothing.first
        return [self.filter.search, middle, *([self.pane.first_key()] if self.pane.isVisible() else [])]

    def _connect(self) -> None:
        host = self._host
        host.models_changed.connect(self.refresh)
        host.connection_changed.connect(self.refresh)
        host.snapshot.connect(self.look_around)
        self.table.modelAboutToBeReset.connect(self._remember_choice)
        self.table.modelReset.connect(self._choose_again)
        self.filter.changed.connect(self._narrow)
        self.filter.sort_wanted.connect(self.view.sort_by)
        self.filter.search.returnPressed.connect(self._to_table)
        self.view.horizontalHeader().sortIndicatorChanged.connect(self._sorted)
        self.view.selectionModel().selectionChanged.connect(lambda *_: self._selection_changed())
        self.view.selectionModel().currentChanged.connect(lambda *_: self._selection_changed())
        self.view.taken.connect(self._take)
        self.view.details_wanted.connect(self._to_pane)
        self.view.delete_wanted.connect(self.delete_selected)
        self.view.widths_changed.connect(self.state_changed)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.customContextMenuRequested.connect(self._menu_at)
        self.nothing.first_pressed.connect(self._first_way)
        self.nothing.second_pressed.connect(self.doing.add)
        self.details.toggled.connect(self.open_pane)
        self._scrim.clicked.connect(partial(self.open_pane, False))
        self.pane.close_wanted.connect(partial(self.open_pane, False))
        self.pane.chat_wanted.connect(self.chat_wanted)
        self.pane.load_wanted.connect(self.load_wanted)
        self.pane.model_wanted.connect(self.show_model)
        self.pane.delete_wanted.connect(lambda model: self.delete([model]))
        self.pane.quantize_wanted.connect(self.doing.quantize)
        self.doing.trash_changed.connect(self.look_around)
        self.doing.model_wanted.connect(self.show_model)
        self.doing.chat_wanted.connect(self.chat_wanted)
        self.doing.load_wanted.connect(self.load_wanted)
        self.doing.hub_wanted.connect(self.hub_wanted)
        self.trash.clicked.connect(self.doing.open_trash)
        self.add.clicked.connect(self.doing.add)
        self.bulk_delete.clicked.connect(self.delete_selected)
        self.bulk_import.clicked.connect(self._import_selected)
        shortcut = QShortcut(QKeySequence("/"), self.view)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(self.find_here)

    def _restore(self, state: WindowState) -> None:
        titles = {column.name.lower(): column for column in Column}
        widths = {titles[name]: width for name, width in state.models_widths.items() if name in titles}
        self.view.set_widths({column: min(600, max(48, width)) for column, width in widths.items()})
        down = state.models_sort.startswith("-")
        self.view.sort_by(titles.get(state.models_sort.removeprefix("-"), Column.NAME), down)

    def remember(self, state: WindowState) -> WindowState:
        """``state`` with the widths and the order as they are now."""
        return msgspec.structs.replace(
            state,
            models_widths={column.name.lower(): width for column, width in self.view.widths.items()},
            models_sort=("-" if self.table.downwards else "") + self.table.sorted_by.name.lower(),
        )

    # ---------------------------------------------------------------- showing

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.look_around()
        self._arrange()

    def look_around(self) -> None:
        """Ask for what only this page shows: places, problems, the trash."""
        if not self.isVisible():
            return
        self.problems.refresh()
        self._asking.replace(
            self._host.call(lambda client: client.places(), self._show_places, lambda error: None, self),
            self._host.call(lambda client: client.trash(), self._show_trash, lambda error: None, self),
        )

    def _show_places(self, places: list[Place]) -> None:
        self._places = tuple(places)
        self.pane.show_places(self._places)
        self.refresh()

    def _show_trash(self, items: Sequence[Trashed]) -> None:
        self.trash.setText(f"Trash ({len(items)})" if items else "Trash")

    def refresh(self) -> None:
        """Show what the host says now."""
        self.table.show(self._host.models, self._host.loaded.values(), self._places)
        self.filter.show_places(self.table.place_names())
        self.view.fit()
        self._show_numbers()
        if self._wanted_model:
            self.show_model(self._wanted_model)
        if self._known is not self._host.models:
            self._known = self._host.models
            self.look_around()

    def _narrow(self) -> None:
        self.table.narrow(self.filter.wanted())
        self._show_numbers()

    def _sorted(self, section: int, order: Qt.SortOrder) -> None:
        self.filter.show_order(Column(section), order == Qt.SortOrder.DescendingOrder)
        self.state_changed.emit()

    def _remember_choice(self) -> None:
        self._kept = Choice(self.selected(), self.current(), self.view.currentIndex().row())

    def _choose_again(self) -> None:
        """The rows are others now: what was chosen stays chosen, and the pane keeps what it shows. For a model that is
        gone the one in its place is chosen, at first the likeliest."""
        kept, shown = self._kept, self.pane.model
        here = kept.current or (shown if shown in self._host.models else "")
        if here not in self._host.models:
            here = self.table.at(kept.row) if shown else self.table.likely()
        selection, flag = self.view.selectionModel(), QItemSelectionModel.SelectionFlag
        for row in self.table.rows_of(kept.selected) or self.table.rows_of([here]):
            selection.select(self.table.index(row, 0), flag.Select | flag.Rows)
        for row in self.table.rows_of([here]):
            selection.setCurrentIndex(self.table.index(row, 0), flag.NoUpdate)
        self._selection_changed()

    def _show_numbers(self) -> None:
        shown, total = self.table.rowCount(), self.table.total()
        self.count.setText(f"{shown:,} of {total:,}" if shown != total else f"{total:,}" if total else "")
        free = next((place.free_bytes for place in self._places if place.free_bytes is not None), None)
        words = [f"{shown:,} model{'' if shown == 1 else 's'}", bytes_text(self.table.size_bytes())] if shown else []
        self.foot.setText(" · ".join([*words, *([f"{bytes_text(free)} free on the disk"] if free is not None else [])]))
        self.foot.setVisible(total > 0)
        self.filter.setVisible(total > 0)
        if not self._host.models_known:
            waits = self._host.connection == "lost"
            self.nothing.show_state("Waiting for the host…" if waits else "Reading your folders…")
        elif not total:
            about = "Find one that fits this computer, or add files that you have already."
            self.nothing.show_state("No models yet", about, "Discover models", "Add models…")
        elif not shown:
            self.nothing.show_state("No model matches", "Other words or fewer filters will show more.", "Show all")
        self.stack.setCurrentWidget(self.view if shown else self.nothing)

    def _first_way(self) -> None:
        if self.table.total():
            self.filter.clear()
        else:
            self.hub_wanted.emit("")

    # ---------------------------------------------------------------- choosing

    def current(self) -> str:
        """The id of the current row's model; empty for none."""
        info = self.table.info(self.view.currentIndex())
        return info.id if info is not None else ""

    def selected(self) -> list[str]:
        """The ids of the selected models, from the top."""
        rows = sorted(index.row() for index in self.view.selectionModel().selectedRows())
        infos = [self.table.info(self.table.index(row, 0)) for row in rows]
        return [info.id for info in infos if info is not None]

    def _infos(self, models: Sequence[str]) -> list[ModelInfo]:
        return [self._host.models[model] for model in models if model in self._host.models]

    def show_model(self, model: str) -> None:
        """Select a model and show all about it; one that is not known yet, as soon as it is."""
        self._wanted_model = ""
        if not self.table.rows_of([model]):
            if model not in self._host.models:
                self._wanted_model = model
                return
            self.filter.clear()
        rows = self.table.rows_of([model])
        if rows:
            self.view.selectRow(rows[0])
            self.view.scrollTo(self.table.index(rows[0], 0), ModelsView.ScrollHint.PositionAtCenter)
            self.open_pane(True)

    def _selection_changed(self) -> None:
        selected, here = self.selected(), self.current()
        infos = self._infos(selected)
        self.bulk.setVisible(len(infos) > 1)
        self.chosen.setText(f"{len(infos)} selected, {bytes_text(sum(info.size_bytes for info in infos))}")
        if here or self.pane.model not in self._host.models:
            self.pane.show_model(here if here in selected or not selected else selected[0])
        self._arrange()

    def _take(self) -> None:
        info = self._host.models.get(self.current())
        if info is not None and info.error is None and "embedding" not in info.capabilities:
            self.chat_wanted.emit(info.id)
        elif info is not None:
            self.open_pane(True)

    def _to_table(self) -> None:
        if self.table.rowCount():
            self.view.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def find_here(self) -> None:
        self.filter.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filter.search.selectAll()

    # ---------------------------------------------------------------- doing

    def delete(self, models: Sequence[str]) -> None:
        """To the trash, with an undo."""
        self.pane.flush()
        self.doing.delete(self._infos(models))

    def delete_selected(self) -> None:
        self.delete(self.selected())

    def _import_selected(self) -> None:
        self.doing.import_paths([info.path for info in self._infos(self.selected())])

    def _menu_at(self, where: QPoint) -> None:
        index = self.view.indexAt(where)
        info = self.table.info(index if index.isValid() else self.view.currentIndex())
        if info is not None:
            self.doing.menu_for(info).popup(self.view.viewport().mapToGlobal(where))

    # ---------------------------------------------------------------- the pane

    def _narrow_window(self) -> bool:
        return self.window().width() / current().zoom < INSPECTOR_BELOW

    def open_pane(self, shown: bool) -> None:
        """Show or fold the details; in a narrow window they lie over the table."""
        self._pane_open = shown
        self._arrange()
        if self._narrow_window() and not shown:
            self.view.setFocus(Qt.FocusReason.OtherFocusReason)

    def _to_pane(self) -> None:
        self.open_pane(True)
        if self.pane.isVisible():
            self.pane.first_key().setFocus(Qt.FocusReason.ShortcutFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and not self._scrim.isHidden():
            self.open_pane(False)
            return
        super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        over = self._narrow_window()
        shown = bool(self.pane.model) and (self._pane_open or not over)
        width = min(current().px(PANE_WIDTH), self.width() - 40)
        self.pane.setVisible(shown)
        self.pane.setGeometry(self.width() - width, 0, width, self.height())
        self.pane.close_button.setVisible(over)
        self._main.setGeometry(0, 0, self.width() - (width if shown and not over else 0), self.height())
        self._scrim.setGeometry(self.rect())
        self._scrim.setVisible(over and shown)
        if over and shown:
            self._scrim.raise_()
            self.pane.raise_()
        self.details.setVisible(over and bool(self.pane.model))
        self.details.blockSignals(True)
        self.details.setChecked(shown)
        self.details.blockSignals(False)
