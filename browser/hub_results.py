"""What a person sees of a repository: pure functions over what the hub says of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from paddock.browser.quants import is_projector
from paddock.sdk.hub import Badge, Gate, HubFormat, HubResult

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo

_SIZE = re.compile(r"(?<![A-Za-z0-9.])(?:(\d{1,3})x)?(\d{1,4}(?:\.\d{1,3})?)([bmt])(?![a-z0-9])", re.IGNORECASE)
_UNITS = {"m": 10**6, "b": 10**9, "t": 10**12}
_PIPELINES: dict[str, Badge] = {
    "image-text-to-text": "vision",
    "visual-question-answering": "vision",
    "any-to-any": "vision",
    "feature-extraction": "embedding",
    "sentence-similarity": "embedding",
    "text-ranking": "rerank",
}
_TAGS: dict[str, Badge] = {
    "function-calling": "tools",
    "function calling": "tools",
    "tool-use": "tools",
    "tool-calling": "tools",
    "tools": "tools",
    "vision": "vision",
    "multimodal": "vision",
    "image-text-to-text": "vision",
    "reasoning": "reasoning",
    "thinking": "reasoning",
    "embedding": "embedding",
    "embeddings": "embedding",
    "sentence-transformers": "embedding",
    "sentence-similarity": "embedding",
    "feature-extraction": "embedding",
    "reranker": "rerank",
    "rerank": "rerank",
    "text-ranking": "rerank",
}
_ORDER: tuple[Badge, ...] = ("tools", "vision", "reasoning", "embedding", "rerank")


def result_of(info: ModelInfo) -> HubResult:
    """Raises what a nonsensical answer leads to: TypeError, ValueError, AttributeError."""
    author, _, name = info.id.rpartition("/")
    tags = [tag for tag in info.tags or () if isinstance(tag, str)]
    gguf = info.gguf if isinstance(info.gguf, dict) else {}
    paths = [file.rfilename for file in info.siblings or ()]
    return HubResult(
        id=info.id,
        author=info.author or author,
        name=name,
        downloads=int(info.downloads or 0),
        likes=int(info.likes or 0),
        updated=info.last_modified.timestamp() if info.last_modified else 0.0,
        licence=_licence(tags, info),
        gated=_gate(info.gated),
        private=bool(info.private),
        parameters=parameters_of(name, gguf.get("total"), info.safetensors.total if info.safetensors else None),
        badges=badges_of(tags, info.pipeline_tag or "", str(gguf.get("chat_template") or ""), paths),
        formats=_formats(tags, bool(gguf), paths),
        task=info.pipeline_tag or "",
        languages=_languages(info),
        architecture=str(gguf.get("architecture") or ""),
        context_length=_positive(gguf.get("context_length")) or 0,
    )


def badges_of(tags: Iterable[str], pipeline: str, template: str, paths: Iterable[str] = ()) -> tuple[Badge, ...]:
    """What a model can do, from its ``tags``, its task, its chat template and the files beside it."""
    found = {_TAGS[tag.lower()] for tag in tags if tag.lower() in _TAGS}
    if pipeline in _PIPELINES:
        found.add(_PIPELINES[pipeline])
    if re.search(r"\btools\b", template):
        found.add("tools")
    if "<think>" in template or "enable_thinking" in template or "reasoning_effort" in template:
        found.add("reasoning")
    if any(map(is_projector, paths)):
        found.add("vision")
    if "rerank" in found:
        found.discard("embedding")  # the hub lists rerankers under both
    return tuple(badge for badge in _ORDER if badge in found)


def parameters_of(name: str, gguf: object, safetensors: object) -> int | None:
    """How many parameters a model has. The count of a GGUF file is right unless the hub looked into the projector or
    into one part of many; that of quantised safetensors counts packed numbers, so the name goes before it."""
    named = _named(name)
    counted = _positive(gguf)
    if counted and (named is None or counted > named / 2):
        return counted
    return named or counted or _positive(safetensors)


def _named(name: str) -> int | None:
    """“8x7B” counts its experts, “30B-A3B” is 30 billion."""
    found = _SIZE.search(name.replace("_", "-"))
    if found is None:
        return None
    return round(int(found[1] or 1) * float(found[2]) * _UNITS[found[3].lower()]) or None


def _positive(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _licence(tags: list[str], info: ModelInfo) -> str:
    """Models under a licence of their own name it on the card: “other” alone tells nothing."""
    licence = next((tag.partition(":")[2] for tag in tags if tag.startswith("license:")), "")
    card: Any = info.card_data
    named = card.get("license_name") if card is not None and licence in ("", "other") else None
    return named if isinstance(named, str) else licence


def _gate(gated: object) -> Gate:
    match gated:
        case "manual":
            return "manual"
        case "auto" | True:
            return "auto"
        case _:
            return ""


def _formats(tags: list[str], gguf: bool, paths: list[str]) -> tuple[HubFormat, ...]:
    found: list[HubFormat] = []
    if gguf or "gguf" in tags or any(path.lower().endswith(".gguf") for path in paths):
        found.append("gguf")
    if "mlx" in tags:
        found.append("mlx")
    return tuple(found)


def _languages(info: ModelInfo) -> tuple[str, ...]:
    card: Any = info.card_data
    named = card.get("language") if card is not None else None
    listed = [named] if isinstance(named, str) else named if isinstance(named, list) else []
    return tuple(str(language) for language in listed)
