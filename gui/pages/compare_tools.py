"""What a comparison adds to the bar above it and to the composer below it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QPoint, QSize, Signal
from PySide6.QtGui import QAction, QActionGroup, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSizePolicy, QWidget

from paddock.gui.widgets import Chip, IconButton, menu_words
from paddock.gui.widgets.menu import Menu


class Toggle:
    """A chip, and the same as an entry of the menu, where the chip has no room."""

    def __init__(self, text: str, icon: str, tip: str, menu: QMenu) -> None:
        self.chip = Chip(text, icon=icon)
        self.chip.setCheckable(True)
        self.chip.setToolTip(tip)
        self.entry = QAction(text, menu)
        self.entry.setCheckable(True)
        self.toggled = self.entry.toggled
        self.chip.toggled.connect(self.entry.setChecked)
        self.entry.toggled.connect(self.chip.setChecked)

    def set(self, on: bool) -> None:
        self.entry.setChecked(on)

    @property
    def on(self) -> bool:
        return self.entry.isChecked()


class HeadTools(QWidget):
    """Toggles, a pane more, and a menu. ``toggles`` are chips from the left, the last of which is the first to be in
    the menu alone where there is no room."""

    add_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.menu = Menu(self)
        self.toggles: list[Toggle] = []
        self.add = IconButton("plus", "Add a pane (Ctrl+Shift+A)")
        self.more = IconButton("dots", "More about this comparison")
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(8)
        self._row.addStretch(1)
        self._row.addWidget(self.add)
        self._row.addSpacing(-6)
        self._row.addWidget(self.more)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.together = self.add_toggle("Scroll together", "compare", "All panes show the same question")
        self.add.clicked.connect(self.add_wanted)
        self.more.clicked.connect(self.open_menu)

    def add_toggle(self, text: str, icon: str, tip: str) -> Toggle:
        """A toggle at the left of those that are there; it heads the menu too."""
        toggle = Toggle(text, icon, tip, self.menu)
        self.toggles.insert(0, toggle)
        self._row.insertWidget(1, toggle.chip)
        first = self.menu.actions()
        if not first:
            self.menu.addSeparator()
            first = self.menu.actions()
        self.menu.insertAction(first[0], toggle.entry)
        self._fit()
        return toggle

    def open_menu(self) -> None:
        left = self.more.width() - self.menu.sizeHint().width()
        self.menu.popup(self.more.mapToGlobal(QPoint(left, self.more.height() + 4)))

    def minimumSizeHint(self) -> QSize:
        side = self.add.sizeHint()
        return QSize(2 * side.width() + 4, side.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def width_within(self, room: int) -> int:
        """What it takes of ``room``, in logical pixels, with as many chips as have a place there."""
        return self._width(self._with_room(room))

    def _width(self, shown: Sequence[Toggle]) -> int:
        return self.minimumSizeHint().width() + sum(toggle.chip.sizeHint().width() + 8 for toggle in shown)

    def _with_room(self, room: int) -> list[Toggle]:
        counts = range(len(self.toggles), 0, -1)
        return next((self.toggles[:count] for count in counts if self._width(self.toggles[:count]) <= room), [])

    def _fit(self) -> None:
        shown = self._with_room(self.width())
        for toggle in self.toggles:
            toggle.chip.setVisible(toggle in shown)


class ComposerTools(QWidget):
    """Whom the next message goes to, and the way to many messages at once. ``target`` is a pane's id; empty: all."""

    target_changed = Signal()
    list_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.target = ""
        self._menu = Menu(self)
        self._group = QActionGroup(self._menu)
        self._targets: tuple[tuple[str, str], ...] = ()
        self.choice = Chip("To all panes")
        self.choice.setMenu(self._menu)
        self.list = Chip("Prompt list", icon="server")
        self.list.setToolTip("Ask many prompts in all panes, and have the answers as a table")
        self.list.clicked.connect(self.list_wanted)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self.choice)
        row.addWidget(self.list)

    def show_targets(self, targets: Sequence[tuple[str, str]]) -> None:
        """The panes, each with its id and its words."""
        if tuple(targets) == self._targets:
            return
        self._targets = tuple(targets)
        if self.target not in dict(targets):
            self.target = ""
        self._menu.clear()
        for name, words in (("", "To all panes"), *targets):
            entry = self._menu.addAction(menu_words(words), partial(self.choose, name))
            entry.setCheckable(True)
            entry.setChecked(name == self.target)
            self._group.addAction(entry)
        self.choose(self.target)

    def choose(self, target: str) -> None:
        """Send to that pane from now on; empty: to all."""
        self.target = target
        words = dict(self._targets).get(target, "To all panes")
        short = words if not target else f"To {words.split(':')[0].lower()}"
        self.choice.set(text=short, role="Send")
        self.choice.setToolTip(words if target else "")
        for entry, (name, _) in zip(self._menu.actions(), (("", ""), *self._targets), strict=False):
            entry.setChecked(name == target)
        self.target_changed.emit()
