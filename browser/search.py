"""Looking for models on the hub, and looking at one of them."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import parse_qs, quote, urlsplit

import msgspec

from paddock.browser.describe import quant_in
from paddock.browser.download_choice import NO_MLX, is_mlx, safetensors_of
from paddock.browser.hub import Hub, Listing, lacking, listing_of, unreachable
from paddock.browser.hub_results import result_of
from paddock.browser.model_card import LONGEST, card_of
from paddock.browser.quants import is_projector, variants
from paddock.browser.search_cache import SearchCache
from paddock.browser.shards import shard_of
from paddock.sdk.errors import AccessDenied, BadRequest, ModelNotFound, PaddockError, RemoteFailed
from paddock.sdk.hub import HubFileInfo, HubModel, HubPage, HubQuant, HubResult, HubSearchRequest
from paddock.sdk.hub_words import HubWords, hub_words

T = TypeVar("T", HubPage, HubModel)

_TRIES = 3
_LONGEST_WAIT_S = 15.0
"""A hub that wants to be left alone for longer is not waited for."""
_EXPAND = (
    "author", "downloads", "gated", "gguf", "lastModified", "likes", "pipeline_tag", "private", "safetensors", "tags",
)  # fmt: skip
_SORTS = {"trending": "trendingScore", "downloads": "downloads", "likes": "likes", "updated": "lastModified"}


class HubSearch:
    """Asks the hub that ``hub`` gives (called in a thread, may block), and remembers its answers in ``cache``.

    ``retry_s`` is the wait before the second try of a question that failed in passing; it doubles.
    """

    def __init__(
        self,
        hub: Callable[[], Hub],
        cache: SearchCache,
        *,
        clock: Callable[[], float] = time.time,
        retry_s: float = 0.5,
    ) -> None:
        self._hub = hub
        self._cache = cache
        self._clock = clock
        self._retry_s = retry_s

    async def page(self, request: HubSearchRequest) -> HubPage:
        """One page of results; those of last time where the hub cannot be asked (``stale``). A repository's name or
        address finds that repository.

        Raises BadRequest, ModelNotFound, AccessDenied, RemoteFailed.
        """
        hub = await asyncio.to_thread(self._hub)
        wanted = hub_words(request.words, hub.endpoint)
        if wanted.repo:
            try:
                model = await self.model(wanted.repo)
                told = HubPage(results=(model.result,), stale=model.stale, fetched=model.fetched, notes=model.notes)
                named = msgspec.structs.replace(wanted, repo=model.result.id)
                return msgspec.structs.replace(told, hub=hub.endpoint, named=named.model)
            except (ModelNotFound, AccessDenied) as error:
                if error.details.get("bad_token") or not request.words.strip().startswith(wanted.repo):
                    raise
            owner, _, name = wanted.repo.partition("/")
            wanted = HubWords(author=owner, words=name)  # that may be how it begins
        elif "://" in wanted.words:
            raise _no_name(request.words)
        page = await self._results(hub, wanted, request)
        shorter = _without_file(wanted.words)
        if page.results or page.cursor or request.cursor or shorter == wanted.words:
            return page
        note = f"Nothing is called “{wanted.words[:120]}”. These match “{shorter[:120]}”."
        found = await self._results(hub, msgspec.structs.replace(wanted, words=shorter), request)
        return msgspec.structs.replace(found, cursor="", notes=(note, *found.notes)) if found.results else page

    async def _results(self, hub: Hub, wanted: HubWords, request: HubSearchRequest) -> HubPage:
        query = _query(wanted, request)
        key = f"{hub.endpoint}|{sorted(query.items())}"
        return await self._asked(hub, key, HubPage, lambda: self._page(hub, query, request))

    async def model(self, repo: str) -> HubModel:
        """All about ``repo`` (OWNER/REPO or its address); what was known last time where the hub cannot be asked.

        Raises BadRequest, ModelNotFound, AccessDenied, RemoteFailed.
        """
        hub = await asyncio.to_thread(self._hub)
        name = hub_words(repo, hub.endpoint).repo
        if not name:
            raise _no_name(repo)
        return await self._asked(hub, f"{hub.endpoint}|{name}", HubModel, lambda: self._model(hub, name))

    async def _asked(self, hub: Hub, key: str, kind: type[T], ask: Callable[[], T]) -> T:
        notes: list[str] = []
        try:
            answer: T = await self._patiently(ask, notes)
        except RemoteFailed as error:
            kept = await asyncio.to_thread(self._cache.get, key, kind)
            if kept is None or not (error.details.get("passing") or error.details.get("offline")):
                raise
            said = f"{error.message} This is what it said {age_text(self._clock() - kept.fetched)} ago."
            return msgspec.structs.replace(kept, stale=True, notes=(said,))
        await asyncio.to_thread(self._cache.put, key, answer)
        return msgspec.structs.replace(answer, notes=(*notes, *answer.notes))

    async def _patiently(self, ask: Callable[[], T], notes: list[str]) -> T:
        for number in range(_TRIES):
            try:
                return await asyncio.to_thread(ask)
            except RemoteFailed as error:
                told = error.details.get("retry_after_s")
                wait = self._retry_s * 2**number if told is None else float(told)
                if not error.details.get("passing") or number + 1 == _TRIES or wait > _LONGEST_WAIT_S:
                    if told:
                        error.hint = f"Try again in {age_text(told)}."
                    raise
                notes.append(f"{error.message} It answered when it was asked again.")
                await asyncio.sleep(wait)
        raise AssertionError("unreachable")

    # ---------------------------------------------------------------- in a thread

    def _page(self, hub: Hub, query: dict[str, Any], request: HubSearchRequest) -> HubPage:
        from huggingface_hub.hf_api import ModelInfo

        try:
            answer = hub.get("/api/models", "results of a search", query)
        except ModelNotFound as error:
            raise lacking(hub.host, "search", "A model whose name you know can be fetched all the same.") from error
        try:
            items = msgspec.json.decode(answer.body, type=list[dict[str, Any]])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise unreachable(hub.endpoint, error) from error
        results, notes = [], []
        for item in items:
            try:
                info = ModelInfo(**{"siblings": None, **item})  # type: ignore[no-untyped-call]
                results.append(result_of(info))
            except (TypeError, ValueError, KeyError, AttributeError):
                notes.append(
                    f"{str(item.get('id', 'A result'))[:100]} is left out: the hub describes it in no known way."
                )
        cursor = parse_qs(urlsplit(answer.next_url).query).get("cursor", [""])[0]
        wanted = tuple(result for result in results if _in_range(result, request))
        return HubPage(results=wanted, cursor=cursor, fetched=self._clock(), notes=tuple(notes), hub=hub.endpoint)

    def _model(self, hub: Hub, repo: str) -> HubModel:
        info = hub.info(repo)
        try:
            result = result_of(info)
        except (TypeError, ValueError, AttributeError) as error:
            raise unreachable(hub.endpoint, error) from error
        listing = listing_of(info)
        card, notes = _card(hub, listing)
        quants, projectors, others = _grouped(listing)
        if is_mlx(listing):
            notes = (*notes, NO_MLX)
        return HubModel(
            result=result,
            revision=listing.revision,
            page=f"{hub.endpoint}/{listing.repo}",
            card=card,
            quants=quants,
            projectors=projectors,
            other_files=others,
            obstacle=_obstacle(hub, listing.repo) if result.gated else "",
            fetched=self._clock(),
            notes=notes,
        )


def _no_name(text: str) -> BadRequest:
    hint = "Write OWNER/REPO, or paste the address of its page."
    return BadRequest(f"“{text.strip()[:120]}” leads to no model on the hub.", hint=hint)


def _without_file(words: str) -> str:
    """The words without what only files have in their names: an ending, the number of a shard, a quant."""
    stem = re.sub(r"\.gguf$", "", words, flags=re.IGNORECASE)
    plain = shard_of(stem)[0]
    quant = quant_in(plain) or quant_in(f"-{plain.split()[-1]}" if plain else "")
    return re.sub(rf"(?:^|[-_. ])(?:UD-)?{re.escape(quant)}$", "", plain, flags=re.IGNORECASE) if quant else plain


def age_text(seconds: float) -> str:
    """“3 hours”, for a sentence."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            number = int(seconds // length)
            return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
    return f"{max(int(seconds), 1)} s"


