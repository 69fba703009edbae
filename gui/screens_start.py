"""Pictures of a window without its host, for :mod:`paddock.gui.screens`."""

from __future__ import annotations

from paddock.gui.host_link import Lost
from paddock.gui.screens_studio import Studio, Theme
from paddock.sdk.errors import HostUnavailable

REFUSED = HostUnavailable(
    "Paddock’s host started and ended at once.",
    hint="Its log is in ~/.local/share/paddock/logs; “paddock doctor” may tell more.",
)


class StartPictures:
    """Nothing is ever asked: the window's threads do not start."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        studio.window.first_painted.disconnect()
        studio.window.show()

    def dress(self, theme: Theme, size: tuple[int, int], variant: str) -> str:
        """Take a theme and size on; what the names of its pictures end in."""
        self._studio.app.themes.set(choice=theme)
        return self._studio.frame(theme, size, variant)

    def start(self, name: str) -> None:
        """At once."""
        self._studio.save(f"start-{name}")

    def without(self, name: str) -> None:
        """A question that waits while the host takes long, is gone, and refuses to start."""
        chat = self._studio.chat
        if chat.dialogue.run is None:
            chat.send("Why is the second question about the same document so much faster?")
        self._lose("start-slow", Lost(stopped=False, slow=True), name)
        self._lose("start-lost", Lost(stopped=True), name)
        self._lose("start-refused", Lost(stopped=False, error=REFUSED), name)

    def _lose(self, picture: str, lost: Lost, name: str) -> None:
        host = self._studio.host
        host.connection, host.lost = "connecting" if lost.slow else "lost", lost
        host.connection_changed.emit()
        self._studio.save(f"{picture}-{name}")
