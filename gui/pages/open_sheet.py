"""The sheet that stands between an address, a file or a drop and what is done about it: nothing without a click."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import sentence
from paddock.gui.models.hub_files import label_of
from paddock.gui.theme import current
from paddock.gui.widgets import Button, Divider, ElidedLabel, Label, Notice, Progress
from paddock.gui.widgets.badge import FitBadge
from paddock.gui.widgets.labels import no_word_alone
from paddock.sdk.downloads import Download
from paddock.sdk.errors import PaddockError
from paddock.sdk.host import Settings, SettingsPatch
from paddock.sdk.hub import FitsRequest, HubModel, QuantFit, RepoFits
from paddock.sdk.library import ImportPreview
from paddock.sdk.memory import Estimate
from paddock.sdk.open_address import SUFFIX, Opened, OpenFile, OpenRepo
from paddock.sdk.types import LoadedModel
from paddock.sdk.units import bytes_text

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient

WIDTH = 540


class OpenSheet(QDialog):
    """What ``target`` is, its size and whether it fits, and the ways on."""

    chat_wanted = Signal(str)
    hub_wanted = Signal(str)
    import_wanted = Signal(str)

    def __init__(self, host: HostState, target: Opened, parent: QWidget) -> None:
        super().__init__(parent)
        self._host, self.target = host, target
        self._fit: QuantFit | None = None
        self.setProperty("role", "surface")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(True)
        local = isinstance(target, OpenFile)
        if isinstance(target, OpenFile):
            name, where = target.path.replace("\\", "/").rstrip("/").rpartition("/")[2], target.path
        else:
            name, where = target.repo, "Another program asks to open this model from Hugging Face."
        self.setWindowTitle("Open a model" if local else "Download a model")
        self.title = ElidedLabel(name, 18, 600, middle=True)
        self.where = ElidedLabel(where, 13, 400, "text2", middle=True)
        self.facts = Label("Looking…", 13, 400, "text", wrap=True, tabular=True)
        self.badge = FitBadge()
        self.verdict = Label("", 13, 400, "text2", wrap=True, tabular=True)
        self.trouble = Notice()
        self.progress = Progress("Loading")
        self.progress.hide()
        self.first = Button("Load now" if local else "Download", "primary")
        self.second = Button("Add to my models…" if local else "Show in Discover")
        self.third = Button("Use the folder in place")
        self.cancel = Button("Cancel")
        self._lay_out(parent)
        for button in (self.first, self.second, self.third):
            button.setEnabled(False)
        self.cancel.clicked.connect(self.reject)
        host.models_changed.connect(self._show_progress)
        if isinstance(target, OpenFile):
            self._look_at_path(target.path)
        else:
            self._look_at_repo(target)

    def _lay_out(self, parent: QWidget) -> None:
        line = QHBoxLayout()
        line.setSpacing(10)
        line.addWidget(self.badge)
        line.addWidget(self.verdict, 1)
        inner = QVBoxLayout()
        inner.setContentsMargins(20, 16, 20, 14)
        inner.setSpacing(8)
        for part in (self.title, self.where, self.facts):
            inner.addWidget(part)
        inner.addLayout(line)
        inner.addWidget(self.trouble)
        inner.addWidget(self.progress)
        inner.addStretch(1)
        foot = QHBoxLayout()
        foot.setContentsMargins(20, 10, 20, 14)
        foot.setSpacing(8)
        foot.addWidget(self.cancel)
        foot.addStretch(1)
        for button in (self.third, self.second, self.first):
            foot.addWidget(button)
        self.third.hide()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addLayout(inner, 1)
        outer.addWidget(Divider())
        outer.addLayout(foot)
        self.setFixedWidth(min(current().px(WIDTH), parent.window().width() - 32))
        self.cancel.setFocus(Qt.FocusReason.OtherFocusReason)

    def event(self, event: QEvent) -> bool:
        """It grows with what it says."""
        layout = self.layout()
        if event.type() == QEvent.Type.LayoutRequest and layout is not None:
            self.resize(self.width(), max(self.height(), layout.totalHeightForWidth(self.width())))
        return super().event(event)

    # ---------------------------------------------------------------- a file or a folder

    def _look_at_path(self, path: str) -> None:
        single = path.lower().endswith(SUFFIX)
        self.first.setVisible(single)
        self.first.clicked.connect(lambda: self._load(path))
        self.second.clicked.connect(lambda: self._leave_for(self.import_wanted, path))
        self.third.clicked.connect(lambda: self._use_folder(path.rpartition("/")[0] if single else path))
        self._ask(lambda client: client.preview_import(path), self._previewed)
        if single:
            self._ask(lambda client: client.estimate(path), self._estimated)

    def _previewed(self, preview: ImportPreview) -> None:
        models = "" if preview.models == 1 else f"{preview.models} models, "
        parts = f" in {preview.files} files" if preview.files > 1 else ""
        there = f" It is among your models as {self._host.model_name(preview.there)}." if preview.there else ""
        self.facts.setText(f"{models}{bytes_text(preview.size_bytes)}{parts}.{there}")
        self.first.setEnabled(True)
        for button in (self.second, self.third):
            button.setEnabled(not preview.there)
            button.setVisible(not preview.there)

    def _estimated(self, estimate: Estimate) -> None:
        self.badge.show_estimate(estimate)
        self.verdict.setText(estimate.sentence.removeprefix("Fits. "))  # the badge says it

    def _load(self, path: str) -> None:
        self._busy()
        self._host.call(lambda client: client.load(path), self._loaded, self._failed, self)

    def _loaded(self, loaded: LoadedModel) -> None:
        self._leave_for(self.chat_wanted, loaded.model)

    def _show_progress(self) -> None:
        now = next((item for item in self._host.loaded.values() if item.state == "loading"), None)
        if not self.progress.isHidden() and now is not None:
            self.progress.set_fraction(now.progress)

    def _use_folder(self, folder: str) -> None:
        self._busy()
        known = self._host.settings.model_folders
        patch = SettingsPatch(model_folders=(*known, folder) if folder not in known else known)
        self._host.change_settings(patch, self._folder_used, self._failed, self)

    def _folder_used(self, settings: Settings) -> None:
        self._host.look_for_models()
        self.accept()

    # ---------------------------------------------------------------- a model on the hub

    def _look_at_repo(self, target: OpenRepo) -> None:
        self.first.clicked.connect(self._download)
        self.second.clicked.connect(lambda: self._leave_for(self.hub_wanted, target.model))
        self.second.setEnabled(True)
        self._ask(lambda client: _looked(client, target.repo), lambda found: self._fits_came(target, *found))

    def _fits_came(self, target: OpenRepo, model: HubModel, fits: RepoFits) -> None:
        label = (
            label_of(model, target.quant) if target.quant else fits.best or next((q.label for q in model.quants), "")
        )
        fit = self._fit = next((item for item in fits.fits if item.label == label), None)
        if fit is None:
            self.trouble.show_message("warn", f"There is no {target.quant or 'model file'} in {fits.repo}.")
            self.facts.hide()
            return
        why = f" {fits.reason}." if fits.reason and fit.label == fits.best else ""
        room = f"{bytes_text(fits.disk_free)} are free on the disk."
        self.facts.setText(no_word_alone(f"{fit.label}, {bytes_text(fit.size_bytes)}.{why} {room}"))
        self._estimated(fit.estimate)
        self.first.setText("Chat" if fit.downloaded else f"Download {fit.label}, {bytes_text(fit.size_bytes)}")
        self.first.setEnabled(bool(fit.downloaded) or (fit.size_bytes < fits.disk_free and not model.obstacle))
        if model.obstacle and not fit.downloaded:
            self.trouble.show_message("warn", model.obstacle)
        exact = FitsRequest(repo=fits.repo, quant=label)
        self._host.call(lambda client: client.hub_fits(exact), self._exact_came, lambda error: None, self)

    def _exact_came(self, fits: RepoFits) -> None:
        if self._fit is not None:
            label = self._fit.label
            self._estimated(next((item for item in fits.fits if item.label == label), self._fit).estimate)

    def _download(self) -> None:
        fit = self._fit
        if fit is None:
            return
        if fit.downloaded:
            self._leave_for(self.chat_wanted, fit.downloaded)
            return
        self._busy()
        source = fit.source
        self._host.call(lambda client: client.download(source), self._queued, self._failed, self)

    def _queued(self, download: Download) -> None:
        self.accept()  # the rail shows how far it is

    # ---------------------------------------------------------------- both

    def _ask(self, job: Callable[[AsyncClient], Awaitable[object]], then: Callable[..., None]) -> None:
        self._host.call(job, then, self._cannot_look, self)

    def _cannot_look(self, error: BaseException) -> None:
        self._say(error)
        if self.facts.text() == "Looking…":
            self.facts.hide()

    def _busy(self) -> None:
        self.trouble.hide()
        self.progress.setVisible(isinstance(self.target, OpenFile))
        for button in (self.first, self.second, self.third):
            button.setEnabled(False)

    def _leave_for(self, signal: object, value: str) -> None:
        signal.emit(value)  # type: ignore[attr-defined]  # a bound Signal, which the stubs do not know
        self.accept()

    def _say(self, error: BaseException) -> None:
        message, hint = (error.message, error.hint) if isinstance(error, PaddockError) else (sentence(error), "")
        self.trouble.show_message("bad", message, hint)

    def _failed(self, error: BaseException) -> None:
        self._say(error)
        self.progress.hide()
        for button in (self.first, self.second, self.third):
            button.setEnabled(True)


async def _looked(client: AsyncClient, repo: str) -> tuple[HubModel, RepoFits]:
    """What the repository holds, and at once whether it fits."""
    return await client.hub_model(repo), await client.hub_fits(FitsRequest(repo=repo, quick=True))
