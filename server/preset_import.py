"""Settings written for other programs, as presets: LM Studio's files, command lines of llama.cpp, our own files.

Pure: text in, values out. What has no place in a preset is told in sentences, never dropped in silence.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import msgspec

from paddock.sdk.errors import BadRequest, InvalidOption
from paddock.sdk.llamacpp_load import LOAD
from paddock.sdk.llamacpp_sampling import SAMPLING
from paddock.sdk.options import OptionSpec, check_value
from paddock.sdk.presets import Preset, PresetRead, PresetText
from paddock.sdk.types import Options, OptionValue
from paddock.server.preset_lmstudio import Field, is_lmstudio, lmstudio_fields, lmstudio_name

SAMPLING_BY_NAME = {name: spec for spec in SAMPLING for name in (spec.name, *spec.aliases)}
LOAD_BY_NAME = {name: spec for spec in LOAD for name in (spec.name, *spec.aliases)}
_FLAGS = {
    "c": "n_ctx", "ngl": "n_gpu_layers", "np": "n_parallel", "b": "n_batch", "ub": "n_ubatch", "t": "n_threads",
    "tb": "n_threads_batch", "ncmoe": "n_cpu_moe", "sm": "split_mode", "mg": "main_gpu", "ts": "tensor_split",
    "fa": "flash_attn", "ctk": "cache_type_k", "ctv": "cache_type_v", "cram": "cache_ram_mib", "kvu": "kv_unified",
    "kvo": "offload_kqv", "nkvo": "no_offload_kqv", "no_kv_offload": "no_offload_kqv", "no_kvu": "no_kv_unified",
    "nr": "no_repack", "md": "draft_model", "s": "seed", "l": "logit_bias", "typical": "typical_p",
    "top_nsigma": "top_n_sigma", "dry_sequence_breaker": "dry_sequence_breakers",
    "n": "max_tokens", "predict": "max_tokens", "n_predict": "max_tokens", "r": "stop", "reverse_prompt": "stop",
    "sys": "system", "system_prompt": "system", "rea": "reasoning", "reasoning": "reasoning",
    "reasoning_budget": "reasoning_budget", "sampler_seq": "sampler_seq", "sampling_seq": "sampler_seq",
}  # fmt: skip
"""llama.cpp's flags that are not called as our options are (``common/arg.cpp``)."""
LONGEST = 200_000
"""Characters of a text; longer ones take long to take apart."""
_LETTERS = {
    "e": "penalties", "d": "dry", "s": "top_n_sigma", "k": "top_k", "y": "typical_p", "p": "top_p", "m": "min_p",
    "x": "xtc", "t": "temperature",
}  # fmt: skip


def read_preset(text: PresetText) -> PresetRead:
    """What ``text`` says. Raises BadRequest for a text that is no preset at all."""
    if len(text.text) > LONGEST:
        raise BadRequest(f"A preset has at most {LONGEST:,} characters.", hint="Is it the right file?")
    content = text.text.strip().lstrip("\ufeff")
    name = re.sub(r"(\.preset)?\.json$", "", text.name.strip(), flags=re.IGNORECASE)
    if not content.startswith("{"):
        return _Reading(name or "Command line").take(_command_line(content))
    try:
        raw = msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(f"This is not valid JSON: {error}.", hint="Check whether the file is whole.") from error
    if is_lmstudio(raw):
        return _Reading(lmstudio_name(raw) or name or "LM Studio preset").take(lmstudio_fields(raw))
    return _ours(raw, name)


def _ours(raw: dict[str, Any], name: str) -> PresetRead:
    known = {field.name for field in msgspec.structs.fields(Preset)}
    if not known & raw.keys() - {"id", "name"}:
        raise BadRequest(
            "This is no preset that Paddock knows.",
            hint="It takes presets of LM Studio, its own, and command lines of llama.cpp.",
        )
    try:
        preset = msgspec.convert({"name": name or "Preset", **raw, "id": "", "error": "", "shipped": False}, Preset)
    except msgspec.ValidationError as error:
        raise BadRequest(f"This preset does not fit: {error}.", hint="Correct the file.") from error
    notes = [f"“{key}” is not known to presets." for key in raw if key not in known and key != "version"]
    reading = _Reading(preset.name)
    reading.take(Field(option, value) for option, value in preset.sampling.items())
    read = reading.done()
    kept = msgspec.structs.replace(preset, sampling=read.preset.sampling, default_for=())
    return msgspec.structs.replace(read, preset=kept, notes=(*read.notes, *notes))


