"""Presets in the inspector: choosing, keeping, going back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec
from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QMenu, QVBoxLayout, QWidget

from paddock.gui.bridge import Latest
from paddock.gui.host_state import HostState
from paddock.gui.messages import Action, Messages, sentence
from paddock.gui.theme import current
from paddock.gui.widgets import Button, Chip, ElidedLabel, IconButton, Label, LineField, Switch, menu_words
from paddock.gui.widgets.menu import Menu
from paddock.gui.widgets.popup import Popup
from paddock.sdk.presets import Preset
from paddock.sdk.types import ModelInfo

NONE = "No preset"
EVERY_MODEL = "*"


class PresetRow(QWidget):
    """``filled`` fills a preset with what is in sight; ``same`` says whether one says what is in sight. ``chosen``
    carries a preset to apply, None for the model's own defaults."""

    chosen = Signal(object)
    import_wanted = Signal()
    listed = Signal()

    def __init__(
        self, filled: Callable[[Preset], Preset], same: Callable[[Preset], bool], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._filled = filled
        self._same = same
        self._host: HostState | None = None
        self._messages: Messages | None = None
        self._model: ModelInfo | None = None
        self._asking = Latest()
        self.all: tuple[Preset, ...] = ()
        self.current: Preset | None = None
        self.sheet: NameSheet | None = None
        self.changed = Label("", 12, 500, "accent")
        self.chip = Chip(NONE)
        self.chip.set(role="Preset")
        self.chip.setSizePolicy(self.chip.sizePolicy().Policy.Expanding, self.chip.sizePolicy().Policy.Fixed)
        self.menu = Menu(self)
        self.menu.aboutToShow.connect(self._fill_menu)
        self.chip.setMenu(self.menu)
        self.revert = IconButton("reset", "Back to the preset", size=28, glyph=16)
        policy = self.revert.sizePolicy()
        policy.setRetainSizeWhenHidden(False)
        self.revert.setSizePolicy(policy)
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self.chip, 1)
        row.addWidget(self.revert)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        title = QHBoxLayout()
        title.addWidget(Label("Preset", 12, 600, "text2"))
        title.addStretch(1)
        title.addWidget(self.changed)
        column.addLayout(title)
        column.addLayout(row)
        self.revert.clicked.connect(lambda: self.chosen.emit(self.current))
        self.look()

    def bind(self, host: HostState, messages: Messages) -> None:
        self._host, self._messages = host, messages
        host.presets_changed.connect(self.refresh)
        host.snapshot.connect(self.refresh)

    def refresh(self) -> None:
        """Ask for the presets."""
        if self._host is not None:
            self._asking.replace(self._host.call(lambda client: client.presets(), self._set, None, self))

    def show_model(self, model: ModelInfo | None) -> None:
        self._model = model

    def usable(self) -> list[Preset]:
        """Those for the model in sight, and those for every model."""
        model = self._model.id if self._model is not None else ""
        return [preset for preset in self.all if not preset.error and preset.model in ("", model)]

    def default(self) -> Preset | None:
        """What a new conversation with the model begins with."""
        model = self._model.id if self._model is not None else ""
        usable = self.usable()
        return next(
            (preset for wanted in (model, EVERY_MODEL) for preset in usable if wanted and wanted in preset.default_for),
            None,
        )

    def recognise(self) -> None:
        """Show the preset that says what is in sight, if there is one."""
        said = [preset for preset in self.usable() if preset.sampling and self._same(preset)]
        self.show_current(said[0] if said else None)

    def show_current(self, preset: Preset | None) -> None:
        """``preset`` has been applied."""
        self.current = preset
        self.look()

    def look(self) -> None:
        """What is in sight may have changed."""
        changed = self.current is not None and not self._same(self.current)
        self.changed.setText("changed" if changed else "")
        self.chip.set(text=self.current.name if self.current else NONE)
        self.chip.setAccessibleDescription(self.changed.text())
        self.chip.setToolTip(self.current.name if self.current else "")
        self.revert.setVisible(changed)

    def _set(self, presets: list[Preset]) -> None:
        self.all = tuple(presets)
        if self.current is not None:
            self.current = next((preset for preset in self.usable() if preset.id == self.current.id), None)
        self.look()
        self.listed.emit()

    # ---------------------------------------------------------------- the menu

    def _fill_menu(self) -> None:
        menu, now = self.menu, self.current
        menu.clear()
        self._choice(NONE, None)
        usable = self.usable()
        for preset in usable:
            if not preset.model:
                self._choice(preset.name, preset)
        own = [preset for preset in usable if preset.model]
        if own and self._model is not None:
            menu.addSeparator()
            menu.addAction(menu_words(f"For {self._model.name or self._model.id}")).setEnabled(False)
            for preset in own:
                self._choice(preset.name, preset)
        for broken in (preset for preset in self.all if preset.error):
            unusable = menu.addAction(menu_words(f"{broken.name} (cannot be read)"))
            unusable.setEnabled(False)
            unusable.setToolTip(broken.error)
        menu.setToolTipsVisible(True)
        menu.addSeparator()
        if now is not None:
            save = menu.addAction(menu_words(f"Save “{now.name}”"), partial(self._put, self._filled(now)))
            save.setEnabled(not self._same(now) and not now.shipped)
        menu.addAction("Save as…", self.save_as)
        if now is not None:
            self._add_changes(menu, now)
        menu.addSeparator()
        menu.addAction("Import…", self.import_wanted.emit)

    def _add_changes(self, menu: QMenu, now: Preset) -> None:
        menu.addAction("Rename…", partial(self._rename, now)).setEnabled(not now.shipped)
        if self._model is not None:
            name = self._model.name or self._model.id
            for words, model in ((f"Default for {name}", self._model.id), ("Default for all models", EVERY_MODEL)):
                action = menu.addAction(menu_words(words))
                action.setCheckable(True)
                action.setChecked(model in now.default_for)
                action.triggered.connect(lambda on, model=model: self._set_default(now, model, on))
        menu.addAction("Delete", partial(self._delete, now)).setEnabled(not now.shipped)

    def _choice(self, words: str, preset: Preset | None) -> None:
        action = self.menu.addAction(menu_words(words), partial(self.chosen.emit, preset))
        action.setCheckable(True)
        action.setChecked((preset.id if preset else None) == (self.current.id if self.current else None))

    # ---------------------------------------------------------------- changes

    def _put(self, preset: Preset) -> None:
        if self._host is not None:
            self._host.call(lambda client: client.put_preset(preset), self._kept, self._fail, self)

    def _kept(self, preset: Preset) -> None:
        self.all = (*(one for one in self.all if one.id != preset.id), preset)
        self.show_current(preset)
        self.refresh()

    def _set_default(self, preset: Preset, model: str, on: bool) -> None:
        others = tuple(one for one in preset.default_for if one != model)
        self._put(msgspec.structs.replace(preset, default_for=(*others, model) if on else others))

    def _delete(self, preset: Preset) -> None:
        if self._host is not None:
            id = preset.id
            gone = partial(self._deleted, preset)
            self._host.call(lambda client: client.delete_preset(id), lambda _: gone(), self._fail, self)

    def _deleted(self, preset: Preset) -> None:
        if self.current is not None and self.current.id == preset.id:
            self.show_current(None)
        if self._messages is not None:
            undo = Action("Undo", partial(self._bring_back, preset))
            self._messages.info(f"The preset “{preset.name}” was deleted.", undo, seconds=10)

    def _bring_back(self, preset: Preset) -> None:
        if self._host is not None:
            self._host.call(lambda client: client.put_preset(preset), lambda _: self.refresh(), self._fail, self)

    def save_as(self) -> None:
        """Ask for the name of a new preset."""
        model = self._model
        sheet = NameSheet("Save as a preset", "", self, model=(model.name or model.id) if model is not None else "")
        sheet.system.show()
        sheet.named.connect(lambda name: self._new(sheet, name))
        self._open(sheet)

    def _new(self, sheet: NameSheet, name: str) -> None:
        model = self._model.id if self._model is not None and sheet.only.isChecked() else ""
        blank = Preset(name=name, model=model, system="" if sheet.with_system.isChecked() else None)
        self._keep(sheet, self._filled(blank))

    def _rename(self, preset: Preset) -> None:
        sheet = NameSheet("Rename the preset", preset.name, self)
        sheet.named.connect(lambda name: self._keep(sheet, msgspec.structs.replace(preset, name=name)))
        self._open(sheet)

    def _open(self, sheet: NameSheet) -> None:
        if self.sheet is not None:
            self.sheet.deleteLater()
        self.sheet = sheet
        sheet.open_below(self.chip)

    def _keep(self, sheet: NameSheet, preset: Preset) -> None:
        """The sheet stays with the reason when the host says no."""
        if self._host is not None:

            def kept(preset: Preset) -> None:
                sheet.hide()
                self._kept(preset)

            self._host.call(lambda client: client.put_preset(preset), kept, sheet.show_problem, sheet)

    def _fail(self, error: BaseException) -> None:
        if self._messages is not None:
            self._messages.error(error)


