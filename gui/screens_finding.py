"""Pictures of the command palette and of the list of shortcuts."""

from __future__ import annotations

from paddock.gui.pages.palette import Palette
from paddock.gui.pages.shortcuts import ShortcutsDialog
from paddock.gui.screens_studio import Studio


class FindingPictures:
    """Of whatever the window has."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def palette(self, name: str) -> None:
        """Empty, with words, and with words that nothing fits."""
        studio = self._studio
        studio.window.show_page("chat")
        studio.window.finder.show_palette()
        palette = studio.part(Palette)
        for words, what in (("", "palette"), ("mo", "palette-words"), ("zzqq", "palette-nothing")):
            palette.field.setText(words)
            studio.save(f"{what}-{name}", palette)
        palette.hide()

    def shortcuts(self, name: str) -> None:
        """All of them."""
        studio = self._studio
        studio.window.finder.show_shortcuts()
        dialog = studio.part(ShortcutsDialog)
        studio.save(f"shortcuts-{name}", dialog)
        dialog.reject()
