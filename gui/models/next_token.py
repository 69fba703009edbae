"""What sampler settings do to the next token: llama.cpp's chain worked out from the candidates of one moment.

Pure functions on numpy arrays; the formulas are those of llama.cpp's ``llama-sampler.cpp``. What is left to chance
there is told as what to expect: XTC strikes with its probability. Mirostat and adaptive-p choose by what came before
and are left out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import cast

import numpy as np
import numpy.typing as npt

from paddock.gui.models.sampler_stages import NO_TEMPERATURE, is_greedy, is_on, working
from paddock.sdk.questions import Candidates
from paddock.sdk.types import Options

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_LARGEST_POWER = 88.7228391
"""Logarithm of the greatest single-precision number: DRY's power goes no further."""


@dataclass(frozen=True)
class Stage:
    """The distribution behind one sampler.

    ``probabilities`` and ``kept`` are of shape (tokens,), in the order of the candidates; ``rest`` is what the rest of
    the vocabulary has together, and ``left`` counts all tokens that can still be drawn.
    """

    name: str
    probabilities: Floats
    kept: Flags
    rest: float
    left: int


def stages(candidates: Candidates, options: Options) -> tuple[Stage, ...]:
    """The distribution as the model gives it and behind each sampler that is on, in the order of the chain.

    Args:
        candidates: Of one position.
        options: All sampler settings, under llama.cpp's names.
    """
    return tuple(_Chain(candidates, options).run())


@dataclass(frozen=True)
class _Branch:
    """One way that chance may take, with its ``weight``. ``logits`` of tokens that are out are minus infinity;
    ``ghosts`` counts those that top-n-sigma has put out: llama.cpp still has them among its candidates."""

    weight: float
    logits: Floats
    ghosts: float = 0.0


