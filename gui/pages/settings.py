"""The Settings page. Each control shows what the host has stored, and asks the host to change it."""

from __future__ import annotations

from typing import Literal, cast

from PySide6.QtCore import QEvent, Qt, QTimer, Signal, qVersion
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.kept_places import Restore
from paddock.gui.messages import Messages
from paddock.gui.models.library import also_text
from paddock.gui.pages.account_settings import AccountCard
from paddock.gui.pages.data_settings import DataCard
from paddock.gui.pages.download_settings import DownloadsCard
from paddock.gui.pages.folder_settings import FoldersCard
from paddock.gui.pages.form import COLUMN, Card, CopyLine, FormPage, Row, Stack, silently
from paddock.gui.pages.machine_settings import MachinesCard
from paddock.gui.pages.memory_settings import MemoryCard
from paddock.gui.pages.prompt_cache import PromptCacheCard
from paddock.gui.pages.settings_sections import TITLES, WIDTH, SectionList, SettingsSection
from paddock.gui.theme import current, new_measures
from paddock.gui.widgets import Button, Label, NumberBox, Select, Switch
from paddock.sdk.host import SettingsPatch
from paddock.sdk.paths import Home
from paddock.sdk.version import VERSION

THEMES = {"system": "As the system", "light": "Light", "dark": "Dark"}
DENSITIES = {"comfortable": "Comfortable", "compact": "Compact"}
ZOOMS = (0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0)


SECTIONS_FROM = 880
"""Where the page is wider, the list of its sections stands at the left, in logical pixels."""
GAP = 24


class _Form(FormPage):
    """Centred, or beside the list. ``heads`` are the titles of its sections, from above."""

    beside = False

    def __init__(self, sections: SectionList) -> None:
        super().__init__("Settings")
        self._list = sections
        self.heads: dict[SettingsSection, Label] = {}

    def reached(self, value: int) -> SettingsSection:
        """The section that is in sight where the page stands at ``value`` pixels."""
        above = [section for section in self.heads if self._from(section) <= value]
        return above[-1] if above else "appearance"

    def hold_place(self) -> Restore:
        """Keep the top, the end, or the share of the section that is past: at another text size too."""
        bar, marked = self.verticalScrollBar(), self._list.marked()
        value, at_end = bar.value(), bar.value() == bar.maximum()
        section = self.reached(value)
        past = (value - self._from(section)) / self._high(section)

        def restore() -> None:
            place = round(self._from(section) + past * self._high(section))
            bar.setValue(0 if value == 0 else bar.maximum() if at_end else place)
            self._list.mark(marked)

        return restore

    def _from(self, section: SettingsSection) -> int:
        """The place of the page from which on ``section`` is the one in sight, in pixels."""
        return self.heads[section].y() - 24

    def _high(self, section: SettingsSection) -> int:
        """From its title to the next one's, in pixels."""
        heads = list(self.heads.values())
        own = heads.index(self.heads[section])
        end = heads[own + 1].y() if own + 1 < len(heads) else self.column.geometry().height()
        return max(1, end - heads[own].y())

    def fit(self, *, beside: bool) -> None:
        self.beside = beside
        self._fit()

    def _fit(self) -> None:
        super()._fit()
        if self.beside:
            right = self.viewport().width() - current().px(COLUMN) - GAP
            self.column.setContentsMargins(GAP, 28, max(GAP, right), 28)


class SettingsPage(QWidget):
    """Only settings that do something. :meth:`show_section` goes to a section; ``welcome_wanted``: the first screen;
    ``shortcuts_wanted``: the list of them."""

    welcome_wanted = Signal()
    shortcuts_wanted = Signal()

    def __init__(self, host: HostState, home: Home, messages: Messages, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "surface")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._host = host
        self.list = SectionList()
        self.form = _Form(self.list)
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
        self.folders = FoldersCard(host)
        self.account = AccountCard(host)
        self.data = DataCard(host, messages)
        self.downloads = DownloadsCard(host)
        self.machines = MachinesCard(host)
        self._lay_out()
        self.list.chosen.connect(self.show_section)
        self.form.verticalScrollBar().valueChanged.connect(self._mark)
        self.list.mark("appearance")
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
        keys = Button("Show")
        keys.setAccessibleName("Show the keyboard shortcuts")
        keys.clicked.connect(self.shortcuts_wanted)
        look.add(
            Row("Keyboard shortcuts", "Ctrl+/ shows them anywhere, and Ctrl+K finds everything by its name.", keys)
        )
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
        welcome = Button("Show the first screen")
        welcome.clicked.connect(self.welcome_wanted)
        work.add(Row("First screen", "What this computer can do, and good first models.", welcome))
        info = Card()
        version = Label(VERSION, 13, 500, tabular=True)
        info.add(Row("Paddock", f"MIT licence. Qt {qVersion()}. Fonts Inter and JetBrains Mono (OFL).", version))
        cards: dict[SettingsSection, Card] = {
            "appearance": look,
            "models": work,
            "data": self.data,
            "folders": self.folders,
            "account": self.account,
            "downloads": self.downloads,
            "memory": self.memory,
            "machines": self.machines,
            "prompt_cache": self.prompt_cache,
            "about": info,
        }
        column = self.form.column
        for section, title in TITLES.items():
            self.form.heads[section] = Label(title, 15, 600)
            column.addWidget(self.form.heads[section])
            column.addWidget(cards[section])
            if section != "about":
                column.addSpacing(8)
        column.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.list)
        row.addWidget(self.form, 1)

    # ---------------------------------------------------------------- sections

    def show_section(self, section: SettingsSection) -> None:
        """Scroll to a section, as soon as the page has its size."""
        QTimer.singleShot(0, self, lambda: self._scroll_to(section))

    def _scroll_to(self, section: SettingsSection) -> None:
        bar = self.form.verticalScrollBar()
        first = section == next(iter(self.form.heads))
        bar.setValue(0 if first else self.form.heads[section].y() - 16)  # the page's title stands above the first
        self.list.mark(section)  # also for one that is too far down to come to the top

    def _mark(self, value: int) -> None:
        self.list.mark(self.form.reached(value))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if new_measures(event):
            self._place()

    def _place(self) -> None:
        """The list beside the form where there is room."""
        look = current()
        wide = self.width() >= look.px(SECTIONS_FROM)
        self.list.setVisible(wide)
        self.list.place((self.width() - look.px(WIDTH) - look.px(COLUMN) - 2 * GAP) // 2)
        self.form.fit(beside=wide)

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
                info = self._host.models.get(model)
                also = also_text(info) if info is not None else ""
                self.model.setItemData(place, f"{model}\n{also}".rstrip(), Qt.ItemDataRole.ToolTipRole)
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
