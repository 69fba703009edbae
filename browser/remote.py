"""The headers of a model that is not here: ``REPO:QUANT`` on the hub, or the URL of a GGUF file."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from paddock.browser.download_choice import projector_of
from paddock.browser.gguf import Header, check_shards, read_header
from paddock.browser.header_cache import HeaderCache, cache_key, storage_failed
from paddock.browser.hub import Hub, Listing
from paddock.browser.quants import choose
from paddock.browser.ranges import Allowance, Answer, FetchedHeader, HeaderFetcher
from paddock.browser.shards import shard_names, shard_of
from paddock.sdk.errors import BadRequest, PaddockError, RemoteFailed
from paddock.sdk.hub_words import HUB_HOSTS, hub_words
from paddock.sdk.version import VERSION

DEADLINE_S = 300.0
_SILENCE_S = 20.0
_CONNECT_S = 10.0
_TRIES = 3
_AT_ONCE = 4
_FIRST_OF_PROJECTOR = 64 * 1024
_FIRST_OF_SHARD = 128 * 1024
"""Parts after the first have no vocabulary."""
_SUFFIX = ".gguf"
_HUB_FILE = re.compile(r"/([\w.-]+/[\w.-]+)/(?:blob|resolve)/([^/]+)/(.+)$", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}$")
_UNSAFE = re.compile(r"[^\w.+ -]")


@dataclass(frozen=True)
class Fetched:
    """What a model's own files say, shards in their order.

    ``paths`` are sparse files of full size that begin with the headers, beside each other under their proper names;
    empty where the file system has no sparse files. ``fetched_bytes``: content that came over the network for it, 0
    from the cache. ``size_bytes``: of all files of the model. ``model``: its name for a person. ``projector``: such a
    file of what the model sees through; None where there is none.
    """

    headers: tuple[Header, ...]
    paths: tuple[Path, ...]
    fetched_bytes: int
    model: str
    size_bytes: int
    projector: Path | None = None


@dataclass(frozen=True)
class _Source:
    """Where the files are. ``key`` names this very version of them; empty: the first answer tells it. So many bytes
    of the ``first`` one are asked for at first."""

    model: str
    urls: tuple[str, ...]
    names: tuple[str, ...]
    key: str = ""
    first: int = 2**20
    projector: _Source | None = None


def is_remote(source: str) -> bool:
    """Whether ``source`` is meant for :func:`fetch_headers`: a URL, or OWNER/REPO with or without a quant. An id of a
    local model can look the same, so the library is asked first."""
    if source.lower().startswith(("http://", "https://")):
        return True
    named = hub_words(source)
    return bool(named.repo) and not _is_gguf(named.repo)  # that is a file's path


def repository_of(source: str, hub: Hub) -> tuple[str, str]:
    """Repository and quant (or file; may be empty) of OWNER/REPO[:QUANT], of an address on the hub, or of the link or
    command by which another program gets it.

    Raises BadRequest for anything else.
    """
    named = hub_words(source, hub.endpoint)
    if named.repo:
        return named.repo, named.quant
    raise BadRequest(
        f"“{source[:120]}” is no model on the hub.", hint="Write OWNER/REPO:QUANT, or its address at the hub."
    )


async def fetch_headers(
    source: str, folder: Path, *, hub: Hub | None = None, cache: HeaderCache | None = None, retry_s: float = 0.5
) -> Fetched:
    """The headers of the model at ``source``: OWNER/REPO[:QUANT] or a URL. Without a quant Q4_K_M is meant, or the only
    one that there is. Not more than 64 MB are fetched, and nothing when ``folder`` has this version already.

    Args:
        source: As a person writes it.
        folder: Where headers are kept between calls; several processes may share it.
        hub: The hub to ask; None for that of the user's environment.
        cache: A cache of ``folder`` with other bounds.
        retry_s: Wait before the second try of a request that failed in passing.

    Raises BadRequest, ModelNotFound, ModelUnusable, AccessDenied, RemoteFailed, StorageFailed.
    """
    import httpx2

    cache = cache or HeaderCache(folder)
    if hub is None:
        hub = await asyncio.to_thread(Hub.of_this_user)
    timeout = httpx2.Timeout(_SILENCE_S, connect=_CONNECT_S)
    agent = {"User-Agent": f"paddock/{VERSION}"}
    try:
        async with (
            asyncio.timeout(DEADLINE_S),
            httpx2.AsyncClient(follow_redirects=True, timeout=timeout, headers=agent) as http,
        ):
            fetcher = HeaderFetcher(http, hub.headers_for, Allowance(), retry_s=retry_s)
            found = await _find(source, hub, retry_s)
            fetched = await _Job(found, cache, fetcher).run()
            return fetched if found.projector is None else await _seeing(fetched, _Job(found.projector, cache, fetcher))
    except TimeoutError as error:
        hint = "Try again when the connection is better."
        raise RemoteFailed(f"The header of {source} did not come within {DEADLINE_S:g} s.", hint=hint) from error


def kept_headers(
    endpoint: str, repo: str, revision: str, label: str, paths: Sequence[str], folder: Path
) -> Fetched | None:
    """What :func:`fetch_headers` has left in ``folder`` of the files ``paths`` of ``repo`` at ``revision`` (a commit);
    nothing is fetched. Blocks."""
    names = tuple(map(_file_name, paths))
    return _kept(HeaderCache(folder), cache_key(endpoint, repo, revision, *paths), names, f"{repo}:{label}")


# ---------------------------------------------------------------- which files


async def _find(source: str, hub: Hub, retry_s: float) -> _Source:
    if source.lower().startswith(("http://", "https://")):
        parts = _split(source)
        own = parts.hostname in (*HUB_HOSTS, urlsplit(hub.endpoint).hostname)
        file = _HUB_FILE.search(parts.path) if own else None
        if file is not None:
            before = parts.path[: file.start()]
            return _at_url(parts._replace(path=f"{before}/{file[1]}/resolve/{file[2]}/{file[3]}", query=""))
        if not own or _is_gguf(parts.path):
            return _at_url(parts)
    named = hub_words(source, hub.endpoint)
    if not named.repo:
        raise BadRequest(
            f"“{source[:120]}” is no model on the hub.", hint="Write OWNER/REPO:QUANT, or the URL of a GGUF file."
        )
    return await _in_repository(named.repo, named.quant, hub, retry_s)


def _split(url: str) -> SplitResult:
    import httpx2

    try:
        httpx2.URL(url)
        parts = urlsplit(url)
    except (httpx2.InvalidURL, ValueError) as error:
        raise BadRequest(f"“{url[:120]}” is no URL.", hint="It begins with https:// and ends with .gguf.") from error
    return parts


def _at_url(parts: SplitResult) -> _Source:
    folder, _, last = parts.path.rpartition("/")
    if not parts.hostname or not _is_gguf(last):
        raise BadRequest(f"“{parts.geturl()[:120]}” is not the URL of a GGUF file.", hint="Its path ends with .gguf.")
    urls = tuple(parts._replace(path=f"{folder}/{name}", fragment="").geturl() for name in shard_names(last))
    names = tuple(map(_safe, shard_names(unquote(last))))
    return _Source(shard_of(names[0][: -len(_SUFFIX)])[0], urls, names)


def _is_gguf(path: str) -> bool:
    return unquote(path).lower().endswith(_SUFFIX)


async def _in_repository(repo: str, quant: str, hub: Hub, retry_s: float) -> _Source:
    listing = await files_of(repo, hub, retry_s)
    label, files = choose(listing, quant)
    projector = projector_of(listing, files[0].path)
    found = _in_listing(hub, listing, f"{repo}:{label}", [file.path for file in files])
    if projector is None:
        return found
    seeing = replace(_in_listing(hub, listing, projector.path, [projector.path]), first=_FIRST_OF_PROJECTOR)
    return replace(found, projector=seeing)


def _in_listing(hub: Hub, listing: Listing, model: str, paths: Sequence[str]) -> _Source:
    urls = tuple(hub.url(listing.repo, listing.revision, path) for path in paths)
    fixed = _COMMIT.match(listing.revision)
    key = cache_key(hub.endpoint, listing.repo, listing.revision, *paths) if fixed else ""
    return _Source(model, urls, tuple(map(_file_name, paths)), key)


async def files_of(repo: str, hub: Hub, retry_s: float) -> Listing:
    """What ``repo`` holds; a question that failed in passing is asked again. Raises as :meth:`Hub.files` does."""
    for number in range(_TRIES):
        try:
            return await asyncio.to_thread(hub.files, repo)
        except RemoteFailed as error:
            if not error.details.get("passing") or number + 1 == _TRIES:
                raise
            await asyncio.sleep(retry_s * 2**number)
    raise AssertionError("unreachable")


def _file_name(path: str) -> str:
    return _safe(path.rpartition("/")[2])


def _safe(name: str) -> str:
    """A file's name from elsewhere as one that is harmless here."""
    return _UNSAFE.sub("_", name).lstrip(".")[-200:]


