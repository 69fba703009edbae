"""About 300 plausible repositories for the small hub of the tests, made from a list of facts, and the answers that
huggingface-hub asks for about them: search, model info, tree, access, account, model card.

    python tests/hub_catalogue.py [--rate BYTES] [--furnish DIR]

serves them for tries by hand, dense models with real headers and zeros behind them, and says what to set
``HF_ENDPOINT`` to. ``--rate``: bytes per second of one connection. ``--furnish`` first writes a person's models below a
folder, which take no room on the disk: those of DIR/home and of LM Studio in DIR/person, some broken.
"""

from __future__ import annotations

import argparse
import base64
import importlib.util
import json
import random
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlencode

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BITS = {"Q2_K": 3.0, "Q3_K_M": 3.9, "IQ4_XS": 4.3, "Q4_K_M": 4.85, "Q5_K_M": 5.7, "Q6_K": 6.6, "Q8_0": 8.5, "F16": 16.0}
SHARD = 45_000_000_000
SIZE = {"M": 10**6, "B": 10**9, "T": 10**12}
PLAIN = "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}{% endfor %}"
TOOLS = "{% if tools %}<tool_call>{{ tools }}</tool_call>{% endif %}" + PLAIN
THINKING = "{% if enable_thinking %}<think>{% endif %}" + TOOLS


@dataclass(frozen=True)
class Family:
    """``name`` has a place for the size; ``gate`` is that of the maker's own repositories."""

    maker: str
    name: str
    sizes: str
    licence: str
    architecture: str
    context: int
    template: str = PLAIN
    task: str = "text-generation"
    tags: tuple[str, ...] = ()
    projector: bool = False
    gate: str | bool = False


