"""The part of the clients that is about presets and saved system prompts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeVar
from urllib.parse import quote

from paddock.sdk.presets import Preset, PresetRead, PresetText, SavedPrompt
from paddock.sdk.protocol import Call, body_of

T = TypeVar("T")

_PRESETS = "/control/presets"
_PROMPTS = "/control/prompts"


def _of(path: str, id: str) -> str:
    return f"{path}/{quote(id, safe='')}"


def _presets() -> Call[list[Preset]]:
    return Call(method="GET", path=_PRESETS, answer=list[Preset])


def _put_preset(preset: Preset) -> Call[Preset]:
    return Call(method="POST", path=_PRESETS, answer=Preset, body=body_of(preset))


def _delete_preset(id: str) -> Call[None]:
    return Call(method="DELETE", path=_of(_PRESETS, id))


def _read_preset(text: PresetText) -> Call[PresetRead]:
    return Call(method="POST", path=_PRESETS + "/read", answer=PresetRead, body=body_of(text))


def _prompts() -> Call[list[SavedPrompt]]:
    return Call(method="GET", path=_PROMPTS, answer=list[SavedPrompt])


def _put_prompt(prompt: SavedPrompt) -> Call[SavedPrompt]:
    return Call(method="POST", path=_PROMPTS, answer=SavedPrompt, body=body_of(prompt))


def _delete_prompt(id: str) -> Call[None]:
    return Call(method="DELETE", path=_of(_PROMPTS, id))


class PresetsClient(ABC):
    """What :class:`~paddock.sdk.client.Client` does with presets and saved prompts."""

    @abstractmethod
    def _ask(self, call: Call[T]) -> T: ...

    def presets(self) -> list[Preset]:
        """All presets, by name."""
        return self._ask(_presets())

    def put_preset(self, preset: Preset) -> Preset:
        """Keep a preset; without an ``id`` it is a new one."""
        return self._ask(_put_preset(preset))

    def delete_preset(self, id: str) -> None:
        """Remove a preset."""
        return self._ask(_delete_preset(id))

    def read_preset(self, text: PresetText) -> PresetRead:
        """What a preset of another program, or a command line of llama.cpp, says; nothing is kept."""
        return self._ask(_read_preset(text))

    def prompts(self) -> list[SavedPrompt]:
        """All saved system prompts, by name."""
        return self._ask(_prompts())

    def put_prompt(self, prompt: SavedPrompt) -> SavedPrompt:
        """Keep a system prompt; without an ``id`` it is a new one."""
        return self._ask(_put_prompt(prompt))

    def delete_prompt(self, id: str) -> None:
        """Remove a saved system prompt."""
        return self._ask(_delete_prompt(id))


class AsyncPresetsClient(ABC):
    """What :class:`~paddock.sdk.aclient.AsyncClient` does with presets, as :class:`PresetsClient`."""

    @abstractmethod
    async def _ask(self, call: Call[T]) -> T: ...

    async def presets(self) -> list[Preset]:
        """All presets, by name."""
        return await self._ask(_presets())

    async def put_preset(self, preset: Preset) -> Preset:
        """Keep a preset; without an ``id`` it is a new one."""
        return await self._ask(_put_preset(preset))

    async def delete_preset(self, id: str) -> None:
        """Remove a preset."""
        return await self._ask(_delete_preset(id))

    async def read_preset(self, text: PresetText) -> PresetRead:
        """What a preset of another program, or a command line of llama.cpp, says; nothing is kept."""
        return await self._ask(_read_preset(text))

    async def prompts(self) -> list[SavedPrompt]:
        """All saved system prompts, by name."""
        return await self._ask(_prompts())

    async def put_prompt(self, prompt: SavedPrompt) -> SavedPrompt:
        """Keep a system prompt; without an ``id`` it is a new one."""
        return await self._ask(_put_prompt(prompt))

    async def delete_prompt(self, id: str) -> None:
        """Remove a saved system prompt."""
        return await self._ask(_delete_prompt(id))
