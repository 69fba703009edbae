"""The library: ids from folders, names for people, broken files with their reason, and finding by id or path."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from paddock import resources
from paddock.browser.library import Library
from paddock.browser.stores import StorePlace
from paddock.sdk.errors import ModelNotFound, ModelUnusable

SUFFIXES = {".echo.json": "echo", ".gguf": "llamacpp"}
STARTER = Path(str(resources.__file__)).parent / "starter"


def library(models: Path, *more: tuple[Path, str]) -> Library:
    places = [StorePlace(path, source, path.name) for path, source in ((models, "folder"), *more)]
    made = Library(places, SUFFIXES, None)
    made.refresh()
    return made


def ids(made: Library) -> list[str]:
    return [info.id for info in made.models()]


def test_the_starter_model_is_bundled(models):
    made = library(models, (STARTER, "bundled"))
    info = made.find("paddock/starter")
    assert info.source == "bundled"
    assert info.engine == "llamacpp"
    assert info.name == "Paddock Starter"
    assert set(info.capabilities) == {"chat", "tools", "reasoning"}
    assert info.error is None
    assert info.size_bytes == Path(info.path).stat().st_size


def test_one_file_in_a_repo_takes_the_repos_name_and_several_their_quants(put, models):
    put("ada/Solo-GGUF/solo-Q4_K_M.gguf")
    put("ada/Pair-GGUF/pair-Q4_K_M.gguf")
    put("ada/Pair-GGUF/pair-Q8_0.gguf")
    put("ada/Twins/one-Q8_0.gguf")
    put("ada/Twins/two-Q8_0.gguf")
    assert sorted(ids(library(models))) == [
        "ada/Pair-GGUF:Q4_K_M",
        "ada/Pair-GGUF:Q8_0",
        "ada/Solo-GGUF",
        "ada/Twins:one-Q8_0",
        "ada/Twins:two-Q8_0",
    ]


def test_files_outside_the_layout_keep_their_names(put, models):
    put("loose.gguf")
    put("shelf/book.gguf")
    assert sorted(ids(library(models))) == ["loose", "shelf/book"]


@pytest.mark.parametrize(
    ("file", "given", "name", "quant"),
    [
        ("Qwen3-0.6B-Q8_0.gguf", "Qwen3 0.6B Instruct", "Qwen3 0.6B Instruct", "Q8_0"),
        ("qwen2.5-0.5b-instruct-q4_k_m.gguf", "qwen2.5-0.5b-instruct", "qwen2.5 0.5b instruct", "Q4_K_M"),
        ("Meta-Llama-3-8B.UD-IQ2_XXS.gguf", "", "Meta Llama 3 8B", "IQ2_XXS"),
        ("plain.gguf", "", "plain", "F32"),
        ("gpt-oss-20b-MXFP4.gguf", "Gpt Oss 20b GGUF", "Gpt Oss 20b GGUF", "MXFP4"),
    ],
)
def test_names_that_a_person_likes(put, models, gguf_file, file, given, name, quant):
    put(f"p/r/{file}", general__name=(gguf_file.STRING, given))
    info = library(models).models()[0]
    assert (info.name, info.quant) == (name, quant)


def test_capabilities_are_what_the_template_can_do(put, models, gguf_file):
    put("p/base/a.gguf", template=None)
    put("p/chat/a.gguf")
    put("p/tools/a.gguf", template="{{ tools }}<tool_call>")
    put("p/thinks/a.gguf", template="{{ enable_thinking }}<think>")
    put("p/vectors/a.gguf", llama__pooling_type=(gguf_file.U32, 1))
    found = {info.id: info.capabilities for info in library(models).models()}
    assert found == {
        "p/base": (),
        "p/chat": ("chat",),
        "p/tools": ("chat", "tools"),
        "p/thinks": ("chat", "reasoning"),
        "p/vectors": ("embedding",),
    }


def test_projectors_and_adapters_are_no_models(put, models, gguf_file):
    put("p/vision/model-Q4_0.gguf")
    put("p/vision/mmproj-model-f16.gguf", general__architecture=(gguf_file.STRING, "clip"))
    put("p/vision/lora.gguf", general__type=(gguf_file.STRING, "adapter"))
    assert ids(library(models)) == ["p/vision"]


def test_scripts_of_the_echo_engine(models):
    (models / "test" / "slow").mkdir(parents=True)
    (models / "test" / "slow" / "slow.echo.json").write_text("{}")
    (models / "quick.echo.json").write_text("{}")
    made = library(models)
    assert sorted(ids(made)) == ["quick", "test/slow"]
    assert {info.engine for info in made.models()} == {"echo"}
    assert made.find("test/slow").capabilities == ("chat", "tools", "reasoning")


def test_a_model_in_parts_is_one_model(put, models):
    for number in (1, 2, 3):
        put(f"p/big/big-Q4_0-{number:05d}-of-00003.gguf")
    info = library(models).find("p/big")
    assert info.path.endswith("big-Q4_0-00001-of-00003.gguf")
    assert info.size_bytes == 3 * Path(info.path).stat().st_size
    assert info.quant == "Q4_0"
    assert library(models).find(info.path.replace("00001-of", "00002-of")).id == "p/big"


def test_a_missing_part_is_named(put, models):
    put("p/big/big-00001-of-00003.gguf")
    put("p/big/big-00003-of-00003.gguf")
    with pytest.raises(ModelUnusable, match="Part 2 of 3 of big is missing"):
        library(models).find("p/big")


def test_broken_files_are_listed_with_their_reason(put, models):
    path = put("p/cut/a.gguf")
    path.write_bytes(path.read_bytes()[:-1000])
    (models / "p" / "cut" / "page.gguf").write_text("<html>")
    made = library(models)
    errors = {Path(info.path).name: info.error for info in made.models()}
    assert "the file ends before its tensors" in errors["a.gguf"]
    assert "is not a GGUF file" in errors["page.gguf"]
    with pytest.raises(ModelUnusable, match="Download it again"):
        made.find(next(info.id for info in made.models() if info.path.endswith("a.gguf")))


def test_finding_by_path(put, models, tmp_path, gguf_file):
    inside = put("p/r/a.gguf")
    outside = gguf_file.write_llama(tmp_path / "elsewhere.gguf")
    made = library(models)
    assert made.find(str(inside)).id == "p/r"
    found = made.find(str(outside))
    assert (found.id, found.source) == (str(outside), "path")
    assert made.find(found.id) == found


def test_a_broken_file_by_path(models, tmp_path):
    path = tmp_path / "x.gguf"
    path.write_text("no")
    with pytest.raises(ModelUnusable, match="is not a GGUF file"):
        library(models).find(str(path))


def test_wrong_paths_have_their_own_sentences(models, tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    made = library(models)
    with pytest.raises(ModelNotFound, match="is a folder"):
        made.find(str(models))
    with pytest.raises(ModelNotFound, match="There is no file"):
        made.find(str(tmp_path / "none.gguf"))
    with pytest.raises(ModelNotFound, match="There is no file"):
        made.find("none.gguf")
    with pytest.raises(ModelUnusable, match="is not a model file"):
        made.find(str(tmp_path / "notes.txt"))
    with pytest.raises(ModelNotFound):
        made.find("a\0b")


def test_an_unknown_id_hints_at_the_nearest(put, models):
    put("ada/Llama-3-GGUF/a.gguf")
    made = library(models, (STARTER, "bundled"))
    with pytest.raises(ModelNotFound) as missing:
        made.find("startr")
    assert missing.value.hint == "Did you mean “paddock/starter”?"
    with pytest.raises(ModelNotFound) as missing:
        made.find("llama-3-gguff")
    assert "ada/Llama-3-GGUF" in missing.value.hint
    with pytest.raises(ModelNotFound) as missing:
        library(models.parent / "nothing here").find("x")
    assert "no models" in missing.value.hint


def test_ids_are_found_in_any_case(put, models):
    put("Ada/Solo/a.gguf")
    assert library(models).find("ada/solo").id == "Ada/Solo"


def test_a_model_that_came_later_is_found_and_one_that_went_is_not(put, models):
    made = library(models)
    path = put("p/new/a.gguf")
    assert made.find("p/new").id == "p/new"
    path.unlink()
    made.refresh()
    assert made.models() == ()


def test_the_same_id_in_two_folders_is_told_apart_and_the_same_file_is_one(put, models, tmp_path, gguf_file):
    put("p/r/a.gguf")
    other = tmp_path / "other"
    (other / "p" / "r").mkdir(parents=True)
    gguf_file.write_llama(other / "p" / "r" / "b.gguf")
    (other / "link").symlink_to(models / "p")
    assert sorted(ids(library(models, (other, "folder")))) == ["p/r", "p/r@2"]


def test_links_in_circles_and_hidden_folders_end(put, models):
    put("p/r/a.gguf")
    put(".cache/r/b.gguf")
    (models / "p" / "loop").symlink_to(models)
    assert ids(library(models)) == ["p/r"]


def test_headers_are_read_once_until_the_file_changes(put, models):
    path = put("p/r/a.gguf")
    made = library(models)
    status = path.stat()
    data = path.read_bytes()
    path.write_bytes(b"XXXX" + data[4:])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert made.refresh()[0].error is None
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert made.refresh()[0].error is not None


def test_a_folder_that_cannot_be_read_is_reported_and_the_rest_is_there(put, models, monkeypatch):
    put("p/r/a.gguf")
    put("q/r/a.gguf")
    real = os.scandir

    def scandir(path):
        if str(path).endswith("q"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    made = library(models)
    assert ids(made) == ["p/r"]
    assert [problem.sentence for problem in made.problems()] == [f"{models / 'q'} cannot be read: Permission denied."]


def test_what_is_no_plain_file_is_no_model(put, models):
    """A pipe would make the reader wait for ever, and a device would never end."""
    put("p/r/folder.gguf/a.gguf")
    os.mkfifo(models / "p" / "pipe.gguf")
    (models / "p" / "device.gguf").symlink_to("/dev/zero")
    (models / "p" / "circle.gguf").symlink_to("circle.gguf")
    (models / "p" / "gone.gguf").symlink_to(models / "nowhere.gguf")
    found = {info.id: info.error for info in library(models).models()}
    assert found.pop("r/folder.gguf") is None
    assert found == {
        "p/circle": "circle.gguf cannot be read: Too many levels of symbolic links.",
        "p/gone": "gone.gguf cannot be read: No such file or directory.",
    }


@pytest.mark.parametrize("name", ["模型 Ünal 🐎", "CON", "a:b?", "x.", "q-00000-of-00000", "q-00005-of-00002"])
def test_odd_names_are_names(put, models, name):
    path = put(f"p/{name}.gguf")
    made = library(models)
    assert ids(made) == [f"p/{name}"]
    assert made.find(f"p/{name}").path == str(path)


def test_a_name_that_is_not_text_is_reported_and_the_rest_can_be_sent(put, models):
    put("p/r/a.gguf")
    (models / os.fsdecode(b"bad\xff.gguf")).touch()
    made = library(models)
    assert ids(made) == ["p/r"]
    (problem,) = made.problems()
    assert problem.sentence == f"{models}/bad?.gguf is left out: its name is not valid text."


def test_listing_again_asks_little(models, put, monkeypatch):
    """Thousands of models on a slow disk: one question for each file."""
    for number in range(30):
        put(f"p/r{number}/a.gguf")
    made = library(models)
    asked = []
    real = Path.stat
    monkeypatch.setattr(Path, "stat", lambda path, **options: asked.append(path) or real(path, **options))
    made.refresh()
    assert len(asked) == 30


def test_a_missing_folder_is_no_problem(models):
    made = library(models / "not yet")
    assert made.models() == ()
    assert made.problems() == ()


def test_many_threads_may_ask_at_once(put, models):
    put("p/r/a.gguf")
    made = library(models)
    found: list[str] = []

    def ask() -> None:
        made.refresh()
        found.append(made.find("p/r").id)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == ["p/r"] * 8