FAMILIES = (
    Family("Qwen", "Qwen3-{}", "0.6B 1.7B 4B 8B 14B 32B 30B-A3B", "apache-2.0", "qwen3", 40960, THINKING),
    Family("Qwen", "Qwen2.5-{}-Instruct", "0.5B 3B 7B 72B", "apache-2.0", "qwen2", 32768, TOOLS),
    Family("Qwen", "Qwen2.5-Coder-{}-Instruct", "1.5B 7B 32B", "apache-2.0", "qwen2", 32768, TOOLS, tags=("code",)),
    Family("Qwen", "Qwen2.5-VL-{}-Instruct", "3B 7B", "apache-2.0", "qwen2vl", 128000, TOOLS, "image-text-to-text",
           projector=True),
    Family("Qwen", "Qwen3-Embedding-{}", "0.6B 4B 8B", "apache-2.0", "qwen3", 32768, "", "feature-extraction",
           ("sentence-transformers",)),
    Family("Qwen", "Qwen3-Reranker-{}", "0.6B 4B", "apache-2.0", "qwen3", 32768, "", "text-ranking"),
    Family("google", "gemma-3-{}-it", "1b 4b 12b 27b", "gemma", "gemma3", 131072, PLAIN, "image-text-to-text",
           projector=True, gate="manual"),
    Family("meta-llama", "Llama-3.2-{}-Instruct", "1B 3B", "llama3.2", "llama", 131072, TOOLS, gate="manual"),
    Family("meta-llama", "Llama-3.1-{}-Instruct", "8B 70B 405B", "llama3.1", "llama", 131072, TOOLS, gate="manual"),
    Family("mistralai", "Mistral-{}-Instruct-v0.3", "7B", "apache-2.0", "llama", 32768, TOOLS),
    Family("mistralai", "Mistral-Small-{}-Instruct-2501", "24B", "apache-2.0", "llama", 32768, TOOLS, gate="auto"),
    Family("mistralai", "Mixtral-{}-Instruct-v0.1", "8x7B", "apache-2.0", "llama", 32768),
    Family("microsoft", "Phi-4-mini-instruct", "3.8B", "mit", "phi3", 131072, TOOLS),
    Family("microsoft", "phi-4", "14B", "mit", "phi3", 16384),
    Family("HuggingFaceTB", "SmolLM3-{}", "3B", "apache-2.0", "smollm3", 65536, THINKING),
    Family("HuggingFaceTB", "SmolLM2-{}-Instruct", "135M 360M 1.7B", "apache-2.0", "llama", 8192),
    Family("openai", "gpt-oss-{}", "20b 120b", "apache-2.0", "gpt-oss", 131072, "reasoning_effort tools"),
    Family("deepseek-ai", "DeepSeek-R1-Distill-Llama-{}", "8B 70B", "mit", "llama", 131072, THINKING,
           tags=("reasoning",)),
    Family("ibm-granite", "granite-3.3-{}-instruct", "2b 8b", "apache-2.0", "granite", 131072, TOOLS),
    Family("nomic-ai", "nomic-embed-text-v1.5", "137M", "apache-2.0", "nomic-bert", 2048, "", "sentence-similarity"),
)  # fmt: skip
OWNED = (
    ("home/models", "Qwen/Qwen3-8B-GGUF", "Q4_K_M"),
    ("home/models", "unsloth/Qwen3-8B-GGUF", "Q6_K"),
    ("home/models", "bartowski/DeepSeek-R1-Distill-Llama-8B-GGUF", "Q4_K_M"),
    ("home/models", "Qwen/Qwen2.5-Coder-7B-Instruct-GGUF", "Q5_K_M"),
    ("home/models", "MaziyarPanahi/Mistral-Small-24B-Instruct-2501-GGUF", "IQ4_XS"),
    ("home/models", "Qwen/Qwen3-Embedding-0.6B-GGUF", "Q8_0"),
    ("home/models", "HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF", "F16"),
    ("home/models", "HuggingFaceTB/SmolLM2-360M-Instruct-GGUF", "Q8_0"),
    ("person/.lmstudio/models", "lmstudio-community/Qwen3-14B-GGUF", "Q4_K_M"),
    ("person/.lmstudio/models", "lmstudio-community/Llama-3.2-3B-Instruct-GGUF", "Q8_0"),
    ("person/.lmstudio/models", "bartowski/DeepSeek-R1-Distill-Llama-70B-GGUF", "Q3_K_M"),
)
"""Folder, repository and quant of what ``--furnish`` writes."""
CONVERTERS = ("bartowski", "unsloth", "lmstudio-community", "MaziyarPanahi")
LANGUAGES = ("en", "de", "fr", "zh")


@dataclass
class Entry:
    """A repository: ``facts`` as the hub tells them of it, and its files."""

    facts: dict[str, Any]
    files: dict[str, int]
    card: str
    """The whole README.md."""


@dataclass
class Account:
    name: str
    granted: set[str] = field(default_factory=set)
    """Gated repositories that it has access to."""


def entries() -> dict[str, Entry]:
    """The catalogue: always the same."""
    made: dict[str, Entry] = {}
    for family in FAMILIES:
        for size in family.sizes.split():
            name = family.name.format(size)
            for converter in (family.maker, *CONVERTERS):
                gate = family.gate if converter == family.maker else False
                made[f"{converter}/{name}-GGUF"] = _gguf(family, name, size, converter, gate)
            for bits in (4, 8):
                made[f"mlx-community/{name}-{bits}bit"] = _mlx(family, name, size, bits)
    return made


def parameters(size: str) -> int:
    found = re.match(r"(?:(\d+)x)?([\d.]+)([MBT])", size, re.IGNORECASE)
    assert found is not None
    return round(int(found[1] or 1) * float(found[2]) * SIZE[found[3].upper()])


