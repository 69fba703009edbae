"""Taking models into our own folder: by copy, move or link, with what it takes and how far it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import sentence
from paddock.gui.pages.job_progress import JobProgress
from paddock.gui.theme import current
from paddock.gui.widgets import Button, ElidedLabel, Label, LineField, Notice
from paddock.gui.widgets.choice import ChoiceCard
from paddock.gui.widgets.list_sheet import lay_out_sheet
from paddock.gui.widgets.menu import Menu
from paddock.sdk.errors import BadRequest, ModelNotFound, ModelUnusable, PaddockError, StorageFailed
from paddock.sdk.jobs import Job
from paddock.sdk.library import ImportMethod, ImportPreview
from paddock.sdk.units import bytes_text

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient

WIDTH = 540
TOLD = 4
"""So many of the things that are left out are named."""
METHODS: dict[ImportMethod, tuple[str, str]] = {
    "copy": ("Copy", "The files stay where they are, and are on the disk twice."),
    "move": ("Move", "Other programs do not find the files there any more."),
    "hardlink": ("Hard link", "Both places show the same file; it takes its room once. Same disk only."),
    "symlink": ("Link", "A pointer to the file. When the file goes, so does the model."),
}


def choose_paths(parent: QWidget, then: Callable[[Sequence[str]], None]) -> None:
    """Ask for files or a folder; nothing where none is chosen."""
    menu = Menu(parent)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

    def files() -> None:
        chosen, _ = QFileDialog.getOpenFileNames(parent, "Add model files", "", "Models (*.gguf);;All files (*)")
        if chosen:
            then(chosen)

    def folder() -> None:
        chosen = QFileDialog.getExistingDirectory(parent, "Add a folder of models")
        if chosen:
            then([chosen])

    menu.addAction("Files…").triggered.connect(files)
    menu.addAction("A folder…").triggered.connect(folder)
    sender = parent.focusWidget() or parent
    menu.popup(sender.mapToGlobal(sender.rect().bottomLeft()))


class ImportDialog(QDialog):
    """Asks what it would take, then starts a job for each path. Closing it does not stop them."""

    model_wanted = Signal(str)

    def __init__(self, host: HostState, paths: Sequence[str], parent: QWidget) -> None:
        super().__init__(parent)
        self._host, self._paths = host, list(paths)
        self.previews: list[ImportPreview] = []
        self.setWindowTitle("Add models")
        self.setProperty("role", "surface")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(True)
        name = self._paths[0] if len(self._paths) == 1 else f"{len(self._paths)} files and folders"
        self.title = ElidedLabel("Add to my models", 18, 600)
        self.what = ElidedLabel(name, 13, 400, "text2", middle=True)
        self.about = Label("Looking at the files…", 13, 400, "text", wrap=True, tabular=True)
        self.left_out = Label("", 12, 400, "text2", wrap=True)
        self.left_out.hide()
        self.methods = {method: ChoiceCard(*words) for method, words in METHODS.items()}
        self.methods["copy"].setChecked(True)
        self.name = LineField("Name", "PUBLISHER/NAME")
        self.trouble = Notice()
        self.progress = JobProgress(host)
        self.cancel, self.start = Button("Cancel"), Button("Add", "primary")
        self._form = QWidget()
        self._lay_out(parent)
        self.start.setEnabled(False)
        self.start.clicked.connect(self._begin)
        self.cancel.clicked.connect(self._stop)
        self.progress.ended.connect(self._ended)
        for card in self.methods.values():
            card.toggled.connect(lambda _: self._show_state())
        wanted = list(self._paths)
        host.call(lambda client: _preview(client, wanted), self._looked, self._failed, self)

    def _lay_out(self, parent: QWidget) -> None:
        form = QVBoxLayout(self._form)
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(8)
        cards = QWidget()
        column = QVBoxLayout(cards)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        for card in self.methods.values():
            column.addWidget(card)
        form.addWidget(cards)
        self._name_row = QWidget()
        row = QHBoxLayout(self._name_row)
        row.setContentsMargins(0, 4, 0, 0)
        row.addWidget(Label("Name", 13, 500))
        row.addWidget(self.name, 1)
        self._name_row.hide()
        form.addWidget(self._name_row)
        inner = QVBoxLayout()
        inner.setContentsMargins(20, 16, 20, 14)
        inner.setSpacing(8)
        for part in (self.title, self.what, self.about, self.left_out, self._form, self.progress, self.trouble):
            inner.addWidget(part)
        inner.addStretch(1)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(self.cancel)
        foot.addWidget(self.start)
        lay_out_sheet(self, inner, foot)
        self.setFixedWidth(min(current().px(WIDTH), parent.window().width() - 32))

    # ---------------------------------------------------------------- before

    def method(self) -> ImportMethod:
        """The one that is chosen."""
        return next(method for method, card in self.methods.items() if card.isChecked())

    def _looked(self, found: tuple[list[ImportPreview], list[str]]) -> None:
        previews, left_out = found
        self.previews = previews
        self.left_out.setText("\n".join(["Left out:", *left_out[:TOLD], *(["…"] if len(left_out) > TOLD else [])]))
        self.left_out.setVisible(bool(left_out))
        for method, card in self.methods.items():
            refusal = next((item.refused[method] for item in previews if method in item.refused), "")
            card.setEnabled(not refusal)
            card.set_about(refusal or METHODS[method][1])
        one = previews[0] if len(previews) == 1 and previews[0].models == 1 else None
        self._name_row.setVisible(one is not None)
        if one is not None:
            self.name.setText(one.name)
        self._show_state()
        self.start.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_state(self) -> None:
        if not self.previews:
            return
        models = sum(item.models for item in self.previews)
        size, free = sum(item.size_bytes for item in self.previews), self.previews[0].free_bytes
        there = [item.there for item in self.previews if item.there]
        words = f"{models} model{'' if models == 1 else 's'}, {bytes_text(size)}. {bytes_text(free)} are free."
        if there:
            words += f" {there[0]} is there already." if len(there) == 1 else f" {len(there)} are there already."
        short = self.method() == "copy" and size > free
        self.about.setText(f"{words} That is too little for a copy." if short else words)
        self.about.set_token("bad" if short else "text")
        self.start.setEnabled(not short and len(there) < len(self.previews))

    def _failed(self, error: BaseException) -> None:
        message, hint = (error.message, error.hint) if isinstance(error, PaddockError) else (sentence(error), "")
        self.trouble.show_message("bad", message, hint)
        if not self.previews:
            self.about.hide()
            self._form.hide()
        self.start.setEnabled(bool(self.previews))

    # ---------------------------------------------------------------- while it runs

    def _begin(self) -> None:
        self.start.setEnabled(False)
        self.trouble.hide()
        named = self.name.text().strip() if not self._name_row.isHidden() else ""
        wanted, method = [item.path for item in self.previews if not item.there], self.method()
        self._host.call(lambda client: _import(client, wanted, method, named), self._runs, self._failed, self)

    def _runs(self, jobs: list[Job]) -> None:
        for part in (self._form, self.about, self.left_out):
            part.hide()
        self.progress.follow(jobs)
        if self.progress.running():
            self.start.setText("Go on in the background")
            self.start.setEnabled(True)
            self.start.clicked.disconnect()
            self.start.clicked.connect(self.accept)
            self.cancel.setText("Stop")

    def _stop(self) -> None:
        running = self.progress.running()
        if not running:
            self.reject()
            return
        self._host.call(lambda client: _cancel(client, running), None, self._failed, self)

    def _ended(self, jobs: list[Job]) -> None:
        done = [job for job in jobs if job.state == "done"]
        if len(done) == len(jobs):
            if done[-1].model:
                self.model_wanted.emit(done[-1].model)
            self.accept()
            return
        self.start.hide()
        self.cancel.setText("Close")
        if not any(job.state == "failed" for job in jobs):
            self.reject()  # stopped by the user


async def _preview(client: AsyncClient, paths: list[str]) -> tuple[list[ImportPreview], list[str]]:
    """What can be added of ``paths``, and a sentence about each thing that cannot. Raises where it is nothing."""
    found: list[ImportPreview] = []
    refused: list[PaddockError] = []
    for path in paths:
        try:
            found.append(await client.preview_import(path))
        except (BadRequest, ModelNotFound, ModelUnusable, StorageFailed) as error:
            refused.append(error)
    if not found:
        raise refused[0]
    left_out = [sentence for preview in found for sentence in preview.left_out]
    return found, [*left_out, *(error.message for error in refused)]


async def _import(client: AsyncClient, paths: list[str], method: ImportMethod, name: str) -> list[Job]:
    return [await client.import_model(path, method, name=name) for path in paths]


async def _cancel(client: AsyncClient, jobs: list[str]) -> None:
    for job in jobs:
        await client.cancel_job(job)
