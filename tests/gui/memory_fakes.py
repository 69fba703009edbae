"""A host that the memory tests hold in their hands: it answers estimates by a formula and remembers what was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

import msgspec
import shiboken6
from PySide6.QtCore import QObject, QTimer

from paddock.gui.bridge import Bridge, Task
from paddock.gui.host_link import HostLink
from paddock.gui.host_state import HostState
from paddock.sdk.errors import PaddockError
from paddock.sdk.host import Settings, SettingsPatch
from paddock.sdk.memory import (
    DeviceState,
    Estimate,
    EstimatedDevice,
    Holder,
    MemoryDevice,
    MemoryState,
    ModelShare,
    Parts,
    Remedy,
)
from paddock.sdk.options import OptionSpec
from paddock.sdk.paths import Home
from paddock.sdk.types import LoadedModel, ModelInfo, Options

GB = 10**9
QWEN, GEMMA = "Qwen/Qwen3-8B-GGUF:Q4_K_M", "google/gemma-3-4b:Q4_K_M"
GPU = MemoryDevice(name="CUDA0", kind="gpu", description="RTX 4060 Laptop", total=8 * GB, free=int(2.9 * GB))
RAM = MemoryDevice(name="RAM", description="", total=64 * GB, free=45 * GB)
MODELS = (
    ModelInfo(
        id=QWEN,
        name="Qwen3 8B",
        engine="llamacpp",
        path="/q.gguf",
        size_bytes=int(4.9 * GB),
        quant="Q4_K_M",
        context_length=40_960,
    ),
    ModelInfo(
        id=GEMMA,
        name="Gemma 3 4B",
        engine="llamacpp",
        path="/g.gguf",
        size_bytes=int(2.5 * GB),
        quant="Q4_K_M",
        context_length=131_072,
    ),
)


def loaded_gemma(**changes: Any) -> LoadedModel:
    """An idle model on the GPU."""
    model = LoadedModel(
        id="i1",
        model=GEMMA,
        engine="llamacpp",
        state="ready",
        predicted_bytes=int(4.36 * GB),
        measured_bytes=int(4.31 * GB),
        ttl_s=3600,
        last_used=0.0,
    )
    return msgspec.structs.replace(model, **changes)


def memory(*, pressure: str = "", gpus: int = 1, promised: int = 0) -> MemoryState:
    """A laptop with a GPU on which Gemma is loaded."""
    on_gpu = Parts(weights=int(2.5 * GB), kv=int(1.3 * GB), compute=int(0.3 * GB))
    share = ModelShare(instance="i1", model=GEMMA, loading=False, predicted=on_gpu, measured=int(4.1 * GB))
    little = ModelShare(instance="i1", model=GEMMA, loading=False, predicted=Parts(overhead=260_000_000))
    first = DeviceState(device=GPU, models=(share,), others=int(0.8 * GB), promised=promised, free=int(2.5 * GB))
    more = [
        DeviceState(device=msgspec.structs.replace(GPU, name=f"CUDA{number}"), others=GB, free=7 * GB)
        for number in range(1, gpus)
    ]
    largest = (Holder(name="firefox", bytes=int(4.2 * GB)), Holder(name="code", bytes=int(1.9 * GB)))
    ram = DeviceState(device=RAM, models=(little,), others=int(18.4 * GB), holders=largest, free=42 * GB)
    devices = (ram, first, *more) if gpus else (ram,)
    return MemoryState(devices=devices, pressure=pressure)


def estimate(options: Mapping[str, Any], *, quick: bool = False, gpu: bool = True, gemma: bool = True) -> Estimate:
    """What Qwen would take: 147 kB for each token of context, half of it with a smaller KV type."""
    context = options.get("n_ctx") or 8192
    small = options.get("cache_type_k", "f16") != "f16"
    parts = Parts(
        weights=int(4.7 * GB), kv=context * (73_000 if small else 147_000), compute=304_000_000, overhead=250_000_000
    )
    ours = int(4.1 * GB) if gemma else 0
    free = int(7.2 * GB) - ours if gpu else 42 * GB
    on_gpu = msgspec.structs.replace(parts, overhead=0)
    host = EstimatedDevice(
        name="RAM", kind="cpu", bytes=250_000_000, free=42 * GB, total=64 * GB, parts=Parts(overhead=250_000_000)
    )
    card = EstimatedDevice(name="CUDA0", kind="gpu", bytes=on_gpu.total, free=free, total=8 * GB, parts=on_gpu)
    if not gpu:
        host = msgspec.structs.replace(host, bytes=parts.total, parts=parts)
    used, room = (on_gpu.total, free) if gpu else (parts.total, host.free or 0)
    answer = Estimate(
        model=QWEN,
        source="analytic" if quick else "simulated",
        confidence="high" if quick else "exact",
        total_bytes=parts.total,
        parts=parts,
        devices=(host, card) if gpu else (host,),
        verdict="fits",
        sentence=f"Fits. {(room - used) / GB:.1f} GB stays free.",
        context_length=context,
        trained_context=40_960,
        layers=36,
        options=dict(options),
        max_context=None if quick else 14_848,
    )
    if used <= room:
        return answer
    missing = f"{(used - room) / GB:.1f} GB are missing"
    if used <= room + ours:
        remedy = Remedy(sentence="Unload Gemma 3 4B first", unload=("i1",))
        return msgspec.structs.replace(
            answer, verdict="fits_if_unloaded", sentence="Fits when Gemma 3 4B is unloaded.", remedy=remedy
        )
    remedy = Remedy(sentence="Use 14,848 tokens of context", options={"n_ctx": 14_848})
    return msgspec.structs.replace(
        answer,
        verdict="does_not_fit" if quick else "fits_with",
        sentence=f"Does not fit: {missing} on RTX 4060 Laptop.",
        remedy=None if quick else remedy,
    )


class FakeClient:
    """What the window asks of the client; ``fail`` maps a method to the error it raises."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.saved: Options = {}
        self.fail: dict[str, PaddockError] = {}
        self.gpu = True
        self.gemma = True
        self.after: Callable[[str], None] = lambda method: None

    async def sampling_options(self, model: str) -> list[OptionSpec]:
        return []

    def _note(self, method: str, value: Any) -> None:
        self.asked.append((method, value))
        if method in self.fail:
            raise self.fail[method]

    async def estimate(self, model: str, options: Options, *, quick: bool = False, replacing: Any = ()) -> Estimate:
        self._note("quick" if quick else "full", dict(options))
        return estimate({**self.saved, **options}, quick=quick, gpu=self.gpu, gemma=self.gemma)

    async def load_options(self, model: str) -> Options:
        self._note("load_options", model)
        return self.saved

    async def set_load_options(self, model: str, options: Options) -> Options:
        self._note("set_load_options", dict(options))
        self.saved = dict(options)
        return self.saved

    async def load(self, model: str, options: Options, *, force: bool = False) -> LoadedModel:
        self._note("load", (dict(options), force))
        return LoadedModel(id="i2", model=model, engine="llamacpp", state="ready")

    async def unload(self, instance: str) -> None:
        self._note("unload", instance)
        self.gemma = False
        self.after("unload")

    async def patch_instance(self, instance: str, *, pinned: bool | None = None, ttl_s: float | None = None) -> Any:
        self._note("patch", (instance, pinned))

    async def patch_settings(self, patch: SettingsPatch) -> Settings:
        self._note("settings", patch)
        changes = {name: value for name, value in msgspec.structs.asdict(patch).items() if value is not None}
        return msgspec.structs.replace(Settings(), **changes)


