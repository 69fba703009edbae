"""Models compared in one conversation: panes, one question to all of them, votes, the leaderboard."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from paddock.sdk.compare import (
    AskPanes,
    ComparePlan,
    Contestant,
    Standing,
    StandingsBy,
    Vote,
    VoteRequest,
    can_be_voted_on,
)
from paddock.sdk.errors import BadRequest, HostBusy, PaddockError
from paddock.sdk.memory import EstimateRequest
from paddock.sdk.types import Chat, ChatMessage, ChatSummary, Pane, SendRequest
from paddock.server.chat_pictures import received
from paddock.server.chat_texts import question_title
from paddock.server.compare_plan import Need, plan
from paddock.server.standings import standings

if TYPE_CHECKING:
    from paddock.sdk.host import Generation, Settings
    from paddock.sdk.pictures import Picture
    from paddock.server.chats import ChatStore
    from paddock.server.conversations import Conversations
    from paddock.server.generations import Generations
    from paddock.server.memory import Memory
    from paddock.server.models import Models


class Comparing:
    """Lives on the host's loop. ``clock`` gives Unix seconds."""

    def __init__(
        self,
        store: ChatStore,
        conversations: Conversations,
        generations: Generations,
        models: Models,
        memory: Memory,
        *,
        settings: Callable[[], Settings],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._conversations = conversations
        self._generations = generations
        self._models = models
        self._memory = memory
        self._settings = settings
        self._clock = clock
        self._asking: set[str] = set()
        """Panes whose answers are about to begin."""

    async def set_panes(self, chat_id: str, panes: Sequence[Pane]) -> Chat:
        """Raises ChatNotFound, BadRequest, what a pane's sampling is refused with, HostBusy while a pane that would go
        is being answered."""
        await self._store.ask(lambda table: table.summary(chat_id))
        panes = [msgspec.structs.replace(pane, model=self._models.kept_name(pane.model)) for pane in panes]
        kept = {pane.id for pane in panes}
        if any(run.generation.pane not in kept for run in self._generations.all_of_chat(chat_id)):
            raise HostBusy("This conversation is being answered.", hint="Stop the answers or wait for their end.")
        await self._store.ask(lambda table: table.panes.put(chat_id, panes))
        return await self._conversations.told(chat_id)

    async def adopt(self, chat_id: str, pane: str) -> Chat:
        """Raises ChatNotFound, BadRequest, HostBusy."""
        if self._generations.of_chat(chat_id) is not None:
            raise HostBusy("This conversation is being answered.", hint="Stop the answers or wait for their end.")
        await self._store.ask(lambda table: table.panes.adopt(chat_id, pane))
        return await self._conversations.told(chat_id)

    async def plan(self, chat_id: str) -> ComparePlan:
        """Whether the panes run side by side. Raises ChatNotFound."""
        chat = await self._conversations.get(chat_id)
        return await self.plan_panes(chat.panes, chat.summary.model)

    async def plan_panes(self, panes: Sequence[Pane], model: str = "") -> ComparePlan:
        """Whether ``panes`` run side by side; those without a model take ``model``, else the settings' default."""
        needs = [await self._need(pane, pane.model or model or self._settings().default_model) for pane in panes]
        state = await self._memory.state()
        free = {device.device.name: device.free for device in state.devices}
        for instance in (*self._models.pool.evictable(), *self._models.yielding()):
            for device in free:
                free[device] += self._memory.ledger.held(instance, device)
        return plan(needs, free)

    async def _need(self, pane: Pane, name: str) -> Need:
        try:
            model = await self._models.find(name)
            estimate = await self._memory.estimate(EstimateRequest(model=model.id, quick=True))
        except PaddockError as error:
            return Need(pane.id, name, name, {}, refusal=error.sentence())
        refusal = estimate.sentence if estimate.verdict == "does_not_fit" else ""
        return Need(pane.id, model.id, model.name, {d.name: d.bytes for d in estimate.devices}, refusal)

    # -------------------------------------------------------------- asking

    async def ask(self, chat_id: str, request: AskPanes, client: str) -> list[Generation]:
        """Store the question and begin an answer in each pane; all go on whoever listens.

        Raises ChatNotFound, BadRequest, HostBusy for a pane that is being answered, StorageFailed.
        """
        chat = await self._conversations.get(chat_id)
        panes = _chosen(chat, request.panes)
        wanted = {pane.id for pane in panes}
        if wanted & ({run.generation.pane for run in self._generations.all_of_chat(chat_id)} | self._asking):
            raise HostBusy("These panes are being answered.", hint="Stop the answers or wait for their end.")
        self._asking |= wanted
        try:
            return await self._ask(chat, panes, request, client)
        finally:
            self._asking -= wanted

    async def _ask(self, chat: Chat, panes: Sequence[Pane], request: AskPanes, client: str) -> list[Generation]:
        chat_id = chat.summary.id
        if request.go_on:
            return await self._go_on(chat, panes, request, client)
        questions = self._again(chat, panes, request) if request.turn else await self._asked(chat, panes, request)
        answers = [self._answer(chat.summary, pane, questions[pane.id]) for pane in panes]
        fresh = {question.id: question for question in questions.values() if question.created == 0.0}
        now = self._clock()
        stored = [msgspec.structs.replace(question, created=now) for question in fresh.values()]
        leaves = {answer.pane: answer.id for answer in answers}
        title = question_title(next(iter(questions.values())))
        await self._store.ask(lambda table: table.append_to_panes(chat_id, [*stored, *answers], leaves, title, now))
        runs = [
            self._conversations.begin(_as_pane(chat.summary, pane), answer, _settings_of(pane), client)
            for pane, answer in zip(panes, answers, strict=True)
        ]
        await self._conversations.told(chat_id)
        return [run.generation for run in runs]

    async def _go_on(self, chat: Chat, panes: Sequence[Pane], request: AskPanes, client: str) -> list[Generation]:
        if request.content is not None or request.turn:
            raise BadRequest("This cannot be continued.", hint="Name panes, and nothing else.")
        answers = [_last_answer(chat, pane.id) for pane in panes]
        runs = [
            await self._conversations.go_on(_as_pane(chat.summary, pane), answer, _settings_of(pane), client)
            for pane, answer in zip(panes, answers, strict=True)
        ]
        await self._conversations.told(chat.summary.id)
        return [run.generation for run in runs]

    async def _asked(self, chat: Chat, panes: Sequence[Pane], request: AskPanes) -> dict[str, ChatMessage]:
        """A new question for each pane; panes that have come to the same place share one."""
        if request.content is None:
            raise BadRequest("There is nothing to answer.", hint="Give “content” or “turn”.")
        placed = await self._store.ask(lambda table: table.panes.of(chat.summary.id))
        leaves = {pane.id: leaf for pane, leaf in placed}
        turn, pictures = uuid.uuid4().hex, received(request.pictures)
        by_leaf: dict[str | None, ChatMessage] = {}
        for pane in panes:
            leaf = leaves[pane.id]
            question = _question(chat.summary.id, leaf, request.content, pictures, turn, first=not by_leaf)
            by_leaf.setdefault(leaf, question)
        return {pane.id: by_leaf[leaves[pane.id]] for pane in panes}

    def _again(self, chat: Chat, panes: Sequence[Pane], request: AskPanes) -> dict[str, ChatMessage]:
        """The question ``turn`` of each pane, or with new words a version of it."""
        found = {}
        edited: dict[str | None, ChatMessage] = {}
        turn, pictures = uuid.uuid4().hex, received(request.pictures)
        for pane in panes:
            asked = next((m for m in chat.paths[pane.id] if m.role == "user" and m.turn == request.turn), None)
            if asked is None:
                raise BadRequest("A pane does not have this question.", hint="Ask it anew, or leave the pane out.")
            if request.content is not None:
                shown = pictures or asked.pictures
                new = _question(chat.summary.id, asked.parent, request.content, shown, turn, first=not edited)
                asked = edited.setdefault(asked.parent, new)
            found[pane.id] = asked
        return found

    def _answer(self, chat: ChatSummary, pane: Pane, question: ChatMessage) -> ChatMessage:
        return ChatMessage(
            id=uuid.uuid4().hex,
            chat_id=chat.id,
            parent=question.id,
            role="assistant",
            content="",
            model=self._models.kept_name(pane.model or chat.model or self._settings().default_model),
            state="generating",
            created=self._clock(),
            pane=pane.id,
            turn=question.turn or question.id,
        )

    # -------------------------------------------------------------- votes

    async def vote(self, request: VoteRequest) -> Vote:
        """Raises ChatNotFound, and BadRequest for a question or a pane that there is not, or an answer that failed."""
        chat = await self._conversations.get(request.chat)
        answers = {pane.id: answer for pane in chat.panes if (answer := _answer_to(chat, pane, request.turn))}
        judged = [pane for pane in chat.panes if pane.id in answers and can_be_voted_on(answers[pane.id])]
        if len(judged) < 2:
            raise BadRequest("There are no two answers to this question.", hint="Vote on a question of a comparison.")
        named = {pane.id for pane in judged}
        if request.outcome == "pane" and request.pane in answers and request.pane not in named:
            raise BadRequest("This pane has not answered.", hint="Name one whose answer did not fail.")
        if (request.outcome == "pane") != (request.pane in named):
            raise BadRequest("This is not one of the panes.", hint="Name the better pane, or none for a tie.")
        contestants = [await self._contestant(chat, pane, answers[pane.id]) for pane in judged]
        vote = Vote(
            id=uuid.uuid4().hex,
            chat=request.chat,
            turn=request.turn,
            outcome=request.outcome,
            pane=request.pane,
            blind=request.blind,
            contestants=tuple(contestants),
            tags=chat.summary.tags,
            created=self._clock(),
        )
        return await self._store.ask(lambda table: table.panes.vote(vote))

    async def votes(self, chat_id: str = "") -> list[Vote]:
        return await self._store.ask(lambda table: table.panes.votes(chat_id))

    async def take_back(self, vote_id: str) -> None:
        """Raises NotFound."""
        await self._store.ask(lambda table: table.panes.take_back(vote_id))

    async def leaderboard(self, by: StandingsBy, tag: str = "") -> list[Standing]:
        """By all votes, or by those on conversations with ``tag``."""
        votes = await self.votes()
        return standings([vote for vote in votes if not tag or tag in vote.tags], by)

    async def _contestant(self, chat: Chat, pane: Pane, answer: ChatMessage) -> Contestant:
        model = answer.model or pane.model or chat.summary.model
        try:
            quant = (await self._models.find(model)).quant
        except PaddockError:
            quant = ""  # its file has gone meanwhile
        system = chat.summary.system if pane.system is None else pane.system
        return Contestant(pane=pane.id, model=model, quant=quant, sampling=pane.sampling, system=system)


def _chosen(chat: Chat, ids: Sequence[str]) -> list[Pane]:
    if not chat.panes:
        raise BadRequest("Nothing is compared in this conversation.", hint="Give it panes first.")
    if not set(ids) <= {pane.id for pane in chat.panes}:
        raise BadRequest("This conversation has no such pane.", hint="Read the conversation again.")
    return [pane for pane in chat.panes if not ids or pane.id in ids]


def _answer_to(chat: Chat, pane: Pane, turn: str) -> ChatMessage | None:
    """What a pane has answered to the question ``turn``; what was put in by hand where no model has."""
    found = [m for m in reversed(chat.paths[pane.id]) if m.turn == turn and m.role == "assistant"]
    return next((message for message in found if message.model), found[0] if found else None)


def _last_answer(chat: Chat, pane: str) -> ChatMessage:
    """The answer that a pane ends with, and no other. Raises BadRequest."""
    last = chat.paths[pane][-1] if chat.paths[pane] else None
    if last is None or last.role != "assistant":
        raise BadRequest("This pane does not end with an answer.", hint="Ask it something.")
    if sum(any(message.id == last.id for message in path) for path in chat.paths.values()) > 1:
        raise BadRequest("Several panes go on from this answer.", hint="Make it again in one of them.")
    return msgspec.structs.replace(last, pane=pane)


def _question(
    chat_id: str, parent: str | None, content: str, pictures: tuple[Picture, ...], turn: str, *, first: bool
) -> ChatMessage:
    """``created`` is set when it is stored. The first copy of a question gives it its ``turn``."""
    return ChatMessage(
        id=turn if first else uuid.uuid4().hex,
        chat_id=chat_id,
        parent=parent,
        role="user",
        content=content,
        pictures=pictures,
        turn=turn,
    )


def _as_pane(chat: ChatSummary, pane: Pane) -> ChatSummary:
    """The conversation as the pane has it."""
    return msgspec.structs.replace(
        chat,
        model=pane.model or chat.model,
        system=chat.system if pane.system is None else pane.system,
        sampling={**chat.sampling, **pane.sampling},
    )


def _settings_of(pane: Pane) -> SendRequest:
    return SendRequest(stop=pane.stop, max_tokens=pane.max_tokens, reasoning=pane.reasoning)
