"""Command-line flags drawn from OptionSpecs, and their values as options."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
import typer

from paddock.sdk.errors import InvalidOption
from paddock.sdk.options import OptionSpec, check
from paddock.sdk.types import Options, OptionValue


def flag_name(name: str) -> str:
    """``top_k`` as ``--top-k``."""
    return "--" + name.replace("_", "-")


class OptionFlags:
    """The flags of one table of options. ``where`` names the table in error sentences."""

    def __init__(self, specs: Sequence[OptionSpec], *, title: str, where: str) -> None:
        self._specs = tuple(specs)
        self._names = {name: spec for spec in specs for name in (spec.name, *spec.aliases)}
        self._title = title
        self._where = where

    def added_to(self, command: Callable[..., None], *, argument: str) -> Callable[..., None]:
        """``command`` with these flags as further parameters, handed to it together as ``argument``."""

        @functools.wraps(command)
        def with_flags(**given: Any) -> None:
            flags = {name: given.pop(name) for name in self._names}
            command(**given, **{argument: self.read(flags)})

        own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != argument]
        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
        parameters += [self._parameter(name, spec) for name, spec in self._names.items()]
        with_flags.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        with_flags.__annotations__ = {p.name: p.annotation for p in parameters}
        return with_flags

    def read(self, given: Mapping[str, Any]) -> Options:
        """The values that were given, checked. Raises typer.BadParameter naming the flag."""
        chosen = {name: value for name, value in given.items() if value is not None and value != []}
        try:
            return check(
                {name: self._value(self._names[name], value) for name, value in chosen.items()},
                self._specs,
                where=self._where,
            )
        except InvalidOption as error:
            flag = flag_name(str(error.details.get("option", "")))
            raise typer.BadParameter(error.sentence(), param_hint=flag) from error

    def _value(self, spec: OptionSpec, value: Any) -> OptionValue:
        if spec.kind == "list":
            return _placed(spec, _list(value, divide=bool(spec.choices)))
        if spec.kind == "bias":
            return dict(_weighted(item) for item in value)
        if spec.auto is not None and isinstance(value, str):
            return _number_or_auto(spec, value)
        return _placed(spec, value)

    def _parameter(self, name: str, spec: OptionSpec) -> inspect.Parameter:
        flag = flag_name(name)
        option = typer.Option(
            f"{flag}/--no-{flag[2:]}" if spec.kind == "bool" else flag,
            help=_help(spec),
            metavar=_METAVAR.get(spec.kind),
            rich_help_panel=f"{self._title}: {spec.group}",
            show_default=False,
            hidden=name != spec.name,
        )
        return inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[_annotation(spec), option]
        )


_HUGE = 1_000_000
_METAVAR = {"float": "NUMBER", "int": "NUMBER", "text": "TEXT", "list": "TEXT", "bias": "TOKEN=NUMBER"}


def _annotation(spec: OptionSpec) -> Any:
    if spec.auto is not None:
        return str | None
    match spec.kind:
        case "bool":
            return bool | None
        case "int":
            return int | None
        case "float":
            return float | None
        case "text":
            return str | None
        case "choice":
            return Literal[spec.choices] | None
        case "list" | "bias":
            return list[str] | None


def _help(spec: OptionSpec) -> str:
    facts = []
    if spec.kind in ("int", "float") and spec.minimum is not None:
        bounded = spec.maximum is not None and spec.maximum < _HUGE
        facts.append(f"{spec.minimum:g} to {spec.maximum:g}" if bounded else f"from {spec.minimum:g}")
    if spec.auto is not None:
        facts.append("or “auto”")
    if spec.kind in ("list", "bias"):
        facts.append("give it several times")
    if isinstance(spec.default, (int, float, str)) and not isinstance(spec.default, bool) and spec.default != "":
        facts.append(f"default {spec.default:g}" if isinstance(spec.default, float) else f"default {spec.default}")
    return f"{spec.help} ({', '.join(facts)})" if facts else spec.help


def _list(values: Sequence[str], *, divide: bool) -> list[Any]:
    """Each value is one item, or several with commas where ``divide``; a single JSON list is taken apart, so that any
    text can be given."""
    if len(values) == 1 and values[0].startswith("["):
        try:
            return msgspec.json.decode(values[0], type=list[str])
        except msgspec.DecodeError:
            pass
    return [item for value in values for item in (value.split(",") if divide else [value])]


def _placed(spec: OptionSpec, value: OptionValue) -> OptionValue:
    """Paths as absolute ones, because the host works in another folder."""
    if not spec.files or not value or value == spec.off:
        return value
    if isinstance(value, list):
        return [_placed(spec, item) for item in value]
    return os.path.abspath(os.path.expanduser(value)) if isinstance(value, str) else value


def _number_or_auto(spec: OptionSpec, text: str) -> OptionValue:
    """What was given to an option that also takes the word “auto”."""
    try:
        return text if text == "auto" else int(text)
    except ValueError:
        raise InvalidOption(
            f"“{spec.name}” cannot be “{text}”.", hint="It takes a whole number, or “auto”.", option=spec.name
        ) from None


def _weighted(item: str) -> tuple[str, float]:
    token, _, number = item.rpartition("=")
    try:
        if token:
            return token, float(number)
    except ValueError:
        pass
    hint = "It takes a token and a number, as in 42=-100."
    raise InvalidOption(f"“{item}” is no bias.", hint=hint, option="logit_bias")


def assignment(item: str, specs: Sequence[OptionSpec]) -> tuple[str, OptionValue]:
    """``name=value`` for an option of ``specs``; the value is read as JSON where its kind is not text."""
    name, equals, text = item.partition("=")
    if not equals or not name:
        raise InvalidOption(f"“{item}” is no option.", hint="Options are given as name=value.")
    spec = next((s for s in specs if name in (s.name, *s.aliases)), None)
    if spec is not None and spec.kind in ("text", "choice"):
        return name, _placed(spec, text)
    try:
        value: OptionValue = msgspec.json.decode(text)
    except msgspec.DecodeError:
        value = [text] if spec is not None and spec.kind == "list" else text
    return name, value if spec is None else _placed(spec, value)
