"""What the command palette offers, and what of it fits the words that are typed."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from paddock.gui.actions import Action
from paddock.gui.models.chats import UNTITLED
from paddock.gui.pages.settings_sections import TITLES
from paddock.sdk.presets import Preset
from paddock.sdk.types import ChatSummary, ModelInfo

if TYPE_CHECKING:
    from paddock.gui.finder import Finder
    from paddock.gui.host_state import HostState
    from paddock.gui.window import Window

MOST = 60
"""So many are shown."""
ENOUGH = 5
"""Where fewer have the words as they are typed, letters may also stand between theirs."""
_RECENT = 40
"""What was used lately counts as much more as a match at the beginning of the title does."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """``id`` is the same for the same thing the next time; ``kind`` says in a word what it is; ``words`` are further
    words under which it is found."""

    id: str
    title: str
    kind: str
    run: Callable[[], None]
    keys: str = ""
    words: str = ""

    @cached_property
    def folded(self) -> str:
        return f" {self.title} {self.kind} {self.words}".casefold()


def found(entries: Sequence[Entry], typed: str, recent: Sequence[str]) -> list[Entry]:
    """The entries that ``typed`` fits, the best first; without words those used lately (``recent``, the latest first)
    and then the others in their order."""
    words = typed.casefold().split()
    bonus = {id: _RECENT - at for at, id in enumerate(recent[:_RECENT])}
    if not words:
        return sorted(entries, key=lambda entry: -bonus.get(entry.id, 0))[:MOST]
    bests = [
        (-_points(entry.folded, words) - bonus.get(entry.id, 0), at)
        for at, entry in enumerate(entries)
        if all(word in entry.folded for word in words)
    ]
    best = [entries[at] for _, at in heapq.nsmallest(MOST, bests)]
    return best if len(best) >= ENOUGH else [*best, *_loosely(entries, words, {entry.id for entry in best})]


def _points(text: str, words: Sequence[str]) -> int:
    """The beginning of the title is best, then that of a word, then the middle of one."""
    return sum(100 if text.startswith(word, 1) else 60 if f" {word}" in text else 30 for word in words)


def _loosely(entries: Sequence[Entry], words: Sequence[str], without: set[str]) -> list[Entry]:
    """The entries that have the letters of each word in their order, with few others between them."""
    loose = [(re.compile(".*?".join(map(re.escape, word))), 4 * len(word)) for word in words if len(word) > 1]

    def fits(text: str) -> bool:
        spans = ((pattern.search(text), most) for pattern, most in loose)
        return all(span is not None and span.end() - span.start() <= most for span, most in spans)

    return [entry for entry in entries if loose and entry.id not in without and fits(entry.folded)][:MOST]


def entries(window: Window, host: HostState, finder: Finder) -> list[Entry]:
    """Everything that can be done in ``window`` now."""
    shown = [action for action in window.commands.all() if action.listed and action.enabled()]
    return [
        *map(_of_action, shown),
        *(
            Entry(
                id=f"settings:{section}",
                title=title,
                kind="Settings",
                run=partial(window.show_settings, section),
            )
            for section, title in TITLES.items()
        ),
        *of_presets(window.chat.inspector.presets.usable(), finder.apply_preset),
        *of_models(host.models, host.model_name, finder.use_model),
        *of_chats(host.chats.values(), finder.open_chat),
    ]


def _of_action(action: Action) -> Entry:
    keys = action.keys[0] if action.keys else ""
    title, kind = action.title, action.group
    return Entry(id=f"action:{title}", title=title, kind=kind, run=action.run, keys=keys, words=action.words)


def of_presets(presets: Iterable[Preset], apply: Callable[[Preset], None]) -> Iterable[Entry]:
    """The presets for the model of the open conversation."""
    for preset in presets:
        run = partial(apply, preset)
        yield Entry(id=f"preset:{preset.id}", title=preset.name, kind="Preset", run=run, words="sampling settings")


def of_models(
    models: Mapping[str, ModelInfo], name: Callable[[str], str], use: Callable[[str], None]
) -> Iterable[Entry]:
    """The models that can answer."""
    for model, info in models.items():
        if info.error is None:
            words = " ".join((info.quant, "model", *info.aliases))
            yield Entry(
                id=f"model:{model}", title=f"Use {name(model)}", kind="Model", run=partial(use, model), words=words
            )


def of_chats(chats: Iterable[ChatSummary], show: Callable[[str], None]) -> Iterable[Entry]:
    """The conversations, the last changed first."""
    for chat in sorted(chats, key=lambda chat: chat.updated, reverse=True):
        title = chat.title or UNTITLED
        yield Entry(
            id=f"chat:{chat.id}", title=title, kind="Open chat", run=partial(show, chat.id), words=" ".join(chat.tags)
        )
