"""What the pictures of :mod:`paddock.gui.screens` show. Data only."""

from __future__ import annotations

from typing import Any

CHATS: tuple[tuple[str, bool], ...] = (
    ("House rules for the translation", True),
    ("Regex for ISO dates with offsets", False),
    ("Tax letter, second draft", False),
    ("Kubernetes probes explained to a six-year-old", False),
    ("Recipe scaled to eleven people", False),
)
"""Title and whether it is pinned."""

QUESTIONS = ("What is the capital of France?", "How do I start the API server?")
RICH = ("Why is the second question about the same document so much faster?",)

ANSWER = """Because only the **new** tokens are evaluated. Your document and the system prompt are already in the \
KV cache, so the second turn starts where the first one stopped:

```python
def reuse(tokens: list[int], cache: RadixTree) -> Slot:
    seq, n_cached = cache.longest_prefix(tokens)
    slot = Slot.copy_of(seq, upto=n_cached)   # shares cells, copies nothing
    return slot.extend(tokens[n_cached:])
```

What this means for you:

- the wait before the first word falls from **2.94 s to 0.12 s**
- the speed after it stays the same
- a change in the *middle* of the conversation costs everything after it

1. Keep the long document at the start.
2. Ask short questions after it.
"""

ECHO_MODELS: dict[str, dict[str, Any]] = {
    "demo-writer": {
        "text": ANSWER,
        "reasoning": "Compare what is evaluated in turn one and turn two, then say it with code.",
        "tokens_per_second": 400,
    },
    "demo-crash": {
        "text": "A fox lived at the edge of a small wood. Every evening it came down to the river and",
        "tokens_per_second": 200,
        "die": {"signal": "SIGSEGV", "after_tokens": 12},
    },
    "demo-large": {"text": "Horses.", "load_seconds": 6, "load_steps": 60},
}
