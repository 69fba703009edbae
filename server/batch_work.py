"""One batch at work: its cells are answered model by model, then judged."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, assert_never

import msgspec

from paddock.sdk.batch_lines import prompt_text
from paddock.sdk.compare import Batch, BatchCell, BatchPrompt, Check, CheckResult
from paddock.sdk.errors import BadRequest, EngineError, PaddockError
from paddock.sdk.events import Cancelled, Failed, Finished
from paddock.sdk.host import Generation
from paddock.sdk.types import GenerateRequest, LoadedModel, Message
from paddock.server.batch_asking import JUDGE_TOKENS, cell_request, judge_request
from paddock.server.batch_checks import carry_out, closing_messages, judge_messages, judged
from paddock.server.prompt_files import read_pictures

if TYPE_CHECKING:
    from paddock.sdk.errors import ErrorInfo
    from paddock.sdk.events import Ending, GenerationEvent
    from paddock.server.chats import ChatStore
    from paddock.server.comparing import Comparing
    from paddock.server.generations import Generations, Run
    from paddock.server.models import Models

BUSY_S = 5.0
"""So long a cell waits when the machine has no room for its model."""
_LOOK_S = 0.5
"""A model that has just been loaded takes more than the one request that it was loaded for."""


Do = Callable[[int], Coroutine[Any, Any, None]]


class _Busy(Exception):
    """Not now, but later."""


class _Unanswered(Exception):
    """A judge could not answer; why, in a sentence."""


class BatchWork:
    """Lives on the host's loop. ``system`` is the system prompt where neither prompt nor pane has one; ``clock`` gives
    seconds and never goes back; ``now`` gives Unix seconds. A cell is stored when it has ended, in one transaction."""

    def __init__(
        self,
        batch: Batch,
        store: ChatStore,
        generations: Generations,
        models: Models,
        comparing: Comparing,
        *,
        system: str,
        clock: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        self._batch = batch
        self._store = store
        self._generations = generations
        self._models = models
        self._comparing = comparing
        self._system = system
        self._clock = clock
        self._now = now
        self._prompts: list[BatchPrompt] = []
        self._running: dict[int, Run] = {}
        self._given_way: set[int] = set()
        self._lanes: set[str] = set()
        self._names: dict[str, str] = {}
        self._known: dict[str, str] = {}
        self._yields = False
        self._plan = ""
        self._began = clock()
        self._finished = self._left = 0

    def batch(self) -> Batch:
        """How far it is."""
        note = self._note()
        pace = (self._clock() - self._began) / self._finished if self._finished > 1 else None
        left = None if pace is None else float(round(pace * self._left))
        running = tuple(sorted(self._running))
        return msgspec.structs.replace(self._batch, running=running, note=note, seconds_left=left)

    def _note(self) -> str:
        loading = {self._names[model] for model in self._lanes if not self._ready(model)}
        if loading and self._yields:
            return "Waits for memory that is in use."
        if loading:
            return f"Loading {' and '.join(sorted(loading))}."
        if self._batch.to_judge and self._batch.done + self._batch.failed == self._batch.total:
            return f"Judging, {self._left:,} left."
        return self._plan

    async def run(self) -> None:
        """Until every cell has been answered and judged; cancelling stops what is being written. Raises
        StorageFailed."""
        id = self._batch.id
        self._prompts = await self._store.ask(lambda table: table.batches.prompts(id))
        ended = await self._store.ask(lambda table: table.batches.ended(id))
        waiting = [number for number in range(self._batch.total) if number not in ended]
        if waiting:
            await self._answer_all(waiting)
        await self._judge_all(await self._store.ask(lambda table: table.batches.to_judge(id)))

    # -------------------------------------------------------------- lanes

    async def _side_by_side(self, lanes: dict[str, Iterable[int]], do: Do) -> None:
        """Several models at the same time, each with as many cells as it takes."""
        self._names = {model: await self._name(model) for model in lanes}
        self._lanes = set(lanes)
        tasks = [asyncio.create_task(self._lane(model, deque(work), do)) for model, work in lanes.items()]
        try:
            await asyncio.gather(*tasks)
        finally:
            await _ended(tasks)
            self._lanes = set()

    async def _lane(self, model: str, work: deque[int], do: Do) -> None:
        active: dict[asyncio.Task[None], int] = {}
        try:
            while work or active:
                while work and len(active) < self._room(model):
                    number = work.popleft()
                    active[asyncio.create_task(do(number))] = number
                done, _ = await asyncio.wait(active, timeout=_LOOK_S, return_when=asyncio.FIRST_COMPLETED)
                refused = []
                for task in done:
                    number = active.pop(task)
                    try:
                        task.result()
                    except _Busy:
                        refused.append(number)
                if refused:
                    work.extendleft(reversed(refused))
                    await asyncio.sleep(BUSY_S)
        finally:
            await _ended(list(active))

    async def _name(self, model: str) -> str:
        try:
            found = await self._models.find(model)
        except PaddockError:
            return model  # its answers say why
        self._known[model] = found.id
        return found.name or model

    def _instances(self, model: str) -> list[LoadedModel]:
        """Those that answer to ``model``, an id in any case, an identifier or a path."""
        there = self._models.loaded()
        return [loaded for loaded in there if model and model in (loaded.id, loaded.identifier)] or [
            loaded for loaded in there if self._known.get(model, model) == loaded.model
        ]

    def _ready(self, model: str) -> list[LoadedModel]:
        return [loaded for loaded in self._instances(model) if loaded.state == "ready"]

    def _room(self, model: str) -> int:
        # One place stays free: a chat must not wait for the end of somebody's long answer.
        return max(1, sum(map(_places, self._ready(model))) - 1)

    def give_way(self, model: str) -> None:
        """A conversation is going to ask ``model``: where it has a single place, the cell in it waits."""
        asked = self._ready(model)
        if sum(map(_places, asked)) == 1:
            self._interrupt({loaded.id for loaded in asked})

    def make_room(self, instances: Collection[str]) -> None:
        """Somebody who is no batch waits for the memory of these ``instances``: the cells in them wait."""
        self._yields = self._interrupt(instances) or self._yields

    def yielding(self) -> tuple[str, ...]:
        """Ids of the instances that nobody but this batch keeps busy."""
        asked = [loaded.id for run in self._running.values() for loaded in self._instances(run.generation.model)]
        return tuple(
            loaded.id
            for loaded in self._models.loaded()
            if 0 < loaded.active + loaded.queued <= asked.count(loaded.id) and not loaded.pinned
        )

    def _interrupt(self, instances: Collection[str]) -> bool:
        """Stop what is being written by ``instances``, to be asked again later; whether anything is."""
        asked = [
            number
            for number, run in self._running.items()
            if number not in self._given_way
            and any(loaded.id in instances for loaded in self._instances(run.generation.model))
        ]
        self._given_way.update(asked)
        for number in asked:
            self._running[number].cancel()
        return bool(asked)

    # -------------------------------------------------------------- answering

    async def _answer_all(self, waiting: Sequence[int]) -> None:
        panes = [msgspec.structs.replace(pane, id=str(at)) for at, pane in enumerate(self._batch.panes)]
        panes.sort(key=lambda pane: [other.model for other in self._batch.panes].index(pane.model))
        plan = await self._comparing.plan_panes(panes)
        # What does not fit is asked all the same, at the end: the pool says why not, or finds room meanwhile.
        groups = [*plan.groups, *((pane,) for pane in plan.refused)]
        self._plan = plan.sentence if len(groups) > 1 else ""
        self._began, self._finished, self._left = self._clock(), 0, len(waiting)
        for group in groups:
            lanes: dict[str, list[int]] = {}
            for number in waiting:
                _, pane, _ = self._place(number)
                if str(pane) in group:
                    lanes.setdefault(self._batch.panes[pane].model, []).append(number)
            await self._side_by_side(dict(lanes), self._answer)
        self._plan = ""

    def _place(self, number: int) -> tuple[int, int, int]:
        """Prompt, pane and repetition of a cell."""
        rest, repeat = divmod(number, self._batch.repeat)
        prompt, pane = divmod(rest, len(self._batch.panes))
        return prompt, pane, repeat

    async def _answer(self, number: int) -> None:
        at, pane_at, repeat = self._place(number)
        prompt, pane = self._prompts[at], self._batch.panes[pane_at]
        try:
            pictures = await asyncio.to_thread(read_pictures, prompt.images) if prompt.images else ()
        except BadRequest as error:
            failed = BatchCell(prompt=at, pane=pane_at, repeat=repeat, state="failed", error=error.info())
            await self._keep(number, failed)
            return
        request = cell_request(self._fresh_id(number), prompt, pane, repeat, self._system, pictures)
        run, ending = await self._generate(number, request)
        seed = request.sampling.get("seed")
        cell = BatchCell(
            prompt=at,
            pane=pane_at,
            repeat=repeat,
            text=run.text,
            reasoning=run.reasoning,
            seed=seed if isinstance(seed, int) and seed >= 0 else None,
        )
        await self._keep(number, await self._completed(cell, ending, prompt.checks))

    async def _completed(self, cell: BatchCell, ending: Ending, checks: Sequence[Check]) -> BatchCell:
        match ending:
            case Finished():
                results = await asyncio.to_thread(carry_out, checks, cell.text) if checks else ()
                return msgspec.structs.replace(
                    cell,
                    state="done",
                    usage=ending.usage,
                    stats=ending.stats,
                    stop_reason=ending.reason,
                    checks=results,
                    judging=any(check.kind == "judge" for check in checks),
                )
            case Failed(error=error):
                return msgspec.structs.replace(cell, state="failed", error=error)
            case Cancelled():
                stopped = EngineError("The answer was stopped.", hint="Run what failed again.")
                return msgspec.structs.replace(cell, state="failed", error=stopped.info())
            case _:
                assert_never(ending)

    async def _generate(self, number: int, request: GenerateRequest) -> tuple[Run, Ending]:
        """Raises _Busy."""
        try:
            model = await self._models.find(request.model)
        except PaddockError as error:
            found = error.info()
            run = self._start(request, lambda: _failing(request.id, found))
        else:
            run = self._start(request, lambda: self._models.generate(model, request, "sdk"))
        self._running[number] = run
        try:
            ending = await run.wait()
        except asyncio.CancelledError:
            run.cancel()
            await run.wait()
            raise
        finally:
            del self._running[number]
            gave_way = number in self._given_way
            self._given_way.discard(number)
        if gave_way and isinstance(ending, Cancelled):
            raise _Busy
        if isinstance(ending, Failed) and ending.error.code == "host_busy":
            raise _Busy
        return run, ending

    def _start(self, request: GenerateRequest, source: Callable[[], AsyncIterator[GenerationEvent]]) -> Run:
        generation = Generation(id=request.id, model=request.model, client="sdk", started=self._now())
        return self._generations.start(generation, source)

    def _fresh_id(self, number: int) -> str:
        return f"batch-{self._batch.id}-{number}-{uuid.uuid4().hex[:8]}"

    async def _keep(self, number: int, cell: BatchCell) -> None:
        id = self._batch.id
        await self._store.ask(lambda table: table.batches.put(id, number, cell))
        self._finished += 1
        self._left -= 1
        self._yields = False
        batch, done = self._batch, cell.state == "done"
        self._batch = msgspec.structs.replace(
            batch, done=batch.done + done, failed=batch.failed + (not done), to_judge=batch.to_judge + cell.judging
        )

    # -------------------------------------------------------------- judging

    async def _judge_all(self, cells: Sequence[tuple[int, BatchCell]]) -> None:
        """After the answers, so that no judge takes the place of what is judged; one judge after the other."""
        self._began, self._finished, self._left = self._clock(), 0, len(cells)
        waiting = dict(cells)
        judges: dict[str, list[int]] = {}
        for number, cell in waiting.items():
            for model in dict.fromkeys(_judges(self._prompts[cell.prompt])):
                judges.setdefault(model, []).append(number)
        last = {number: model for model, numbers in judges.items() for number in numbers}
        for model, numbers in judges.items():
            await self._side_by_side({model: numbers}, partial(self._judge, waiting, last, model))

    async def _judge(self, waiting: dict[int, BatchCell], last: Mapping[int, str], model: str, number: int) -> None:
        """Have one of the ``waiting`` cells judged by ``model``; it is stored when that is its ``last`` judge."""
        cell = waiting[number]
        prompt, results = self._prompts[cell.prompt], list(cell.checks)
        for at, check in enumerate(prompt.checks):
            if check.kind == "judge" and check.model == model:
                results[at] = await self._verdict(number, check, prompt_text(prompt), cell.text)
        waiting[number] = cell = msgspec.structs.replace(cell, checks=tuple(results), judging=last[number] != model)
        if not cell.judging:
            id = self._batch.id
            await self._store.ask(lambda table: table.batches.put(id, number, cell))
            self._finished += 1
            self._left -= 1
            self._batch = msgspec.structs.replace(self._batch, to_judge=self._batch.to_judge - 1)

    async def _verdict(self, number: int, check: Check, question: str, answer: str) -> CheckResult:
        """What a judge says. One whose reply is no clear verdict is asked once more, for one word without thinking."""
        asked = judge_messages(check.value, question, answer)
        try:
            first = await self._ask_judge(number, check.model, asked)
            said = first.text.strip()
            result = judged(check, said)
            if result.passed is None:
                closing = await self._ask_judge(number, check.model, closing_messages(asked, said), closing=True)
                result = judged(check, said, closing.text)
        except _Unanswered as error:
            return msgspec.structs.replace(judged(check, ""), note=str(error))
        if result.passed is None and first.reasoning and not said:
            return msgspec.structs.replace(result, note=f"The judge was still thinking after {JUDGE_TOKENS:,} tokens.")
        return result

    async def _ask_judge(self, number: int, model: str, messages: tuple[Message, ...], *, closing: bool = False) -> Run:
        """Raises _Unanswered, _Busy."""
        try:
            grammar = self._models.descriptor(await self._models.find(model)).grammar
        except PaddockError:
            grammar = False  # the answer says why
        request = judge_request(self._fresh_id(number), model, messages, grammar=grammar, closing=closing)
        run, ending = await self._generate(number, request)
        if isinstance(ending, Failed):
            raise _Unanswered(f"The judge did not answer: {PaddockError.from_info(ending.error).sentence()}")
        return run


def _places(loaded: LoadedModel) -> int:
    """How many requests it takes at once."""
    number = loaded.options.get("n_parallel")
    return number if isinstance(number, int) else 1


def _judges(prompt: BatchPrompt) -> list[str]:
    return [check.model for check in prompt.checks if check.kind == "judge"]


async def _failing(id: str, error: ErrorInfo) -> AsyncIterator[GenerationEvent]:
    yield Failed(id=id, error=error)


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Stop ``tasks`` and wait until they have. One that is stopping already is not told again: it would no longer wait
    for what it stops itself."""
    for task in tasks:
        if not task.cancelling():
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