class _Chain:
    """Works on the tokens and, behind them, the groups of the rest, each with the number of tokens it stands for."""

    def __init__(self, candidates: Candidates, options: Options) -> None:
        self._options = options
        self._given = candidates
        self._tokens = len(candidates.tokens)
        logits = [np.frombuffer(data, "<f4") for data in (candidates.logits, candidates.rest_logits)]
        counts = np.frombuffer(candidates.rest_counts, "<u4").astype(np.float64)
        self._counts: Floats = np.concatenate([np.ones(self._tokens), counts])
        self._order = cast("list[str]", options["samplers"])
        self._places = {token: place for place, token in enumerate(candidates.tokens)}
        whole = np.concatenate(logits).astype(np.float64)
        self._branches = [_Branch(1.0, whole)]

    def run(self) -> Iterator[Stage]:
        yield self._stage("model")
        bias = dict(self._biases())
        if bias:
            self._add(bias)
            yield self._stage("logit_bias")
        for name in working(self._options):
            self._apply(name)
            yield self._stage(name)
        if is_greedy(self._options):
            self._each(lambda branch: self._keep(branch, np.arange(branch.logits.size) == branch.logits.argmax()))
            yield self._stage("temperature")

    def _stage(self, name: str) -> Stage:
        shares = sum((branch.weight * self._shares(branch.logits) for branch in self._branches), np.zeros(1))
        own, alive = shares[: self._tokens], shares > 0
        left = int(self._counts[alive].sum())
        return Stage(name, own, alive[: self._tokens], float(shares[self._tokens :].sum()), left)

    def _shares(self, logits: Floats) -> Floats:
        """The probability of each token, and that of each group together."""
        weights = np.exp(logits - logits.max()) * self._counts
        shares: Floats = weights / weights.sum()
        return shares

    # ------------------------------------------------------------ which samplers, and on what

    def _apply(self, name: str) -> None:
        match name:
            case "penalties":
                self._penalise()
            case "dry":
                self._add(self._dry())
            case "top_n_sigma":
                self._each(self._top_n_sigma)
            case "top_k":
                self._each(self._top_k)
            case "typical_p":
                self._each(self._typical)
            case "top_p":
                self._each(self._nucleus)
            case "min_p":
                self._each(self._min_p)
            case "xtc":
                self._branches = [after for branch in self._branches for after in self._xtc(branch)]
            case "temperature":
                self._each(self._temperature)

    def _number(self, name: str) -> float:
        return float(cast(float, self._options[name]))

    def _each(self, change: Callable[[_Branch], _Branch]) -> None:
        self._branches = [change(branch) for branch in self._branches]

    def _keep(self, branch: _Branch, kept: Flags, ghosts: float = 0.0) -> _Branch:
        return replace(branch, logits=np.where(kept, branch.logits, -math.inf), ghosts=ghosts)

    def _alive(self, branch: _Branch) -> float:
        return float(self._counts[np.isfinite(branch.logits)].sum())

    # ------------------------------------------------------------ what changes single tokens

    def _biases(self) -> Iterator[tuple[int, float]]:
        """Places and what is added there. A text stands for the one token that is spelled so."""
        for key, bias in cast("dict[str, float]", self._options["logit_bias"] or {}).items():
            if key.isdecimal():
                places = [self._places[int(key)]] if int(key) in self._places else []
            else:
                places = [place for place, text in enumerate(self._given.texts) if text == key]
            yield from ((place, bias) for place in places)
        if self._options["ignore_eos"]:
            yield from ((self._places[token], -math.inf) for token in self._given.end_tokens if token in self._places)

    def _add(self, amounts: dict[int, float]) -> None:
        places = list(amounts)
        for branch in self._branches:
            branch.logits[places] += list(amounts.values())

    def _penalise(self) -> None:
        repeat = self._number("repeat_penalty")
        frequency, presence = self._number("frequency_penalty"), self._number("presence_penalty")
        for token, count in Counter(self._last(int(self._number("repeat_last_n")))).items():
            place = self._places.get(token)
            for branch in self._branches if place is not None else ():
                logit = branch.logits[place]
                logit = logit * repeat if logit <= 0 else logit / repeat
                branch.logits[place] = logit - count * frequency - presence

    def _last(self, length: int) -> tuple[int, ...]:
        recent = self._given.recent
        return recent if length < 0 or length >= len(recent) else recent[len(recent) - length :]

    def _dry(self) -> dict[int, float]:
        """What DRY takes from each token that would go on with something that was said before."""
        allowed, base = int(self._number("dry_allowed_length")), self._number("dry_base")
        last = self._last(int(self._number("dry_penalty_last_n")))[::-1]
        breakers = [text for text in cast("list[str]", self._options["dry_sequence_breakers"]) if text]
        breaks = cache(lambda text: any(map(text.__contains__, breakers)))  # most words come more than once
        texts = self._given.recent_texts[::-1][: len(last)]
        limit = next((at for at, text in enumerate(texts) if breaks(text)), len(last))
        if len(last) <= allowed or limit < allowed:
            return {}
        longest: dict[int, int] = {}
        for start in range(1, len(last)):
            length, room = 0, min(limit, len(last) - start)
            while length < room and last[length] == last[start + length]:
                length += 1
            if length >= allowed:
                longest[last[start - 1]] = max(length, longest.get(last[start - 1], 0))
        most = int(_LARGEST_POWER / math.log(base)) if base > 1.000001 else 0
        taken = {}
        for token, length in longest.items():
            place = self._places.get(token)
            if place is not None and not breaks(self._given.texts[place]):
                power = min(length - allowed, most) if most else length - allowed
                taken[place] = -self._number("dry_multiplier") * base**power
        return taken

    # ------------------------------------------------------------ what truncates

    def _ranked(self, values: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
        """Places from the highest of ``values`` to the lowest, and how many tokens come before each."""
        order = np.argsort(-values, kind="stable")
        counts = self._counts[order]
        return order, counts.cumsum() - counts

    def _before(self, branch: _Branch, number: float) -> Flags:
        """The ``number`` likeliest tokens."""
        order, before = self._ranked(branch.logits)
        kept = np.zeros(order.size, bool)
        kept[order[before < number]] = True
        return kept

    def _up_to(self, order: npt.NDArray[np.intp], before: Floats, reached: Flags) -> Flags:
        """Places up to the first that has ``reached`` the sum and is at least the ``min_keep``-th."""
        enough = reached & (before + self._counts[order] >= self._number("min_keep"))
        last = int(enough.argmax()) if enough.any() else order.size - 1
        kept = np.zeros(order.size, bool)
        kept[order[: last + 1]] = True
        return kept

    def _top_k(self, branch: _Branch) -> _Branch:
        most = self._number("top_k")
        ghosts = min(branch.ghosts, max(0.0, most - self._alive(branch)))
        return self._keep(branch, self._before(branch, most), ghosts)

    def _nucleus(self, branch: _Branch) -> _Branch:
        order, before = self._ranked(branch.logits)
        sums = self._shares(branch.logits)[order].cumsum()
        return self._keep(branch, self._up_to(order, before, sums >= self._number("top_p")))

    def _typical(self, branch: _Branch) -> _Branch:
        shares = self._shares(branch.logits)
        alive = shares > 0
        surprise = np.full(shares.size, math.inf)
        surprise[alive] = -np.log(shares[alive] / self._counts[alive])
        entropy = float((shares[alive] * surprise[alive]).sum())
        order, before = self._ranked(-np.abs(surprise - entropy))
        return self._keep(branch, self._up_to(order, before, shares[order].cumsum() > self._number("typical_p")))

    def _min_p(self, branch: _Branch) -> _Branch:
        likely = branch.logits >= branch.logits.max() + math.log(self._number("min_p"))
        keep = self._number("min_keep")
        return self._keep(branch, likely | self._before(branch, keep) if keep else likely)

    def _top_n_sigma(self, branch: _Branch) -> _Branch:
        alive = np.isfinite(branch.logits)
        logits, counts = branch.logits[alive], self._counts[alive]
        mean = float((logits * counts).sum() / counts.sum())
        deviation = math.sqrt(float((np.square(logits - mean) * counts).sum() / counts.sum()))
        floor = branch.logits.max() - self._number("top_n_sigma") * deviation
        after = self._keep(branch, branch.logits >= floor)
        behind = self._order[self._order.index("top_n_sigma") :]
        if "typical_p" in behind and is_on("typical_p", self._options):
            return after  # the engine has them removed for it
        return replace(after, ghosts=branch.ghosts + self._alive(branch) - self._alive(after))

    def _xtc(self, branch: _Branch) -> Iterable[_Branch]:
        """Both ways: it strikes, or not."""
        chance = min(self._number("xtc_probability"), 1.0)
        shares = self._shares(branch.logits) / self._counts
        top = np.flatnonzero(shares >= self._number("xtc_threshold"))
        if top.size < 2 or self._alive(branch) + branch.ghosts - top.size + 1 < self._number("min_keep"):
            return (branch,)
        struck = np.ones(shares.size, bool)
        struck[top] = False
        struck[top[branch.logits[top].argmin()]] = True
        after = self._keep(replace(branch, weight=branch.weight * chance), struck, branch.ghosts)
        return (after,) if chance == 1 else (replace(branch, weight=branch.weight * (1 - chance)), after)

    def _temperature(self, branch: _Branch) -> _Branch:
        temperature, spread = self._number("temperature"), self._number("dynatemp_range")
        size = self._alive(branch) + branch.ghosts
        if spread > 0 and size > 1:
            shares = self._shares(branch.logits)
            alive = shares > 0
            each = shares[alive] / self._counts[alive]
            entropy = -float((shares[alive] * np.log(each)).sum()) / math.log(size)
            low, high = max(0.0, temperature - spread), temperature + spread
            temperature = low + (high - low) * entropy ** self._number("dynatemp_exponent")
        if temperature <= NO_TEMPERATURE:
            return self._keep(branch, np.arange(branch.logits.size) == branch.logits.argmax())
        return replace(branch, logits=branch.logits / temperature)