class NameSheet(Popup):
    """Asks for a name; ``named`` carries it."""

    named = Signal(str)

    def __init__(self, title: str, name: str, parent: QWidget, *, model: str = "") -> None:
        super().__init__(title, parent)
        self.field = LineField("Name", "Name")
        self.field.setText(name)
        self.only = Switch("For this model only")
        self.with_system = Switch("With the system prompt")
        self.save = Button("Save", "primary")
        self.problem = Label("", 12, 400, "bad", wrap=True)
        self.problem.hide()
        only = _switch_row(f"Only for {model}", self.only)
        only.setVisible(bool(model))
        self.system = _switch_row("With the system prompt", self.with_system)
        self.system.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 14, 16, 14)
        column.setSpacing(8)
        column.addWidget(Label(title, 13, 600))
        for part in (self.field, only, self.system, self.problem):
            column.addWidget(part)
        column.addWidget(self.save, 0, Qt.AlignmentFlag.AlignRight)
        self.field.textChanged.connect(self._edited)
        self.field.returnPressed.connect(self._done)
        self.save.clicked.connect(self._done)
        self._edited()

    def open_below(self, anchor: QWidget) -> None:
        """Show it under ``anchor``, within its window."""
        self.setFixedWidth(min(max(current().px(250), anchor.width()), anchor.window().width() - 16))
        self.adjustSize()
        corner, window = anchor.mapToGlobal(QPoint(0, anchor.height() + 4)), anchor.window()
        right = window.mapToGlobal(QPoint(window.width() - 8, 0)).x() - self.width()
        self.move(min(corner.x(), right), corner.y())
        self.show()
        self.field.setFocus(Qt.FocusReason.PopupFocusReason)
        self.field.selectAll()

    def show_problem(self, error: BaseException) -> None:
        self.problem.setText(sentence(error))
        self.problem.show()
        self.adjustSize()

    def _edited(self) -> None:
        self.save.setEnabled(bool(self.field.text().strip()))

    def _done(self) -> None:
        if self.save.isEnabled():
            self.named.emit(self.field.text().strip())


def _switch_row(words: str, switch: Switch) -> QWidget:
    row = QWidget()
    line = QHBoxLayout(row)
    line.setContentsMargins(0, 0, 0, 0)
    line.addWidget(ElidedLabel(words), 1)
    line.addWidget(switch)
    return row
