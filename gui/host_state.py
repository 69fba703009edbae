"""What the window knows of the host, kept up to date from its event stream. GUI thread only."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Literal, TypeVar, assert_never

from PySide6.QtCore import QObject, Signal

from paddock.gui.bridge import Bridge, OnError, Task
from paddock.gui.chat_news import ChatNews
from paddock.gui.download_news import DownloadNews
from paddock.gui.host_link import HostLink, HostUpdate, Lost
from paddock.gui.models.silks import Silks
from paddock.gui.settings_news import SettingsNews
from paddock.sdk.downloads import Download
from paddock.sdk.events import (
    BatchChanged,
    ChatChanged,
    ChatsReplaced,
    DownloadFinished,
    DownloadProgress,
    FoldersChanged,
    GenerationEnded,
    GenerationStarted,
    JobChanged,
    Leaving,
    LibraryChanged,
    MemoryChanged,
    MemoryPressure,
    ModelStateChanged,
    PresetsChanged,
    RaiseWindow,
    ServerChanged,
    SettingsChanged,
    Snapshot,
)
from paddock.sdk.host import Generation, ServerStatus, Settings, SettingsPatch
from paddock.sdk.jobs import ENDED, Job
from paddock.sdk.memory import MemoryState
from paddock.sdk.types import ChatSummary, LoadedModel, ModelInfo

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient

T = TypeVar("T")

Connection = Literal["connecting", "connected", "lost"]


class HostState(QObject):
    """The host as last heard of, and the way to ask it for something.

    ``connection`` is ``connecting`` until the first answer, ``lost`` while the host is away.
    """

    connection_changed = Signal()
    """``connection`` or ``lost`` changed."""
    snapshot = Signal()
    """Connected, for the first time or again, or a backup was put back: what was shown may be old."""
    models_changed = Signal()
    """The models on disk or their state in the pool."""
    chats_changed = Signal()
    """The list of conversations."""
    chat_told = Signal(str)
    """A conversation as the host tells it of itself, in the order in which it changed; empty: all of them. What comes
    with an answer, which may be older than what was told since, is not announced here."""
    folders_changed = Signal()
    """Folders of conversations; ask for them."""
    presets_changed = Signal()
    """Presets or saved prompts; ask for them."""
    batch_changed = Signal(str, object)
    """A :class:`~paddock.sdk.compare.Batch` moved on; None: it was removed."""
    chat_deleted = Signal(str)
    store_repaired = Signal(object)
    """A :class:`~paddock.sdk.chats.StoreRepair` to be told."""
    server_changed = Signal()
    settings_changed = Signal()
    generation_started = Signal(object)
    generation_ended = Signal(str, str)
    """Generation id and chat id (empty when it belongs to no chat)."""
    memory_changed = Signal()
    memory_pressure = Signal(str)
    """The machine ran short of memory; the text says what was given up for it."""
    downloads_changed = Signal()
    """One moved on, came or left."""
    download_ended = Signal(object)
    """A Download that is done or has failed, just now."""
    jobs_changed = Signal()
    job_ended = Signal(object)
    """A Job that has ended just now, whichever way."""
    raise_requested = Signal(str)
    open_requested = Signal(str)
    """Another program, or the command that started this one, wants a path or an address opened."""

    def __init__(self, bridge: Bridge, link: HostLink, settings: Settings) -> None:
        super().__init__()
        self._bridge = bridge
        self._link = link
        self.connection: Connection = "connecting"
        self.lost: Lost | None = None
        self.models: dict[str, ModelInfo] = {}
        self.models_known = False
        self.loaded: dict[str, LoadedModel] = {}
        self.silks = Silks()
        self.chats: dict[str, ChatSummary] = {}
        self.chats_known = False
        self._chat_news = ChatNews()
        self.generations: dict[str, Generation] = {}
        self.server: ServerStatus | None = None
        self.settings = settings
        self._settings_news = SettingsNews()
        self._models_asked = self._models_taken = 0
        self.memory = MemoryState()
        self.downloads: dict[str, Download] = {}
        self._download_news = DownloadNews()
        self.jobs: dict[str, Job] = {}

    def start(self) -> None:
        """Look for the host; it is started when there is none."""
        self._bridge.stream(self._link.updates, self._updates, owner=self, leads=True)

    def call(
        self,
        job: Callable[[AsyncClient], Awaitable[T]],
        on_result: Callable[[T], None] | None = None,
        on_error: OnError | None = None,
        owner: QObject | None = None,
    ) -> Task:
        """Ask the host. Before it answers the call waits. ``job`` must close over values only, never over widgets."""
        link = self._link
        return self._bridge.submit(lambda: link.call(job), on_result, on_error, owner)

    def change(
        self,
        job: Callable[[AsyncClient], Awaitable[T]],
        on_result: Callable[[T], None] | None = None,
        on_error: OnError | None = None,
        owner: QObject | None = None,
    ) -> Task:
        """As ``call``, for what may undo an earlier change: the host has them in the order in which they are made."""
        link = self._link
        return self._bridge.submit(lambda: link.call_in_turn(job), on_result, on_error, owner)

    def stream(
        self,
        job: Callable[[AsyncClient], AsyncGenerator[T, None]],
        on_items: Callable[[list[T]], None],
        on_end: Callable[[], None] | None = None,
        on_error: OnError | None = None,
        owner: QObject | None = None,
    ) -> Task:
        """As ``call``, for something that comes in pieces."""
        link = self._link
        return self._bridge.stream(lambda: link.iterate(job), on_items, on_end, on_error, owner)

    def change_settings(
        self,
        patch: SettingsPatch,
        on_result: Callable[[Settings], None] | None = None,
        on_error: OnError | None = None,
        owner: QObject | None = None,
    ) -> None:
        """Ask the host to change settings; the window follows when it has, at the latest when the host tells of it."""
        mark = self._settings_news.mark()

        def changed(settings: Settings) -> None:
            if self._settings_news.answered(mark, settings, self.settings):
                self._set_settings(settings)
            if on_result is not None:
                on_result(settings)

        self.change(lambda client: client.patch_settings(patch), changed, on_error, owner)

    def loaded_model(self, model: str) -> LoadedModel | None:
        """The instance of ``model`` in the pool, whatever its state."""
        return next((item for item in self.loaded.values() if item.model == model), None)

    def sees(self, model: str) -> bool:
        """Whether a model is known to see pictures: a loaded one by its projector, another one by its files."""
        loaded, info = self.loaded_model(model), self.models.get(model)
        if loaded is not None and (projector := loaded.options.get("mmproj")):
            from paddock.sdk.llamacpp_load import MMPROJ_OFF

            return projector != MMPROJ_OFF
        return info is not None and "vision" in info.capabilities

    def model_name(self, model: str) -> str:
        """The name to show for a model's id."""
        info = self.models.get(model)
        return info.name if info is not None and info.name else model.rpartition("/")[2]

    def model_title(self, model: str) -> str:
        """As :meth:`model_name`, with the quant."""
        info = self.models.get(model)
        return f"{self.model_name(model)} {info.quant if info is not None else ''}".rstrip()

    def silk(self, model: str) -> int:
        """The silk a model wears, counted from 0."""
        return self.silks.worn.get(model, 0)

    def follow_panes(self, panes: Sequence[tuple[str, int]]) -> None:
        """Have models wear what the panes in sight do: their models and silks, or none any more."""
        if self.silks.follow_panes(panes, self._loaded_models()):
            self.models_changed.emit()

    def refresh_models(self) -> None:
        self._ask_models(lambda client: client.models())

    def look_for_models(self) -> None:
        """Have the folders read again: a file may have come or gone."""
        self._ask_models(lambda client: client.refresh_models())

    def refresh_chats(self) -> None:
        self._chat_news.asked()
        self.call(lambda client: client.chats(), self._set_chats)

    def learn_chat(self, summary: ChatSummary) -> None:
        """A chat's state from an answer, so that the list need not wait for the event."""
        if self._chat_news.answered(summary, self.chats):
            self.chats_changed.emit()

    def ask_downloads(
        self,
        job: Callable[[AsyncClient], Awaitable[list[Download]]],
        on_error: OnError | None = None,
        owner: QObject | None = None,
    ) -> None:
        """Have the downloads in their order, which no event tells. A ``job`` may change the order before it asks."""
        mark = self._download_news.mark()

        def take(downloads: list[Download]) -> None:
            self.downloads = self._download_news.listed(mark, downloads, self.downloads)
            self.downloads_changed.emit()

        self.change(job, take, on_error, owner)

    def learn_server(self, status: ServerStatus) -> None:
        """The API server's state, from an answer or an event. What is older than what is known is passed over."""
        if self.server is None or status.revision >= self.server.revision:
            self.server = status
        self.server_changed.emit()

    # ---------------------------------------------------------------- from the event stream

    def _updates(self, updates: list[HostUpdate]) -> None:
        told = [update for update in updates if isinstance(update, SettingsChanged)]
        news = [update for update in told if self._settings_news.told(update.settings)][-1:]
        for update in updates:
            if not isinstance(update, SettingsChanged) or update in news:  # not once more back and forth
                self._update(update)
        if any(isinstance(update, ChatChanged) for update in updates):
            self.chats_changed.emit()  # once: an import brings hundreds

    def _update(self, update: HostUpdate) -> None:
        match update:
            case Lost():
                self.connection, self.lost = self.connection if update.slow else "lost", update
                self.connection_changed.emit()
            case Snapshot():
                self._restart(update)
            case ModelStateChanged(id=instance, model=model):
                if model is None:
                    self.loaded.pop(instance, None)
                else:
                    self.loaded[instance] = model
                    self.silks.dress(model.model, self._loaded_models())
                self.models_changed.emit()
            case LibraryChanged():
                self.refresh_models()
            case DownloadProgress(id=number, download=download):
                self._download_news.told(number)
                _put(self.downloads, number, download)
                self.downloads_changed.emit()
            case DownloadFinished(id=number, download=download):
                ended = self.downloads.get(number)
                self._download_news.told(number)
                self.downloads[number] = download
                self.downloads_changed.emit()
                if ended is None or ended.state != download.state:
                    self.download_ended.emit(download)
            case JobChanged(id=number, job=job):
                known = self.jobs.get(number)
                _put(self.jobs, number, job)
                self.jobs_changed.emit()
                if job is not None and job.state in ENDED and (known is None or known.state not in ENDED):
                    self.job_ended.emit(job)
            case FoldersChanged():
                self.folders_changed.emit()
            case PresetsChanged():
                self.presets_changed.emit()
            case BatchChanged(id=number, batch=batch):
                self.batch_changed.emit(number, batch)
            case ChatChanged(id=chat, summary=summary, revision=gone):
                if not self._chat_news.told(chat, summary, gone, self.chats):
                    return
                if summary is None:
                    self.chat_deleted.emit(chat)
                else:
                    self.chat_told.emit(chat)
            case ChatsReplaced(repair=repair):
                self._chat_news.asked()
                self.call(lambda client: client.chats(), self._replace_chats)
                if repair is not None:
                    self.store_repaired.emit(repair)
            case GenerationStarted(generation=generation):
                self.generations[generation.id] = generation
                self.generation_started.emit(generation)
            case GenerationEnded(id=number, chat_id=ended_in):
                self.generations.pop(number, None)
                self.generation_ended.emit(number, ended_in or "")
            case ServerChanged(status=status):
                self.learn_server(status)
            case SettingsChanged(settings=settings):
                self._set_settings(settings)
            case MemoryChanged(memory=memory):
                self.memory = memory
                self.memory_changed.emit()
            case MemoryPressure(text=text):
                self.memory_pressure.emit(text)
            case RaiseWindow(activation_token=token, open=wanted):
                self.raise_requested.emit(token)
                if wanted:
                    self.open_requested.emit(wanted)
            case Leaving():
                pass  # the stream ends next, and Lost says why
            case _:
                assert_never(update)

    def _restart(self, snapshot: Snapshot) -> None:
        self.connection, self.lost = "connected", None
        self.loaded = {item.id: item for item in snapshot.loaded}
        self.silks.dress_all(self._loaded_models())
        self.generations = {item.id: item for item in snapshot.generations}
        self.server = snapshot.server
        self.memory = snapshot.memory
        self.downloads = {item.id: item for item in snapshot.downloads}
        self.jobs = {item.id: item for item in snapshot.jobs}
        self._download_news.restarted()
        self._settings_news.restarted()
        self._set_settings(snapshot.settings)
        self.connection_changed.emit()
        self.memory_changed.emit()
        self.server_changed.emit()
        self.models_changed.emit()
        self.downloads_changed.emit()
        self.jobs_changed.emit()
        self.refresh_models()
        self.refresh_chats()
        if snapshot.repair is not None:
            self.store_repaired.emit(snapshot.repair)
        self.snapshot.emit()

    def _loaded_models(self) -> list[str]:
        return [item.model for item in self.loaded.values()]

    def _set_settings(self, settings: Settings) -> None:
        if settings != self.settings:
            self.settings = settings
            self.settings_changed.emit()

    def _ask_models(self, job: Callable[[AsyncClient], Awaitable[list[ModelInfo]]]) -> None:
        """An answer that a later one has overtaken is passed over."""
        self._models_asked += 1
        asked = self._models_asked

        def take(models: list[ModelInfo]) -> None:
            if asked > self._models_taken:
                self._models_taken = asked
                self._set_models(models)

        self.call(job, take)

    def _set_models(self, models: list[ModelInfo]) -> None:
        self.models = {item.id: item for item in models}
        self.models_known = True
        self.models_changed.emit()

    def _replace_chats(self, chats: list[ChatSummary]) -> None:
        before = self.chats.keys()
        self._set_chats(chats)
        for chat in before - self.chats.keys():
            self.chat_deleted.emit(chat)
        self.folders_changed.emit()
        self.snapshot.emit()

    def _set_chats(self, chats: list[ChatSummary]) -> None:
        self.chats = self._chat_news.listed(chats)
        self.chats_known = True
        self.chats_changed.emit()
        self.chat_told.emit("")


def _put(known: dict[str, T], id: str, value: T | None) -> None:
    """Keep ``value``; None takes it out."""
    if value is None:
        known.pop(id, None)
    else:
        known[id] = value
