"""The column of conversations: new, search, folders, open; several can be chosen and done something with."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QEvent, QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QMenu, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import Messages
from paddock.gui.models.chats import UNTITLED, ChatList, ListDeeds, Row, rows
from paddock.gui.pages.chat_rows import ChatView
from paddock.gui.pages.chats_deeds import ChatDeeds
from paddock.gui.pages.chats_menu import PRIVATE_HELP, MenuWays, chats_menu, folder_menu
from paddock.gui.pages.chats_search import TextSearch
from paddock.gui.theme import current, new_measures
from paddock.gui.widgets import Chip, IconButton, Label, SearchField, menu_words
from paddock.gui.widgets.menu import Menu

CHOOSING = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


class ChatsColumn(QWidget):
    """Lists what :class:`HostState` knows. ``chosen`` carries a chat's id, ``found`` also a message's, ``new_wanted``
    asks for an empty one and says whether it is private."""

    chosen = Signal(str)
    found = Signal(str, str)
    new_wanted = Signal(bool)
    deleted = Signal(str)
    close_wanted = Signal()

    def __init__(self, host: HostState, messages: Messages, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host, self._messages = host, messages
        self._open = ""
        self._tag = ""
        self._closed: set[str] = set()
        self._stale = False
        self.setProperty("role", "side")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.deeds = ChatDeeds(host, messages, self)
        self.texts = TextSearch(host, self)
        self._model = ChatList(ListDeeds(self.deeds.rename, self.deeds.rename_folder, self.deeds.move), self)
        self._ways = MenuWays(self.rename, self.rename_folder, self.edit_tags, self.export)
        self.search = SearchField("Search chats")
        self.tag_chip = Chip("All tags", menu=True)
        self.tag_chip.hide()
        self.view = ChatView()
        self.view.show_list(self._model)
        self.nothing = Label("", 13, 400, "muted", wrap=True)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.new_button = IconButton("plus", "New chat (Ctrl+N)")
        self.new_private_button = IconButton("lock", "New private chat (Ctrl+Shift+N)")
        self.new_private_button.setToolTip(f"{self.new_private_button.toolTip()}\n{PRIVATE_HELP}")
        self.more_button = IconButton("dots", "More about chats")
        self.close_button = IconButton("close", "Close the list of chats")
        self.close_button.hide()
        self._lay_out()
        self._connect()
        self.refresh()

    def _lay_out(self) -> None:
        title = QHBoxLayout()
        title.setSpacing(2)
        title.addWidget(Label("Chats", 15, 600))
        title.addStretch(1)
        title.addWidget(self.more_button)
        title.addWidget(self.new_private_button)
        title.addWidget(self.new_button)
        title.addWidget(self.close_button)
        column = self._column = QVBoxLayout(self)
        self._fit()
        column.setSpacing(8)
        column.addLayout(title)
        column.addWidget(self.search)
        column.addWidget(self.tag_chip, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.nothing)
        column.addWidget(self.view, 1)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if new_measures(event):
            self._fit()

    def _fit(self) -> None:
        """The title stands as high as that of the conversation beside it."""
        self._column.setContentsMargins(12, current().px(11), 12, 8)

    def _connect(self) -> None:
        self.search.textChanged.connect(self._searched)
        self.search.returnPressed.connect(self._open_first)
        self.texts.changed.connect(self.refresh)
        self.tag_chip.clicked.connect(self._choose_tag)
        self.new_button.clicked.connect(lambda: self.new_wanted.emit(False))
        self.new_private_button.clicked.connect(lambda: self.new_wanted.emit(True))
        self.more_button.clicked.connect(self._more)
        self.close_button.clicked.connect(self.close_wanted)
        self.view.clicked.connect(self._clicked)
        self.view.activated.connect(self._activate)
        self.view.folded.connect(self._fold)
        self.view.left_editor.connect(self._catch_up)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.customContextMenuRequested.connect(self._menu_at)
        self.deeds.folders_changed.connect(self.refresh)
        self.deeds.deleted.connect(self._deleted)
        self.deeds.restored.connect(self._restored)
        self.deeds.folder_made.connect(self.rename_folder)
        self._host.chats_changed.connect(self.refresh)

    # ---------------------------------------------------------------- what is shown

    def refresh(self) -> None:
        """Show what the host has now; a name that is being typed comes first."""
        self._stale = self.view.state() == ChatView.State.EditingState
        if self._stale:
            return
        words = self.search.text()
        chats = [chat for chat in self._host.chats.values() if chat.id not in self.deeds.leaving]
        found = rows(
            chats,
            words,
            datetime.date.today(),
            folders=self.deeds.folders,
            closed=self._closed,
            tag=self._tag,
            hits=self.texts.hits,
        )
        self._model.show(found)
        self.nothing.setVisible(not found)
        self.view.setVisible(bool(found))
        if not found:
            self.nothing.setText(self._why_nothing(words.strip(), bool(chats)))
        known = self.deeds.tags()
        self.tag_chip.setVisible(bool(known))
        if self._tag and self._tag not in known:
            self.show_tag("")
        self._select()

    def _catch_up(self) -> None:
        if self._stale:
            self.refresh()

    def _why_nothing(self, words: str, any_chats: bool) -> str:
        if not words or not any_chats:
            if not self._host.chats_known:
                return ""
            return f"No chat has the tag “{self._tag}”." if self._tag else "Chats will be listed here."
        if self.texts.error:
            return f"The texts could not be searched: {self.texts.error}"
        return "Searching…" if self.texts.busy else f"Nothing contains “{words}”."

    def show_open(self, chat: str) -> None:
        """Mark the open chat; empty for a new one."""
        self._open = chat
        self._select()

    def show_tag(self, tag: str) -> None:
        """Only chats with this tag; empty: all."""
        self._tag = tag
        self.tag_chip.set(text=tag or "All tags", role="Tag")
        self._searched()

    def chosen_chats(self) -> list[str]:
        """The chats that are selected, from top to bottom."""
        indexes = sorted(self.view.selectedIndexes(), key=lambda index: index.row())
        found = [row.chat.id for index in indexes if (row := self._model.row(index)) and row.chat is not None]
        return list(dict.fromkeys(found))

    def _searched(self) -> None:
        self.texts.look_for(self.search.text(), self._tag)
        self.refresh()

    def _select(self) -> None:
        if len(self.view.selectedIndexes()) > 1:
            return
        current = self._model.row(self.view.currentIndex())
        if self.view.hasFocus() and current is not None and (current.kind != "chat" or self.search.text().strip()):
            return
        row = self._model.row_of(self._open)
        if row.isValid():
            if self.view.currentIndex() != row or not self.view.selectedIndexes():
                self.view.setCurrentIndex(row)
        else:
            self.view.setCurrentIndex(QModelIndex())
            self.view.clearSelection()

    # ---------------------------------------------------------------- opening

    def _clicked(self, index: QModelIndex) -> None:
        row = self._model.row(index)
        if QApplication.keyboardModifiers() & CHOOSING or row is None:
            return  # several are being chosen
        if row.kind == "folder":
            self._fold(index, not row.open)
        else:
            self._open_row(row)

    def _activate(self, index: QModelIndex) -> None:
        """By Enter; a double click has opened it with its first one."""
        row = self._model.row(index)
        if row is not None and row.kind == "folder" and not QApplication.mouseButtons():
            self._fold(index, not row.open)
        elif row is not None:
            self._open_row(row)

    def _open_row(self, row: Row) -> None:
        if row.hit is not None:
            self.found.emit(row.hit.chat, row.hit.message)
        elif row.chat is not None:
            self.chosen.emit(row.chat.id)

    def _open_first(self) -> None:
        row = self._model.row(self._model.first())
        if self.search.text().strip() and row is not None:
            self._open_row(row)

    def _fold(self, index: QModelIndex, opened: bool) -> None:
        row = self._model.row(index)
        if row is not None and row.folder is not None:
            (self._closed.discard if opened else self._closed.add)(row.folder.id)
            self.refresh()

    # ---------------------------------------------------------------- keys and menus

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Down and self.search.hasFocus() and self._model.rowCount():
            self.view.setFocus(Qt.FocusReason.TabFocusReason)
            return
        row = self._model.row(self.view.currentIndex())
        if row is not None and self.view.hasFocus():
            if event.key() == Qt.Key.Key_Delete:
                if row.folder is not None and row.chat is None:
                    self.deeds.delete_folder(row.folder.id)
                else:
                    self.deeds.delete(self.chosen_chats())
                return
            if event.key() == Qt.Key.Key_Menu:
                self._popup(row, self.view.visualRect(self.view.currentIndex()).center())
                return
        super().keyPressEvent(event)

    def _menu_at(self, where: QPoint) -> None:
        row = self._model.row(self.view.indexAt(where))
        if row is not None and row.kind != "heading":
            self._popup(row, where)

    def _popup(self, row: Row, where: QPoint) -> None:
        menu: QMenu | None = None
        if row.chat is not None:
            chosen = self.chosen_chats()
            menu = self.menu_for(*(chosen if row.chat.id in chosen else [row.chat.id]))
        elif row.folder is not None:
            menu = folder_menu(self, row.folder, self.deeds, self._ways)
        if menu is not None:
            menu.popup(self.view.viewport().mapToGlobal(where))

    def menu_for(self, *chats: str) -> QMenu | None:
        """The actions on one chat, or on several."""
        known = [self._host.chats[chat] for chat in chats if chat in self._host.chats]
        return chats_menu(self, known, self.deeds, self._ways) if known else None

    def more_menu(self) -> QMenu:
        """What is done with the list as a whole."""
        menu = Menu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("New folder").triggered.connect(lambda: self.deeds.new_folder())
        menu.addSeparator()
        menu.addAction("Import chats…").triggered.connect(lambda: self.open_import())
        menu.addAction("Export all chats…").triggered.connect(lambda: self.export())
        menu.addSeparator()
        menu.addAction("Deleted chats…").triggered.connect(self.open_trash)
        return menu

    def _more(self) -> None:
        self.more_menu().popup(self.more_button.mapToGlobal(QPoint(0, self.more_button.height() + 4)))

    def open_trash(self) -> None:
        """What was deleted in the last 30 days."""
        from paddock.gui.pages.chats_trash import ChatsTrash

        dialog = ChatsTrash(self._host, self)
        dialog.restored.connect(self.chosen)
        dialog.open()

    def tag_menu(self) -> QMenu:
        """Which tag the list is narrowed to."""
        menu = Menu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for tag in ("", *self.deeds.tags()):
            entry = menu.addAction(menu_words(tag) or "All tags")
            entry.setCheckable(True)
            entry.setChecked(tag == self._tag)
            entry.triggered.connect(lambda _=False, tag=tag: self.show_tag(tag))
        return menu

    def _choose_tag(self) -> None:
        self.tag_menu().popup(self.tag_chip.mapToGlobal(QPoint(0, self.tag_chip.height() + 4)))

    # ---------------------------------------------------------------- what is done with chats

    def edit_tags(self, chats: Sequence[str]) -> None:
        """Open the tags of chats: of several those that all of them have."""
        from paddock.gui.pages.chats_tags import TagsDialog

        known = [self._host.chats[chat] for chat in chats if chat in self._host.chats]
        if not known:
            return
        common = [tag for tag in known[0].tags if all(tag in chat.tags for chat in known)]
        about = f"Of “{known[0].title or UNTITLED}”." if len(known) == 1 else f"That all {len(known)} chats have."
        dialog = TagsDialog(common, self.deeds.tags(), about, self)
        dialog.changed.connect(partial(self.deeds.set_tags, list(chats)))
        dialog.open()

    def focus_search(self) -> None:
        """Ready to look for something."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def export(self, chats: Sequence[str] = (), folder: str = "") -> None:
        """Write chats to files: these, those of a folder, or all."""
        from paddock.gui.pages.export_dialog import ExportDialog

        ExportDialog(self._host, self._messages, tuple(chats), folder=folder, parent=self).open()

    def open_import(self) -> None:
        """Take over the conversations of files."""
        from paddock.gui.pages.import_chats_dialog import ImportChatsDialog

        ImportChatsDialog(self._host, self._messages, parent=self).open()

    def rename_here(self) -> None:
        """Edit the name of the row that has the focus, else that of the open chat."""
        row = self._model.row(self.view.currentIndex()) if self.view.hasFocus() else None
        if row is not None and row.hit is None and row.kind != "heading":
            self._edit(self.view.currentIndex())
        else:
            self.rename(self._open)

    def rename(self, chat: str) -> None:
        """Edit a title in its row (F2)."""
        if not self._model.row_of(chat).isValid():  # not among what was searched for, or in a closed folder
            self.search.clear()
            self._closed.clear()
            self.refresh()
        self._edit(self._model.row_of(chat))

    def rename_folder(self, folder: str) -> None:
        """Edit a folder's name in its row (F2)."""
        if self.search.text():
            self.search.clear()
        self._edit(self._model.folder_row(folder))

    def _edit(self, row: QModelIndex) -> None:
        if row.isValid():
            self.view.setCurrentIndex(row)
            self.view.edit(row)

    def delete(self, chat: str) -> None:
        """Take a chat from the list; it can be brought back."""
        self.deeds.delete([chat])

    def _deleted(self, chat: str) -> None:
        self.refresh()
        self.deleted.emit(chat)

    def _restored(self, chat: str) -> None:
        self.refresh()
        self.chosen.emit(chat)
