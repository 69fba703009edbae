"""A host for the first screen, which the tests hold in their hands: a laptop, the suggestions, what others have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from memory_fakes import GB, FakeClient, FakeHost

from paddock.sdk.downloads import Download, DownloadFile
from paddock.sdk.errors import RemoteFailed
from paddock.sdk.hub import Suggestion
from paddock.sdk.library import Place
from paddock.sdk.memory import Machine, MemoryDevice, Verdict

RAM = MemoryDevice(name="RAM", total=32 * GB)
CARD = MemoryDevice(name="CUDA0", kind="gpu", description="RTX 4060 Laptop", total=8 * GB)
LAPTOP = Machine(name="This computer", devices=(RAM, CARD), cores=8)
OFFLINE = RemoteFailed("The hub cannot be reached.", hint="Check the connection, then try again.")


def suggestion(name: str, gigabytes: float, fit: Verdict = "fits", badges: Any = ("tools",)) -> Suggestion:
    return Suggestion(
        source=f"hub/{name.replace(' ', '-')}-GGUF:Q4_K_M",
        name=name,
        parameters=round(gigabytes * 1.6 * GB),
        size_bytes=round(gigabytes * GB),
        licence="apache-2.0",
        badges=badges,
        reason=f"For trying {name}: it answers at once and can call tools.",
        fit=fit,
    )


SUGGESTIONS = [
    suggestion("Tiny 0.6B", 0.6),
    suggestion("Vectors", 0.6, badges=("embedding",)),
    suggestion("Small 3B", 1.9),
    suggestion("Middle 4B", 2.5),
    suggestion("Large 8B", 5.0),
    suggestion("Huge 30B", 18.6, fit="fits_with"),
    suggestion("Giant 120B", 65.0, fit="does_not_fit"),
]
PLACES = [
    Place(path="/home/me/models", source="folder", name="Models of Paddock", models=1),
    Place(path="/home/me/.lmstudio/models", source="lmstudio", name="LM Studio", models=12, size_bytes=48 * GB),
    Place(path="/home/me/.ollama/models", source="ollama", name="Ollama", models=1, size_bytes=2 * GB),
    Place(path="/home/me/jan", source="jan", name="Jan"),
]


def coming(source: str, **changes: Any) -> Download:
    """A quarter of the model has come."""
    file = DownloadFile(path="model.gguf", name="model.gguf", size=4 * GB)
    made = Download(
        id="d1",
        model=source,
        repo=source.partition(":")[0],
        revision="1",
        files=(file,),
        state="running",
        done_bytes=GB,
        speed=12.0e6,
        seconds_left=250,
    )
    return msgspec.structs.replace(made, **changes)


class FirstRunClient(FakeClient):
    def __init__(self) -> None:
        super().__init__()
        self.found = list(PLACES)
        self.suggested = list(SUGGESTIONS)
        self.machine = LAPTOP
        self.arrives: Callable[[Download], None] = lambda download: None

    async def machines(self) -> list[Machine]:
        self._note("machines", None)
        return [self.machine]

    async def suggestions(self) -> list[Suggestion]:
        self._note("suggestions", None)
        return self.suggested

    async def places(self) -> list[Place]:
        self._note("places", None)
        return self.found

    async def download(self, source: str) -> Download:
        self._note("download", source)
        made = coming(source)
        self.arrives(made)
        return made

    async def pause_download(self, id: str) -> Download:
        self._note("pause", id)
        return coming("")


class FirstRunHost(FakeHost):
    def __init__(self, home: Any) -> None:
        super().__init__(home)
        self.client: FirstRunClient = FirstRunClient()
        self.client.arrives = self.show

    def show(self, download: Download) -> None:
        """As the event stream tells of it."""
        self.downloads[download.id] = download
        self.downloads_changed.emit()