class _Reading:
    """Puts fields where they belong."""

    def __init__(self, name: str) -> None:
        self._preset = Preset(name=name)
        self._sampling: Options = {}
        self._load: Options = {}
        self._notes: list[str] = []

    def take(self, fields: Iterator[Field]) -> PresetRead:
        for field in fields:
            if field.note:
                self._notes.append(field.note)
            else:
                self._put(field.name, field.value)
        return self.done()

    def done(self) -> PresetRead:
        preset = msgspec.structs.replace(self._preset, sampling=self._sampling)
        return PresetRead(preset=preset, load=self._load, notes=tuple(dict.fromkeys(self._notes)))

    def _put(self, name: str, value: OptionValue) -> None:
        match name:
            case "stop":
                stop = value if isinstance(value, list) else [value]
                before = self._preset.stop or ()
                self._set(stop=tuple(dict.fromkeys((*before, *(str(item) for item in stop if item)))))
            case "max_tokens" if isinstance(value, int):
                self._set(max_tokens=max(0, value))
            case "system":
                self._set(system=str(value))
            case "reasoning":
                self._set(reasoning=value if isinstance(value, bool) else None)
            case _ if name in SAMPLING_BY_NAME:
                self._option(SAMPLING_BY_NAME[name], value, self._sampling)
            case _ if name in LOAD_BY_NAME:
                self._option(LOAD_BY_NAME[name], value, self._load)
            case _:
                self._notes.append(f"“{name}” is not known here.")

    def _set(self, **changes: Any) -> None:
        self._preset = msgspec.structs.replace(self._preset, **changes)

    def _option(self, spec: OptionSpec, value: OptionValue, options: Options) -> None:
        if spec.kind == "int" and isinstance(value, float) and value == int(value):
            value = int(value)
        if spec.kind == "bias" and isinstance(value, dict):
            value = {**(options.get(spec.name) or {}), **value}  # type: ignore[dict-item]  # the same option, checked
        if spec.name == "dry_sequence_breakers" and isinstance(value, str):
            value = [*(options.get(spec.name) or []), value]  # type: ignore[misc]
        try:
            options[spec.name] = check_value(spec, value)
        except InvalidOption as error:
            self._notes.append(error.sentence())


# -------------------------------------------------------------------- command lines


def _command_line(text: str) -> Iterator[Field]:
    words = _words(text)
    if not words:
        raise BadRequest(
            "This is no preset that Paddock knows.",
            hint="Paste a command line of llama.cpp, for example: --temp 0.7 --top-k 40.",
        )
    at = 0
    while at < len(words):
        flag, equals, attached = words[at].partition("=")
        values = [attached] if equals else []
        at += 1
        while not equals and at < len(words) and not _is_flag(words[at]):
            values.append(words[at])
            at += 1
        yield from _flag(flag, values)


def _words(text: str) -> list[str]:
    """From the first flag on; before it llama.cpp's environment variables, as the flags they stand for."""
    joined = re.sub(r"[\\^`]\s*\n", " ", text)  # how shells continue a line
    joined = re.sub(r"\A(\s*#.*\n)+", "", joined)  # what a page says above the command
    joined = re.sub(r"(?<!\S)[\u2013\u2014]+(?=[A-Za-z])", "--", joined)  # what word processors make of two hyphens
    try:
        words = shlex.split(joined)
    except ValueError as error:
        raise BadRequest(f"The command line cannot be read: {error}.", hint="Check its quotation marks.") from error
    variables = [word for word in words if word.startswith("LLAMA_ARG_") and "=" in word]
    rest = [word for word in words if word not in variables]
    first = next((at for at, word in enumerate(rest) if _is_flag(word)), len(rest))
    return [_as_flag(word) for word in variables] + rest[first:]


def _as_flag(variable: str) -> str:
    name, _, value = variable.removeprefix("LLAMA_ARG_").partition("=")
    return f"--{name.lower().replace('_', '-')}={value}"


def _is_flag(word: str) -> bool:
    return re.match(r"--?[a-zA-Z]", word) is not None


