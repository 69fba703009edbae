"""A host with a library that the tests of the Models page hold in their hands."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from memory_fakes import GB, FakeClient, FakeHost, estimate, loaded_gemma

from paddock.sdk.hub import FitsRequest, HubFileInfo, HubModel, HubQuant, HubResult, QuantFit, RepoFits
from paddock.sdk.jobs import Job
from paddock.sdk.library import ImportPreview, LibraryProblem, Place, QuantChoice, QuantizeRequest, Trashed
from paddock.sdk.types import LoadedModel, ModelInfo

QWEN, GEMMA = "Qwen/Qwen3-8B-GGUF:Q4_K_M", "google/gemma-3-4b:Q4_K_M"
LLAMA, EMBED, BROKEN = "ollama/llama3.2:3b", "nomic-ai/nomic-embed-text-v1.5-GGUF:Q8_0", "acme/Broken-7B:Q4_K_M"
ORIGINAL, STARTER = "Qwen/Qwen3-0.6B-GGUF:BF16", "paddock/starter"
OURS = "/data/paddock/models"
PLACES = (
    Place(path=OURS, source="folder", name="My models", models=5, size_bytes=9 * GB, free_bytes=214 * GB),
    Place(
        path="/home/a/.ollama/models",
        source="ollama",
        name="Ollama",
        models=1,
        removable=False,
        note="Ollama keeps this model. Remove it with “ollama rm llama3.2:3b”.",
    ),
)
PROBLEMS = (
    LibraryProblem(
        path=f"{OURS}/unsloth/Mistral-Small/mistral-00002-of-00003.gguf",
        sentence="“mistral-00002-of-00003.gguf” is missing two of its three parts.",
        remedy="Download the model again; what is there is used.",
        action="download",
        target="unsloth/Mistral-Small:Q4_K_M",
        size_bytes=6 * GB,
    ),
    LibraryProblem(
        path=f"{OURS}/x/phi.gguf.part",
        sentence="“phi-4-Q4_K_M.gguf” was not downloaded to its end.",
        action="resume",
        target="d1",
        size_bytes=3 * GB,
    ),
    LibraryProblem(path=f"{OURS}/x/empty.gguf", sentence="“empty.gguf” is empty.", action="delete"),
    LibraryProblem(path="/models", sentence="“/models” cannot be read: permission denied."),
)


def model(id: str, name: str, **more: Any) -> ModelInfo:
    """A model of our own folder."""
    usual: dict[str, Any] = {
        "engine": "llamacpp",
        "path": f"{OURS}/{id.partition(':')[0]}/{name}.gguf",
        "size_bytes": int(4.9 * GB),
        "architecture": "qwen3",
        "parameters": 8_190_000_000,
        "quant": id.rpartition(":")[2],
        "context_length": 40_960,
        "capabilities": ("chat", "tools", "reasoning"),
        "folder": OURS,
        "licence": "apache-2.0",
        "has_template": True,
    }
    return ModelInfo(id=id, name=name, **{**usual, **more})


def library() -> dict[str, ModelInfo]:
    """A few models of each kind."""
    now = time.time()
    infos = (
        model(QWEN, "Qwen3 8B", last_used=now - 7200, notes="Good at code", sampling={"temperature": 0.6, "top_k": 20}),
        model(
            GEMMA,
            "Gemma 3 4B",
            size_bytes=int(2.5 * GB),
            architecture="gemma3",
            parameters=3_880_000_000,
            context_length=131_072,
            capabilities=("chat",),
            projector=f"{OURS}/google/gemma-3-4b/mmproj.gguf",
            licence="gemma",
            last_used=now - 60,
            duplicates=(LLAMA,),
        ),
        model(
            LLAMA,
            "Llama 3.2 3B Instruct",
            size_bytes=2 * GB,
            architecture="llama",
            parameters=3_210_000_000,
            quant="Q4_K_M",
            context_length=131_072,
            source="ollama",
            folder="/home/a/.ollama/models",
            last_used=now - 5 * 86400,
        ),
        model(
            EMBED,
            "nomic-embed-text-v1.5",
            size_bytes=146_000_000,
            architecture="nomic-bert",
            parameters=137_000_000,
            context_length=2048,
            capabilities=("embedding",),
            has_template=False,
        ),
        model(
            BROKEN,
            "Broken 7B",
            size_bytes=1_200_000_000,
            parameters=None,
            context_length=None,
            architecture="",
            capabilities=(),
            error="The file ends in the middle of its header. Download it again.",
        ),
        model(ORIGINAL, "Qwen3 0.6B", size_bytes=1_200_000_000, parameters=596_000_000, last_used=now - 86400 * 40),
        model(
            STARTER,
            "Paddock Starter",
            quant="Q8_0",
            size_bytes=1_400_000,
            parameters=1_100_000,
            context_length=2048,
            source="bundled",
            folder="/usr/lib/paddock",
            capabilities=("chat",),
            architecture="llama",
        ),
    )
    return {info.id: info for info in infos}


def many(number: int) -> dict[str, ModelInfo]:
    """So many models with different names."""
    families = ("qwen3", "llama", "gemma3", "mistral", "phi3")
    quants = ("Q4_K_M", "Q8_0", "Q5_K_S", "IQ4_XS")
    infos = (
        model(
            f"publisher{place % 97}/Family-{families[place % 5]}-{place}-GGUF:{quants[place % 4]}",
            f"Family {families[place % 5]} {place}",
            architecture=families[place % 5],
            size_bytes=10**6 * (place % 9_000 + 1),
            parameters=10**6 * (place % 70_000 + 1),
            last_used=None if place % 3 else 1.7e9 + place,
            notes="for the evening" if place % 50 == 0 else "",
        )
        for place in range(number)
    )
    return {info.id: info for info in infos}


def choices() -> list[QuantChoice]:
    """What the original can be made into."""
    about = {"Q8_0": "near lossless", "Q6_K": "very good", "Q4_K_M": "good balance", "Q3_K_M": "noticeable loss"}
    made = [
        QuantChoice(
            quant=quant, size_bytes=size, bits_per_weight=bits, about=about.get(quant, ""), estimate=estimate({})
        )
        for quant, size, bits in (
            ("Q8_0", 640_000_000, 8.5),
            ("Q6_K", 495_000_000, 6.6),
            ("Q4_K_M", 397_000_000, 4.9),
            ("Q3_K_M", 330_000_000, 3.9),
        )
    ]
    refusal = "It needs an importance matrix, which Paddock cannot make yet."
    return [*made, QuantChoice(quant="IQ2_XS", size_bytes=200_000_000, bits_per_weight=2.4, about="", refusal=refusal)]


class LibraryClient(FakeClient):
    """What the Models page asks of the client besides."""

    def __init__(self, host: LibraryHost) -> None:
        super().__init__()
        self._host = host
        self.trashed: dict[str, tuple[Trashed, ModelInfo]] = {}
        self.preview: dict[str, Any] = {}
        self.obstacle = ""

    async def models(self) -> list[ModelInfo]:
        return list(self._host.models.values())

    refresh_models = models

    async def places(self) -> list[Place]:
        self._note("places", None)
        return list(PLACES)

    async def model_problems(self) -> list[LibraryProblem]:
        self._note("problems", None)
        return list(self._host.problems)

    async def patch_model(
        self, model: str, *, notes: str | None = None, aliases: tuple[str, ...] | None = None
    ) -> ModelInfo:
        self._note("patch_model", (model, notes if aliases is None else aliases))
        kept = self._host.models[model]
        info = msgspec.structs.replace(
            kept, notes=kept.notes if notes is None else notes, aliases=kept.aliases if aliases is None else aliases
        )
        self._host.put({**self._host.models, model: info})
        return info

    async def delete_model(self, model: str) -> Trashed:
        self._note("delete", model)
        info = self._host.models[model]
        now = time.time()
        trashed = Trashed(
            id=f"t{len(self.trashed)}",
            model=model,
            name=info.name,
            path=info.path,
            size_bytes=info.size_bytes,
            files=1,
            deleted=now,
            expires=now + 7 * 86_400,
        )
        self.trashed[trashed.id] = trashed, info
        self._host.put({id: item for id, item in self._host.models.items() if id != model})
        return trashed

    async def trash(self) -> list[Trashed]:
        self._note("trash", None)
        return [trashed for trashed, _ in self.trashed.values()]

    async def restore_model(self, id: str) -> ModelInfo:
        self._note("restore", id)
        _, info = self.trashed.pop(id)
        self._host.put({**self._host.models, info.id: info})
        return info

    async def empty_trash(self, id: str = "") -> None:
        self._note("empty", id)
        self.trashed = {key: item for key, item in self.trashed.items() if id and key != id}

    async def unload(self, instance: str) -> None:
        await super().unload(instance)
        self._host.loaded.pop(instance, None)

    async def estimate(self, model: str, options: Any = None, *, quick: bool = False, replacing: Any = ()) -> Any:
        return await super().estimate(model, options or {}, quick=quick, replacing=replacing)

    async def load(self, model: str, options: Any = None, *, force: bool = False) -> LoadedModel:
        return await super().load(model, options or {}, force=force)

    async def preview_import(self, path: str) -> ImportPreview:
        self._note("preview", path)
        usual = {"models": 1, "files": 1, "size_bytes": int(4.9 * GB), "free_bytes": 214 * GB}
        refused = {"hardlink": "The file is on another disk, so a hard link cannot be made."}
        return ImportPreview(
            path=path, target=OURS, name="Qwen/Qwen3-8B-GGUF", **{**usual, "refused": refused, **self.preview}
        )

    async def import_model(self, path: str, method: str = "copy", *, name: str = "") -> Job:
        self._note("import", (path, method, name))
        return self._host.job(Job(id="j1", kind="import", title=f"Copy {path.rpartition('/')[2]}", state="running"))

    async def quants(self, model: str) -> list[QuantChoice]:
        self._note("quants", model)
        return choices()

    async def quantize(self, request: QuantizeRequest) -> Job:
        self._note("quantize", request)
        title = f"Quantise {request.model} to {request.quant}"
        return self._host.job(Job(id="j2", kind="quantize", title=title, state="running"))

    async def cancel_job(self, id: str) -> None:
        self._note("cancel_job", id)
        self._host.job(msgspec.structs.replace(self._host.jobs[id], state="cancelled"))

    async def resume_download(self, id: str) -> None:
        self._note("resume", id)

    async def download(self, model: str) -> None:
        self._note("download", model)

    async def hub_model(self, repo: str) -> HubModel:
        self._note("hub_model", repo)
        quants = tuple(
            HubQuant(label=label, source=f"{repo}:{label}", size_bytes=5 * GB, files=(
                HubFileInfo(path=f"{label}/qwen3-{label}.gguf", size_bytes=5 * GB),))
            for label in ("Q4_K_M", "Q8_0")
        )  # fmt: skip
        owner, _, name = repo.partition("/")
        result = HubResult(id=repo, author=owner, name=name)
        return HubModel(result=result, revision="c0ffee", page="", quants=quants, obstacle=self.obstacle)

    async def hub_fits(self, request: FitsRequest) -> RepoFits:
        self._note("fits", request)
        fits = tuple(
            QuantFit(label=label, source=f"{request.repo}:{label}", size_bytes=size, estimate=estimate({}))
            for label, size in (("Q8_0", int(8.7 * GB)), ("Q4_K_M", 5 * GB))
        )
        reason = "Best quality with room for 15k context"
        return RepoFits(repo=request.repo, fits=fits, best="Q4_K_M", reason=reason, disk_free=214 * GB)


class LibraryHost(FakeHost):
    """A few models, one of them loaded; Ollama's cannot be deleted, the starter neither."""

    client: LibraryClient

    def __init__(self, home: Any) -> None:
        super().__init__(home)
        self.client = LibraryClient(self)
        self.problems = PROBLEMS
        self.models = library()
        self.loaded = {"i1": loaded_gemma()}

    def put(self, models: dict[str, ModelInfo]) -> None:
        """The library is another now."""
        self.models = models
        self.models_changed.emit()

    def job(self, job: Job) -> Job:
        """A job moved on."""
        self.jobs[job.id] = job
        self.jobs_changed.emit()
        return job
