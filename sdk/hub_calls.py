"""The part of the clients that is about the hub."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, TypeVar
from urllib.parse import quote

from paddock.sdk.hub import (
    FitsRequest,
    HubAccount,
    HubLogin,
    HubModel,
    HubPage,
    HubSearchRequest,
    RepoFits,
    Suggestion,
)
from paddock.sdk.protocol import Call, body_of

T = TypeVar("T")

_ACCOUNT = "/control/hub/account"
_HUB_S = 150.0
"""The hub may have to be asked again, and a keyring may ask its user."""


def _search(request: HubSearchRequest | str) -> Call[HubPage]:
    asked = HubSearchRequest(words=request) if isinstance(request, str) else request
    return Call(method="POST", path="/control/hub/search", answer=HubPage, body=body_of(asked), timeout_s=_HUB_S)


def _model(repo: str) -> Call[HubModel]:
    return Call(method="GET", path=f"/control/hub/model?repo={quote(repo, safe='')}", answer=HubModel, timeout_s=_HUB_S)


def _fits(request: FitsRequest) -> Call[RepoFits]:
    return Call(method="POST", path="/control/hub/fits", answer=RepoFits, body=body_of(request), timeout_s=_HUB_S)


def _suggestions() -> Call[list[Suggestion]]:
    return Call(method="GET", path="/control/hub/suggestions", answer=list[Suggestion])


def _account(method: Literal["GET", "DELETE"]) -> Call[HubAccount]:
    return Call(method=method, path=_ACCOUNT, answer=HubAccount, timeout_s=_HUB_S)


def _login(token: str) -> Call[HubAccount]:
    body = body_of(HubLogin(token=token))
    return Call(method="POST", path=_ACCOUNT, answer=HubAccount, body=body, timeout_s=_HUB_S)


class HubClient(ABC):
    """What :class:`~paddock.sdk.client.Client` does with the hub."""

    @abstractmethod
    def _ask(self, call: Call[T]) -> T: ...

    def search(self, request: HubSearchRequest | str) -> HubPage:
        """One page of models on the hub; a text searches for its words. ``stale``: the hub could not be asked."""
        return self._ask(_search(request))

    def hub_model(self, repo: str) -> HubModel:
        """A repository on the hub (OWNER/REPO or its address): its card, its files, what each quant is."""
        return self._ask(_model(repo))

    def hub_fits(self, request: FitsRequest) -> RepoFits:
        """Whether the quants of a repository fit a machine, before anything is downloaded."""
        return self._ask(_fits(request))

    def suggestions(self) -> list[Suggestion]:
        """A short list of good first models."""
        return self._ask(_suggestions())

    def hub_account(self) -> HubAccount:
        """Whose token the hub is asked with."""
        return self._ask(_account("GET"))

    def hub_login(self, token: str) -> HubAccount:
        """Try ``token`` and keep it in the keyring of the host's computer."""
        return self._ask(_login(token))

    def hub_logout(self) -> HubAccount:
        """Take the token out of the keyring."""
        return self._ask(_account("DELETE"))


class AsyncHubClient(ABC):
    """What :class:`~paddock.sdk.aclient.AsyncClient` does with the hub, as :class:`HubClient`."""

    @abstractmethod
    async def _ask(self, call: Call[T]) -> T: ...

    async def search(self, request: HubSearchRequest | str) -> HubPage:
        """One page of models on the hub; a text searches for its words. ``stale``: the hub could not be asked."""
        return await self._ask(_search(request))

    async def hub_model(self, repo: str) -> HubModel:
        """A repository on the hub (OWNER/REPO or its address): its card, its files, what each quant is."""
        return await self._ask(_model(repo))

    async def hub_fits(self, request: FitsRequest) -> RepoFits:
        """Whether the quants of a repository fit a machine, before anything is downloaded."""
        return await self._ask(_fits(request))

    async def suggestions(self) -> list[Suggestion]:
        """A short list of good first models."""
        return await self._ask(_suggestions())

    async def hub_account(self) -> HubAccount:
        """Whose token the hub is asked with."""
        return await self._ask(_account("GET"))

    async def hub_login(self, token: str) -> HubAccount:
        """Try ``token`` and keep it in the keyring of the host's computer."""
        return await self._ask(_login(token))

    async def hub_logout(self) -> HubAccount:
        """Take the token out of the keyring."""
        return await self._ask(_account("DELETE"))
