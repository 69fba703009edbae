"""Options are data: sliders, command-line flags, request validation, documentation and presets are drawn from them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from paddock.sdk.errors import InvalidOption, UnknownOption
from paddock.sdk.types import Options, OptionValue, Value

OptionKind = Literal["float", "int", "bool", "choice", "text", "list", "bias"]
"""``list``: a list of strings; ``bias``: token id or text to a number added to its logit."""


class OptionSpec(Value, frozen=True, kw_only=True):
    """One option of an engine.

    ``minimum`` and ``maximum`` bound what is accepted; ``soft_maximum`` is where a slider ends when the accepted range
    is unbounded. ``off`` is the value that disables the option, None where it cannot be disabled. ``default`` None
    means: decided by the model or the engine. ``auto`` is the value that the word “auto” stands for, None where the
    option does not take it. ``aliases`` are other names for the same thing (OpenAI's, older ones).
    ``files``: the text, or each of the list, is the path of a file.
    """

    name: str
    kind: OptionKind
    default: OptionValue
    label: str
    help: str
    group: str
    minimum: float | None = None
    maximum: float | None = None
    soft_maximum: float | None = None
    step: float | None = None
    off: OptionValue = None
    auto: OptionValue = None
    choices: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    files: bool = False


def check(
    options: Mapping[str, OptionValue], specs: Iterable[OptionSpec], *, where: str, unset: bool = False
) -> Options:
    """``options`` under their proper names and types, every value inside its range.

    Options that are None are left out; with ``unset`` they stay, for a caller who goes back to the default of what was
    said elsewhere. ``where`` names the engine or place for the error sentence ("llama.cpp sampling").
    Raises UnknownOption (with the nearest name as hint) and InvalidOption.
    """
    table = {name: spec for spec in specs for name in (spec.name, *spec.aliases)}
    checked: Options = {}
    for name, value in options.items():
        spec = table.get(name)
        if spec is None:
            near = difflib.get_close_matches(name, table, n=1)
            known = ", ".join(sorted({s.name for s in table.values()}))
            raise UnknownOption(
                f"There is no option “{name}” in {where}.",
                hint=f"Did you mean “{near[0]}”?" if near else f"Options: {known}.",
                option=name,
            )
        if spec.name in checked:
            raise InvalidOption(f"“{spec.name}” is given twice, also as “{name}”.", hint="Give it once.", option=name)
        if value is not None:
            checked[spec.name] = check_value(spec, value)
        elif unset:
            checked[spec.name] = None
    return checked


def check_value(spec: OptionSpec, value: OptionValue) -> OptionValue:
    """``value`` as ``spec`` wants it; raises InvalidOption with the accepted range."""
    if value == "auto" and spec.auto is not None:
        return spec.auto
    match spec.kind:
        case "bool":
            if isinstance(value, bool):
                return value
            raise _invalid(spec, value, "true or false")
        case "int" | "float":
            return _number(spec, value)
        case "choice":
            if isinstance(value, str) and value in spec.choices:
                return value
            raise _invalid(spec, value, "one of " + ", ".join(spec.choices))
        case "text":
            if isinstance(value, str):
                return value
            raise _invalid(spec, value, "text")
        case "list":
            if isinstance(value, list) and all(isinstance(item, str) for item in value):
                return value
            raise _invalid(spec, value, "a list of strings")
        case "bias":
            if isinstance(value, dict) and all(
                isinstance(k, str) and k and isinstance(v, (int, float)) and not isinstance(v, bool)
                for k, v in value.items()
            ):
                return {k: float(v) for k, v in value.items()}
            raise _invalid(spec, value, "an object of token ids to numbers")


def _number(spec: OptionSpec, value: OptionValue) -> int | float:
    number: int | float
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _invalid(spec, value, "a number")
    if spec.kind == "int":
        if value != value or value in (float("inf"), float("-inf")) or int(value) != value:
            raise _invalid(spec, value, "a whole number")
        number = int(value)
    else:
        number = float(value)
    low, high = spec.minimum, spec.maximum
    is_off = spec.off is not None and number == spec.off
    if not is_off and (number != number or (low is not None and number < low) or (high is not None and number > high)):
        at_least, at_most = number_text(low), number_text(high)
        span = f"from {at_least}" if high is None else f"{at_least} to {at_most}" if at_least else f"up to {at_most}"
        raise _invalid(spec, value, span)
    return number


def number_text(number: float | None) -> str:
    """A bound as people write it: whole numbers in full, no needless zeros; empty for None."""
    if number is None:
        return ""
    return str(int(number)) if number == int(number) else f"{number:g}"


def _invalid(spec: OptionSpec, value: OptionValue, wanted: str) -> InvalidOption:
    text = repr(value) if isinstance(value, float) else msgspec.json.encode(value, enc_hook=repr).decode()
    shown = text if len(text) <= 60 else text[:57] + "..."
    return InvalidOption(f"“{spec.name}” cannot be {shown}.", hint=f"It takes {wanted}.", option=spec.name)
