"""Which samplers of llama.cpp's chain do something with the settings as they are. Pure, and without numpy."""

from __future__ import annotations

from typing import cast

from paddock.sdk.types import Options

NO_TEMPERATURE = 1e-30
NAMES = {
    "penalties": "Penalties",
    "dry": "DRY",
    "top_n_sigma": "Top-n-sigma",
    "top_k": "Top-k",
    "typical_p": "Typical-p",
    "top_p": "Top-p",
    "min_p": "Min-p",
    "xtc": "XTC",
    "temperature": "Temperature",
    "logit_bias": "Logit bias",
    "model": "Model",
}
"""What a sampler is called, by its name in the chain."""


def number(options: Options, name: str) -> float:
    return float(cast(float, options[name]))


def is_on(name: str, options: Options) -> bool:
    """Whether the sampler ``name`` changes anything by itself."""
    match name:
        case "penalties":
            repeat, frequency = number(options, "repeat_penalty"), number(options, "frequency_penalty")
            changes = repeat != 1 or frequency or number(options, "presence_penalty")
            return bool(changes and number(options, "repeat_last_n"))
        case "dry":
            able = number(options, "dry_base") >= 1 and number(options, "dry_penalty_last_n")
            return bool(number(options, "dry_multiplier") and able)
        case "top_n_sigma" | "top_k" | "min_p":
            return number(options, name) > 0
        case "typical_p" | "top_p":
            return number(options, name) < 1
        case "xtc":
            return number(options, "xtc_probability") > 0 and number(options, "xtc_threshold") <= 0.5
        case _:
            return number(options, "temperature") != 1 or number(options, "dynatemp_range") > 0


def is_greedy(options: Options) -> bool:
    return number(options, "temperature") <= NO_TEMPERATURE


def working(options: Options) -> list[str]:
    """The samplers that do something, in the order of the chain. Without a temperature only what changes single tokens
    counts before the likeliest is taken; Mirostat takes the place of all but the temperature."""
    order = cast("list[str]", options["samplers"])
    if is_greedy(options):
        return [name for name in order if name in ("penalties", "dry") and is_on(name, options)]
    if number(options, "mirostat"):
        order = ["temperature"]
    return [name for name in order if is_on(name, options)]
