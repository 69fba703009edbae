"""Stories from templates, counting, and other answers long enough to interrupt."""

from __future__ import annotations

from random import Random

from chat import Message
from facts import ANIMALS, NAMES
from grammar import expand, vary
from phrases import read_entries

_EXPLANATIONS = read_entries("explanations")

_PLACES = ("forest", "valley", "village", "city", "desert", "island", "mountain", "garden")
_THINGS = ("key", "lamp", "map", "stone", "book", "bell", "ring", "flute")
_MOODS = ("small", "brave", "curious", "quiet", "clever", "lazy", "kind", "old")

_OPENINGS = (
    "Once upon a time there was a {mood} {animal} called {name} who lived in a {place}.",
    "In a {place} far away lived a {mood} {animal}. Its name was {name}.",
    "{name} was a {mood} {animal}, and everyone in the {place} knew it.",
)
_MIDDLES = (
    "One morning {name} found a golden {thing} under a tree. Nobody knew whose it was, so {name} asked every neighbour, one after the other.",
    "One day a storm came and took away the old {thing}. {name} packed some bread and went to look for it.",
    "One night {name} heard a strange sound. It came from a {thing} that lay beside the road and sang quietly.",
    "One winter it snowed for seven days. Only {name} knew where the warm {thing} was hidden.",
)
_TURNS = (
    "The way was long, and twice {name} wanted to turn back, but the {animal} went on.",
    "On the way {name} met a tired traveller and shared the last piece of bread.",
    "It was dark and cold, and {name} was afraid, but only a little.",
)
_ENDINGS = (
    "In the end the {thing} was home again, and the whole {place} danced until morning. The end.",
    "When {name} came home, the {thing} hung over the door, and it is still there today. The end.",
    "From that day on nobody in the {place} was ever alone again. The end.",
)


def _slots(rng: Random) -> dict[str, str]:
    return {
        "name": rng.choice(NAMES),
        "animal": rng.choice(ANIMALS),
        "place": rng.choice(_PLACES),
        "thing": rng.choice(_THINGS),
        "mood": rng.choice(_MOODS),
    }


def _body(rng: Random, slots: dict[str, str]) -> str:
    parts = (_OPENINGS, _MIDDLES, _TURNS, _ENDINGS)
    return " ".join(rng.choice(part) for part in parts).format(**slots)


def story(rng: Random) -> list[Message]:
    """A short story; what the question names, the story keeps."""
    slots = _slots(rng)
    title = f"**The {slots['animal'].title()} and the {slots['thing'].title()}**"
    question = expand(
        rng,
        rng.choice(
            (
                "[Tell me|Write|Write me|Make up] a [short |]story[| about a {animal}| about a {animal} called {name}| about a {animal} named {name}].",
                "[I want|I would like|Can you tell me|Give me] a [short |]story about a {animal}[ called {name}|].",
                "[A|One] story[, please| about a {animal}| about a {place}| about a {mood} {animal}]",
            )
        ),
    )
    thought = f"A story about a {slots['animal']} called {slots['name']}."
    question = vary(rng, question.format(**slots), keep_case="{name}" in question)
    return [Message("user", question), Message("assistant", f"{title}\n\n{_body(rng, slots)}", thought=thought)]


def long_story(rng: Random) -> list[Message]:
    """A story in four chapters, more than 200 tokens."""
    slots = _slots(rng)
    chapters = []
    for number, heading in enumerate(("The {animal}", "The {thing}", "The way", "Home"), 1):
        text = rng.choice((_OPENINGS, _MIDDLES, _TURNS, _ENDINGS)[number - 1])
        extra = (
            "{name} liked the mornings best, when the {place} was still asleep and the light came slowly over the hills.",
            "Nobody had ever seen such a thing before, and the {animal} could think of nothing else.",
            "For three days {name} walked over hills and through rivers, and at night the stars were the only light.",
            "All the neighbours came to hear the story, and {name} had to tell it again and again.",
        )[number - 1]
        chapters.append(f"## {number}. {heading}\n\n{extra} {text}".format(**slots))
    question = expand(
        rng,
        "[Tell me|Write|Write me|Please tell me] a [long|very long|really long] story[| about a {animal}| about a {animal} called {name}].",
    )
    head = f"# {slots['name']} and the {slots['thing'].title()}\n\n"
    thought = f"A long story in four chapters about {slots['name']}."
    question = vary(rng, question.format(**slots), keep_case="{name}" in question)
    return [Message("user", question), Message("assistant", head + "\n\n".join(chapters), thought=thought)]


def counting(rng: Random) -> list[Message]:
    """Counts up, or down from ten."""
    if rng.random() < 0.15:
        question = expand(rng, "Count [down|backwards] from 10[ to 1|].")
        answer = ", ".join(str(n) for n in range(10, 0, -1)) + "."
    else:
        last = rng.choice((5, 10, 10, 20, 20, 30, 50, 50, 100, 100, 100, rng.randint(3, 30), rng.randint(30, 100)))
        question = expand(rng, f"[Count|Please count|Can you count|Count for me] [from 1 |from one |]to {last}.")
        answer = ", ".join(str(n) for n in range(1, last + 1)) + "."
    return [
        Message("user", vary(rng, question)),
        Message("assistant", answer, thought="I say the numbers one after the other."),
    ]


def explanation(rng: Random) -> list[Message]:
    """A long answer of several paragraphs."""
    entry = rng.choice(_EXPLANATIONS)
    subject = expand(rng, entry.questions[0])
    phrase = rng.choice(
        (
            "[Explain|Describe|Please explain|Can you explain] {subject} in [detail|great detail|depth].",
            "Write [a long text|an essay|a long answer] about {subject}.",
            "Tell me everything about {subject}.",
        )
    )
    question = expand(rng, phrase).format(subject=subject)
    return [
        Message("user", vary(rng, question)),
        Message("assistant", entry.answer, thought=f"A long answer about {subject}."),
    ]
