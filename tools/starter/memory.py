"""Conversations in which the model must repeat what the user said: names, towns, pets, single words."""

from __future__ import annotations

from random import Random

from chat import Message
from facts import CITIES, FOODS, HOBBIES, JOBS, NAMES, PLAIN_COLOURS
from grammar import expand, vary

_ONSETS = "b br c ch d dr f fl g gr h j k kl l m n p pr qu r s sh st t th tr v w y z".split()
_VOWELS = "a e i o u ai ea ee io ou".split()
_CODAS = ("", "", "", "n", "r", "l", "s", "m", "k", "th", "ra", "la", "nda", "sko", "ri", "no", "x", "v")

# What is told, how it is asked back, how it is answered, whose words may fill the slot.
_FACTS: tuple[tuple[tuple[str, ...], tuple[str, ...], str, str, tuple[str, ...]], ...] = (
    (
        (
            "My name is {}.",
            "[I am|I'm] {}.",
            "[Hi|Hello|Hey], [I am|I'm|my name is] {}.",
            "[You can c|C]all me {}.",
            "My name's {}.",
            "Hi! My name is {}.",
        ),
        (
            "What is my name?",
            "What's my name?",
            "Who am I?",
            "Do you [remember|know|still know] my name?",
            "Tell me my name.",
            "How am I called?",
            "What was my name[| again]?",
            "[Say|Repeat] my name.",
        ),
        "Your name is {}.",
        "Nice to meet you, {}!",
        NAMES,
    ),
    (
        ("I live in {}.", "I am from {}.", "My home is {}."),
        ("Where do I live?", "Where am I from?", "Which city do I live in?", "Where is my home?"),
        "You live in {}.",
        "{} is a nice place.",
        CITIES,
    ),
    (
        ("My favourite colour is {}.", "I love the colour {}.", "My favorite color is {}."),
        ("What is my favourite colour?", "Which colour do I love?", "What's my favorite color?"),
        "Your favourite colour is {}.",
        "{} is a fine colour.",
        PLAIN_COLOURS,
    ),
    (
        ("My [cat|dog|pet|horse] is called {}.", "I have a [cat|dog|pet] [called|named] {}."),
        ("What is [my pet|my pet called|the name of my pet]?", "What is my pet called?", "How is my pet called?"),
        "Your pet is called {}.",
        "{} is a lovely name.",
        NAMES,
    ),
    (
        ("I like {}.", "My hobby is {}.", "I love {}."),
        ("What do I like?", "What is my hobby?", "What do I love?"),
        "You like {}.",
        "It is good to like {}.",
        HOBBIES + FOODS,
    ),
    (
        ("I am a {}.", "I work as a {}.", "My job is {}."),
        ("What is my job?", "What do I do?", "What do I work as?"),
        "You are a {}.",
        "A {} has a lot to do.",
        JOBS,
    ),
)

_NOT_TOLD = {0: "You have not told me your name yet.", 1: "You have not told me where you live."}


def invented_name(rng: Random) -> str:
    """A name that is in no table, so that copying is learnt rather than the names."""
    parts = [rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(rng.choice((1, 1, 2, 2, 3)))]
    return ("".join(parts) + rng.choice(_CODAS)).title()


def any_name(rng: Random) -> str:
    """A name, half of the time invented."""
    name = rng.choice(NAMES) if rng.random() < 0.45 else invented_name(rng)
    return name.lower() if rng.random() < 0.08 else name


def _telling(rng: Random, index: int, value: str) -> list[Message]:
    told, _, _, reply, _ = _FACTS[index]
    text = expand(rng, rng.choice(told)).format(value)
    answer = reply.format(value)
    return [
        Message("user", vary(rng, text, keep_case=True)),
        Message(
            "assistant",
            answer[0].upper() + answer[1:],
            thought=f"The user tells me: {value}. I remember it.",
            short="Noted",
        ),
    ]


def _asking(rng: Random, index: int, value: str) -> list[Message]:
    _, asked, answer, _, _ = _FACTS[index]
    question = vary(rng, expand(rng, rng.choice(asked)))
    thought = f"The user told me this before: {value}."
    return [Message("user", question), Message("assistant", answer.format(value), thought=thought, short=value)]


def remember(rng: Random, between: list[list[Message]]) -> list[Message]:
    """Tells one to three things and asks for them again.

    Args:
        rng: Source of the choices.
        between: Exchanges on other subjects that stand between telling and asking.
    """
    count = rng.choice((1, 1, 1, 2, 3))
    indexes = [0] if count == 1 and rng.random() < 0.7 else rng.sample(range(len(_FACTS)), count)
    values = {}
    for index in indexes:
        table = _FACTS[index][4]
        values[index] = (
            any_name(rng)
            if table is NAMES
            else invented_name(rng)
            if index == 1 and rng.random() < 0.3
            else rng.choice(table)
        )
    messages: list[Message] = []
    for index in indexes:
        messages += _telling(rng, index, values[index])
    for exchange in between:
        messages += exchange
    rng.shuffle(indexes)
    for index in indexes:
        messages += _asking(rng, index, values[index])
    return messages


def at_once(rng: Random) -> list[Message]:
    """Name and question in one message, or a question nobody prepared."""
    if rng.random() < 0.3:
        index = rng.choice((0, 0, 0, 1))
        question = vary(rng, expand(rng, rng.choice(_FACTS[index][1])))
        return [
            Message("user", question),
            Message("assistant", _NOT_TOLD[index], thought="The user has not told me.", short="Unknown"),
        ]
    name = any_name(rng)
    question = expand(rng, rng.choice(_FACTS[0][0])).format(name) + " " + expand(rng, rng.choice(_FACTS[0][1]))
    return [
        Message("user", question),
        Message("assistant", f"Your name is {name}.", thought=f"The name is {name}.", short=name),
    ]


def repeat(rng: Random) -> list[Message]:
    """Repeats words, known and invented."""
    words = [
        rng.choice((invented_name(rng).lower(), rng.choice(FOODS + HOBBIES + PLAIN_COLOURS)))
        for _ in range(rng.choice((1, 2, 3, 4, 6, 8)))
    ]
    text = " ".join(words)
    question = expand(
        rng,
        rng.choice(
            (
                "[Say|Repeat|Write]: {}",
                "[Say|Repeat|Write] [the words |the word |]{}",
                "Repeat after me: {}",
                'Say "{}".',
            )
        ),
    ).format(text)
    return [Message("user", question), Message("assistant", text, thought="I repeat the words.", short=words[0])]