def _gguf(family: Family, name: str, size: str, author: str, gate: str | bool) -> Entry:
    count = parameters(size)
    files = {"README.md": 0, ".gitattributes": 1519}
    for quant, bits in BITS.items():
        total = round(count * bits / 8)
        parts = -(-total // SHARD)
        for part in range(parts):
            suffix = f"-{part + 1:05}-of-{parts:05}" if parts > 1 else ""
            folder = f"{quant}/" if parts > 1 else ""
            files[f"{folder}{name}-{quant}{suffix}.gguf"] = total // parts
    if family.projector:
        files[f"mmproj-{name}-F16.gguf"] = 850_000_000
    gguf = {"total": count, "architecture": family.architecture, "context_length": family.context}
    if family.template:
        gguf["chat_template"] = family.template
    return _entry(family, f"{author}/{name}-GGUF", files, gate, ["gguf"], {"gguf": gguf})


def _mlx(family: Family, name: str, size: str, bits: int) -> Entry:
    count = parameters(size)
    files = {"README.md": 0, "config.json": 1200, "model.safetensors": count * bits // 8}
    more = {"safetensors": {"parameters": {"U32": count * bits // 32}, "total": count * bits // 32}}
    return _entry(family, f"mlx-community/{name}-{bits}bit", files, False, ["mlx", "safetensors"], more)


def _entry(
    family: Family, repo: str, files: dict[str, int], gate: str | bool, tags: list[str], more: dict[str, Any]
) -> Entry:
    dice = random.Random(repo)
    popularity = dice.paretovariate(0.8)
    changed = NOW - timedelta(hours=dice.randrange(1, 9000))
    card = {"license": family.licence, "language": list(LANGUAGES[: dice.randrange(1, 5)])}
    front = "\n".join(f"{key}: {value}" for key, value in card.items())
    title = repo.split("/")[1]
    text = (
        f"---\n{front}\n---\n# {title}\n\nConverted from [{family.maker}](https://huggingface.co/{family.maker}).\n\n"
        f"![A picture](https://example.org/tracker.png)\n\n| Model | Context |\n|---|---|\n"
        f"| {title} | {family.context:,} |\n"
    )
    files["README.md"] = len(text.encode())
    facts = {
        "id": repo, "modelId": repo, "author": repo.split("/")[0], "gated": gate, "private": False,
        "sha": f"{dice.getrandbits(160):040x}", "lastModified": changed.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "downloads": int(popularity * 900), "likes": int(popularity * 7),
        "trendingScore": int(popularity * dice.random()),
        "pipeline_tag": family.task, "library_name": tags[0], "cardData": card,
        "tags": [*tags, *family.tags, f"license:{family.licence}", "region:us", *card["language"]],
        **more,
    }  # fmt: skip
    return Entry(facts, files, text)


class Catalogue:
    """Answers for ``hub`` (a LocalHub): set as its ``answer``. Tokens are the keys of ``accounts``; a token that is in
    none is refused whatever is asked, as the real hub does."""

    def __init__(self, hub: Any, made: dict[str, Entry] | None = None) -> None:
        self._hub = hub
        self.entries = entries() if made is None else made
        self.accounts: dict[str, Account] = {"hf_right": Account("tester")}
        self.statuses: list[tuple[int, dict[str, str]]] = []
        """Answers instead of the next ones, from the front; 200 lets one through."""
        self.asked: list[str] = []
        """Path and query of each question."""
        hub.answer = self

    def __call__(self, path: str, query: str, authorization: str) -> tuple[int, dict[str, str], bytes] | None:
        route = self._route(path)
        if route is None:
            return None
        self.asked.append(f"{path}?{query}")
        if self.statuses and (status := self.statuses.pop(0))[0] != 200:
            return status[0], status[1], b""
        token = authorization.removeprefix("Bearer ")
        if token and token not in self.accounts:
            return 401, {"X-Error-Message": "Invalid credentials in Authorization header"}, b'{"error":"Invalid"}'
        return route(parse_qs(query), self.accounts.get(token))

    def _route(self, path: str) -> Callable[[dict[str, list[str]], Account | None], Any] | None:
        if path == "/api/models":
            return self._search
        if path == "/api/whoami-v2":
            return self._whoami
        found = re.match(r"(?:/api/models)?/([^/]+/[^/]+)(?:/(auth-check|revision|tree|resolve)(?:/(.+))?)?$", path)
        entry = self.entries.get(found[1]) if found else None
        if found is None or entry is None:
            return None
        match found[2]:
            case None | "revision":
                return lambda query, account: self._info(entry, query)
            case "tree":
                return lambda query, account: _json(list(_tree(entry, self._blobs(entry))))
            case "auth-check":
                return lambda query, account: self._access(entry, account) or _json({})
            case _ if found[3].endswith("/README.md"):
                return lambda query, account: (200, {"Content-Type": "text/plain"}, entry.card.encode())
            case _:
                return None

    def _blobs(self, entry: Entry) -> dict[str, Any]:
        """Its files that can really be had."""
        repo = self._hub.repos.get(entry.facts["id"])
        return repo.files if repo is not None else {}

    def _search(self, query: dict[str, list[str]], account: Account | None) -> tuple[int, dict[str, str], bytes]:
        first = {name: values[0] for name, values in query.items()}
        found = [
            entry.facts for entry in self.entries.values() if _matches(entry.facts, first, query.get("filter", []))
        ]
        key = first.get("sort", "trendingScore")
        found.sort(key=lambda facts: facts[key], reverse=True)
        at = int(base64.b64decode(first["cursor"])) if "cursor" in first else 0
        end = at + int(first.get("limit", 30))
        headers = {}
        if end < len(found):
            cursor = base64.b64encode(str(end).encode()).decode()
            following = urlencode({**query, "cursor": [cursor]}, doseq=True)
            headers["Link"] = f'<{self._hub.url}/api/models?{following}>; rel="next"'
        wanted = ["_id", "id", *query.get("expand", [])]
        return _json([{name: facts[name] for name in wanted if name in facts} for facts in found[at:end]], headers)

    def _info(self, entry: Entry, query: dict[str, list[str]]) -> tuple[int, dict[str, str], bytes]:
        if "expand" in query:
            return _json({name: entry.facts[name] for name in ("id", *query["expand"]) if name in entry.facts})
        siblings = []
        for file in _tree(entry, self._blobs(entry)):
            sibling = {"rfilename": file["path"]}
            if "blobs" in query:
                sibling |= {"size": file["size"], "blobId": file["oid"]}
                if "lfs" in file:
                    sibling["lfs"] = {"sha256": file["lfs"]["oid"], "size": file["size"], "pointerSize": 134}
            siblings.append(sibling)
        return _json({**entry.facts, "siblings": siblings})

    def _whoami(self, query: dict[str, list[str]], account: Account | None) -> tuple[int, dict[str, str], bytes]:
        if account is None:
            return 401, {"X-Error-Message": "Invalid username or password."}, b"{}"
        return _json({"type": "user", "name": account.name})

    def _access(self, entry: Entry, account: Account | None) -> tuple[int, dict[str, str], bytes] | None:
        if not entry.facts["gated"] or (account is not None and entry.facts["id"] in account.granted):
            return None
        return (401 if account is None else 403), {"X-Error-Code": "GatedRepo"}, b"{}"


def _matches(facts: dict[str, Any], first: dict[str, str], tags: list[str]) -> bool:
    words = first.get("search", "").lower().split()
    if not all(word in facts["id"].lower() for word in words) or not set(tags) <= set(facts["tags"]):
        return False
    if first.get("author", facts["author"]) != facts["author"]:
        return False
    if first.get("pipeline_tag", facts["pipeline_tag"]) != facts["pipeline_tag"]:
        return False
    if "gated" in first and (first["gated"] == "true") != bool(facts["gated"]):
        return False
    if "num_parameters" not in first:
        return True
    bounds = dict(part.split(":") for part in first["num_parameters"].split(","))
    count = facts.get("gguf", facts.get("safetensors"))["total"]
    return parameters(bounds.get("min", "0B")) <= count <= parameters(bounds.get("max", "9999B"))


def _tree(entry: Entry, blobs: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path, size in entry.files.items():
        made_up = f"{random.Random(entry.facts['id'] + path).getrandbits(256):064x}"
        oid = blobs[path].sha256 if path in blobs else made_up
        file = {"type": "file", "path": path, "size": size, "oid": oid[:40]}
        if path.endswith((".gguf", ".safetensors")):
            file["lfs"] = {"oid": oid, "size": size, "pointerSize": 134}
        yield file


def _json(value: Any, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": "application/json", **(headers or {})}, json.dumps(value).encode()


def with_headers(hub: Any, made: dict[str, Entry]) -> None:
    """Let ``hub`` serve the files of the dense models in one piece: real headers, and zeros."""
    headers = beside("hub_headers.py")
    for repo, entry in made.items():
        facts = entry.facts.get("gguf", {})
        if facts.get("architecture") not in headers.ARCHITECTURES or "MoE" in repo or "A3B" in repo or "8x" in repo:
            continue
        blobs = {}
        for path, size in entry.files.items():
            quant = next((quant for quant in BITS if path.endswith(f"-{quant}.gguf")), "")
            if quant and "/" not in path:
                blobs[path] = headers.HeaderBlob(
                    facts["architecture"], repo.split("/")[1].removesuffix("-GGUF"), facts["total"],
                    facts["context_length"], quant, facts.get("chat_template", ""), size,
                )  # fmt: skip
        hub.repos[repo] = beside("unit/browser/hub.py").Repo(blobs, entry.facts["sha"], bool(entry.facts["gated"]))


def furnish(folder: Path, hub: Any) -> None:
    """Write what a person has, below ``folder``: sparse files, and two that cannot be used."""
    for place, repo, quant in OWNED:
        name, blob = next(item for item in hub.repos[repo].files.items() if item[0].endswith(f"-{quant}.gguf"))
        path = folder / place / repo / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.write(blob.head)
            file.truncate(blob.size)
    broken = folder / "home/models/bartowski/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(hub.repos["bartowski/Qwen3-4B-GGUF"].files[broken.name].head[:200_000])
    alone = folder / "home/models/unsloth/Llama-3.1-70B-Instruct-GGUF/Llama-3.1-70B-Instruct-Q6_K-00001-of-00002.gguf"
    alone.parent.mkdir(parents=True)
    with alone.open("wb") as file:
        file.write(
            hub.repos["unsloth/DeepSeek-R1-Distill-Llama-70B-GGUF"]
            .files["DeepSeek-R1-Distill-Llama-70B-Q3_K_M.gguf"]
            .head
        )
        file.truncate(29_000_000_000)


def beside(path: str) -> ModuleType:
    """A module of the tests, by its path in their folder; always the same one."""
    name = f"catalogue_{Path(path).stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)  # dataclasses look themselves up
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def local_hub() -> ModuleType:
    """The module of LocalHub, which lies with the tests of the browser."""
    return beside("unit/browser/hub.py")


def main() -> None:
    parser = argparse.ArgumentParser(description="A hub with about 300 repositories.")
    parser.add_argument("--rate", type=int, default=0, help="bytes per second of one connection")
    parser.add_argument("--furnish", type=Path, help="write models for a person below this folder")
    options = parser.parse_args()
    with local_hub().LocalHub() as served:
        known = Catalogue(served)
        with_headers(served, known.entries)
        served.faults.rate = options.rate
        if options.furnish is not None:
            furnish(options.furnish, served)
        sys.stdout.write(f"{len(known.entries)} repositories. HF_ENDPOINT={served.url}\nA number sets the rate, ")
        sys.stdout.write("Enter ends it.\n")
        sys.stdout.flush()
        while line := sys.stdin.readline().strip():
            served.faults.rate = int(line)


if __name__ == "__main__":
    main()
