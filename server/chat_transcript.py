"""A conversation as it is read: who said what, in rows of a question and its answers. No I/O."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from paddock.sdk.blind import blind_order
from paddock.sdk.chats import ExportRequest
from paddock.sdk.pictures import Picture
from paddock.sdk.types import ChatMessage, Options, Pane, Role, ToolCall
from paddock.sdk.units import counted
from paddock.server.chat_archive import ChatRecord

_STATES = {
    "generating": "This answer is still being written.",
    "cancelled": "Stopped before its end.",
    "interrupted": "Interrupted before its end.",
}
_STOPS = {"length": "Cut off at the largest number of tokens.", "context": "Cut off: the context was full."}
_ROLES: dict[Role, str] = {"system": "System", "user": "You", "assistant": "Answer", "tool": "Tool"}


@dataclass(frozen=True)
class Entry:
    """One message. ``others`` are its other versions, each with what followed it; ``pane`` counts from 0."""

    who: str
    role: Role
    text: str
    reasoning: str = ""
    reasoning_head: str = "Reasoning"
    calls: tuple[ToolCall, ...] = ()
    note: str = ""
    numbers: str = ""
    message: ChatMessage | None = None
    others: tuple[tuple[Entry, ...], ...] = ()
    pane: int | None = None

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """With their data."""
        return self.message.pictures if self.message is not None else ()


@dataclass(frozen=True)
class Row:
    """A question, what all have in common behind it, and the answers of each column."""

    question: Entry | None
    common: tuple[Entry, ...] = ()
    answers: tuple[tuple[Entry, ...], ...] = ()


@dataclass(frozen=True)
class Transcript:
    """``about`` are facts with their names; ``columns`` are the panes where models are compared, ``silks`` whether they
    wear their colours."""

    title: str
    about: tuple[tuple[str, str], ...] = ()
    system: str = ""
    columns: tuple[str, ...] = ()
    silks: bool = True
    rows: tuple[Row, ...] = ()
    messages: int = 0


def transcript(record: ChatRecord, request: ExportRequest) -> Transcript:
    """``record`` as ``request`` wants it read."""
    return _Reading(record, request).read()


def model_name(model: str) -> str:
    """A model's id as a heading."""
    return model.rpartition("/")[2] or model


def pane_names(record: ChatRecord) -> tuple[str, ...]:
    """Each with its number, as the panes wear it."""
    named = [pane.name or model_name(pane.model or record.summary.model) or "Pane" for pane in record.panes]
    return tuple(f"{number} · {name}" for number, name in enumerate(named, 1))


