"""What a remedy says on its button."""

from __future__ import annotations

from collections.abc import Sequence

from paddock.sdk.types import Options


def remedy_sentence(change: Options, unload: Sequence[str], layers: int) -> str:
    """“Use 8,192 tokens of context”, “Unload Qwen3 8B first”: the ``change`` of load options, the names of the models
    to ``unload``, or both. ``layers`` is how many the model has."""
    words = [text for name, value in change.items() if (text := _words(name, value, layers))]
    if unload:
        words.insert(0, f"unload {_list(unload)}" if words else f"unload {_list(unload)} first")
    sentence = _list(words)
    return sentence[:1].upper() + sentence[1:]


def _words(name: str, value: object, layers: int) -> str:
    match name, value:
        case "n_ctx", int():
            return f"use {value:,} tokens of context"
        case "cache_type_k", _:
            return f"keep the KV cache in {value}"
        case "flash_attn", _:
            return "switch flash attention on"
        case "n_parallel", 1:
            return "answer one request at a time"
        case "n_parallel", _:
            return f"answer {value} requests at once"
        case "n_cpu_moe", _:
            return f"keep the experts of {value} of {layers} layers on the processor"
        case "n_gpu_layers", 0:
            return "keep all layers on the processor"
        case "n_gpu_layers", _:
            return f"put {value} of {layers} layers on the GPU"
        case "n_ubatch", _:
            return f"read prompts {value} tokens at a time"
        case _:
            return ""


def _list(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
