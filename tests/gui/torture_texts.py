"""Texts that a conversation must show without fetching, executing or freezing anything."""

from pathlib import Path


def texts(server: str = "http://127.0.0.1:9") -> dict[str, str]:
    """By name; addresses lead to ``server``, which is never to be asked."""
    mixed = (Path(__file__).parent / "torture.txt").read_text(encoding="utf-8").replace("SERVER", server)
    rows = "\n".join(f"| {n} | **row** {n} | `{n * 7}` | [x]({server}/{n}) |" for n in range(2_000))
    return {
        "mixed": mixed,
        "table": f"| n | name | code | link |\n|---|:-:|--:|---|\n{rows}\n\nafter",
        "line": "x" * 1_000_000,
        "spaced line": "word " * 200_000,
        "code line": "```\n" + "y" * 1_000_000 + "\n```",
        "code": "```python\n" + 'def f(x):\n    """doc"""\n    return x  # comment\n\n' * 1_500 + "```",
        "links": " ".join(f"[link {n}]({server}/{n}) {server}/bare/{n}" for n in range(10_000)),
        "pictures": "\n\n".join(f"![{n}]({server}/{n}.png)" for n in range(1_000)),
        "quotes": "> " * 3_000 + "deep",
        "lists": "\n".join("  " * n + "- deep" for n in range(300)),
        "brackets": "[" * 20_000 + "]" * 20_000,
        "stars": "*a **b " * 8_000,
        "dollars": "$a$ $ b$ $$ " * 8_000,
        "formulas": "\n\n".join(f"$$\nx_{{{n}}} = \\frac{{{n}}}{{2}}\n$$" for n in range(40)),
        "wide table": "|" + " c |" * 100 + "\n|" + "---|" * 100 + "\n" + ("|" + " value |" * 100 + "\n") * 60,
    }
