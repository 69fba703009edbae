"""The fields that chat completions and completions share, llama-server's beside OpenAI's: each is used, known to
change nothing here, or refused."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from typing import Any, NoReturn, TypeVar

import msgspec

from paddock.backends.base import EngineDescriptor
from paddock.sdk.errors import BadRequest, UnknownOption
from paddock.sdk.options import check
from paddock.sdk.types import Options
from paddock.server.api.bodies import convert

WITHOUT_EFFECT = frozenset(
    {"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"}
)
"""Fields that concern OpenAI's own servers: accepted, nothing follows from them."""
MAX_CHOICES = 16


class StreamOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    include_usage: bool = False
    include_obfuscation: bool = False


class Lora(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: int
    scale: float


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    """What is no sampling option of the model's engine."""

    model: str
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    max_tokens: int | None = None
    n_predict: int | None = None
    stop: str | list[str] | None = None
    cache_prompt: bool | None = None
    ttl: float | None = None
    id_slot: int | None = None
    lora: list[Lora] | None = None
    drafts: int | None = msgspec.field(default=None, name="speculative.n_max")
    logit_bias: dict[str, float] | list[tuple[int | str, float | bool]] | None = None


B = TypeVar("B", bound=Fields)


def read(raw: dict[str, Any], kind: type[B]) -> tuple[B, Options]:
    """The body and, beside it, what is left for the engine's sampling. Raises BadRequest."""
    known = set(kind.__struct_encode_fields__)
    body = convert({name: value for name, value in raw.items() if name in known}, kind)
    rest = {
        name: value
        for name, value in raw.items()
        if name not in known and name not in WITHOUT_EFFECT and value is not None
    }
    if body.n is not None and not 1 <= body.n <= MAX_CHOICES:
        raise wrong("n", f"“n” cannot be {body.n}.", f"It takes 1 to {MAX_CHOICES}.")
    if body.id_slot not in (None, -1):
        raise wrong("id_slot", f"“id_slot” cannot be {body.id_slot}.", "Requests have no fixed slots; leave it out.")
    return body, rest


def sampling(body: Fields, rest: Options, descriptor: EngineDescriptor) -> Options:
    """Sampling options under the engine's names. Raises UnknownOption with a suggestion, InvalidOption."""
    wanted: Options = dict(rest)
    names = [name for spec in descriptor.sampling for name in (spec.name, *spec.aliases)]
    if body.logit_bias is not None:
        wanted["logit_bias"] = _biases(body.logit_bias)
    if body.lora is not None:
        wanted["lora_scales"] = {str(adapter.id): adapter.scale for adapter in body.lora}
    if body.drafts == 0 and "drafting" in names:
        wanted["drafting"] = "off"
    try:
        return check(wanted, descriptor.sampling, where=f"{descriptor.title} sampling")
    except UnknownOption as error:
        name = str(error.details.get("option", ""))
        near = difflib.get_close_matches(name, [*type(body).__struct_encode_fields__, *WITHOUT_EFFECT, *names], n=1)
        hint = f"Did you mean “{near[0]}”?" if near else "Fields and sampling options are listed in docs/api.md."
        raise UnknownOption(f"There is no field “{name}”.", hint=hint, option=name) from None


def _biases(given: dict[str, float] | Iterable[tuple[int | str, float | bool]]) -> dict[str, float]:
    """llama-server also takes pairs, in which false forbids a token."""
    if isinstance(given, dict):
        return given
    return {str(token): -math.inf if bias is False else float(bias) for token, bias in given}


def max_tokens(body: Fields, other: int | None = None, default: int | None = None) -> int | None:
    """The longest answer: ``other``, else ``max_tokens`` or llama-server's ``n_predict``, where -1 means no limit.
    Raises BadRequest."""
    name = "n_predict" if body.max_tokens is None and other is None else "max_tokens"
    limit = next((value for value in (other, body.max_tokens, body.n_predict) if value is not None), default)
    if limit == -1 and name == "n_predict":
        return None
    if limit is not None and limit < 1:
        raise wrong(name, f"“{name}” cannot be {limit}.", "It takes a whole number from 1.")
    return limit


def texts_or_ids(field: str, given: str | list[str | int | list[int]], most: int) -> list[str | tuple[int, ...]]:
    """A text, a list of texts, a list of token ids or a list of such lists, as one list. Raises BadRequest."""
    items = [given] if isinstance(given, str) else given
    ids = [item for item in items if isinstance(item, int)]
    if ids and len(ids) < len(items):
        raise wrong(field, f"“{field}” mixes token ids and texts.", "Send one list for each text.")
    rest = [item if isinstance(item, str) else tuple(item) for item in items if not isinstance(item, int)]
    found: list[str | tuple[int, ...]] = [tuple(ids)] if ids else [*rest]
    if not found or not all(found):
        raise wrong(field, f"“{field}” is empty, or a part of it is.", "Give a text, or at least one token.")
    if len(found) > most:
        raise wrong(field, f"“{field}” has {len(found):,} parts, which is too many.", f"{most:,} at most.")
    return found


def stops(body: Fields) -> tuple[str, ...]:
    given = [body.stop] if isinstance(body.stop, str) else body.stop or []
    return tuple(text for text in given if text)


def ttl_s(body: Fields) -> float | None:
    """LM Studio's field: so many seconds may the model be idle after this request. Raises BadRequest."""
    if body.ttl is not None and not 0 <= body.ttl < math.inf:
        raise wrong("ttl", f"“ttl” cannot be {body.ttl:g}.", "It takes seconds; 0 keeps the model for ever.")
    return body.ttl


def include_usage(body: Fields) -> bool:
    return body.stream_options is not None and body.stream_options.include_usage


def later(field: str, what: str) -> NoReturn:
    raise wrong(field, f"{what} comes later; this version cannot do it.", f"Leave “{field}” out.")


def wrong(field: str, message: str, hint: str) -> BadRequest:
    return BadRequest(message, hint=hint, field=field)
