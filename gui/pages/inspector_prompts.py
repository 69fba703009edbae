"""The library of system prompts: choose one, fill in its variables, keep one's own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from paddock.gui.host_state import HostState
from paddock.gui.messages import Action, Messages, sentence
from paddock.gui.models.prompt_variables import KNOWN, filled, known_values, variables
from paddock.gui.theme import current
from paddock.gui.widgets import Button, Label, LineField, SearchField, TextArea
from paddock.gui.widgets.focus import paint_ring
from paddock.gui.widgets.layouts import empty
from paddock.gui.widgets.list_sheet import lay_out_sheet
from paddock.sdk.presets import SavedPrompt

WIDTH, HEIGHT = 680, 520
NEW = "New prompt"
_ID = Qt.ItemDataRole.UserRole
Index = QModelIndex | QPersistentModelIndex


class PromptRows(QStyledItemDelegate):
    """A name in each row."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(10, current().px(34))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        theme, state, rect = current(), option.state, QRectF(option.rect).adjusted(1, 1, -1, -1)
        able = bool(state & QStyle.StateFlag.State_Enabled)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        if able and (chosen or state & QStyle.StateFlag.State_MouseOver):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("selected" if chosen else "hover"))
            painter.drawRoundedRect(rect, 8, 8)
        if state & QStyle.StateFlag.State_HasFocus and state & QStyle.StateFlag.State_KeyboardFocusChange:
            paint_ring(painter, rect, 8)
        font = theme.font(13, 500 if chosen else 400)
        words = rect.adjusted(theme.px(10), 0, -theme.px(10), 0)
        name = QFontMetrics(font).elidedText(str(index.data()), Qt.TextElideMode.ElideRight, int(words.width()))
        painter.setFont(font)
        painter.setPen(theme.color("text" if able else "muted"))
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, name)
        painter.restore()


