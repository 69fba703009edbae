"""The part of the clients that is about comparisons, votes and batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import quote

import msgspec

from paddock.sdk.chats import Exported
from paddock.sdk.compare import (
    AdoptRequest,
    AskPanes,
    Batch,
    BatchCell,
    BatchExport,
    BatchPatch,
    BatchPrompt,
    BatchRequest,
    ComparePlan,
    PromptSet,
    PromptsText,
    Standing,
    StandingsBy,
    Vote,
    VoteRequest,
)
from paddock.sdk.host import Generation
from paddock.sdk.protocol import UNHURRIED_S, Call, body_of
from paddock.sdk.types import Chat, Pane

T = TypeVar("T")

_CHATS = "/control/chats"
_VOTES = "/control/votes"
_BATCHES = "/control/batches"
_SETS = "/control/prompt-sets"
_PLAN_S = 180.0
"""Every pane's model may have to be estimated."""


def _of(path: str, name: str) -> str:
    return f"{path}/{quote(name, safe='')}"


def _set_panes(chat: str, panes: Sequence[Pane]) -> Call[Chat]:
    body = msgspec.json.encode(list(panes))
    return Call(method="POST", path=_of(_CHATS, chat) + "/panes", answer=Chat, body=body)


def _ask_panes(chat: str, request: AskPanes) -> Call[list[Generation]]:
    body = body_of(request)
    return Call(method="POST", path=_of(_CHATS, chat) + "/ask", answer=list[Generation], body=body)


def _adopt(chat: str, pane: str) -> Call[Chat]:
    return Call(method="POST", path=_of(_CHATS, chat) + "/adopt", answer=Chat, body=body_of(AdoptRequest(pane=pane)))


def _plan(chat: str) -> Call[ComparePlan]:
    return Call(method="GET", path=_of(_CHATS, chat) + "/plan", answer=ComparePlan, timeout_s=_PLAN_S)


def _vote(request: VoteRequest) -> Call[Vote]:
    return Call(method="POST", path=_VOTES, answer=Vote, body=body_of(request))


def _votes(chat: str) -> Call[list[Vote]]:
    return Call(method="GET", path=_VOTES + ("?chat=" + quote(chat, safe="") if chat else ""), answer=list[Vote])


def _delete_vote(id: str) -> Call[None]:
    return Call(method="DELETE", path=_of(_VOTES, id))


def _leaderboard(by: StandingsBy, tag: str) -> Call[list[Standing]]:
    return Call(method="GET", path=f"/control/leaderboard?by={by}&tag={quote(tag, safe='')}", answer=list[Standing])


def _batches() -> Call[list[Batch]]:
    return Call(method="GET", path=_BATCHES, answer=list[Batch])


def _start_batch(request: BatchRequest) -> Call[Batch]:
    return Call(method="POST", path=_BATCHES, answer=Batch, body=body_of(request))


def _batch(id: str) -> Call[Batch]:
    return Call(method="GET", path=_of(_BATCHES, id), answer=Batch)


def _patch_batch(id: str, patch: BatchPatch) -> Call[Batch]:
    return Call(method="PATCH", path=_of(_BATCHES, id), answer=Batch, body=body_of(patch))


def _delete_batch(id: str) -> Call[None]:
    return Call(method="DELETE", path=_of(_BATCHES, id))


def _cells(id: str, after: int, limit: int) -> Call[list[BatchCell]]:
    path = f"{_of(_BATCHES, id)}/cells?after={after}&limit={limit}"
    return Call(method="GET", path=path, answer=list[BatchCell])


def _changes(id: str, since: int, limit: int) -> Call[list[BatchCell]]:
    path = f"{_of(_BATCHES, id)}/changes?since={since}&limit={limit}"
    return Call(method="GET", path=path, answer=list[BatchCell])


def _prompts(id: str) -> Call[list[BatchPrompt]]:
    return Call(method="GET", path=_of(_BATCHES, id) + "/prompts", answer=list[BatchPrompt])


def _export(id: str, request: BatchExport) -> Call[Exported]:
    path = _of(_BATCHES, id) + "/export"
    return Call(method="POST", path=path, answer=Exported, body=body_of(request), timeout_s=UNHURRIED_S)


