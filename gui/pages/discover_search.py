"""The left column of the Discover page: search, filters, results."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QModelIndex, QPoint, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QVBoxLayout, QWidget

from paddock.gui.bridge import Task
from paddock.gui.host_state import HostState
from paddock.gui.messages import sentence
from paddock.gui.models.hub import HubList, HubRole, clock_text, open_words
from paddock.gui.pages.discover_filters import Filters
from paddock.gui.pages.discover_rows import ResultList
from paddock.gui.pages.first_run_words import best_first
from paddock.gui.pages.form import copy
from paddock.gui.theme import current
from paddock.gui.widgets import Button, Label, Notice, SearchField
from paddock.gui.widgets.menu import Menu
from paddock.sdk.errors import PaddockError
from paddock.sdk.hub import HubPage, HubSearchRequest, Suggestion

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient

TYPING_MS = 250
"""The hub is asked when nothing was typed for so long."""
COMING = 6
"""Rows that stand for those on their way."""
EMPTY_PAGES = 8
"""So many pages in a row may hold nothing that passes the filters before the search is left to the user."""


class SearchColumn(QWidget):
    """``shown`` carries the repository that is selected (a suggestion with its quant), ``opened`` the one that was
    chosen by Enter, a click or its name. Asks the hub from :meth:`start` on."""

    shown = Signal(str)
    opened = Signal(str)

    def __init__(self, host: HostState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host = host
        self._on = ""
        self._request: HubSearchRequest | None = None
        self._page = HubPage()
        self._hub = ""
        self._empty = 0
        self._task: Task | None = None
        self._suggestions: tuple[Suggestion, ...] = ()
        self.list = HubList(self)
        self.setProperty("role", "side")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.count = Label("", 12, 400, "text2", tabular=True)
        self.search = SearchField("Name, author, or address of a model")
        self.filters = Filters()
        self.caption = Label("Good first models, then what is trending", 12, 500, "text2")
        self.notice = Notice()
        self.notes = Label("", 12, 400, "text2", wrap=True)
        self.nothing = Label("", 13, 400, "text2", wrap=True)
        self.widen = Button("Clear filters")
        self.view = ResultList()
        self.view.setModel(self.list)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING_MS)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        title = QHBoxLayout()
        title.addWidget(Label("Discover", 15, 600))
        title.addStretch(1)
        title.addWidget(self.count)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(12, 13, 12, 0)
        self._column.setSpacing(8)
        self._column.addLayout(title)
        self._column.addWidget(self.search)
        self._column.addWidget(self.filters)
        for part in (self.notice, self.notes, self.caption, self.nothing):
            self._column.addWidget(part)
            part.hide()
        self._column.addWidget(self.widen, 0, Qt.AlignmentFlag.AlignLeft)
        self._column.addWidget(self.view, 1)
        self._column.addStretch(0)
        self.widen.hide()

    def _connect(self) -> None:
        self._typing.timeout.connect(self._ask_if_changed)
        self.search.textChanged.connect(lambda _: self._typing.start())
        self.search.returnPressed.connect(self._ask_now)
        self.filters.changed.connect(self._ask_if_changed)
        self.widen.clicked.connect(self.filters.clear)
        self.notice.action_triggered.connect(self.ask)
        self.view.end_near.connect(self._ask_more)
        self.view.clicked.connect(self._open)
        self.view.activated.connect(self._open)
        self.view.menu_wanted.connect(self._menu)
        self.view.selectionModel().currentChanged.connect(self._selected)

    # ---------------------------------------------------------------- asking

    def start(self) -> None:
        """The page is seen for the first time."""
        if self._request is None:
            self._host.call(_suggestions, self._suggested, self._no_suggestions, self)
            self.ask()

    def set_machine(self, on: str) -> None:
        """Badges and “Fits here” are about another machine."""
        if on != self._on:
            self._on = on
            if self._request is not None:
                self.ask()

    def ask(self) -> None:
        """Ask for the first page of what the column says now."""
        self._typing.stop()
        request = self._wanted()
        self._request, self._page, self._empty = request, HubPage(), 0
        self.notice.hide()
        self._show_notes(())
        self._nothing("")
        self.caption.hide()
        self.count.setText("")
        self.list.show(self._first(), COMING)
        self.view.show()
        self.view.scrollToTop()
        self._submit(request)

    def _wanted(self) -> HubSearchRequest:
        request = HubSearchRequest(words=self.search.text().strip(), on=self._on)
        return self.filters.applied_to(request)

    def _first(self) -> Sequence[Suggestion]:
        """The suggestions stand first where nothing is asked for."""
        request = self._request
        plain = request is not None and not request.words and not self.filters.active and request.sort == "trending"
        return self._suggestions if plain else ()

    def _ask_if_changed(self) -> None:
        if self._request is not None and self._wanted() != msgspec.structs.replace(self._request, cursor=""):
            self.ask()

    def _ask_now(self) -> None:
        if self._request is not None:
            self.ask()

    def _ask_more(self) -> None:
        if self._task is None and self._page.cursor and self._request is not None and not self.notice.isVisible():
            self.list.set_coming(COMING)
            self._submit(msgspec.structs.replace(self._request, cursor=self._page.cursor))

    def _submit(self, request: HubSearchRequest) -> None:
        if self._task is not None:
            self._task.cancel()
        self._task = self._host.call(
            lambda client: client.search(request), partial(self._came, request), self._failed, self
        )

    # ---------------------------------------------------------------- what came

    def _suggested(self, suggestions: list[Suggestion]) -> None:
        self._suggestions = tuple(suggestions)
        if self._first():
            results = [row for row in self.list.rows if not isinstance(row, Suggestion)]
            self.list.show([*self._suggestions, *results], COMING if self._task is not None else 0)
            self._show_state()

    def _no_suggestions(self, error: BaseException) -> None:
        """They need no hub: what keeps the host from telling them keeps it from searching, which says so."""

    def _came(self, request: HubSearchRequest, page: HubPage) -> None:
        self._task = None
        first = not request.cursor
        self._page = page
        self._hub = page.hub or self._hub
        before = len(self.list.rows)
        self.list.append(page.results)
        self._show_page_notes(page)
        self._empty = 0 if len(self.list.rows) > before else self._empty + 1
        if page.cursor and not page.results and self._empty < EMPTY_PAGES:
            self._ask_more()  # filters left nothing of this page
        self._show_state()
        if first and page.named:
            self.view.setCurrentIndex(self.list.row_of(page.results[0].id))
            self.opened.emit(page.named)
        else:
            self.view.look_ahead()

    def _failed(self, error: BaseException) -> None:
        self._task = None
        self.list.set_coming(0)
        message, hint = (error.message, error.hint) if isinstance(error, PaddockError) else (sentence(error), "")
        self.notice.show_message("warn", message, hint or "", "Try again")
        self._show_state()

    def _show_page_notes(self, page: HubPage) -> None:
        if page.stale:
            text = f"The hub cannot be reached. These are results of {clock_text(page.fetched)}."
            self.notice.show_message("warn", text, "", "Try again")
        else:
            self._show_notes(page.notes)

    def _show_notes(self, notes: Sequence[str]) -> None:
        self.notes.setText("\n".join(notes))
        self.notes.setVisible(bool(notes))

    def _show_state(self) -> None:
        number = sum(not isinstance(row, Suggestion) for row in self.list.rows)
        more = "+" if self._page.cursor else ""
        waiting = self._task is not None and not number
        words = "1 result" if number == 1 and not more else f"{number:,}{more} results"
        self.count.setText("" if waiting or not number or self._first() else words)
        self.caption.setVisible(bool(self._first()))
        self._nothing("" if self.list.rowCount() or self.notice.isVisible() else self._empty_words())

    def _empty_words(self) -> str:
        words = self.search.text().strip()
        found = f"Nothing on the hub matches “{words}”" if words else "Nothing on the hub matches"
        if self.filters.active:
            return f"{found} with these filters."
        return f"{found}. Try fewer words, or the name of the publisher."

    def _nothing(self, words: str) -> None:
        self.nothing.setText(words)
        self.nothing.setVisible(bool(words))
        self.widen.setVisible(bool(words) and self.filters.active)
        self.view.setVisible(not words)
        self._column.setStretch(self._column.count() - 1, 1 if words else 0)

    # ---------------------------------------------------------------- choosing

    def select(self, repo: str) -> None:
        """Mark the repository that is shown beside the list, without saying so."""
        if self.view.currentIndex().data(HubRole.REPO) == repo:
            return
        model = self.view.selectionModel()
        model.blockSignals(True)
        self.view.setCurrentIndex(self.list.row_of(repo))
        model.blockSignals(False)
        self.view.viewport().update()

    def first(self) -> str:
        """What the first row means; empty while there is none."""
        return self.list.index(0, 0).data(HubRole.SOURCE) or ""

    def focus_search(self) -> None:
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Down and self.search.hasFocus() and self.list.rows:
            self.view.setFocus(Qt.FocusReason.TabFocusReason)
            if not self.view.currentIndex().isValid():
                self.view.setCurrentIndex(self.list.index(0, 0))
            return
        super().keyPressEvent(event)

    def _selected(self, index: QModelIndex) -> None:
        source = index.data(HubRole.SOURCE)
        if source:
            self.shown.emit(source)

    def _open(self, index: QModelIndex) -> None:
        source = index.data(HubRole.SOURCE)
        if source:
            self.opened.emit(source)

    def menu_for(self, repo: str) -> QMenu:
        """What can be done with a result."""
        menu = Menu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Copy name").triggered.connect(lambda: copy(repo))
        if self._hub:
            page = f"{self._hub}/{repo}"
            menu.addAction(open_words(page)).triggered.connect(lambda: QDesktopServices.openUrl(QUrl(page)))
        return menu

    def _menu(self, where: QPoint) -> None:
        repo = self.view.currentIndex().data(HubRole.REPO)
        if repo:
            self.menu_for(repo).popup(where)


async def _suggestions(client: AsyncClient) -> list[Suggestion]:
    """What suits this computer best first: the first one is shown beside the list."""
    machines = await client.machines()
    return best_first(await client.suggestions(), machines[0] if machines else None)


def column_width() -> int:
    """How wide the column stands beside the model."""
    return current().px(356)
