"""The composition root of the host: builds the services, owns their lifetime, decides when to leave."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from paddock.backends.registry import Registry
from paddock.sdk.errors import PaddockError
from paddock.sdk.events import Leaving, SettingsChanged
from paddock.sdk.host import Handshake, ServerRequest, ServerStatus, Settings, SettingsPatch
from paddock.sdk.version import PROTOCOL, VERSION
from paddock.server.access import PrivateDoor, control_error
from paddock.server.awake import Awake
from paddock.server.bus import Bus
from paddock.server.chat_services import ChatServices
from paddock.server.devices import Devices
from paddock.server.downloads import HostDownloads
from paddock.server.fits import Fits
from paddock.server.generations import Generations, Run
from paddock.server.hub import HubService
from paddock.server.imports import Imports
from paddock.server.instance import Instance
from paddock.server.jobs import Jobs
from paddock.server.library import HostLibrary
from paddock.server.lifetime import Lifetime
from paddock.server.load_options import LoadOptions
from paddock.server.logs import HostLog
from paddock.server.memory import Memory
from paddock.server.memory_watch import MemoryWatch
from paddock.server.model_notes import ModelNotes
from paddock.server.models import Models
from paddock.server.places import Places, bundled
from paddock.server.predictions import Predictions
from paddock.server.prompt_cache import PromptCache, load_defaults
from paddock.server.quantizer import Quantizer
from paddock.server.relief import relieve
from paddock.server.settings import SettingsStore
from paddock.server.subjects import Subjects
from paddock.server.trash import Trash

if TYPE_CHECKING:
    from paddock.backends.simulator import Simulator
    from paddock.browser.library import Library
    from paddock.browser.stores import StorePlace
    from paddock.server.listeners import Listener
    from paddock.server.serving import PublicServer

logger = logging.getLogger(__name__)

IDLE_CONNECTION_S = 3600
WINDOW_GRACE_S = 1.0
"""A window that only reopens its event stream is back within this time, and its models stay."""
CLOSE_S = 3.0
ASK_ENGINES_S = 5.0
"""So long after the first window the engines are asked what they can compute on."""


class Host:
    """Everything between the lock and the last goodbye. Lives on one asyncio loop."""

    def __init__(self, instance: Instance, log: HostLog, *, clock: Callable[[], float] = time.monotonic) -> None:
        home = instance.home
        self._instance = instance
        self.instance_id = instance.id
        self.log = log
        self.settings = SettingsStore(home.settings_file)
        self.bus = Bus()
        self.generations = Generations(self.bus, self._run_ended, lambda: self.models.pool)
        self._registry = Registry.discover()
        self._devices = Devices(lambda: self.models.engines())
        self._predictions = Predictions(self._simulator)
        self._subjects = Subjects(
            self._registry, lambda name: self.models.find(name), home.headers, fetching=self._predictions.prepare
        )
        self.memory = self._memory()
        self.memory_watch = MemoryWatch(self.memory.state, self.bus)
        self.places = Places(home.models, bundled(), lambda: self.settings.current, lambda: self._registry.suffixes())
        self.library = HostLibrary(
            self.places.shown,
            self._library,
            ModelNotes(home.model_notes_file),
            self.bus,
            clock=self.now,
            downloads=lambda: self.downloads.all(),
            own=home.models,
        )
        self.models = Models(
            self._registry,
            self.library,
            home.logs,
            self.bus,
            memory=self.memory,
            memory_changed=self.memory_watch.hurry,
            ttl_s=lambda: self.settings.current.model_ttl_minutes * 60,
        )
        self.downloads = HostDownloads(
            home.models,
            home.downloads_file,
            self.bus,
            arrived=lambda: self.models.refresh(),
            ended=lambda: self.lifetime.look(),
            limit=lambda: self.settings.current.download_limit,
            reserve=os.environ.get("PADDOCK_RESERVE", "").lower() != "off",
        )
        self.jobs = Jobs(self.bus, clock=self.now, ended=lambda: self.lifetime.look())
        self.trash = Trash(home.trash_file, self.models, places=self.places.shown, clock=self.now)
        self.imports = Imports(home.models, self.models, self.jobs, self._registry.suffixes)
        self.quantizer = Quantizer(home.models, home.logs, self.models, self.memory, self._subjects, self.jobs)
        self.hub = HubService(home, clock=self.now, fits=lambda: self.fits)
        self.fits = Fits(
            self.hub,
            self.memory,
            self._subjects,
            self._predictions,
            models=lambda: self.models.on_disk(),
            folder=home.models,
        )
        self.prompt_cache = PromptCache(home.kv, self.models.on_disk)
        self.chats = ChatServices(
            home,
            self.generations,
            self.models,
            self.memory,
            self.bus,
            settings=lambda: self.settings.current,
            clock=self.now,
            models_free=self._free_unneeded,
        )
        self.lifetime = Lifetime(
            occupied=self._occupied,
            working=lambda: bool(self.busy()),
            keep_s=lambda: self.settings.current.keep_models_minutes * 60,
            clock=clock,
        )
        self.awake = Awake(working=self._working, wanted=lambda: self.settings.current.keep_awake)
        self._listener: Listener | None = None
        self._requests = 0
        self._changing = asyncio.Lock()
        self._chores: set[asyncio.Task[None]] = set()
        self._windows = 0
        self._pressure: asyncio.Task[None] | None = None
        self._asking: asyncio.TimerHandle | None = None
        self.bus.on_attached(self._attached)
        self.bus.on_attached(self.memory_watch.attached)
        self.bus.on_attached(self.library.watch.attached)
        self.server = self._public_server()

    def now(self) -> float:
        """Unix seconds."""
        return time.time()

    def handshake(self) -> Handshake:
        return Handshake(
            instance=self.instance_id,
            protocol=PROTOCOL,
            version=VERSION,
            pid=os.getpid(),
            home=str(self._instance.home.root),
            busy=self.busy(),
        )

    def busy(self) -> tuple[str, ...]:
        """What the host is doing, in words; empty when it could leave."""
        doing = []
        running = len(self.generations.running())
        if running:
            doing.append("one answer is being written" if running == 1 else f"{running} answers are being written")
        if name := self.chats.batches.busy():
            doing.append(f"a list of prompts is running: {name}")
        if self.models.is_loading():
            doing.append("a model is being loaded")
        if self.downloads.busy():
            doing.append("a download is running")
        doing += [f"a job is running: {job.title}" for job in self.jobs.all() if job.state == "running"]
        if self.server.running:
            doing.append("the API server is on")
        return tuple(doing)

    # -------------------------------------------------------------- life

    async def open(self) -> None:
        """Open the data and the private listener, and announce it. Raises StorageFailed, PortUnavailable."""
        from paddock.server.api.backups import BackupsApi
        from paddock.server.api.batches import BatchesApi
        from paddock.server.api.chat_files import ChatFilesApi
        from paddock.server.api.chats import ChatsApi
        from paddock.server.api.control import ControlApi
        from paddock.server.api.downloads import DownloadsApi
        from paddock.server.api.hub import HubApi
        from paddock.server.api.library import LibraryApi
        from paddock.server.api.presets import PresetsApi
        from paddock.server.app import make_app
        from paddock.server.listeners import Listener, private_socket

        await self.chats.open()
        await self.imports.clean()
        apis = (
            ControlApi(self),
            ChatsApi(self),
            ChatFilesApi(self.chats, self.jobs),
            LibraryApi(self),
            HubApi(self),
            DownloadsApi(self.downloads),
            PresetsApi(self),
            BatchesApi(self.chats.batches),
            BackupsApi(self),
        )
        app = make_app([route for api in apis for route in api.routes()], control_error)
        opened = private_socket()
        door = PrivateDoor(app, self._instance.token, control_error, self._request)
        self._listener = Listener(door, [opened], idle_s=IDLE_CONNECTION_S)
        await self._listener.start()
        self._instance.announce(f"http://127.0.0.1:{opened.getsockname()[1]}")
        self.models.read_folders()
        self._pressure = asyncio.get_running_loop().create_task(relieve(self.models, self.memory, self.memory_watch))
        self.awake.start()
        self._chore(self.downloads.open())
        self.trash.open()
        logger.info("host %s ready: version %s, protocol %d", self.instance_id, VERSION, PROTOCOL)

    async def stay(self) -> str:
        """Until there is a reason to leave; the reason."""
        return await self.lifetime.wait()

    async def close(self, reason: str) -> None:
        """Say goodbye, keep what is being written, end every worker. Raises nothing."""
        logger.info("leaving: %s", reason)
        self._instance.withdraw()
        self.chats.conversations.leave()
        for name, farewell in (
            ("batches", self.chats.batches.close),
            ("generations", partial(self.generations.close, CLOSE_S)),
            ("event streams", partial(self._say_goodbye, reason)),
            ("public listener", self.server.close),
            ("private listener", self._close_listener),
            ("downloads", self.downloads.close),
            ("jobs", self.jobs.close),
            ("keeping awake", self.awake.close),
            ("trash", self.trash.close),
            ("models", self.models.close),
            ("memory", self._close_memory),
            ("conversations", self.chats.close),
        ):
            try:
                await farewell()
            except Exception:  # one part that cannot close must not keep the others open
                logger.exception("closing %s failed", name)

    async def _say_goodbye(self, reason: str) -> None:
        self.bus.publish(Leaving(id=self.instance_id, reason=reason))
        self.bus.close()

    async def _close_memory(self) -> None:
        for running in (self._pressure, self._asking):
            if running is not None:
                running.cancel()
        await self.memory_watch.close()
        await self._devices.close()
        await self._predictions.close()

    async def _close_listener(self) -> None:
        if self._listener is not None:
            await self._listener.stop()

    # -------------------------------------------------------------- changes

    async def change_settings(self, patch: SettingsPatch) -> Settings:
        """Of a further name of a model the id is kept. Raises InvalidOption and StorageFailed."""
        if patch.default_model:
            await self.models.on_disk()  # or no further name is known yet
            patch = msgspec.structs.replace(patch, default_model=self.models.kept_name(patch.default_model))
        async with self._changing:
            before = self.settings.current
            current = await asyncio.to_thread(self.settings.patch, patch)
        if current != before:
            self.bus.publish(SettingsChanged(id="settings", settings=current))
        if (current.model_folders, current.hidden_places) != (before.model_folders, before.hidden_places):
            self.models.read_folders()
        self.memory_watch.hurry()
        self.lifetime.look()
        return current

    async def switch_server(self, request: ServerRequest) -> ServerStatus:
        """Raises PortUnavailable and BadRequest."""
        try:
            return await self.server.switch(request)
        finally:
            self.lifetime.look()

    def _public_server(self) -> PublicServer:
        from paddock.server.serving import PublicServer

        def make() -> Any:
            from paddock.server.api.openai import OpenAIApi
            from paddock.server.api.openai_completions import CompletionsApi
            from paddock.server.api.openai_embeddings import EmbeddingsApi
            from paddock.server.api.openai_errors import openai_error
            from paddock.server.app import make_app

            dialects = (OpenAIApi(self), CompletionsApi(self), EmbeddingsApi(self))
            return make_app([route for dialect in dialects for route in dialect.routes()], openai_error)

        def refusal(error: PaddockError) -> bytes:
            from paddock.server.api.openai_errors import openai_error

            return openai_error(error)

        return PublicServer(
            make_app=make,
            refusal=refusal,
            bus=self.bus,
            settings=lambda: self.settings.current,
            key=os.environ.get("PADDOCK_API_KEY", ""),
        )

    def _memory(self) -> Memory:
        home = self._instance.home
        return Memory(
            self._subjects,
            self._predictions,
            self._devices,
            LoadOptions(home.load_options_file),
            loaded=lambda: self.models.loaded(),
            evictable=lambda: self.models.pool.evictable(),
            yielding=lambda: self.models.yielding(),
            names=lambda: self.models.pool.names(),
            settings=lambda: self.settings.current,
            defaults=lambda: load_defaults(self.settings.current),
        )

    def _simulator(self) -> Simulator:
        from paddock.backends.simulator import Simulator

        return Simulator(self._registry, self._instance.home.logs)

    def _library(self, places: Sequence[StorePlace]) -> Library:
        from paddock.browser.library import Library

        return Library(places, self._registry.suffixes(), self._instance.home.library_file)

    # -------------------------------------------------------------- being needed

    def _occupied(self) -> bool:
        return bool(self.bus.attached() or self._requests or self.busy())

    def _working(self) -> bool:
        """Whether there is work that must not be put to sleep."""
        batches = bool(self.chats.batches.busy())
        return self.downloads.busy() or self.jobs.busy() or bool(self.generations.running()) or batches

    def _request(self, change: int) -> None:
        self._requests += change
        self.lifetime.touch()

    def _run_ended(self, run: Run) -> None:
        self.chats.titles.ended(run)
        self.lifetime.look()
        self._free_unneeded()

    def _attached(self) -> None:
        windows = self.bus.attached("window")
        left, self._windows = windows < self._windows and windows == 0, windows
        if windows and self._asking is None:
            # the meter shows graphics cards too, but not at the cost of the window's start
            self._asking = asyncio.get_running_loop().call_later(ASK_ENGINES_S, self._devices.ask_engines)
        self.lifetime.look()
        if left:
            self._chore(self._window_left())

    async def _window_left(self) -> None:
        await asyncio.sleep(WINDOW_GRACE_S)
        self._free_unneeded()

    def _free_unneeded(self) -> None:
        """Without a window, the models that only a window used go; one that is still answering goes afterwards."""
        if self.bus.attached("window") == 0:
            for name in self.models.only_window_used():
                self._chore(self._unload(name))

    async def _unload(self, name: str) -> None:
        try:
            await self.models.unload(name)
        except PaddockError as error:
            logger.info("not unloaded: %s", error)

    def _chore(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)
