"""The right side of the Discover page: one repository, its files, whether they fit, and the way to get them."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QMenu, QStackedWidget, QVBoxLayout, QWidget

from paddock.gui.bridge import Task
from paddock.gui.host_state import HostState
from paddock.gui.messages import Messages, sentence
from paddock.gui.models.hub import title_of
from paddock.gui.models.hub_files import FileRow, count_words, file_rows, label_of
from paddock.gui.pages.discover_action import ActionBar
from paddock.gui.pages.discover_card import CardSheet
from paddock.gui.pages.discover_files import FileTable
from paddock.gui.pages.discover_fit import FitCard, FitsAsker
from paddock.gui.pages.discover_head import ModelHead
from paddock.gui.pages.form import copy
from paddock.gui.theme import current
from paddock.gui.widgets import Divider, Label, Notice
from paddock.gui.widgets.fit_scroll import FitScroll
from paddock.gui.widgets.menu import Menu
from paddock.sdk.downloads import Download
from paddock.sdk.errors import PaddockError
from paddock.sdk.hub import FitsRequest, HubModel, RepoFits
from paddock.sdk.memory import MemoryState
from paddock.sdk.units import bytes_text

PAUSE_MS = 150
"""The hub is asked for a repository when the selection has rested for so long."""
MEMORY_PAUSE_MS = 3000
MARGIN, NARROW_MARGIN = 36, 16


class ModelView(QWidget):
    """:meth:`show_repo` shows a repository. ``machine_changed`` carries the words of the machine that is planned for,
    ``loaded`` a repository that the hub has answered for."""

    chat_wanted = Signal(str)
    load_wanted = Signal(str)
    downloads_wanted = Signal()
    sign_in_wanted = Signal()
    machine_changed = Signal(str)
    loaded = Signal(str)

    def __init__(self, host: HostState, messages: Messages, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host, self._messages = host, messages
        self.repo = ""
        self.model: HubModel | None = None
        self.fits: RepoFits | None = None
        self._full = False
        self._label = ""
        self._chosen = False
        self._speed: float | None = None
        self._task: Task | None = None
        self.asker = FitsAsker(host, self)
        self.head = ModelHead()
        self.notice = Notice()
        self.fit = FitCard(host)
        self.files_title = Label("Files", 15, 600)
        self.files_about = Label("", 12, 400, "text2", tabular=True)
        self.table = FileTable()
        self.projector = Label("", 12, 400, "text2", wrap=True)
        self.action = ActionBar()
        self.card = CardSheet()
        self.nothing = Label("Choose a model to see its files and whether they fit.", 13, 400, "text2")
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(PAUSE_MS)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        self.setProperty("role", "surface")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._sheet = QWidget()
        files = QHBoxLayout()
        files.setSpacing(8)
        files.addWidget(self.files_title)
        files.addWidget(self.files_about, 1)
        self._body = QWidget()
        body = QVBoxLayout(self._body)
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(12)
        body.addWidget(self.fit)
        body.addSpacing(4)
        body.addLayout(files)
        body.addWidget(self.table)
        body.addWidget(self.projector)
        self._column = QVBoxLayout(self._sheet)
        self._column.setSpacing(14)
        for part in (self.head, self.notice, self._body):
            self._column.addWidget(part)
        self._page = QWidget()
        self._foot = QWidget()
        self._line = Divider()
        self._foot_row = QHBoxLayout()
        self._foot_row.addWidget(self.action)
        foot = QVBoxLayout(self._foot)
        foot.setContentsMargins(0, 0, 0, 0)
        foot.setSpacing(0)
        foot.addWidget(self._line)
        foot.addLayout(self._foot_row)
        self.area = FitScroll(self._sheet)
        page = QVBoxLayout(self._page)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(0)
        page.addWidget(self.area, 1)
        page.addWidget(self._foot)
        page.addStretch(0)
        self.stack = QStackedWidget()
        for sheet in (self.nothing, self._page, self.card):
            self.stack.addWidget(sheet)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.stack)

    def _connect(self) -> None:
        host = self._host
        self._rest.timeout.connect(self._ask_model)
        self.area.verticalScrollBar().rangeChanged.connect(lambda low, high: self._line.setVisible(high > low))
        self.asker.arrived.connect(self._fits_came)
        self.asker.failed.connect(self._fits_failed)
        self.head.card_wanted.connect(self.show_card)
        self.head.sign_in_wanted.connect(self.sign_in_wanted)
        self.card.back_wanted.connect(self.show_files)
        self.notice.action_triggered.connect(self._ask_model)
        self.fit.changed.connect(self._ask_fits)
        self.fit.machine.changed.connect(lambda: self.machine_changed.emit(self.fit.machine.on))
        self.table.reordered.connect(self._show_rows)
        self.table.view.chosen.connect(self._choose)
        self.table.view.acted.connect(self.act)
        self.table.view.menu_wanted.connect(self._menu)
        self.action.acted.connect(lambda: self.act(self._label))
        self.action.load_wanted.connect(self._load)
        self.action.cancel_wanted.connect(self._cancel)
        self.action.downloads_wanted.connect(self.downloads_wanted)
        host.downloads_changed.connect(self._downloads_changed)
        host.models_changed.connect(self._show_rows)
        host.download_ended.connect(self._download_ended)
        host.memory_changed.connect(self._memory_changed)

    # ---------------------------------------------------------------- asking

    def show_repo(self, repo: str) -> None:
        """Show OWNER/REPO, or one quant of it (OWNER/REPO:QUANT, or the name of its file in place of the quant)."""
        name, _, label = repo.partition(":")
        if name == self.repo and (self.model is not None or self._task is not None or self._rest.isActive()):
            if self.model is None:
                self._label, self._chosen = label or self._label, bool(label) or self._chosen
            elif found := label_of(self.model, label):
                self.table.view.select(found)
                self._choose(found)
            return
        self.repo, self.model, self.fits, self._full = name, None, None, False
        self._label, self._chosen = label, bool(label)
        self.asker.stop()
        self._drop_task()
        within = self.isAncestorOf(self.window().focusWidget() or self)
        self.head.show_name(name)
        self.notice.hide()
        self._body.hide()
        self._foot.hide()
        self.stack.setCurrentWidget(self._page)
        if within:
            self.head.copy_button.setFocus(Qt.FocusReason.OtherFocusReason)  # what is switched off hands it on
        self.area.verticalScrollBar().setValue(0)
        self._rest.start()

    def _drop_task(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _ask_model(self) -> None:
        self.notice.hide()
        repo = self.repo
        self._task = self._host.call(lambda client: client.hub_model(repo), self._model_came, self._model_failed, self)

    def _ask_fits(self) -> None:
        if self.model is not None and self.model.quants:
            row = self.row() if self._chosen else None
            label = row.label if row is not None and not row.missing else ""
            options, on = self.fit.options(), self.fit.machine.on
            self.asker.ask(FitsRequest(repo=self.repo, options=options, on=on, quant=label))

    def _model_came(self, model: HubModel) -> None:
        self._task = None
        self.model = model
        self.repo = model.result.id
        self._label = label_of(model, self._label)
        self._chosen = self._chosen and bool(self._label)
        self.head.show_model(model)
        self._body.show()
        self.fit.set_trained(model.result.context_length)
        self.files_about.setText(count_words(model))
        projector = model.projectors[0] if model.projectors else None
        size = bytes_text(projector.size_bytes) if projector is not None else ""
        self.projector.setText(f"Comes with a projector of {size}, with which it sees pictures.")
        self.projector.setVisible(projector is not None)
        self._show_rows()
        self._ask_fits()
        self.loaded.emit(self.repo)

    def _model_failed(self, error: BaseException) -> None:
        self._task = None
        message, hint = (error.message, error.hint) if isinstance(error, PaddockError) else (sentence(error), "")
        self.notice.show_message("warn", message, hint or "", "Try again")

    def _fits_came(self, fits: RepoFits, full: bool) -> None:
        if fits.repo != self.repo:
            return
        self.fits, self._full = fits, full
        if not self._chosen:
            self._label = fits.best or self._label
        self._show_rows()
        row = self.row()
        if not full and not fits.best and row is not None and row.judged:
            self.asker.look_at(row.label)

    def _fits_failed(self, error: BaseException) -> None:
        self.fit.show_failure(f"The engine could not be asked. {sentence(error)}")

    # ---------------------------------------------------------------- showing

    def row(self) -> FileRow | None:
        """The chosen file."""
        return self._row(self._label)

    def _row(self, label: str) -> FileRow | None:
        return next((row for row in self.table.view.files.rows if row.label == label), None)

    def _show_rows(self) -> None:
        model = self.model
        if model is None:
            return
        ascending = self.table.heads.ascending
        rows = file_rows(model, self.fits, self._host.downloads.values(), self._host.models, ascending=ascending)
        self.table.heads.show_machine(self.fit.machine.on)
        self.table.show_rows(rows, "This repository holds no model that Paddock can load.")
        if rows and not any(row.label == self._label for row in rows):
            self._label = _usual(rows)
        self.table.view.select(self._label)
        self.fit.setVisible(bool(rows))
        self._foot.setVisible(bool(rows))
        self._show_choice()

    def _show_choice(self) -> None:
        row, model = self.row(), self.model
        if row is None or model is None:
            return
        memory = MemoryState() if self.fit.machine.on else self._host.memory
        fits = self.fits if self.fits is not None else RepoFits(repo=self.repo, fits=())
        notes = () if model.obstacle else fits.notes  # what the head says is why the file could not be read
        self.fit.show_row(row, memory, fits.machine, full=self._full, notes=notes)
        free = fits.disk_free
        self.action.show_row(row, obstacle=model.obstacle, disk_free=free, speed=self._speed)

    def _choose(self, label: str) -> None:
        self._label, self._chosen = label, True
        self._show_choice()
        self._ask_fits()

    def show_card(self) -> None:
        """The model card in place of the files."""
        if self.model is not None:
            self.card.show_card(title_of(self.model.result.name), self.model.card)
            self.stack.setCurrentWidget(self.card)
            self.card.back.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_files(self) -> None:
        """Back from the model card."""
        self.stack.setCurrentWidget(self._page)
        self.head.card_button.setFocus(Qt.FocusReason.OtherFocusReason)

    # ---------------------------------------------------------------- doing

    def act(self, label: str) -> None:
        """What the button of a file does now: get it, pause it, go on with it, chat with it."""
        row = self._row(label)
        if row is None or row.missing:
            return
        if row.model:
            self.chat_wanted.emit(row.model)
        elif row.coming and row.download is not None:
            self._turn(row.download)
        elif self.action.primary.isEnabled() or label != self._label or (self.model and self.model.obstacle):
            self._download(row)

    def _download(self, row: FileRow) -> None:
        if self.model is not None and self.model.obstacle:
            self.area.ensureWidgetVisible(self.head.gate)
            self.head.gate.focus_action()
            return
        source = row.source
        self._host.call(lambda client: client.download(source), None, self._messages.error, self)

    def _turn(self, download: Download) -> None:
        number, pause = download.id, download.state in ("running", "queued")
        self._host.change(
            lambda client: client.pause_download(number) if pause else client.resume_download(number),
            None,
            self._messages.error,
            self,
        )

    def _cancel(self) -> None:
        row = self.row()
        if row is not None and row.download is not None:
            number = row.download.id
            self._host.change(lambda client: client.cancel_download(number), None, self._messages.error, self)

    def _load(self) -> None:
        row = self.row()
        if row is not None and row.model:
            self.load_wanted.emit(row.model)

    def menu_for(self, label: str) -> QMenu | None:
        """What can be done with a file."""
        row = self._row(label)
        if row is None:
            return None
        menu = Menu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if row.model:
            menu.addAction("Chat").triggered.connect(partial(self.act, label))
            menu.addAction("Load with settings").triggered.connect(partial(self.load_wanted.emit, row.model))
        elif row.coming and row.download is not None:
            words = "Pause" if row.download.state in ("running", "queued") else "Resume"
            menu.addAction(words).triggered.connect(partial(self.act, label))
            menu.addAction("Show downloads").triggered.connect(self.downloads_wanted)
        else:
            download = menu.addAction("Download")
            download.setEnabled(not row.missing and self.model is not None and not self.model.obstacle)
            download.triggered.connect(partial(self.act, label))
        menu.addSeparator()
        menu.addAction("Copy name").triggered.connect(lambda: copy(row.source))
        return menu

    def _menu(self, label: str, where: QPoint) -> None:
        menu = self.menu_for(label)
        if menu is not None:
            menu.popup(where)

    # ---------------------------------------------------------------- what the host says

    def _downloads_changed(self) -> None:
        speeds = [download.speed for download in self._host.downloads.values() if download.speed]
        self._speed = max(speeds, default=self._speed)
        if self.isVisible():
            self._show_rows()

    def _download_ended(self, download: Download) -> None:
        if download.repo == self.repo and download.state == "done":
            self._ask_fits()

    def _memory_changed(self) -> None:
        if self.isVisible() and self.fits is not None and not self.fit.machine.on:
            self.asker.ask_again(MEMORY_PAUSE_MS)

    def showEvent(self, event: object) -> None:
        super().showEvent(event)  # type: ignore[arg-type]  # a QShowEvent
        self._show_rows()

    # ---------------------------------------------------------------- look

    def set_margins(self, narrow: bool) -> None:
        """Less air in narrow windows."""
        side = current().px(NARROW_MARGIN if narrow else MARGIN)
        self._column.setContentsMargins(side, 20 if not narrow else 12, side, 8)
        self._foot_row.setContentsMargins(side, 8, side, 16)


def _usual(rows: list[FileRow]) -> str:
    """What most people take."""
    labels = [row.label for row in rows]
    return "Q4_K_M" if "Q4_K_M" in labels else labels[len(labels) // 2]
