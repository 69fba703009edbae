"""A hub that the tests of the Discover page hold in their hands: pages of results, a repository, fits by a formula."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from memory_fakes import GB, FakeClient, FakeHost, estimate

from paddock.sdk.downloads import Download, DownloadFile
from paddock.sdk.errors import BadRequest, PaddockError
from paddock.sdk.events import DownloadProgress
from paddock.sdk.host import Settings, SettingsPatch
from paddock.sdk.hub import (
    FitsRequest,
    HubFileInfo,
    HubModel,
    HubPage,
    HubQuant,
    HubResult,
    HubSearchRequest,
    QuantFit,
    RepoFits,
    Suggestion,
)
from paddock.sdk.memory import Machine, Parts

SIZES = {"Q3_K_M": 4.1, "IQ4_XS": 4.6, "Q4_K_M": 5.0, "Q6_K": 6.7, "Q8_0": 8.7}
ABOUT = {"Q8_0": "near lossless", "Q3_K_M": "noticeable loss"}
REPO = "Qwen/Qwen3-8B-GGUF"


def result(number: int = 0, **changes: Any) -> HubResult:
    name = "Qwen3-8B-GGUF" if not number else f"Model-{number}-8B-GGUF"
    made = HubResult(
        id=f"Qwen/{name}",
        author="Qwen",
        name=name,
        downloads=1_400_000 // (number + 1),
        updated=1_700_000_000.0,
        licence="apache-2.0",
        parameters=8_200_000_000,
        badges=("tools", "reasoning"),
        formats=("gguf",),
        context_length=40_960,
        fit="fits",
    )
    return msgspec.structs.replace(made, **changes)


def quant(label: str, *, repo: str = REPO, parts: int = 1, missing: tuple[str, ...] = ()) -> HubQuant:
    size = round(SIZES[label] * GB)
    files = tuple(HubFileInfo(path=f"{label}-{part}.gguf", size_bytes=size // parts) for part in range(parts))
    return HubQuant(label=label, source=f"{repo}:{label}", size_bytes=size, files=files, missing=missing)


def hub_model(**changes: Any) -> HubModel:
    made = HubModel(
        result=result(),
        revision="c0ffee",
        page=f"https://hub.test/{REPO}",
        card="# Qwen3 8B\n\nA [link](https://x.test).\n\n<img src='https://x.test/p.png' alt='Chart'>",
        quants=tuple(quant(label) for label in SIZES),
    )
    return msgspec.structs.replace(made, **changes)


def fits_of(request: FitsRequest, *, disk_free: int = 214 * GB, downloaded: str = "") -> RepoFits:
    """Each quant with the formula of memory_fakes and its own weights; on “24GB” everything fits."""
    found = []
    for label, size in sorted(SIZES.items(), key=lambda item: -item[1]):
        told = estimate(request.options, quick=request.quick, gemma=False)
        weights = round(size * GB * 0.94)
        more = weights - told.parts.weights
        parts: Parts = msgspec.structs.replace(told.parts, weights=weights)
        ram, card = told.devices
        card = msgspec.structs.replace(
            card, bytes=card.bytes + more, parts=msgspec.structs.replace(card.parts, weights=weights)
        )
        if request.on:
            card = msgspec.structs.replace(card, total=24 * GB, free=23 * GB)
        room = card.free or 0
        verdict = "fits" if card.bytes <= room else "does_not_fit"
        told = msgspec.structs.replace(
            told,
            parts=parts,
            devices=(ram, card),
            verdict=verdict,
            sentence="Fits." if verdict == "fits" else "Does not fit.",
            remedy=None,
            fetched_bytes=0 if request.quick else 6_000_000,
        )
        source = f"{request.repo}:{label}"
        found.append(
            QuantFit(
                label=label,
                source=source,
                size_bytes=round(size * GB),
                estimate=told,
                about=ABOUT.get(label, ""),
                downloaded=source if label == downloaded else "",
            )
        )
    best = next((fit for fit in found if fit.estimate.verdict == "fits"), None)
    return RepoFits(
        repo=request.repo,
        fits=tuple(found),
        best=best.label if best else "",
        reason="best quality with room for 8k context" if best else "",
        disk_free=disk_free,
        machine=request.on,
    )


def download(label: str = "Q4_K_M", **changes: Any) -> Download:
    """One of REPO's files on its way."""
    file = DownloadFile(path=f"{label}.gguf", name=f"{label}.gguf", size=round(SIZES[label] * GB))
    made = Download(
        id="d1",
        model=f"{REPO}:{label}",
        repo=REPO,
        revision="c0ffee",
        files=(file,),
        state="running",
        done_bytes=round(2.1 * GB),
        speed=12e6,
        seconds_left=240.0,
    )
    return msgspec.structs.replace(made, **changes)


