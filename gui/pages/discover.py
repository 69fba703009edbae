"""The Discover page: results at the left, one model at the right; in narrow windows one of the two."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import Messages
from paddock.gui.pages.discover_model import ModelView
from paddock.gui.pages.discover_search import SearchColumn, column_width
from paddock.gui.theme import current, new_measures
from paddock.gui.widgets import Button

ONE_BELOW = 900
"""A narrower window shows the list or the model; logical pixels at 100 % text."""


class DiscoverPage(QWidget):
    """Asks the hub when it is first shown; what was searched for stays while other pages are shown.

    ``chat_wanted`` and ``load_wanted`` carry a model's id. ``settings_wanted``: the account of the hub is to be set.
    """

    chat_wanted = Signal(str)
    load_wanted = Signal(str)
    downloads_wanted = Signal()
    settings_wanted = Signal()

    def __init__(self, host: HostState, messages: Messages, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "surface")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._narrow = False
        self._model_on_top = False
        self.search = SearchColumn(host)
        self.back = Button("Back to results", "quiet", "chevron-left")
        self.model = ModelView(host, messages)
        side = QWidget()
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.back, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.model, 1)
        self._side, self._column = side, column
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.search)
        row.addWidget(side, 1)
        self._connect()
        self._arrange()

    def _connect(self) -> None:
        search, model = self.search, self.model
        search.shown.connect(self._shown)
        search.opened.connect(self.show_repo)
        search.list.modelReset.connect(lambda: search.select(model.repo))
        search.list.rowsInserted.connect(self._came)
        self.back.clicked.connect(self._back)
        model.stack.currentChanged.connect(self._arrange)
        model.chat_wanted.connect(self.chat_wanted)
        model.load_wanted.connect(self.load_wanted)
        model.downloads_wanted.connect(self.downloads_wanted)
        model.sign_in_wanted.connect(self.settings_wanted)
        model.machine_changed.connect(search.set_machine)
        shortcut = QShortcut(QKeySequence("/"), self)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(self.focus_search)

    def show_repo(self, repo: str) -> None:
        """Show OWNER/REPO, or one quant of it (OWNER/REPO:QUANT), at the right."""
        self._model_on_top = True
        self.model.show_repo(repo)
        self.search.select(self.model.repo)
        self._arrange()

    def find_here(self) -> None:
        """What Ctrl+F does on this page."""
        self.focus_search()

    def focus_search(self) -> None:
        """To the field above the results."""
        self._model_on_top = False
        self._arrange()
        self.search.focus_search()

    def regions(self) -> list[QWidget]:
        """Where F6 goes, in order; the hidden ones are left out."""
        model = self.model
        wanted = (self.search.search, self.search.view, model.head.copy_button, model.fit.context, model.table.view,
                  model.action.primary, model.card.back)  # fmt: skip
        return [part for part in wanted if part.isVisible() and part.isEnabled()]

    def _shown(self, repo: str) -> None:
        if not self._narrow:
            self.model.show_repo(repo)

    def _came(self) -> None:
        first = self.search.first()
        if first and not self.model.repo and not self._narrow:
            self.model.show_repo(first)
        self.search.select(self.model.repo)

    def _back(self) -> None:
        self._model_on_top = False
        self._arrange()
        self.search.view.setFocus(Qt.FocusReason.OtherFocusReason)

    # ---------------------------------------------------------------- look

    def _arrange(self, _: int = 0) -> None:
        theme = current()
        self._narrow = self.window().width() / theme.zoom < ONE_BELOW
        on_top = self._narrow and self._model_on_top
        if on_top and self.search.isAncestorOf(self.focusWidget() or self):
            self._side.show()
            self.back.show()
            self.back.setFocus(Qt.FocusReason.OtherFocusReason)  # what is hidden would hand it on to the rail
        self.search.setVisible(not on_top)
        self._side.setVisible(on_top or not self._narrow)
        back = on_top and self.model.stack.currentWidget() is not self.model.card  # which has a way back of its own
        self.back.setVisible(back)
        self._column.setContentsMargins(0, 8 if back else 0, 0, 0)
        wide = column_width()
        self.search.setMinimumWidth(0 if self._narrow else wide)
        self.search.setMaximumWidth(16_777_215 if self._narrow else wide)
        self.model.set_margins(self._narrow or self.width() < theme.px(1000))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.back.isVisible():
            self._back()
            return
        super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._arrange()
        self.search.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if new_measures(event):
            self._arrange()
