"""What shapes the answers of a conversation, as one value: sampling, stop strings, longest length, reasoning."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from paddock.sdk.presets import Preset
from paddock.sdk.types import ChatPatch, ChatSummary, Options, Pane, SendRequest

T = TypeVar("T")


@dataclass(frozen=True)
class AnswerSettings:
    """``max_tokens`` None is no limit, ``reasoning`` None is as the model has it."""

    sampling: Options = field(default_factory=dict)
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None
    reasoning: bool | None = None

    def request(self, stored: Collection[str] = ()) -> SendRequest:
        """As part of a question. Options of the conversation that are ``stored`` and no longer set go to the model's
        default."""
        sampling: Options = {**dict.fromkeys(stored), **self.sampling}
        return SendRequest(
            sampling=sampling,
            stop=self.stop,
            max_tokens=self.max_tokens or 0,
            reasoning="auto" if self.reasoning is None else self.reasoning,
        )

    def patch(self, foreign: Options) -> ChatPatch:
        """To keep with the conversation; ``foreign`` are values that the engine does not have."""
        return ChatPatch(
            sampling={**foreign, **self.sampling},
            stop=self.stop,
            max_tokens=self.max_tokens or 0,
            reasoning="auto" if self.reasoning is None else self.reasoning,
        )

    def changes(self, stored: AnswerSettings) -> ChatPatch:
        """What makes these settings of ``stored``, foreign values included on both sides. What is the same is left as
        it is: another program may be changing it."""
        names = {**stored.sampling, **self.sampling}
        changed = {name: self.sampling.get(name) for name in names}
        changed = {name: value for name, value in changed.items() if value != stored.sampling.get(name)}
        patch = self.patch({})
        return ChatPatch(
            sampling_changes=changed or None,
            stop=patch.stop if self.stop != stored.stop else None,
            max_tokens=patch.max_tokens if self.max_tokens != stored.max_tokens else None,
            reasoning=patch.reasoning if self.reasoning != stored.reasoning else None,
        )

    def with_preset(self, preset: Preset) -> AnswerSettings:
        """``preset`` applied: its sampling, and what else it says."""
        return AnswerSettings(
            sampling=dict(preset.sampling),
            stop=self.stop if preset.stop is None else preset.stop,
            max_tokens=self.max_tokens if preset.max_tokens is None else preset.max_tokens or None,
            reasoning=self.reasoning if preset.reasoning is None else preset.reasoning,
        )

    def preset(self, preset: Preset, system: str) -> Preset:
        """``preset`` with these settings; what it left open stays open where nothing is set."""
        return msgspec.structs.replace(
            preset,
            sampling=dict(self.sampling),
            stop=self.stop if self.stop or preset.stop is not None else None,
            max_tokens=self.max_tokens or (None if preset.max_tokens is None else 0),
            reasoning=preset.reasoning if self.reasoning is None else self.reasoning,
            system=system if preset.system is not None else None,
        )

    def followed(self, base: AnswerSettings, before: AnswerSettings, after: AnswerSettings) -> AnswerSettings:
        """These settings once another program has made ``after`` of ``before``. ``base`` is what ``before`` was shown
        as: what differs from it was changed here since, and stays."""
        sampling = dict(self.sampling)
        for name in {**before.sampling, **after.sampling}:
            there, here = after.sampling.get(name), self.sampling.get(name)
            if there != before.sampling.get(name) and here == base.sampling.get(name):
                sampling.pop(name, None)
                if there is not None:
                    sampling[name] = there

        def other(now: T, shown: T, was: T, new: T) -> T:
            return new if new != was and now == shown else now

        return AnswerSettings(
            sampling,
            other(self.stop, base.stop, before.stop, after.stop),
            other(self.max_tokens, base.max_tokens, before.max_tokens, after.max_tokens),
            other(self.reasoning, base.reasoning, before.reasoning, after.reasoning),
        )

    def pane(self, pane: Pane) -> Pane:
        """``pane`` with these settings; what is not set is the conversation's."""
        return msgspec.structs.replace(
            pane,
            sampling=dict(self.sampling),
            stop=self.stop or None,
            max_tokens=self.max_tokens,
            reasoning=self.reasoning,
        )


def settings_of(given: ChatSummary | Pane) -> AnswerSettings:
    """What is kept with a conversation or a pane."""
    return AnswerSettings(dict(given.sampling), given.stop or (), given.max_tokens, given.reasoning)