def _prompt_sets() -> Call[list[PromptSet]]:
    return Call(method="GET", path=_SETS, answer=list[PromptSet])


def _put_prompt_set(prompts: PromptSet) -> Call[PromptSet]:
    return Call(method="POST", path=_SETS, answer=PromptSet, body=body_of(prompts))


def _delete_prompt_set(id: str) -> Call[None]:
    return Call(method="DELETE", path=_of(_SETS, id))


def _read_prompts(text: PromptsText) -> Call[PromptSet]:
    return Call(method="POST", path=_SETS + "/read", answer=PromptSet, body=body_of(text))


class CompareClient(ABC):
    """What :class:`~paddock.sdk.client.Client` does with comparisons, votes and batches."""

    @abstractmethod
    def _ask(self, call: Call[T]) -> T: ...

    def set_panes(self, chat: str, panes: Sequence[Pane]) -> Chat:
        """Compare in a conversation: its panes from now on, two to six; none ends the comparison."""
        return self._ask(_set_panes(chat, panes))

    def ask_panes(self, chat: str, request: AskPanes) -> list[Generation]:
        """Ask several panes at once; each answer is a generation of its own, to be followed by its id."""
        return self._ask(_ask_panes(chat, request))

    def adopt_pane(self, chat: str, pane: str) -> Chat:
        """Go on from the conversation as one pane has it, in all of them."""
        return self._ask(_adopt(chat, pane))

    def compare_plan(self, chat: str) -> ComparePlan:
        """Whether the panes run side by side or one after the other, by the memory they take."""
        return self._ask(_plan(chat))

    def vote(self, request: VoteRequest) -> Vote:
        """Say which answer is better."""
        return self._ask(_vote(request))

    def votes(self, chat: str = "") -> list[Vote]:
        """The votes of a conversation, or all, the latest first."""
        return self._ask(_votes(chat))

    def delete_vote(self, id: str) -> None:
        """Take a vote back."""
        return self._ask(_delete_vote(id))

    def leaderboard(self, by: StandingsBy = "model", *, tag: str = "") -> list[Standing]:
        """The standings by all votes, or by those on conversations with ``tag``, the best first."""
        return self._ask(_leaderboard(by, tag))

    def batches(self) -> list[Batch]:
        """Batches under way and done, the latest first."""
        return self._ask(_batches())

    def start_batch(self, request: BatchRequest) -> Batch:
        """Ask many prompts in several panes; it goes on over restarts of the host."""
        return self._ask(_start_batch(request))

    def batch(self, id: str) -> Batch:
        """How far a batch is."""
        return self._ask(_batch(id))

    def patch_batch(self, id: str, patch: BatchPatch) -> Batch:
        """Pause a batch, go on with it, or run again what failed."""
        return self._ask(_patch_batch(id, patch))

    def delete_batch(self, id: str) -> None:
        """End a batch and remove it with its answers."""
        return self._ask(_delete_batch(id))

    def batch_cells(self, id: str, *, after: int = 0, limit: int = 1000) -> list[BatchCell]:
        """Answers of a batch by prompt, pane and repetition, beginning with number ``after``."""
        return self._ask(_cells(id, after, limit))

    def batch_changes(self, id: str, *, since: int = 0, limit: int = 1000) -> list[BatchCell]:
        """What has become of cells after the change number ``since``, in the order in which it did."""
        return self._ask(_changes(id, since, limit))

    def batch_prompts(self, id: str) -> list[BatchPrompt]:
        """What a batch asks."""
        return self._ask(_prompts(id))

    def export_batch(self, id: str, request: BatchExport) -> Exported:
        """Write a batch's answers to a file, or have them as text."""
        return self._ask(_export(id, request))

    def prompt_sets(self) -> list[PromptSet]:
        """Prompts kept for batches, by name."""
        return self._ask(_prompt_sets())

    def put_prompt_set(self, prompts: PromptSet) -> PromptSet:
        """Keep prompts; without an ``id`` they are a new set."""
        return self._ask(_put_prompt_set(prompts))

    def delete_prompt_set(self, id: str) -> None:
        """Remove a set of prompts."""
        return self._ask(_delete_prompt_set(id))

    def read_prompts(self, text: PromptsText) -> PromptSet:
        """The prompts of a JSONL or CSV file's text, not kept yet. Raises InvalidRequest, which names the line."""
        return self._ask(_read_prompts(text))


