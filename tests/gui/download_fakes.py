"""A host whose downloads and jobs the tests hold in their hands."""

from __future__ import annotations

from typing import Any

from memory_fakes import FakeClient, FakeHost

from paddock.sdk.downloads import Download, DownloadFile, DownloadRemains
from paddock.sdk.events import DownloadFinished, DownloadProgress, JobChanged
from paddock.sdk.hub import HubAccount
from paddock.sdk.jobs import Job
from paddock.sdk.library import Place

GB = 10**9
JOB = Job(id="j", kind="quantize", title="Quantise it", state="running", done_bytes=GB, total_bytes=4 * GB)


def download(id: str, state: str = "running", size: int = 5 * GB, **changes: Any) -> Download:
    """A model of one file; its name holds the id."""
    repo = f"Qwen/Model-{id}-GGUF"
    file = DownloadFile(path=f"{id}.gguf", name=f"{id}.gguf", size=size)
    given = {"model": f"{repo}:Q4_K_M", "repo": repo, "revision": "1" * 40, "state": state, **changes}
    return Download(id=id, files=(file,), **given)


class DownloadClient(FakeClient):
    """Remembers what was asked."""

    places_found: tuple[Place, ...] = ()
    account = HubAccount(host="huggingface.co")

    async def downloads(self) -> list[Download]:
        return list(self.list.values())

    def __init__(self) -> None:
        super().__init__()
        self.list: dict[str, Download] = {}
        self.remains: list[DownloadRemains] = []

    async def load(self, model: str, options: Any = None, *, force: bool = False) -> Any:
        self._note("load", model)

    async def pause_download(self, id: str) -> None:
        self._note("pause", id)

    async def resume_download(self, id: str) -> None:
        self._note("resume", id)

    async def cancel_download(self, id: str) -> None:
        self._note("cancel", id)

    async def move_download(self, id: str, position: int) -> None:
        self._note("move", (id, position))

    async def download_remains(self) -> list[DownloadRemains]:
        return self.remains

    async def remove_download_remains(self, id: str) -> None:
        self._note("remove remains", id)
        self.remains = [one for one in self.remains if one.id != id]

    async def cancel_job(self, id: str) -> None:
        self._note("cancel job", id)

    async def forget_job(self, id: str) -> None:
        self._note("forget job", id)

    async def places(self) -> list[Place]:
        return list(self.places_found)

    async def hub_account(self) -> HubAccount:
        return self.account

    async def hub_login(self, token: str) -> HubAccount:
        self._note("login", token)
        return HubAccount(host="huggingface.co", name="anna", source="keyring")

    async def hub_logout(self) -> HubAccount:
        self._note("logout", None)
        return HubAccount(host="huggingface.co")

    async def prompt_cache(self) -> list[Any]:
        return []


class DownloadHost(FakeHost):
    """``tell`` is what the event stream would bring."""

    client: DownloadClient

    def __init__(self, home: Any) -> None:
        super().__init__(home)
        self.client = DownloadClient()

    def tell(self, *news: Download | Job) -> None:
        for item in news:
            if isinstance(item, Job):
                self._update(JobChanged(id=item.id, job=item))
                continue
            self.client.list[item.id] = item
            if item.state in ("done", "failed"):
                self._update(DownloadFinished(id=item.id, download=item))
            else:
                self._update(DownloadProgress(id=item.id, download=item))

    def asked(self, *methods: str) -> list[tuple[str, Any]]:
        """What was asked of these methods."""
        return [call for call in self.client.asked if call[0] in methods]