class FakeHost(HostState):
    """Answers in the next turn of the event loop, or when ``release`` is called while ``held``."""

    def __init__(self, home: Any) -> None:
        super().__init__(Bridge(lambda error: None), HostLink(Home(home)), Settings())
        self.client = FakeClient()
        self.held = False
        self._waiting: list[Callable[[], None]] = []
        self.connection = "connected"
        self.models = {info.id: info for info in MODELS}
        self.models_known = True
        self.loaded = {"i1": loaded_gemma()}
        self.silks.worn = {GEMMA: 2, QWEN: 0}
        self.memory = memory()

    def call(self, job: Any, on_result: Any = None, on_error: Any = None, owner: QObject | None = None) -> Task:
        answer = _Answer(self, job, on_result, on_error, owner)
        if self.held:
            self._waiting.append(answer.come)
        else:
            QTimer.singleShot(0, answer.come)
        return answer

    def change(self, job: Any, on_result: Any = None, on_error: Any = None, owner: QObject | None = None) -> Task:
        return self.call(job, on_result, on_error, owner)

    def stream(self, job: Callable[[Any], AsyncGenerator[Any, None]], *rest: Any, **more: Any) -> Task:
        raise AssertionError("nothing here is streamed")

    def release(self) -> None:
        """Give the answers that were held."""
        waiting, self._waiting = self._waiting, []
        for come in waiting:
            come()


class _Answer(Task):
    def __init__(self, host: FakeHost, job: Any, on_result: Any, on_error: Any, owner: QObject | None) -> None:
        self._host, self._job, self._on_result, self._on_error = host, job, on_result, on_error
        self._owner = owner
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True

    def come(self) -> None:
        if self.cancelled or (self._owner is not None and not shiboken6.isValid(self._owner)):
            return
        try:
            value = asyncio.run(self._job(self._host.client))
        except PaddockError as error:
            if self._on_error is not None:
                self._on_error(error)
            return
        if self._on_result is not None:
            self._on_result(value)
