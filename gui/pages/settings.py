"""The Settings page. Each control shows what the host has stored, and asks the host to change it."""

from __future__ import annotations

from typing import Literal, cast

from PySide6.QtCore import Qt, qVersion
from PySide6.QtWidgets import QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import Messages
from paddock.gui.pages.form import Card, CopyLine, FormPage, Row, Stack, silently
from paddock.gui.pages.memory_settings import MemoryCard
from paddock.gui.pages.prompt_cache import PromptCacheCard
from paddock.gui.widgets import Label, NumberBox, Select, Switch
from paddock.sdk.host import SettingsPatch
from paddock.sdk.paths import Home
from paddock.sdk.version import VERSION

THEMES = {"system": "As the system", "light": "Light", "dark": "Dark"}
DENSITIES = {"comfortable": "Comfortable", "compact": "Compact"}
ZOOMS = (0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0)


class SettingsPage(FormPage):
    """Only settings that do something."""

    def __init__(self, host: HostState, home: Home, messages: Messages, parent: QWidget | None = None) -> None:
        super().__init__("Settings", parent)
        self._host = host
        self._models: list[str] = []
        self.theme = Select("Theme", THEMES.values())
        self.zoom = Select("Text size", [f"{zoom * 100:.0f} %" for zoom in ZOOMS])
        self.system_font = Switch("System font")
        self.density = Select("Density", DENSITIES.values())
        self.model = Select("Default model")
        self.keep = NumberBox("Minutes", 0, 1440, decimals=0, step=1)
        self.folder = CopyLine("Data folder")
        self.folder.set_text(str(home.root))
        self.memory = MemoryCard(host)
        self.prompt_cache = PromptCacheCard(host, messages)
        self._lay_out()
        self.theme.activated.connect(self._theme_chosen)
        self.zoom.activated.connect(lambda place: self._patch(SettingsPatch(text_zoom=ZOOMS[place])))
        self.system_font.clicked.connect(lambda on: self._patch(SettingsPatch(system_font=on)))
        self.density.activated.connect(self._density_chosen)
        self.model.activated.connect(lambda place: self._patch(SettingsPatch(default_model=self._models[place])))
        self.keep.editingFinished.connect(self._keep_edited)
        host.settings_changed.connect(self.refresh)
        host.models_changed.connect(self.refresh)
        host.connection_changed.connect(self.refresh)
        self.refresh()

    def _lay_out(self) -> None:
        look = Card()
        look.add(Row("Theme", "", self.theme))
        look.add(Row("Text size", "Ctrl with + and - changes it anywhere, Ctrl+0 sets it back.", self.zoom))
        look.add(Row("System font", "Use the desktop’s font instead of Inter.", self.system_font))
        look.add(Row("Density", "How far apart the rows of lists are.", self.density))
        work = Card()
        work.add(Row("Default model", "Answers in new chats.", self.model))
        work.add(
            Row(
                "Keep models for",
                "Minutes a model stays in memory after its last use when no window needs it.",
                self.keep,
            )
        )
        about = "Chats, settings, models and logs. Set PADDOCK_HOME before the start to use another."
        work.add(Stack("Data folder", Label(about, 12, 400, "text2", wrap=True), self.folder))
        info = Card()
        version = Label(VERSION, 13, 500, tabular=True)
        info.add(Row("Paddock", f"MIT licence. Qt {qVersion()}. Fonts Inter and JetBrains Mono (OFL).", version))
        for title, card in (
            ("Appearance", look),
            ("Models and data", work),
            ("Memory", self.memory),
            ("Prompt cache on disk", self.prompt_cache),
            ("About", info),
        ):
            self.column.addWidget(Label(title, 15, 600))
            self.column.addWidget(card)
        self.column.addStretch(1)

    def refresh(self) -> None:
        """Show what is stored."""
        settings = self._host.settings
        connected = self._host.connection == "connected"
        for control in (self.theme, self.zoom, self.system_font, self.density, self.model, self.keep):
            control.setEnabled(connected)
        silently(self.theme, lambda: self.theme.setCurrentIndex(list(THEMES).index(settings.theme)))
        nearest = min(range(len(ZOOMS)), key=lambda place: abs(ZOOMS[place] - settings.text_zoom))
        silently(self.zoom, lambda: self.zoom.setCurrentIndex(nearest))
        silently(self.system_font, lambda: self.system_font.setChecked(settings.system_font))
        silently(self.density, lambda: self.density.setCurrentIndex(list(DENSITIES).index(settings.density)))
        if not self.keep.hasFocus():
            silently(self.keep, lambda: self.keep.setValue(settings.keep_models_minutes))
        self._fill_models(settings.default_model)

    def _fill_models(self, chosen: str) -> None:
        usable = sorted(info.id for info in self._host.models.values() if info.error is None)
        models = usable if chosen in usable else [chosen, *usable]
        if models != self._models:
            self._models = models
            self.model.clear()
            self.model.addItems([self._host.model_name(model) for model in models])
            for place, model in enumerate(models):
                self.model.setItemData(place, model, Qt.ItemDataRole.ToolTipRole)
        silently(self.model, lambda: self.model.setCurrentIndex(models.index(chosen)))
        self.model.updateGeometry()

    def _patch(self, patch: SettingsPatch) -> None:
        self._host.change_settings(patch)

    def _theme_chosen(self, place: int) -> None:
        chosen = list(THEMES)[place]
        self._patch(SettingsPatch(theme=cast(Literal["system", "light", "dark"], chosen)))

    def _density_chosen(self, place: int) -> None:
        chosen = list(DENSITIES)[place]
        self._patch(SettingsPatch(density=cast(Literal["comfortable", "compact"], chosen)))

    def _keep_edited(self) -> None:
        minutes = int(self.keep.value())
        if minutes != self._host.settings.keep_models_minutes:
            self._patch(SettingsPatch(keep_models_minutes=minutes))
