"""The cache of huggingface-hub, which newer versions of llama.cpp use too, and llama.cpp's older one.

The first has ``models--OWNER--REPO/snapshots/REVISION/FILE``, links to blobs; the second all files in one folder, as
``OWNER_REPO_FILE``.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from paddock.browser.files import ModelFile, folders_below
from paddock.browser.shards import shard_of
from paddock.browser.stores_reading import UserFolders, setting_of, small_file

_PREFIX = "models--"
_REVISIONS = 20
"""The newest so many of a repository are looked at."""
_MANIFEST = re.compile(r"manifest=([^=]+)=([^=]+)=[^=]*\.json")
_FLAT = re.compile(r"([^_]+)_(.+?-GGUF)_(.+)", re.IGNORECASE)
_URL = re.compile(r"/([^/]+)/([^/]+)/resolve/[^/]+/(?:.+/)?([^/]+)")

Wanted = Callable[[str], bool]
Failed = Callable[[str], None]


def hub_folders(user: UserFolders) -> Iterator[Path]:
    """The cache that huggingface-hub uses, where there is one."""
    home = user.named("HF_HOME")
    cache = user.named("XDG_CACHE_HOME") or user.home / ".cache"
    path = user.named("HF_HUB_CACHE") or user.named("HUGGINGFACE_HUB_CACHE")
    path = path or (home / "hub" if home else cache / "huggingface" / "hub")
    if os.path.isdir(path):
        yield path


def llamacpp_folders(user: UserFolders) -> Iterator[Path]:
    """The cache that llama.cpp uses, where there is one."""
    path = user.named("LLAMA_CACHE") or user.cache / "llama.cpp"
    if os.path.isdir(path):
        yield path


def hub_listing(root: Path, wanted: Wanted, failed: Failed) -> Iterator[list[ModelFile]]:
    """For each repository a list of its files."""
    for folder in _folders(root, failed):
        if folder.name.startswith(_PREFIX):
            base = folder.name.removeprefix(_PREFIX).replace("--", "/", 1)
            files = [replace(file, base=base) for file in _newest(folder, base, wanted, failed)]
            if files:
                yield files


def llamacpp_listing(root: Path, wanted: Wanted, failed: Failed) -> Iterator[list[ModelFile]]:
    """For each repository a list of its files."""
    flat = next(folders_below(root, wanted, failed), [])
    repositories: dict[str, list[ModelFile]] = {}
    if flat and flat[0].path.parent == root:
        known = [found.groups() for path in _entries(root, failed) if (found := _MANIFEST.fullmatch(path.name))]
        for file in flat:
            base, name = _flat_name(file.path, known)
            repositories.setdefault(base, []).append(replace(file, base=base, name=name))
    yield from repositories.values()
    yield from hub_listing(root, wanted, failed)


def _flat_name(path: Path, known: list[tuple[str, ...]]) -> tuple[str, str]:
    """Repository and name of a file: what llama.cpp noted about it, else by the look of its name."""
    for owner, repo in known:
        start = f"{owner}_{repo}_"
        if path.name.startswith(start):
            return f"{owner}/{repo}", path.name.removeprefix(start)
    url = _URL.fullmatch(urlsplit(setting_of(path.with_name(f"{path.name}.json"), "url")).path)
    found = url or _FLAT.fullmatch(path.name)
    return (f"{found[1]}/{found[2]}", found[3]) if found else ("", "")


# ---------------------------------------------------------------- snapshots


def _newest(repository: Path, base: str, wanted: Wanted, failed: Failed) -> Iterator[ModelFile]:
    """Each model of the repository from the newest revision that has all of it."""
    models: dict[tuple[str, int], list[ModelFile]] = {}
    for revision in _revisions(repository, failed):
        for key, files in _models(revision, wanted, failed).items():
            if key not in models or (_is_whole(files, key) and not _is_whole(models[key], key)):
                models[key] = files
    names = Counter(Path(stem).name for stem, _ in models)
    for (stem, _), files in models.items():
        there = [file for file in files if not file.error]
        if not there:
            failed(f"{Path(stem).name} of {base} is not whole in the Hugging Face cache.\nGet it again.")
        folder = Path(stem).parent
        for file in there:
            twice = names[Path(stem).name] > 1 and folder.name
            yield replace(file, name=f"{'-'.join(folder.parts)}-{file.path.name}") if twice else file


def _models(revision: Path, wanted: Wanted, failed: Failed) -> dict[tuple[str, int], list[ModelFile]]:
    """The files of a revision by path without part number and ending, and number of parts."""
    models: dict[tuple[str, int], list[ModelFile]] = {}
    for files in folders_below(revision, wanted, failed):
        for file in files:
            stem, _, parts = shard_of(str(file.path.relative_to(revision).with_suffix("")))
            models.setdefault((stem, parts), []).append(file)
    return models


def _is_whole(files: list[ModelFile], key: tuple[str, int]) -> bool:
    return len(files) == key[1] and not any(file.error for file in files)


def _revisions(repository: Path, failed: Failed) -> list[Path]:
    """First the one that “main” is now, then by the time of the last change."""
    try:
        main = small_file(repository / "refs" / "main").decode("ascii").strip()
    except (OSError, UnicodeDecodeError):
        main = ""
    folders = _folders(repository / "snapshots", failed)
    return sorted(folders, key=lambda folder: (folder.name == main, _changed(folder), folder), reverse=True)[
        :_REVISIONS
    ]


def _changed(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:  # it has just been removed
        return 0.0


def _folders(root: Path, failed: Failed) -> list[Path]:
    return [path for path in _entries(root, failed) if path.is_dir()]


def _entries(root: Path, failed: Failed) -> list[Path]:
    try:
        return sorted(root.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        failed(f"{root} cannot be read: {error.strerror}.")
        return []