# ---------------------------------------------------------------- fetching them


async def _seeing(model: Fetched, projector: _Job) -> Fetched:
    """``model`` with its projector; without it where that cannot be had, which a download will say."""
    try:
        found = await projector.run()
    except PaddockError:
        return model
    path = found.paths[0] if found.paths else None
    fetched = max(model.fetched_bytes, found.fetched_bytes)  # both count from the beginning, or came from the cache
    return replace(model, projector=path, fetched_bytes=fetched)


class _Job:
    """One model on its way."""

    def __init__(self, source: _Source, cache: HeaderCache, fetcher: HeaderFetcher) -> None:
        self._source = source
        self._cache = cache
        self._fetcher = fetcher
        self._key = source.key

    async def run(self) -> Fetched:
        kept = await asyncio.to_thread(self._look_up)
        if kept is not None:
            return kept
        staged = await asyncio.to_thread(self._cache.stage)
        try:
            return await self._fetch(staged)
        except OSError as error:
            raise storage_failed(staged.parent, error) from error
        finally:
            self._cache.drop(staged)

    async def _fetch(self, staged: Path) -> Fetched:
        source, fetcher = self._source, self._fetcher
        url, path = source.urls[0], staged / source.names[0]
        first = await fetcher.fetch(url, path, first=source.first, known=self._is_known)
        if first.header is None:
            kept = await asyncio.to_thread(self._look_up)
            if kept is not None:
                return kept
            first = await fetcher.fetch(url, path, first=source.first)
        parts = [first, *await self._further(staged)]
        headers = tuple(part.header for part in parts if part.header is not None)
        check_shards(headers, source.names[0])
        sizes = {name: part.size for name, part in zip(source.names, parts, strict=True)}
        key = self._key or cache_key(staged.name)
        paths = await asyncio.to_thread(self._cache.keep, key, staged, sizes)
        return Fetched(headers, paths, fetcher.allowance.fetched, source.model, sum(sizes.values()))

    async def _further(self, staged: Path) -> list[FetchedHeader]:
        """The parts after the first."""
        limit = asyncio.Semaphore(_AT_ONCE)

        async def fetch(url: str, name: str) -> FetchedHeader:
            async with limit:
                return await self._fetcher.fetch(url, staged / name, first=_FIRST_OF_SHARD)

        parts = zip(self._source.urls[1:], self._source.names[1:], strict=True)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(fetch(*part)) for part in parts]
        except* (PaddockError, OSError) as errors:
            raise errors.exceptions[0] from None
        return [task.result() for task in tasks]

    def _is_known(self, answer: Answer) -> bool:
        """Whether the cache has what is about to be sent."""
        if self._key or not answer.version:
            return False
        self._key = cache_key(self._source.urls[0], answer.version)
        return self._cache.find(self._key, self._source.names) is not None

    def _look_up(self) -> Fetched | None:
        if not self._key:
            return None
        kept = _kept(self._cache, self._key, self._source.names, self._source.model)
        return kept and replace(kept, fetched_bytes=self._fetcher.allowance.fetched)


def _kept(cache: HeaderCache, key: str, names: Sequence[str], model: str) -> Fetched | None:
    paths = cache.find(key, names)
    if paths is None:
        return None
    try:
        headers = tuple(read_header(path) for path in paths)
        size = sum(path.stat().st_size for path in paths)
    except (PaddockError, OSError):  # the disk lost it: fetched again
        cache.forget(key)
        return None
    return Fetched(headers, paths, 0, model, size)