class _Reading:
    def __init__(self, record: ChatRecord, request: ExportRequest) -> None:
        self._record, self._request = record, request
        self._panes = {pane.id: number for number, pane in enumerate(record.panes)}
        self._names = pane_names(record)
        self._below: dict[str | None, list[ChatMessage]] = {}
        for message in record.messages:
            self._below.setdefault(message.parent, []).append(message)
        self._shown: set[str] = set()

    def read(self) -> Transcript:
        record, request = self._record, self._request
        last = record.messages[-1].id if record.messages else None
        ends = [record.leaves.get(pane.id) for pane in record.panes] or [record.leaf or last]
        paths = [record.path(end) for end in ends]
        self._shown = {message.id for path in paths for message in path}
        blind = request.blind
        letters = tuple("ABCDEF"[: len(record.panes)])
        return Transcript(
            title=record.summary.title or "Untitled conversation",
            about=() if blind else self._about(),
            system=record.summary.system,
            columns=letters if blind else self._names,
            silks=not blind,
            rows=tuple(self._rows(paths)),
            messages=len(record.messages) if request.versions else len(self._shown),
        )

    def _about(self) -> tuple[tuple[str, str], ...]:
        chat = self._record.summary
        facts = [("Begun", _day(chat.created)), ("Last changed", _day(chat.updated))]
        if not self._record.panes and chat.model:
            facts.append(("Model", chat.model))
        for name, pane in zip(self._names, self._record.panes, strict=True):
            facts.append((name, " · ".join(part for part in (pane.model or chat.model, _settings(pane)) if part)))
        if chat.sampling:
            facts.append(("Sampling", _options(chat.sampling)))
        if self._record.folder:
            facts.append(("Folder", " / ".join(self._record.folder)))
        if chat.tags:
            facts.append(("Tags", ", ".join(chat.tags)))
        return tuple((name, value) for name, value in facts if value)

    # ---------------------------------------------------------------- rows

    def _rows(self, paths: Sequence[Sequence[ChatMessage]]) -> Iterable[Row]:
        parts = [_parts(path) for path in paths]
        for turn in _merged([[part.turn for part in path] for path in parts]):
            asked = [next((part for part in path if part.turn == turn), None) for path in parts]
            present = [part for part in asked if part is not None]
            question = next((part.question for part in present if part.question is not None), None)
            head = None if question is None else self._entry(question, self._others(question))
            said = [[message.id for message in part.answers] for part in present]
            if len(present) == len(parts) and all(ids == said[0] for ids in said):
                yield Row(head, tuple(self._said(present[0].answers)))
                continue
            answers = [tuple(self._said(part.answers)) if part is not None else () for part in asked]
            yield Row(head, (), tuple(answers[number] for number in self._order(turn)))

    def _order(self, turn: str) -> list[int]:
        if not self._request.blind:
            return list(range(len(self._panes)))
        return [self._panes[pane] for pane in blind_order(self._record.summary.id, turn, self._panes)]

    def _said(self, messages: Sequence[ChatMessage]) -> Iterable[Entry]:
        return (self._entry(message, self._others(message)) for message in messages)

    def _others(self, message: ChatMessage) -> tuple[tuple[Entry, ...], ...]:
        if not self._request.versions or message.versions < 2:
            return ()
        siblings = [one for one in self._below[message.parent] if one.pane == message.pane and one.id != message.id]
        return tuple(self._branch(one) for one in siblings if one.id not in self._shown)

    def _branch(self, first: ChatMessage) -> tuple[Entry, ...]:
        """From a version that is not chosen to what was written last below it."""
        entries = [self._entry(first, ())]
        at, pane = first, first.pane
        while below := [one for one in self._below.get(at.id, []) if one.pane in ("", pane)]:
            at = below[-1]
            others = tuple(self._branch(one) for one in below[:-1]) if self._request.versions else ()
            entries.append(self._entry(at, others))
        return tuple(entries)

    # ---------------------------------------------------------------- entries

    def _entry(self, message: ChatMessage, others: tuple[tuple[Entry, ...], ...]) -> Entry:
        blind = self._request.blind
        reasoning = message.reasoning if self._request.reasoning else ""
        spent = message.stats.reasoning_s if message.stats is not None and not blind else None
        return Entry(
            who=self._who(message),
            role=message.role,
            text=message.content,
            reasoning=reasoning,
            reasoning_head="Reasoning" if spent is None else f"Reasoning, {spent:.1f} s",
            calls=message.tool_calls,
            note=self._note(message),
            numbers=numbers(message) if self._request.numbers and not blind else "",
            message=message,
            others=others,
            pane=None if blind else self._panes.get(message.pane),
        )

    def _who(self, message: ChatMessage) -> str:
        if message.role != "assistant":
            return _ROLES[message.role]
        if self._request.blind:
            if message.pane not in self._panes:
                return "Answer"
            order = blind_order(self._record.summary.id, message.turn, self._panes)
            return "ABCDEF"[order.index(message.pane)]
        if message.pane in self._panes:
            return self._names[self._panes[message.pane]]
        return model_name(message.model) or "Answer"

    def _note(self, message: ChatMessage) -> str:
        if message.state == "failed":
            told = "" if self._request.blind else str((message.error or {}).get("message", ""))
            return f"This answer failed. {told}".strip()
        return _STATES.get(message.state) or _STOPS.get(message.stop_reason, "")


def picture_words(number: int, picture: Picture) -> str:
    """What stands in the place of a picture for those who do not see it."""
    return f"Picture {number}, {picture.width} × {picture.height} pixels"


def pictures_note(pictures: Sequence[Picture]) -> str:
    """How many there were, where they cannot be shown; empty for none."""
    return "" if not pictures else "With a picture." if len(pictures) == 1 else f"With {len(pictures)} pictures."


def numbers(message: ChatMessage) -> str:
    """What was measured, in words; empty where nothing was."""
    parts = []
    if message.usage is not None:
        parts.append(counted(message.usage.completion_tokens, "token"))
    if message.stats is not None:
        parts.append(f"{message.stats.tokens_per_second:.1f} tokens/s")
        parts.append(f"first token after {message.stats.ttft_s:.2f} s")
    if message.usage is not None:
        cached = f", {message.usage.cached_tokens:,} cached" if message.usage.cached_tokens else ""
        parts.append(f"prompt {counted(message.usage.prompt_tokens, 'token')}{cached}")
    return " · ".join(parts)


@dataclass
class _Part:
    """A question of a path with what follows it; what comes before the first question has none."""

    turn: str
    question: ChatMessage | None
    answers: list[ChatMessage] = field(default_factory=list)


def _parts(path: Sequence[ChatMessage]) -> list[_Part]:
    parts: list[_Part] = []
    for message in path:
        if message.role == "user":
            parts.append(_Part(message.turn, message))
            continue
        if not parts:
            parts.append(_Part("", None))
        parts[-1].answers.append(message)
    return parts


def _merged(turns: Sequence[Sequence[str]]) -> list[str]:
    """The turns of all panes, as far as possible in everybody's order."""
    return list(dict.fromkeys(turn for step in zip_longest(*turns) for turn in step if turn is not None))


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment)) if moment else ""


def _settings(pane: Pane) -> str:
    parts = [_options(pane.sampling)] if pane.sampling else []
    if pane.max_tokens is not None:
        parts.append(f"at most {counted(pane.max_tokens, 'token')}")
    if pane.reasoning is not None:
        parts.append(f"reasoning {'on' if pane.reasoning else 'off'}")
    if pane.system is not None:
        parts.append(f"system prompt “{pane.system}”" if pane.system else "no system prompt")
    return ", ".join(parts)


def _options(options: Options) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(options.items()))
