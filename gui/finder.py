"""The ways to everything in the window by its name: the command palette and the list of shortcuts. Both are imported
when they are first wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt

from paddock.gui.actions import Action

if TYPE_CHECKING:
    from paddock.gui.host_state import HostState
    from paddock.gui.pages.palette import Palette
    from paddock.gui.window import Window
    from paddock.sdk.presets import Preset


class Finder:
    """Of one window. GUI thread only."""

    def __init__(self, host: HostState, window: Window) -> None:
        self._host = host
        self._window = window
        self._palette: Palette | None = None

    def show_palette(self) -> None:
        """Everything that can be done, opened or chosen, by its name."""
        if self._palette is None:
            from paddock.gui.pages.palette import Palette
            from paddock.gui.palette_entries import entries

            self._palette = Palette(lambda: entries(self._window, self._host, self), self._window)
        self._palette.open_over(self._window)

    def show_shortcuts(self) -> None:
        """The keys of the window in a list."""
        from paddock.gui.pages.shortcuts import ShortcutsDialog

        dialog = ShortcutsDialog(self._window.commands.all(), self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def open_chat(self, chat: str) -> None:
        """A stored conversation on the Chat page."""
        self._window.show_page("chat")
        self._window.chat.open(chat)

    def apply_preset(self, preset: Preset) -> None:
        """Sampling and the rest of ``preset`` for the open conversation."""
        self._window.show_page("chat")
        self._window.chat.inspector.apply_preset(preset)

    def use_model(self, model: str) -> None:
        """Answer with ``model`` in the open conversation; it is loaded for it."""
        self._window.show_page("chat")
        self._window.chat.choose_model(model)


def finder_actions(finder: Finder) -> list[Action]:
    """Their shortcuts, and the palette's way to the list of shortcuts."""
    return [
        Action(title="Command palette", group="View", run=finder.show_palette, keys=("Ctrl+K",), listed=False),
        Action(
            title="Keyboard shortcuts", group="View", run=finder.show_shortcuts, keys=("Ctrl+/",), words="keys help"
        ),
    ]
