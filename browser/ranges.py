"""Fetches the header of a GGUF file over HTTP, in growing ranges, and nothing of the weights."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from paddock.browser.gguf import Header, parse_header
from paddock.browser.gguf_cursor import Incomplete
from paddock.browser.hub import refusal, unreachable
from paddock.sdk.errors import ModelUnusable, PaddockError, RemoteFailed

if TYPE_CHECKING:
    import httpx2

MOST_FETCHED = 64 * 2**20
_STEP = 8 * 2**20
_SMALLEST_STEP = 64 * 1024
_TRIES = 5
_TRIES_TO_CONNECT = 3
"""More would keep a person waiting for a wrong address."""
_LONGEST_WAIT_S = 20.0
_UNKNOWN_SIZE = 2**62
_EXPIRED = (401, 403, 404, 410)
"""What the hub's CDN answers when the address that the hub gave is too old."""
_ELSEWHERE = "Download the file, or choose another server."
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)$")


class Allowance:
    """Bytes that may be fetched for one model, ``fetched`` so far: all that came, also what was of no use."""

    def __init__(self, most: int = MOST_FETCHED) -> None:
        self.most = most
        self.fetched = 0

    @property
    def left(self) -> int:
        return self.most - self.fetched


@dataclass(frozen=True)
class Answer:
    """The first answer to a question for a file: its ``size`` (None: not told), and a ``version`` that changes with its
    content (empty: not told)."""

    size: int | None
    version: str


@dataclass(frozen=True)
class FetchedHeader:
    """``header`` is None where ``known`` said so. ``size``: bytes of the whole file."""

    header: Header | None
    size: int
    version: str


class _Changed(Exception):
    """The file was replaced while it was read."""


class HeaderFetcher:
    """Fetches headers with ``http``. Lives on one asyncio loop.

    Args:
        http: Follows redirects, has time-outs.
        headers: What a request of a URL carries (a token).
        allowance: Shared by the files of one model.
        retry_s: Seconds before the second try; doubled after each.
    """

    def __init__(
        self,
        http: httpx2.AsyncClient,
        headers: Callable[[str], Mapping[str, str]],
        allowance: Allowance,
        *,
        retry_s: float = 0.5,
    ) -> None:
        self.http = http
        self.headers = headers
        self.allowance = allowance
        self.retry_s = retry_s

    async def fetch(
        self, url: str, path: Path, *, first: int = 2**20, known: Callable[[Answer], bool] = lambda answer: False
    ) -> FetchedHeader:
        """The header of the file at ``url``; its bytes are then in ``path``, with perhaps a few more.

        ``first`` bytes are asked for at first. ``known`` looks at the first answer before its content is read, and ends
        the fetch with True. Raises ModelUnusable, ModelNotFound, AccessDenied, RemoteFailed, OSError.
        """
        for _ in range(2):
            try:
                return await _Fetch(self, url, path, known).run(first)
            except _Changed:
                continue
        raise RemoteFailed(f"{path.name} changes while it is read.", hint="Try again when its upload is finished.")


