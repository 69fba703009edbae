"""Looks for words in the texts of all conversations, after each pause in typing."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from paddock.gui.bridge import Task
from paddock.gui.host_state import HostState
from paddock.sdk.chats import ChatHit, ChatSearch

PAUSE_MS = 160
MOST = 80


class TextSearch(QObject):
    """``changed``: hits came, or those there are no longer answer the words. GUI thread only."""

    changed = Signal()

    def __init__(self, host: HostState, parent: QObject) -> None:
        super().__init__(parent)
        self._host = host
        self._wanted = ChatSearch(words="")
        self._asked: Task | None = None
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self._ask)
        self.hits: tuple[ChatHit, ...] = ()
        self.error = ""

    @property
    def busy(self) -> bool:
        return self._pause.isActive() or self._asked is not None

    def look_for(self, words: str, tag: str) -> None:
        """Search for ``words`` in the chats with ``tag``; nothing where they are empty. What was asked is taken
        back."""
        wanted = ChatSearch(words=words.strip(), tag=tag, limit=MOST)
        if wanted == self._wanted:
            return
        self._wanted = wanted
        if self._asked is not None:
            self._asked.cancel()
            self._asked = None
        self.error = ""
        if wanted.words:
            self._pause.start()
            return
        self._pause.stop()
        self.hits = ()
        self.changed.emit()

    def _ask(self) -> None:
        wanted = self._wanted
        self._asked = self._host.call(lambda client: client.search_chats(wanted), self._take, self._fail, self)

    def _take(self, hits: list[ChatHit]) -> None:
        self._asked, self.hits = None, tuple(hits)
        self.changed.emit()

    def _fail(self, error: BaseException) -> None:
        self._asked, self.hits, self.error = None, (), str(error)
        self.changed.emit()
