"""Fetches what is missing of files on the hub, over several connections, and goes on whatever happens to them."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from paddock.browser.download_pace import Limiter
from paddock.browser.download_part import Part
from paddock.browser.hub import Hub, refusal, unreachable
from paddock.sdk.errors import PaddockError, RemoteFailed
from paddock.sdk.units import span_text
from paddock.sdk.version import VERSION

if TYPE_CHECKING:
    import httpx2

_BUFFER = 128 * 1024
_NOTED = 2**19
_NOTED_S = 0.25
"""So much may be lost when the process is killed, or what comes in so long."""
_SAVED_S = 2.0
"""The same for a power cut."""
_EXPIRED = (401, 403, 404, 410)
"""What a CDN answers when the address that the hub gave is too old."""
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)$")


@dataclass(frozen=True)
class Tuning:
    """How downloads go about it: ``connections`` at once fetch pieces of ``piece`` bytes. A connection that is silent
    for ``silence_s`` is given up. After a failure it is tried again in ``retry_s``, then in twice that and so on up to
    ``longest_s``, and ``tries`` times without a byte in between. ``margin`` bytes of the disk are left free. Without
    ``reserve`` a file takes its room on the disk as its bytes come."""

    connections: int = 4
    piece: int = 16 * 2**20
    silence_s: float = 30.0
    connect_s: float = 15.0
    retry_s: float = 1.0
    longest_s: float = 60.0
    tries: int = 30
    margin: int = 256 * 2**20
    reserve: bool = True


@dataclass
class _Piece:
    part: Part
    at: int
    end: int


class Fetcher:
    """Fetches the files of one repository at one revision. Lives on one asyncio loop.

    Args:
        tuning: See there.
        hub: Where, and with which token.
        repo: OWNER/NAME.
        revision: A commit.
        limiter: Holds back what is too fast.
        told: Hears how many bytes came.
        noted: Hears what is being waited for; empty: nothing any more.
    """

    def __init__(
        self,
        tuning: Tuning,
        hub: Hub,
        repo: str,
        revision: str,
        *,
        limiter: Limiter,
        told: Callable[[int], None],
        noted: Callable[[str], None],
    ) -> None:
        self._tuning = tuning
        self._hub = hub
        self._repo = repo
        self._revision = revision
        self._limiter = limiter
        self._told = told
        self._noted = noted
        self._direct: dict[str, str] = {}
        """Where the hub's addresses led to: asked straight away, as long as that lets us."""
        self._not_before = 0.0
        self._unnoted = 0
        self._much = asyncio.Event()
        self._said = ""

    async def run(
        self, parts: Sequence[Part], enough: Callable[[], bool] = lambda: False, *, piece: int | None = None
    ) -> None:
        """Fetch what ``parts``, which are open, still need, in pieces of ``piece`` bytes; none is begun any more once
        there is ``enough``. What came is on the disk and on record afterwards, however it ends.

        Raises ModelNotFound, AccessDenied, RemoteFailed, OSError.
        """
        import httpx2

        size = piece or self._tuning.piece
        pieces = deque(
            _Piece(part, at, min(end, at + size))
            for part in parts
            for start, end in part.gaps()
            for at in range(start, end, size)
        )
        many = self._tuning.connections
        http = httpx2.AsyncClient(
            follow_redirects=True,
            timeout=httpx2.Timeout(self._tuning.silence_s, connect=self._tuning.connect_s),
            headers={"User-Agent": f"paddock/{VERSION}"},
            limits=httpx2.Limits(max_connections=2 * many, max_keepalive_connections=2 * many),
        )
        try:
            async with http, asyncio.TaskGroup() as group:
                keepers = [group.create_task(keep(parts)) for keep in (self._note, self._save)]
                async with asyncio.TaskGroup() as connections:
                    for _ in range(min(many, len(pieces))):
                        connections.create_task(self._connection(http, pieces, enough))
                for keeper in keepers:
                    keeper.cancel()
        except BaseExceptionGroup as errors:
            raise _first(errors) from None
        finally:
            self._say("")
            for part in parts:
                with suppress(OSError):  # a full disk; what the last record tells still holds
                    await asyncio.to_thread(part.checkpoint)

    async def _note(self, parts: Sequence[Part]) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_NOTED_S):
                    await self._much.wait()
            self._much.clear()
            if self._unnoted:
                self._unnoted = 0
                for part in parts:
                    await asyncio.to_thread(part.note)

    async def _save(self, parts: Sequence[Part]) -> None:
        while True:
            await asyncio.sleep(_SAVED_S)
            for part in parts:
                await asyncio.to_thread(part.checkpoint)

    async def _connection(self, http: httpx2.AsyncClient, pieces: deque[_Piece], enough: Callable[[], bool]) -> None:
        while pieces and not enough():
            piece = pieces.popleft()
            failures = 0
            while piece.at < piece.end:
                before = piece.at
                await self._wait_for_turn()
                try:
                    await self._ask(http, piece)
                except PaddockError as error:
                    failures = 1 if piece.at > before else failures + 1
                    await self._wait_after(error, failures)

    async def _wait_for_turn(self) -> None:
        """All connections keep to what the server asked of one of them."""
        while (left := self._not_before - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(left)

    async def _wait_after(self, error: PaddockError, failures: int) -> None:
        """Before the next try; raises ``error`` where there is no point in one."""
        if not error.details.get("passing") or failures >= self._tuning.tries:
            raise error
        delay = min(self._tuning.longest_s, self._tuning.retry_s * 2 ** (failures - 1)) * random.uniform(0.5, 1.0)
        asked: float = error.details.get("wait_s", 0.0)
        if asked:
            self._not_before = max(self._not_before, asyncio.get_running_loop().time() + asked)
        if failures > 1 or asked:  # a single broken connection is nothing to tell
            self._say(f"{error.message} Trying again in {span_text(max(delay, asked))}.")
        await asyncio.sleep(delay)

    def _say(self, text: str) -> None:
        if text != self._said:
            self._said = text
            self._noted(text)

    async def _ask(self, http: httpx2.AsyncClient, piece: _Piece) -> None:
        """Raises PaddockError, with ``passing`` in its details where trying again may help."""
        import httpx2

        file = piece.part.file
        of_hub = self._hub.url(self._repo, self._revision, file.path)
        url = self._direct.get(file.path, of_hub)
        headers = {**self._hub.headers_for(url), "Range": f"bytes={piece.at}-{piece.end - 1}"}
        try:
            async with http.stream("GET", url, headers={**headers, "Accept-Encoding": "identity"}) as response:
                self._check(response, piece)
                self._direct[file.path] = str(response.url)
                await self._read(response, piece)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            self._direct.pop(file.path, None)
            raise unreachable(url, error) from error

    def _check(self, response: httpx2.Response, piece: _Piece) -> None:
        name, host = piece.part.file.name, response.url.host
        if response.status_code == 206:
            found = _RANGE.match(response.headers.get("Content-Range", ""))
            if found is None or int(found[1]) != piece.at or int(found[3]) != piece.part.file.size:
                raise RemoteFailed(
                    f"{host} sends other bytes of {name} than it was asked for.",
                    hint="The file may have been replaced: cancel the download and get the model again.",
                )
            return
        if response.status_code == 200:
            if piece.at == 0 and response.headers.get("Content-Length") == str(piece.part.file.size) == str(piece.end):
                return
            raise RemoteFailed(f"{host} cannot send a part of {name}.", hint="Choose another mirror.")
        self._direct.pop(piece.part.file.path, None)
        if response.status_code in _EXPIRED and response.url.netloc != urlsplit(self._hub.endpoint).netloc.encode():
            raise RemoteFailed(f"The address of {name} has expired.", hint="Try again.", passing=True)
        error = refusal(response, name, "Authorization" in response.request.headers)
        error.details["wait_s"] = retry_after(response.headers.get("Retry-After", ""))
        raise error

    async def _read(self, response: httpx2.Response, piece: _Piece) -> None:
        buffer = bytearray()
        before = piece.at
        try:
            async for data in response.aiter_raw():
                self._say("")
                data = data[: piece.end - piece.at - len(buffer)]
                buffer += data
                self._told(len(data))
                await self._limiter.take(len(data))
                if len(buffer) >= _BUFFER or piece.at + len(buffer) >= piece.end:
                    await asyncio.to_thread(piece.part.write, piece.at, bytes(buffer))
                    piece.at += len(buffer)
                    self._came(len(buffer))
                    buffer.clear()
                if piece.at >= piece.end:
                    break
        finally:
            if buffer:
                piece.part.write(piece.at, bytes(buffer))
                piece.at += len(buffer)
        if piece.at == before:
            raise RemoteFailed(f"{response.url.host} sends nothing.", hint="Try again later.", passing=True)

    def _came(self, count: int) -> None:
        self._unnoted += count
        if self._unnoted >= _NOTED:
            self._much.set()


def retry_after(text: str) -> float:
    """Seconds that a server asks to wait: a number of them, or a date; 0 where it does not ask."""
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return 0.0


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
