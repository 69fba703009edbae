"""What people type or paste to find a model on the hub: words, a name, an address, the link or command of another
program."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit

from paddock.sdk.types import Value

HUB_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co")
_NAME = r"[\w.-]{0,95}\w/[\w.-]{0,95}\w"
_QUANT = r"[:@]([\w.-]{1,200})"
_PLAIN = re.compile(rf"({_NAME})(?::([^:/\\]{{1,200}})|{_QUANT})?/?", re.ASCII)
_AUTHOR = re.compile(r"([\w.-]{0,95}\w)/", re.ASCII)
_HOST = "|".join(map(re.escape, (*HUB_HOSTS, "hf-mirror.com")))
_LINKED = _NAME.replace("/", "(?:/|%2F)")
_MARKED = re.compile(
    rf"""(?:(?<![\w.-])(?:{_HOST})/
        | (?<!\w)(?:hf|huggingface):(?://)?                                  # LocalAI, node-llama-cpp
        | ://[\w./]*\b(?:huggingface|hf)/(?:(?:LLM|model)/)?                 # links of Jan, Msty, Jellybox, Backyard
        | \bmodel\.lmstudio\.ai/download/
        | [?&](?:model|repo|repo_id|model_id|hf-model-id)=                   # links of LM Studio, Sanctum, RecurseChat
        | (?<!\S)(?:-hfr?|--hf|--hf-repo|--repo-id|--model|--model-id|--model-path|-m)[\s=]+
        | \b(?:get|pull|run|serve|download)\s+(?:-\S+\s+)*
        | \b(?:repo_id|model_id|model|path_or_hf_repo)\s*=\s*["'] | \b(?:from_pretrained|load)\(\s*["']
        )["']?(?!(?:{_HOST})/)(?P<repo>{_LINKED})
        (?:{_QUANT}|(?:/(?:(?:blob|resolve)/[^/\s]+/)?|["']?\s+["']?)(?P<file>[^\s"'?&#]+\.gguf))?""",
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)
"""A repository behind something that says that it is one. Source: the links and commands behind “Use this model” on the
hub's pages (huggingface.js, ``packages/tasks/src/local-apps.ts``), and the programs' own documentation."""
_FILE = re.compile(
    r"""(?:[?&](?:file|show_file_info)=|(?<!\S)(?:-hff|--hf-file|--include)[\s=]+|\bfilename\s*=\s*)["']?"""
    r"""(?P<file>[^\s"'?&#]+\.gguf)""",
    re.IGNORECASE,
)
_OLLAMA = re.compile(r"(?:ollama\s+(?:run|pull)\s+|https?://ollama\.com/library/)([\w.-]+)(?::([\w.-]+))?$", re.ASCII)
_LMSTUDIO = re.compile(r"(?:https?://)?lmstudio\.ai/models/(?:[\w.-]+/)?([\w.-]+)", re.ASCII)
_NO_OWNERS = frozenset({"api", "blog", "collections", "datasets", "docs", "join", "learn", "login", "models", "new",
                        "organizations", "papers", "posts", "pricing", "settings", "spaces", "tasks"})  # fmt: skip
_OF_OWNERS = frozenset({"activity", "collections", "datasets", "models", "papers", "spaces"})
"""What stands behind an owner in the address of a page and is none of its models."""


class HubWords(Value, frozen=True, kw_only=True):
    """What is looked for: one ``repo`` (OWNER/REPO), perhaps one ``quant`` of it (or the name of a file), else all of
    an ``author``, else ``words``."""

    repo: str = ""
    quant: str = ""
    author: str = ""
    words: str = ""

    @property
    def model(self) -> str:
        """OWNER/REPO[:QUANT] as ``paddock get``, estimates and downloads take it; empty without a repository."""
        return f"{self.repo}:{self.quant}" if self.quant else self.repo


def hub_words(text: str, endpoint: str = "") -> HubWords:
    """What ``text`` means; ``endpoint`` is the address of a mirror, whose pages count as the hub's. No I/O."""
    text = " ".join(text.replace("\\\n", " ").split())
    mirror = endpoint.rstrip("/").partition("://")[2]
    known = re.sub(rf"(?<![\w.-]){re.escape(mirror)}/", "hf.co/", text) if mirror else text
    plain = _PLAIN.fullmatch(known)
    if plain is not None and plain[1].partition("/")[0] not in HUB_HOSTS:
        return HubWords(repo=plain[1], quant=plain[2] or plain[3] or "")
    author = _AUTHOR.fullmatch(known)
    if author is not None:
        return HubWords(author=author[1])
    marked = _MARKED.search(known)
    if marked is not None and _is_repository(repo := unquote(marked["repo"])):
        file = marked if marked["file"] else _FILE.search(known)
        return HubWords(repo=repo, quant=marked[2] or (unquote(file["file"]) if file is not None else ""))
    return _page_of(known) or _elsewhere(text) or HubWords(words=text)


def _is_repository(name: str) -> bool:
    owner, _, rest = name.lower().partition("/")
    return owner not in (*_NO_OWNERS, *HUB_HOSTS) and rest not in _OF_OWNERS


def _page_of(text: str) -> HubWords | None:
    """A page of the hub that is none of a model: that of a publisher, or a search."""
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
    except ValueError:
        return None
    if parts.hostname not in HUB_HOSTS or " " in text:
        return None
    first, _, rest = parts.path.strip("/").partition("/")
    asked = parse_qs(parts.query)
    if first == "models":
        found = {name: asked[name][0] for name in ("search", "author") if name in asked}
        return HubWords(words=found.get("search", ""), author=found.get("author", "")) if found else None
    if first and first.lower() not in _NO_OWNERS and (not rest or rest in _OF_OWNERS):
        return HubWords(author=first)
    return None


def _elsewhere(text: str) -> HubWords | None:
    """A name of another program's own list: the hub has the same models, by other publishers."""
    ollama = _OLLAMA.fullmatch(text)
    if ollama is not None:
        tag = ollama[2] if ollama[2] and ollama[2] != "latest" else ""
        return HubWords(words=f"{ollama[1]} {tag.partition('-')[0]}".strip())
    lmstudio = _LMSTUDIO.match(text)
    return HubWords(words=lmstudio[1]) if lmstudio is not None else None
