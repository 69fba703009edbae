"""Presets, saved system prompts and sampling options in the control API (docs/control-api.md)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Request, delete, get, post
from litestar.response import Response

from paddock.sdk.presets import Preset, PresetText, SavedPrompt
from paddock.server.api.bodies import decode
from paddock.server.preset_import import read_preset

if TYPE_CHECKING:
    from paddock.server.host import Host

Asked = Request[Any, Any, Any]
Answer = Response[Any]


class PresetsApi:
    """Each method is one route; all run on the host's loop."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._presets = host.chats.presets

    def routes(self) -> list[Any]:
        return [
            get("/control/presets")(self.presets),
            post("/control/presets", status_code=200)(self.put_preset),
            post("/control/presets/read", status_code=200)(self.read_preset),
            delete("/control/presets/{preset_id:str}", status_code=204)(self.delete_preset),
            get("/control/prompts")(self.prompts),
            post("/control/prompts", status_code=200)(self.put_prompt),
            delete("/control/prompts/{prompt_id:str}", status_code=204)(self.delete_prompt),
            get("/control/sampling-options")(self.sampling_options),
        ]

    async def presets(self) -> Answer:
        return _json(await self._presets.presets())

    async def put_preset(self, request: Asked) -> Answer:
        preset = decode(await request.body(), Preset)
        known = await self._presets.presets()
        if preset.model and not any((kept.id, kept.model) == (preset.id, preset.model) for kept in known):
            found = await self._host.models.find(preset.model)
            preset = msgspec.structs.replace(preset, model=found.id)
        default_for = tuple(dict.fromkeys(map(self._host.models.kept_name, preset.default_for)))
        return _json(await self._presets.put_preset(msgspec.structs.replace(preset, default_for=default_for)))

    async def read_preset(self, request: Asked) -> Answer:
        text = decode(await request.body(), PresetText)
        return _json(await asyncio.to_thread(read_preset, text))

    async def delete_preset(self, preset_id: str) -> None:
        await self._presets.delete_preset(preset_id)

    async def prompts(self) -> Answer:
        return _json(await self._presets.prompts())

    async def put_prompt(self, request: Asked) -> Answer:
        return _json(await self._presets.put_prompt(decode(await request.body(), SavedPrompt)))

    async def delete_prompt(self, prompt_id: str) -> None:
        await self._presets.delete_prompt(prompt_id)

    async def sampling_options(self, request: Asked) -> Answer:
        models = self._host.models
        model = await models.find(request.query_params.get("model", ""))
        return _json(models.descriptor(model).sampling)


def _json(value: Any) -> Answer:
    return Response(msgspec.json.encode(value), media_type="application/json")
