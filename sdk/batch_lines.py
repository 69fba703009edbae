"""Batches in words: what a prompt, a pane and a cell are called, and a cell as a line of JSON. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from paddock.sdk.compare import BatchCell, BatchPrompt, Check, CheckResult
from paddock.sdk.types import Options, Pane

DEFAULT_CRITERION = "The answer is correct and does what was asked."
_SHOWN = 40


def prompt_text(prompt: BatchPrompt) -> str:
    """What is asked: the prompt, or the last message of the conversation."""
    return prompt.prompt or (prompt.messages[-1].content if prompt.messages else "")


def pane_names(panes: Sequence[Pane]) -> list[str]:
    """A name for each pane, no two alike: its own, or its model's with the settings that set it apart."""
    names = [pane.name or pane.model for pane in panes]
    for number, pane in enumerate(panes):
        same = [other for other in panes if (other.name or other.model) == (pane.name or pane.model)]
        if len(same) > 1 and (settings := settings_text(pane, same)):
            names[number] += f" · {settings}"
    return [name if names.count(name) == 1 else f"{name} · {number}" for number, name in enumerate(names, 1)]


def settings_text(pane: Pane, among: Sequence[Pane] = ()) -> str:
    """The settings of ``pane``; with panes ``among`` it is, those in which they differ."""
    own = _settings(pane)
    others = [_settings(other) for other in among]
    told = {name: value for name, value in own.items() if not others or any(o.get(name) != value for o in others)}
    return ", ".join(f"{name.replace('_', ' ')} {_short(value)}" for name, value in told.items())


def check_name(check: Check) -> str:
    """What a check is called, in a word or two and what it looks for."""
    if check.name:
        return check.name
    match check.kind:
        case "contains" | "not_contains":
            return f"{check.kind.replace('_', ' ')} “{_short(check.value)}”"
        case "regex":
            return f"regex {_short(check.value)}"
        case "json_schema":
            return "JSON schema"
        case "judge":
            return "judge"


def verdict(checks: Sequence[CheckResult]) -> bool | None:
    """Whether all passed; None where there are none, or one could not be told and none failed."""
    if any(check.passed is False for check in checks):
        return False
    return True if checks and all(check.passed for check in checks) else None


def cell_line(cell: BatchCell, prompt: BatchPrompt, pane: str) -> dict[str, Any]:
    """A cell as scripts read it. ``repeat`` is counted from 0; ``error`` is there where it failed."""
    line: dict[str, Any] = {
        "prompt": prompt_text(prompt),
        "pane": pane,
        "repeat": cell.repeat,
        "text": cell.text,
        "stats": _stats(cell),
        "checks": [msgspec.to_builtins(check) for check in cell.checks],
    }
    given = {"name": prompt.name, "tags": list(prompt.tags), "reasoning": cell.reasoning, "seed": cell.seed}
    line |= {name: value for name, value in given.items() if value not in ("", [], None)}
    if cell.stop_reason:
        line["stop_reason"] = cell.stop_reason
    if cell.error is not None:
        line["error"] = msgspec.to_builtins(cell.error)
    return line


def _stats(cell: BatchCell) -> dict[str, Any] | None:
    if cell.stats is None:
        return None
    return {**msgspec.to_builtins(cell.stats), **msgspec.to_builtins(cell.usage)}


def _settings(pane: Pane) -> Options:
    settings: Options = dict(pane.sampling)
    settings |= {"max_tokens": pane.max_tokens} if pane.max_tokens is not None else {}
    settings |= {"system": pane.system} if pane.system is not None else {}
    return settings | ({"reasoning": pane.reasoning} if pane.reasoning is not None else {})


def _short(value: Any) -> str:
    text = " ".join((value if isinstance(value, str) else msgspec.json.encode(value).decode()).split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


@dataclass(frozen=True)
class PaneSummary:
    """How a pane did: ``passed`` of ``checked`` answers met all their checks, ``untold`` could not be told; those that
    wait for a judge do not count. Means over its answers; seconds, tokens per second."""

    answers: int = 0
    failed: int = 0
    checked: int = 0
    passed: int = 0
    untold: int = 0
    speed: float | None = None
    first: float | None = None
    tokens: int = 0

    @property
    def passed_text(self) -> str:
        if not self.checked:
            return "–"
        rest = f", {self.untold} not told" if self.untold else ""
        told = self.checked - self.untold
        return (f"{self.passed / told:.0%} ({self.passed} of {told})" if told else "–") + rest

    @property
    def speed_text(self) -> str:
        return "–" if self.speed is None else f"{self.speed:,.1f}"

    @property
    def first_text(self) -> str:
        return "–" if self.first is None else f"{self.first:.2f} s"

    @property
    def tokens_text(self) -> str:
        return f"{self.tokens:,}"


def summarised(cells: Sequence[BatchCell]) -> PaneSummary:
    """The summary of a pane's cells."""
    done = [cell for cell in cells if cell.state == "done"]
    verdicts = [verdict(cell.checks) for cell in done if cell.checks and not cell.judging]
    speeds = [cell.stats.tokens_per_second for cell in done if cell.stats and cell.stats.tokens_per_second]
    firsts = [cell.stats.ttft_s for cell in done if cell.stats]
    return PaneSummary(
        answers=len(done),
        failed=sum(cell.state == "failed" for cell in cells),
        checked=len(verdicts),
        passed=verdicts.count(True),
        untold=verdicts.count(None),
        speed=sum(speeds) / len(speeds) if speeds else None,
        first=sum(firsts) / len(firsts) if firsts else None,
        tokens=sum(cell.usage.completion_tokens for cell in done if cell.usage),
    )