def _query(wanted: HubWords, request: HubSearchRequest) -> dict[str, Any]:
    """The question as the hub's interface takes it."""
    tags: list[str] = [] if request.format == "any" else [request.format]
    if request.licence:
        tags.append(f"license:{request.licence}")
    if request.language:
        tags.append(request.language)
    least, most = request.min_parameters, request.max_parameters
    bounds = [f"min:{_rough(least)}"] * (least is not None) + [f"max:{_rough(most)}"] * (most is not None)
    query = {
        "search": wanted.words,
        "author": wanted.author or request.author.strip(),
        "filter": tags,
        "pipeline_tag": request.task,
        "num_parameters": ",".join(bounds),
        "gated": "" if request.gated is None else str(request.gated).lower(),
        "sort": _SORTS[request.sort],
        "limit": request.limit,
        "expand": list(_EXPAND),
        "cursor": request.cursor,
    }
    return {name: value for name, value in query.items() if value}


def _rough(parameters: int | None) -> str:
    """As the hub writes numbers: 8B, 0.5B."""
    return f"{(parameters or 0) / 10**9:g}B"


def _in_range(result: HubResult, request: HubSearchRequest) -> bool:
    """A mirror may not know the filter, and the hub counts some models otherwise; what nobody knows stays."""
    size = result.parameters
    if size is None:
        return True
    return (request.min_parameters or 0) <= size and (request.max_parameters is None or size <= request.max_parameters)


