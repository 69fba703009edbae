"""What an import would bring in: which files belong together, and where in the models folder they go. Blocks; reads no
more of the files than their names need."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paddock.browser.describe import quant_in
from paddock.browser.download_names import check_name, folder_of
from paddock.browser.files import folders_below
from paddock.browser.gguf import read_header
from paddock.browser.quants import is_projector
from paddock.browser.shards import missing_part, shard_names, shard_of
from paddock.sdk.errors import BadRequest, ModelNotFound, ModelUnusable, StorageFailed
from paddock.sdk.library import ImportMethod
from paddock.sdk.types import ModelInfo

NOBODY = "local"
"""Publisher of a model whose own nobody tells."""
_GGUF, _MLX_CONFIG, _MLX_WEIGHTS = ".gguf", "config.json", ".safetensors"
_LONGEST = 100
_UNFIT = re.compile(r"[^\w.+@-]+")
_REPO_KEYS = ("general.repo_url", "general.source.huggingface.repository", "general.source.repo_url")
_PUBLISHER_KEYS = ("general.quantized_by", "general.organization")
_GENERIC = ("models", "downloads", "desktop", "documents", "home", "tmp", "llm", "llms", "gguf", "ggufs")


@dataclass(frozen=True)
class PlannedFile:
    """``place`` is where ``source`` goes."""

    source: Path
    place: Path
    size: int


@dataclass(frozen=True)
class ImportPlan:
    """``root`` is what was named. ``files`` are in the order in which they arrive: the first of a model comes last,
    since with it the model is there; ``firsts`` are the places of those. ``name`` is PUBLISHER/REPO where all go into
    one folder, ``left_out`` are sentences about what cannot come."""

    root: Path
    files: tuple[PlannedFile, ...]
    firsts: tuple[Path, ...]
    name: str
    left_out: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


@dataclass(frozen=True)
class _Group:
    """The models of one folder. ``parts`` lead from the folder that was named to this one."""

    models: tuple[tuple[Path, ...], ...]
    companions: tuple[Path, ...]
    parts: tuple[str, ...] | None


def plan_import(path: Path, models: Path, suffixes: Mapping[str, str], name: str = "") -> ImportPlan:
    """The plan for a model file, a folder of models or an MLX folder. ``suffixes`` are those of model files.

    Raises ModelNotFound where there is none, ModelUnusable, BadRequest, StorageFailed where it cannot be read.
    """
    if path in models.parents:
        raise BadRequest(f"{path} holds Paddock’s own models.", hint="Choose a folder in it.")
    left_out: list[str] = []
    try:
        groups = list(_groups(path, tuple(suffixes), left_out))
        if not groups and left_out:
            raise ModelUnusable(left_out[0])
        if not groups:
            raise ModelNotFound(
                f"{path} holds no model.",
                hint="Models are GGUF files, or MLX folders with config.json and safetensors.",
            )
        planned = [pair for group in groups for pair in _named(group, path, name, left_out)]
        if name and len({repository for _, repository in planned}) < len(planned):
            raise BadRequest(
                f"{path} holds several folders of models.", hint="Leave the name out, or take one of them."
            )
        return _plan(path, planned, models, tuple(left_out))
    except OSError as error:
        text = f"{error.filename or path} cannot be read: {error.strerror or error}."
        raise StorageFailed(text, hint="Check that Paddock may read it.") from error


def plan_listed(info: ModelInfo, models: Path, name: str = "") -> ImportPlan:
    """The plan for a model that another program keeps in one file whose name tells nothing, as Ollama does. Blocks as
    :func:`plan_import`, and raises the same."""
    base, _, label = info.id.partition(":")
    repository = _checked(name) if name else "/".join(clean_name(part) for part in base.rsplit("/", 1))
    stem = clean_name("-".join(filter(None, (repository.rpartition("/")[2], label))))
    named = [(info.projector, f"mmproj-{stem}{_GGUF}")] if info.projector else []
    named.append((info.path, stem + _GGUF))
    try:
        files = tuple(
            PlannedFile(Path(source), models / repository / file, Path(source).stat().st_size) for source, file in named
        )
    except OSError as error:
        text = f"{error.filename} cannot be read: {error.strerror or error}."
        raise StorageFailed(text, hint="Check that Paddock may read it.") from error
    return ImportPlan(Path(info.path), files, (files[-1].place,), repository)


def refusals(plan: ImportPlan, models: Path) -> dict[ImportMethod, str]:
    """Why a method cannot be had for ``plan``."""
    found: dict[ImportMethod, str] = {}
    target = next(folder for folder in (models, *models.parents) if folder.exists())
    if any(file.source.stat().st_dev != target.stat().st_dev for file in plan.files):
        found["hardlink"] = "A hard link cannot lead to another disk."
    if any(file.source.is_symlink() for file in plan.files):
        found["move"] = "What is to be moved is only a link, and its file belongs to something else."
    elif not all(os.access(file.source.parent, os.W_OK) for file in plan.files):
        found["move"] = "Nothing may be removed from that folder."
    if sys.platform == "win32" and not _may_link(target):  # pragma: no cover - Windows
        found["symlink"] = "Windows lets only administrators make links, unless its developer mode is on."
    return found


def free_bytes(models: Path) -> int:
    """Free on the disk of ``models``, which need not be there yet."""
    return shutil.disk_usage(next(folder for folder in (models, *models.parents) if folder.exists())).free


def _may_link(folder: Path) -> bool:  # pragma: no cover - Windows
    trial = folder / f".link-{os.getpid()}"
    try:
        trial.symlink_to(folder)
        trial.unlink()
    except OSError:
        return False
    return True


# ---------------------------------------------------------------- what there is


def _groups(path: Path, suffixes: tuple[str, ...], left_out: list[str]) -> Iterator[_Group]:
    if not path.is_dir():
        yield _group_of_file(path, suffixes)
        return

    def wanted(name: str) -> bool:
        return name.lower().endswith((*suffixes, _MLX_WEIGHTS)) or name == _MLX_CONFIG

    for files in folders_below(path, wanted, left_out.append):
        here = files[0].path.parent
        names = [file.path.name for file in files]
        sets = sorted({shard_names(name) for name in names if _is_model(name, suffixes)})
        whole = []
        for shards in sets:
            there = [here / name for name in shards if name in names]
            if lost := missing_part(there, there[0].stem, len(shards)):
                left_out.append(lost)
            elif trouble := _trouble(there[0]):
                left_out.append(trouble)
            else:
                whole.append(tuple(there))
        parts = here.relative_to(path).parts
        if whole:
            yield _Group(tuple(whole), tuple(here / name for name in names if is_projector(name)), parts)
        elif _MLX_CONFIG in names and any(name.lower().endswith(_MLX_WEIGHTS) for name in names):
            every = sorted(each for each in here.iterdir() if each.is_file() and not each.name.startswith("."))
            yield _Group((tuple(every),), (), parts)


def _group_of_file(path: Path, suffixes: tuple[str, ...]) -> _Group:
    if not path.exists():
        raise ModelNotFound(f"There is no file {path}.", hint="Check the path.")
    if not path.is_file() or not path.name.lower().endswith(suffixes):
        raise ModelUnusable(f"{path.name} is not a model file.", hint=f"Models end with {', '.join(suffixes)}.")
    if is_projector(path.name):
        hint = "Import the model; what lies beside it comes along."
        raise ModelUnusable(f"{path.name} only goes with a model.", hint=hint)
    shards = shard_names(path.name)
    there = tuple(path.with_name(name) for name in shards if path.with_name(name).exists())
    if lost := missing_part(there, path.stem, len(shards)):
        raise ModelUnusable(lost)
    if path.suffix.lower() == _GGUF:
        read_header(there[0], tensors=False)
    beside = sorted(other.name for other in path.parent.iterdir())
    alone = len({shard_names(name) for name in beside if _is_model(name, suffixes)}) == 1
    projectors = (name for name in beside if is_projector(name) and (alone or _is_for(name, path)))
    return _Group((there,), tuple(path.with_name(name) for name in projectors), None)


def _trouble(path: Path) -> str:
    """Why nobody could load the file; empty where nothing speaks against it."""
    try:
        if path.suffix.lower() == _GGUF:
            read_header(path, tensors=False)
    except ModelUnusable as error:
        return error.message
    return ""


def _is_model(name: str, suffixes: tuple[str, ...]) -> bool:
    return name.lower().endswith(suffixes) and not is_projector(name) and "imatrix" not in name.lower()


def _is_for(projector: str, model: Path) -> bool:
    """In a folder of many models a projector is named after its own."""
    return without_quant(model.stem).casefold() in projector.casefold()


# ---------------------------------------------------------------- where it goes


def _named(group: _Group, root: Path, name: str, left_out: list[str]) -> Iterator[tuple[_Group, str]]:
    """The group with its name. In a folder whose name tells nothing, as one of downloads, lie models of all kinds: each
    is named for itself, and takes along the projectors that are named after it."""
    if name or len(group.models) == 1 or _by_layout(group, root) is not None:
        yield group, _repository(group, root, name)
        return
    apart: dict[str, list[tuple[Path, ...]]] = {}
    for model in group.models:
        alone = _Group((model,), (), group.parts)
        apart.setdefault(_repository(alone, root, ""), []).append(model)
    lonely = set(group.companions)
    for repository, models in apart.items():
        own = [path for path in group.companions if len(apart) == 1 or any(_is_for(path.name, m[0]) for m in models)]
        lonely.difference_update(own)
        yield _Group(tuple(models), tuple(own), group.parts), repository
    left_out += [f"{path.name} only goes with a model, and its name does not tell which." for path in sorted(lonely)]


def _repository(group: _Group, root: Path, name: str) -> str:
    if name:
        return _checked(name)
    first = group.models[0][0]
    found = _by_layout(group, root) or _by_header(group)
    repository = "/".join(clean_name(part) for part in found)
    try:
        folder_of(repository)
    except ModelUnusable as error:
        raise BadRequest(f"No name can be made for {first}.", hint="Give it one, as PUBLISHER/REPO.") from error
    return repository


def _checked(name: str) -> str:
    try:
        return "/".join(folder_of(name))
    except ModelUnusable as error:
        raise BadRequest(error.message, hint="Write the name as PUBLISHER/REPO.") from error


def _by_layout(group: _Group, root: Path) -> tuple[str, str] | None:
    folders = [*group.models[0][0].parent.parts]
    for folder in folders:
        if folder.startswith("models--") and folder.count("--") >= 2:
            owner, _, repo = folder.removeprefix("models--").partition("--")
            return owner, repo
    while folders and quant_in(f"-{folders[-1]}"):  # REPO/Q4_K_M/FILE
        folders.pop()
    depth = len(folders) - len(root.parts) if group.parts is not None else 0
    after_models = len(folders) >= 3 and folders[-3].lower() == "models"
    if depth >= 2 or after_models:
        return folders[-2], folders[-1]
    if depth == 1 and root.name.lower() not in _GENERIC and root.name:
        return root.name, folders[-1]
    return None


def _by_header(group: _Group) -> tuple[str, str]:
    first = group.models[0][0]
    metadata = _metadata(first)
    for key in _REPO_KEYS:
        parts = str(metadata.get(key) or "").rstrip("/").split("/")
        if len(parts) >= 2 and all(parts[-2:]) and "." not in parts[-2]:
            return parts[-2], parts[-1]
    publisher = next((str(metadata[key]) for key in _PUBLISHER_KEYS if metadata.get(key)), NOBODY)
    mlx = any(path.name == _MLX_CONFIG for path in group.models[0])
    return publisher, first.parent.name if mlx else without_quant(first.stem)


def _metadata(path: Path) -> Mapping[str, Any]:
    if path.suffix.lower() != _GGUF:
        return {}
    try:
        return read_header(path, tensors=False).metadata
    except ModelUnusable:  # the library will say what is wrong with it
        return {}


def without_quant(stem: str) -> str:
    """A file name without its number and its quant: “Qwen3-8B” of “Qwen3-8B-Q4_K_M-00001-of-00002”."""
    whole = shard_of(stem)[0]
    quant = quant_in(stem)
    return whole[: len(whole) - len(quant)].rstrip("-_.") or whole


def clean_name(text: str) -> str:
    """``text`` as a part of a file's name."""
    return _UNFIT.sub("-", text)[:_LONGEST].strip("-. ") or NOBODY


def _plan(root: Path, planned: list[tuple[_Group, str]], models: Path, left_out: tuple[str, ...]) -> ImportPlan:
    files: list[PlannedFile] = []
    firsts: list[Path] = []
    taken: dict[str, Path] = {}
    for group, repository in planned:
        folder = models / repository
        for source in (*group.companions, *(part for model in group.models for part in reversed(model))):
            check_name(source.name)
            place = folder / source.name
            other = taken.setdefault(str(place).casefold(), source)
            if other != source:
                hint = "Import them one after the other, with a name for each."
                raise BadRequest(f"{other} and {source} would get the same place.", hint=hint)
            files.append(PlannedFile(source, place, source.stat().st_size))
        firsts += [folder / model[0].name for model in group.models]
    repositories = {repository for _, repository in planned}
    name = repositories.pop() if len(repositories) == 1 else ""
    return ImportPlan(root, tuple(files), tuple(firsts), name, left_out)
