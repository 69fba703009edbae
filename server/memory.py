"""Memory as the host sees it: estimates for people, plans for the pool, and what there is now."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from paddock.backends.planning import GuardRule, Judgement, Plan
from paddock.sdk.errors import StorageFailed
from paddock.sdk.memory import DeviceUse, Estimate, EstimateRequest, Machine, MemoryState, Prediction, Remedy
from paddock.sdk.options import check
from paddock.sdk.types import LoadedModel, ModelInfo, Options
from paddock.server.inquiry import Inquiry, Predict
from paddock.server.predictions import Predictions
from paddock.server.subjects import Subject, Subjects
from paddock.server.verdicts import estimated

if TYPE_CHECKING:
    from paddock.backends.ledger import Ledger
    from paddock.sdk.host import Settings
    from paddock.server.devices import Devices
    from paddock.server.load_options import LoadOptions

logger = logging.getLogger(__name__)

MIB = 2**20
LIMIT_SHARE = 0.95
"""Of the memory that a failed load could have had, so much is planned with."""


@dataclasses.dataclass(frozen=True)
class Terms:
    """How many models are judged alike: ``predict`` tells what a load takes, quickly enough to search with, and
    ``ledger`` is one look at this computer. A ``guess`` is judged although nothing is known of the model's inside."""

    predict: Predict
    ledger: Ledger
    guess: bool = False

    def applied(self, inquiry: Inquiry) -> Inquiry:
        simulated = inquiry.simulated and not self.guess
        return dataclasses.replace(inquiry, predict=self.predict, compute=self.predict, simulated=simulated)