def _card(hub: Hub, listing: Listing) -> tuple[str, tuple[str, ...]]:
    """The model card, and a note where it cannot be had."""
    readme = next((file for file in listing.files if file.path == "README.md"), None)
    if readme is None:
        return "", ()
    if readme.size > 4 * LONGEST:
        return "", ("The model card is too long to be shown.",)
    try:
        answer = hub.get(f"/{listing.repo}/resolve/{quote(listing.revision, safe='')}/README.md", "README.md")
    except PaddockError as error:
        return "", (f"The model card cannot be read. {error.message}",)
    return card_of(answer.body), ()


def _obstacle(hub: Hub, repo: str) -> str:
    """What to do before the files of a gated repository can be had; empty for who has access."""
    try:
        hub.get(f"/api/models/{repo}/auth-check", repo)
    except AccessDenied as error:
        return error.sentence()
    except PaddockError:  # whoever wants the files hears it then
        return ""
    return ""


def _grouped(
    listing: Listing,
) -> tuple[tuple[HubQuant, ...], tuple[HubFileInfo, ...], tuple[HubFileInfo, ...]]:
    """Models, projectors, and the rest of the files."""
    there = {file.path: HubFileInfo(path=file.path, size_bytes=file.size, sha256=file.sha256) for file in listing.files}
    quants = []
    for label, paths in variants(listing):
        files = tuple(there.pop(path) for path in paths if path in there)
        quants.append(
            HubQuant(
                label=label,
                source=f"{listing.repo}:{label}",
                size_bytes=sum(file.size_bytes for file in files),
                files=files,
                missing=tuple(path for path in paths if path not in {file.path for file in files}),
            )
        )
    if is_mlx(listing):
        with suppress(PaddockError):  # parts are missing: then there is nothing to offer
            files = tuple(there.pop(file.path) for file in safetensors_of(listing))
            size = sum(file.size_bytes for file in files)
            quants.append(HubQuant(label="MLX", source=listing.repo, size_bytes=size, files=files))
    projectors = tuple(there.pop(path) for path in list(there) if is_projector(path))
    return tuple(quants), projectors, tuple(there.values())
