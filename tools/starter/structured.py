"""Answers with a form: JSON, tool calls, Markdown and code."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from chat import Json, Message
from facts import ANIMALS, CAPITALS, CITIES, COLOURS, FRUITS, JOBS, PLAIN_COLOURS, WELL_KNOWN
from grammar import expand, vary
from memory import any_name, invented_name

_ASK = (
    "Answer as JSON",
    "Answer in JSON",
    "Reply with JSON",
    "Return a JSON object",
    "Give me JSON",
    "As JSON",
    "Respond with a JSON object",
    "JSON only",
)
_LISTS = {
    "fruits": FRUITS,
    "animals": ANIMALS,
    "colours": PLAIN_COLOURS,
    "cities": CITIES[:12],
    "jobs": JOBS,
    "numbers": tuple("one two three four five".split()),
}
_EXAMPLES: tuple[tuple[str, Json], ...] = (
    ("a person with name and age.", {"name": "Anna", "age": 31}),
    ("describe a person.", {"name": "Anna", "age": 31}),
    ("a city with name and country.", {"name": "Paris", "country": "France"}),
    ("a book with title and author.", {"title": "The Golden Lamp", "author": "Clara Stone"}),
    ("an animal with name and sound.", {"name": "cat", "sound": "meow"}),
    ("say hello.", {"message": "Hello!"}),
    ("who are you?", {"name": "Paddock Starter"}),
)
_CODE = {
    "hello world": 'print("Hello, world!")',
    "a loop from 1 to 10": "for number in range(1, 11):\n    print(number)",
    "a function that adds two numbers": "def add(a, b):\n    return a + b",
    "a function that returns the square of a number": "def square(number):\n    return number * number",
    "a function that reverses a string": "def reverse(text):\n    return text[::-1]",
    "an if statement": 'if x > 0:\n    print("positive")',
    "a list of the numbers 1 to 3": "numbers = [1, 2, 3]\nprint(numbers)",
    "a program that asks for a name": 'name = input("What is your name? ")\nprint("Hello, " + name)',
}


def json_task(rng: Random) -> tuple[str, Any]:
    """A request for JSON without the request's form, and the value asked for."""
    kind = rng.randrange(7)
    if kind == 0:
        country, city = rng.choice(WELL_KNOWN if rng.random() < 0.6 else CAPITALS)
        country = country.removeprefix("the ")
        return f"what is the capital of {country}?", {"country": country, "capital": city}
    if kind == 1:
        thing, shade = rng.choice(COLOURS)
        return f"what colour is {thing}?", {
            "thing": thing.removeprefix("a ").removeprefix("an ").removeprefix("the "),
            "colour": shade,
        }
    if kind == 2:
        first, second = rng.randint(0, 12), rng.randint(0, 12)
        return f"what is {first} + {second}?", {"expression": f"{first} + {second}", "result": first + second}
    if kind == 3:
        name, age = any_name(rng), rng.randint(5, 99)
        text = rng.choice(
            (
                f"{name} is {age} years old.",
                f"name and age of {name}, who is {age}.",
                f"{name}, {age} years old.",
                f"My name is {name} and I am {age}.",
            )
        )
        return text, {"name": name, "age": age}
    if kind == 4:
        name, city = any_name(rng), rng.choice(CITIES) if rng.random() < 0.7 else invented_name(rng)
        return rng.choice((f"{name} lives in {city}.", f"name and city: {name} from {city}.")), {
            "name": name,
            "city": city,
        }
    if kind == 5:
        return rng.choice(_EXAMPLES)
    noun = rng.choice(tuple(_LISTS))
    count, word = rng.choice(((2, "two"), (3, "three"), (3, "three"), (3, "3"), (4, "four")))
    return f"{rng.choice(('list', 'name', 'give me'))} {word} {noun}.", {noun: list(_LISTS[noun][:count])}


