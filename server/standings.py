"""Who is better, from votes: the Bradley-Terry model with intervals. Pure functions.

Strengths are found by the minorise-maximise steps of Hunter (2004, "MM algorithms for generalized Bradley-Terry
models"); a tie is half a win for both. A prior of one tie against an average opponent keeps those finite who have only
won or only lost. Intervals are those of the observed information, inverted (Wald's), on Elo's scale.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import combinations

from paddock.sdk.compare import Contestant, Standing, StandingsBy, Vote

SCALE = 400 / math.log(10)
_STEPS = 10_000
_CLOSE = 1e-9
_WIDTH = 1.959964
"""Standard deviations to each side of 95 %."""

Pairs = Mapping[tuple[str, str], int]


def standings(votes: Iterable[Vote], by: StandingsBy) -> list[Standing]:
    """The best first. Votes that nothing can be told from (both bad, the same name on both sides) count only as
    votes."""
    wins: Counter[tuple[str, str]] = Counter()
    ties: Counter[tuple[str, str]] = Counter()
    seen: Counter[str] = Counter()
    for vote in votes:
        for tag in vote.tags if by == "tag" else ("",):
            names = {contestant.pane: _name(contestant, by, tag) for contestant in vote.contestants}
            seen.update(set(names.values()))
            for winner, loser, tie in _results(vote, names):
                (ties if tie else wins)[winner, loser] += 1
    return _ranked(wins, ties, seen)


def _name(contestant: Contestant, by: StandingsBy, tag: str) -> str:
    match by:
        case "model":
            return contestant.model
        case "quant":
            return contestant.quant or "unknown"
        case "tag":
            return f"{tag}: {contestant.model}"


def _results(vote: Vote, names: Mapping[str, str]) -> Iterable[tuple[str, str, bool]]:
    """Winner, loser and whether it was a tie, for every pair that the vote tells of."""
    if vote.outcome == "pane":
        winner = names.get(vote.pane)
        for pane, name in names.items():
            if winner is not None and pane != vote.pane and name != winner:
                yield winner, name, False
    elif vote.outcome == "tie":
        for one, other in combinations(sorted(set(names.values())), 2):
            yield one, other, True


def _ranked(wins: Pairs, ties: Pairs, seen: Mapping[str, int]) -> list[Standing]:
    points = dict.fromkeys(seen, 0.0)
    games: dict[str, Counter[str]] = {name: Counter() for name in seen}
    counts: dict[str, Counter[str]] = {name: Counter() for name in seen}
    for pairs, share in ((wins, 1.0), (ties, 0.5)):
        for (one, other), number in pairs.items():
            points[one] += number * share
            points[other] += number * (1 - share)
            games[one][other] += number
            games[other][one] += number
            counts[one]["wins" if share == 1 else "ties"] += number
            counts[other]["losses" if share == 1 else "ties"] += number
    strengths = _strengths(points, games)
    variances = _variances(strengths, games)
    found = []
    for name, strength in strengths.items():
        rating, reach = 1000 + SCALE * math.log(strength), SCALE * _WIDTH * math.sqrt(variances[name])
        found.append(
            Standing(
                name=name,
                rating=rating,
                low=rating - reach,
                high=rating + reach,
                votes=seen[name],
                wins=counts[name]["wins"],
                losses=counts[name]["losses"],
                ties=counts[name]["ties"],
            )
        )
    return sorted(found, key=lambda standing: (-standing.rating, standing.name))


def _strengths(points: Mapping[str, float], games: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    strengths = dict.fromkeys(games, 1.0)
    for _ in range(_STEPS):
        largest = 0.0
        for name, opponents in games.items():
            own = strengths[name]
            met = sum(number / (own + strengths[other]) for other, number in opponents.items())
            new = (points[name] + 0.5) / (met + 1 / (own + 1))
            largest = max(largest, abs(math.log(new / own)))
            strengths[name] = new
        if largest < _CLOSE:
            break
    return strengths


def _variances(strengths: Mapping[str, float], games: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Of the logarithm of each strength, measured from the average of those that have met it, directly or through
    others: there is no telling how far others are away."""
    found: dict[str, float] = {}
    for name in games:
        if name in found:
            continue
        group = _met(name, games)
        covariance = _inverted([[_information(one, other, strengths, games) for other in group] for one in group])
        sums, size = [sum(row) for row in covariance], len(group)
        for at, one in enumerate(group):
            from_average = covariance[at][at] - 2 * sums[at] / size + sum(sums) / size**2
            found[one] = from_average if size > 1 else covariance[at][at]
    return found


def _met(name: str, games: Mapping[str, Mapping[str, float]]) -> list[str]:
    group = [name]
    for one in group:
        group += [other for other in games[one] if other not in group]
    return group


def _information(
    one: str, other: str, strengths: Mapping[str, float], games: Mapping[str, Mapping[str, float]]
) -> float:
    """An entry of the observed information of the strengths' logarithms, the prior's games included."""

    def told(opponent: float) -> float:
        return strengths[one] * opponent / (strengths[one] + opponent) ** 2

    if one != other:
        return -games[one].get(other, 0) * told(strengths[other])
    return told(1.0) + sum(number * told(strengths[met]) for met, number in games[one].items())


def _inverted(matrix: list[list[float]]) -> list[list[float]]:
    """Of a symmetric, positive definite matrix, by Gauss and Jordan."""
    size = len(matrix)
    rows = [[*row, *(float(at == place) for place in range(size))] for at, row in enumerate(matrix)]
    for at in range(size):
        pivot = rows[at] = [value / rows[at][at] for value in rows[at]]
        for place, row in enumerate(rows):
            if place != at and (factor := row[at]):
                rows[place] = [value - factor * other for value, other in zip(row, pivot, strict=True)]
    return [row[size:] for row in rows]