SUGGESTED = Suggestion(
    source="ggml-org/SmolLM3-3B-GGUF:Q4_K_M",
    name="SmolLM3 3B",
    parameters=3_080_000_000,
    size_bytes=1_915_000_000,
    licence="apache-2.0",
    reason="Open throughout.",
    fit="fits",
)


class HubClient(FakeClient):
    """``pages`` are the answers to a search, one after the other; the last one comes again."""

    def __init__(self) -> None:
        super().__init__()
        found = tuple(result(number) for number in range(3))
        self.pages = [HubPage(results=found, fetched=1_700_000_000.0, hub="https://huggingface.co")]
        self.model = hub_model()
        self.disk_free = 214 * GB
        self.downloaded = ""
        self.answer_fits: Callable[[FitsRequest], RepoFits] | None = None
        self.moved: Callable[[Download], None] = lambda _: None
        self.settings = Settings()

    async def search(self, request: HubSearchRequest) -> HubPage:
        self._note("search", request)
        return self.pages.pop(0) if len(self.pages) > 1 else self.pages[0]

    async def machines(self) -> list[Machine]:
        return []

    async def suggestions(self) -> list[Suggestion]:
        self._note("suggestions", None)
        return [SUGGESTED]

    async def hub_model(self, repo: str) -> HubModel:
        self._note("hub_model", repo)
        if repo == self.model.result.id:
            return self.model
        found = msgspec.structs.replace(self.model.result, id=repo, name=repo.rpartition("/")[2])
        quants = tuple(quant(label, repo=repo) for label in SIZES)
        return msgspec.structs.replace(self.model, result=found, quants=quants)

    async def hub_fits(self, request: FitsRequest) -> RepoFits:
        self._note("quick fits" if request.quick else "full fits", request)
        if self.answer_fits is not None:
            return self.answer_fits(request)
        return fits_of(request, disk_free=self.disk_free, downloaded=self.downloaded)

    async def download(self, model: str) -> Download:
        self._note("download", model)
        return self._moved(download(model.rpartition(":")[2], done_bytes=0, state="queued"))

    async def pause_download(self, id: str) -> Download:
        self._note("pause", id)
        return self._moved(download(state="paused"))

    async def resume_download(self, id: str) -> Download:
        self._note("resume", id)
        return self._moved(download())

    async def cancel_download(self, id: str) -> None:
        self._note("cancel", id)

    def _moved(self, download: Download) -> Download:
        self.moved(download)
        return download

    async def patch_settings(self, patch: SettingsPatch) -> Settings:
        self._note("settings", patch)
        if patch.planned_machines and "gold" in patch.planned_machines:
            raise BadRequest("“gold” does not describe a computer.", hint="Write its memory.")
        changes = {name: value for name, value in msgspec.structs.asdict(patch).items() if value is not None}
        self.settings = msgspec.structs.replace(self.settings, **changes)
        return self.settings


class HubHost(FakeHost):
    """A FakeHost whose client knows a hub."""

    client: HubClient

    def __init__(self, home: Any) -> None:
        super().__init__(home)
        self.client = HubClient()
        self.client.moved = self.tell
        self.models.clear()

    def tell(self, download: Download) -> None:
        """What the event stream would bring."""
        self._update(DownloadProgress(id=download.id, download=download))

    def asked(self, method: str) -> list[Any]:
        """What was asked of a method, in order."""
        return [value for name, value in self.client.asked if name == method]

    def fail(self, method: str, error: PaddockError) -> None:
        self.client.fail[method] = error
