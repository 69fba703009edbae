"""The account at the hub among the settings: whose token it is asked with, a new token, sign out."""

from __future__ import annotations

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import sentence
from paddock.gui.pages.form import Card, Row, Stack
from paddock.gui.widgets import Button, Label, LineField, Notice
from paddock.gui.widgets.labels import no_word_alone
from paddock.sdk.errors import PaddockError
from paddock.sdk.hub import HubAccount

HUB = "huggingface.co"
PURPOSE = "For models that ask for your consent, and your private ones."
KEPT = "It is tried first and kept in this computer’s keyring, nowhere else."


class AccountCard(Card):
    """Asks the host whenever it comes into sight. A token that was kept is never shown again."""

    def __init__(self, host: HostState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host = host
        self._account: HubAccount | None = None
        self._busy = False
        self.sign_out = Button("Sign out")
        self.account = Row("Account", "Looking…", self.sign_out)
        self.token = LineField("Access token", "hf_…")
        self.token.setEchoMode(QLineEdit.EchoMode.Password)
        self.keep = Button("Test and keep")
        self.make = Button("Make a token on the hub", "link")
        self.notice = Notice()
        self.about = Label("", 12, 400, "text2", wrap=True)
        self.line = QWidget()
        self._lay_out()
        self.token.textChanged.connect(self.refresh)
        self.token.returnPressed.connect(self._log_in)
        self.keep.clicked.connect(self._log_in)
        self.sign_out.clicked.connect(self._log_out)
        self.make.clicked.connect(self._open_tokens)
        host.connection_changed.connect(self.refresh)
        host.snapshot.connect(self.look)
        self.refresh()

    def _lay_out(self) -> None:
        row = QHBoxLayout(self.line)
        row.setContentsMargins(0, 4, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.token, 1)
        row.addWidget(self.keep)
        self.add(self.account)
        self.add(Stack("Access token", self.about, self.line))
        self.column.addWidget(self.make, 0, Qt.AlignmentFlag.AlignLeft)
        self.column.addWidget(self.notice)
        self.column.addSpacing(6)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.look()

    def look(self) -> None:
        """Ask the host whose token it has."""
        if self.isVisible() and not self._busy:
            self._host.call(lambda client: client.hub_account(), self._learn, self._failed, self)

    def refresh(self) -> None:
        """Show what is known."""
        connected = self._host.connection == "connected" and not self._busy
        self.account.about.setText("Asking the hub…" if self._busy else account_words(self._account))
        can_keep = self._account is None or self._account.can_keep
        self.about.setText(no_word_alone(f"{PURPOSE} {KEPT}" if can_keep else PURPOSE))
        self.line.setVisible(can_keep)
        self.sign_out.setVisible(self._account is not None and self._account.source == "keyring")
        self.sign_out.setEnabled(connected)
        self.token.setEnabled(connected)
        self.keep.setEnabled(connected and bool(self.token.text().strip()))

    def _learn(self, account: HubAccount) -> None:
        self._busy = False
        self._account = account
        self.refresh()

    def _log_in(self) -> None:
        token = self.token.text().strip()
        if token and not self._busy:
            self._begin()
            self._host.call(lambda client: client.hub_login(token), self._logged_in, self._failed, self)

    def _logged_in(self, account: HubAccount) -> None:
        self.token.clear()
        self._learn(account)
        self.notice.show_message("ok", "The token works and is kept in the keyring.")

    def _log_out(self) -> None:
        self._begin()
        self._host.call(lambda client: client.hub_logout(), self._learn, self._failed, self)

    def _begin(self) -> None:
        self._busy = True
        self.notice.hide()
        self.refresh()

    def _failed(self, error: BaseException) -> None:
        self._busy = False
        self.refresh()
        if isinstance(error, PaddockError):
            self.notice.show_message("bad", error.message, error.hint)
        else:
            self.notice.show_message("bad", sentence(error))

    def _open_tokens(self) -> None:
        host = self._account.host if self._account is not None else HUB
        QDesktopServices.openUrl(QUrl(f"https://{host}/settings/tokens"))


def account_words(account: HubAccount | None) -> str:
    """Who asks the hub, and where the token comes from."""
    if account is None:
        return "Looking…"
    match account.source:
        case "keyring":
            name = f"Signed in as {account.name}" if account.name else "Signed in"
            words = f"{name} at {account.host}. The token is in the keyring."
        case "environment":
            words = f"The token of the environment (HF_TOKEN) is used at {account.host}."
        case "login":
            words = f"The token of “hf auth login” is used at {account.host}."
        case "none":
            words = f"Not signed in at {account.host}. Most models need no account."
    return f"{words} {account.note}".strip()
