"""What a model would take: asked of the engine (a simulated load), computed from its header, or guessed by its size."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec

from paddock.sdk.errors import EngineError, LoadFailed, ModelUnusable, PaddockError
from paddock.sdk.llamacpp_load import MMPROJ_OFF, WITHOUT_PICTURES
from paddock.sdk.memory import MACHINE_MEMORY, DeviceUse, Machine, Parts, Prediction
from paddock.sdk.types import Options
from paddock.server.subjects import Subject, file_key

if TYPE_CHECKING:
    from paddock.backends.simulator import Simulator
    from paddock.browser.estimate_shape import Shape
    from paddock.browser.gguf import Header

_HEADERS_KEPT = 16
_GGUF = ".gguf"
_WINDOW = ".attention.sliding_window"


class Predictions:
    """Lives on the host's loop; files are read and headers are computed with in threads. The simulator is made when
    it is first needed."""

    def __init__(self, make_simulator: Callable[[], Simulator]) -> None:
        self._make_simulator = make_simulator
        self._simulator: Simulator | None = None
        self._headers: OrderedDict[str, tuple[Header, ...]] = OrderedDict()
        self._shapes: OrderedDict[str, Shape] = OrderedDict()

    def prepare(self, engine: str) -> None:
        """The engine's own answer will be asked for soon."""
        self._simulating().prepare(engine)

    async def simulated(self, subject: Subject, options: Options) -> Prediction:
        """The engine's own answer. Raises what the engine raised, EngineError where it cannot simulate."""
        if not subject.path:
            raise EngineError("the disk cannot hold a sparse file.")
        return await self._simulating().predict(subject.engine.name, subject.path, options, key=subject.key)

    def _simulating(self) -> Simulator:
        if self._simulator is None:
            self._simulator = self._make_simulator()
        return self._simulator

    def remembered(self, subject: Subject, options: Options) -> Prediction | None:
        """A simulation that was made before."""
        if self._simulator is None:
            return None
        return self._simulator.known(subject.engine.name, subject.path, options, key=subject.key)

    async def computed(self, subject: Subject, options: Options, machine: Machine) -> Prediction:
        """Computed from the header. Raises ModelUnusable where that cannot tell."""
        headers = await self.headers_of(subject)
        if not headers:
            raise ModelUnusable(f"What “{subject.name}” takes cannot be told before it is loaded.")
        drafting = options.get("draft_model")
        draft = await self._read(drafting, "") if isinstance(drafting, str) and drafting else ()
        projectors, blind = await self._projectors(options)
        measured = self._simulator is not None and not machine.planned
        process = self._simulating().overhead(subject.engine.name) if measured else None

        def compute() -> Prediction:
            from paddock.browser.estimate import predict
            from paddock.browser.estimate_shape import shape_of

            shape = self._shapes.get(subject.key) or shape_of(headers)
            self._shapes[subject.key] = shape
            while len(self._shapes) > _HEADERS_KEPT:
                self._shapes.popitem(last=False)
            return predict(
                headers,
                options,
                machine,
                projector=next(iter(projectors), None),
                draft=draft,
                adapters=sum(map(_size, cast("list[str]", options.get("lora") or ()))),
                process=process,
                shape=shape,
            )

        found = await asyncio.to_thread(compute)
        return msgspec.structs.replace(found, notes=(*found.notes, *blind))

    async def _projectors(self, options: Options) -> tuple[tuple[Header, ...], tuple[str, ...]]:
        """The header of what the model sees through, where it does; and notes where that does not work."""
        path = options.get("mmproj")
        if not isinstance(path, str) or path in ("", MMPROJ_OFF):
            return (), ()
        try:
            return await self._read(path, ""), ()
        except ModelUnusable as error:
            return (), (error.message, WITHOUT_PICTURES)

    async def best(self, subject: Subject, options: Options, machine: Machine) -> Prediction:
        """The engine's answer; a guess where it refuses the file or the options; what the header says where it cannot
        be asked. Raises BadRequest."""
        if not subject.engine.simulate:
            return by_size(subject, f"{subject.engine.title} cannot say what a model takes before it is loaded.")
        try:
            return await self.simulated(subject, options)
        except (ModelUnusable, LoadFailed) as error:
            return by_size(subject, error.sentence())
        except (EngineError, TimeoutError) as error:
            why = error.message if isinstance(error, PaddockError) else "it took too long."
            return await self._without_engine(subject, options, machine, f"The load could not be simulated: {why}")

    async def quick(self, subject: Subject, options: Options, machine: Machine) -> Prediction:
        """What can be said at once."""
        return self.remembered(subject, options) or await self._without_engine(subject, options, machine)

    async def planned(self, subject: Subject, machine: Machine, options: Options) -> Prediction:
        """What it would take on another computer."""
        return await self._without_engine(subject, options, machine)

    async def windowed(self, subject: Subject) -> bool:
        """Whether the model has layers with a sliding window."""
        try:
            headers = await self.headers_of(subject)
        except ModelUnusable:
            return False
        return any(key.endswith(_WINDOW) and value for header in headers for key, value in header.metadata.items())

    async def headers_of(self, subject: Subject) -> tuple[Header, ...]:
        """Of all parts of the model; none where its files have no headers. Raises ModelUnusable."""
        if subject.headers or not subject.path.lower().endswith(_GGUF):
            return subject.headers
        return await self._read(subject.path, subject.key)

    async def _read(self, path: str, key: str) -> tuple[Header, ...]:

        def read() -> tuple[Header, ...]:
            from paddock.browser.gguf import read_model_headers

            try:
                return tuple(read_model_headers(Path(path)))
            except OSError as error:
                raise ModelUnusable(f"{path} cannot be read: {error.strerror}.", hint="Check the file.") from error

        key = key or await asyncio.to_thread(file_key, path)
        found = self._headers.get(key)
        if found is None:
            found = await asyncio.to_thread(read)
        self._headers[key] = found
        self._headers.move_to_end(key)
        while len(self._headers) > _HEADERS_KEPT:
            self._headers.popitem(last=False)
        return found

    async def close(self) -> None:
        if self._simulator is not None:
            await self._simulator.close()

    async def _without_engine(self, subject: Subject, options: Options, machine: Machine, *notes: str) -> Prediction:
        try:
            found = await self.computed(subject, options, machine)
        except ModelUnusable as error:
            return by_size(subject, *notes, error.message)
        return msgspec.structs.replace(found, notes=(*found.notes, *notes))


def _size(path: str) -> int:
    """Bytes of a file; 0 where it is not there, which a load says."""
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def by_size(subject: Subject, *notes: str) -> Prediction:
    """The least that ``subject`` can take: its file."""
    memory = DeviceUse(name=MACHINE_MEMORY, parts=Parts(weights=subject.size_bytes))
    return Prediction(source="analytic", confidence="low", devices=(memory,), notes=notes)


def corrected(estimate: Prediction, base: Prediction, truth: Prediction) -> Prediction | None:
    """``estimate``, moved by what the estimate ``base`` misses of ``truth``: good where only a setting differs. None
    where they are not about the same devices."""
    off = {device.name: device.parts.total for device in truth.devices}
    if off.keys() != {device.name for device in base.devices} or off.keys() != {d.name for d in estimate.devices}:
        return None
    for device in base.devices:
        off[device.name] -= device.parts.total
    moved = [
        msgspec.structs.replace(device, parts=device.parts.plus(Parts(overhead=off[device.name])))
        for device in estimate.devices
    ]
    return msgspec.structs.replace(estimate, devices=tuple(moved))
