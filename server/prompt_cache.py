"""The prompts that local engines keep on disk (docs/control-api.md, `/control/kv-store`): what is there, and away with
it. Workers write and read the folder meanwhile; they take it that files go."""

from __future__ import annotations

import asyncio
import difflib
import os
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from paddock.backends.llamacpp import kv_folder
from paddock.sdk.errors import NotFound, StorageFailed
from paddock.sdk.host import CachedPrompts, Settings
from paddock.sdk.types import ModelInfo, Options


def load_defaults(settings: Settings) -> Options:
    """What the settings say about how any model is loaded, under the names of the load options."""
    return {"kv_store": settings.kv_store, "kv_store_mib": settings.kv_store_mib}


class PromptCache:
    """``folder`` is ``Home.kv``; ``models`` gives the models on disk. Lives on the host's loop; the
    disk is asked in a thread."""

    def __init__(self, folder: Path, models: Callable[[], Awaitable[Iterable[ModelInfo]]]) -> None:
        self._folder = folder
        self._models = models

    async def usage(self) -> list[CachedPrompts]:
        """What is kept of each model, most recently used first."""
        return [_sum(model, kept) for model, kept in (await self._kept()).items()]

    async def clear(self, model: str = "") -> None:
        """Remove what is kept of ``model`` (as ``usage`` names it, or its file), or everything. Raises NotFound,
        StorageFailed."""
        identities: list[str | None] = [None]
        if model:
            kept = await self._kept()
            identities = [each.identity for name, all in kept.items() for each in all if model in (name, each.model)]
            if not identities:
                near = difflib.get_close_matches(model, kept, n=1)
                hint = f"Did you mean “{near[0]}”?" if near else f"Kept now: {', '.join(kept) or 'nothing'}."
                raise NotFound(f"No prompts of “{model}” are kept.", hint=hint)
        left = 0
        for identity in identities:
            left += await asyncio.to_thread(kv_folder.clear, self._folder, identity)
        if left:
            raise StorageFailed(
                f"{left} of the kept prompts could not be removed.",
                hint="Unload the models, then clear again.",
                path=str(self._folder),
            )

    async def _kept(self) -> dict[str, list[kv_folder.Kept]]:
        return await asyncio.to_thread(_by_model, self._folder, await self._models())


def _by_model(folder: Path, models: Iterable[ModelInfo]) -> dict[str, list[kv_folder.Kept]]:
    ids = {os.path.realpath(info.path): info.id for info in models}
    found = defaultdict(list)
    for each in kv_folder.usage(folder):
        found[ids.get(os.path.realpath(each.model)) or Path(each.model).name or "unknown"].append(each)
    return found


def _sum(model: str, kept: list[kv_folder.Kept]) -> CachedPrompts:
    return CachedPrompts(
        model=model,
        prompts=sum(each.files for each in kept),
        size_bytes=sum(each.n_bytes for each in kept),
        used=max(each.used for each in kept),
    )
