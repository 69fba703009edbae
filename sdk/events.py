"""What happens, as a closed union of tagged values. A ``match`` over one of the unions ends in ``assert_never``.

``GenerationEvent``: the life of one request; exactly one of Finished, Failed, Cancelled ends it.
``LoadEvent``: the life of one load; Loaded or Failed ends it.
``HostEvent``: the host's event stream; Snapshot opens it, and again after every reconnection.
"""

from __future__ import annotations

import msgspec

from paddock.sdk.chats import StoreRepair
from paddock.sdk.compare import Batch
from paddock.sdk.downloads import Download
from paddock.sdk.errors import ErrorInfo
from paddock.sdk.host import Generation, ServerStatus, Settings
from paddock.sdk.jobs import Job
from paddock.sdk.memory import MemoryState
from paddock.sdk.types import ChatSummary, LoadedModel, Stats, StopReason, Usage


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of all events. ``id`` names what the event is about: request, model instance, chat, client."""

    id: str


# ---------------------------------------------------------------- one request


class Queued(Event, frozen=True, kw_only=True, tag="queued"):
    """Waiting for its turn, with ``position`` requests before it."""

    position: int


class LoadProgress(Event, frozen=True, kw_only=True, tag="load_progress"):
    """The model is being loaded; ``fraction`` is 0 to 1."""

    model: str
    fraction: float


class PromptProgress(Event, frozen=True, kw_only=True, tag="prompt_progress"):
    """``done`` of ``total`` prompt tokens are in the KV cache, ``cached`` of them from an earlier request."""

    done: int
    total: int
    cached: int


class TextDelta(Event, frozen=True, kw_only=True, tag="text_delta"):
    text: str


class ReasoningDelta(Event, frozen=True, kw_only=True, tag="reasoning_delta"):
    text: str


class ToolCallDelta(Event, frozen=True, kw_only=True, tag="tool_call_delta"):
    """A piece of tool call number ``index``; ``call_id`` and ``name`` come with its first piece."""

    index: int
    call_id: str = ""
    name: str = ""
    arguments: str = ""


class Finished(Event, frozen=True, kw_only=True, tag="finished"):
    usage: Usage
    stats: Stats
    reason: StopReason


class Failed(Event, frozen=True, kw_only=True, tag="failed"):
    error: ErrorInfo


class Cancelled(Event, frozen=True, kw_only=True, tag="cancelled"):
    usage: Usage = Usage()
    stats: Stats = Stats()


GenerationEvent = (
    Queued | LoadProgress | PromptProgress | TextDelta | ReasoningDelta | ToolCallDelta | Finished | Failed | Cancelled
)
Ending = Finished | Failed | Cancelled
Delta = TextDelta | ReasoningDelta | ToolCallDelta


# ---------------------------------------------------------------- one load


class Loaded(Event, frozen=True, kw_only=True, tag="loaded"):
    model: LoadedModel


LoadEvent = LoadProgress | Loaded | Failed


# ---------------------------------------------------------------- the host


class Snapshot(Event, frozen=True, kw_only=True, tag="snapshot"):
    """Everything a client needs to draw itself. ``id`` is the host's instance id. ``repair`` is told to one window, so
    that it says what happened to the conversations' file."""

    loaded: tuple[LoadedModel, ...]
    server: ServerStatus
    settings: Settings
    generations: tuple[Generation, ...] = ()
    memory: MemoryState = MemoryState()
    downloads: tuple[Download, ...] = ()
    jobs: tuple[Job, ...] = ()
    repair: StoreRepair | None = None


class ModelStateChanged(Event, frozen=True, kw_only=True, tag="model_state_changed"):
    """``model`` None: the instance ``id`` has left the pool."""

    model: LoadedModel | None


class LibraryChanged(Event, frozen=True, kw_only=True, tag="library_changed"):
    """Models on disk came, went or changed; ask for the list again."""


class DownloadProgress(Event, frozen=True, kw_only=True, tag="download_progress"):
    """A download moved on or changed; at most twice a second. ``download`` None: it left the list."""

    download: Download | None


class DownloadFinished(Event, frozen=True, kw_only=True, tag="download_finished"):
    """A download is done, or has failed; a done one is in the list of models already."""

    download: Download


class JobChanged(Event, frozen=True, kw_only=True, tag="job_changed"):
    """A job moved on, at most twice a second, or ended. ``job`` None: it left the list."""

    job: Job | None


class BatchChanged(Event, frozen=True, kw_only=True, tag="batch_changed"):
    """A batch moved on, at most twice a second. ``batch`` None: it was removed."""

    batch: Batch | None


class PresetsChanged(Event, frozen=True, kw_only=True, tag="presets_changed"):
    """Presets or saved prompts were added, changed or removed; ask for them again."""


class ChatChanged(Event, frozen=True, kw_only=True, tag="chat_changed"):
    """``summary`` None: the chat ``id`` was deleted, which made this ``revision`` of it. Another answer may tell of a
    later one already: it is back out of the trash."""

    summary: ChatSummary | None
    revision: int = 0


class ChatsReplaced(Event, frozen=True, kw_only=True, tag="chats_replaced"):
    """All conversations may be others now: a backup was put in their place, or their file was repaired. Ask for them
    again."""

    repair: StoreRepair | None = None


class FoldersChanged(Event, frozen=True, kw_only=True, tag="folders_changed"):
    """The folders of conversations changed; ask for them again."""


class GenerationStarted(Event, frozen=True, kw_only=True, tag="generation_started"):
    generation: Generation


class GenerationEnded(Event, frozen=True, kw_only=True, tag="generation_ended"):
    """A generation left; the chat's messages hold its result."""

    chat_id: str | None = None


class ServerChanged(Event, frozen=True, kw_only=True, tag="server_changed"):
    status: ServerStatus


class SettingsChanged(Event, frozen=True, kw_only=True, tag="settings_changed"):
    settings: Settings


class MemoryChanged(Event, frozen=True, kw_only=True, tag="memory_changed"):
    """What is free or taken has changed by more than a little; at most twice a second."""

    memory: MemoryState


class MemoryPressure(Event, frozen=True, kw_only=True, tag="memory_pressure"):
    """The machine ran short of memory and something was given up for it; ``text`` says what, in words."""

    text: str


class RaiseWindow(Event, frozen=True, kw_only=True, tag="raise_window"):
    """Another start of the program asks the open window to come to the front, and perhaps to ``open`` a path or an
    address. ``activation_token`` is the XDG activation token on Wayland."""

    activation_token: str = ""
    open: str = ""


class Leaving(Event, frozen=True, kw_only=True, tag="leaving"):
    """The host is going to end; ``reason`` in words."""

    reason: str


HostEvent = (
    Snapshot
    | ModelStateChanged
    | LibraryChanged
    | DownloadProgress
    | DownloadFinished
    | JobChanged
    | BatchChanged
    | PresetsChanged
    | ChatChanged
    | ChatsReplaced
    | FoldersChanged
    | GenerationStarted
    | GenerationEnded
    | ServerChanged
    | SettingsChanged
    | MemoryChanged
    | MemoryPressure
    | RaiseWindow
    | Leaving
)
