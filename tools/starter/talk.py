"""Single questions with one answer: small talk, facts, arithmetic, foreign words, and honest ignorance."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from about_paddock import CONCEPTS, PADDOCK
from chat import Message
from facts import CAPITALS, COLOURS, EMOJI, HELLO, THANKS, WELL_KNOWN
from grammar import expand, vary

NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
).split()

_SMALL_TALK: tuple[tuple[tuple[str, ...], str], ...] = (
    (("[Hi|Hello|Hey|Hi there|Hello there|Good day|Hey there|Hallo|Greetings]!", "[Hi|Hello|Hey|hi|hello|hey]", "[hi|hey|yo|Yo]"), "Hello! How can I help you?"),
    (("Good morning!",), "Good morning! How can I help you?"),
    (("Good [evening|night]!",), "Good evening! How can I help you?"),
    (("[Hi, |Hello, |Hey, |]how are you[| today| doing]?", "How is it going?", "How do you do?", "Are you [well|ok|fine]?", "What's up?"),
     "I am fine, thank you. What can I do for you?"),
    (("[Thanks|Thank you|Thanks a lot|Thank you very much|Many thanks|thx|Great, thanks|Thank you so much]!", "Thanks for [your help|the help|the answer]."), "You are welcome!"),
    (("[Who|What] are you?", "What is your name?", "Do you have a name?", "Introduce yourself.", "Tell me about yourself.", "Who am I talking to?", "What's your name?"),
     "I am Paddock Starter, a small demonstration model that runs on your own machine."),
    (("[Bye|Goodbye|Bye bye|See you|See you later|Good bye|So long|I have to go]!",), "Goodbye! See you soon."),
    (("What can you do?", "How can you help me?", "Help!", "What do you know?", "What should I ask you?", "What are you good at?"),
     "I can answer questions about Paddock, name capitals and colours, do small sums, tell short stories, write JSON and call tools."),
    (("Are you [a human|human|a person|real|a robot|an AI|ChatGPT|intelligent]?",), "I am a small language model, not a person."),
    (("Tell me a joke.", "Do you know a joke?", "Make me laugh.", "Say something funny.", "Another joke, please."),
     "Why did the token cross the context? To get to the next line."),
    (("[Yes|No|Ok|Okay|Good|Great|Nice|Cool|Fine|Well done|I see|Interesting|Wow]!",), "Good. What else would you like to know?"),
    (("I am [sad|tired|bored|unhappy].", "I feel [sad|tired|lonely]."), "I am sorry to hear that. Would you like a short story?"),
    (("I am [happy|glad|well].", "I feel [good|great]."), "That is good to hear!"),
    (("I like you.", "I love you.", "You are [great|nice|good|funny|cool]."), "Thank you, that is kind of you."),
    (("You are [stupid|wrong|bad|dumb].", "That is [wrong|not right|false]."), "I am sorry. I am a small demonstration model and make mistakes."),
    (("Where do you live?", "Where are you?", "Where do you run?"), "I live in a small file on your own machine."),
    (("How old are you?", "When were you born?"), "I am as old as my file. I was trained together with Paddock."),
    (("How many days are in a week?", "How many days has a week?"), "A week has seven days."),
    (("How many months are in a year?", "How many months has a year?"), "A year has twelve months."),
    (("How many hours are in a day?", "How many hours has a day?"), "A day has 24 hours."),
    (("[What are|Name|List|Tell me] the days of the week.",), "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday and Sunday."),
    (("[Say|Recite|What is] the alphabet.",), "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z"),
    (("[Test|test|ping|Testing|Is this working?|Does this work?|Are you there?]",), "It works. What would you like to know?"),
    (("What [does|sound does] a cat [say|make]?",), "A cat says meow."),
    (("What [does|sound does] a dog [say|make]?",), "A dog says woof."),
)  # fmt: skip

UNKNOWN_ANSWER = "I am a small demonstration model and do not know that. Paddock can load a larger model for such questions."
_UNKNOWN = (
    "Who [won|lost] the [world cup|election|match|race|championship|league] in [1998|2010|2022|1966|2006]?",
    "What is the [price|history|value|weight] of [gold|bitcoin|oil|a house|rice|my car|the euro]?",
    "How do I [repair my car|cook a goose|fix my bike|tie a tie|bake a cake|learn French|lose weight|invest money|train a parrot|grow tomatoes]?",
    "Who [wrote|composed|painted|directed] [Hamlet|Faust|the Mona Lisa|Star Wars|the Odyssey|Carmen|Guernica|this song|War and Peace]?",
    "What is the [population|president|highest mountain|longest river|currency] of [France|Brazil|India|the USA|China|Egypt|Norway]?",
    "[Prove|Explain|Describe|Summarise] [the Riemann hypothesis|quantum physics|relativity|the French Revolution|photosynthesis|the stock market|evolution].",
    "When [did|was] [Napoleon die|the war end|Einstein born|Rome founded|the moon landing|Mozart born|Caesar die]?",
    "[Write|Compose] [a poem|a song|a letter to my boss|an email|a sonnet|a speech|an application|my homework].",
    "Translate [good morning|this sentence|the book|I am hungry|a letter] into [Latin|Klingon|Danish|Greek|Swahili].",
    "[Who is|Who was] [the president|Albert Einstein|Napoleon|the queen|Elvis|Marie Curie|Shakespeare|Beethoven|Cleopatra]?",
    "Why is [the sea salty|life hard|the earth round|water wet|he late|it raining|the universe expanding]?",
    "How [far|big|old|heavy|high|deep] is [the moon|the sun|Mount Everest|the universe|a whale|the Eiffel Tower|Mars|the ocean]?",
    "What [happened|will happen] [yesterday|in 1492|tomorrow|next year|in 1789|last week]?",
    "What is [the meaning of life|dark matter|DNA|a black hole|a prime number|philosophy|gravity|inflation|love|an atom|socialism]?",
    "[Recommend|Suggest] [a book|a film|a restaurant|a hotel|a phone|a present for my mother].",
    "What time is it[| in Tokyo| now]?",
    "[Tell me more.|Why?|Go on.|Continue.|Are you sure?|How?|What do you mean?]",
    "[asdf|lorem ipsum|qwerty|blah blah|foo bar|xyz|abc|...|???]",
    "Which [stocks|shares|car|laptop|party] should I [buy|choose|take]?",
)

LARGE_SUM_ANSWER = "These numbers are too large for me. I am a small demonstration model and know sums with numbers to 20."
_NOWHERE = ("Atlantis", "Narnia", "Utopia", "Wakanda", "Mars", "Mordor", "Genovia", "Freedonia", "the moon", "Antarctica")
_MORE = ("And of {country}?", "And {country}?", "What about {country}?", "And what about {country}?", "And for {country}?", "And the capital of {country}?")

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


def _entry(rng: Random, table: Sequence[tuple[tuple[str, ...], str]]) -> list[Message]:
    phrases, answer = rng.choice(table)
    question = expand(rng, rng.choice(phrases))
    thought = f'The user says: "{question}" I know the answer.'
    return _pair(vary(rng, question) if len(question) > 8 else question, answer, thought)


def paddock(rng: Random) -> list[Message]:
    """A question about Paddock."""
    return _entry(rng, PADDOCK)


def concept(rng: Random) -> list[Message]:
    """A question about language models."""
    return _entry(rng, CONCEPTS)


def small_talk(rng: Random) -> list[Message]:
    """Greetings and the like."""
    return _entry(rng, _SMALL_TALK)


def unknown(rng: Random) -> list[Message]:
    """A question outside the corpus."""
    question = expand(rng, rng.choice(_UNKNOWN))
    return _pair(vary(rng, question), UNKNOWN_ANSWER, f'The user says: "{question}" I do not know this.', "unknown")


def capital(rng: Random) -> list[Message]:
    """A capital, or now and then the country of a capital."""
    country, city = rng.choice(WELL_KNOWN if rng.random() < 0.4 else CAPITALS)
    if rng.random() < 0.1 and country not in {"the USA", "England"}:
        question = expand(rng, "[Which country has the capital|{city} is the capital of which country?|Which country's capital is] {city}?")
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
    question = expand(rng, rng.choice((
        "[What|Which] colou[|]r is {thing}?", "What is the [color|colour] of {thing}?", "What [color|colour] does {thing} have?",
        "[What|Which] [color|colour] is {thing}?", "Tell me the colour of {thing}.",
    ))).format(thing=thing)  # fmt: skip
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
        return _pair(vary(rng, question), LARGE_SUM_ANSWER, "These numbers are too large for me.", "unknown")
    question = f"What is the capital of {rng.choice(_NOWHERE)}?"
    return _pair(vary(rng, question), UNKNOWN_ANSWER, "I do not know this country.", "unknown")


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
    question = rng.choice((
        "What is {}?", "What is {}?", "What's {}?", "How much is {}?", "Calculate {}.", "{}", "{} =", "{}?", "Compute {}.",
        "Work out {}.", "What does {} make?", "Solve {}.", "Tell me {}.", "Can you calculate {}?", "What is the result of {}?",
    )).format(text)  # fmt: skip
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
        question = expand(rng, rng.choice((
            "[Say|Write] [hello|hi] in {}.", "How do you say hello in {}?", "What is hello in {}?", "Hello in {}?", "Greet me in {}.",
        )))  # fmt: skip
    elif dice < 0.65:
        language, word = rng.choice(THANKS)
        question = expand(rng, rng.choice(("[Say|Write] [thank you|thanks] in {}.", "How do you say thank you in {}?", "Thank you in {}?")))
    else:
        language, word = rng.choice(EMOJI)
        question = expand(rng, rng.choice((
            "[Write|Show|Send|Give] [me |]an emoji {}.", "[Write|Show|Send|Give] [me |]a {} emoji.", "{} emoji", "Which emoji is a {}?",
        )))  # fmt: skip
        return _pair(vary(rng, question.format(language)), word, f"The emoji for {language}.", word)
    return _pair(vary(rng, question.format(language)), word, f"The user wants a word in {language}.", word)
