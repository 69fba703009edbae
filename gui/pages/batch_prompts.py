"""Where the prompts of a batch come from: written or pasted, a file, or a set that was kept."""

from __future__ import annotations

import msgspec
from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QInputDialog, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import Action, Messages, sentence
from paddock.gui.theme import current
from paddock.gui.widgets import Button, Chip, Label, Notice, TextArea, menu_words
from paddock.gui.widgets.menu import Menu
from paddock.sdk.compare import PromptSet, PromptsText
from paddock.sdk.errors import PaddockError
from paddock.sdk.units import counted

LOOK_MS = 350
UNDO_S = 20
"""A set that was removed can be brought back for so long."""
FILTER = "Prompts (*.jsonl *.ndjson *.csv *.tsv *.txt);;All files (*)"
PLACEHOLDER = (
    "What is the capital of France?\n"
    "Name three ducks.\n\n"
    "A prompt a line; or JSON lines with “prompt” and “checks”; or a table with the heading “prompt, contains”."
)


class PromptSource(QWidget):
    """``prompts`` are those to be asked; None while they cannot be used. ``changed``: they are others now."""

    changed = Signal()

    def __init__(self, host: HostState, messages: Messages, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host, self._messages = host, messages
        self.prompts: PromptSet | None = None
        self._sets: list[PromptSet] = []
        self._asked = 0
        self.file, self.sets = Button("Choose a file…", icon="file"), Chip("Saved sets", menu=True)
        self.keep = Button("Save as a set…")
        self.text = TextArea("Prompts", PLACEHOLDER, rows=7)
        self.about = Label("", 12, 400, "text2", wrap=True, tabular=True)
        self.trouble = Notice()
        self._menu = Menu(self)
        self.sets.setMenu(self._menu)
        row = QHBoxLayout()
        row.setSpacing(8)
        for part in (self.file, self.sets, self.keep):
            row.addWidget(part)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(current().px(8))
        column.addLayout(row)
        column.addWidget(self.text)
        column.addWidget(self.about)
        column.addWidget(self.trouble)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(LOOK_MS)
        self._later.timeout.connect(self._read_text)
        self.text.textChanged.connect(self._typed)
        self.file.clicked.connect(self._choose_file)
        self.keep.clicked.connect(self._keep)
        host.presets_changed.connect(self._ask_sets)
        host.snapshot.connect(self._ask_sets)
        self._ask_sets()
        self._show()

    # ---------------------------------------------------------------- reading

    def read_file(self, path: str) -> None:
        """Take the prompts of a file."""
        self._later.stop()
        self.text.blockSignals(True)
        self.text.clear()
        self.text.blockSignals(False)
        self._read(PromptsText(path=path))

    def use(self, prompts: PromptSet) -> None:
        """Take prompts that are there already."""
        self.text.blockSignals(True)
        self.text.clear()
        self.text.blockSignals(False)
        self._asked += 1
        self._take(prompts, self._asked)

    def _typed(self) -> None:
        self.prompts = None
        self._later.start()
        self.changed.emit()

    def _read_text(self) -> None:
        if text := self.text.toPlainText().strip():
            self._read(PromptsText(text=text))
        else:
            self._asked += 1
            self.trouble.hide()
            self._show()

    def missing(self) -> str:
        """Why there are no prompts to ask."""
        if not self.trouble.isHidden():
            return "These prompts cannot be read."
        return "Reading the prompts…" if self.text.toPlainText().strip() else "Write prompts, or choose a file."

    def _read(self, request: PromptsText) -> None:
        self._asked += 1
        number = self._asked
        self._host.call(
            lambda client: client.read_prompts(request),
            lambda read: self._take(read, number),
            lambda error: self._refuse(error, number),
            self,
        )

    def _take(self, prompts: PromptSet, number: int) -> None:
        if number == self._asked:
            self.prompts = prompts
            self.trouble.hide()
            self._show()

    def _refuse(self, error: BaseException, number: int) -> None:
        if number == self._asked:
            self.prompts = None
            message, hint = (error.message, error.hint) if isinstance(error, PaddockError) else (sentence(error), "")
            self.trouble.show_message("bad", message, hint)
            self._show()

    def _show(self) -> None:
        prompts = self.prompts
        self.keep.setEnabled(prompts is not None)
        self.about.setVisible(prompts is not None)
        if prompts is not None:
            self.trouble.hide()
            checked = sum(bool(prompt.checks) for prompt in prompts.prompts)
            count = len(prompts.prompts)
            words = [prompts.name, "one prompt" if count == 1 else f"{count:,} prompts"]
            words.append(f"{checked:,} with checks of their own" if checked else "")
            pictured = sum(bool(prompt.images) for prompt in prompts.prompts)
            words.append(f"{pictured:,} with pictures" if pictured else "")
            self.about.setText(" · ".join(filter(None, words)))
        self.changed.emit()

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Choose prompts", "", FILTER)
        if path:
            self.read_file(path)

    # ---------------------------------------------------------------- sets

    def _ask_sets(self) -> None:
        self._host.call(lambda client: client.prompt_sets(), self._show_sets, lambda error: None, self)

    def _show_sets(self, sets: list[PromptSet]) -> None:
        self._sets = sets
        for below in self._menu.findChildren(Menu):
            below.deleteLater()
        self._menu.clear()
        self.sets.setEnabled(bool(sets))
        self.sets.setToolTip("" if sets else "No prompts are saved yet.")
        for kept in sets:
            text = menu_words(f"{kept.name} ({len(kept.prompts):,})")
            self._menu.addAction(text).triggered.connect(lambda _=False, kept=kept: self.use(kept))
        if sets:
            remove = self._menu.submenu("Remove")
            for kept in sets:
                action = remove.addAction(menu_words(kept.name))
                action.triggered.connect(lambda _=False, kept=kept: self._remove(kept))

    def _remove(self, kept: PromptSet) -> None:
        host, again = self._host, msgspec.structs.replace(kept, id="")

        def back() -> None:
            host.call(lambda client: client.put_prompt_set(again), None, self._messages.error)

        def gone(_: None) -> None:
            self._messages.info(f"“{kept.name}” was removed.", Action("Undo", back), seconds=UNDO_S)

        host.call(lambda client: client.delete_prompt_set(kept.id), gone, self._failed, self)

    def _keep(self) -> None:
        prompts = self.prompts
        if prompts is None:
            return
        name, given = QInputDialog.getText(self, "Save prompts", "Name of the set:", text=prompts.name)
        if given and name.strip():
            self.keep_as(name.strip())

    def keep_as(self, name: str) -> None:
        """Keep the prompts under a name."""
        if self.prompts is not None:
            kept = PromptSet(name=name, prompts=self.prompts.prompts)
            self._host.call(lambda client: client.put_prompt_set(kept), self._kept, self._failed, self)

    def _kept(self, kept: PromptSet) -> None:
        self._messages.info(f"“{kept.name}” was saved with {counted(len(kept.prompts), 'prompt')}.")

    def _failed(self, error: BaseException) -> None:
        self.trouble.show_message("bad", sentence(error))
