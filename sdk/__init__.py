"""Paddock from Python.

>>> from paddock.sdk import Client
>>> with Client.connect() as client:
...     client.respond("What is the capital of France?").text

Names are imported at their first use (PEP 562), so that ``import paddock.sdk`` costs next to nothing; the HTTP library
comes with the first connection.
"""

from __future__ import annotations

import importlib

from paddock.sdk.version import VERSION as __version__

TYPE_CHECKING = False  # importing typing for it would be most of what this module costs

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient as AsyncClient
    from paddock.sdk.chats import *  # noqa: F403
    from paddock.sdk.client import Client as Client
    from paddock.sdk.compare import *  # noqa: F403
    from paddock.sdk.connect import replace_host as replace_host
    from paddock.sdk.downloads import *  # noqa: F403
    from paddock.sdk.errors import *  # noqa: F403
    from paddock.sdk.events import *  # noqa: F403
    from paddock.sdk.host import *  # noqa: F403
    from paddock.sdk.hub import *  # noqa: F403
    from paddock.sdk.jobs import *  # noqa: F403
    from paddock.sdk.library import *  # noqa: F403
    from paddock.sdk.memory import *  # noqa: F403
    from paddock.sdk.paths import Home as Home
    from paddock.sdk.presets import *  # noqa: F403
    from paddock.sdk.questions import *  # noqa: F403
    from paddock.sdk.types import *  # noqa: F403

_NAMES = {
    "aclient": "AsyncClient",
    "client": "Client",
    "connect": "replace_host",
    "downloads": "Download DownloadFile DownloadPatch DownloadRemains DownloadRequest DownloadState",
    "paths": "Home",
    "questions": """
        Candidates CandidatesRequest ContextRequest ContextUse DetokenizeRequest EmbedRequest Embeddings Input PlainText
        Pooling Question Reply RerankRequest Scores TokenIds TokenizeRequest
    """,
    "chats": """
        Backup BranchRequest ChatFolder ChatHit ChatImport ChatSearch ExportFormat ExportRequest Exported FolderPatch
        ImportFormat Imported MessagePatch NewMessage Revision StoreRepair StoreState
    """,
    "compare": """
        AdoptRequest AskPanes Batch BatchCell BatchExport BatchExportFormat BatchPatch BatchPrompt BatchRequest
        BatchState CellState Check CheckKind CheckResult ComparePlan Contestant Outcome PromptFormat PromptSet
        PromptsText Standing StandingsBy Vote VoteRequest
    """,
    "pictures": "Picture picture_of",
    "presets": "Preset PresetRead PresetText SavedPrompt",
    "host": """
        CachedPrompts Generation Handshake HostAddress LogTail OnQuit RaiseAnswer RaiseRequest RetuneRequest
        ServerRequest ServerStatus Settings SettingsPatch ShutdownRequest
    """,
    "hub": """
        Badge FitsRequest HubAccount HubFileInfo HubFormat HubLogin HubModel HubPage HubQuant HubResult
        HubSearchRequest HubSort QuantFit RepoFits Suggestion
    """,
    "jobs": "Job JobKind JobState",
    "library": """
        ImportMethod ImportRequest LibraryProblem ModelPatch Place ProblemAction QuantChoice QuantizeRequest Trashed
    """,
    "memory": """
        Confidence DeviceState DeviceUse Estimate EstimateRequest EstimatedDevice Guard Machine MemoryDevice MemoryState
        ModelShare Parts Prediction Remedy Verdict
    """,
    "types": """
        Chat ChatMessage ChatPatch ChatSummary Completion Device EngineInfo EngineStats GenerateRequest InstancePatch
        LoadRequest LoadedModel Message MessageState ModelInfo ModelSource ModelState NewChat OptionValue Options
        Pane Priority Request Role SendRequest Stats StopReason Tool ToolCall Usage Value
    """,
    "events": """
        BatchChanged Cancelled ChatChanged ChatsReplaced DownloadFinished DownloadProgress Ending Event Failed Finished
        FoldersChanged GenerationEnded PresetsChanged
        GenerationEvent GenerationStarted HostEvent JobChanged Leaving LibraryChanged LoadEvent LoadProgress Loaded
        MemoryChanged MemoryPressure ModelStateChanged PromptProgress Queued RaiseWindow ReasoningDelta ServerChanged
        SettingsChanged Snapshot TextDelta ToolCallDelta
    """,
    "errors": """
        AccessDenied BadRequest ChatNotFound ContextOverflow EngineDied EngineError EngineMissing ErrorInfo HostBusy
        HostUnavailable InvalidOption LoadFailed ModelNotFound ModelUnusable NoVision NotFound OutOfMemory PaddockError
        PortUnavailable ProtocolMismatch RemoteFailed StorageFailed TemplateFailed Unauthorized UnknownOption
    """,
}
_PLACES = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = ["__version__", *_PLACES]


def __getattr__(name: str) -> object:
    if name in _PLACES:
        return getattr(importlib.import_module(f"paddock.sdk.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
