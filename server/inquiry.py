"""One question about memory: how a load would be predicted and judged with these options, or with others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import msgspec

from paddock.backends.planning import Judgement
from paddock.sdk.errors import PaddockError
from paddock.sdk.memory import Prediction, Remedy, Verdict
from paddock.sdk.options import OptionSpec
from paddock.sdk.types import Options
from paddock.server.predictions import corrected

Predict = Callable[[Options], Awaitable[Prediction]]
Judge = Callable[[Prediction], Judgement]
FITS = ("fits", "fits_if_unloaded")
AUTO = 0
"""``n_ctx`` of this value is the largest context that fits."""
USUAL_CONTEXT = 8192
"""For so much context idle models are asked to leave when it is chosen automatically; for more they are not."""
ROOM_FOR_WINDOWS = 4
"""A full cache for sliding-window layers is taken where so many times what it adds stays free beside it."""


@dataclass(frozen=True)
class Answer:
    """What was found out. ``context`` is the largest that fits, None where it was not searched or none does."""

    options: Options
    prediction: Prediction
    judgement: Judgement
    verdict: Verdict
    remedy: Remedy | None = None
    context: int | None = None


@dataclass(frozen=True)
class Inquiry:
    """``predict`` is as good as the question wants it; ``compute`` is quick and good enough to search with. ``judge``
    counts idle models as memory that can be had, ``judge_now`` does not. ``simulated``: the engine can simulate loads,
    so that a guess by the file's size is no answer. ``windowed`` models have layers with a sliding window. ``names``
    are the models' names by instance id."""

    predict: Predict
    compute: Predict
    judge: Judge
    judge_now: Judge
    specs: tuple[OptionSpec, ...]
    simulated: bool
    windowed: bool
    names: Mapping[str, str]

    async def decide(self, options: Options) -> tuple[Options, Prediction]:
        """``options`` with what was left to us decided, and what they take."""
        if options.get("n_ctx") == AUTO:
            options = await self._with_context(options)
        prediction = await self.predict(options)
        if self.windowed and options.get("swa_full") is None:
            full = await self.predict({**options, "swa_full": True})
            judged, more = self.judge_now(full), full.total - prediction.total
            if judged.verdict == "fits" and all(left >= ROOM_FOR_WINDOWS * more for left in judged.left.values()):
                return {**options, "swa_full": True}, full
        return options, prediction

    async def answer(self, options: Options, prediction: Prediction, *, thorough: bool) -> Answer:
        """The verdict on ``prediction``, that of ``options``; ``thorough``: with what would help and the largest
        context."""
        judgement = self.judge(prediction)
        verdict: Verdict = judgement.verdict
        if verdict in FITS and prediction.confidence == "low" and self.simulated:
            verdict = "cannot_tell"
        remedy, context = None, None
        if verdict == "fits_if_unloaded" or (verdict == "does_not_fit" and thorough):
            remedy = await self.remedy(options, prediction)
        if verdict == "does_not_fit" and remedy is not None:
            verdict = "fits_with"
        if thorough and verdict != "cannot_tell":
            context = await self.largest(options, prediction, self.judge_now if verdict == "fits" else self.judge)
        return Answer(options, prediction, judgement, verdict, remedy, context)

    async def largest(self, options: Options, prediction: Prediction, judge: Judge) -> int | None:
        """The largest context that fits; ``prediction`` is that of ``options``."""
        from paddock.backends.fitting import largest_context

        if not prediction.trained_context:
            return None
        judge = self._searching(judge, lenient=True)
        search = await self._search(options, prediction)
        found = await largest_context(search, judge, options, trained=prediction.trained_context)
        if found is not None and search is not self.predict:
            sure = judge(await self.predict({**options, "n_ctx": found}))
            if sure.verdict not in FITS:
                found = await largest_context(self.predict, judge, options, trained=prediction.trained_context)
        return found

    async def remedy(self, options: Options, prediction: Prediction) -> Remedy | None:
        """The cheapest change after which it fits; None where there is none."""
        from paddock.backends.fitting import cheapest_change

        judge = self._searching(self.judge)
        search = await self._search(options, prediction)
        found = await cheapest_change(search, judge, options, prediction, self.specs, names=self.names)
        if found is not None and found.options and search is not self.predict:
            sure = judge(await self.predict({**options, **found.options}))
            if sure.verdict not in FITS:
                found = await cheapest_change(self.predict, judge, options, prediction, self.specs, names=self.names)
        return found

    async def _with_context(self, options: Options) -> Options:
        without = {name: value for name, value in options.items() if name != "n_ctx"}
        prediction = await self.predict(without)
        found = await self.largest(without, prediction, self.judge_now)
        if (found or 0) < min(prediction.trained_context, USUAL_CONTEXT):
            found = await self.largest(without, prediction, self.judge) or found
        return without if found is None else {**options, "n_ctx": found}

    async def _search(self, options: Options, prediction: Prediction) -> Predict:
        """What to search with: computed, moved by what that misses of the engine's own answer."""
        if prediction.source != "simulated":
            return self.predict
        try:
            base = await self.compute(options)
        except PaddockError:  # only the engine knows this architecture
            return self.predict

        async def search(changed: Options) -> Prediction:
            moved = corrected(await self.compute(changed), base, prediction)
            return moved if moved is not None else await self.predict(changed)

        return search

    def _searching(self, judge: Judge, *, lenient: bool = False) -> Judge:
        """``judge`` for a search: options that the engine refuses are no way out, although the size of the file alone
        would fit. ``lenient``: a load fits also where idle models have to leave."""

        def judged(prediction: Prediction) -> Judgement:
            if prediction.confidence == "low" and self.simulated:
                return Judgement(verdict="cannot_tell")
            found = judge(prediction)
            return msgspec.structs.replace(found, verdict="fits") if lenient and found.verdict in FITS else found

        return judged
