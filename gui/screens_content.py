"""What the pictures of :mod:`paddock.gui.screens` show. Data only."""

from __future__ import annotations

from typing import Any

from paddock.gui.pages.settings_sections import SettingsSection

LONG = "DeepSeek-R1-Distill-Qwen-32B-abliterated"
LONGEST = (
    "Hermes-3-Llama-3.1-8B-Lorablated-Dolphin-Mistral-Nemo-12B-Magnum-v4-Rocinante-Unslop-Starcannon-Lumimaid-Celeste"
    "-Gutenberg-Slush-Violet-Twilight-Arli-RPMax-Stheno-Euryale-Cydonia-merged-2026-07-iQ4_XS"
)
"""Names of models of 40 and 200 characters."""
LONG_TITLE = (
    "Minutes of the meeting about the northern warehouse: the lift that stops between two floors, who has the keys,"
    " what the insurance pays for, and whether the roof can wait until the spring after next"
)
CHATS: tuple[tuple[str, bool], ...] = (
    ("House rules for the translation", True),
    ("Regex for ISO dates with offsets", False),
    ("Tax letter, second draft", False),
    ("Kubernetes probes explained to a six-year-old", False),
    ("Recipe scaled to eleven people", False),
    (LONG_TITLE, False),
)
"""Title and whether it is pinned."""
DELETED = ("Packing list for the Alps", "Tax letter, first draft", LONG_TITLE)
WAITING = (
    "And on a Mac?",
    "Then explain what happens to the cache when I change a word in the middle of the document, and what I could do"
    " about it",
)
"""Questions that wait for the end of an answer."""

REPAIRED = (
    "The file of the conversations was damaged. It was repaired: 1,204 messages in 38 conversations are there. What"
    " could not be read was taken from the backup of 20 November 2026. It is kept as chats.damaged-20261121.db."
)

PRESSED = "The machine is very short of memory: models that nobody uses are unloaded."

QUESTIONS = ("What is the capital of France?", "How do I start the API server?")
RICH = ("Why is the second question about the same document so much faster?",)
TWICE = "Put that into one sentence for the release notes."
REWORDED = "A second question about the same document starts where the first one stopped, because its words are known."

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

With $n$ tokens of which $k$ are known, the wait shrinks to

$$
t_2 = t_1 \\left(1 - \\frac{k}{n}\\right)
$$
"""

ECHO_MODELS: dict[str, dict[str, Any]] = {
    "demo-writer": {
        "text": ANSWER,
        "reasoning": "Compare what is evaluated in turn one and turn two, then say it with code.",
        "tokens_per_second": 60,
    },
    "demo-crash": {
        "text": "A fox lived at the edge of a small wood. Every evening it came down to the river and",
        "tokens_per_second": 200,
        "die": {"signal": "SIGSEGV", "after_tokens": 12},
    },
    "demo-held": {
        "text": ANSWER,
        "reasoning": "Compare what is evaluated in turn one and turn two, then say it with code.",
        "hold": {"after_tokens": 62},
        "tokens_per_second": 60,
    },
    LONG: {"text": "The lift, the keys, the insurance and the roof.", "tokens_per_second": 60, "take_mib": 30},
    LONGEST: {"text": "Protokoll der Sitzung über das nördliche Lager.", "tokens_per_second": 60, "take_mib": 60},
    "demo-seer": {"text": "All of them show a hill under a white sun.", "tokens_per_second": 400},
    "demo-large": {"text": "Horses.", "load_seconds": 6, "load_steps": 60},
}

PROJECTOR = (("general.architecture", "clip"), ("general.type", "mmproj"))
"""What makes a file the one through which a model sees."""
SHOWN = ((800, 600), (600, 900), (1200, 300), (1920, 1080), (3000, 60), (60, 3000))
"""Width and height of pictures in a message."""

REPOS = {
    "usual": "unsloth/Qwen3-8B-GGUF",
    "gated": "google/gemma-3-12b-it-GGUF",
    "large": "bartowski/Llama-3.1-405B-Instruct-GGUF",
}
DOWNLOADS = {
    "done": "bartowski/SmolLM2-135M-Instruct-GGUF:Q2_K",
    "running": "unsloth/Qwen3-14B-GGUF:Q4_K_M",
    "waiting": "bartowski/DeepSeek-R1-Distill-Llama-8B-GGUF:Q6_K",
    "later": "lmstudio-community/Qwen3-4B-GGUF:Q8_0",
    "paused": "Qwen/Qwen2.5-Coder-32B-Instruct-GGUF:Q4_K_M",
    "failed": "openai/gpt-oss-20b-GGUF:Q4_K_M",
}
"""By what becomes of them; the hub of the tests has no file behind the last one."""
PLANNED = ("24GB", "64GB mac")
LOADED = "Qwen/Qwen3-8B-GGUF"
SELECTED = (LOADED, "bartowski/DeepSeek-R1-Distill-Llama-8B-GGUF", "Qwen/Qwen2.5-Coder-7B-Instruct-GGUF")
TRASHED = "HuggingFaceTB/SmolLM2-360M-Instruct-GGUF"
TO_QUANTIZE = "HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF"
NOTE = "Good at summaries. Thinks too long about arithmetic: switch reasoning off for that."
ALIASES = ("summaries", "gpt-4o-mini")
LATER: tuple[SettingsSection, ...] = ("appearance", "folders", "account", "downloads")
"""Sections of the settings to see in small windows too."""
