"""Values about downloads: models on their way from the hub to this machine."""

from __future__ import annotations

from typing import Literal

from paddock.sdk.errors import ErrorInfo
from paddock.sdk.types import Request, Value

DownloadState = Literal["queued", "running", "paused", "failed", "done"]


class DownloadFile(Value, frozen=True, kw_only=True):
    """``path`` inside the repository, ``name`` inside the model's folder here. ``sha256`` as the hub tells it; empty
    where it does not. ``size`` in bytes."""

    path: str
    name: str
    size: int
    sha256: str = ""


class Download(Value, frozen=True, kw_only=True):
    """One model on its way, all its files together.

    ``model`` is OWNER/REPO:QUANT; ``revision`` the commit that was chosen at the beginning. ``done_bytes`` of
    ``total_bytes`` are on the disk; while ``verifying``, ``verified_bytes`` of them have been compared with their
    checksums. ``speed`` in bytes per second and ``seconds_left`` are None while nothing moves. ``note`` says what is
    being waited for. ``error`` says why it failed, or was paused by itself. ``path`` is the first file once it is
    there. ``added`` in Unix seconds.
    """

    id: str
    model: str
    repo: str
    revision: str
    files: tuple[DownloadFile, ...]
    state: DownloadState = "queued"
    done_bytes: int = 0
    verifying: bool = False
    verified_bytes: int = 0
    speed: float | None = None
    seconds_left: float | None = None
    note: str = ""
    error: ErrorInfo | None = None
    path: str = ""
    added: float = 0.0

    @property
    def total_bytes(self) -> int:
        return sum(file.size for file in self.files)


class DownloadRemains(Value, frozen=True, kw_only=True):
    """What is left of a download that is in no list any more, as after the list was lost. ``files`` are their names,
    ``size_bytes`` what they take on the disk, ``changed`` is in Unix seconds. Getting the same model again goes on from
    what is there."""

    id: str
    path: str
    files: tuple[str, ...]
    size_bytes: int
    changed: float


class DownloadRequest(Request, frozen=True, kw_only=True):
    """Get a model: OWNER/REPO, OWNER/REPO:QUANT, or an address of the hub."""

    model: str


class DownloadPatch(Request, frozen=True, kw_only=True):
    """``resume`` also tries one again that failed; ``position`` 0 is the front of the queue."""

    action: Literal["pause", "resume"] | None = None
    position: int | None = None
