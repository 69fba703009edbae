"""Settings for an answer that is being written: handed to it at once, or when asked."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.widgets import Button, Label, Switch
from paddock.sdk.errors import NotFound
from paddock.sdk.host import Generation
from paddock.sdk.types import Options

PAUSE_MS = 120
"""While a slider moves the answer follows this often at most."""


class RunningStrip(QFrame):
    """Shown while an answer runs with other settings than those in sight, or follows them. ``sampling`` gives those in
    sight, ``whole`` all options as they are in force with some; ``applied``: the host has handed them on; ``failed``
    carries an error."""

    applied = Signal()
    failed = Signal(object)

    def __init__(
        self, sampling: Callable[[], Options], whole: Callable[[Options], Options], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._sampling, self._whole = sampling, whole
        self._host: HostState | None = None
        self._chat = ""
        self._running = ""
        self._in_force: Options = {}
        self.setProperty("role", "card")
        self.words = Label("", 13, 400, wrap=True)
        self.apply = Button("Apply to this answer")
        self.follow = Switch("Follow the sliders")
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self._apply)
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(Label("Follow the sliders", 13, 400, "text2"))
        row.addStretch(1)
        row.addWidget(self.follow)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 10)
        column.setSpacing(8)
        column.addWidget(self.words)
        column.addWidget(self.apply)
        column.addLayout(row)
        self.apply.clicked.connect(self._apply)
        self.follow.toggled.connect(lambda _: self.look())
        self.hide()

    def bind(self, host: HostState) -> None:
        self._host = host
        host.generation_started.connect(self._started)
        host.generation_ended.connect(self._ended)
        host.snapshot.connect(self._find)

    def show_chat(self, chat: str) -> None:
        if chat != self._chat:
            self._chat = chat
            self._find()

    def look(self) -> None:
        """The settings in sight may have changed."""
        differs = bool(self._running) and self._whole(self._sampling()) != self._whole(self._in_force)
        if differs and self.follow.isChecked() and not self._pause.isActive():
            self._pause.start()
        self.words.setText(
            "The running answer follows these settings."
            if self.follow.isChecked()
            else "The running answer has other settings."
        )
        self.apply.setVisible(not self.follow.isChecked())
        self.setVisible(differs or (bool(self._running) and self.follow.isChecked()))

    def _find(self) -> None:
        """An answer may run in the conversation already."""
        host = self._host
        known = host.generations.values() if host is not None and self._chat else ()
        running = [one for one in known if one.chat_id == self._chat and not one.pane]
        self._running = ""
        for generation in running[:1]:
            self._follow(generation)
        self.look()

    def _started(self, generation: Generation) -> None:
        if self._chat and generation.chat_id == self._chat and not generation.pane:
            self._follow(generation)
            self.look()

    def _follow(self, generation: Generation) -> None:
        """It has what it came with, whatever was set here since."""
        self._running = generation.id
        self._in_force = self._sampling() if generation.sampling is None else generation.sampling

    def _ended(self, generation: str) -> None:
        if generation == self._running:
            self._running = ""
            self.look()

    def _apply(self) -> None:
        host, running, sampling = self._host, self._running, self._sampling()
        if host is not None and running:
            self._in_force = sampling
            told = self.applied.emit
            host.change(lambda client: client.retune(running, sampling), lambda _: told(), self._refused, self)
            self.look()

    def _refused(self, error: BaseException) -> None:
        if not isinstance(error, NotFound):  # it has just ended
            self.failed.emit(error)
