"""What a preset file of LM Studio says, under our names.

Its fields are those of ``lms-kv-config`` (``schema.ts``) in lmstudio-js; a value with a tick box is
``{"checked": ..., "value": ...}``. Files of version 0.2 hold ``inference_params`` with llama.cpp's names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from paddock.sdk.types import OptionValue


@dataclass(frozen=True)
class Field:
    """One option, or a ``note`` about something that is none."""

    name: str = ""
    value: OptionValue = None
    note: str = ""


_PLAIN = {
    "temperature": "temperature",
    "topKSampling": "top_k",
    "stopStrings": "stop",
    "systemPrompt": "system",
}
_TICKED: dict[str, tuple[str, OptionValue]] = {
    "topPSampling": ("top_p", 1.0),
    "minPSampling": ("min_p", 0.0),
    "repeatPenalty": ("repeat_penalty", 1.0),
    "maxPredictedTokens": ("max_tokens", 0),
    "seed": ("seed", -1),
    "llama.frequencyPenalty": ("frequency_penalty", 0.0),
    "llama.presencePenalty": ("presence_penalty", 0.0),
    "llama.xtcProbability": ("xtc_probability", 0.0),
    "llama.locallyTypicalSampling": ("typical_p", 1.0),
}
"""With what they are when the box is not ticked."""
_LOAD = {
    "contextLength": "n_ctx",
    "llama.cpuThreadPoolSize": "n_threads",
    "llama.evalBatchSize": "n_batch",
    "llama.ropeFrequencyBase": "rope_freq_base",
    "llama.ropeFrequencyScale": "rope_freq_scale",
    "llama.kCacheQuantizationType": "cache_type_k",
    "llama.vCacheQuantizationType": "cache_type_v",
    "llama.tryMmap": "use_mmap",
    "llama.keepModelInMemory": "use_mlock",
    "offloadKVCacheToGpu": "offload_kqv",
}
_QUIET = ("contextOverflowPolicy", "tools", "structured", "logProbs", "toolCallStopStrings", "contextPrefill")
"""In every file; worth a word only when they say something."""
_EMPTY: tuple[Any, ...] = (None, [], {}, "", {"type": "none"}, "truncateMiddle")


def is_lmstudio(raw: dict[str, Any]) -> bool:
    return any(isinstance(raw.get(part), dict) for part in ("operation", "load", "inference_params", "load_params"))


def lmstudio_name(raw: dict[str, Any]) -> str:
    name = raw.get("name") or str(raw.get("identifier") or "").rpartition(":")[2]
    return str(name).strip()


def lmstudio_fields(raw: dict[str, Any]) -> Iterator[Field]:
    """All that the file says, in its order."""
    for part in ("operation", "load"):
        fields = raw[part].get("fields") if isinstance(raw.get(part), dict) else ()
        for item in fields if isinstance(fields, list) else ():
            if isinstance(item, dict) and isinstance(item.get("key"), str):
                yield from _field(item["key"], item.get("value"))
    for part in ("inference_params", "load_params"):
        params = raw.get(part)
        for key, value in params.items() if isinstance(params, dict) else ():
            yield from _old(str(key), value)


def _field(key: str, value: Any) -> Iterator[Field]:
    scope, _, name = key.partition("llm.prediction.")
    if not scope and name:
        yield from _prediction(name, value)
        return
    scope, _, name = key.partition("llm.load.")
    if not scope and name:
        yield from _loading(name, value)
        return
    yield Field(note=f"LM Studio’s “{key}” has no counterpart here.")


def _prediction(name: str, value: Any) -> Iterator[Field]:
    ticked, inner = _unboxed(value)
    if name in _PLAIN:
        yield Field(_PLAIN[name], max(0, inner) if name == "topKSampling" and isinstance(inner, int) else inner)
    elif name in _TICKED:
        ours, off = _TICKED[name]
        yield Field(ours, inner if ticked else off)
    elif name == "llama.xtcThreshold":
        if ticked:
            yield Field("xtc_threshold", inner)
    elif name == "llama.mirostatSampling" and isinstance(value, dict):
        parts = {"version": "mirostat", "learningRate": "mirostat_eta", "targetEntropy": "mirostat_tau"}
        yield from (Field(ours, value[theirs]) for theirs, ours in parts.items() if theirs in value)
    elif name == "llama.logitBias" and isinstance(value, list):
        pairs = [pair for pair in value if isinstance(pair, list) and len(pair) == 2]
        if pairs:
            yield Field("logit_bias", {str(token): bias for token, bias in pairs})
    elif ticked and not (name in _QUIET and inner in _EMPTY):
        yield Field(note=f"LM Studio’s “{name}” has no counterpart in a preset.")


def _loading(name: str, value: Any) -> Iterator[Field]:
    ticked, inner = _unboxed(value)
    if name in _LOAD:
        if ticked:
            yield Field(_LOAD[name], inner)
    elif name == "llama.flashAttention" and isinstance(inner, bool):
        yield Field("flash_attn", "on" if inner else "off")
    elif name == "llama.acceleration.offloadRatio" and inner in ("max", "off", 0, 1):
        yield Field("n_gpu_layers", -1 if inner in ("max", 1) else 0)
    elif ticked:
        yield Field(note=f"LM Studio’s load setting “{name}” is not taken over.")


_OLD = {
    "temp": "temperature", "n_predict": "max_tokens", "pre_prompt": "system", "antiprompt": "stop",
    "tfs_z": "", "input_prefix": "", "input_suffix": "", "pre_prompt_prefix": "", "pre_prompt_suffix": "",
    "n_threads": "n_threads", "mirostat_tau": "mirostat_tau", "mirostat_eta": "mirostat_eta",
    "logit_bias": "", "n_keep": "", "typical_p": "typical_p", "penalize_nl": "",
}  # fmt: skip


def _old(key: str, value: Any) -> Iterator[Field]:
    """A setting of version 0.2. The prompt's prefixes are left out: the model's own template has them."""
    name = _OLD.get(key, key)
    if name:
        yield Field(name, value)
    elif value not in _EMPTY:
        yield Field(note=f"LM Studio’s “{key}” has no counterpart here.")


def _unboxed(value: Any) -> tuple[bool, Any]:
    """Whether its box is ticked, and the value in it."""
    if isinstance(value, dict) and "checked" in value:
        return bool(value["checked"]), value.get("value")
    return True, value