class PromptLibrary(QDialog):
    """``used`` carries a text for the place of the system prompt, ``inserted`` one for the cursor's place."""

    used = Signal(str)
    inserted = Signal(str)

    def __init__(self, host: HostState, messages: Messages, now: str, model: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._host, self._messages = host, messages
        self._now = now
        self._known = known_values(datetime.now(), model)
        self._chosen: SavedPrompt | None = None
        self.prompts: dict[str, SavedPrompt] = {}
        self.answers: dict[str, LineField] = {}
        self.setWindowTitle("Saved prompts")
        self.setProperty("role", "surface")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.search = SearchField("Find a prompt")
        self.list = QListWidget()
        self.list.setAccessibleName("Saved prompts")
        self.list.setItemDelegate(PromptRows(self.list))
        self.list.setMouseTracking(True)
        self.name = LineField("Name of the prompt", "Name")
        self.text = TextArea("Text of the prompt", "How the model should behave. {{date}}, {{model}} are filled in.")
        self.asked = QWidget()
        self.note = Label("", 12, 400, "text2", wrap=True)
        self.problem = Label("", 12, 400, "bad", wrap=True)
        self.use = Button("Use", "primary")
        self.insert = Button("Insert at the cursor")
        self.save = Button("Save")
        self.delete = Button("Delete", "danger")
        self._lay_out(parent)
        self._connect()
        self._show(None)
        self._refresh()

    def _lay_out(self, parent: QWidget) -> None:
        theme, window = current(), parent.window()
        self.text.setSizePolicy(self.text.sizePolicy().Policy.Expanding, self.text.sizePolicy().Policy.Expanding)
        left, right = QVBoxLayout(), QVBoxLayout()
        left.addWidget(self.search)
        left.addWidget(self.list, 1)
        QVBoxLayout(self.asked).setContentsMargins(0, 0, 0, 0)
        for part in (self.name, self.text, self.asked, self.note, self.problem):
            right.addWidget(part)
        right.setStretchFactor(self.text, 1)
        body, foot = QHBoxLayout(), QHBoxLayout()
        body.setSpacing(16)
        body.addLayout(left, 2)
        body.addLayout(right, 3)
        for button in (self.delete, self.save):
            foot.addWidget(button)
        foot.addStretch(1)
        for button in (self.insert, self.use):
            foot.addWidget(button)
        head = QVBoxLayout()
        head.setContentsMargins(20, 16, 20, 12)
        head.setSpacing(12)
        head.addWidget(Label("Saved prompts", 18, 600))
        head.addLayout(body, 1)
        lay_out_sheet(self, head, foot)
        self.resize(min(theme.px(WIDTH), window.width() - 24), min(theme.px(HEIGHT), window.height() - 24))

    def _connect(self) -> None:
        self.search.textChanged.connect(lambda _: self._list())
        self.list.currentItemChanged.connect(lambda item, _: self._choose(item))
        self.list.itemActivated.connect(lambda _: self.use.click())
        self.name.textChanged.connect(lambda _: self._look())
        self.text.textChanged.connect(self._ask)
        self.use.clicked.connect(lambda: self._done(self.used.emit))
        self.insert.clicked.connect(lambda: self._done(self.inserted.emit))
        self.save.clicked.connect(self._save)
        self.delete.clicked.connect(self._delete)

    # ---------------------------------------------------------------- the list

    def _refresh(self, choose: str = "") -> None:
        def listed(prompts: list[SavedPrompt]) -> None:
            self.prompts = {prompt.id: prompt for prompt in prompts}
            self._list(choose)

        self._host.call(lambda client: client.prompts(), listed, self._fail, self)

    def _list(self, choose: str = "") -> None:
        wanted = choose or (self._chosen.id if self._chosen is not None else "")
        words = self.search.text().casefold().split()
        self.list.blockSignals(True)
        self.list.clear()
        self._add(NEW, "")
        for prompt in self.prompts.values():
            place = f"{prompt.name} {prompt.text}".casefold()
            if all(word in place for word in words):
                self._add(prompt.name, prompt.id, prompt.error)
        rows = [self.list.item(row).data(_ID) for row in range(self.list.count())]
        self.list.setCurrentRow(rows.index(wanted) if wanted in rows else 0)
        self.list.blockSignals(False)
        if choose:
            self._choose(self.list.currentItem())

    def _add(self, words: str, id: str, error: str = "") -> None:
        item = QListWidgetItem(words)
        item.setData(_ID, id)
        item.setToolTip(error or words)
        if error:
            item.setFlags(Qt.ItemFlag.NoItemFlags)
        self.list.addItem(item)

    def _choose(self, item: QListWidgetItem | None) -> None:
        self._show(self.prompts.get(item.data(_ID)) if item is not None else None)

    def _show(self, prompt: SavedPrompt | None) -> None:
        self._chosen = prompt
        self.problem.hide()
        self.name.setText(prompt.name if prompt is not None else "")
        self.text.setPlainText(prompt.text if prompt is not None else self._now)
        self._ask()

    # ---------------------------------------------------------------- the chosen one

    def _ask(self) -> None:
        """A field for each variable that is not known."""
        wanted = [name for name in variables(self.text.toPlainText()) if name not in KNOWN]
        if wanted != list(self.answers):
            kept = {name: field.text() for name, field in self.answers.items()}
            layout = self.asked.layout()
            assert layout is not None
            empty(layout)
            self.answers = {name: LineField(f"Value of {name}", name) for name in wanted}
            for name, field in self.answers.items():
                field.setText(kept.get(name, ""))
                field.textChanged.connect(lambda _: self._look())
                layout.addWidget(field)
            self.asked.setVisible(bool(wanted))
        self._look()

    def _look(self) -> None:
        text, chosen = self.text.toPlainText(), self._chosen
        open = [name for name in variables(text) if not self._values().get(name)]
        told = [f"{{{{{name}}}}}" for name in variables(text) if self._known.get(name)]
        notes = [f"Filled in when it is used: {', '.join(told)}."] if told else []
        notes += [f"Left as it is written: {', '.join(f'{{{{{name}}}}}' for name in open)}."] if open else []
        self.note.setText(" ".join(notes))
        self.note.setVisible(bool(notes))
        name = self.name.text().strip()
        changed = chosen is None or (name, text) != (chosen.name, chosen.text)
        self.save.setText("Save" if chosen is not None and name == chosen.name else "Save as new")
        self.save.setEnabled(bool(name and text.strip()) and changed)
        self.delete.setEnabled(chosen is not None and not chosen.shipped)
        for button in (self.use, self.insert):
            button.setEnabled(bool(text.strip()))

    def _values(self) -> dict[str, str]:
        return {**self._known, **{name: field.text().strip() for name, field in self.answers.items()}}

    def _done(self, hand_on: Callable[[str], None]) -> None:
        hand_on(filled(self.text.toPlainText(), self._values()))
        self.accept()

    def _save(self) -> None:
        name, chosen = self.name.text().strip(), self._chosen
        id = chosen.id if chosen is not None and chosen.name == name else ""
        self._put(SavedPrompt(id=id, name=name, text=self.text.toPlainText()), lambda kept: self._refresh(kept.id))

    def _delete(self) -> None:
        chosen = self._chosen
        if chosen is not None:
            id = chosen.id
            self._host.call(lambda client: client.delete_prompt(id), lambda _: self._gone(chosen), self._fail, self)

    def _gone(self, prompt: SavedPrompt) -> None:
        host, again = self._host, msgspec.structs.replace(prompt)
        undo = Action("Undo", lambda: _bring_back(host, again))
        self._messages.info(f"The prompt “{prompt.name}” was deleted.", undo, seconds=10)
        self._show(None)
        self._refresh()

    def _put(self, prompt: SavedPrompt, then: Callable[[SavedPrompt], None]) -> None:
        self._host.call(lambda client: client.put_prompt(prompt), then, self._fail, self)

    def _fail(self, error: BaseException) -> None:
        self.problem.setText(sentence(error))
        self.problem.show()


def _bring_back(host: HostState, prompt: SavedPrompt) -> None:
    host.call(lambda client: client.put_prompt(prompt))
