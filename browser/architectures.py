"""What llama.cpp does differently for each architecture, as far as memory goes: data of its ``src/models``.

Only architectures whose estimates were compared with the engine are here; of others nobody can tell.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple


class Window(NamedTuple):
    """A sliding window on most layers. Every ``period``-th layer looks at everything (0: none does): the last of each
    period, or the first where ``dense_first``. ``size`` is used where the file names none, and against what it names
    where ``fixed``; without any there is no window. ``layers``: only models with so many layers have it."""

    period: int
    dense_first: bool = False
    size: int = 0
    fixed: bool = False
    layers: int = 0


WINDOWS = MappingProxyType(
    {
        "afmoe": Window(4),
        "cohere2": Window(4),
        "exaone4": Window(4, size=4096, layers=64),
        "gemma2": Window(2, size=4096),
        "gemma3": Window(6),
        "gemma3n": Window(5),
        "gemma4": Window(0),
        "gpt-oss": Window(2),
        "llama4": Window(4, size=8192, fixed=True),
        "olmo2": Window(4),
    }
)

RECURRENT = frozenset({"mamba", "mamba2", "rwkv6", "rwkv7"})
"""No attention: a state of one size per sequence."""
INTERVALS = frozenset({"qwen3next", "qwen35", "qwen35moe"})
"""Hybrids whose every fourth layer (``full_attention_interval``) attends; the others are recurrent."""
HYBRID = INTERVALS | {
    "falcon-h1", "granitehybrid", "jamba", "kimi-linear", "lfm2", "lfm2moe", "nemotron_h",
}  # fmt: skip
"""Attention on some layers and a recurrent state on the others: those without KV heads, where no interval is named."""
ROLLBACK = frozenset({"lfm2", "lfm2moe", "nemotron_h", "qwen35", "qwen35moe"})
"""Recurrent states are kept for every drafted token too."""

ATTENTION = frozenset(
    {
        "arcee", "bailingmoe2", "bloom", "chatglm", "command-r", "dbrx", "deepseek2", "dots1", "ernie4_5", "falcon",
        "gemma", "glm4", "glm4moe", "gpt2", "gptneox", "granite", "granitemoe", "hunyuan-dense", "hunyuan-moe",
        "internlm2", "llama", "minicpm", "minimax-m2", "mistral3", "mpt", "nemotron", "olmo", "olmoe", "openelm",
        "phi2", "phi3", "phimoe", "qwen2", "qwen2moe", "qwen2vl", "qwen3", "qwen3moe", "qwen3vl", "seed_oss",
        "smollm3", "stablelm", "starcoder2",
    }
)  # fmt: skip
"""Attention over everything on every layer."""

KNOWN = ATTENTION | HYBRID | RECURRENT | WINDOWS.keys()

PARALLEL = frozenset({"cohere2", "command-r", "falcon", "gptneox", "phi2"})
"""Attention and feed-forward network read the same input."""
LATENT = frozenset({"deepseek2", "kimi-linear"})
"""Multi-head latent attention: K alone is stored, compressed."""
