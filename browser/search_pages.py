"""Pages of results of which some are left out: the hub is asked for more until a page is full."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import msgspec

from paddock.sdk.errors import BadRequest
from paddock.sdk.hub import HubPage, HubResult, HubSearchRequest

_HUB_PAGE = 100
_MOST_PAGES = 6
"""The hub is asked for at most so many pages for one of ours."""
_CURSOR = re.compile(r"(\d{1,3})\|(.*)", re.DOTALL)
_TASKS = {"rerank": "text-ranking"}
"""Badges that the hub can filter by."""

Ask = Callable[[HubSearchRequest], Awaitable[HubPage]]


async def full_page(request: HubSearchRequest, ask: Ask, filled: Callable[[HubResult], HubResult]) -> HubPage:
    """The answer to ``request`` with all of its filters; ``ask`` knows neither ``fits`` nor ``badge``, and ``filled``
    fills in whether a result fits. Raises what ``ask`` raises, and BadRequest for a cursor that is none."""
    if not request.fits and request.badge is None:
        page = await ask(request)
        return msgspec.structs.replace(page, results=tuple(map(filled, page.results)))
    found: list[HubResult] = []
    notes: dict[str, None] = {}
    skip, cursor = _place(request.cursor)
    page, left_out, following = HubPage(), 0, ""
    for _ in range(_MOST_PAGES):
        page = await ask(_plain(request, cursor))
        if page.named:  # whoever names one wants to see it
            return msgspec.structs.replace(page, results=tuple(map(filled, page.results)))
        notes |= dict.fromkeys(page.notes)
        for index, result in enumerate(page.results[skip:], skip):
            if len(found) == request.limit:
                following = f"{index}|{cursor}"
                break
            result = filled(result)
            if request.badge is not None and request.badge not in result.badges:
                continue
            if request.fits and result.fit == "does_not_fit":
                left_out += 1
            else:
                found.append(result)
        else:
            skip, cursor = 0, page.cursor
            following = f"0|{cursor}" if cursor else ""
        if len(found) == request.limit or not following:
            break
    if left_out:
        which = "One model does" if left_out == 1 else f"{left_out} models do"
        notes[f"{which} not fit {request.on or 'this computer'} and {'is' if left_out == 1 else 'are'} left out."] = (
            None
        )
    return msgspec.structs.replace(page, results=tuple(found), cursor=following, notes=tuple(notes))


def _plain(request: HubSearchRequest, cursor: str) -> HubSearchRequest:
    task = request.task or _TASKS.get(request.badge or "", "")
    return msgspec.structs.replace(request, cursor=cursor, task=task, limit=_HUB_PAGE, fits=False, badge=None, on="")


def _place(cursor: str) -> tuple[int, str]:
    """How many results of which page of the hub were told already."""
    if not cursor:
        return 0, ""
    place = _CURSOR.fullmatch(cursor)
    if place is None:
        raise BadRequest("That is no cursor of this search.", hint="Search again.")
    return int(place[1]), place[2]
