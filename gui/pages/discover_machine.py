"""Which machine the Discover page plans for: this computer, or one that is described in a few words."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QHBoxLayout, QMenu, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import sentence
from paddock.gui.theme import current
from paddock.gui.widgets import Button, Chip, Label, LineField
from paddock.gui.widgets.menu import Menu
from paddock.gui.widgets.popup import Popup
from paddock.sdk.host import SettingsPatch

THIS = "This computer"
EXAMPLES = "For instance 24GB (a graphics card), 2x16GB, 64GB mac, or 32GB ram."


class MachinePopup(Popup):
    """Asks for a machine; ``added`` carries its words once the host has taken them."""

    added = Signal(str)

    def __init__(self, host: HostState, parent: QWidget) -> None:
        super().__init__("Another machine", parent)
        self._host = host
        self.field = LineField("Memory of the machine", "24GB")
        self.add = Button("Plan for it", "primary")
        self.hint = Label(EXAMPLES, 12, 400, "text2", wrap=True)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.field, 1)
        row.addWidget(self.add)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 14, 16, 14)
        column.setSpacing(8)
        column.addWidget(Label("What memory does it have?", 13, 500))
        column.addLayout(row)
        column.addWidget(self.hint)
        self.field.returnPressed.connect(self._add)
        self.add.clicked.connect(self._add)

    def open_below(self, anchor: QWidget) -> None:
        """Show it under ``anchor``, within its window."""
        self.hint.setText(EXAMPLES)
        self.hint.set_token("text2")
        self.field.clear()
        self.setFixedWidth(min(current().px(340), anchor.window().width() - 16))
        self.adjustSize()
        where = anchor.mapToGlobal(QPoint(anchor.width() - self.width(), anchor.height() + 4))
        left = anchor.window().mapToGlobal(QPoint(8, 0)).x()
        self.move(max(left, where.x()), where.y())
        self.show()
        self.field.setFocus(Qt.FocusReason.PopupFocusReason)

    def _add(self) -> None:
        words = self.field.text().strip()
        known = self._host.settings.planned_machines
        if not words:
            return
        if words in known:
            self._added(words)
            return
        patch = SettingsPatch(planned_machines=(*known, words))
        self._host.change_settings(patch, lambda _: self._added(words), self._refused, self)

    def _added(self, words: str) -> None:
        self.hide()
        self.added.emit(words)

    def _refused(self, error: BaseException) -> None:
        self.hint.setText(sentence(error))
        self.hint.set_token("bad")
        self.adjustSize()


class MachineChip(Chip):
    """``on`` is the machine in the words that a request takes; empty: this computer."""

    changed = Signal()

    def __init__(self, host: HostState, parent: QWidget | None = None) -> None:
        super().__init__(THIS, parent, menu=True)
        self._host = host
        self.on = ""
        self._popup: MachinePopup | None = None
        self.clicked.connect(self._open)
        host.settings_changed.connect(self._settings_changed)
        self._show()

    def choose(self, on: str) -> None:
        """Plan for another machine; empty for this computer."""
        if on != self.on:
            self.on = on
            self._show()
            self.changed.emit()

    def menu(self) -> QMenu:
        """The machines, and the way to another one."""
        menu = Menu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        group = QActionGroup(menu)
        for words in ("", *self._host.settings.planned_machines):
            action = menu.addAction(words or THIS)
            action.setCheckable(True)
            action.setChecked(words == self.on)
            action.triggered.connect(lambda _=False, words=words: self.choose(words))
            group.addAction(action)
        menu.addSeparator()
        menu.addAction("Another machine…").triggered.connect(self.ask)
        if self.on:
            menu.addAction(f"Forget {self.on}").triggered.connect(self.forget)
        return menu

    def ask(self) -> None:
        """Let the user describe a machine."""
        if self._popup is None:
            self._popup = MachinePopup(self._host, self)
            self._popup.added.connect(self.choose)
        self._popup.open_below(self)

    def forget(self) -> None:
        """The machine is no longer planned for."""
        left = tuple(words for words in self._host.settings.planned_machines if words != self.on)
        self._host.change_settings(SettingsPatch(planned_machines=left))
        self.choose("")

    def _open(self) -> None:
        self.menu().popup(self.mapToGlobal(QPoint(0, self.height() + 4)))

    def _settings_changed(self) -> None:
        if self.on and self.on not in self._host.settings.planned_machines:
            self.choose("")

    def _show(self) -> None:
        self.set(text=self.on or THIS, role="Machine")
