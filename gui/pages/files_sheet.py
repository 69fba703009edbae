"""A dialog that has the host write or read files: what is chosen, then what it does, then how it ended."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QCloseEvent, QDesktopServices, QShowEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from paddock.gui.bridge import Task
from paddock.gui.host_state import HostState
from paddock.gui.messages import sentence
from paddock.gui.pages.job_progress import job_words
from paddock.gui.theme import current
from paddock.gui.widgets import Button, ElidedLabel, Label, Notice
from paddock.gui.widgets.list_sheet import lay_out_sheet
from paddock.sdk.errors import PaddockError

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient

T = TypeVar("T")
WIDTH = 540


class FilesSheet(QDialog):
    """Closing it stops what it does. ``form`` holds what is chosen, ``after`` what there is to say
    behind the notice."""

    def __init__(self, host: HostState, title: str, what: str, start: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._host = host
        self._task: Task | None = None
        self._doing = ""
        self.job = uuid.uuid4().hex
        """For the host: the name of the job that tells how far it is, where it takes longer."""
        self.setWindowTitle(title)
        self.setProperty("role", "surface")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(True)
        self.title = ElidedLabel(title, 18, 600)
        self.what = Label(what, 13, 400, "text2", wrap=True)
        self.doing = Label("", 13, 400, "text2", wrap=True)
        self.trouble = Notice()
        self.cancel, self.start = Button("Cancel"), Button(start, "primary")
        self.form = QWidget()
        self.rows = QVBoxLayout(self.form)
        self.rows.setContentsMargins(0, 4, 0, 0)
        self.rows.setSpacing(10)
        self.after = QVBoxLayout()
        self._lay_out(parent)
        self.doing.hide()
        self.cancel.clicked.connect(self.reject)
        host.jobs_changed.connect(self._show_progress)

    def _lay_out(self, parent: QWidget) -> None:
        sheet = QWidget()
        sheet.setProperty("role", "surface")
        inner = self._inner = QVBoxLayout(sheet)
        inner.setContentsMargins(20, 16, 20, 14)
        inner.setSpacing(8)
        for part in (self.title, self.what, self.form, self.doing, self.trouble):
            inner.addWidget(part)
        inner.addLayout(self.after)
        inner.addStretch(1)
        scroll = QScrollArea()  # a small window, or large text
        scroll.setWidget(sheet)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(self.cancel)
        foot.addWidget(self.start)
        above = QVBoxLayout()
        above.addWidget(scroll)
        lay_out_sheet(self, above, foot)
        self.setFixedWidth(min(current().px(WIDTH), parent.window().width() - 32))

    def fit(self) -> None:
        """As high as what it shows, and no higher than the window."""
        for layout in (self.rows, self._inner):
            layout.invalidate()
            layout.activate()
        foot = self.cancel.sizeHint().height() + 26
        parent = self.parentWidget()
        room = parent.window().height() - 32 if parent is not None else 600
        self.resize(self.width(), min(self._inner.totalHeightForWidth(self.width()) + foot, max(room, 240)))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.fit()

    # ---------------------------------------------------------------- while it runs

    def run(self, doing: str, job: Callable[[AsyncClient], Coroutine[Any, Any, T]], done: Callable[[T], None]) -> None:
        """Ask the host; ``doing`` is shown meanwhile. ``job`` closes over values only."""

        def ended(result: T) -> None:
            self._rest()
            done(result)

        self.trouble.hide()
        self.form.setEnabled(False)
        self.start.setEnabled(False)
        self._doing = doing
        self.doing.setText(doing)
        self.doing.show()
        self.cancel.setText("Stop")
        self.fit()
        self._task = self._host.call(job, ended, self._failed, self)

    def _show_progress(self) -> None:
        job = self._host.jobs.get(self.job)
        if job is not None and self.running():
            self.doing.setText(f"{self._doing} {job_words(job)}")

    def running(self) -> bool:
        return self._task is not None

    def _rest(self) -> None:
        self._task = None
        self.form.setEnabled(True)
        self.start.setEnabled(True)
        self.doing.hide()
        self.cancel.setText("Cancel")

    def _failed(self, error: BaseException) -> None:
        self._rest()
        self.refuse(error)

    def refuse(self, error: BaseException) -> None:
        """Say what went wrong, in place."""
        message, hint = (error.message, error.hint) if isinstance(error, PaddockError) else (sentence(error), "")
        self.trouble.show_message("bad", message, hint)
        self.fit()

    def reject(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
        super().reject()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
        super().closeEvent(event)


def show_in_folder(path: str) -> None:
    """Open the folder that a file lies in."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(path.replace("\\", "/").rpartition("/")[0]))
