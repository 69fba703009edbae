"""The part of the clients that is about comparisons and votes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import quote

import msgspec

from paddock.sdk.compare import (
    AdoptRequest,
    AskPanes,
    ComparePlan,
    Standing,
    StandingsBy,
    Vote,
    VoteRequest,
)
from paddock.sdk.host import Generation
from paddock.sdk.protocol import Call, body_of
from paddock.sdk.types import Chat, Pane

T = TypeVar("T")

_CHATS = "/control/chats"
_VOTES = "/control/votes"
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


class CompareClient(ABC):
    """What :class:`~paddock.sdk.client.Client` does with comparisons and votes."""

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
