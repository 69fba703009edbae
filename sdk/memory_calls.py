"""The part of the clients that is about memory: estimates, what is held, and how a model is loaded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TypeVar
from urllib.parse import quote

from paddock.sdk.memory import Estimate, EstimateRequest, Machine, MemoryState
from paddock.sdk.protocol import Call, body_of
from paddock.sdk.types import InstancePatch, LoadedModel, LoadRequest, Options, OptionValue

T = TypeVar("T")

_ESTIMATE_S = 180.0
"""An estimate may take so long: it may have to fetch the header over a slow line, and to try many settings."""


def _patch_instance(id: str, patch: InstancePatch) -> Call[LoadedModel]:
    return Call(method="PATCH", path="/control/loaded/" + quote(id, safe=""), answer=LoadedModel, body=body_of(patch))


def _memory() -> Call[MemoryState]:
    return Call(method="GET", path="/control/memory", answer=MemoryState)


def _machines() -> Call[list[Machine]]:
    return Call(method="GET", path="/control/machines", answer=list[Machine])


def _estimate(
    model: str, options: Mapping[str, OptionValue] | None, on: str, quick: bool, replacing: Iterable[str]
) -> Call[Estimate]:
    request = EstimateRequest(model=model, options=dict(options or {}), on=on, quick=quick, replacing=tuple(replacing))
    return Call(method="POST", path="/control/estimate", answer=Estimate, body=body_of(request), timeout_s=_ESTIMATE_S)


def _load_options(model: str) -> Call[Options]:
    return Call(method="GET", path="/control/load-options?model=" + quote(model, safe=""), answer=Options)


def _set_load_options(model: str, options: Mapping[str, OptionValue]) -> Call[Options]:
    request = LoadRequest(model=model, options=dict(options))
    return Call(method="POST", path="/control/load-options", answer=Options, body=body_of(request))


class MemoryClient(ABC):
    """What :class:`~paddock.sdk.client.Client` does about memory."""

    @abstractmethod
    def _ask(self, call: Call[T]) -> T: ...

    def patch_instance(self, id: str, *, pinned: bool | None = None, ttl_s: float | None = None) -> LoadedModel:
        """Pin a loaded instance or give it another time to live (0: for ever)."""
        return self._ask(_patch_instance(id, InstancePatch(pinned=pinned, ttl_s=ttl_s)))

    def load_options(self, model: str) -> Options:
        """The load options that are saved for ``model``: every load takes them, wherever it is asked for."""
        return self._ask(_load_options(model))

    def set_load_options(self, model: str, options: Mapping[str, OptionValue]) -> Options:
        """Save the load options of ``model`` in place of those that are saved; an empty mapping forgets them."""
        return self._ask(_set_load_options(model, options))

    def memory(self) -> MemoryState:
        """What each device has, who holds it and what is free."""
        return self._ask(_memory())

    def machines(self) -> list[Machine]:
        """This computer and those that are planned for."""
        return self._ask(_machines())

    def estimate(
        self,
        model: str,
        options: Mapping[str, OptionValue] | None = None,
        *,
        on: str = "",
        quick: bool = False,
        replacing: Iterable[str] = (),
    ) -> Estimate:
        """What ``model`` would take, before it is loaded or even downloaded, and whether it fits.

        ``model`` is an id, a file, ``REPO:QUANT`` on the hub or a URL; the rest is as in
        :class:`~paddock.sdk.memory.EstimateRequest`.
        """
        return self._ask(_estimate(model, options, on, quick, replacing))


class AsyncMemoryClient(ABC):
    """What :class:`~paddock.sdk.aclient.AsyncClient` does about memory, as :class:`MemoryClient`."""

    @abstractmethod
    async def _ask(self, call: Call[T]) -> T: ...

    async def patch_instance(self, id: str, *, pinned: bool | None = None, ttl_s: float | None = None) -> LoadedModel:
        """Pin a loaded instance or give it another time to live (0: for ever)."""
        return await self._ask(_patch_instance(id, InstancePatch(pinned=pinned, ttl_s=ttl_s)))

    async def load_options(self, model: str) -> Options:
        """The load options that are saved for ``model``: every load takes them, wherever it is asked for."""
        return await self._ask(_load_options(model))

    async def set_load_options(self, model: str, options: Mapping[str, OptionValue]) -> Options:
        """Save the load options of ``model`` in place of those that are saved; an empty mapping forgets them."""
        return await self._ask(_set_load_options(model, options))

    async def memory(self) -> MemoryState:
        """What each device has, who holds it and what is free."""
        return await self._ask(_memory())

    async def machines(self) -> list[Machine]:
        """This computer and those that are planned for."""
        return await self._ask(_machines())

    async def estimate(
        self,
        model: str,
        options: Mapping[str, OptionValue] | None = None,
        *,
        on: str = "",
        quick: bool = False,
        replacing: Iterable[str] = (),
    ) -> Estimate:
        """What ``model`` would take, before it is loaded or even downloaded, and whether it fits.

        ``model`` is an id, a file, ``REPO:QUANT`` on the hub or a URL; the rest is as in
        :class:`~paddock.sdk.memory.EstimateRequest`.
        """
        return await self._ask(_estimate(model, options, on, quick, replacing))
