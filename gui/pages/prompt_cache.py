"""The prompt cache on disk among the settings: whether prompts are kept, how much room they get, and away with them."""

from __future__ import annotations

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import Action, Messages
from paddock.gui.pages.form import Card, Row, silently
from paddock.gui.widgets import Button, NumberBox, Switch
from paddock.sdk.host import CachedPrompts, SettingsPatch
from paddock.sdk.units import bytes_text

MOST_GIB = 16_384
_KEY = "prompt-cache"


class PromptCacheCard(Card):
    """Shows what the host has stored; what is kept is asked for whenever the card comes into sight."""

    def __init__(self, host: HostState, messages: Messages, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host = host
        self._messages = messages
        self._kept: list[CachedPrompts] = []
        self.keep = Switch("Keep prompts on disk")
        self.room = NumberBox("Room", 0, MOST_GIB, decimals=1, step=1)
        self.clear = Button("Clear")
        self.clear.setAccessibleName("Clear the prompt cache")
        self.used = Row("Used now", "Nothing.", self.clear)
        about = "What a model has read once is not read again after a restart. Holds for models loaded from now on."
        self.add(Row("Keep prompts on disk", about, self.keep))
        about = "GiB for the prompts of all models. Those used longest ago make way for new ones."
        self.add(Row("Room", about, self.room))
        self.add(self.used)
        self.keep.clicked.connect(lambda on: host.change_settings(SettingsPatch(kv_store=on)))
        self.room.editingFinished.connect(self._room_edited)
        self.clear.clicked.connect(self._confirm)
        for signal in (host.settings_changed, host.connection_changed):
            signal.connect(self.refresh)
        host.snapshot.connect(self.look)
        self.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.look()

    def refresh(self) -> None:
        """Show what is stored."""
        settings = self._host.settings
        connected = self._host.connection == "connected"
        self.keep.setEnabled(connected)
        self.room.setEnabled(connected and settings.kv_store)
        self.clear.setEnabled(connected and bool(self._kept))
        self.used.about.setText(words(self._kept) or "Nothing.")
        silently(self.keep, lambda: self.keep.setChecked(settings.kv_store))
        if not self.room.hasFocus():
            silently(self.room, lambda: self.room.setValue(_gib(settings.kv_store_mib)))

    def look(self) -> None:
        """Ask the host what is kept."""
        if self.isVisible():
            self._host.call(lambda client: client.prompt_cache(), self._learn, owner=self)

    def _learn(self, kept: list[CachedPrompts]) -> None:
        self._kept = kept
        self.refresh()

    def _room_edited(self) -> None:
        gib = self.room.value()
        if gib != _gib(self._host.settings.kv_store_mib):
            self._host.change_settings(SettingsPatch(kv_store_mib=round(gib * 1024)))

    def _confirm(self) -> None:
        text = (
            f"Clear the prompt cache ({words(self._kept)})? Models read these prompts again when they next need them."
        )
        self._messages.warn(text, Action("Clear", self._clear), key=_KEY)

    def _clear(self) -> None:
        self._host.call(lambda client: client.clear_prompt_cache(), lambda _: self.look(), owner=self)


def words(kept: list[CachedPrompts]) -> str:
    """“3 prompts of 2 models, 70.6 MB”; empty when nothing is kept."""
    prompts = sum(each.prompts for each in kept)
    if not prompts:
        return ""
    of = "1 model" if len(kept) == 1 else f"{len(kept)} models"
    size = bytes_text(sum(each.size_bytes for each in kept))
    return f"{prompts:,} prompt{'' if prompts == 1 else 's'} of {of}, {size}"


def _gib(mib: int) -> float:
    return round(mib / 1024, 1)
