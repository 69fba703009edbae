"""Phrases with alternatives, and the small ways in which people type them differently."""

from __future__ import annotations

import re
from random import Random

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_OPENERS = (
    "Hey, ",
    "Hi! ",
    "Please ",
    "Quick question: ",
    "Can you tell me: ",
    "Hello, ",
    "So, ",
    "Ok, ",
    "And ",
    "Tell me, ",
)
_CLOSERS = (" Thanks!", " please", ", please", " Thank you.")


def expand(rng: Random, phrase: str) -> str:
    """Chooses one alternative of every `[a|b|c]`, innermost first."""
    while _CHOICE.search(phrase):
        phrase = _CHOICE.sub(lambda found: rng.choice(found.group(1).split("|")), phrase)
    return phrase


def vary(rng: Random, question: str, *, keep_case: bool = False) -> str:
    """Types a question as somebody in a hurry might: less punctuation, lower case, a greeting in front.

    Args:
        rng: Source of the choices.
        question: A well-formed question.
        keep_case: Leaves capitals alone, for questions whose words the answer must repeat.
    """
    if rng.random() < 0.16:
        opener = rng.choice(_OPENERS)
        question = opener + (question if keep_case else question[0].lower() + question[1:])
    dice = rng.random()
    if dice < 0.25:
        question = question.rstrip("?.!")
    elif dice < 0.30:
        question = question.rstrip(".!") + rng.choice(_CLOSERS)
    elif dice < 0.33:
        question = question.rstrip("?.!") + rng.choice(("!", "??", " ?", "..."))
    if not keep_case and rng.random() < 0.22:
        question = question.lower()
    return question
