"""What the library tells beyond names: facts of files, projectors, MLX folders, problems with their remedies, and which
models have the same content."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from paddock.browser.files import look_at
from paddock.browser.library import Library
from paddock.browser.library_problems import unfinished
from paddock.browser.stores import StorePlace
from paddock.sdk.downloads import Download, DownloadFile
from paddock.sdk.errors import ModelUnusable

SUFFIXES = {".echo.json": "echo", ".gguf": "llamacpp"}
LONG_AGO = 1_700_000_000


@pytest.fixture
def put(gguf_file, models):
    def write(name: str, **options: object) -> Path:
        path = models / name
        path.parent.mkdir(parents=True, exist_ok=True)
        gguf_file.write_llama(path, **options)
        os.utime(path, (LONG_AGO, LONG_AGO))
        return path

    return write


def library(*places: StorePlace) -> Library:
    made = Library(places, SUFFIXES, None)
    made.refresh()
    return made


def ours(models: Path) -> StorePlace:
    return StorePlace(models, "folder", "Paddock")


def test_the_facts_of_a_model(put, models, gguf_file):
    paths = [put(f"p/r/r-Q4_0-0000{n}-of-00002.gguf", general__license=(gguf_file.STRING, "mit")) for n in (1, 2)]
    info = library(ours(models)).find("p/r")
    assert info.files == tuple(map(str, paths))
    assert info.size_bytes == sum(path.stat().st_size for path in paths)
    assert (info.folder, info.changed, info.licence) == (str(models), LONG_AGO, "mit")
    assert info.has_template
    assert "vision" not in info.capabilities


@pytest.fixture
def put_projector(put, gguf_file):
    def write(name: str) -> Path:
        return put(name, general__architecture=(gguf_file.STRING, "clip"))

    return write


def projectors(made: Library) -> dict[str, str]:
    return {info.id: Path(info.projector).name for info in made.models()}


def test_a_projector_belongs_to_all_quants_of_its_repository(put, put_projector, models):
    put("p/sees-GGUF/sees-Q4_0.gguf")
    put("p/sees-GGUF/sees-Q8_0.gguf")
    put_projector("p/sees-GGUF/mmproj-F32.gguf")
    put_projector("p/sees-GGUF/mmproj-F16.gguf")
    assert projectors(library(ours(models))) == {
        "p/sees-GGUF:Q4_0": "mmproj-F16.gguf",
        "p/sees-GGUF:Q8_0": "mmproj-F16.gguf",
    }


def test_in_a_loose_folder_a_projector_goes_with_its_name(put, put_projector, models):
    put("Gemma-3-4B-it-Q4_0.gguf")
    put("other-Q4_0.gguf")
    put_projector("mmproj-gemma-3-4b-it-f16.gguf")
    assert projectors(library(ours(models))) == {
        "Gemma-3-4B-it-Q4_0": "mmproj-gemma-3-4b-it-f16.gguf",
        "other-Q4_0": "",
    }


def test_a_broken_projector_is_a_problem_and_no_model(put, models):
    put("p/r/r-Q4_0.gguf")
    (models / "p" / "r" / "mmproj-r.gguf").write_text("no")
    made = library(ours(models))
    assert projectors(made) == {"p/r": ""}
    assert [problem.path for problem in made.problems()] == [str(models / "p" / "r" / "mmproj-r.gguf")]


def test_a_file_by_its_path_has_its_projector_and_parts(put, put_projector, models, tmp_path):
    first = put("p/r/r-00001-of-00002.gguf")
    put("p/r/r-00002-of-00002.gguf")
    projector = put_projector("p/r/mmproj.gguf")
    (tmp_path / "empty").mkdir()
    info = library(ours(tmp_path / "empty")).find(str(first))
    assert (len(info.files), info.projector, info.source) == (2, str(projector), "path")


def test_a_model_file_without_an_ending_is_found_by_its_path(put, models, tmp_path):
    """Blobs of other programs have none."""
    blob = put("p/r/r.gguf").rename(tmp_path / "sha256-0a1b")
    assert library(ours(models)).find(str(blob)).format == "gguf"
    (tmp_path / "text").write_text("GGU")
    with pytest.raises(ModelUnusable, match="is not a model file"):
        library(ours(models)).find(str(tmp_path / "text"))


def test_what_a_store_tells_names_the_models(put, models, monkeypatch):
    def listing(place, wanted, failed):
        blobs = [look_at(put(f"blobs/sha256-{number}")) for number in range(3)]
        yield [replace(blobs[0], name="llama3.2-3b.gguf", base="ollama/llama3.2", label="3b")]
        yield [replace(blobs[1], name="llama3.2-1b.gguf", base="ollama/llama3.2", label="1b")]
        yield [replace(blobs[2], name="solo-Q4_0.gguf", base="own/er")]
        failed("A manifest cannot be read.")

    monkeypatch.setattr("paddock.browser.library_scan.listing", listing)
    made = library(StorePlace(models, "ollama", "Ollama", removable=False, note="Use ollama rm."))
    assert {info.id: info.quant for info in made.models()} == {
        "ollama/llama3.2:3b": "F32",
        "ollama/llama3.2:1b": "F32",
        "own/er": "Q4_0",
    }
    assert made.find(str(models / "blobs" / "sha256-1")).id == "ollama/llama3.2:1b"
    assert [problem.sentence for problem in made.problems()] == ["A manifest cannot be read."]


def test_another_quant_of_the_same_id_is_told_apart_by_it(put, models, tmp_path, gguf_file):
    put("p/r/r-Q8_0.gguf")
    other = tmp_path / "other"
    (other / "p" / "r").mkdir(parents=True)
    gguf_file.write_llama(other / "p" / "r" / "r-Q4_0.gguf")
    made = library(ours(models), StorePlace(other, "lmstudio", "LM Studio"))
    assert {info.id: info.source for info in made.models()} == {"p/r": "folder", "p/r:Q4_0": "lmstudio"}


# ---------------------------------------------------------------- MLX


def put_mlx(folder: Path, **config: object) -> None:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen3", "max_position_embeddings": 4096} | config))
    (folder / "model.safetensors").write_bytes(bytes(1000))
    (folder / "tokenizer.json").write_text("{}")


def test_a_folder_of_mlx_is_one_model_that_cannot_be_run_here(models):
    put_mlx(models / "mlx-community" / "Qwen3-4bit", quantization={"bits": 4, "group_size": 64})
    made = library(ours(models))
    (info,) = made.models()
    assert (info.id, info.format, info.engine) == ("mlx-community/Qwen3-4bit", "mlx", "mlx")
    assert (info.architecture, info.quant, info.context_length) == ("qwen3", "4-bit", 4096)
    assert {Path(file).name for file in info.files} == {"config.json", "model.safetensors", "tokenizer.json"}
    assert info.size_bytes == sum(os.path.getsize(file) for file in info.files)
    assert "cannot run MLX" in (info.error or "")
    assert made.problems() == ()
    with pytest.raises(ModelUnusable, match="cannot run MLX"):
        made.find(info.path)


def test_other_programs_safetensors_are_no_models(models):
    put_mlx(models / "someone" / "checkpoint")
    assert library(StorePlace(models, "lmstudio", "LM Studio")).models() == ()


# ---------------------------------------------------------------- problems


def test_problems_say_what_helps(put, models):
    put("p/whole/whole-Q4_0.gguf")
    put("p/cut/cut-Q4_0.gguf")
    for name, content in {
        "p/cut/cut-Q4_0.gguf": b"GGUF\3\0\0\0",
        "p/none/none.gguf": b"",
        "loose.gguf": b"<html>",
        "p/later/later.gguf.part": b"x" * 10,
    }.items():
        path = models / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (LONG_AGO, LONG_AGO))
    put("p/shards/s-Q8_0-00001-of-00002.gguf")
    made = library(ours(models))
    found = {problem.path: problem for problem in made.problems()}
    actions = {Path(path).name: (problem.action, problem.target) for path, problem in found.items()}
    assert actions == {
        "cut-Q4_0.gguf": ("download", "p/cut:Q4_0"),
        "none.gguf": ("download", "p/none"),
        "loose.gguf": ("delete", ""),
        "later.gguf.part": ("delete", ""),
        "s-Q8_0-00001-of-00002.gguf": ("download", "p/shards:Q8_0"),
    }
    assert all(problem.sentence.endswith(".") and problem.remedy.endswith(".") for problem in found.values())
    assert found[str(models / "p" / "none" / "none.gguf")].sentence == "none.gguf is empty."
    assert {info.id for info in made.models() if info.error} == {"p/cut", "p/none", "loose", "p/shards"}


def test_what_other_programs_keep_is_not_offered_for_deletion(models):
    (models / "bad.gguf").write_text("no")
    made = library(StorePlace(models, "lmstudio", "Jan", removable=False, note="Remove it in Jan."))
    assert [(problem.action, problem.remedy) for problem in made.problems()] == [("none", "Remove it in Jan.")]


def test_a_file_that_is_still_being_copied_is_looked_at_again(put, models):
    path = put("p/r/r-Q4_0.gguf")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1000])
    made = library(ours(models))
    assert made.is_arriving
    (problem,) = made.problems()
    assert problem.action == "none"
    assert "Wait" in problem.remedy
    os.utime(path, (LONG_AGO, LONG_AGO))
    made.refresh()
    assert not made.is_arriving
    assert made.problems()[0].action == "download"
    path.write_bytes(whole)
    assert [info.error for info in made.refresh()] == [None]


def test_a_download_that_stands_still_can_be_resumed():
    file = DownloadFile(path="a.gguf", name="a.gguf", size=10)
    states = ("queued", "running", "paused", "failed", "done")
    downloads = [
        Download(id=state, model="p/r:Q4_0", repo="p/r", revision="1", files=(file,), state=state) for state in states
    ]
    found = unfinished(downloads)
    assert [(problem.action, problem.target) for problem in found] == [("resume", "paused"), ("resume", "failed")]


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_may_not_be_read_is_told(put, models, monkeypatch, what):
    """Whoever runs the tests may read everything: so the refusal is the system's answer here."""
    path = put("p/r/r.gguf")
    refused = PermissionError(13, "Permission denied", str(path))
    real_scan, real_open = os.scandir, Path.open

    def scandir(folder):
        if what == "folder" and str(folder).endswith("p/r"):
            raise refused
        return real_scan(folder)

    def open_(self, *arguments, **options):
        if what == "file" and self == path:
            raise refused
        return real_open(self, *arguments, **options)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(Path, "open", open_)
    made = library(ours(models))
    (problem,) = made.problems()
    assert "cannot be read: Permission denied." in problem.sentence
    monkeypatch.undo()
    assert [info.error for info in made.refresh()] == [None]
    assert made.problems() == ()


