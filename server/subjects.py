"""Which model a question about memory is about: one on this computer, or one whose header is fetched for it."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from paddock.sdk.errors import ModelNotFound, PaddockError

if TYPE_CHECKING:
    from paddock.backends.base import EngineDescriptor
    from paddock.backends.registry import Registry
    from paddock.browser.gguf import Header
    from paddock.browser.remote import Fetched
    from paddock.sdk.types import ModelInfo

_REMOTE_ENGINE = "llamacpp"
"""What is fetched is GGUF."""
_FRESH_S = 300.0
"""So long the hub is not asked again about the same model."""
_RECENT = 32


@dataclass(frozen=True)
class Subject:
    """A model whose memory is asked about. ``name`` is its id; ``path`` its file, of which the header may be all there
    is, empty where there is not even that; ``key`` changes with the file. ``headers`` are those that were fetched;
    ``projector`` is the file through which it sees."""

    name: str
    engine: EngineDescriptor
    path: str
    key: str
    size_bytes: int
    headers: tuple[Header, ...] = ()
    fetched_bytes: int = 0
    projector: str = ""


class Subjects:
    """``find`` gives the model of an id or path; ``folder`` keeps the headers that were fetched. ``fetching`` hears of
    the engine of a header that is about to be."""

    def __init__(
        self,
        registry: Registry,
        find: Callable[[str], Awaitable[ModelInfo]],
        folder: Path,
        *,
        fetching: Callable[[str], None] = lambda engine: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._find = find
        self._folder = folder
        self._fetching = fetching
        self._clock = clock
        self._recent: dict[str, tuple[float, Subject]] = {}

    def engine(self, model: ModelInfo) -> EngineDescriptor:
        """Raises EngineMissing."""
        return self._registry.get(model.engine)

    async def on_disk(self, model: ModelInfo) -> Subject:
        """Raises EngineMissing."""
        key = await asyncio.to_thread(file_key, model.path)
        return Subject(model.id, self.engine(model), model.path, key, model.size_bytes, projector=model.projector)

    async def find(self, model: str) -> Subject:
        """The model of an id, a path, ``REPO:QUANT`` or a URL. Raises ModelNotFound, ModelUnusable, and what keeps the
        hub from answering."""
        if (recent := self._fetched_before(model)) is not None:
            return recent
        from paddock.browser.remote import is_remote

        try:
            if not model.lower().startswith(("http://", "https://")):
                return await self.on_disk(await self._find(model))
        except ModelNotFound as missing:
            if not is_remote(model):
                raise
            try:
                return await self._fetched(model)
            except PaddockError as error:
                # most likely a misspelt id; that the hub does not have it either is no news
                raise (missing if missing.details.get("near") else error) from None
        return await self._fetched(model)

    async def on_hub(self, source: str) -> Subject:
        """The model of ``REPO:QUANT`` on the hub, whatever there is on this computer. Raises what keeps the hub from
        answering."""
        return self._fetched_before(source) or await self._fetched(source)

    def _fetched_before(self, source: str) -> Subject | None:
        fetched_at, recent = self._recent.get(source, (0.0, None))
        return recent if self._clock() - fetched_at < _FRESH_S else None

    async def _fetched(self, source: str) -> Subject:
        from paddock.browser.remote import fetch_headers

        self._fetching(_REMOTE_ENGINE)
        fetched = await fetch_headers(source, self._folder)
        found = await self._subject(fetched)
        while len(self._recent) >= _RECENT:
            del self._recent[next(iter(self._recent))]
        self._recent[source] = (self._clock(), found)
        return dataclasses.replace(found, fetched_bytes=fetched.fetched_bytes)

    async def kept(self, endpoint: str, repo: str, revision: str, label: str, paths: Sequence[str]) -> Subject | None:
        """A model on the hub at ``endpoint``, if its headers were fetched before; nothing is asked there."""
        from paddock.browser.remote import kept_headers

        found = await asyncio.to_thread(kept_headers, endpoint, repo, revision, label, paths, self._folder)
        return None if found is None else await self._subject(found)

    def imagined(self, name: str, size_bytes: int) -> Subject:
        """A model of which nothing is here. Raises EngineMissing."""
        return Subject(name, self._registry.get(_REMOTE_ENGINE), "", name, size_bytes)

    async def _subject(self, fetched: Fetched) -> Subject:
        path = str(fetched.paths[0]) if fetched.paths else ""
        return Subject(
            name=fetched.model,
            engine=self._registry.get(_REMOTE_ENGINE),
            path=path,
            key=await asyncio.to_thread(file_key, path) if path else f"{fetched.model}|{fetched.size_bytes}",
            size_bytes=fetched.size_bytes,
            headers=fetched.headers,
            projector=str(fetched.projector or ""),
        )


def file_key(path: str) -> str:
    """Changes with the file; blocks. A file that is not there has a key too: reading it says what is wrong."""
    try:
        facts = Path(path).stat()
    except OSError:
        return path
    return f"{path}|{facts.st_size}|{facts.st_mtime_ns}"
