"""The hub as the host sees it: searches, models, the account. All of it is imported when it is first used."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from paddock.sdk.hub import HubAccount, HubLogin, HubModel, HubPage, HubSearchRequest, Suggestion
from paddock.sdk.paths import Home

if TYPE_CHECKING:
    from paddock.browser.hub_token import HubAccess
    from paddock.browser.search import HubSearch
    from paddock.browser.search_cache import SearchCache
    from paddock.server.fits import Fits

_SEEN = 32
_FRESH_S = 300.0
"""So long the hub is not asked again what a repository holds when only the fit of it is in question."""
_FRESH_STALE_S = 30.0
"""The same for what was known before, where the hub could not be asked."""


class HubService:
    """``home`` keeps the last answers and the names of accounts; ``clock`` gives Unix seconds, ``fits`` what tells
    whether models fit. Lives on the host's
    loop; what blocks is done in threads."""

    def __init__(self, home: Home, *, clock: Callable[[], float], fits: Callable[[], Fits]) -> None:
        self._home = home
        self._clock = clock
        self._fits = fits
        self._made: HubSearch | None = None
        self._seen: OrderedDict[str, tuple[float, HubModel]] = OrderedDict()

    async def page(self, request: HubSearchRequest) -> HubPage:
        """Raises BadRequest, ModelNotFound, AccessDenied, RemoteFailed."""
        from paddock.browser.search_pages import full_page

        return await full_page(request, (await self._search()).page, await self._fits().guess(request.on))

    async def model(self, repo: str) -> HubModel:
        """Raises BadRequest, ModelNotFound, AccessDenied, RemoteFailed."""
        found = await (await self._search()).model(repo)
        filled = await self._fits().guess()
        found = msgspec.structs.replace(found, result=filled(found.result))
        key = found.result.id.casefold()
        self._seen[key] = (self._clock(), found)
        self._seen.move_to_end(key)
        while len(self._seen) > _SEEN:
            self._seen.popitem(last=False)
        return found

    async def known(self, repo: str) -> HubModel:
        """As :meth:`model`, without a question to the hub about what it said in the last minutes."""
        asked, seen = self._seen.get(repo.partition(":")[0].casefold(), (0.0, None))
        if seen is not None and self._clock() - asked < (_FRESH_STALE_S if seen.stale else _FRESH_S):
            return seen
        return await self.model(repo)

    async def suggestions(self) -> tuple[Suggestion, ...]:
        from paddock.browser.suggestions import suggestions

        return await self._fits().suggested(await asyncio.to_thread(suggestions))

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
        self._seen.clear()
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
