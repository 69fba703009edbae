"""The window: rail, pages, messages, shortcuts, and what happens when it is closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

import msgspec
from PySide6.QtCore import QEvent, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QGuiApplication, QMoveEvent, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QWidget

from paddock.gui.actions import Actions
from paddock.gui.finder import Finder, finder_actions
from paddock.gui.host_state import HostState
from paddock.gui.message_bar import MessageBar
from paddock.gui.messages import Messages
from paddock.gui.models.memory import gauges
from paddock.gui.opener import Opener
from paddock.gui.page_builder import PageParts, build_page
from paddock.gui.pages.chat import ChatPage
from paddock.gui.pages.chat_actions import chat_actions
from paddock.gui.pages.compare_actions import compare_actions
from paddock.gui.pages.downloads_actions import DownloadActions
from paddock.gui.pages.first_run_entry import Welcome
from paddock.gui.quit_question import QuitQuestion
from paddock.gui.rail import Rail
from paddock.gui.state_saver import StateSaver
from paddock.gui.theme import ThemeSource, current, new_measures
from paddock.gui.widgets.tab_order import InOrder
from paddock.gui.window_actions import window_actions
from paddock.gui.window_state import SMALLEST, Page, Rect, WindowState, place
from paddock.sdk.host import SettingsPatch
from paddock.sdk.paths import Home

if TYPE_CHECKING:
    from paddock.gui.pages.batch_dialog import BatchDialog
    from paddock.gui.pages.download_popover import DownloadPopover
    from paddock.gui.pages.memory_popover import MemoryPopover
    from paddock.gui.pages.settings_sections import SettingsSection
    from paddock.sdk.compare import Batch

LABELS_BELOW = 760
ZOOM_STEPS = (0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0)


@runtime_checkable
class HasRegions(Protocol):
    """A page that says where F6 goes."""

    def regions(self) -> list[QWidget]: ...


class Window(InOrder):
    """Shows before the host answers. ``save`` stores a :class:`WindowState` on another thread."""

    first_painted = Signal()
    closed = Signal()

    def __init__(
        self,
        host: HostState,
        messages: Messages,
        themes: ThemeSource,
        state: WindowState,
        home: Home,
        save: Callable[[WindowState], None],
    ) -> None:
        super().__init__()
        self._host, self._messages, self._themes, self._home, self._save = host, messages, themes, home, save
        self._state = state
        self._painted = False
        self._quitting = False
        self._memory: MemoryPopover | None = None
        self._downloads: DownloadPopover | None = None
        self._zoom_wanted = state.zoom
        self.setWindowTitle("Paddock")
        self.setProperty("role", "window")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumSize(*SMALLEST)
        self.rail = Rail()
        self.chat = ChatPage(host, messages, state, home.drafts)
        self.downloads = DownloadActions(host, messages, self)
        self.quit_question = QuitQuestion(host, self.downloads, self.chat.dialogue, self)
        self._pages: dict[Page, QWidget] = {"chat": self.chat}
        self.stack = QStackedWidget()
        self.stack.addWidget(self.chat)
        self.bar = MessageBar(messages, self.stack, self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.rail)
        row.addLayout(self.bar.room_and_pages(), 1)
        self.welcome = Welcome(host, self)
        self.opener = Opener(host, messages, self)
        self._saving = StateSaver(self._store, self)
        self._connect()
        self.commands = Actions(self)
        self.finder = Finder(host, self)
        self.commands.add([*window_actions(self), *finder_actions(self.finder)])
        self.commands.add(chat_actions(self))
        self.commands.add(compare_actions(self))
        self._restore()

    def _connect(self) -> None:
        self.rail.chosen.connect(self.show_page)
        self.rail.memory_wanted.connect(self.show_memory)
        self.rail.downloads_wanted.connect(self.show_downloads)
        self.downloads.changed.connect(lambda: self.rail.show_downloads(self.downloads.summary()))
        self.downloads.load_wanted.connect(self.load_with_settings)
        self.downloads.chat_wanted.connect(self.chat_with)
        self.downloads.account_wanted.connect(lambda: self.show_settings("account"))
        self.opener.chat_wanted.connect(self.chat_with)
        self.opener.hub_wanted.connect(self.show_repo)
        self.opener.model_wanted.connect(self.show_model)
        self.first_painted.connect(self.opener.drops.listen)
        self.chat.state_changed.connect(self._saving.changed)
        self.chat.asked.connect(self._store)
        self._host.settings_changed.connect(self._settings_changed)
        self._host.connection_changed.connect(self._connection_changed)
        self._host.raise_requested.connect(self.come_forward)
        for signal in (self._host.memory_changed, self._host.models_changed):
            signal.connect(self._show_gauges)
        self._host.store_repaired.connect(lambda repair: self._messages.warn(repair.text, key="store"))
        self._host.memory_pressure.connect(lambda text: self._messages.warn(text, key="memory"))

    def _parts(self) -> PageParts:
        return PageParts(
            window=self,
            host=self._host,
            messages=self._messages,
            state=self._state,
            home=self._home,
            changed=self._saving.changed,
        )

    def _restore(self) -> None:
        screens = [screen.availableGeometry() for screen in QGuiApplication.screens()]
        x, y, width, height = place(self._state.geometry, [_rect(area) for area in screens])
        self.setGeometry(x, y, width, height)
        if self._state.maximized:
            self.setWindowState(Qt.WindowState.WindowMaximized)
        self.show_page(self._state.page)
        self.chat.composer.field.setFocus(Qt.FocusReason.OtherFocusReason)

    # ---------------------------------------------------------------- pages

    def show_page(self, page: str) -> None:
        """Go to a page; it is built when it is first shown."""
        wanted = cast(Page, page)
        if wanted not in self._pages:
            self._pages[wanted] = build_page(wanted, self._parts())
            self.stack.addWidget(self._pages[wanted])
        self.stack.setCurrentWidget(self._pages[wanted])
        self.rail.show_page(wanted)
        self._saving.changed()

    def page(self) -> Page:
        """The page that is shown; the first screen stands for the Chat page, which it leads to."""
        shown = self.stack.currentWidget()
        return next((page for page, widget in self._pages.items() if widget is shown), "chat")

    def leave(self) -> None:
        """Close the window, after its questions."""
        self.close()

    def new_chat(self, *, private: bool = False) -> None:
        """An empty conversation on the Chat page."""
        self.show_page("chat")
        self.chat.new_chat(private=private)

    def chat_with(self, model: str) -> None:
        """A new conversation with ``model``, which is loaded for it."""
        self.new_chat()
        self.chat.choose_model(model)

    def open_chat(self, chat: str) -> None:
        """A stored conversation on the Chat page."""
        self.show_page("chat")
        self.chat.open(chat)

    def load_with_settings(self, model: str) -> None:
        """The load dialog for ``model``; nothing for one that cannot be used."""
        self.chat.open_load_dialog(model)

    def to_composer(self) -> None:
        """The composer of the Chat page, ready to be written in."""
        self.show_page("chat")
        self.chat.focus_composer()

    def toggle_inspector(self) -> None:
        """Show or hide the inspector of the Chat page."""
        self.show_page("chat")
        self.chat.columns.toggle_inspector()

    def show_memory(self) -> None:
        """What lies behind the memory meter."""
        if not self.rail.meter.isVisible():
            return
        if self._memory is None:
            from paddock.gui.pages.memory_popover import MemoryPopover

            self._memory = MemoryPopover(self._host, self)
            self._memory.settings_wanted.connect(lambda: self.show_settings("memory"))
        self._memory.open_beside(self.rail.meter)

    def show_downloads(self) -> None:
        """What lies behind the rail's download button."""
        if self._downloads is None:
            from paddock.gui.pages.download_popover import DownloadPopover

            self._downloads = DownloadPopover(self.downloads, self)
            self._downloads.page_wanted.connect(lambda: self.show_page("downloads"))
        self._downloads.open_beside(self.rail.downloads)

    def show_settings(self, section: SettingsSection) -> None:
        """The Settings page at a section."""
        from paddock.gui.pages.settings import SettingsPage

        self.show_page("settings")
        cast(SettingsPage, self._pages["settings"]).show_section(section)

    def show_repo(self, repo: str) -> None:
        """OWNER/REPO, or OWNER/REPO:QUANT, on the Discover page."""
        from paddock.gui.pages.discover import DiscoverPage

        self.show_page("discover")
        cast(DiscoverPage, self._pages["discover"]).show_repo(repo)

    def show_model(self, model: str) -> None:
        """A model on disk, on the Models page."""
        from paddock.gui.pages.models import ModelsPage

        self.show_page("models")
        cast(ModelsPage, self._pages["models"]).show_model(model)

    def show_prompt_list(self) -> None:
        """Prompts asked in several panes, and what came of it."""
        from paddock.gui.pages.batch_dialog import BatchDialog

        BatchDialog(self._host, self._messages, (), self).open()

    def show_batch(self, batch: Batch) -> None:
        """A list of prompts that runs or has run."""
        if not self._prompt_lists():
            self.show_prompt_list()
        for dialog in self._prompt_lists():
            dialog.show_batch(batch)
            dialog.raise_()

    def shows_batch(self, batch: str) -> bool:
        """Whether its dialog is open."""
        return any(dialog.shows(batch) for dialog in self._prompt_lists())

    def _prompt_lists(self) -> list[BatchDialog]:
        from paddock.gui.pages.batch_dialog import BatchDialog

        return [dialog for dialog in self.findChildren(BatchDialog) if dialog.isVisible()]

    def load_settings(self) -> None:
        """The load dialog for the open conversation's model."""
        self.show_page("chat")
        self.chat.open_load_dialog()

    def next_region(self, step: int) -> None:
        """Put the focus into the next part of the window, or with -1 the one before."""
        page = self.stack.currentWidget()
        regions: list[QWidget] = [self.rail.button(self.page())]
        if isinstance(page, HasRegions):
            regions += page.regions()
        elif page is not None:
            first = next((w for w in page.findChildren(QWidget) if w.focusPolicy() & Qt.FocusPolicy.TabFocus), None)
            regions += [first] if first is not None else []
        regions += self.bar.regions()
        focus = self.focusWidget()
        here = next((n for n, region in enumerate(regions) if focus is not None and _within(focus, region)), -1)
        regions[(here + step) % len(regions)].setFocus(Qt.FocusReason.ShortcutFocusReason)

    # ---------------------------------------------------------------- what the host says

    def _settings_changed(self) -> None:
        settings = self._host.settings
        self._zoom_wanted = settings.text_zoom
        self._themes.set(
            choice=settings.theme,
            zoom=settings.text_zoom,
            system_font=settings.system_font,
            compact=settings.density == "compact",
        )
        self._saving.changed()

    def _show_gauges(self) -> None:
        host = self._host
        self.rail.meter.show_gauges(gauges(host.memory, lambda model: (host.model_name(model), host.silk(model))))

    def _connection_changed(self) -> None:
        if self._host.connection == "connected":
            self._messages.withdraw("host")
            return
        if (lost := self._host.lost) is None:
            return
        if lost.slow:
            self._messages.warn("Paddock is still starting. It takes long: “paddock doctor” may tell why.", key="host")
        elif lost.error is not None:
            self._messages.error(lost.error, key="host")
        else:
            self._messages.warn("The host stopped. Reconnecting…", key="host")

    def come_forward(self, token: str = "") -> None:
        """Another start asked for this window. ``token``: XDG activation token."""
        if token:
            import os

            os.environ["XDG_ACTIVATION_TOKEN"] = token  # where Qt's Wayland plug-in looks for it
        if self.isMinimized():
            self.showNormal()
        self.show()
        self.raise_()
        self.activateWindow()

    def zoom(self, step: int) -> None:
        """Larger text, or smaller with -1; 0: the normal size."""
        if step == 0:
            zoom = 1.0
        else:
            near = min(range(len(ZOOM_STEPS)), key=lambda n: abs(ZOOM_STEPS[n] - self._zoom_wanted))
            zoom = ZOOM_STEPS[min(len(ZOOM_STEPS) - 1, max(0, near + step))]
        self._zoom_wanted = zoom
        self._themes.set(zoom=zoom)
        self._saving.changed()
        self._host.change_settings(SettingsPatch(text_zoom=zoom))

    # ---------------------------------------------------------------- the window itself

    def state(self) -> WindowState:
        """How the window stands now."""
        settings = self._host.settings
        known = self._host.connection != "connecting"
        geometry = self._state.geometry if self.isMaximized() else _rect(self.geometry())
        kept = self.chat.remember(self._state)
        if "models" in self._pages:
            kept = self._pages["models"].remember(kept)  # type: ignore[attr-defined]  # a ModelsPage, imported when shown
        self._state = msgspec.structs.replace(
            kept,
            geometry=geometry,
            maximized=self.isMaximized(),
            page=self.page(),
            zoom=self._zoom_wanted,
            theme=settings.theme if known else self._state.theme,
            system_font=settings.system_font if known else self._state.system_font,
            density=settings.density if known else self._state.density,
        )
        return self._state

    def _store(self) -> None:
        self._save(self.state())

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._painted:
            self._painted = True
            QTimer.singleShot(0, self.first_painted.emit)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if new_measures(event):
            self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._fit()
        super().resizeEvent(event)
        self._saving.changed()

    def moveEvent(self, event: QMoveEvent) -> None:
        super().moveEvent(event)
        self._saving.changed()

    def _fit(self) -> None:
        self.rail.show_labels(self.width() / current().zoom >= LABELS_BELOW)

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self._quitting and not self.quit_question.may_quit():
            event.ignore()
            return
        self._quitting = True
        self.chat.close_page()
        self.bar.settle()
        self._saving.stop()
        self._store()
        event.accept()
        self.closed.emit()


def _rect(area: QRect) -> Rect:
    return area.x(), area.y(), area.width(), area.height()


def _within(widget: QWidget, region: QWidget) -> bool:
    return widget is region or region.isAncestorOf(widget)
