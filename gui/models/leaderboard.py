"""Standings and votes in words, and as a table for other programs. No Qt."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from paddock.sdk.compare import Contestant, Standing, StandingsBy, Vote

COLUMNS = ("rank", "name", "rating", "low", "high", "votes", "wins", "losses", "ties")
Name = Callable[[str], str]
"""What a model's id is shown as."""


def shown_name(standing: Standing, by: StandingsBy, name: Name) -> str:
    """“Qwen3 8B Q4_K_M”, “Q4_K_M”, “maths: Qwen3 8B Q4_K_M”."""
    if by == "quant":
        return standing.name
    if by == "tag":
        tag, _, model = standing.name.partition(": ")
        return f"{tag}: {name(model)}"
    return name(standing.name)


def record(standing: Standing) -> str:
    """“3 wins, 1 loss, 2 ties”."""
    parts = (("win", standing.wins), ("loss", standing.losses), ("tie", standing.ties))
    return ", ".join(f"{number} {_plural(word, number)}" for word, number in parts)


def votes(standing: Standing) -> str:
    """“3 votes: 2 wins, 1 loss, 0 ties”; of more than two panes a vote settles several pairs, or none of the kind."""
    count = f"{standing.votes} {_plural('vote', standing.votes)}"
    pairs = standing.wins + standing.losses + standing.ties
    if not pairs:
        return f"{count}, none against another"
    return f"{count}{', pair by pair' if pairs != standing.votes else ''}: {record(standing)}"


def sentence(place: int, name: str, standing: Standing) -> str:
    """A place in the leaderboard as it is read aloud."""
    return (
        f"{place}. {name}: {standing.rating:,.0f}, between {standing.low:,.0f} and {standing.high:,.0f}; "
        f"{record(standing)}; {standing.votes} {_plural('vote', standing.votes)}"
    )


def verdict(vote: Vote, name: Name) -> str:
    """“Qwen3 8B better than Starter”."""
    names = {item.pane: _contestant(item, name) for item in vote.contestants}
    others = [said for pane, said in names.items() if pane != vote.pane]
    match vote.outcome:
        case "pane":
            return f"{names.get(vote.pane, 'A pane that is gone')} better than {_listed(others)}"
        case "tie":
            return f"Tie of {_listed(others)}"
        case "both_bad":
            return f"All bad: {_listed(others)}"


def table(standings: Sequence[Standing], by: StandingsBy, name: Name) -> str:
    """CSV with a heading. A name that a spreadsheet would take for a formula gets an apostrophe in front."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for place, item in enumerate(standings, 1):
        shown = shown_name(item, by, name)
        safe = f"'{shown}" if shown[:1] in "=+-@" else shown
        numbers = (round(number, 1) for number in (item.rating, item.low, item.high))
        rows.writerow((place, safe, *numbers, item.votes, item.wins, item.losses, item.ties))
    return text.getvalue()


def write(path: str, text: str) -> None:
    """Write a file atomically. Blocks; raises OSError."""
    target = Path(path)
    draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        draft.write_text(text, encoding="utf-8", newline="")
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)


def _contestant(item: Contestant, name: Name) -> str:
    own = [f"{option.replace('_', ' ')} {value}" for option, value in item.sampling.items()]
    return name(item.model) + (f" ({', '.join(own[:2])})" if own else "")


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)


def _plural(word: str, number: int) -> str:
    return word if number == 1 else f"{word}es" if word.endswith("s") else f"{word}s"
