"""Batches in words: what a prompt, a pane and a cell are called, and a cell as a line of JSON. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from paddock.sdk.compare import BatchCell, BatchPrompt, Check, CheckResult
from paddock.sdk.types import Pane
from paddock.sdk.units import counted, wait_text

DEFAULT_CRITERION = "The answer is correct and does what was asked."
_SHOWN = 40


def prompt_text(prompt: BatchPrompt) -> str:
    """What is asked: the prompt, or the last message of the conversation; without words the names of its pictures."""
    text = prompt.prompt or (prompt.messages[-1].content if prompt.messages else "")
    return text or picture_names(prompt)


def picture_names(prompt: BatchPrompt) -> str:
    """The files of its pictures, without their folders."""
    return ", ".join(re.split(r"[/\\]", path)[-1] for path in prompt.images)


def pane_names(panes: Sequence[Pane]) -> list[str]:
    """A name for each pane, no two alike: its own, or its model's with the settings that set it apart."""
    titles = [pane.name or pane.model for pane in panes]
    apart = settings_apart(panes, titles)
    return [" · ".join(filter(None, words)) for words in zip(titles, apart, strict=True)]


def settings_apart(panes: Sequence[Pane], titles: Sequence[str], prompts: Mapping[str, str] | None = None) -> list[str]:
    """What sets each pane apart from those with the same title: settings, else its number; empty where there is none.
    ``prompts`` are the names of system prompts by their texts."""
    found = []
    for own, title in zip(panes, titles, strict=True):
        same = [pane for pane, other in zip(panes, titles, strict=True) if other == title]
        found.append(settings_text(own, same, prompts) if len(same) > 1 else "")
    whole = list(zip(titles, found, strict=True))
    return [
        words if whole.count((title, words)) == 1 else " · ".join(filter(None, (words, str(number))))
        for number, (title, words) in enumerate(whole, 1)
    ]


def settings_text(pane: Pane, among: Sequence[Pane] = (), prompts: Mapping[str, str] | None = None) -> str:
    """The settings of ``pane``; with panes ``among`` it is, those in which they differ. ``prompts`` are the names of
    system prompts by their texts."""
    own = _settings(pane, prompts or {})
    others = [_settings(other, prompts or {}) for other in among]
    return ", ".join(words for words in own if not others or any(words not in other for other in others))


def check_name(check: Check) -> str:
    """What a check is called, in a word or two and what it looks for."""
    if check.name:
        return check.name
    match check.kind:
        case "contains" | "not_contains":
            return f"{'contains' if check.kind == 'contains' else 'does not contain'} “{_short(check.value)}”"
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
    given: dict[str, Any] = {"name": prompt.name, "tags": list(prompt.tags), "images": list(prompt.images)}
    given |= {"reasoning": cell.reasoning, "seed": cell.seed}
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


def _settings(pane: Pane, prompts: Mapping[str, str]) -> list[str]:
    told = [f"{name.replace('_', ' ')} {_short(value)}" for name, value in pane.sampling.items()]
    if pane.max_tokens is not None:
        told.append(f"at most {counted(pane.max_tokens, 'token')}" if pane.max_tokens else "no length limit")
    if pane.stop is not None:
        told.append(f"stops at {' or '.join(f'“{_short(text)}”' for text in pane.stop)}" if pane.stop else "no stops")
    if pane.system is not None:
        name = prompts.get(pane.system.strip()) or _short(pane.system)
        told.append(f"system prompt “{name}”" if name else "no system prompt")
    if pane.reasoning is not None:
        told.append("with reasoning" if pane.reasoning else "without reasoning")
    return told


def _short(value: Any) -> str:
    value = f"{value:g}" if isinstance(value, float) else value
    text = " ".join((value if isinstance(value, str) else msgspec.json.encode(value).decode()).split())
    if len(text) <= _SHOWN:
        return text
    cut = text[: _SHOWN - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip(" ,.;:") + "…"


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
        return (f"{100 * self.passed / told:.0f} % ({self.passed} of {told})" if told else "–") + rest

    @property
    def speed_text(self) -> str:
        return "–" if self.speed is None else f"{self.speed:,.1f}"

    @property
    def first_text(self) -> str:
        return "–" if self.first is None else wait_text(self.first)

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
