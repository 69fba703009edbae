"""Taking over a preset of another program: what was understood, and what was not, before it is kept."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QDialog, QFileDialog, QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from paddock.gui.bridge import Task
from paddock.gui.host_state import HostState
from paddock.gui.messages import sentence
from paddock.gui.theme import current
from paddock.gui.widgets import Button, Label, LineField, TextArea
from paddock.gui.widgets.list_sheet import lay_out_sheet
from paddock.sdk.errors import BadRequest
from paddock.sdk.llamacpp_load import LOAD
from paddock.sdk.llamacpp_sampling import SAMPLING
from paddock.sdk.presets import Preset, PresetRead, PresetText
from paddock.sdk.types import Options, OptionValue
from paddock.sdk.units import counted

WIDTH, HEIGHT = 560, 560
PAUSE_MS = 300
LARGEST = 1_000_000
ABOUT = (
    "A preset file of LM Studio or Paddock, or a command line of llama.cpp. Paste it, drop it here or choose a file."
)
EXAMPLE = "llama-server --temp 0.7 --top-k 40 --min-p 0.05"
_LABELS = {spec.name: spec.label for spec in (*SAMPLING, *LOAD)}


def read_file(path: str) -> str:
    """The text of a file. Raises BadRequest."""
    try:
        if Path(path).stat().st_size > LARGEST:
            raise BadRequest("This file is too large for a preset.", hint="Choose a preset's JSON file.")
        return Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise BadRequest(f"The file cannot be read: {reason}.", hint="Choose another one.") from error


class ImportPreset(QDialog):
    """``kept`` carries the preset once the host has it."""

    kept = Signal(object)

    def __init__(self, host: HostState, parent: QWidget) -> None:
        super().__init__(parent)
        self._host = host
        self._job: Task | None = None
        self._file = ""
        self.read: PresetRead | None = None
        self.setWindowTitle("Import a preset")
        self.setProperty("role", "surface")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAcceptDrops(True)
        self.text = TextArea("Preset or command line", EXAMPLE, rows=5)
        self.text.setAcceptDrops(False)  # the sheet takes what is dropped
        self.browse = Button("Choose a file…", "secondary", "file")
        self._named = QWidget()
        self.name = LineField("Name of the preset", "Name")
        self.understood_title = Label("Taken over", 12, 600, "text2")
        self.understood = Label("", 13, 400, tabular=True, wrap=True)
        self.notes_title = Label("Left out", 12, 600, "text2")
        self.notes = Label("", 13, 400, "text2", wrap=True)
        self.problem = Label("", 13, 400, "bad", wrap=True)
        self.cancel, self.keep = Button("Cancel"), Button("Keep and use", "primary")
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._lay_out(parent)
        self._pause.timeout.connect(self._read)
        self.text.textChanged.connect(self._edited)
        self.name.textChanged.connect(lambda _: self._look())
        self.browse.clicked.connect(self._browse)
        self.cancel.clicked.connect(self.reject)
        self.keep.clicked.connect(self._keep)
        self._look()

    def _lay_out(self, parent: QWidget) -> None:
        found = QWidget()
        inner = QVBoxLayout(found)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(12)
        named = QHBoxLayout(self._named)
        named.setContentsMargins(0, 0, 0, 0)
        named.setSpacing(8)
        named.addWidget(Label("Name", 13, 500))
        named.addWidget(self.name, 1)
        inner.addWidget(self._named)
        for title, words in ((self.understood_title, self.understood), (self.notes_title, self.notes)):
            told = QVBoxLayout()
            told.setSpacing(2)
            told.addWidget(title)
            told.addWidget(words)
            inner.addLayout(told)
        inner.addWidget(self.problem)
        inner.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(found)
        foot = QHBoxLayout()
        foot.addWidget(self.browse)
        foot.addStretch(1)
        foot.addWidget(self.cancel)
        foot.addWidget(self.keep)
        column = QVBoxLayout()
        column.setContentsMargins(20, 16, 20, 12)
        column.setSpacing(12)
        column.addWidget(Label("Import a preset", 18, 600))
        column.addWidget(Label(ABOUT, 13, 400, "text2", wrap=True))
        column.addWidget(self.text)
        column.addWidget(scroll, 1)
        lay_out_sheet(self, column, foot)
        window, theme = parent.window(), current()
        self.resize(min(theme.px(WIDTH), window.width() - 24), min(theme.px(HEIGHT), window.height() - 24))

    # ---------------------------------------------------------------- reading

    def take_text(self, text: str, file: str = "") -> None:
        """Read ``text``, that of a file called ``file``."""
        self.text.setPlainText(text)
        self._file = file
        self._pause.stop()
        self._read()

    def take_file(self, path: str) -> None:
        """Read a file."""
        name = Path(path).name
        self._host.call(
            lambda _: asyncio.to_thread(read_file, path), lambda text: self.take_text(text, name), self._fail, self
        )

    def _browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Import a preset", "", "Presets (*.json *.txt *.sh);;All files (*)")
        if path:
            self.take_file(path)

    def _edited(self) -> None:
        self._file = ""
        self._pause.start()

    def _read(self) -> None:
        if self._job is not None:
            self._job.cancel()
        text = PresetText(text=self.text.toPlainText(), name=self._file)
        if not text.text.strip():
            self._show(None)
            return
        self._job = self._host.call(lambda client: client.read_preset(text), self._show, self._fail, self)

    def _show(self, read: PresetRead | None) -> None:
        self.read = read
        self.problem.setText("")
        if read is not None:
            self.name.setText(read.preset.name)
            self.understood.setText("\n".join(_told(read.preset)) or "No setting of a preset was found.")
            self.notes.setText("\n".join(_left_out(read)))
        self._look()

    def _fail(self, error: BaseException) -> None:
        self.read = None
        self.problem.setText(sentence(error))
        self._look()

    def _look(self) -> None:
        read = self.read
        for part in (self._named, self.understood_title, self.understood):
            part.setVisible(read is not None)
        for part in (self.notes_title, self.notes):
            part.setVisible(read is not None and bool(self.notes.text()))
        self.problem.setVisible(bool(self.problem.text()))
        self.keep.setEnabled(read is not None and bool(_told(read.preset)) and bool(self.name.text().strip()))

    def _keep(self) -> None:
        if self.read is not None:
            preset = msgspec.structs.replace(self.read.preset, name=self.name.text().strip())
            self._host.call(lambda client: client.put_preset(preset), self._done, self._refused, self)

    def _done(self, preset: Preset) -> None:
        self.kept.emit(preset)
        self.accept()

    def _refused(self, error: BaseException) -> None:
        self.problem.setText(sentence(error))
        self.problem.show()

    # ---------------------------------------------------------------- dropping

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        data = event.mimeData()
        if data.hasText() or any(url.isLocalFile() for url in data.urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        files = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if files:
            self.take_file(files[0])
        else:
            self.take_text(event.mimeData().text())
        event.acceptProposedAction()


def _told(preset: Preset) -> list[str]:
    """What a preset says, a line for each."""
    lines = _lines(preset.sampling)
    if preset.stop is not None:
        lines.append(f"Stop strings: {', '.join(map(repr, preset.stop)) or 'none'}")
    if preset.max_tokens is not None:
        lines.append(f"Longest answer: {counted(preset.max_tokens, 'token') if preset.max_tokens else 'no limit'}")
    if preset.reasoning is not None:
        lines.append(f"Reasoning: {'on' if preset.reasoning else 'off'}")
    if preset.system:
        words = " ".join(preset.system.split())
        lines.append(f"System prompt: {words[:200]}{'…' if len(words) > 200 else ''}")
    return lines


def _left_out(read: PresetRead) -> list[str]:
    lines = list(read.notes)
    if read.load:
        lines.append("It belongs to loading the model: " + "; ".join(_lines(read.load)) + ".")
    return lines


def _lines(options: Options) -> list[str]:
    return [f"{_LABELS.get(name, name)}: {_value(name, value)}" for name, value in options.items()]


def _value(name: str, value: OptionValue) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int) and name != "seed":  # which is typed again elsewhere as it is
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{token} {weight:+g}" for token, weight in value.items())
    return str(value)