def _flag(flag: str, values: list[str]) -> Iterator[Field]:
    name = flag.lstrip("-").replace("-", "_")
    name = _FLAGS.get(name, name)
    value = values[0] if values else ""
    spare = values[1:]
    negated = name.removeprefix("no_")
    spec = SAMPLING_BY_NAME.get(name) or LOAD_BY_NAME.get(name)
    opposite = LOAD_BY_NAME.get(negated) if name.startswith("no_") else None
    if opposite is not None and opposite.kind == "bool":
        yield Field(opposite.name, False)
        spare = values
    elif spec is not None and spec.kind == "bool":
        yield Field(spec.name, True)
        spare = values
    elif spec is not None:
        yield _valued(flag, spec, value)
    elif name in _OTHERS:
        yield _OTHERS[name](flag, value)
    else:
        yield Field(note=f"“{' '.join([flag, *values])}” has no place in a preset.")
        spare = []
    yield from (Field(note=f"“{word}” belongs to no flag.") for word in spare)


def _valued(flag: str, spec: OptionSpec, text: str) -> Field:
    try:
        if not text and spec.name != "flash_attn":
            raise ValueError
        match spec.kind:
            case "int" if text in ("all", "max"):
                return Field(spec.name, -1)
            case "int":
                return Field(spec.name, text if text == "auto" else int(text))
            case "float":
                return Field(spec.name, float(text))
            case "bias":
                return _bias(text)
            case "list" if spec.name == "samplers":
                names = [{"typ_p": "typical_p"}.get(name, name) for name in re.split("[;,]", text) if name]
                return Field(spec.name, [name for name in names if name != "infill"])
            case "list" if spec.name == "dry_sequence_breakers" and text == "none":
                return Field(spec.name, [])
            case "choice" if spec.name == "flash_attn":
                return Field(spec.name, {"": "on", "1": "on", "0": "off", "-1": "auto"}.get(text, text))
            case _:
                return Field(spec.name, text)
    except ValueError:
        return Field(note=f"“{flag} {text}” is not understood." if text else f"“{flag}” has no value.")


def _bias(text: str) -> Field:
    found = re.fullmatch(r"(\d+)([+-].+)", text)
    if found is None:
        raise ValueError(text)
    return Field("logit_bias", {found[1]: float(found[2])})


def _max_tokens(flag: str, text: str) -> Field:
    return Field("max_tokens", int(text)) if re.fullmatch(r"-?\d+", text) else Field(note=f"“{flag}” has no number.")


def _reasoning(flag: str, text: str) -> Field:
    known = {"on": True, "1": True, "off": False, "0": False, "auto": None}
    return Field("reasoning", known[text]) if text in known else Field(note=f"“{flag} {text}” is not understood.")


def _budget(flag: str, text: str) -> Field:
    if text in ("0", "-1"):
        return Field("reasoning", False if text == "0" else None)
    return Field(note=f"“{flag} {text}”: Paddock has no limit for the thinking alone.")


def _template(flag: str, text: str) -> Field:
    """What is handed to the chat template: the switch for reasoning where it is nothing else."""
    with suppress(msgspec.DecodeError):
        match msgspec.json.decode(text):
            case {"enable_thinking": bool(thinks)} as given if len(given) == 1:
                return Field("reasoning", thinks)
    return Field(note=f"“{flag} {text}” has no place in a preset.")


def _stretch(flag: str, text: str) -> Field:
    """``--rope-scale`` says by how much the context grows, our option by how much frequencies shrink."""
    with suppress(ValueError, ZeroDivisionError):
        return Field("rope_freq_scale", 1 / float(text))
    return Field(note=f"“{flag} {text}” is not understood.")


def _sequence(flag: str, text: str) -> Field:
    unknown = [letter for letter in text if letter not in _LETTERS]
    if unknown or not text:
        return Field(note=f"“{flag} {text}”: there is no sampler “{unknown[0] if unknown else ''}”.")
    return Field("samplers", [_LETTERS[letter] for letter in text])


_OTHERS: dict[str, Callable[[str, str], Field]] = {
    "max_tokens": _max_tokens,
    "stop": lambda _, text: Field("stop", text),
    "system": lambda _, text: Field("system", text),
    "reasoning": _reasoning,
    "reasoning_budget": _budget,
    "sampler_seq": _sequence,
    "chat_template_kwargs": _template,
    "rope_scale": _stretch,
}
