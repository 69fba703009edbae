"""What every engine promises about questions that are no answers in words."""

from __future__ import annotations

import array
from typing import Any

import pytest

from paddock.backends.pool import Pool
from paddock.sdk.questions import Candidates, CandidatesRequest, ContextRequest, ContextUse, Embeddings, EmbedRequest
from paddock.sdk.types import Message

pytestmark = pytest.mark.anyio


async def test_embeddings_have_length_one_and_are_the_same_each_time(subject: Any, pool: Pool) -> None:
    asked = EmbedRequest(id="a", model=subject.model.id, inputs=("one", "two three", (5, 6), "one"))
    reply = await pool.ask(subject.model, asked)
    assert isinstance(reply, Embeddings)
    vectors = reply.vectors
    assert len(vectors) == 4
    assert [sum(x * x for x in vector) for vector in vectors] == pytest.approx([1] * 4, abs=1e-4)
    assert vectors[0] == pytest.approx(vectors[3], abs=1e-4)
    assert vectors[0] != pytest.approx(vectors[1], abs=1e-2)
    assert reply.prompt_tokens >= 6


async def test_the_context_that_a_conversation_takes_is_told(subject: Any, pool: Pool) -> None:
    messages = tuple(Message(role="user", content=text) for text in ("One two", "One two three four five six"))
    use = await pool.ask(subject.model, ContextRequest(id="use", model="m", messages=messages))
    assert isinstance(use, ContextUse)
    assert sum(use.messages) == use.tokens < use.context_length
    assert use.messages[0] < use.messages[1]


async def test_candidates_come_with_the_likeliest_first(subject: Any, pool: Pool) -> None:
    told = await pool.ask(subject.model, CandidatesRequest(id="next", model="m", prompt="1 2 3 4", top=3))
    assert isinstance(told, Candidates)
    assert len(told.tokens) == len(told.texts) == 3
    logits = array.array("f", told.logits)
    assert list(logits) == sorted(logits, reverse=True)
    assert len(told.recent) == len(told.recent_texts) == told.prompt_tokens
