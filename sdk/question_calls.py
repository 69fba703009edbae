"""The part of the clients that asks a model what it sees: the likeliest next tokens, the room in its context."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeVar
from urllib.parse import quote

from paddock.sdk.options import OptionSpec
from paddock.sdk.protocol import REPLY_S, Call, body_of
from paddock.sdk.questions import Candidates, CandidatesRequest, ContextRequest, ContextUse

T = TypeVar("T")


def _candidates(request: CandidatesRequest) -> Call[Candidates]:
    return Call(method="POST", path="/control/ask", answer=Candidates, body=body_of(request), timeout_s=REPLY_S)


def _context(request: ContextRequest) -> Call[ContextUse]:
    return Call(method="POST", path="/control/ask", answer=ContextUse, body=body_of(request), timeout_s=REPLY_S)


def _sampling_options(model: str) -> Call[list[OptionSpec]]:
    path = "/control/sampling-options?model=" + quote(model, safe="")
    return Call(method="GET", path=path, answer=list[OptionSpec])


class QuestionsClient(ABC):
    """What :class:`~paddock.sdk.client.Client` asks a model besides an answer."""

    @abstractmethod
    def _ask(self, call: Call[T]) -> T: ...

    def candidates(self, request: CandidatesRequest) -> Candidates:
        """What could come next. Loads the model where it is not loaded."""
        return self._ask(_candidates(request))

    def context(self, request: ContextRequest) -> ContextUse:
        """How much of the context the messages take. Loads the model where it is not loaded."""
        return self._ask(_context(request))

    def sampling_options(self, model: str) -> list[OptionSpec]:
        """The sampling options of the engine of ``model``."""
        return self._ask(_sampling_options(model))


class AsyncQuestionsClient(ABC):
    """What :class:`~paddock.sdk.aclient.AsyncClient` asks a model, as :class:`QuestionsClient`."""

    @abstractmethod
    async def _ask(self, call: Call[T]) -> T: ...

    async def candidates(self, request: CandidatesRequest) -> Candidates:
        """What could come next. Loads the model where it is not loaded."""
        return await self._ask(_candidates(request))

    async def context(self, request: ContextRequest) -> ContextUse:
        """How much of the context the messages take. Loads the model where it is not loaded."""
        return await self._ask(_context(request))

    async def sampling_options(self, model: str) -> list[OptionSpec]:
        """The sampling options of the engine of ``model``."""
        return await self._ask(_sampling_options(model))
