"""What a comparison asks the host for in several steps. Closes over values only; runs on the bridge's thread."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import msgspec

from paddock.sdk.chats import MessagePatch
from paddock.sdk.compare import AskPanes
from paddock.sdk.errors import NotFound, PaddockError
from paddock.sdk.types import Chat, ChatPatch, ChatSummary, NewChat, Pane

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient


async def begin(client: AsyncClient, chat: str, panes: Sequence[Pane], new: NewChat) -> Chat:
    """Compare in ``chat``; an empty id makes one."""
    if chat:
        return await client.set_panes(chat, panes)
    made = (await client.create_chat(new)).summary.id
    try:
        return await client.set_panes(made, panes)
    except BaseException:  # also when it is left meanwhile: nobody would know of it
        await discard(client, made)
        raise


async def discard(client: AsyncClient, chat: str) -> None:
    """Remove a conversation in which nothing was ever said; nothing happens to another one, or to one in the trash."""
    try:
        found = await client.chat(chat)
        if found.messages or any(found.paths.values()) or found.summary.deleted is not None:
            return
        await client.delete_chat(chat)
        await client.purge_chat(chat)
    except NotFound:
        return


async def whole(client: AsyncClient, chat: ChatSummary, panes: Sequence[Pane]) -> tuple[Pane, ...]:
    """The panes with what their conversation sets and they do not, to be asked outside of it."""
    return tuple([_whole(chat, pane, await _foreign(client, chat, pane)) for pane in panes])


async def _foreign(client: AsyncClient, chat: ChatSummary, pane: Pane) -> set[str]:
    """The conversation's options that the engine of the pane's model does not have."""
    if not chat.sampling:
        return set()
    try:
        specs = await client.sampling_options(pane.model or chat.model)
    except PaddockError:
        return set()  # asking it says why
    return chat.sampling.keys() - {name for spec in specs for name in (spec.name, *spec.aliases)}


def _whole(chat: ChatSummary, pane: Pane, foreign: set[str]) -> Pane:
    inherited = {name: value for name, value in chat.sampling.items() if name not in foreign}
    sampling = {name: value for name, value in {**inherited, **pane.sampling}.items() if value is not None}
    return msgspec.structs.replace(
        pane,
        model=pane.model or chat.model,
        system=(chat.system or None) if pane.system is None else pane.system,
        sampling=sampling,
        stop=(chat.stop or None) if pane.stop is None else pane.stop,
        max_tokens=(chat.max_tokens if pane.max_tokens is None else pane.max_tokens) or None,
        reasoning=chat.reasoning if pane.reasoning is None else pane.reasoning,
    )


async def ask(client: AsyncClient, chat: str, request: AskPanes, panes: Sequence[Pane]) -> Chat:
    """Ask; the conversation with the answers that have begun. ``panes`` are those that may not be stored yet."""
    if panes:
        await client.set_panes(chat, panes)
    await client.ask_panes(chat, request)
    return await client.chat(chat)


async def reword(client: AsyncClient, chat: str, messages: Collection[str], text: str) -> Chat:
    """Another text for ``messages``, which say the same; the conversation after it."""
    for message in messages:
        await client.patch_message(chat, message, MessagePatch(content=text))
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