class _Fetch:
    """One file, from its first byte on."""

    def __init__(self, fetcher: HeaderFetcher, url: str, path: Path, known: Callable[[Answer], bool]) -> None:
        self._fetcher = fetcher
        self._url = url
        self._direct = url
        """Where ``url`` led to: asked straight away, as long as it lets us."""
        self._path = path
        self._known = known
        self._answer: Answer | None = None
        self._written = 0
        self._pending = bytearray()
        self._tries = 0
        self._done: FetchedHeader | None = None

    @property
    def _have(self) -> int:
        return self._written + len(self._pending)

    async def run(self, first: int) -> FetchedHeader:
        await asyncio.to_thread(self._path.write_bytes, b"")
        end = first
        while self._done is None:
            try:
                end = await self._ask(end)
            except PaddockError as error:
                await self._wait(error)
        return self._done

    async def _wait(self, error: PaddockError) -> None:
        """Before the next try; raises ``error`` where there is no point in one."""
        import httpx2

        self._tries += 1
        delay = max(self._fetcher.retry_s * 2 ** (self._tries - 1), error.details.get("wait_s", 0.0))
        tries = _TRIES_TO_CONNECT if isinstance(error.__cause__, httpx2.ConnectError) else _TRIES
        if not error.details.get("passing") or self._tries >= tries or delay > _LONGEST_WAIT_S:
            raise error
        await asyncio.sleep(delay)

    async def _ask(self, end: int) -> int:
        """Fetches up to byte ``end`` and tries to read the header; returns up to where it seems to reach."""
        import httpx2

        if self._fetcher.allowance.left <= 0:
            raise ModelUnusable(
                f"The header of {self._path.name} is larger than {self._fetcher.allowance.most / 2**20:,.0f} MB.",
                hint="It is probably damaged. Choose another file.",
            )
        end = max(self._have + 1, min(end, self._have + min(_STEP, self._fetcher.allowance.left)))
        asked = {"Range": f"bytes={self._have}-{end - 1}", "Accept-Encoding": "identity"}
        try:
            headers = {**self._fetcher.headers(self._direct), **asked}
            async with self._fetcher.http.stream("GET", self._direct, headers=headers) as response:
                if response.status_code in _EXPIRED and self._direct != self._url:
                    self._direct = self._url
                elif self._check(response, end):
                    self._direct = str(response.url)
                    return await self._read(response, end)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise unreachable(self._url, error) from error
        return end

    def _check(self, response: httpx2.Response, end: int) -> bool:
        """Whether the content that follows is to be read."""
        name, host = self._path.name, response.url.host
        if response.status_code == 416:
            what = "is damaged: it ends in the middle of its header" if self._have else "is empty"
            raise ModelUnusable(f"{name} {what}.", hint="Choose another file.")
        if response.status_code not in (200, 206):
            raise self._refused(response)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise RemoteFailed(f"{host} compresses {name}, so its beginning cannot be read by itself.", hint=_ELSEWHERE)
        length = response.headers.get("Content-Length", "")
        if response.status_code == 206:
            found = _RANGE.match(response.headers.get("Content-Range", ""))
            if found is None or int(found[1]) != self._have or not self._have <= int(found[2]) < end:
                raise RemoteFailed(f"{host} sends other bytes of {name} than it was asked for.", hint=_ELSEWHERE)
            length = found[3]
        else:  # it knows no ranges
            self._written = 0
            self._pending.clear()
        size = int(length) if length.isdecimal() else None
        return self._remember(Answer(size, _version(response, size)))

    def _remember(self, answer: Answer) -> bool:
        if self._answer is None:
            self._answer = answer
            if self._known(answer):
                self._done = FetchedHeader(None, answer.size or 0, answer.version)
        elif self._answer != answer:
            raise _Changed
        return self._done is None

    def _refused(self, response: httpx2.Response) -> PaddockError:
        error = refusal(response, self._path.name, "Authorization" in response.request.headers)
        after = response.headers.get("Retry-After", "")
        if after.isdecimal():
            error.details["wait_s"] = float(after)
        return error

    async def _read(self, response: httpx2.Response, end: int) -> int:
        """Reads content until byte ``end``, or to its end where the server knows no ranges and sends the whole file."""
        before = self._have
        async for piece in response.aiter_raw():
            self._fetcher.allowance.fetched += len(piece)
            self._pending += piece
            if response.status_code == 206:
                del self._pending[end - self._written :]
            if self._have < end:
                continue
            end = await asyncio.to_thread(self._parse, False)
            if self._done is not None or response.status_code == 206 or self._fetcher.allowance.left <= 0:
                return end
        if self._have == before:
            raise RemoteFailed(f"{response.url.host} sends nothing.", hint="Try again later.", passing=True)
        return await asyncio.to_thread(self._parse, response.status_code == 200)

    def _parse(self, all_of_it: bool) -> int:
        """Up to where the header seems to reach. ``all_of_it``: the file ends here."""
        assert self._answer is not None
        with self._path.open("r+b") as file:
            file.seek(self._written)
            file.write(self._pending)
            self._written += len(self._pending)
            self._pending.clear()
            size = self._answer.size
            if size is None:
                size = self._have if all_of_it else _UNKNOWN_SIZE
            try:
                header = parse_header(file, size, self._path.name, available=self._have)
            except Incomplete as more:
                if all_of_it:
                    raise RemoteFailed("The connection broke.", hint="Try again.", passing=True) from None
                # a header that is nearly there is read to its end at once
                return max(more.likely, more.needed + _SMALLEST_STEP)
        whole = self._answer.size
        self._done = FetchedHeader(header, header.data_end if whole is None else whole, self._answer.version)
        return self._have


def _version(response: httpx2.Response, size: int | None) -> str:
    found = response.headers.get("ETag") or response.headers.get("Last-Modified")
    return f"{found} {size}" if found else ""
