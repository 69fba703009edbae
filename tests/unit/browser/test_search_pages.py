"""Pages of results that are filtered here: they are full, nothing comes twice, nothing is lost."""

from __future__ import annotations

import msgspec
import pytest

from paddock.browser.search_pages import full_page
from paddock.sdk.errors import BadRequest
from paddock.sdk.hub import HubPage, HubResult, HubSearchRequest

pytestmark = pytest.mark.anyio


async def test_what_was_named_comes_whatever_the_filters_say() -> None:
    one = HubPage(results=(HubResult(id="o/1", author="o", name="1"),), named="o/1:Q8_0")

    async def ask(request: HubSearchRequest) -> HubPage:
        return one

    asked = HubSearchRequest(words="o/1", badge="vision", fits=True)
    assert await full_page(asked, ask, lambda result: msgspec.structs.replace(result, fit="does_not_fit")) == (
        msgspec.structs.replace(one, results=(msgspec.structs.replace(one.results[0], fit="does_not_fit"),))
    )


class Hub:
    """``count`` results; every third one is an embedder, every second one fits."""

    def __init__(self, count: int) -> None:
        self.results = [
            HubResult(id=f"o/{number}", author="o", name=str(number), badges=("embedding",) if number % 3 == 0 else ())
            for number in range(count)
        ]
        self.asked: list[HubSearchRequest] = []

    async def ask(self, request: HubSearchRequest) -> HubPage:
        self.asked.append(request)
        at = int(request.cursor or 0)
        end = at + request.limit
        return HubPage(
            results=tuple(self.results[at:end]), cursor=str(end) if end < len(self.results) else "", notes=("a note",)
        )

    def filled(self, result: HubResult) -> HubResult:
        return msgspec.structs.replace(result, fit="fits" if int(result.name) % 2 == 0 else "does_not_fit")

    async def all(self, request: HubSearchRequest) -> tuple[list[int], list[HubPage]]:
        """All results, page by page."""
        pages = [await full_page(request, self.ask, self.filled)]
        while pages[-1].cursor:
            following = msgspec.structs.replace(request, cursor=pages[-1].cursor)
            pages.append(await full_page(following, self.ask, self.filled))
        return [int(result.name) for page in pages for result in page.results], pages


async def test_without_filters_a_page_is_the_hubs_with_the_fits():
    hub = Hub(50)
    page = await full_page(HubSearchRequest(limit=10), hub.ask, hub.filled)
    assert (len(page.results), page.cursor) == (10, "10")
    assert {result.fit for result in page.results} == {"fits", "does_not_fit"}


@pytest.mark.parametrize("count", [0, 7, 100, 101, 330])
async def test_every_result_that_is_wanted_comes_once_and_pages_are_full(count):
    hub = Hub(count)
    found, pages = await hub.all(HubSearchRequest(limit=10, fits=True, badge="embedding"))
    assert found == [number for number in range(count) if number % 6 == 0]
    assert all(len(page.results) == 10 for page in pages[:-1])
    assert all("a note" in page.notes for page in pages)


async def test_what_is_left_out_is_told():
    hub = Hub(20)
    page = await full_page(HubSearchRequest(fits=True, on="8GB"), hub.ask, hub.filled)
    assert page.notes[-1] == "10 models do not fit 8GB and are left out."
    assert len(page.results) == 10


async def test_a_search_that_finds_nothing_ends():
    hub = Hub(2000)
    page = await full_page(HubSearchRequest(badge="rerank"), hub.ask, hub.filled)
    assert page.results == ()
    assert page.cursor
    assert len(hub.asked) == 6
    assert {asked.task for asked in hub.asked} == {"text-ranking"}


async def test_a_cursor_of_something_else_is_refused():
    hub = Hub(20)
    with pytest.raises(BadRequest):
        await full_page(HubSearchRequest(fits=True, cursor="10"), hub.ask, hub.filled)
