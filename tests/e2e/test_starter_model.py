"""The starter model answers its fixed questions, greedily, through the whole program."""

from __future__ import annotations

import json
import re
from pathlib import Path

from paddock.sdk.types import Message, Tool, ToolCall

QUESTIONS = json.loads((Path(__file__).parent.parent / "data" / "starter_questions.json").read_text("utf-8"))
MUST = 45


def message(given: dict[str, object]) -> Message:
    """A message in OpenAI's form as ours."""
    calls = (ToolCall(id=call["id"], **call["function"]) for call in given.get("tool_calls", ()))
    return Message(**{**given, "tool_calls": tuple(calls)})


def right(expected: object, answer: object) -> bool:
    text = answer.text.strip()
    if isinstance(expected, str):
        return re.search(expected, text) is not None
    if "json" in expected:
        try:
            return json.loads(text) == expected["json"]
        except ValueError:
            return False
    calls = [(call.name, json.loads(call.arguments)) for call in answer.tool_calls]
    wanted = expected["tool_call"]
    return calls == [(wanted["name"], wanted["arguments"])]


def test_at_least_45_of_the_50_fixed_questions_are_answered(shared):
    wrong = []
    with shared.client() as client:
        for question in QUESTIONS:
            answer = client.respond(
                [message(given) for given in question["messages"]],
                model="paddock/starter",
                tools=tuple(Tool(**tool["function"]) for tool in question.get("tools", ())),
                reasoning=question.get("enable_thinking", False),
                temperature=0.0,
                max_tokens=400,
            )
            if not right(question["expect"], answer):
                wrong.append((question["id"], answer.text, answer.tool_calls))
    assert len(QUESTIONS) == 50
    assert len(QUESTIONS) - len(wrong) >= MUST, wrong


def test_thinking_arrives_apart_from_the_answer(shared):
    with shared.client() as client:
        answer = client.respond("What is 3 + 4?", model="paddock/starter", reasoning=True, temperature=0.0)
    assert answer.reasoning.strip()
    assert "think>" not in answer.text
    assert "7" in answer.text
