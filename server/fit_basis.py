"""What the quants of one model take, computed from the header of one of them: quick enough for a slider."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from paddock.sdk.errors import ModelUnusable
from paddock.sdk.hub import HubQuant
from paddock.sdk.memory import Machine, Parts, Prediction
from paddock.sdk.types import Options
from paddock.server.predictions import Predictions, by_size, corrected
from paddock.server.subjects import Subject

_KEPT = 64
_ANSWERS = 1024
_STEP = 256
"""The shortest context that is computed for; the others are twice as long each."""

K = TypeVar("K")
V = TypeVar("V")
Predict = Callable[[Options], Awaitable[Prediction]]


class Basis:
    """A quant whose headers are here. ``truth`` is a simulated load and its options, by which those that are computed
    are corrected. What was computed is kept."""

    def __init__(
        self, subject: Subject, machine: Machine, predictions: Predictions, truth: tuple[Options, Prediction] | None
    ) -> None:
        self.subject = subject
        self._machine = machine
        self._predictions = predictions
        self._truth = truth
        self._base: Prediction | None = None
        self._answers: OrderedDict[str, Prediction] = OrderedDict()

    async def of_quant(self, own: HubQuant, quant: HubQuant) -> Predict:
        """Predicts ``quant`` by what its files take; ``own`` is the one whose headers are here. The first load that is
        asked about is computed exactly, changes to it that a search tries on a straight line between two lengths of
        context."""
        from paddock.browser.fit_scaling import scaled, scaling

        headers = await self._predictions.headers_of(self.subject)
        by = None
        if own is not quant and headers:
            by = scaling(headers, own.label, quant.label, quant.size_bytes, self._machine)
        asked: Options | None = None

        async def predict(options: Options) -> Prediction:
            nonlocal asked
            plain = {name: value for name, value in options.items() if name != "swa_full"}
            if asked is None:
                asked = plain
            found = await (self.predict(options) if plain == asked else self._near(options))
            return found if by is None else scaled(found, by, repack=bool(options.get("repack", True)))

        return predict

    async def predict(self, options: Options) -> Prediction:
        key = repr(sorted(options.items()))
        found = self._answers.get(key)
        if found is None:
            found = await self._predict(options)
            put(self._answers, key, found, _ANSWERS)
        return found

    async def _predict(self, options: Options) -> Prediction:
        if self._truth is not None and options == self._truth[0]:
            return self._truth[1]
        try:
            found = await self._predictions.computed(self.subject, options, self._machine)
            if self._truth is not None and self._base is None:
                self._base = await self._predictions.computed(self.subject, self._truth[0], self._machine)
        except ModelUnusable as error:  # only the engine knows this architecture
            return by_size(self.subject, error.message)
        if self._truth is None or self._base is None:
            return found
        return corrected(found, self._base, self._truth[1]) or found

    async def _near(self, options: Options) -> Prediction:
        """As :meth:`predict`. Memory grows nearly along a straight line from one length of context to its double."""
        length = options.get("n_ctx")
        if type(length) is not int or length <= _STEP:
            return await self.predict(options)
        low = _STEP << ((length // _STEP).bit_length() - 1)
        if low == length:
            return await self.predict(options)
        shorter = await self.predict({**options, "n_ctx": low})
        longer = await self.predict({**options, "n_ctx": 2 * low})
        return _between(shorter, longer, (length - low) / low, length)


def _between(shorter: Prediction, longer: Prediction, part: float, length: int) -> Prediction:
    devices = tuple(
        msgspec.structs.replace(less, parts=_mixed(less.parts, more.parts, part))
        for less, more in zip(shorter.devices, longer.devices, strict=True)
    )
    return msgspec.structs.replace(shorter, devices=devices, context_length=length)


def _mixed(less: Parts, more: Parts, part: float) -> Parts:
    kv, recurrent = (round(a + (b - a) * part) for a, b in ((less.kv, more.kv), (less.recurrent, more.recurrent)))
    compute = round(less.compute + (more.compute - less.compute) * part)
    overhead = round(less.overhead + (more.overhead - less.overhead) * part)
    return msgspec.structs.replace(less, kv=kv, recurrent=recurrent, compute=compute, overhead=overhead)


def put(kept: OrderedDict[K, V], key: K, value: V, most: int = _KEPT) -> None:
    """Keep ``value`` as the latest; what was not used for the longest time leaves when there are more than ``most``."""
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > most:
        kept.popitem(last=False)