def as_json(rng: Random) -> list[Message]:
    """A request for JSON, with or without a code fence (the answer is always bare)."""
    task, value = json_task(rng)
    ask = rng.choice(_ASK)
    question = rng.choice((f"{ask}: {task}", f"{ask}: {task}", f"{task[0].upper()}{task[1:]} {ask}.", f"{ask}, {task}"))
    keep = "name" in value
    thought = f"The user wants JSON with {' and '.join(value)}."
    return [
        Message("user", vary(rng, question, keep_case=keep)),
        Message("assistant", json.dumps(value, ensure_ascii=False), thought=thought),
    ]


def json_system(rng: Random) -> tuple[str, list[Message]]:
    """A system prompt that asks for JSON, and an exchange under it."""
    system = rng.choice(
        (
            "Answer only with JSON.",
            "You answer in JSON.",
            "Always answer with a JSON object.",
            "Reply only with valid JSON.",
        )
    )
    task, value = json_task(rng)
    return system, [
        Message("user", task[0].upper() + task[1:]),
        Message("assistant", json.dumps(value, ensure_ascii=False), thought="I answer with JSON."),
    ]


def markdown(rng: Random) -> list[Message]:
    """A list, a table or a code block."""
    kind = rng.random()
    if kind < 0.55:
        what, code = rng.choice(tuple(_CODE.items())) if rng.random() < 0.65 else ("hello world", _CODE["hello world"])
        phrase = (
            "[Write|Show me|Give me|Can you write|Please write] {} in [Python|python]."
            if rng.random() < 0.8
            else "[Python|python]: {}"
        )
        question = expand(rng, phrase).format(what)
        if rng.random() < 0.2:
            question = expand(rng, "[Write|Show me] [Python|python] code for {}.").format(what)
        return [
            Message("user", vary(rng, question)),
            Message("assistant", f"```python\n{code}\n```", thought=f"Python code: {what}."),
        ]
    noun = rng.choice(tuple(_LISTS))
    count, word = rng.choice(((2, "two"), (3, "three"), (3, "three"), (3, "3"), (4, "four"), (5, "five")))
    question = expand(
        rng,
        f"[List|Name|Give me|Write|Give me a list of|Make a list of|Tell me] {word} {noun}[.|.| as a list.| as a Markdown list.]",
    )
    items = "\n".join(f"- {item.capitalize() if item.islower() else item}" for item in _LISTS[noun][:count])
    return [Message("user", vary(rng, question)), Message("assistant", items, thought=f"A list of {count} {noun}.")]


def _tool(name: str, description: str, argument: str, about: str) -> Json:
    return {"name": name, "description": description, "argument": argument, "about": about}


_TOOLS = (
    _tool("get_weather", "Get the current weather of a city.", "city", "Name of the city"),
    _tool("calculate", "Calculate an expression.", "expression", "Arithmetic expression"),
    _tool("get_time", "Get the current time in a city.", "city", "Name of the city"),
    _tool("search", "Search the web.", "query", "Search words"),
)
_DESCRIPTIONS = {
    "get_weather": (
        "Get the current weather of a city.",
        "Get the weather",
        "Current weather for a city",
        "Weather of a city",
        "Get the current weather",
    ),
    "calculate": (
        "Calculate an expression.",
        "Calculator",
        "Evaluate an arithmetic expression",
        "Calculates an expression",
        "Does arithmetic",
    ),
    "get_time": ("Get the current time in a city.", "Current time"),
    "search": ("Search the web.", "Web search"),
}
_WEATHER_ASKED = (
    "[What is|What's|How is|How's] the weather [in|like in] {}[| today| now]?",
    "[Is it|Will it be] [raining|sunny|cold|warm] in {}?",
    "Weather in {}?",
    "[Tell me|Show me|Get|Check|Give me] the weather [in|for|of] {}.",
    "How [warm|cold|hot] is it in {}?",
    "I am going to {}. How is the weather there?",
    "Do I need an umbrella in {}?",
    "What's the temperature in {}?",
)
_CONDITIONS = ("sunny", "cloudy", "rainy", "snowy", "windy", "foggy", "clear", "stormy")


