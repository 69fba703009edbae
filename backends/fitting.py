"""The largest context that fits, and the smallest change after which a load fits: a search over predictions.

A prediction may be a simulated load of some tenths of a second, so few are asked for. Both functions run on the
caller's loop, may be cancelled at any time, and raise what ``predict`` raises.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import cast

from msgspec import structs

from paddock.backends.planning import Judgement
from paddock.backends.remedies import remedy_sentence
from paddock.sdk.memory import Parts, Prediction, Remedy
from paddock.sdk.options import OptionSpec
from paddock.sdk.types import Options

Predict = Callable[[Options], Awaitable[Prediction]]
Judge = Callable[[Prediction], Judgement]

STEP = 256
"""llama.cpp rounds a context up to a multiple of so many tokens."""
SHORT = 2048
"""A context below this (below half of one that is short already) is of little use, and the last resort."""
_CALLS = 12
_GUESSES = 4
"""So often the border is looked for along a straight line; after that the range is halved."""
_WIDE_TYPES = ("f32", "f16", "bf16")
_SMALL_TYPE = "q8_0"
_PARALLEL = (16, 8, 4, 2, 1)
_BATCHES = (256, 128, 64)


async def largest_context(predict: Predict, judge: Judge, options: Options, *, trained: int) -> int | None:
    """The most tokens of context that fit with the other ``options`` as they are: ``trained``, or a multiple of 256
    below it. None when not even 256 fit, or when it cannot be told. Mostly five predictions, at most twelve."""
    return await _Search(predict, judge, options).context({}, STEP, trained)


async def cheapest_change(
    predict: Predict,
    judge: Judge,
    options: Options,
    prediction: Prediction,
    specs: Iterable[OptionSpec],
    *,
    names: Mapping[str, str] | None = None,
) -> Remedy | None:
    """The change to a load of ``options`` that a user would mind least, of those after which it fits.

    ``prediction`` is that load's, ``specs`` are the engine's load options: only those it has are changed. ``names`` are
    the models' names by instance id, for the sentence. None when it fits as it is, when it cannot be told, and when
    nothing helps; that takes some thirty predictions.
    """
    judgement = judge(prediction)
    change: Options = {}
    if judgement.verdict == "does_not_fit" and not _weights_alone_are_too_much(prediction, judge):
        search = _Search(predict, judge, options)
        known = {spec.name: spec for spec in specs}
        change = await _Changes(search, prediction, judgement, known).cheapest() or {}
        judgement = await search.judged(change) if change else judgement
    if not change and judgement.verdict != "fits_if_unloaded":
        return None
    sentence = remedy_sentence(change, [(names or {}).get(key, key) for key in judgement.unload], prediction.layers)
    return Remedy(sentence=sentence, unload=judgement.unload, options=change)


class _Search:
    """Predictions of changed loads and verdicts on them, each asked for once. With ``unloading`` idle models may leave
    for a load."""

    def __init__(self, predict: Predict, judge: Judge, options: Options, *, unloading: bool = False) -> None:
        self._predict = predict
        self._judge = judge
        self.options = options
        self.unloading = unloading
        self._predictions: dict[str, Prediction] = {}
        self._judgements: dict[str, Judgement] = {}

    async def predicted(self, change: Options) -> Prediction:
        key = repr(sorted(change.items()))
        if key not in self._predictions:
            self._predictions[key] = await self._predict(self.options | change)
        return self._predictions[key]

    async def judged(self, change: Options) -> Judgement:
        key = repr(sorted(change.items()))
        if key not in self._judgements:
            self._judgements[key] = self._judge(await self.predicted(change))
        return self._judgements[key]

    async def fits(self, change: Options) -> bool:
        verdict = (await self.judged(change)).verdict
        return verdict == "fits" or (self.unloading and verdict == "fits_if_unloaded")

    async def context(self, base: Options, least: int, most: int) -> int | None:
        """The largest context from ``least`` to ``most`` that fits; ``most`` or a multiple of 256.

        What a context takes grows nearly along a straight line: the border is guessed from both ends, and verified.
        """

        def change(steps: int) -> Options:
            return base | {"n_ctx": min(steps * STEP, most)}

        low, high = -(-least // STEP), -(-most // STEP)
        if await self.fits(change(high)):
            return most
        if low >= high or not await self.fits(change(low)):
            return None
        for call in range(2, _CALLS):
            if high - low == 1:
                break
            middle = (low + high) // 2
            if call < 2 + _GUESSES:
                ends = await self.predicted(change(low)), await self.predicted(change(high))
                middle = low + int((high - low) * _fraction(*ends, await self.judged(change(high))))
                middle = min(max(middle, low + 1), high - 1)
            if await self.fits(change(middle)):
                low = middle
            else:
                high = middle
        return low * STEP


class _Changes:
    """What can be changed about a load, in the order in which a user would mind. Each way takes a change that is
    already decided, and gives it with its own, or None when that does not fit."""

    def __init__(
        self, search: _Search, prediction: Prediction, judgement: Judgement, specs: Mapping[str, OptionSpec]
    ) -> None:
        self._search = search
        self._now = {name: spec.default for name, spec in specs.items()} | search.options
        self._context = prediction.context_length
        self._short = max(min(SHORT, self._context // 2 // STEP * STEP), STEP)
        self._layers = prediction.layers
        gpus = {use.name for use in prediction.devices if use.kind != "cpu"}
        self._gpu_lacks = not gpus.isdisjoint(judgement.missing)
        self._gpus = gpus

    async def cheapest(self) -> Options | None:
        """Idle models leave only where a small cache and one more change are not enough without that."""
        ways = (self._cache, self._shorter, self._parallel, self._experts, self._offload, self._batch)
        small = self._small_cache()
        short: Options = {"n_ctx": self._short} if self._context > self._short else {}
        mild: list[tuple[Callable[[Options], Awaitable[Options | None]], Options]]
        mild = [(way, {}) for way in ways] + [(way, small) for way in ways[1:] if small]
        harsh = [(way, short) for way in ways[2:] if short] + [(self._shortest, {}), (self._shortest, small)]
        for changes in (mild, harsh):
            for unloading in (False, True):
                self._search.unloading = unloading
                for way, base in changes:
                    if found := await way(base):
                        return found
        return None

    async def _first(self, *changes: Options) -> Options | None:
        """The first that fits. The last one changes most, so when it does not fit the others are not tried."""
        if not changes or not await self._search.fits(changes[-1]):
            return None
        for change in changes[:-1]:
            if await self._search.fits(change):
                return change
        return changes[-1]

    def _small_cache(self) -> Options:
        """The KV cache in a smaller type; nothing where it is small already."""
        if not any(self._now.get(f"cache_type_{name}") in _WIDE_TYPES for name in "kv"):
            return {}
        types: Options = {"cache_type_k": _SMALL_TYPE, "cache_type_v": _SMALL_TYPE}
        return types | self._flash()

    def _flash(self) -> Options:
        return {"flash_attn": "auto"} if self._now.get("flash_attn") == "off" else {}

    async def _cache(self, base: Options) -> Options | None:
        return await self._first(*(base | change for change in (self._flash(), self._small_cache()) if change))

    async def _shorter(self, base: Options) -> Options | None:
        return await self._context_from(self._short, base)

    async def _shortest(self, base: Options) -> Options | None:
        return await self._context_from(STEP, base)

    async def _context_from(self, least: int, base: Options) -> Options | None:
        if "n_ctx" not in self._now:
            return None
        length = await self._search.context(base, least, self._context)
        return None if length is None or length >= self._context else base | {"n_ctx": length}

    async def _parallel(self, base: Options) -> Options | None:
        return await self._smaller("n_parallel", _PARALLEL, base)

    async def _batch(self, base: Options) -> Options | None:
        return await self._smaller("n_ubatch", _BATCHES, base)

    async def _smaller(self, name: str, values: tuple[int, ...], base: Options) -> Options | None:
        now = cast("int | None", self._now.get(name)) or 0
        return await self._first(*(base | {name: value} for value in values if value < now))

    async def _experts(self, base: Options) -> Options | None:
        most: Options = {"n_cpu_moe": self._layers}
        if "n_cpu_moe" not in self._now or not self._gpu_lacks or not self._layers:
            return None
        if (await self._search.predicted(base | most)).devices == (await self._search.predicted(base)).devices:
            return None  # a model without experts
        return await self._fewest(lambda layers: base | {"n_cpu_moe": layers}, self._layers)

    async def _offload(self, base: Options) -> Options | None:
        asked = cast("int | None", self._now.get("n_gpu_layers"))
        if asked is None or not self._gpu_lacks:
            return None
        there = self._layers if asked < 0 else min(asked, self._layers)
        return await self._fewest(lambda less: base | {"n_gpu_layers": there - less}, there)

    async def _fewest(self, change: Callable[[int], Options], most: int) -> Options | None:
        """The change with the fewest layers taken from the GPU, of 1 to ``most``: too few, and the GPU lacks memory;
        too many, and only the machine does."""
        low, high, best = 0, most + 1, None
        while high - low > 1:
            layers = (low + high) // 2
            if await self._search.fits(change(layers)):
                high, best = layers, change(layers)
                continue
            missing = (await self._search.judged(change(layers))).missing
            if missing and self._gpus.isdisjoint(missing):
                high = layers
            else:
                low = layers
        return best


def _weights_alone_are_too_much(prediction: Prediction, judge: Judge) -> bool:
    """Whether all devices together lack room for the weights, which no change makes smaller: a cheap certainty that
    saves the search."""
    bare = tuple(structs.replace(use, parts=Parts(weights=use.parts.weights)) for use in prediction.devices)
    judgement = judge(structs.replace(prediction, devices=bare))
    room_elsewhere = sum(max(0, left) for name, left in judgement.left.items() if name not in judgement.missing)
    return judgement.verdict == "does_not_fit" and sum(judgement.missing.values()) > room_elsewhere


def _fraction(small: Prediction, large: Prediction, judgement: Judgement) -> float:
    """How far from ``small`` to ``large`` the device that ``large`` lacks most is full. 0 to 1."""
    fractions = []
    lacking = judgement.missing or {n: size - judgement.free.get(n, size) for n, size in _bytes(large).items()}
    for name, size in lacking.items():
        growth = _bytes(large).get(name, 0) - _bytes(small).get(name, 0) or large.total - small.total
        if size > 0 and growth > 0:
            fractions.append(1 - size / growth)
    return min(max(min(fractions, default=0.5), 0.0), 1.0)


def _bytes(prediction: Prediction) -> dict[str, int]:
    return {use.name: use.parts.total for use in prediction.devices}
