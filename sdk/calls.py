"""All parts of the clients that only name routes, together."""

from __future__ import annotations

from paddock.sdk.chat_calls import AsyncChatsClient, ChatsClient
from paddock.sdk.compare_calls import AsyncCompareClient, CompareClient
from paddock.sdk.download_calls import AsyncDownloadClient, DownloadClient
from paddock.sdk.hub_calls import AsyncHubClient, HubClient
from paddock.sdk.library_calls import AsyncLibraryClient, LibraryClient
from paddock.sdk.memory_calls import AsyncMemoryClient, MemoryClient
from paddock.sdk.preset_calls import AsyncPresetsClient, PresetsClient
from paddock.sdk.question_calls import AsyncQuestionsClient, QuestionsClient


class Calls(
    MemoryClient,
    LibraryClient,
    DownloadClient,
    HubClient,
    ChatsClient,
    CompareClient,
    PresetsClient,
    QuestionsClient,
):
    """What :class:`~paddock.sdk.client.Client` inherits."""


class AsyncCalls(
    AsyncMemoryClient,
    AsyncLibraryClient,
    AsyncDownloadClient,
    AsyncHubClient,
    AsyncChatsClient,
    AsyncCompareClient,
    AsyncPresetsClient,
    AsyncQuestionsClient,
):
    """What :class:`~paddock.sdk.aclient.AsyncClient` inherits."""