# ---------------------------------------------------------------- content


def duplicates(made: Library) -> dict[str, tuple[str, ...]]:
    return {info.id: info.duplicates for info in made.models() if info.duplicates}


def test_models_with_the_same_content_are_found(put, models):
    first = put("p/one/one.gguf")
    (models / "q" / "two").mkdir(parents=True)
    (models / "q" / "two" / "other-name.gguf").write_bytes(first.read_bytes())
    os.link(first, models / "q" / "linked.gguf")
    (models / "q" / "also.gguf").symlink_to(first)
    different = bytearray(first.read_bytes())
    different[len(different) // 2] ^= 1
    (models / "nearly.gguf").write_bytes(different)
    made = library(ours(models))
    assert len(made.models()) == 3
    assert duplicates(made) == {}
    made.compare({})
    assert duplicates(made) == {"p/one": ("q/two",), "q/two": ("p/one",)}
    (models / "q" / "two" / "other-name.gguf").write_bytes(different)
    made.refresh()
    assert duplicates(made) == {}
    made.compare({})
    assert duplicates(made) == {"nearly": ("q/two",), "q/two": ("nearly",)}


def test_checksums_are_kept_and_those_that_are_known_are_not_computed(put, models, tmp_path, monkeypatch):
    first = put("p/one/one.gguf")
    content = first.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    blob = tmp_path / f"sha256-{sha256}"
    blob.write_bytes(content)
    (models / "blob.gguf").symlink_to(blob)

    def refuse(*_):
        raise AssertionError("it was read as a whole")

    places, index = [ours(models)], tmp_path / "library.db"
    made = Library(places, SUFFIXES, index)
    made.refresh()
    with monkeypatch.context() as patched:
        patched.setattr("paddock.browser.library_sums.Comparer._whole", refuse)
        made.compare({str(first): sha256})
    expected = {"p/one": ("blob",), "blob": ("p/one",)}
    assert duplicates(made) == expected
    made.close()
    monkeypatch.setattr("paddock.browser.library_sums.ends_of", refuse)
    again = Library(places, SUFFIXES, index)
    again.refresh()
    again.compare({})
    assert duplicates(again) == expected
    again.close()


def test_comparing_waits_while_the_machine_is_needed_and_ends_when_it_is_closed(put, models):
    first = put("p/one/one.gguf")
    (models / "two.gguf").write_bytes(first.read_bytes())
    made = library(ours(models))
    asked = threading.Event()

    def quiet() -> bool:
        asked.set()
        return False

    comparing = threading.Thread(target=lambda: made.compare({}, quiet=quiet))
    comparing.start()
    assert asked.wait(60)
    made.close()
    comparing.join(60)
    assert not comparing.is_alive()
    assert duplicates(made) == {}