class Memory:
    """Lives on the host's loop. ``loaded`` is what is in memory and ``evictable`` what of it may be unloaded, least
    recently used first; ``yielding`` leaves its work for others' loads. ``names`` are people's words for instances,
    ``defaults`` the load options that the settings say for all models."""

    def __init__(
        self,
        subjects: Subjects,
        predictions: Predictions,
        devices: Devices,
        saved: LoadOptions,
        *,
        loaded: Callable[[], Sequence[LoadedModel]],
        evictable: Callable[[], Sequence[str]],
        yielding: Callable[[], Sequence[str]],
        names: Callable[[], Mapping[str, str]],
        settings: Callable[[], Settings],
        defaults: Callable[[], Options],
    ) -> None:
        from paddock.backends.ledger import Ledger

        self._subjects = subjects
        self._predictions = predictions
        self._devices = devices
        self._saved = saved
        self._loaded = loaded
        self._evictable = evictable
        self._yielding = yielding
        self._names = names
        self._settings = settings
        self._defaults = defaults
        self.ledger: Ledger = Ledger(devices=devices.now, guard=self.rule)
        self.pressure = ""
        """A sentence while the machine is short of memory."""

    def rule(self) -> GuardRule:
        """The guard that the user chose. Without a limit ``custom`` keeps what ``balanced`` keeps."""
        settings = self._settings()
        unlimited = settings.memory_guard == "custom" and not settings.memory_limit_mib
        mode = "balanced" if unlimited else settings.memory_guard
        return GuardRule(mode=mode, limit=settings.memory_limit_mib * MIB)

    async def state(self) -> MemoryState:
        """Every device, who holds it and what is free."""
        await self._devices.machine()
        return self.state_now()

    def state_now(self) -> MemoryState:
        """As :meth:`state`; empty as long as nobody has looked at this computer."""
        holders = self._devices.holders([model.pid for model in self._loaded() if model.pid is not None])
        found = self.ledger.state()
        return msgspec.structs.replace(
            found,
            devices=tuple(
                msgspec.structs.replace(state, holders=holders.get(state.device.name, ())) for state in found.devices
            ),
            guard=self._settings().memory_guard,
            pressure=self.pressure,
        )

    async def machines(self) -> list[Machine]:
        """This computer and those that the user plans for."""
        from paddock.browser.machines import parse

        this = await self._devices.machine(processors=True)
        return [this, *map(parse, self._settings().planned_machines)]

    # -------------------------------------------------------------- saved load options

    async def saved(self, model: ModelInfo) -> Options:
        """The load options that are saved for ``model``. Raises StorageFailed, EngineMissing."""
        return await asyncio.to_thread(self._saved.get, model.id, self._subjects.engine(model).load)

    async def save(self, model: ModelInfo, options: Options) -> Options:
        """Save load options for ``model``. Raises UnknownOption, InvalidOption, StorageFailed, EngineMissing."""
        engine = self._subjects.engine(model)
        return await asyncio.to_thread(self._saved.put, model.id, options, engine.load, f"{engine.title} load options")

    async def _merged(self, subject: Subject, options: Options) -> Options:
        """``options`` before those that are saved for the model, before those of the settings; None goes back to the
        engine's own default. The projector that lies beside the model is taken where none is named."""
        known = {spec.name for spec in subject.engine.load}
        merged = {name: value for name, value in self._defaults().items() if name in known}
        try:
            asked = subject.name, subject.engine.load
            saved = self._saved.at_hand(*asked)
            merged |= saved if saved is not None else await asyncio.to_thread(self._saved.get, *asked)
        except StorageFailed as error:  # that must not keep a model from being loaded
            logger.warning("no saved load options: %s", error.sentence())
        merged = {name: value for name, value in (merged | options).items() if value is not None}
        if subject.projector and "mmproj" in known and not merged.get("mmproj"):
            merged["mmproj"] = subject.projector
        return merged

    # -------------------------------------------------------------- the pool's planner

    async def plan(self, model: ModelInfo, options: Options, *, replacing: tuple[str, ...] = ()) -> Plan:
        """See :class:`~paddock.backends.planning.Planner`."""
        subject = await self._subjects.on_disk(model)
        merged = await self._merged(subject, options)
        inquiry = await self._here(subject, self._sure, replacing)
        merged, prediction = await inquiry.decide(merged)
        return Plan(options=merged, prediction=prediction)

    async def remedy(
        self, model: ModelInfo, plan: Plan, *, replacing: tuple[str, ...] = (), limit: int | None = None
    ) -> Remedy | None:
        """See :class:`~paddock.backends.planning.Planner`. ``limit``: after a load that ran out of memory although it
        should have fitted, so many bytes of the machine's memory could have been had."""
        if plan.prediction is None:
            return None
        inquiry = await self._here(await self._subjects.on_disk(model), self._best, replacing)
        if limit is not None:
            judge = partial(self._judge_limited, int(limit * LIMIT_SHARE))
            inquiry = dataclasses.replace(inquiry, judge=judge, judge_now=judge)
        return await inquiry.remedy(plan.options, plan.prediction)

    async def _here(
        self,
        subject: Subject,
        predict: Callable[[Subject, Options], Awaitable[Prediction]],
        replacing: Sequence[str],
        ledger: Ledger | None = None,
    ) -> Inquiry:
        """A question about a load on this computer, as ``ledger`` knows it."""
        machine = await self._devices.machine()
        return Inquiry(
            predict=partial(predict, subject),
            compute=partial(self._predictions.computed, subject, machine=machine),
            judge=partial(self._judge, subject.name, replacing, ledger=ledger),
            judge_now=partial(self._judge, subject.name, replacing, evicting=False, ledger=ledger),
            specs=subject.engine.load,
            simulated=bool(subject.engine.simulate),
            windowed=await self._predictions.windowed(subject),
            names=self._names(),
        )

    async def _sure(self, subject: Subject, options: Options) -> Prediction:
        """What the header says where twice as much would fit too; else the engine is asked, which takes longer."""
        await self._devices.machine(processors=True)
        quick = await self._quick(subject, options)
        if quick.source == "simulated":
            return quick
        doubled = msgspec.structs.replace(quick, devices=tuple(map(_doubled, quick.devices)))
        certain = quick.confidence != "low" and self._judge(subject.name, (), doubled, evicting=False).verdict == "fits"
        return quick if certain else await self._best(subject, options)

    async def _best(self, subject: Subject, options: Options) -> Prediction:
        found = await self._predictions.best(subject, options, await self._devices.machine())
        if {device.name for device in found.devices} - {device.name for device in self._devices.now()}:
            await self._devices.machine(processors=True)  # a processor that only the engine knows of
        return found

    async def _quick(self, subject: Subject, options: Options) -> Prediction:
        return await self._predictions.quick(subject, options, await self._devices.machine())

    def _judge(
        self,
        model: str,
        replacing: Sequence[str],
        prediction: Prediction,
        *,
        evicting: bool = True,
        yielding: Sequence[str] = (),
        ledger: Ledger | None = None,
    ) -> Judgement:
        leaving = (*self._evictable(), *yielding) if evicting else ()
        idle = [instance for instance in leaving if instance not in replacing]
        return (ledger or self.ledger).judge(prediction, idle=idle, replacing=replacing, model=model)

    def _judge_limited(self, limit: int, prediction: Prediction) -> Judgement:
        from paddock.backends.ledger import judge_machine

        memory, *others = self._devices.now()
        free = limit if memory.free is None else min(memory.free, limit)
        limited = Machine(name="", devices=(msgspec.structs.replace(memory, free=free), *others))
        return judge_machine(prediction, limited, GuardRule(mode="off"))

    # -------------------------------------------------------------- estimates

    async def estimate(self, request: EstimateRequest) -> Estimate:
        """The answer to ``request``. Raises ModelNotFound, ModelUnusable for a file that is no model, UnknownOption,
        InvalidOption, BadRequest for a machine that cannot be read, and what keeps the hub from answering."""
        started = time.perf_counter()
        found = await self.estimate_of(await self._subjects.find(request.model), request)
        return msgspec.structs.replace(found, seconds=round(time.perf_counter() - started, 4))

    async def estimate_of(self, subject: Subject, request: EstimateRequest, terms: Terms | None = None) -> Estimate:
        """As :meth:`estimate`, for a subject that was found already, or that there is only in thought; by ``terms``
        where there are some."""
        started = time.perf_counter()
        where = f"{subject.engine.title} load options"
        asked = check(request.options, subject.engine.load, where=where, unset=True)
        options = await self._merged(subject, asked)
        yielding = () if request.on else self._yielding()
        if request.on:
            from paddock.browser.machines import parse

            machine = parse(request.on)
            inquiry, devices = await self._elsewhere(subject, machine), machine.devices
            judge = inquiry.judge
        else:
            machine = None
            self._devices.ask_engines()
            predict = self._quick if request.quick else self._best
            ledger = terms.ledger if terms is not None else self.ledger
            replacing = (*request.replacing, *self._replaced(subject.name))
            inquiry, devices = await self._here(subject, predict, replacing, ledger), ledger.devices()
            judge = partial(self._judge, subject.name, replacing, yielding=yielding, ledger=ledger)
        if terms is not None:
            inquiry = terms.applied(inquiry)
        options, prediction = await inquiry.decide(options)
        inquiry = dataclasses.replace(inquiry, judge=judge)
        answer = await inquiry.answer(options, prediction, thorough=terms is not None or not request.quick)
        on = machine.name if machine is not None else ""
        found = estimated(answer, devices, self._names(), on, yielding=yielding)
        return msgspec.structs.replace(
            found,
            model=subject.name,
            fetched_bytes=subject.fetched_bytes,
            seconds=round(time.perf_counter() - started, 4),
        )

    async def machine(self, on: str = "") -> Machine:
        """This computer, or the one that ``on`` describes. Raises BadRequest."""
        if on:
            from paddock.browser.machines import parse

            return parse(on)
        return await self._devices.machine(processors=True)

    async def judge(self, on: str = "") -> Callable[[Prediction], Judgement]:
        """Judges loads at this moment on this computer, or on the one that ``on`` describes. Raises BadRequest."""
        from paddock.backends.ledger import empty

        machine = await self.machine(on)
        if on:
            return empty(machine, self._planning_rule()).judge
        return partial(self._judge, "", (), yielding=self._yielding(), ledger=self.ledger.frozen())

    def _planning_rule(self) -> GuardRule:
        rule = self.rule()
        return GuardRule() if rule.mode == "custom" else rule  # its limit is about this computer

    async def _elsewhere(self, subject: Subject, machine: Machine) -> Inquiry:
        """A question about a load on a planned computer, which is empty."""
        from paddock.backends.ledger import empty

        judge = empty(machine, self._planning_rule()).judge
        predict: Predict = partial(self._predictions.planned, subject, machine)
        return Inquiry(
            predict=predict,
            compute=predict,
            judge=judge,
            judge_now=judge,
            specs=subject.engine.load,
            simulated=bool(subject.engine.simulate),
            windowed=await self._predictions.windowed(subject),
            names=self._names(),
        )

    def _replaced(self, model: str) -> list[str]:
        """A load takes the place of what is loaded of the same model, unless that has a name of its own."""
        return [loaded.id for loaded in self._loaded() if loaded.model == model and not loaded.identifier]


def _doubled(device: DeviceUse) -> DeviceUse:
    return msgspec.structs.replace(device, parts=device.parts.plus(device.parts))
