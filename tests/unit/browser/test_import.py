"""Imports: what belongs together, where it goes, and that nothing is harmed on the way."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from paddock.browser import importing
from paddock.browser.import_plan import ImportPlan, plan_import, plan_listed, refusals
from paddock.browser.importing import Import
from paddock.sdk.errors import BadRequest, HostBusy, ModelNotFound, ModelUnusable, StorageFailed
from paddock.sdk.library import ImportMethod
from paddock.sdk.types import ModelInfo

SUFFIXES = {".gguf": "llamacpp", ".echo.json": "echo"}
METHODS: tuple[ImportMethod, ...] = ("copy", "move", "hardlink", "symlink")
Write = Callable[..., Path]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "home" / "models"


@pytest.fixture
def write(tmp_path: Path, gguf_file: ModuleType) -> Write:
    """Writes a small GGUF file below the folder “from”."""

    def one(name: str, **metadata: str) -> Path:
        path = tmp_path / "from" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        header = {"general.architecture": (gguf_file.STRING, "llama")}
        header |= {key.replace("__", "."): (gguf_file.STRING, value) for key, value in metadata.items()}
        path.write_bytes(gguf_file.Writer().file(header))
        return path

    return one


def places(plan: ImportPlan, models: Path) -> list[str]:
    return [file.place.relative_to(models).as_posix() for file in plan.files]


def carried_out(plan: ImportPlan, method: ImportMethod, models: Path) -> Import:
    made = Import(plan, method, models, models / ".jobs" / "1")
    assert made.run()
    assert not (models / ".jobs" / "1").exists()
    return made


# ---------------------------------------------------------------- where it goes


def test_shards_and_projector_come_along_and_the_first_file_last(write: Write, models: Path) -> None:
    parts = [write(f"models/acme/Big-GGUF/big-Q8_0-0000{number}-of-00002.gguf") for number in (1, 2)]
    write("models/acme/Big-GGUF/mmproj-big-F16.gguf")
    plan = plan_import(parts[1], models, SUFFIXES)
    assert places(plan, models) == [
        "acme/Big-GGUF/mmproj-big-F16.gguf",
        "acme/Big-GGUF/big-Q8_0-00002-of-00002.gguf",
        "acme/Big-GGUF/big-Q8_0-00001-of-00002.gguf",
    ]
    assert plan.name == "acme/Big-GGUF"


@pytest.mark.parametrize(
    ("path", "metadata", "name"),
    [
        ("models/acme/Tiny/Q4_K_M/tiny-Q4_K_M.gguf", {}, "acme/Tiny"),
        ("hub/models--acme--Tiny-GGUF/snapshots/abc/tiny.gguf", {}, "acme/Tiny-GGUF"),
        ("Downloads/tiny-Q4_K_M.gguf", {"general__repo_url": "https://huggingface.co/acme/Tiny"}, "acme/Tiny"),
        ("Downloads/tiny-Q4_K_M.gguf", {"general__organization": "Acme Inc."}, "Acme-Inc/tiny"),
        ("Downloads/tiny-Q4_K_M.gguf", {"general__organization": "../.."}, "local/tiny"),
        ("Downloads/tiny.gguf", {}, "local/tiny"),
    ],
)
def test_the_name_is_told_by_the_layout_then_by_the_header(
    write: Write, models: Path, path: str, metadata: dict[str, str], name: str
) -> None:
    assert plan_import(write(path, **metadata), models, SUFFIXES).name == name


def test_a_folder_keeps_its_layout(write: Write, models: Path) -> None:
    folder = write("acme/Tiny/tiny-Q8_0.gguf").parents[1]
    write("acme/Tiny/tiny-F16.gguf")
    write("acme/Other/other-00001-of-00002.gguf")
    mlx = folder / "Small-MLX"
    mlx.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json", ".hidden"):
        (mlx / name).write_text("{}")
    plan = plan_import(folder, models, SUFFIXES)
    assert sorted(places(plan, models)) == [
        "acme/Small-MLX/config.json",
        "acme/Small-MLX/model.safetensors",
        "acme/Small-MLX/tokenizer.json",
        "acme/Tiny/tiny-F16.gguf",
        "acme/Tiny/tiny-Q8_0.gguf",
    ]
    assert [text.startswith("Part 2 of 2 of other is missing") for text in plan.left_out] == [True]
    assert len(plan.firsts) == 3


def test_in_a_folder_of_downloads_each_model_is_named_for_itself(write: Write, models: Path) -> None:
    for name in ("tiny-Q8_0.gguf", "tiny-Q4_K_M.gguf", "mmproj-tiny-F16.gguf", "mmproj-other.gguf"):
        write(f"Downloads/{name}")
    folder = write("Downloads/rocket-Q6_K.gguf", general__repo_url="https://huggingface.co/acme/Rocket").parent
    (folder / "broken.gguf").write_bytes(b"GGUF")
    plan = plan_import(folder, models, SUFFIXES)
    assert sorted(places(plan, models)) == [
        "acme/Rocket/rocket-Q6_K.gguf",
        "local/tiny/mmproj-tiny-F16.gguf",
        "local/tiny/tiny-Q4_K_M.gguf",
        "local/tiny/tiny-Q8_0.gguf",
    ]
    assert plan.left_out == (
        "broken.gguf is damaged: it ends in the middle of its header.",
        "mmproj-other.gguf only goes with a model, and its name does not tell which.",
    )


@pytest.mark.parametrize("name", ["acme", "../x", "acme/../x", "/acme/x", "CON/x", "a/b/c", "acme/"])
def test_names_that_lead_elsewhere_are_refused(write: Write, models: Path, name: str) -> None:
    with pytest.raises(BadRequest, match="refused"):
        plan_import(write("tiny.gguf"), models, SUFFIXES, name)


def test_what_is_no_model_says_so(write: Write, models: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="no file"):
        plan_import(tmp_path / "nothing.gguf", models, SUFFIXES)
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ModelUnusable, match="not a model file"):
        plan_import(tmp_path / "notes.txt", models, SUFFIXES)
    (tmp_path / "broken.gguf").write_text("hello")
    with pytest.raises(ModelUnusable, match="not a GGUF"):
        plan_import(tmp_path / "broken.gguf", models, SUFFIXES)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelNotFound, match="holds no model"):
        plan_import(tmp_path / "empty", models, SUFFIXES)
    models.mkdir(parents=True)
    with pytest.raises(BadRequest, match="own models"):
        plan_import(tmp_path, models, SUFFIXES)


def test_a_file_without_a_proper_name_gets_that_of_its_model(write: Write, models: Path) -> None:
    blob, seeing = write("blobs/sha256-1a2b"), write("blobs/sha256-3c4d")
    info = ModelInfo(id="ollama/llama3.2:3b", name="llama3.2", engine="llamacpp", path=str(blob), projector=str(seeing))
    plan = plan_listed(info, models)
    assert places(plan, models) == ["ollama/llama3.2/mmproj-llama3.2-3b.gguf", "ollama/llama3.2/llama3.2-3b.gguf"]
    carried_out(plan, "copy", models)
    assert plan.firsts[0].read_bytes() == blob.read_bytes()
    assert plan_listed(info, models, "acme/x").name == "acme/x"


# ---------------------------------------------------------------- how it comes


@pytest.mark.parametrize("method", METHODS)
def test_every_method_brings_the_same_bytes(write: Write, models: Path, method: ImportMethod) -> None:
    source = write("models/acme/Tiny/tiny-Q8_0.gguf")
    content = source.read_bytes()
    plan = plan_import(source, models, SUFFIXES)
    made = carried_out(plan, method, models)
    place = models / "acme" / "Tiny" / "tiny-Q8_0.gguf"
    assert place.read_bytes() == content
    assert made.done == plan.size
    assert source.exists() == (method != "move")
    assert place.is_symlink() == (method == "symlink")
    if method == "hardlink":
        assert place.samefile(source)
        assert place.stat().st_nlink == 2


def test_moving_to_another_disk_removes_the_original_last(
    write: Write, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_disk(_source: object, _target: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", other_disk)
    source = write("models/acme/Tiny/tiny.gguf")
    content = source.read_bytes()
    plan = plan_import(source, models, SUFFIXES)
    carried_out(plan, "move", models)
    assert plan.files[0].place.read_bytes() == content
    assert not source.exists()
    with pytest.raises(BadRequest, match="another disk"):
        Import(plan_import(write("models/acme/Tiny/b.gguf"), models, SUFFIXES), "hardlink", models, models / "s").run()


def test_moving_works_where_there_are_no_hard_links(
    write: Write, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(_source: object, _target: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", unsupported)
    source = write("models/acme/Tiny/tiny.gguf")
    carried_out(plan_import(source, models, SUFFIXES), "move", models)
    assert not source.exists()
    assert (models / "acme" / "Tiny" / "tiny.gguf").exists()


def test_what_is_there_already_is_not_brought_twice(write: Write, models: Path) -> None:
    source = write("models/acme/Tiny/tiny.gguf")
    plan = plan_import(source, models, SUFFIXES)
    carried_out(plan, "copy", models)
    again = carried_out(plan, "move", models)
    assert again.notes == ["It was there already."]
    assert source.exists(), "it may be another file than the one that was there"


def test_another_file_in_its_place_is_not_overwritten(write: Write, models: Path) -> None:
    plan = plan_import(write("models/acme/Tiny/tiny.gguf"), models, SUFFIXES)
    place = plan.files[0].place
    place.parent.mkdir(parents=True)
    place.write_bytes(b"other")
    with pytest.raises(HostBusy, match="another file"):
        Import(plan, "copy", models, models / ".jobs" / "1").run()
    assert place.read_bytes() == b"other"


def test_a_stop_leaves_nothing_behind(write: Write, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write("models/acme/Tiny/tiny.gguf")
    plan = plan_import(source, models, SUFFIXES)
    made = Import(plan, "move", models, models / ".jobs" / "1")
    monkeypatch.setattr(os, "link", lambda *_: made.stop.set())
    assert not made.run()
    assert source.exists()
    assert not (models / "acme").exists()
    assert not (models / ".jobs" / "1").exists()


def test_a_full_disk_is_told_before_anything_is_copied(
    write: Write, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "free_bytes", lambda _folder: 1000)
    plan = plan_import(write("models/acme/Tiny/tiny.gguf"), models, SUFFIXES)
    with pytest.raises(StorageFailed, match="too full"):
        Import(plan, "copy", models, models / ".jobs" / "1").run()
    carried_out(plan, "symlink", models)


def test_a_link_is_not_moved(write: Write, models: Path, tmp_path: Path) -> None:
    link = tmp_path / "from" / "models" / "acme" / "Linked" / "tiny.gguf"
    link.parent.mkdir(parents=True)
    link.symlink_to(write("blobs/tiny.gguf"))
    plan = plan_import(link, models, SUFFIXES)
    assert set(refusals(plan, models)) == {"move"}
    with pytest.raises(BadRequest, match="only a link"):
        Import(plan, "move", models, models / ".jobs" / "1").run()
    carried_out(plan, "hardlink", models)
    assert not plan.files[0].place.is_symlink(), "the file itself gets the second name"


def test_a_failure_at_the_end_takes_back_what_had_arrived(
    write: Write, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = [write(f"models/acme/Big/big-0000{number}-of-00002.gguf") for number in (1, 2)]
    plan = plan_import(sources[0], models, SUFFIXES)
    rename = os.rename

    def failing(source: object, target: object) -> None:
        if target == plan.files[-1].place:
            raise OSError(5, "Input/output error")
        rename(source, target)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "rename", failing)
    with pytest.raises(StorageFailed, match="Input/output error"):
        Import(plan, "move", models, models / ".jobs" / "1").run()
    assert all(source.exists() for source in sources)
    assert not (models / "acme").exists()


def test_a_kill_at_any_step_of_a_move_loses_nothing(write: Write, tmp_path: Path, kill_at: Any) -> None:
    killed, moment = True, 0
    while killed:
        sources = [write(f"{moment}/models/acme/Big/big-0000{number}-of-00002.gguf") for number in (1, 2)]
        models = tmp_path / "to" / str(moment)
        plan = plan_import(sources[0], models, SUFFIXES)
        with kill_at(moment) as steps:
            Import(plan, "move", models, models / ".jobs" / "1").run()
        killed = steps[0] < 0
        for source in sources:
            place = models / "acme" / "Big" / source.name
            assert source.exists() or place.exists(), f"killed at step {moment}"
        moment += 1
    assert moment > 6


def test_bytes_are_counted_while_they_are_copied(tmp_path: Path) -> None:
    from paddock.browser.copying import copy, same_content

    source = tmp_path / "source"
    source.write_bytes(os.urandom(40 * 2**20))
    pieces: list[int] = []
    stop = threading.Event()
    copy(source, tmp_path / "copy", pieces.append, stop)
    assert sum(pieces) == 40 * 2**20
    assert len(pieces) > 1
    assert same_content(source, tmp_path / "copy", pieces.append, stop)
    changed = bytearray(source.read_bytes())
    changed[-1] ^= 1
    (tmp_path / "copy").write_bytes(changed)
    assert not same_content(source, tmp_path / "copy", pieces.append, stop)
    stop.set()
    copy(source, tmp_path / "stopped", pieces.append, stop)
    assert (tmp_path / "stopped").stat().st_size == 0
