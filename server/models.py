"""Models as the host offers them: what is on disk (library), what is loaded (pool), and for whom."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from paddock.sdk.errors import BadRequest, EngineError, ModelNotFound, NoVision, PaddockError
from paddock.sdk.events import Failed, Loaded, LoadProgress, MemoryPressure, ModelStateChanged
from paddock.sdk.library import LibraryProblem
from paddock.sdk.options import check
from paddock.sdk.types import (
    EngineInfo,
    GenerateRequest,
    InstancePatch,
    LoadedModel,
    LoadRequest,
    ModelInfo,
    Options,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from paddock.backends.base import EngineDescriptor
    from paddock.backends.pool import Pool
    from paddock.backends.registry import Registry
    from paddock.sdk.events import GenerationEvent, LoadEvent
    from paddock.sdk.library import ModelPatch
    from paddock.sdk.questions import Question, Reply
    from paddock.server.bus import Bus
    from paddock.server.library import HostLibrary
    from paddock.server.memory import Memory

logger = logging.getLogger(__name__)


class Models:
    """Lives on the host's loop; reading the disk happens in a thread."""

    def __init__(
        self,
        registry: Registry,
        library: HostLibrary,
        logs: Path,
        bus: Bus,
        *,
        memory: Memory,
        memory_changed: Callable[[], None],
        ttl_s: Callable[[], float | None],
    ) -> None:
        from paddock.backends.pool import Pool

        self._registry = registry
        self.library = library
        self._bus = bus
        self._users: dict[str, set[str]] = {}
        self._files: dict[str, ModelInfo] = {}
        self._loading: set[asyncio.Task[None]] = set()
        self._engines: asyncio.Task[list[EngineInfo]] | None = None
        self._memory = memory
        self._memory_changed = memory_changed
        self._states: dict[str, object] = {}
        self._needed: list[Callable[[tuple[str, ...]], None]] = []
        self._yielding: list[Callable[[], tuple[str, ...]]] = []
        self.pool: Pool = Pool(
            registry,
            changed=self._changed,
            logs=logs,
            ledger=memory.ledger,
            planner=memory,
            ttl=ttl_s,
            relieved=lambda text: bus.publish(MemoryPressure(id="memory", text=text)),
            needed=self._tell_needed,
            yielding=self.yielding,
        )

    # -------------------------------------------------------------- on disk

    def read_folders(self) -> None:
        """Begin to read the places of models in the background; questions wait for it."""
        self.library.read()

    async def on_disk(self) -> list[ModelInfo]:
        """The models of the folders and, before them, those that were loaded from elsewhere by their path."""
        return [*self._from_elsewhere(), *await self.library.models()]

    def _from_elsewhere(self) -> list[ModelInfo]:
        loaded = {model.model for model in self.pool.loaded()}
        return [info for info in self._files.values() if info.id in loaded]

    async def problems(self) -> list[LibraryProblem]:
        """What in the folders is no usable model."""
        return await self.library.problems()

    async def refresh(self) -> list[ModelInfo]:
        """Look at the folders again."""
        return [*self._from_elsewhere(), *await self.library.refresh()]

    async def find(self, model: str, *, paths: bool = True) -> ModelInfo:
        """The model of an instance's identifier, of an id, of a further name or, where ``paths`` are welcome, of a
        path. What is loaded by its path answers to the path and to the file's name everywhere. Raises ModelNotFound, or
        what makes the file unusable."""
        if not model:
            raise ModelNotFound("No model is chosen.", hint="Pick a model.")
        named = self.pool.named(model)
        if named is not None:
            return named
        for info in self._from_elsewhere():
            if model in (info.id, Path(info.path).name):
                return info
        return await self.library.find(model, paths=paths)

    def kept_name(self, name: str) -> str:
        """What a conversation keeps for ``name``: of a further name the id."""
        return self.library.alias_of(name) or name

    async def keep(self, name: str, patch: ModelPatch) -> ModelInfo:
        """Change what is kept about a model on disk. Raises ModelNotFound, BadRequest, StorageFailed."""
        named = {alias: self.pool.named(alias) for alias in patch.aliases or ()}
        return await self.library.patch(name, patch, {alias: info.id for alias, info in named.items() if info})

    # -------------------------------------------------------------- engines

    async def engines(self) -> list[EngineInfo]:
        """All engines, looked at once in short-lived workers."""
        if self._engines is None or (self._engines.done() and self._engines.exception() is not None):
            self._engines = asyncio.get_running_loop().create_task(self._probe())
        return await asyncio.shield(self._engines)

    async def _probe(self) -> list[EngineInfo]:
        found = []
        for descriptor in await asyncio.to_thread(self._registry.descriptors):
            try:
                found.append(await self.pool.probe(descriptor))
            except PaddockError as error:
                found.append(
                    EngineInfo(name=descriptor.name, title=descriptor.title, available=False, reason=error.sentence())
                )
        return found

    def descriptor(self, model: ModelInfo) -> EngineDescriptor:
        """The card of the model's engine. Raises EngineMissing."""
        return self._registry.get(model.engine)

    def check_sampling(self, model: ModelInfo, sampling: Options) -> Options:
        """``sampling`` under the engine's own names. Raises UnknownOption, InvalidOption, EngineMissing."""
        descriptor = self.descriptor(model)
        return check(sampling, descriptor.sampling, where=f"{descriptor.title} sampling")

    def offered(self, model: ModelInfo, sampling: Options) -> Options:
        """``sampling`` without what only other engines have: a conversation keeps it for when it goes on with a model
        of theirs. Raises EngineMissing."""
        return offered(sampling, self.descriptor(model), self._registry.descriptors())

    # -------------------------------------------------------------- loaded

    def loaded(self) -> tuple[LoadedModel, ...]:
        return tuple(self.pool.loaded())

    def on_needed(self, hook: Callable[[tuple[str, ...]], None], yielding: Callable[[], tuple[str, ...]]) -> None:
        """Call ``hook`` with the ids of busy instances while somebody who is no batch waits for their memory;
        ``yielding`` gives those that it makes idle then."""
        self._needed.append(hook)
        self._yielding.append(yielding)

    def yielding(self) -> tuple[str, ...]:
        """Ids of busy instances that leave their work when somebody waits for their memory."""
        return tuple(id for gives in self._yielding for id in gives())

    def _tell_needed(self, instances: tuple[str, ...]) -> None:
        for hook in self._needed:
            hook(instances)

    def is_loading(self) -> bool:
        return any(model.state == "loading" for model in self.pool.loaded())

    async def load(self, request: LoadRequest, client: str) -> AsyncGenerator[LoadEvent, None]:
        """Load a model. The load goes on when nobody listens any more. Raises ModelNotFound, or
        BadRequest for an identifier that is another model's name, before the first event."""
        model = await self.find(request.model)
        owner = self.library.alias_of(request.identifier)
        if owner not in ("", model.id):
            hint = f"Choose another name, or take it from “{owner}” first."
            raise BadRequest(f"“{request.identifier}” is a name of “{owner}”.", hint=hint)
        if model.source == "path":
            self._files[model.id] = model
        events: asyncio.Queue[LoadEvent] = asyncio.Queue()

        async def run() -> None:
            try:
                loaded = await self.pool.load(
                    model,
                    request.options,
                    lambda fraction: events.put_nowait(LoadProgress(id=model.id, model=model.id, fraction=fraction)),
                    identifier=request.identifier,
                    force=request.force,
                    pinned=request.pinned,
                    ttl_s=request.ttl_s,
                )
                self._use(model.id, client)
                events.put_nowait(Loaded(id=loaded.id, model=loaded))
            except PaddockError as error:
                events.put_nowait(Failed(id=model.id, error=error.info()))
            except asyncio.CancelledError:
                given_up = EngineError("The load was given up.", hint="Load the model again.")
                events.put_nowait(Failed(id=model.id, error=given_up.info()))
                raise
            except Exception as error:  # a bug below must still end the load, or its client waits for ever
                logger.exception("loading %s failed", model.id)
                text = f"Loading failed inside Paddock ({type(error).__name__})."
                events.put_nowait(Failed(id=model.id, error=EngineError(text, hint="See the host's log.").info()))

        task = asyncio.get_running_loop().create_task(run())
        self._loading.add(task)
        task.add_done_callback(self._loading.discard)

        async def follow() -> AsyncGenerator[LoadEvent, None]:
            while True:
                event = await events.get()
                yield event
                if isinstance(event, Loaded | Failed):
                    return

        return follow()

    async def unload(self, name: str) -> None:
        """Unload the instance ``name``, or what is loaded of the model ``name``, an id or a path. What a batch has
        asked it is asked again later. Raises NotFound."""
        name = await self._loaded_name(name)
        self._tell_needed(tuple(i.id for i in self.pool.loaded() if name in (i.id, i.identifier, i.model)))
        await self.pool.unload(name)

    async def patch(self, name: str, patch: InstancePatch) -> LoadedModel:
        """Change an instance, named as for :meth:`unload`. Raises NotFound, BadRequest."""
        return self.pool.patch(await self._loaded_name(name), pinned=patch.pinned, ttl_s=patch.ttl_s)

    async def _loaded_name(self, name: str) -> str:
        """``name`` as the pool knows it; it says itself what is not loaded."""
        if any(name in (model.id, model.identifier, model.model) for model in self.pool.loaded()):
            return name
        with suppress(PaddockError):
            return (await self.find(name)).id
        return name

    def generate(self, model: ModelInfo, request: GenerateRequest, client: str) -> AsyncIterator[GenerationEvent]:
        """The answer's events; where the request names an instance, of that one. What the request does not say about
        sampling is taken from the model's own values."""
        self._use(model.id, client)
        try:
            chosen = self.check_sampling(model, request.sampling)
            request = msgspec.structs.replace(request, sampling={**model.sampling, **chosen})
        except PaddockError:
            pass  # the pool finds the same and ends the request with it
        if any(message.pictures for message in request.messages):
            return self._seen(model, request)
        return self.pool.generate(model, request, identifier=self._identifier(request.model))

    async def _seen(self, model: ModelInfo, request: GenerateRequest) -> AsyncIterator[GenerationEvent]:
        if await self.blind(model):
            error = NoVision("This model cannot see pictures.", hint="Choose one with vision.")
            yield Failed(id=request.id, error=error.info())
            return
        async with aclosing(self.pool.generate(model, request, identifier=self._identifier(request.model))) as events:
            async for event in events:
                yield event

    async def blind(self, model: ModelInfo) -> bool:
        """Whether it is known that the model would see nothing, so that it is not loaded in vain. An engine that needs
        no projector, and a loaded model, say so themselves."""
        if "vision" in model.capabilities or any(loaded.model == model.id for loaded in self.pool.loaded()):
            return False
        try:
            by_projector = any(spec.name == "mmproj" for spec in self.descriptor(model).load)
            return by_projector and not (await self._memory.saved(model)).get("mmproj")
        except PaddockError:
            return False  # the pool says what is wrong

    async def retune(self, name: str, request_id: str, sampling: Options) -> None:
        """Have a running request go on with other sampling. Raises UnknownOption, InvalidOption, NotFound, and what
        :meth:`find` raises."""
        model = await self.find(name)
        self.pool.retune(model, request_id, {**model.sampling, **sampling})

    async def ask(self, model: ModelInfo, question: Question, client: str) -> Reply:
        """The model's reply; cancelling the task cancels the question. Raises what loading raises, and the engine."""
        self._use(model.id, client)
        return await self.pool.ask(model, question, identifier=self._identifier(question.model))

    def _identifier(self, name: str) -> str:
        return name if self.pool.named(name) is not None else ""

    def only_window_used(self) -> list[str]:
        """Instances that only the window has asked for, that nobody is using now and that are not pinned."""
        return [
            model.id
            for model in self.pool.loaded()
            if self._users.get(model.model) == {"window"} and model.active + model.queued == 0 and not model.pinned
        ]

    async def close(self) -> None:
        for task in (*self._loading, self._engines):
            if task is not None and not task.done():
                task.cancel()
        await self.library.close()
        await self.pool.close()

    def _use(self, model_id: str, client: str) -> None:
        self._users.setdefault(model_id, set()).add(client)

    def _changed(self, instance: str, model: LoadedModel | None) -> None:
        if model is None:
            present = {loaded.model for loaded in self.pool.loaded()}
            self._users = {name: users for name, users in self._users.items() if name in present}
        self._bus.publish(ModelStateChanged(id=instance, model=model))
        state = (model.state, model.pid, model.predicted_bytes) if model is not None else None
        if self._states.pop(instance, None) != state:
            self._memory_changed()
            if model is not None and model.state == "ready":
                self.library.used(model.model)
        if state is not None:
            self._states[instance] = state
        self.library.busy = any(one.active or one.state == "loading" for one in self.pool.loaded())


def offered(sampling: Options, engine: EngineDescriptor, engines: Iterable[EngineDescriptor]) -> Options:
    """``sampling`` without what others of the ``engines`` have and ``engine`` has not."""
    foreign: set[str] = set().union(*(_names(each) for each in engines)) - _names(engine)
    return {name: value for name, value in sampling.items() if name not in foreign}


def _names(engine: EngineDescriptor) -> set[str]:
    """What its sampling options are called."""
    return {name for spec in engine.sampling for name in (spec.name, *spec.aliases)}
