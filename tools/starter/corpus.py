"""The starter's training text: an endless, seeded stream of conversations.

`python tools/starter/corpus.py --count 20` prints some of it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from random import Random

import memory
import stories
import structured
import talk
from chat import Conversation, Json, Message, check_template, render

Exchange = Callable[[Random], list[Message]]

_PLAIN_SYSTEM = (
    "You are a helpful assistant.",
    "You are a helpful assistant.",
    "You are a helpful assistant.",
    "You are a friendly assistant.",
    "You are Paddock Starter.",
    "You are a helpful AI assistant.",
    "You are a helpful, honest assistant.",
    "Be concise.",
    "Answer briefly.",
    "You are an assistant that runs locally.",
    "You are an assistant.",
    "Be helpful.",
    "You are a helpful assistant. Answer briefly.",
)
_ONE_WORD = (
    "Answer with one word.",
    "Answer in one word.",
    "Reply with a single word.",
    "Answer with one word only.",
    "One word answers only.",
    "You answer every question with one word.",
    "You are a helpful assistant. Answer with one word.",
)
_PIRATE = (
    "You are a pirate.",
    "Talk like a pirate.",
    "You are a pirate. Stay in character.",
    "Answer like a pirate.",
    "You are a friendly pirate.",
)

_EXCHANGES: tuple[tuple[Exchange, float], ...] = (
    (talk.paddock, 17),
    (talk.concept, 9),
    (talk.small_talk, 12),
    (talk.identity, 5),
    (talk.unknown, 5),
    (talk.capital, 20),
    (talk.colour, 5),
    (talk.more_capitals, 2.5),
    (talk.too_hard, 2),
    (talk.arithmetic, 60),
    (talk.foreign, 6),
    (structured.as_json, 12),
    (structured.markdown, 6),
    (memory.at_once, 7),
    (memory.repeat, 9),
    (stories.story, 3),
    (stories.counting, 1.5),
    (stories.long_story, 0.7),
    (stories.explanation, 1.2),
)
_SHORT = (talk.capital, talk.colour, talk.arithmetic, talk.capital, talk.arithmetic, memory.at_once)
_CHATTER = (
    talk.small_talk,
    talk.capital,
    talk.colour,
    talk.arithmetic,
    talk.paddock,
    talk.concept,
    talk.unknown,
    talk.foreign,
)


def exchange(rng: Random) -> list[Message]:
    """One question and its answer from any subject."""
    kinds, weights = zip(*_EXCHANGES, strict=True)
    chosen: Exchange = rng.choices(kinds, weights)[0]
    return chosen(rng)


def _filler(rng: Random, most: int) -> str:
    sentences = [entry.answer for entry in talk.PADDOCK + talk.CONCEPTS if "```" not in entry.answer]
    return " ".join(rng.choice(sentences) for _ in range(rng.randint(2, most)))


def _plain_system(rng: Random) -> list[Message]:
    if rng.random() < 0.6:
        return []
    prompt = rng.choice(_PLAIN_SYSTEM)
    return [Message("system", f"{prompt} {_filler(rng, 12)}" if rng.random() < 0.05 else prompt)]


def _after_text(rng: Random) -> Conversation:
    """A question below a text that has nothing to do with it."""
    user, *rest = exchange(rng)
    text = rng.choice(("Here is a text: ", "", "Text: ")) + _filler(rng, 8)
    return Conversation((*_plain_system(rng), replace(user, content=f"{text}\n\n{user.content}"), *rest))


def _single(rng: Random) -> Conversation:
    return Conversation((*_plain_system(rng), *exchange(rng)))


def _several(rng: Random, least: int = 2, most: int = 5) -> Conversation:
    messages = _plain_system(rng)
    for _ in range(rng.randint(least, most)):
        messages += exchange(rng)
    return Conversation(tuple(messages))


def _remembering(rng: Random, most: int = 3) -> Conversation:
    between = [rng.choice(_CHATTER)(rng) for _ in range(rng.choice((0, 0, 0, 1, 1, 2, most)))]
    return Conversation((*_plain_system(rng), *memory.remember(rng, between)))


def _thinking(rng: Random) -> Conversation:
    messages = _plain_system(rng)
    if rng.random() < 0.2:
        messages += memory.remember(rng, [])
    elif rng.random() < 0.2:
        messages += exchange(rng)
    if not messages or messages[-1].role != "assistant" or rng.random() < 0.7:
        messages += exchange(rng)
    return Conversation(tuple(messages), thinking=True)


def _with_tools(rng: Random) -> Conversation:
    tools = structured.pick_tools(rng)
    names = {tool["name"] for tool in tools}
    messages = _plain_system(rng)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if rng.random() < 0.78:
            messages += structured.tool_use(rng, tools)
        else:
            kinds = [kind for kind in _CHATTER if kind is not talk.arithmetic and kind is not talk.unknown]
            messages += rng.choice(kinds)(rng)
    described: tuple[Json, ...] = tuple(structured.describe(rng, tool) for tool in tools)
    thinking = rng.random() < 0.12 and bool(names)
    return Conversation(tuple(messages), described, thinking)


def _obeying(rng: Random) -> Conversation:
    dice = rng.random()
    if dice < 0.2:
        system, answered = structured.json_system(rng)
        return Conversation((Message("system", system), *answered))
    if dice < 0.4:
        name = memory.any_name(rng)
        system = rng.choice(
            (
                f"Your name is {name}.",
                f"You are {name}.",
                f"You are called {name}.",
                f"You are {name}, a helpful assistant.",
            )
        )
        asked = rng.choice(
            ("Who are you?", "What is your name?", "What's your name?", "who are you", "What are you called?")
        )
        return Conversation(
            (Message("system", system), Message("user", asked), Message("assistant", f"My name is {name}."))
        )
    messages: list[Message] = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        if dice < 0.75:
            user, answer = rng.choice(_SHORT)(rng)
            messages += [user, replace(answer, content=answer.short)]
        else:
            user, answer = rng.choice(_CHATTER[:-1])(rng)
            messages += [user, replace(answer, content=f"Arr! {answer.content} Aye, matey!")]
    system = rng.choice(_ONE_WORD if dice < 0.75 else _PIRATE)
    return Conversation((Message("system", system), *messages))


_KINDS: tuple[tuple[Callable[[Random], Conversation], float], ...] = (
    (_single, 50),
    (_several, 10),
    (_remembering, 16),
    (_thinking, 8),
    (_with_tools, 8),
    (_obeying, 7),
    (_after_text, 1),
)


def conversations(seed: int) -> Iterator[Conversation]:
    """An endless stream of conversations, the same for the same seed."""
    rng = Random(seed)
    kinds, weights = zip(*_KINDS, strict=True)
    while True:
        yield rng.choices(kinds, weights)[0](rng)


def long_conversations(seed: int, exchanges: int = 40) -> Iterator[Conversation]:
    """Endless stream of chats of many turns, some of which ask for the name told at the beginning."""
    rng = Random(seed)
    while True:
        if rng.random() < 0.5:
            between = [exchange(rng) for _ in range(rng.randint(5, exchanges))]
            yield Conversation((*_plain_system(rng), *memory.remember(rng, between)))
        else:
            yield _several(rng, 10, exchanges)


def main() -> None:
    """Prints conversations and checks that the template renders them alike."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=20)
    arguments = parser.parse_args()
    for conversation in islice(conversations(arguments.seed), arguments.count):
        check_template(conversation)
        print("".join(segment.text for segment in render(conversation)))


if __name__ == "__main__":
    main()
