"""The Server page: the API server's switch, its address, who can reach it, and how to ask it."""

from __future__ import annotations

import re
from typing import NamedTuple

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import sentence
from paddock.gui.pages.form import ROW_END, Card, CopyLine, FormPage, Row, Stack, copy, silently
from paddock.gui.pages.snippets import LANGUAGES, snippet
from paddock.gui.theme import current, new_look
from paddock.gui.widgets import Button, Chip, Label, Notice, NumberBox, Switch
from paddock.sdk.errors import PaddockError
from paddock.sdk.host import ServerRequest, ServerStatus, SettingsPatch

JOINER = "\u2060"
"""Where it stands no line ends."""
LONG_NAME = 32
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Code(QPlainTextEdit):
    """Lines to copy: read-only, monospaced, as high as its text."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setTabChangesFocus(True)
        self.setAccessibleName(name)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.viewport().setAutoFillBackground(False)
        self._dress()

    def show_lines(self, text: str) -> None:
        self.setPlainText(text)
        self._dress()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if new_look(event):
            self._dress()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._dress()

    def _dress(self) -> None:
        wanted = current().font(12, mono=True)
        if self.font() != wanted:
            self.setFont(wanted)
        metrics, margin = self.fontMetrics(), round(self.document().documentMargin())
        widest = max(metrics.horizontalAdvance(line) for line in self.toPlainText().split("\n"))
        bar = self.horizontalScrollBar().sizeHint().height() if widest + 2 * margin > self.viewport().width() else 0
        self.setFixedHeight(self.blockCount() * metrics.lineSpacing() + 2 * margin + 2 + bar)


class Refusal(NamedTuple):
    """Why the server is not as it was asked for. ``port``: the one it was asked for."""

    text: str
    hint: str
    port: int

    def sentence(self) -> str:
        return f"{self.text} {self.hint}".strip()


class ServerPage(FormPage):
    """Shows and switches what :class:`HostState` knows of the API server."""

    def __init__(self, host: HostState, parent: QWidget | None = None) -> None:
        super().__init__("Server", parent)
        self._host = host
        self._language = LANGUAGES[0]
        self._busy = False
        self._wanted: int | None = None
        """The port for the next start; None: that of the settings."""
        self._chosen = False
        """``_wanted`` is from the user, and not kept yet."""
        self._refusal: Refusal | None = None
        self.switch = Switch("API server on")
        self.state = Row("API server", "Off. Nothing listens.", self.switch)
        self.notice = Notice()
        self.below_notice = QWidget()
        """As much room as a row has at its end; with the notice."""
        self.port = NumberBox("Port", 1024, 65535, decimals=0, step=1)
        self.address = CopyLine("Address")
        self.reach = Label("", 12, 400, "text2", wrap=True)
        self.served = Label("", 13, 400, "text2", wrap=True)
        self.requests = Label("", 13, 500, "text", tabular=True)
        self.code = Code("Example")
        self.tabs = [Chip(language) for language in LANGUAGES]
        self._lay_out()
        self.switch.clicked.connect(self._switched)
        self.port.valueChanged.connect(self._port_chosen)
        self.port.editingFinished.connect(self._port_edited)
        self.notice.action_triggered.connect(self._use_next_port)
        host.server_changed.connect(self._server_changed)
        for signal in (host.models_changed, host.settings_changed, host.connection_changed):
            signal.connect(self.refresh)
        self._choose(LANGUAGES[0])
        self._server_changed()

    def _lay_out(self) -> None:
        about = "Other programs on this computer can use your models through the OpenAI interface."
        self.column.addWidget(Label(about, 13, 400, "text2", wrap=True))
        card = Card()
        card.add(self.state)
        card.column.addWidget(self.notice)
        self.below_notice.setFixedHeight(ROW_END - card.column.spacing())
        self.below_notice.hide()
        card.column.addWidget(self.below_notice)
        card.add(Row("Port", "5151, unless you or something else needs another.", self.port))
        card.add(Stack("Address", self.address, self.reach))
        card.add(Stack("Models served", self.served))
        card.add(Row("Requests", "Since the server was switched on.", self.requests))
        self.column.addWidget(card)
        self.column.addWidget(Label("How to ask it", 15, 600))
        tabs = QHBoxLayout()
        tabs.setSpacing(6)
        for chip in self.tabs:
            chip.setCheckable(True)
            chip.setAutoExclusive(True)
            chip.clicked.connect(lambda _=False, chip=chip: self._choose(chip.text()))
            tabs.addWidget(chip)
        tabs.addStretch(1)
        self.copy_button = Button("Copy", "secondary", "copy")
        self.copy_button.clicked.connect(lambda: copy(self.code.toPlainText()))
        tabs.addWidget(self.copy_button)
        self.column.addLayout(tabs)
        sheet = QFrame()
        sheet.setProperty("role", "card")
        inner = QVBoxLayout(sheet)
        inner.setContentsMargins(12, 10, 12, 10)
        inner.addWidget(self.code)
        self.column.addWidget(sheet)
        self.column.addStretch(1)

    # ---------------------------------------------------------------- showing

    def refresh(self) -> None:
        """Show what the host says now."""
        server = self._host.server
        running = self._running()
        connected = self._host.connection == "connected"
        self.switch.setEnabled(connected)  # also while it is asked: the keyboard's focus would leave it
        silently(self.switch, lambda: self.switch.setChecked(running))
        if not (self._busy or self.port.hasFocus()):  # else it is the port that was asked for
            self._show_port()
        self.state.about.setText(_state_words(server, connected, self._busy))
        self.address.set_text(f"{_url(server, int(self.port.value()))}/v1", usable=running)
        self.reach.setText(_reach(server))
        self.reach.setVisible(running)
        served = [_whole(info.id) for info in self._host.models.values() if info.error is None]
        self.served.setText(", ".join(served) or "None yet.")
        self.requests.setText(f"{server.requests:,}" if server is not None else "0")
        self._show_refusal()
        self._show_code()

    def _running(self) -> bool:
        return self._host.server is not None and self._host.server.running

    def _show_port(self) -> None:
        server = self._host.server
        if server is not None and server.running:
            port = server.port
        else:
            port = self._host.settings.api_port if self._wanted is None else self._wanted
        silently(self.port, lambda: self.port.setValue(port))

    def _server_changed(self) -> None:
        """What it was refused for holds until it is as somebody asked for. Of one that runs, what others were refused
        is theirs."""
        if not self._busy:  # else the answer to it tells more
            error = self._host.server.error if self._host.server is not None else None
            if not error:
                self._refusal = None
            elif not self._running() and (self._refusal is None or self._refusal.sentence() != error):
                self._refusal = Refusal(error, "", int(self.port.value()))
        self.refresh()

    def _choose(self, language: str) -> None:
        self._language = language
        for chip in self.tabs:
            chip.setChecked(chip.text() == language)
        self.refresh()

    def _show_code(self) -> None:
        url = _url(self._host.server, int(self.port.value()))
        text = snippet(self._language, url, self._host.settings.default_model)
        if text != self.code.toPlainText():
            self.code.show_lines(text)

    def _show_refusal(self) -> None:
        told = self._refusal is not None and not self._busy
        self.below_notice.setVisible(told)
        if self._refusal is None or not told:
            self.notice.hide()
            return
        text, hint, _ = self._refusal
        self.notice.show_message("bad", text, hint, "Use the next free port" if "port" in text.lower() else "")

    # ---------------------------------------------------------------- doing

    def _switched(self, on: bool) -> None:
        if self._busy:
            self.refresh()
            return
        self._ask(ServerRequest(running=on, port=int(self.port.value()), strict_port=True))

    def _use_next_port(self) -> None:
        if self._refusal is not None:
            self._ask(ServerRequest(running=True, port=self._refusal.port, strict_port=False))

    def _port_chosen(self, port: float) -> None:
        if not self._running():
            self._wanted, self._chosen = int(port), True
            self._refusal = None  # it was for another one
            self.refresh()

    def _port_edited(self) -> None:
        server = self._host.server
        port = int(self.port.value())
        if server is None or not server.running:
            if self._chosen:  # the field may only have lost the keyboard
                self._keep_port(port)
        elif server.port != port:
            self._ask(ServerRequest(running=True, port=port, strict_port=True))

    def _keep_port(self, port: int) -> None:
        """For the time after this one too."""
        self._chosen = False
        if port != self._host.settings.api_port:
            self._host.change_settings(SettingsPatch(api_port=port))

    def _ask(self, request: ServerRequest) -> None:
        self._busy = True
        self._refusal = None
        self.refresh()
        port = request.port or 0
        self._host.call(
            lambda client: client.set_server(request),
            lambda status: self._answered(status, request),
            lambda error: self._failed(error, port),
            self,
        )

    def _answered(self, status: ServerStatus, request: ServerRequest) -> None:
        self._busy = False
        if status.running:
            self._wanted = status.port
            if request.strict_port:  # else it is a way out, once
                self._keep_port(status.port)
        self._host.learn_server(status)

    def _failed(self, error: BaseException, port: int) -> None:
        self._busy = False
        if isinstance(error, PaddockError):
            self._refusal = Refusal(error.message, error.hint, port)
        else:
            self._refusal = Refusal(sentence(error), "", port)
        if self._running():
            self._show_port()  # where it still is, also while the keyboard is in the field
        self.refresh()


def _whole(name: str) -> str:
    """``name`` on one line, unless it is longer than that may be."""
    return re.sub("[-/]", lambda sign: sign[0] + JOINER, name) if len(name) <= LONG_NAME else name


def _url(server: ServerStatus | None, port: int) -> str:
    if server is not None and server.urls:
        return server.urls[0].rstrip("/").removesuffix("/v1")
    return f"http://127.0.0.1:{port}"


def _state_words(server: ServerStatus | None, connected: bool, busy: bool) -> str:
    if not connected:
        return "Waiting for the host…"
    if busy:
        return "One moment…"
    if server is not None and server.running:
        return "On. It stays on when this window is closed."
    return "Off. Nothing listens."


def _reach(server: ServerStatus | None) -> str:
    if server is None or server.host in LOOPBACK:
        return "Every user of this computer can reach this address. Other computers cannot."
    key = " A key is required." if server.key_required else ""
    return f"Every computer in your network can reach this address.{key}"
