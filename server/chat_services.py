"""The services about conversations, built and opened together over one store."""

from __future__ import annotations

import time
from collections.abc import Callable

from paddock.sdk.chats import Backup
from paddock.sdk.host import Settings
from paddock.sdk.paths import Home
from paddock.server.batches import Batches
from paddock.server.bus import Bus
from paddock.server.chat_editing import ChatEditing
from paddock.server.chat_export import ChatExport
from paddock.server.chat_import import ChatImporting
from paddock.server.chat_safety import ChatSafety
from paddock.server.chats import ChatStore
from paddock.server.comparing import Comparing
from paddock.server.conversations import Conversations
from paddock.server.generations import Generations
from paddock.server.memory import Memory
from paddock.server.models import Models
from paddock.server.presets import Presets
from paddock.server.titles import Titles


class ChatServices:
    """Lives on the host's loop. ``clock`` gives Unix seconds."""

    def __init__(
        self,
        home: Home,
        generations: Generations,
        models: Models,
        memory: Memory,
        bus: Bus,
        *,
        settings: Callable[[], Settings],
        clock: Callable[[], float],
        models_free: Callable[[], None],
    ) -> None:
        self._generations = generations
        self.safety = ChatSafety(home, bus, answering=self._answering, clock=clock)
        store = self._store = ChatStore(home.chats_file, self.safety.connect)
        self.presets = Presets(home.presets, bus, clock=clock)
        self.conversations = Conversations(store, generations, models, bus, settings=settings, clock=clock)
        self.editing = ChatEditing(store, self.conversations, generations, bus, clock=clock)
        self.export = ChatExport(store)
        self.importing = ChatImporting(store, bus)
        self.comparing = Comparing(
            store, self.conversations, generations, models, memory, settings=settings, clock=clock
        )
        self.batches = Batches(
            store,
            generations,
            models,
            self.comparing,
            bus,
            settings=settings,
            clock=time.monotonic,
            now=clock,
        )

        self.titles = Titles(
            store,
            self.conversations,
            generations,
            models,
            wanted=lambda: settings().model_titles,
            done=models_free,
        )
        generations.on_started(self.titles.started)

    def _answering(self) -> bool:
        """Also between two answers of a batch."""
        return bool(self._generations.running() or self.batches.busy())

    async def open(self) -> None:
        """Raises StorageFailed."""
        await self.conversations.open()
        await self.batches.open()
        self.safety.start(self._store)

    async def close(self) -> None:
        await self.titles.close()
        await self.safety.close()
        await self.conversations.close()

    async def restore_backup(self, name: str) -> Backup:
        """As :meth:`ChatSafety.restore`."""
        return await self.safety.restore(self._store, name)
