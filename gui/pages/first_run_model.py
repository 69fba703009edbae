"""A suggested model on the first screen: what it is, its download in place, and the way to chat with it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.models.downloads import download_item
from paddock.gui.pages.first_run_words import facts
from paddock.gui.widgets import Button, ElidedLabel, Label, Progress
from paddock.gui.widgets.badge import FitBadge
from paddock.gui.widgets.labels import no_word_alone
from paddock.sdk.downloads import Download
from paddock.sdk.hub import Suggestion
from paddock.sdk.units import bytes_text


class SuggestedModel(QWidget):
    """``download_wanted``, ``pause_wanted`` and ``chat_wanted`` come from its one button, which follows the state."""

    download_wanted = Signal()
    pause_wanted = Signal()
    chat_wanted = Signal()

    def __init__(self, suggestion: Suggestion, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.suggestion = suggestion
        self.model = suggestion.downloaded
        """The id to chat with; empty until the model is there."""
        self.moving = False
        self.name = ElidedLabel(suggestion.name, 14, 600)
        self.badge = FitBadge()
        if suggestion.fit != "cannot_tell":
            self.badge.show_verdict(suggestion.fit, short=True)
        self.reason = Label(no_word_alone(suggestion.reason), 13, 400, "text2", wrap=True)
        self.facts = Label("", 12, 400, "muted", tabular=True, wrap=True)
        self.progress = Progress(f"Download of {suggestion.name}")
        self.progress.hide()
        self.button = Button("Download")
        self.button.clicked.connect(self._pressed)
        self._lay_out()
        self.show_download(None, None)

    def _lay_out(self) -> None:
        title = QHBoxLayout()
        title.setSpacing(8)
        title.addWidget(self.name, 0)
        title.addWidget(self.badge, 0)
        title.addStretch(1)
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addLayout(title)
        words.addWidget(self.reason)
        words.addWidget(self.progress)
        words.addWidget(self.facts)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 8, 0, 8)
        row.setSpacing(16)
        row.addLayout(words, 1)
        row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignVCenter)

    def show_download(self, download: Download | None, speed: float | None) -> None:
        """``speed``: what others come at, in bytes per second; None where nothing comes."""
        item = download_item(download) if download is not None else None
        self.moving = item is not None and item.section in ("running", "waiting")
        self.progress.setVisible(item is not None and item.section != "done" and not self.model)
        if self.model:
            self._show("Chat", f"{bytes_text(self.suggestion.size_bytes)}, on this computer")
        elif item is None:
            self._show("Download", facts(self.suggestion, speed))
        elif item.section == "done":
            self._show("", "Arrived. It is being read…")
        else:
            self.progress.set_fraction(item.fraction)
            if item.error is not None and not self.moving:
                self.show_trouble(f"{item.error.message} {item.error.hint}".strip(), "Try again")
            else:
                line = " · ".join(part for part in (item.line, item.note) if part)
                self._show("Pause" if self.moving else "Resume", line)

    def show_asking(self) -> None:
        """The download was asked for, and nothing came yet."""
        self._show("Download", "Asking the hub…")
        self.button.setEnabled(False)

    def show_trouble(self, text: str, action: str = "Download") -> None:
        """Why it cannot be had now."""
        self._show(action, text, "bad")

    def _show(self, action: str, text: str, token: str = "muted") -> None:
        if self.button.text() != action:
            self.button.setText(action)
        self.button.setAccessibleName(f"{action} {self.suggestion.name}")
        self.button.setVisible(bool(action))
        self.button.setEnabled(True)
        self.facts.set_token(token)
        self.facts.setText(text)

    def _pressed(self) -> None:
        if self.model:
            self.chat_wanted.emit()
        elif self.moving:
            self.pause_wanted.emit()
        else:
            self.download_wanted.emit()
