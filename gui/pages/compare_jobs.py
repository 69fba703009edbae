"""What a comparison asks the host for in several steps. Closes over values only; runs on the bridge's thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from paddock.sdk.compare import AskPanes
from paddock.sdk.errors import NotFound
from paddock.sdk.types import Chat, ChatPatch, NewChat, Pane

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient


async def begin(client: AsyncClient, chat: str, panes: Sequence[Pane], new: NewChat) -> Chat:
    """Compare in ``chat``; an empty id makes one."""
    name = chat or (await client.create_chat(new)).summary.id
    return await client.set_panes(name, panes)


async def ask(client: AsyncClient, chat: str, request: AskPanes) -> Chat:
    """Ask; the conversation with the answers that have begun."""
    await client.ask_panes(chat, request)
    return await client.chat(chat)


async def put(client: AsyncClient, chat: str, panes: Sequence[Pane], stopped: Sequence[str]) -> Chat:
    """Other panes; the generations ``stopped`` are ended before."""
    for generation in stopped:
        try:
            await client.cancel(generation)
            async for _ in client.attach(generation):
                pass  # its end is stored when the stream ends
        except NotFound:
            continue  # it has just ended by itself
    return await client.set_panes(chat, panes)


async def end(client: AsyncClient, chat: str, panes: Sequence[Pane], stopped: Sequence[str]) -> Chat:
    """No panes any more: the conversation goes on as the first of ``panes`` has it."""
    await put(client, chat, panes, stopped)
    return await client.set_panes(chat, ())


async def part(client: AsyncClient, chat: str, leaves: dict[str, str]) -> Chat:
    """Every pane goes on from its own message; the conversation after it."""
    for pane, leaf in leaves.items():
        await client.patch_chat(chat, ChatPatch(leaf=leaf, pane=pane))
    return await client.chat(chat)