class AsyncCompareClient(ABC):
    """What :class:`~paddock.sdk.aclient.AsyncClient` does with comparisons, as :class:`CompareClient`."""

    @abstractmethod
    async def _ask(self, call: Call[T]) -> T: ...

    async def set_panes(self, chat: str, panes: Sequence[Pane]) -> Chat:
        """Compare in a conversation: its panes from now on, two to six; none ends the comparison."""
        return await self._ask(_set_panes(chat, panes))

    async def ask_panes(self, chat: str, request: AskPanes) -> list[Generation]:
        """Ask several panes at once; each answer is a generation of its own, to be followed by its id."""
        return await self._ask(_ask_panes(chat, request))

    async def adopt_pane(self, chat: str, pane: str) -> Chat:
        """Go on from the conversation as one pane has it, in all of them."""
        return await self._ask(_adopt(chat, pane))

    async def compare_plan(self, chat: str) -> ComparePlan:
        """Whether the panes run side by side or one after the other, by the memory they take."""
        return await self._ask(_plan(chat))

    async def vote(self, request: VoteRequest) -> Vote:
        """Say which answer is better."""
        return await self._ask(_vote(request))

    async def votes(self, chat: str = "") -> list[Vote]:
        """The votes of a conversation, or all, the latest first."""
        return await self._ask(_votes(chat))

    async def delete_vote(self, id: str) -> None:
        """Take a vote back."""
        return await self._ask(_delete_vote(id))

    async def leaderboard(self, by: StandingsBy = "model", *, tag: str = "") -> list[Standing]:
        """The standings by all votes, or by those on conversations with ``tag``, the best first."""
        return await self._ask(_leaderboard(by, tag))

    async def batches(self) -> list[Batch]:
        """Batches under way and done, the latest first."""
        return await self._ask(_batches())

    async def start_batch(self, request: BatchRequest) -> Batch:
        """Ask many prompts in several panes; it goes on over restarts of the host."""
        return await self._ask(_start_batch(request))

    async def batch(self, id: str) -> Batch:
        """How far a batch is."""
        return await self._ask(_batch(id))

    async def patch_batch(self, id: str, patch: BatchPatch) -> Batch:
        """Pause a batch, go on with it, or run again what failed."""
        return await self._ask(_patch_batch(id, patch))

    async def delete_batch(self, id: str) -> None:
        """End a batch and remove it with its answers."""
        return await self._ask(_delete_batch(id))

    async def batch_cells(self, id: str, *, after: int = 0, limit: int = 1000) -> list[BatchCell]:
        """Answers of a batch by prompt, pane and repetition, beginning with number ``after``."""
        return await self._ask(_cells(id, after, limit))

    async def batch_changes(self, id: str, *, since: int = 0, limit: int = 1000) -> list[BatchCell]:
        """What has become of cells after the change number ``since``, in the order in which it did."""
        return await self._ask(_changes(id, since, limit))

    async def batch_prompts(self, id: str) -> list[BatchPrompt]:
        """What a batch asks."""
        return await self._ask(_prompts(id))

    async def export_batch(self, id: str, request: BatchExport) -> Exported:
        """Write a batch's answers to a file, or have them as text."""
        return await self._ask(_export(id, request))

    async def prompt_sets(self) -> list[PromptSet]:
        """Prompts kept for batches, by name."""
        return await self._ask(_prompt_sets())

    async def put_prompt_set(self, prompts: PromptSet) -> PromptSet:
        """Keep prompts; without an ``id`` they are a new set."""
        return await self._ask(_put_prompt_set(prompts))

    async def delete_prompt_set(self, id: str) -> None:
        """Remove a set of prompts."""
        return await self._ask(_delete_prompt_set(id))

    async def read_prompts(self, text: PromptsText) -> PromptSet:
        """The prompts of a JSONL or CSV file's text, not kept yet. Raises InvalidRequest, which names the line."""
        return await self._ask(_read_prompts(text))
