"""The services about conversations, built and opened together over one store."""

from __future__ import annotations

from collections.abc import Callable

from paddock.sdk.host import Settings
from paddock.sdk.paths import Home
from paddock.server.bus import Bus
from paddock.server.chat_editing import ChatEditing
from paddock.server.chats import ChatStore
from paddock.server.comparing import Comparing
from paddock.server.conversations import Conversations
from paddock.server.generations import Generations
from paddock.server.memory import Memory
from paddock.server.models import Models


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
    ) -> None:
        store = ChatStore(home.chats_file)
        self.conversations = Conversations(store, generations, models, bus, settings=settings, clock=clock)
        self.editing = ChatEditing(store, self.conversations, generations, bus, clock=clock)
        self.comparing = Comparing(
            store, self.conversations, generations, models, memory, settings=settings, clock=clock
        )

    async def open(self) -> None:
        """Raises StorageFailed."""
        await self.conversations.open()

    async def close(self) -> None:
        await self.conversations.close()