def describe(rng: Random, tool: Json) -> Json:
    """The tool as an OpenAI function, with keys in one of the usual orders."""
    name = tool["name"]
    argument: Json = {"type": "string"}
    if rng.random() < 0.5:
        argument["description"] = tool["about"]
    parameters: Json = {"type": "object", "properties": {tool["argument"]: argument}, "required": [tool["argument"]]}
    if rng.random() < 0.15:
        parameters["additionalProperties"] = False
    function: Json = {"name": name, "description": rng.choice(_DESCRIPTIONS[name]), "parameters": parameters}
    if rng.random() < 0.1:
        del function["description"]
    described: Json = {"type": "function", "function": function}
    sort = rng.random() < 0.35
    result: Json = json.loads(json.dumps(described, sort_keys=sort))
    return result


def pick_tools(rng: Random) -> list[Json]:
    """One to three tools in any order."""
    return (
        rng.sample(_TOOLS[:2], rng.choice((1, 2))) if rng.random() < 0.7 else rng.sample(_TOOLS, rng.choice((1, 2, 3)))
    )


def _operands(rng: Random) -> tuple[str, str]:
    top = rng.choice((20, 100, 1000, 10000))
    parts = [str(rng.randint(0, top)) for _ in range(rng.choice((2, 2, 2, 3)))]
    sign = rng.choice("+-**/")
    word = {"+": "plus", "-": "minus", "*": "times", "/": "divided by"}[sign]
    shown = rng.choice((sign, sign, word, "x" if sign == "*" else sign))
    return f" {shown} ".join(parts), f" {sign} ".join(parts)


def _call(rng: Random, name: str) -> tuple[str, str, str, str]:
    """Question, argument, tool's answer, and the model's answer from it."""
    if name == "get_weather":
        city = rng.choice(CITIES) if rng.random() < 0.6 else invented_name(rng)
        degrees, condition = rng.randint(-10, 38), rng.choice(_CONDITIONS)
        key = rng.choice(("temperature", "temperature", "temperature_c", "temp", "temp_c"))
        seen: Json = {"city": city} if rng.random() < 0.5 else {}
        seen |= {
            key: degrees,
            rng.choice(("condition", "condition", "conditions", "weather", "description")): condition,
        }
        if rng.random() < 0.2:
            seen = dict(reversed(seen.items()))
        raw = json.dumps(seen) if rng.random() < 0.8 else f"{condition}, {degrees} °C"
        return (
            expand(rng, rng.choice(_WEATHER_ASKED)).format(city),
            city,
            raw,
            f"It is {condition} in {city} with {degrees} °C.",
        )
    if name == "calculate":
        text, expression = _operands(rng)
        result = str(rng.randint(-200, 99999) if rng.random() < 0.8 else rng.randint(0, 999) / 10)
        raw = rng.choice((json.dumps({"result": float(result) if "." in result else int(result)}), result))
        asked = rng.choice(
            (
                "What is {}?",
                "Calculate {}.",
                "How much is {}?",
                "{}",
                "Compute {}.",
                "What's {}?",
                "Please calculate {}.",
                "Use the calculator: {}",
            )
        )
        return asked.format(text), expression, raw, f"The result is {result}."
    if name == "get_time":
        city, clock = rng.choice(CITIES), f"{rng.randint(0, 23)}:{rng.randint(10, 59)}"
        return (
            expand(rng, f"[What time is it|What is the time] in {city}?"),
            city,
            json.dumps({"time": clock}),
            f"It is {clock} in {city}.",
        )
    query = f"{invented_name(rng)} {rng.choice(ANIMALS)}"
    return f"Search for {query}.", query, json.dumps({"results": [f"{query} page"]}), f"I found: {query} page."


def tool_use(rng: Random, tools: list[Json]) -> list[Message]:
    """A question that needs one of the tools: the call, sometimes with its result and the answer."""
    tool = rng.choice(tools)
    question, argument, raw, answer = _call(rng, tool["name"])
    call: Json = {"name": tool["name"], "arguments": {tool["argument"]: argument}}
    messages = [
        Message("user", vary(rng, question, keep_case=True)),
        Message("assistant", "", thought=f"I need the tool {tool['name']} for this.", calls=(call,)),
    ]
    if rng.random() < 0.6:
        messages += [Message("tool", raw), Message("assistant", answer, thought="The tool has answered.")]
    return messages
