"""Pictures of menus and of what passes in the list of conversations, for :mod:`paddock.gui.screens`."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu

from paddock.gui.screens_moments import MomentPictures


class ListPictures(MomentPictures):
    """The menus of a conversation, the list, a block of code and the reasoning; a name under edit, words that
    are marked, a private conversation."""

    def menus(self, name: str) -> None:
        studio, page = self._studio, self._studio.chat
        self._rich()
        page.columns.show_chats()
        column = page.chats
        one = column.menu_for(self._made["chat-rich"])
        assert one is not None
        rows = [column.view.model().index(row, 0) for row in range(column.view.model().rowCount())]
        for what, menu, text in (("chat", one, "Why is the second"), ("more", column.more_menu(), "")):
            place = next((index for index in rows if text and str(index.data()).startswith(text)), None)
            where = column.more_button.mapToGlobal(column.more_button.rect().bottomLeft())
            if place is not None:
                where = column.view.viewport().mapToGlobal(column.view.visualRect(place).center())
            menu.popup(where)
            self._over(f"chats-{what}-{name}", QMenu)
        studio.window.activateWindow()  # a menu took the keyboard, and no desktop is here to give it back
        column.rename(self._made["chat-rich"])
        studio.save(f"chats-rename-{name}")
        QApplication.sendEvent(studio.part(QLineEdit, column.view), _escape())
        page.columns.close_overlay()
        page.composer.reasoning.open_menu()
        self._over(f"chat-reasoning-menu-{name}", QMenu)

    def marked(self, name: str) -> None:
        """Words across messages, and the menu where one clicks."""
        view = self._rich()
        view.verticalScrollBar().setValue(0)
        view.select_all()
        self._studio.settle()
        middle = view.viewport().rect().center()
        view.menu_at(QPointF(middle)).popup(view.viewport().mapToGlobal(middle))
        self._over(f"chat-marked-{name}", QMenu)
        view.selection.clear()

    def private(self, name: str) -> None:
        """A conversation that leaves no trace, and code in what is being written."""
        studio, page = self._studio, self._studio.chat
        page.new_chat(private=True)
        page.dialogue.set_model(self._echo("demo-writer"))
        studio.save(f"chat-private-{name}")
        page.composer.set_text(
            "What does this do?\n\n```python\ndef known(cache) -> bool:\n    return cache[0] <= 1\n```"
        )
        self._until_counted()
        studio.save(f"chat-draft-{name}")
        page.composer.set_text("")


def _escape() -> QKeyEvent:
    return QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier)
