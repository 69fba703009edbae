"""Many prompts asked in several panes: batches that go on over restarts of the host, and saved sets of prompts."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from paddock.sdk.batch_lines import prompt_text
from paddock.sdk.chats import Exported
from paddock.sdk.compare import (
    Batch,
    BatchCell,
    BatchExport,
    BatchPatch,
    BatchPrompt,
    BatchRequest,
    BatchState,
    CellState,
    PromptSet,
    PromptsText,
)
from paddock.sdk.errors import BadRequest, NotFound, NoVision, PaddockError
from paddock.sdk.events import BatchChanged, PresetsChanged
from paddock.sdk.types import Pane
from paddock.server.batch_export import export
from paddock.server.batch_work import BatchWork
from paddock.server.chat_texts import title_of
from paddock.server.prompt_files import check_prompts, read_prompts

if TYPE_CHECKING:
    from paddock.sdk.host import Generation, Settings
    from paddock.server.bus import Bus
    from paddock.server.chats import ChatStore, ChatTable
    from paddock.server.comparing import Comparing
    from paddock.server.generations import Generations
    from paddock.server.models import Models

logger = logging.getLogger(__name__)

MOST_CELLS = 200_000
TOGETHER = 2_000
"""So many cells are read at once."""
TELL_S = 0.5
"""Progress is told this often at most."""


class Batches:
    """Lives on the host's loop. One batch runs at a time, the oldest first. ``clock`` gives seconds and never goes
    back, ``now`` gives Unix seconds."""

    def __init__(
        self,
        store: ChatStore,
        generations: Generations,
        models: Models,
        comparing: Comparing,
        bus: Bus,
        *,
        settings: Callable[[], Settings],
        clock: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        self._store = store
        self._generations = generations
        self._models = models
        self._comparing = comparing
        self._bus = bus
        self._settings = settings
        self._clock = clock
        self._now = now
        self._work: BatchWork | None = None
        self._working: Batch | None = None
        self._task: asyncio.Task[None] | None = None
        self._runner: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        self._notes: dict[str, str] = {}
        generations.on_started(self._started)
        models.on_needed(self._needed, lambda: self._work.yielding() if self._work is not None else ())

    def busy(self) -> str:
        """The name of the batch that runs; empty when none does."""
        return self._working.name if self._working is not None else ""

    async def open(self) -> None:
        """Go on with what was running when the host ended. Raises StorageFailed."""
        self._runner = asyncio.get_running_loop().create_task(self._run())
        self._wanted.set()

    async def close(self) -> None:
        """Stop; what was running goes on when the host starts again."""
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.wait([self._runner])

    # -------------------------------------------------------------- the list

    async def all(self) -> list[Batch]:
        """The latest first."""
        return [self._living(batch) for batch in await self._store.ask(lambda table: table.batches.all())]

    async def get(self, id: str) -> Batch:
        """Raises NotFound."""
        return self._living(await self._store.ask(lambda table: table.batches.get(id)))

    async def start(self, request: BatchRequest) -> Batch:
        """Raises BadRequest, ModelNotFound, what makes a model unusable, UnknownOption, InvalidOption,
        StorageFailed."""
        await asyncio.to_thread(check_prompts, request.prompts)
        cells = len(request.prompts) * len(request.panes) * request.repeat
        if cells > MOST_CELLS:
            raise BadRequest(f"These are {cells:,} answers.", hint=f"Ask for {MOST_CELLS:,} at most in one batch.")
        panes = [await self._checked(pane, at) for at, pane in enumerate(request.panes)]
        await self._check_judges(request.prompts)
        await self._check_sight(request.prompts, panes)
        batch = Batch(
            id=uuid.uuid4().hex[:12],
            name=request.name or title_of(prompt_text(request.prompts[0])),
            state="running",
            prompts=len(request.prompts),
            panes=tuple(panes),
            repeat=request.repeat,
            created=self._now(),
        )
        await self._store.ask(lambda table: table.batches.add(batch, request.prompts))
        self._wanted.set()
        return await self._told(batch.id)

    async def _checked(self, pane: Pane, at: int) -> Pane:
        if pane.max_tokens is not None and pane.max_tokens < 0:
            raise BadRequest(f"“max_tokens” cannot be {pane.max_tokens}.", hint="It takes numbers from 0: no limit.")
        name = pane.model or self._settings().default_model
        sampling = self._models.check_sampling(await self._models.find(name), pane.sampling)
        return msgspec.structs.replace(pane, id=str(at), model=self._models.kept_name(name), sampling=sampling)

    async def _check_sight(self, prompts: Sequence[BatchPrompt], panes: Sequence[Pane]) -> None:
        """Where a pane does not see, its answers say so; without one that may there is nothing to compare."""
        if any(prompt.images for prompt in prompts):
            models = [await self._models.find(pane.model) for pane in panes]
            if all([await self._models.blind(model) for model in models]):
                raise NoVision("None of these models can see pictures.", hint="Choose one with vision.")

    async def _check_judges(self, prompts: Sequence[BatchPrompt]) -> None:
        judges = [check for prompt in prompts for check in prompt.checks if check.kind == "judge"]
        if any(not check.model for check in judges):
            raise BadRequest("No model is chosen to judge.", hint="Choose the judge.")
        for model in {check.model for check in judges}:
            await self._models.find(model)

    async def patch(self, id: str, patch: BatchPatch) -> Batch:
        """Raises NotFound."""
        batch = await self.get(id)
        self._notes.pop(id, None)
        match patch.action:
            case "pause":
                if batch.state == "running":
                    await self._set(id, "paused")
                    await self._stop(id)
            case "resume":
                if batch.state == "paused":
                    await self._set(id, "running")
            case "retry":
                await self._set(id, "paused")
                await self._stop(id)
                again = await self._store.ask(lambda table: table.batches.retry(id))
                await self._set(id, "running" if again or batch.state == "running" else batch.state)
        self._wanted.set()
        return await self._told(id)

    async def delete(self, id: str) -> None:
        """Raises NotFound."""
        await self._set(id, "paused")
        await self._stop(id)
        await self._store.ask(lambda table: table.batches.delete(id))
        self._notes.pop(id, None)
        self._bus.publish(BatchChanged(id=id, batch=None))

    # -------------------------------------------------------------- what is in it

    async def prompts(self, id: str) -> list[BatchPrompt]:
        """Raises NotFound."""
        return await self._store.ask(lambda table: table.batches.prompts(id))

    async def cells(self, id: str, after: int, limit: int) -> list[BatchCell]:
        """Every cell, with those that wait. Raises NotFound."""
        batch = await self.get(id)
        kept = await self._store.ask(lambda table: table.batches.cells(id, after, limit))
        numbers = range(max(0, after), min(max(0, after) + limit, batch.total))
        return [kept.get(number) or _unasked(batch, number) for number in numbers]

    async def changes(self, id: str, since: int, limit: int) -> list[BatchCell]:
        """Raises NotFound."""
        return await self._store.ask(lambda table: table.batches.changes(id, since, limit))

    async def export(self, id: str, request: BatchExport) -> Exported:
        """Raises NotFound, BadRequest, StorageFailed for a file that is there already or cannot be written."""
        batch, prompts = await self.get(id), await self.prompts(id)
        cells: list[BatchCell] = []
        for after in range(0, batch.total, TOGETHER):  # in between others get at the database
            found = await self._store.ask(partial(_cells, id, after))
            cells += found.values()
        if request.format == "html":
            named = [msgspec.structs.replace(pane, name=await self._title(pane)) for pane in batch.panes]
            batch = msgspec.structs.replace(batch, panes=tuple(named))
        return await asyncio.to_thread(export, request, batch, prompts, cells)

    async def _title(self, pane: Pane) -> str:
        """What people call a pane: its own name, or its model's."""
        try:
            model = await self._models.find(pane.model)
        except PaddockError:  # it is no longer here
            return pane.name or pane.model
        return pane.name or f"{model.name} {model.quant}".rstrip()

    async def sets(self) -> list[PromptSet]:
        return await self._store.ask(lambda table: table.batches.sets())

    async def put_set(self, prompts: PromptSet) -> PromptSet:
        """Raises BadRequest, NotFound."""
        if not prompts.name.strip():
            raise BadRequest("The set has no name.", hint="Give it one.")
        await asyncio.to_thread(check_prompts, prompts.prompts)
        kept = await self._store.ask(lambda table: table.batches.put_set(prompts, self._now()))
        self._bus.publish(PresetsChanged(id="prompt-sets"))
        return kept

    async def delete_set(self, id: str) -> None:
        """Raises NotFound."""
        await self._store.ask(lambda table: table.batches.delete_set(id))
        self._bus.publish(PresetsChanged(id="prompt-sets"))

    async def read(self, text: PromptsText) -> PromptSet:
        """Raises BadRequest that names the line, NotFound."""
        return await asyncio.to_thread(read_prompts, text)

    # -------------------------------------------------------------- running

    def _started(self, generation: Generation) -> None:
        if self._work is not None and generation.chat_id is not None:
            self._work.give_way(generation.model)

    def _needed(self, instances: tuple[str, ...]) -> None:
        if self._work is not None:
            self._work.make_room(instances)

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                while (batch := await self._next()) is not None:
                    await self._run_one(batch)
            except PaddockError as error:
                logger.warning("batches cannot be read: %s", error)

    async def _next(self) -> Batch | None:
        batches = await self._store.ask(lambda table: table.batches.all())
        return next((batch for batch in reversed(batches) if batch.state == "running"), None)

    async def _run_one(self, batch: Batch) -> None:
        self._working = batch
        self._work = BatchWork(
            batch,
            self._store,
            self._generations,
            self._models,
            self._comparing,
            system=self._settings().system_prompt,
            clock=self._clock,
            now=self._now,
        )
        self._task = asyncio.get_running_loop().create_task(self._work.run())
        try:
            await self._watch(self._work, self._task)
            await self._close(batch.id, self._task)
        finally:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._working = self._work = self._task = None
        with suppress(NotFound):  # it may have been removed
            await self._told(batch.id)

    async def _watch(self, work: BatchWork, task: asyncio.Task[None]) -> None:
        told: Batch | None = None
        while not task.done():
            await asyncio.wait([task], timeout=TELL_S)
            now = work.batch()
            if not task.done() and now != told:
                told = now
                self._bus.publish(BatchChanged(id=now.id, batch=now))

    async def _close(self, id: str, task: asyncio.Task[None]) -> None:
        """What becomes of a batch whose work has ended. One that was stopped has its new state already."""
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            await self._set(id, "done")
            return
        logger.error("batch %s is paused", id, exc_info=error)
        inside = f"It failed inside Paddock ({type(error).__name__}); the host's log has the details."
        self._notes[id] = error.sentence() if isinstance(error, PaddockError) else inside
        with suppress(PaddockError):  # gone meanwhile, or the disk is what failed
            await self._set(id, "paused")

    async def _stop(self, id: str) -> None:
        """End the work on ``id``, if it is what runs, and wait for that."""
        task = self._task
        if self._working is not None and self._working.id == id and task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _set(self, id: str, state: BatchState) -> None:
        await self._store.ask(lambda table: table.batches.set_state(id, state))

    async def _told(self, id: str) -> Batch:
        batch = await self.get(id)
        self._bus.publish(BatchChanged(id=id, batch=batch))
        return batch

    def _living(self, batch: Batch) -> Batch:
        working = self._working
        if batch.state != "running" or working is None or self._task is None or self._task.done():
            return msgspec.structs.replace(batch, note=self._notes.get(batch.id, ""))
        if working.id != batch.id:
            return msgspec.structs.replace(batch, note=f"Waits for “{working.name}”.")
        assert self._work is not None
        return self._work.batch()


def _cells(id: str, after: int, table: ChatTable) -> dict[int, BatchCell]:
    return table.batches.cells(id, after, TOGETHER)


def _unasked(batch: Batch, number: int) -> BatchCell:
    rest, repeat = divmod(number, batch.repeat)
    prompt, pane = divmod(rest, len(batch.panes))
    state: CellState = "running" if number in batch.running else "waiting"
    return BatchCell(prompt=prompt, pane=pane, repeat=repeat, state=state)
