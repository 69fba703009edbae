"""The control API (docs/control-api.md): what the window, the SDK and the command line speak."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import msgspec
from litestar import Request, delete, get, patch, post
from litestar.response import Response

from paddock.sdk.errors import BadRequest, HostBusy
from paddock.sdk.events import Leaving, Snapshot, TextDelta
from paddock.sdk.host import (
    Generation,
    LogTail,
    RaiseAnswer,
    RaiseRequest,
    RetuneRequest,
    ServerRequest,
    SettingsPatch,
    ShutdownRequest,
)
from paddock.sdk.memory import EstimateRequest
from paddock.sdk.questions import CandidatesRequest, ContextRequest, Question
from paddock.sdk.types import GenerateRequest, InstancePatch, LoadRequest
from paddock.server.api.bodies import client_of, decode
from paddock.server.api.questions import reply
from paddock.server.api.streams import EventStream, followed, frame, frames

if TYPE_CHECKING:
    from paddock.server.host import Host

STUCK_S = 20.0
ECHO_PIECES = 10
ECHO_GAP_S = 0.05

Asked = Request[Any, Any, Any]
Answer = Response[Any]


class ControlApi:
    """Each method is one route; all run on the host's loop."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def routes(self) -> list[Any]:
        generation = "/control/generations/{generation_id:str}"
        return [
            get("/control/handshake")(self.handshake),
            get("/control/events")(self.events),
            get("/control/engines")(self.engines),
            get("/control/models")(self.models),
            post("/control/models/refresh", status_code=200)(self.refresh),
            get("/control/loaded")(self.loaded),
            post("/control/loaded", status_code=200)(self.load),
            delete("/control/loaded/{name:path}", status_code=204)(self.unload),
            patch("/control/loaded/{name:path}")(self.patch_instance),
            get("/control/load-options")(self.load_options),
            post("/control/load-options", status_code=200)(self.save_load_options),
            get("/control/memory")(self.memory),
            get("/control/machines")(self.machines),
            post("/control/estimate", status_code=200)(self.estimate),
            post("/control/generate", status_code=200)(self.generate),
            post("/control/ask", status_code=200)(self.ask),
            get("/control/generations")(self.generations),
            get(generation + "/events")(self.follow),
            post(generation + "/cancel", status_code=204)(self.cancel),
            post(generation + "/sampling", status_code=204)(self.retune),
            get("/control/settings")(self.settings),
            patch("/control/settings")(self.patch_settings),
            get("/control/kv-store")(self.prompt_cache),
            delete("/control/kv-store", status_code=204)(self.clear_prompt_cache),
            get("/control/server")(self.server),
            post("/control/server", status_code=200)(self.switch_server),
            post("/control/raise", status_code=200)(self.raise_windows),
            get("/control/logs")(self.logs),
            get("/control/echo")(self.echo),
            post("/control/shutdown", status_code=200)(self.shutdown),
        ]

    # -------------------------------------------------------------- the host

    async def handshake(self) -> Answer:
        return _json(self._host.handshake())

    async def events(self, request: Asked) -> Answer:
        return EventStream(self._events(client_of(request)), stuck_s=STUCK_S)

    async def _events(self, client: str) -> AsyncGenerator[bytes, None]:
        host = self._host
        subscription = host.bus.subscribe(client)
        try:
            snapshot = Snapshot(
                id=host.instance_id,
                loaded=host.models.loaded(),
                server=host.server.status(),
                settings=host.settings.current,
                generations=host.generations.running(),
                memory=host.memory.state_now(),
                downloads=host.downloads.all(),
                jobs=host.jobs.all(),
                repair=host.chats.safety.untold() if client == "window" else None,
            )
            yield frame(msgspec.json.encode(snapshot))
            async for event in subscription:
                yield frame(msgspec.json.encode(event))
                if isinstance(event, Leaving):
                    return
        finally:
            host.bus.unsubscribe(subscription)

    async def settings(self) -> Answer:
        return _json(self._host.settings.current)

    async def patch_settings(self, request: Asked) -> Answer:
        return _json(await self._host.change_settings(decode(await request.body(), SettingsPatch)))

    async def prompt_cache(self) -> Answer:
        return _json(await self._host.prompt_cache.usage())

    async def clear_prompt_cache(self, request: Asked) -> None:
        await self._host.prompt_cache.clear(request.query_params.get("model", ""))

    async def server(self) -> Answer:
        return _json(self._host.server.status())

    async def switch_server(self, request: Asked) -> Answer:
        return _json(await self._host.switch_server(decode(await request.body(), ServerRequest)))

    async def raise_windows(self, request: Asked) -> Answer:
        asked = decode(await request.body(), RaiseRequest)
        return _json(RaiseAnswer(windows=self._host.bus.raise_windows(asked, self._host.instance_id)))

    async def logs(self, request: Asked) -> Answer:
        given = request.query_params.get("lines", "200")
        if not given.isdecimal():
            raise BadRequest(f"“lines” cannot be “{given}”.", hint="It takes a whole number.")
        log = self._host.log
        lines = await asyncio.to_thread(log.tail, int(given[:9]))
        return _json(LogTail(path=str(log.path), lines=tuple(lines)))

    async def echo(self) -> Answer:
        async def pieces() -> AsyncGenerator[bytes, None]:
            for number in range(ECHO_PIECES):
                yield frame(msgspec.json.encode(TextDelta(id="echo", text=f"{number} ")))
                await asyncio.sleep(ECHO_GAP_S)

        return EventStream(pieces())

    async def shutdown(self, request: Asked) -> Answer:
        asked = decode(await request.body(), ShutdownRequest)
        busy = self._host.busy()
        if asked.when == "idle" and busy:
            raise HostBusy(f"Paddock is busy: {', '.join(busy)}.", hint="Wait, or end it “now”.", busy=list(busy))
        if asked.when == "done":
            self._host.lifetime.leave_when_done()
        else:
            # The answer must be out before the listener closes.
            asyncio.get_running_loop().call_later(0.05, self._host.lifetime.leave, "it was asked to")
        return _json({"leaving": True})

    # -------------------------------------------------------------- models

    async def engines(self) -> Answer:
        return _json(await self._host.models.engines())

    async def models(self) -> Answer:
        return _json(await self._host.models.on_disk())

    async def refresh(self) -> Answer:
        return _json(await self._host.models.refresh())

    async def loaded(self) -> Answer:
        return _json(self._host.models.loaded())

    async def load(self, request: Asked) -> Answer:
        asked = decode(await request.body(), LoadRequest)
        return EventStream(frames(await self._host.models.load(asked, client_of(request))))

    async def unload(self, request: Asked) -> None:
        await self._host.models.unload(_instance(request))

    async def patch_instance(self, request: Asked) -> Answer:
        asked = decode(await request.body(), InstancePatch)
        return _json(await self._host.models.patch(_instance(request), asked))

    async def load_options(self, request: Asked) -> Answer:
        model = await self._host.models.find(request.query_params.get("model", ""))
        return _json(await self._host.memory.saved(model))

    async def save_load_options(self, request: Asked) -> Answer:
        asked = decode(await request.body(), LoadRequest)
        model = await self._host.models.find(asked.model)
        return _json(await self._host.memory.save(model, asked.options))

    # -------------------------------------------------------------- memory

    async def memory(self) -> Answer:
        return _json(await self._host.memory.state())

    async def machines(self) -> Answer:
        return _json(await self._host.memory.machines())

    async def estimate(self, request: Asked) -> Answer:
        return _json(await self._host.memory.estimate(decode(await request.body(), EstimateRequest)))

    # -------------------------------------------------------------- generations

    async def generate(self, request: Asked) -> Answer:
        asked = decode(await request.body(), GenerateRequest)
        client = client_of(request)
        host = self._host
        if not asked.id:
            raise BadRequest("The field “id” is empty.", hint="Give each request an id of its own.")
        model = await host.models.find(asked.model)
        generation = Generation(id=asked.id, model=model.id, client=client, started=host.now())
        run = host.generations.start(generation, lambda: host.models.generate(model, asked, client))

        return followed(run, over=run.cancel)

    async def ask(self, request: Asked) -> Answer:
        question: Question = decode(await request.body(), Question)  # type: ignore[arg-type]  # it is a union
        if isinstance(question, ContextRequest | CandidatesRequest):
            shown = await self._host.chats.editing.shown(question.messages)
            question = msgspec.structs.replace(question, messages=shown)
        model = await self._host.models.find(question.model)
        return _json(await reply(self._host, request, model, question, client_of(request)))

    async def generations(self) -> Answer:
        return _json(self._host.generations.running())

    async def follow(self, generation_id: str) -> Answer:
        return followed(self._host.generations.get(generation_id))

    async def cancel(self, generation_id: str) -> None:
        run = self._host.generations.find(generation_id)
        if run is not None:
            run.cancel()
            await run.wait()

    async def retune(self, generation_id: str, request: Asked) -> None:
        asked = decode(await request.body(), RetuneRequest)
        run = self._host.generations.get(generation_id)
        await self._host.models.retune(run.generation.model, run.id, asked.sampling)
        run.generation = msgspec.structs.replace(run.generation, sampling=asked.sampling)


def _instance(request: Asked) -> str:
    """The last part of the path, raw: the router takes the slash off that an absolute path begins with."""
    return unquote(request.scope["raw_path"].decode()).removeprefix("/control/loaded/")


def _json(value: Any) -> Answer:
    return Response(msgspec.json.encode(value), media_type="application/json")
