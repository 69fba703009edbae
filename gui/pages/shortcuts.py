"""All keys of the window in one list: those of its actions, and those of the composer, the conversation and lists."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from paddock.gui.actions import Action
from paddock.gui.pages.palette import key_name
from paddock.gui.theme import current
from paddock.gui.widgets import Button, Divider, ElidedLabel, Label, SearchField

WIDTH, HEIGHT = 560, 640
Keys = tuple[str, str, tuple[str, ...]]
"""Where it holds, what it does, the keys."""
OWN: tuple[Keys, ...] = (
    ("Composer", "Send the message", ("Return",)),
    ("Composer", "New line", ("Shift+Return",)),
    ("Composer", "Stop the answer", ("Esc",)),
    ("Composer", "Save an edited message without asking again", ("Ctrl+S",)),
    ("Conversation", "Next message or the one before", ("Alt+Down", "Alt+Up")),
    ("Conversation", "Menu of the message", ("Return",)),
    ("Conversation", "Next button, link or code block", ("Tab", "Shift+Tab")),
    ("Conversation", "First message", ("Home",)),
    ("Conversation", "Last message", ("End",)),
    ("Conversation", "A page down or up", ("Space", "Shift+Space")),
    ("Conversation", "Copy what is selected", ("Ctrl+C",)),
    ("Conversation", "Select everything", ("Ctrl+A",)),
    ("List of chats", "Delete", ("Del",)),
    ("List of chats", "Menu", ("Menu",)),
    ("Choosing a model", "Load settings of the model", ("Alt+Return",)),
)
"""Keys that belong to the part that has the focus."""


class KeyRow(QWidget):
    """What a key does, and the key."""

    def __init__(self, title: str, keys: Iterable[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = title
        self.keys = "  ".join(map(key_name, keys))
        self.setAccessibleName(f"{title}: {self.keys}")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 5, 0, 5)
        row.addWidget(ElidedLabel(title, 13, 400), 1)
        row.addWidget(Label(self.keys, 13, 500, "text2", tabular=True))

    def fits(self, words: list[str]) -> bool:
        text = f"{self.title} {self.keys}".casefold()
        return all(word in text for word in words)


class ShortcutsDialog(QDialog):
    """Searchable by what a key does and by the key."""

    def __init__(self, actions: Iterable[Action], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        self.field = SearchField("Search the shortcuts")
        self.none = Label("No shortcut fits these words.", 13, 400, "text2")
        self.none.hide()
        self.groups: dict[str, tuple[Label, list[KeyRow]]] = {}
        sheet = QWidget()
        sheet.setProperty("role", "surface")
        sheet.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._column = QVBoxLayout(sheet)
        self._column.setContentsMargins(20, 4, 20, 16)
        self._column.setSpacing(0)
        self._column.addWidget(self.none)
        for group, title, keys in (*((a.group, a.title, a.keys) for a in actions if a.keys), *OWN):
            self._add(group, title, keys)
        self._column.addStretch(1)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setAccessibleName("Shortcuts")
        self.area.setWidget(sheet)
        self.line = Divider()
        """Where the list is cut off."""
        self.close_button = Button("Close")
        self.close_button.clicked.connect(self.reject)
        self._lay_out()
        self.field.textChanged.connect(self._find)
        look, window = current(), parent.window()
        self.resize(min(look.px(WIDTH), window.width() - 32), min(look.px(HEIGHT), window.height() - 32))

    def _lay_out(self) -> None:
        self.setProperty("role", "surface")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        head = QVBoxLayout()
        head.setContentsMargins(20, 18, 20, 8)
        head.setSpacing(10)
        head.addWidget(Label("Keyboard shortcuts", 18, 600))
        head.addWidget(self.field)
        foot = QHBoxLayout()
        foot.setContentsMargins(20, 10, 20, 14)
        foot.addStretch(1)
        foot.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self.area, 1)
        column.addWidget(self.line)
        column.addLayout(foot)

    def _add(self, group: str, title: str, keys: Iterable[str]) -> None:
        row = KeyRow(title, keys)
        if group not in self.groups:
            heading = Label(group, 12, 600, "text2")
            heading.setContentsMargins(0, 14, 0, 4)
            self.groups[group] = (heading, [])
            self._column.addWidget(heading)
            self._column.addWidget(row)
        else:
            self._column.insertWidget(self._column.indexOf(self.groups[group][1][-1]) + 1, row)
        self.groups[group][1].append(row)

    def _find(self) -> None:
        words = self.field.text().casefold().split()
        any_shown = False
        for heading, rows in self.groups.values():
            fitting = [row for row in rows if row.fits(words)]
            heading.setVisible(bool(fitting))
            for row in rows:
                row.setVisible(row in fitting)
            any_shown = any_shown or bool(fitting)
        self.none.setVisible(not any_shown)
