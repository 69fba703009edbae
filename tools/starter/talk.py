"""Single questions with one answer: small talk, facts, arithmetic, foreign words, and honest ignorance."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from chat import Message
from facts import CAPITALS, COLOURS, EMOJI, HELLO, THANKS, WELL_KNOWN
from grammar import expand, vary
from phrases import Entry, read_entries

NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
).split()

PADDOCK = read_entries("paddock")
CONCEPTS = read_entries("concepts")
_SMALL_TALK = read_entries("small_talk")
_UNKNOWN = read_entries("unknown")[0]
_LARGE_SUM_ANSWER = (
    "These numbers are too large for me. I am a small demonstration model and know sums with numbers to 20."
)
_NOWHERE = (
    "Atlantis",
    "Narnia",
    "Utopia",
    "Wakanda",
    "Mars",
    "Mordor",
    "Genovia",
    "Freedonia",
    "the moon",
    "Antarctica",
)
_MORE = (
    "And of {country}?",
    "And {country}?",
    "What about {country}?",
    "And what about {country}?",
    "And for {country}?",
    "And the capital of {country}?",
)

_CAPITAL_QUESTIONS = (
    "[What is|What's|Tell me|Name|Do you know] the capital[| city] of {country}?",
    "[What is|What's] the capital of {country}?",
    "[Which|What] city is the capital of {country}?",
    "{country}'s capital?",
    "Capital of {country}?",
    "The capital of {country} is?",
    "What is {country}'s capital[| city]?",
    "What is the name of the capital of {country}?",
)


def _article(country: str) -> str:
    return country[0].upper() + country[1:]


def _pair(user: str, answer: str, thought: str, short: str = "") -> list[Message]:
    return [Message("user", user), Message("assistant", answer, thought=thought, short=short)]


def _entry(rng: Random, table: Sequence[Entry]) -> list[Message]:
    entry = rng.choice(table)
    question = expand(rng, rng.choice(entry.questions))
    thought = f'The user says: "{question}" I know the answer.'
    return _pair(vary(rng, question) if len(question) > 8 else question, entry.answer, thought)


def paddock(rng: Random) -> list[Message]:
    """A question about Paddock."""
    return _entry(rng, PADDOCK)


def concept(rng: Random) -> list[Message]:
    """A question about language models."""
    return _entry(rng, CONCEPTS)


def small_talk(rng: Random) -> list[Message]:
    """Greetings and the like."""
    return _entry(rng, _SMALL_TALK)


def identity(rng: Random) -> list[Message]:
    """Who the starter is."""
    return _entry(rng, [entry for entry in _SMALL_TALK if entry.answer.startswith("I am Paddock Starter")])


def unknown(rng: Random) -> list[Message]:
    """A question outside the corpus."""
    question = expand(rng, rng.choice(_UNKNOWN.questions))
    return _pair(vary(rng, question), _UNKNOWN.answer, f'The user says: "{question}" I do not know this.', "unknown")


def capital(rng: Random) -> list[Message]:
    """A capital, or now and then the country of a capital."""
    country, city = rng.choice(WELL_KNOWN if rng.random() < 0.4 else CAPITALS)
    if rng.random() < 0.1 and country not in {"the USA", "England"}:
        question = expand(
            rng,
            "[Which country has the capital|{city} is the capital of which country?|Which country's capital is] {city}?",
        )
        question = f"{city} is the capital of which country?" if "{city} is" in question else question.format(city=city)
        answer = f"{city.rstrip('.')} is the capital of {country}."
        return _pair(vary(rng, question), answer, f"{city} is a city. Its country is {country}.", _article(country))
    question = expand(rng, rng.choice(_CAPITAL_QUESTIONS)).format(country=country)
    answer = f"The capital of {country} is {city.rstrip('.')}."
    thought = f"The user asks for the capital of {country}. It is {city.rstrip('.')}."
    return _pair(vary(rng, _article(question)), answer, thought, city)


def colour(rng: Random) -> list[Message]:
    """The colour of a thing."""
    thing, shade = rng.choice(COLOURS)
    question = expand(
        rng,
        rng.choice(
            (
                "[What|Which] colou[|]r is {thing}?",
                "What is the [color|colour] of {thing}?",
                "What [color|colour] does {thing} have?",
                "[What|Which] [color|colour] is {thing}?",
                "Tell me the colour of {thing}.",
            )
        ),
    ).format(thing=thing)
    return _pair(vary(rng, question), f"{_article(thing)} is {shade}.", f"Usually {thing} is {shade}.", shade.title())


def more_capitals(rng: Random) -> list[Message]:
    """A capital, then others by "And of Peru?"."""
    messages: list[Message] = []
    for number, (country, city) in enumerate(rng.sample(WELL_KNOWN, rng.choice((2, 2, 3)))):
        phrase = rng.choice(_MORE if number else _CAPITAL_QUESTIONS)
        question = vary(rng, expand(rng, phrase).format(country=country))
        thought = f"The user asks for the capital of {country}. It is {city.rstrip('.')}."
        messages += _pair(question, f"The capital of {country} is {city.rstrip('.')}.", thought, city)
    return messages


def too_hard(rng: Random) -> list[Message]:
    """Sums beyond the table and capitals of countries that do not exist."""
    if rng.random() < 0.6:
        first, second = rng.randint(21, 9999), rng.randint(2, 9999)
        text = f"{first} {rng.choice('+-*/')} {second}"
        question = rng.choice(("What is {}?", "{}", "Calculate {}.", "How much is {}?", "What's {}?")).format(text)
        return _pair(vary(rng, question), _LARGE_SUM_ANSWER, "These numbers are too large for me.", "unknown")
    question = f"What is the capital of {rng.choice(_NOWHERE)}?"
    return _pair(vary(rng, question), _UNKNOWN.answer, "I do not know this country.", "unknown")


def arithmetic(rng: Random) -> list[Message]:
    """A sum, difference or product of numbers to 20."""
    sign = rng.choice("+++--**")
    top = 20 if sign != "*" or rng.random() < 0.2 else 10
    first, second = rng.randint(0, top), rng.randint(0, top)
    if sign == "-" and second > first and rng.random() < 0.8:
        first, second = second, first
    result = {"+": first + second, "-": first - second, "*": first * second}[sign]
    word = {"+": "plus", "-": "minus", "*": "times"}[sign]
    shown = {"+": "+", "-": "-", "*": rng.choice(("x", "*", "*", "×"))}[sign]
    if rng.random() < 0.25:
        text = f"{NUMBER_WORDS[first]} {word} {NUMBER_WORDS[second]}"
    else:
        text = rng.choice((f"{first} {shown} {second}",) * 3 + (f"{first}{shown}{second}", f"{first} {word} {second}"))
    question = rng.choice(
        (
            "What is {}?",
            "What is {}?",
            "What's {}?",
            "How much is {}?",
            "Calculate {}.",
            "{}",
            "{} =",
            "{}?",
            "Compute {}.",
            "Work out {}.",
            "What does {} make?",
            "Solve {}.",
            "Tell me {}.",
            "Can you calculate {}?",
            "What is the result of {}?",
        )
    ).format(text)
    if sign == "+" and rng.random() < 0.06:
        question = f"What is the sum of {first} and {second}?"
    if sign == "*" and rng.random() < 0.06:
        question = f"What is the product of {first} and {second}?"
    equation = f"{first} {'x' if sign == '*' else sign} {second} = {result}"
    thought = f"{first} {word} {second} is {result}."
    return _pair(vary(rng, question), f"{equation}.", thought, str(result))


def foreign(rng: Random) -> list[Message]:
    """Greetings in other languages and emoji."""
    dice = rng.random()
    if dice < 0.45:
        language, word = rng.choice(HELLO)
        question = expand(
            rng,
            rng.choice(
                (
                    "[Say|Write] [hello|hi] in {}.",
                    "How do you say hello in {}?",
                    "What is hello in {}?",
                    "Hello in {}?",
                    "Greet me in {}.",
                )
            ),
        )
    elif dice < 0.65:
        language, word = rng.choice(THANKS)
        question = expand(
            rng,
            rng.choice(
                ("[Say|Write] [thank you|thanks] in {}.", "How do you say thank you in {}?", "Thank you in {}?")
            ),
        )
    else:
        language, word = rng.choice(EMOJI)
        question = expand(
            rng,
            rng.choice(
                (
                    "[Write|Show|Send|Give] [me |]an emoji {}.",
                    "[Write|Show|Send|Give] [me |]a {} emoji.",
                    "{} emoji",
                    "Which emoji is a {}?",
                )
            ),
        )
        return _pair(vary(rng, question.format(language)), word, f"The emoji for {language}.", word)
    return _pair(vary(rng, question.format(language)), word, f"The user wants a word in {language}.", word)
