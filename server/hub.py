"""The hub as the host sees it: searches, models, the account. All of it is imported when it is first used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from paddock.sdk.hub import HubAccount, HubLogin, HubModel, HubPage, HubSearchRequest, Suggestion
from paddock.sdk.paths import Home

if TYPE_CHECKING:
    from paddock.browser.hub_token import HubAccess
    from paddock.browser.search import HubSearch
    from paddock.browser.search_cache import SearchCache


class HubService:
    """``home`` keeps the last answers and the names of accounts; ``clock`` gives Unix seconds. Lives on the host's
    loop; what blocks is done in threads."""

    def __init__(self, home: Home, *, clock: Callable[[], float]) -> None:
        self._home = home
        self._clock = clock
        self._made: HubSearch | None = None

    async def page(self, request: HubSearchRequest) -> HubPage:
        """Raises BadRequest, ModelNotFound, AccessDenied, RemoteFailed."""
        return await (await self._search()).page(request)

    async def model(self, repo: str) -> HubModel:
        """Raises BadRequest, ModelNotFound, AccessDenied, RemoteFailed."""
        return await (await self._search()).model(repo)

    async def suggestions(self) -> tuple[Suggestion, ...]:
        from paddock.browser.suggestions import suggestions

        return await asyncio.to_thread(suggestions)

    async def account(self) -> HubAccount:
        return await asyncio.to_thread(lambda: self._access().account())

    async def log_in(self, login: HubLogin) -> HubAccount:
        """Raises BadRequest, AccessDenied, RemoteFailed, StorageFailed."""
        return await self._changed(lambda: self._access().log_in(login.token))

    async def log_out(self) -> HubAccount:
        """Raises StorageFailed."""
        return await self._changed(lambda: self._access().log_out())

    async def _changed(self, change: Callable[[], HubAccount]) -> HubAccount:
        """What one account may see is not kept for the next."""
        account = await asyncio.to_thread(change)
        await asyncio.to_thread(self._cache().clear)
        return account

    async def _search(self) -> HubSearch:
        if self._made is None:
            # in a thread: the import takes longer than an answer may be held up
            self._made = await asyncio.to_thread(self._make)
        return self._made

    def _make(self) -> HubSearch:
        from paddock.browser.search import HubSearch

        return HubSearch(lambda: self._access().hub(), self._cache(), clock=self._clock)

    def _access(self) -> HubAccess:
        from paddock.browser.hub_token import HubAccess

        return HubAccess.of_this_user(self._home)

    def _cache(self) -> SearchCache:
        from paddock.browser.search_cache import SearchCache

        return SearchCache(self._home.hub)
