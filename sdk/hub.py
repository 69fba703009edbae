"""Models on a hub: what is asked, what is found, and the account that asks. Sizes in bytes, times in Unix seconds."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from paddock.sdk.memory import Estimate, Verdict
from paddock.sdk.types import Options, Request, Value

HubFormat = Literal["gguf", "mlx", "any"]
HubSort = Literal["trending", "downloads", "likes", "updated"]
Badge = Literal["tools", "vision", "reasoning", "embedding", "rerank"]
Gate = Literal["", "auto", "manual"]
"""Whether the publisher wants to be asked: not, and everybody gets access (``auto``), or a person decides."""
TokenSource = Literal["keyring", "environment", "login", "none"]
"""Where the token comes from: Paddock put it into the keyring, ``HF_TOKEN``, or ``hf auth login``."""


class HubSearchRequest(Request, frozen=True, kw_only=True):
    """``words`` are words, ``AUTHOR/``, a repository (``OWNER/REPO``), its address, or the link or command by which
    another program gets it. Everything else narrows; empty and None do not.
    ``task`` is the hub's own name (``text-generation``), ``language`` a code (``de``). ``limit``
    results come at once; ``cursor`` of a page asks for the next one. ``fits`` leaves out what certainly does not fit
    the machine ``on`` (“24GB”; empty: this computer); ``badge`` wants that capability."""

    words: str = ""
    author: str = ""
    format: HubFormat = "gguf"
    min_parameters: int | None = None
    max_parameters: int | None = None
    licence: str = ""
    task: str = ""
    language: str = ""
    gated: bool | None = None
    badge: Badge | None = None
    fits: bool = False
    on: str = ""
    sort: HubSort = "trending"
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 30
    cursor: str = ""


class HubResult(Value, frozen=True, kw_only=True):
    """A repository. ``downloads`` are those of the last 30 days, ``parameters`` None where nobody says them;
    ``licence`` and ``task`` are the hub's names for them, ``languages`` codes. ``fit`` is a first guess by the number
    of parameters for the machine that was asked for: ``fits``, ``fits_with`` (a small quant, or a part on the
    processor), ``does_not_fit``, or ``cannot_tell``."""

    id: str
    author: str
    name: str
    downloads: int = 0
    likes: int = 0
    updated: float = 0.0
    licence: str = ""
    gated: Gate = ""
    private: bool = False
    parameters: int | None = None
    badges: tuple[Badge, ...] = ()
    formats: tuple[HubFormat, ...] = ()
    task: str = ""
    languages: tuple[str, ...] = ()
    architecture: str = ""
    context_length: int = 0
    fit: Verdict = "cannot_tell"


class HubPage(Value, frozen=True, kw_only=True):
    """Results in their order; ``cursor`` is empty on the last page. ``stale``: the hub could not be asked, and these
    are its answers of ``fetched``. ``notes`` are sentences for a person: what was tried again, what was left out.
    ``hub`` is the address below which people see the repositories (``HUB/OWNER/REPO``). ``named`` is OWNER/REPO[:QUANT]
    where the words were the name or an address of the one result; the quant may be the name of a file."""

    results: tuple[HubResult, ...] = ()
    cursor: str = ""
    stale: bool = False
    fetched: float = 0.0
    notes: tuple[str, ...] = ()
    hub: str = ""
    named: str = ""


class HubFileInfo(Value, frozen=True, kw_only=True):
    """A file of a repository. ``sha256`` is empty where the hub does not tell it (small files)."""

    path: str
    size_bytes: int
    sha256: str = ""


class HubQuant(Value, frozen=True, kw_only=True):
    """One model of a repository: its files are loaded together. ``source`` is what to write for it elsewhere
    (``REPO:QUANT``); ``missing`` names parts that the repository lacks, so that it cannot be loaded."""

    label: str
    source: str
    size_bytes: int
    files: tuple[HubFileInfo, ...]
    missing: tuple[str, ...] = ()


class HubModel(Value, frozen=True, kw_only=True):
    """A repository at ``revision``. ``card`` is the model card as Markdown without its front matter. ``quants`` come
    smallest first; a ``projector`` goes with each of them. ``obstacle`` says what is to be done before its files can be
    had. ``stale``, ``fetched`` and ``notes`` as in :class:`HubPage`."""

    result: HubResult
    revision: str
    page: str
    card: str = ""
    quants: tuple[HubQuant, ...] = ()
    projectors: tuple[HubFileInfo, ...] = ()
    other_files: tuple[HubFileInfo, ...] = ()
    obstacle: str = ""
    stale: bool = False
    fetched: float = 0.0
    notes: tuple[str, ...] = ()


class FitsRequest(Request, frozen=True, kw_only=True):
    """Would the models of ``repo`` fit ``on`` (“24GB”; empty: this computer), loaded with ``options``?

    ``quick`` answers at once with what is known already; else the header of ``quant`` (its label; empty: the one that
    suits best) is fetched and its load simulated, which makes the others exact up to their files' sizes.
    """

    repo: str
    options: Options = {}
    on: str = ""
    quant: str = ""
    quick: bool = False


class QuantFit(Value, frozen=True, kw_only=True):
    """One quant of a repository on a machine. ``about`` says in a few words what its quality is (“near lossless”);
    ``downloaded`` is the id of the model on disk."""

    label: str
    source: str
    size_bytes: int
    estimate: Estimate
    about: str = ""
    downloaded: str = ""


class RepoFits(Value, frozen=True, kw_only=True):
    """The quants of a repository, the largest first. ``best`` is the label of the one that suits the machine best and
    ``reason`` why; both are empty where none fits. ``disk_free`` is in the folder that downloads go to."""

    repo: str
    fits: tuple[QuantFit, ...]
    best: str = ""
    reason: str = ""
    disk_free: int = 0
    machine: str = ""
    notes: tuple[str, ...] = ()


class Suggestion(Value, frozen=True, kw_only=True):
    """A good first model. ``source`` is what to download (``REPO:QUANT``); ``size_bytes`` is rounded.
    ``fit`` is about this computer; ``downloaded`` is the id of the model on disk."""

    source: str
    name: str
    parameters: int
    size_bytes: int
    licence: str
    badges: tuple[Badge, ...] = ()
    reason: str
    fit: Verdict = "cannot_tell"
    downloaded: str = ""


class HubLogin(Request, frozen=True, kw_only=True):
    """A token to be tried and kept in the keyring."""

    token: str

    def __repr__(self) -> str:
        return "HubLogin(token=…)"


class HubAccount(Value, frozen=True, kw_only=True):
    """Who asks the hub at ``host``: the account's name (empty where it was not looked up) and where its token comes
    from. ``can_keep``: whether there is a keyring for a token. ``note`` is a sentence about what is not as one may
    expect."""

    host: str
    name: str = ""
    source: TokenSource = "none"
    can_keep: bool = True
    note: str = ""
