"""Which instance a load or a request gets: one that is there, or a new one."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from paddock.backends.admission import Admission, refuse_when_busy
from paddock.backends.base import EngineDescriptor
from paddock.backends.failures import FailedLoads
from paddock.backends.instance import Heard, Instance
from paddock.backends.instances import Instances
from paddock.backends.loading import Loader
from paddock.backends.registry import Registry
from paddock.sdk.errors import BadRequest, HostBusy, ModelNotFound
from paddock.sdk.options import check
from paddock.sdk.types import ModelInfo, Options

_LOOK_S = 1.0


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants loaded. ``demand``: a request, which may wait for memory; ``like``: an instance that has left
    and is to come back as it was; ``background``: nobody waits for it but a batch."""

    model: ModelInfo
    descriptor: EngineDescriptor
    options: Options
    identifier: str = ""
    demand: bool = False
    background: bool = False
    force: bool = False
    like: Instance | None = None


class Arrivals:
    """Chooses among ``instances``, and begins loads."""

    def __init__(
        self,
        registry: Registry,
        instances: Instances,
        loader: Loader,
        admission: Admission,
        failures: FailedLoads,
    ) -> None:
        self._registry = registry
        self._instances = instances
        self._loader = loader
        self._admission = admission
        self._failures = failures
        self._last: dict[str, Instance] = {}
        self._closed = False

    def wish(self, model: ModelInfo, options: Options, identifier: str) -> Wish:
        """For an explicit load. Raises EngineMissing, UnknownOption, InvalidOption."""
        descriptor = self._registry.get(model.engine)
        wanted = check(options, descriptor.load, where=f"{descriptor.title} load options", unset=True)
        return Wish(model=model, descriptor=descriptor, options=wanted, identifier=identifier)

    def demand(self, model: ModelInfo, options: Options | None, identifier: str) -> Wish:
        """For a request. Raises what :meth:`wish` does, and ModelNotFound for an identifier that nothing has."""
        last = self.last(identifier)
        if identifier and last is None:
            raise ModelNotFound(f"No loaded model is called “{identifier}”.", hint="Load a model under this name.")
        return msgspec.structs.replace(self.wish(model, options or {}, identifier), demand=True, like=last)

    def last(self, identifier: str) -> Instance | None:
        """The instance of this name; one that has left by itself is remembered, and a request brings it back."""
        if not identifier:
            return None
        found = (i for i in self._instances if i.identifier == identifier)
        return next(found, self._last.get(identifier))

    def forget(self, identifier: str) -> None:
        self._last.pop(identifier, None)

    def close(self) -> None:
        """Nothing arrives any more."""
        self._closed = True
        self._instances.freed.ring()

    async def ready(
        self, wish: Wish, heard: Heard | None, terms: Callable[[Instance], None] = lambda instance: None
    ) -> Instance:
        """The instance for ``wish``, loaded; nothing else has run since it was. ``terms`` is called with it as soon as
        it is chosen. Raises what the load raises, LoadStopped, HostBusy, BadRequest."""
        while True:
            if self._closed:
                raise HostBusy("Paddock is leaving and loads nothing any more.", hint="Start it again.")
            instance = self._choose(wish)
            if instance is not None and instance.leaving():
                await self._instances.stop(instance)
            elif instance is not None and instance.draining and wish.demand:
                if heard is not None:
                    heard(0.0, self._admission.queued())
                await self._instances.freed.wait(_LOOK_S)
            else:
                break
        begins = instance is None or not instance.satisfies(wish.options)
        if instance is None or begins:
            instance = self._begin(wish, replaces=instance)
        instance.force = instance.force or wish.force
        instance.patient = instance.patient or wish.demand
        instance.background = instance.background and wish.background
        terms(instance)
        if begins:
            self._instances.tell(instance)
        await self._loader.join(instance, heard)
        if instance.identifier:
            self._last[instance.identifier] = instance
        return instance

    def _choose(self, wish: Wish) -> Instance | None:
        """The instance for ``wish``, or the one that stands in its place; None: there is to be a further one."""
        name = wish.identifier
        found = [i for i in self._instances if (i.identifier == name if name else i.model.id == wish.model.id)]
        other = next((i for i in found if i.model.id != wish.model.id), None)
        if other is not None:
            raise BadRequest(f"“{name}” is the name of an instance of “{other.model.id}”.", hint="Choose another name.")
        staying = [i for i in found if not i.leaving()]
        right = [i for i in staying if i.satisfies(wish.options)]
        if right:
            return min(right, key=lambda i: (i.draining, i.state != "ready", len(i.leases) + i.waiters))
        newest_first = reversed([*(i for i in found if i.leaving()), *staying])
        return next((i for i in newest_first if i.identifier == name), None)

    def _begin(self, wish: Wish, replaces: Instance | None) -> Instance:
        if replaces is not None:
            refuse_when_busy(replaces)
        like = replaces or wish.like
        asked = wish.options or (wish.like.asked if wish.like is not None else {})
        if wish.demand:
            self._failures.check(wish.model, asked)
        instance = self._loader.begin(wish.model, wish.descriptor, asked, identifier=wish.identifier, replaces=replaces)
        instance.on_demand = wish.demand if like is None else like.on_demand
        if like is not None:
            instance.pinned, instance.ttl_s = like.pinned, like.ttl_s
        return instance
