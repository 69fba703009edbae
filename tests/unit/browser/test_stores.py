"""The stores of other programs, as those programs lay them out."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from paddock.browser.files import ModelFile
from paddock.browser.library import Library
from paddock.browser.stores import StorePlace, find_stores, listing
from paddock.sdk.types import ModelSource

DIGESTS = {letter: letter * 64 for letter in "abcdef"}
OLLAMA = "application/vnd.ollama.image."


def write(path: Path, content: str | bytes = b"GGUF") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, source: ModelSource) -> tuple[list[list[ModelFile]], list[str]]:
    failed: list[str] = []
    place = StorePlace(path, source, "")
    found = list(listing(place, lambda name: name.lower().endswith(".gguf"), failed.append))
    return found, failed


def named(found: list[list[ModelFile]]) -> list[tuple[str, str, str]]:
    return sorted((file.base, file.label, file.name or file.path.name) for files in found for file in files)


def found_in(home: Path, platform: str = "linux", **environ: str) -> list[tuple[str, str]]:
    places = find_stores(environ, home, platform=platform)
    return [(place.source, place.path.relative_to(home).as_posix()) for place in places if home in place.path.parents]


# ---------------------------------------------------------------- which there are


def test_every_store_of_a_home_is_found_and_only_what_there_is(tmp_path: Path) -> None:
    assert found_in(tmp_path) == []
    stores = [
        ("lmstudio", ".lmstudio/models"),
        ("lmstudio", ".cache/lm-studio/models"),
        ("ollama", ".ollama/models"),
        ("jan", ".local/share/Jan/data/llamacpp/models"),
        ("jan", "jan/models"),
        ("huggingface", ".cache/huggingface/hub"),
        ("llamacpp", ".cache/llama.cpp"),
    ]
    for _, path in stores:
        (tmp_path / path / "manifests").mkdir(parents=True)
    assert found_in(tmp_path) == stores
    assert found_in(tmp_path, PADDOCK_STORES="off") == []


@pytest.mark.parametrize(
    ("platform", "paths"),
    [
        ("darwin", ["Library/Application Support/Jan/data/llamacpp/models", "Library/Caches/llama.cpp"]),
        ("win32", ["AppData/Roaming/Jan/data/llamacpp/models", "AppData/Local/llama.cpp"]),
    ],
)
def test_macos_and_windows_have_folders_of_their_own(tmp_path: Path, platform: str, paths: list[str]) -> None:
    for path in paths:
        (tmp_path / path).mkdir(parents=True)
    assert [path for _, path in found_in(tmp_path, platform)] == paths


def test_variables_and_settings_of_the_programs_move_their_stores(tmp_path: Path) -> None:
    for path in ("ollama/manifests", "hub", "llama", "lm", "jan-data/llamacpp/models", ".ollama/models/manifests"):
        (tmp_path / path).mkdir(parents=True)
    write(tmp_path / ".lmstudio" / "settings.json", json.dumps({"downloadsFolder": str(tmp_path / "lm")}))
    write(tmp_path / ".config/Jan/settings.json", json.dumps({"data_folder": str(tmp_path / "jan-data")}))
    moved = {"OLLAMA_MODELS": "ollama", "HF_HUB_CACHE": "hub", "LLAMA_CACHE": "llama"}
    assert found_in(tmp_path, **{name: str(tmp_path / path) for name, path in moved.items()}) == [
        ("lmstudio", "lm"),
        ("ollama", "ollama"),
        ("jan", "jan-data/llamacpp/models"),
        ("huggingface", "hub"),
        ("llamacpp", "llama"),
    ]


@pytest.mark.parametrize("settings", ["", "[]", '{"downloadsFolder": 7}', '{"downloadsFolder": "models"}', "[" * 9999])
def test_rubbish_in_settings_moves_nothing(tmp_path: Path, settings: str) -> None:
    write(tmp_path / ".lmstudio" / "settings.json", settings)
    write(tmp_path / ".lmstudio-home-pointer", b"\xff\xfe")
    (tmp_path / ".lmstudio" / "models").mkdir()
    assert found_in(tmp_path) == [("lmstudio", ".lmstudio/models")]


def test_two_names_of_one_folder_are_one_place(tmp_path: Path) -> None:
    (tmp_path / ".lmstudio" / "models").mkdir(parents=True)
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "lm-studio").symlink_to(tmp_path / ".lmstudio")
    assert found_in(tmp_path) == [("lmstudio", ".lmstudio/models")]


def test_models_of_programs_that_keep_books_are_not_ours_to_delete(tmp_path: Path) -> None:
    for path in (".lmstudio/models", ".ollama/models/manifests", "jan/models", ".cache/huggingface/hub"):
        (tmp_path / path).mkdir(parents=True)
    places = [place for place in find_stores({}, tmp_path, platform="linux") if tmp_path in place.path.parents]
    assert {place.source: place.removable for place in places} == {
        "lmstudio": True, "ollama": False, "jan": False, "huggingface": False,
    }  # fmt: skip
    assert all(place.note for place in places if not place.removable)


# ---------------------------------------------------------------- Ollama


def manifest(root: Path, name: str, *layers: tuple[str, str], blobs: bool = True) -> None:
    described = [{"mediaType": OLLAMA + kind, "digest": f"sha256:{DIGESTS[blob]}", "size": 4} for kind, blob in layers]
    write(root / "manifests" / name, json.dumps({"schemaVersion": 2, "config": {}, "layers": described}))
    for _, blob in layers if blobs else ():
        write(root / "blobs" / f"sha256-{DIGESTS[blob]}")


def test_ollama_models_have_the_names_that_ollama_gives_them(tmp_path: Path) -> None:
    manifest(tmp_path, "registry.ollama.ai/library/llama3.2/3b", ("model", "a"), ("template", "b"), ("license", "c"))
    manifest(tmp_path, "registry.ollama.ai/someone/own/latest", ("model", "d"), ("projector", "e"))
    manifest(tmp_path, "hf.co/bartowski/Qwen-GGUF/Q4_K_M", ("model", "f"))
    found, failed = read(tmp_path, "ollama")
    assert failed == []
    assert named(found) == [
        ("bartowski/Qwen-GGUF", "Q4_K_M", "Qwen-GGUF-Q4_K_M.gguf"),
        ("ollama/llama3.2", "3b", "llama3.2-3b.gguf"),
        ("someone/own", "latest", "mmproj-own-latest-1.gguf"),
        ("someone/own", "latest", "own-latest.gguf"),
    ]
    assert {file.path.parent for files in found for file in files} == {tmp_path / "blobs"}


def test_several_tags_of_one_blob_are_one_model(tmp_path: Path) -> None:
    for tag in ("latest", "3b-instruct-q4_K_M", "3b"):
        manifest(tmp_path, f"registry.ollama.ai/library/llama3.2/{tag}", ("model", "a"))
    assert named(read(tmp_path, "ollama")[0]) == [("ollama/llama3.2", "3b", "llama3.2-3b.gguf")]


def test_ollama_models_without_weights_here_are_left_out_in_silence(tmp_path: Path) -> None:
    manifest(tmp_path, "registry.ollama.ai/library/gpt-oss/120b-cloud")
    manifest(tmp_path, "registry.ollama.ai/library/mlx/latest", ("tensor", "a"))
    write(tmp_path / "manifests" / "stray", "not in its place")
    assert read(tmp_path, "ollama") == ([], [])


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"[]", b'{"layers": 3}', b"[" * 200_000, b"{" + b" " * (1 << 20) + b"}",
     b'{"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../../../etc/passwd"}]}'],
)  # fmt: skip
def test_a_rubbish_manifest_gives_a_sentence_and_leaves_the_others(tmp_path: Path, content: bytes) -> None:
    write(tmp_path / "manifests/registry.ollama.ai/library/broken/latest", content)
    manifest(tmp_path, "registry.ollama.ai/library/good/1b", ("model", "a"))
    found, failed = read(tmp_path, "ollama")
    assert [base for base, _, _ in named(found)] == ["ollama/good"]
    assert len(failed) == 1
    assert "broken:latest" in failed[0]


def test_missing_blobs_and_adapters_are_told(tmp_path: Path) -> None:
    manifest(tmp_path, "registry.ollama.ai/library/gone/1b", ("model", "a"), blobs=False)
    manifest(tmp_path, "registry.ollama.ai/library/tuned/1b", ("model", "b"), ("adapter", "c"))
    found, failed = read(tmp_path, "ollama")
    assert found == []
    assert len(failed) == 2
    assert any("ollama pull gone:1b" in sentence for sentence in failed)
    assert any("adapter" in sentence for sentence in failed)


# ---------------------------------------------------------------- Jan


MERGES = "\n".join(["a0: &a0 {x: 1}", *(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 60))])
"""Sixty lines that mean a mapping of 2**59 pairs."""


def card(root: Path, id: str, **fields: str) -> None:
    write(root / id / "model.yml", "".join(f"{key}: {value}\n" for key, value in fields.items()))


def test_jan_models_are_what_their_cards_name(tmp_path: Path) -> None:
    root = tmp_path / "llamacpp" / "models"
    write(root / "janhq/Jan-v3-4B-gguf/Jan-v3-4b-Q4_K_XL.gguf")
    write(root / "org/llava/q4/model.gguf")
    write(root / "org/llava/q4/mmproj.gguf")
    write(root / "no-card/model.gguf")
    elsewhere = write(tmp_path / "Downloads" / "mine.gguf")
    below = "llamacpp/models"
    card(root, "janhq/Jan-v3-4B-gguf", model_path=f"{below}/janhq/Jan-v3-4B-gguf/Jan-v3-4b-Q4_K_XL.gguf", name="x")
    card(
        root,
        "org/llava/q4",
        model_path=f"{below}/org/llava/q4/model.gguf",
        mmproj_path=f"{below}/org/llava/q4/mmproj.gguf",
    )
    card(root, "imported", model_path=str(elsewhere), size_bytes="4")
    found, failed = read(root, "jan")
    assert failed == []
    assert named(found) == [
        ("jan/imported", "", "mine.gguf"),
        ("janhq/Jan-v3-4B-gguf", "", "Jan-v3-4b-Q4_K_XL.gguf"),
        ("org/llava", "q4", "mmproj.gguf"),
        ("org/llava", "q4", "q4.gguf"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "- 1",
        "model_path: [1]",
        "model_path: 'x\n",
        "a: &a [*a]",
        "a: [" * 10_000,
        MERGES,
        "model_path: gone.gguf",
        'model_path: "\\0.gguf"',
        'model_path: "\\ud800.gguf"',
        "model_path: /",
        "model_path: .",
    ],
)
def test_a_jan_card_that_leads_nowhere_gives_a_sentence(tmp_path: Path, content: str) -> None:
    root = tmp_path / "llamacpp" / "models"
    write(root / "broken" / "model.yml", content)
    found, failed = read(root, "jan")
    assert found == []
    assert len(failed) == 1
    assert failed[0].startswith("Jan’s model broken")


def test_the_models_of_older_versions_of_jan_are_plain_folders(tmp_path: Path) -> None:
    write(tmp_path / "models" / "tinyllama-1.1b" / "tinyllama.gguf")
    assert [file.path.name for files in read(tmp_path / "models", "jan")[0] for file in files] == ["tinyllama.gguf"]


# ---------------------------------------------------------------- Hugging Face and llama.cpp


def snapshot(root: Path, repo: str, revision: str, name: str, *, age: int = 0, whole: bool = True) -> Path:
    folder = root / f"models--{repo.replace('/', '--')}"
    blob = folder / "blobs" / f"{revision}{name.replace('/', '-')}"
    link = folder / "snapshots" / revision / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(os.path.relpath(write(blob), link.parent))
    if not whole:
        blob.rename(f"{blob}.incomplete")
    os.utime(folder / "snapshots" / revision, (1_000_000 - age, 1_000_000 - age))
    return link


def test_the_newest_whole_revision_of_each_model_is_shown(tmp_path: Path) -> None:
    old = snapshot(tmp_path, "o/m", "1111", "m-Q4_K_M.gguf", age=20)
    only_old = snapshot(tmp_path, "o/m", "1111", "m-Q8_0.gguf", age=20)
    new = snapshot(tmp_path, "o/m", "2222", "m-Q4_K_M.gguf", age=10)
    snapshot(tmp_path, "o/m", "3333", "m-Q4_K_M.gguf", whole=False)
    snapshot(tmp_path, "o/only-config", "1111", "config.json")
    write(tmp_path / "datasets--o--d" / "snapshots" / "1" / "x.gguf")
    found, failed = read(tmp_path, "huggingface")
    assert failed == []
    assert [[file.path for file in files] for files in found] == [[new, only_old]]
    assert {file.base for file in found[0]} == {"o/m"}
    write(tmp_path / "models--o--m" / "refs" / "main", "1111")
    assert {file.path for files in read(tmp_path, "huggingface")[0] for file in files} == {old, only_old}


def test_parts_of_two_revisions_are_never_mixed(tmp_path: Path) -> None:
    parts = [f"big-0000{number}-of-00002.gguf" for number in (1, 2)]
    whole = [snapshot(tmp_path, "o/m", "1111", part, age=10) for part in parts]
    snapshot(tmp_path, "o/m", "2222", parts[0])
    assert [file.path for files in read(tmp_path, "huggingface")[0] for file in files] == whole


def test_equal_names_in_folders_of_a_repository_stay_two_models(tmp_path: Path) -> None:
    for folder in ("BF16", "Q4"):
        snapshot(tmp_path, "o/m", "1111", f"{folder}/model.gguf")
    assert [name for _, _, name in named(read(tmp_path, "huggingface")[0])] == ["BF16-model.gguf", "Q4-model.gguf"]


def test_a_link_to_nothing_gives_a_sentence(tmp_path: Path) -> None:
    snapshot(tmp_path, "o/m", "1111", "m.gguf", whole=False)
    found, failed = read(tmp_path, "huggingface")
    assert found == []
    assert len(failed) == 1
    assert "o/m" in failed[0]


def test_the_flat_cache_of_llama_cpp_tells_repositories(tmp_path: Path) -> None:
    write(tmp_path / "manifest=ggml-org=my_repo=latest.json", "{}")
    write(tmp_path / "ggml-org_my_repo_gemma-Q4_K_M.gguf")
    noted = write(tmp_path / "a_b_c_d.gguf")
    write(noted.with_name("a_b_c_d.gguf.json"), '{"url": "https://huggingface.co/a/b_c/resolve/main/d.gguf"}')
    write(tmp_path / "unsloth_Qwen3-GGUF_Qwen3-Q8_0.gguf")
    write(tmp_path / "plain.gguf")
    write(tmp_path / "below" / "x.gguf")
    snapshot(tmp_path, "o/m", "1111", "m.gguf")
    found, failed = read(tmp_path, "llamacpp")
    assert failed == []
    assert named(found) == [
        ("", "", "plain.gguf"),
        ("a/b_c", "", "d.gguf"),
        ("ggml-org/my_repo", "", "gemma-Q4_K_M.gguf"),
        ("o/m", "", "m.gguf"),
        ("unsloth/Qwen3-GGUF", "", "Qwen3-Q8_0.gguf"),
    ]


# ---------------------------------------------------------------- all of them


def test_the_library_shows_them_under_their_names_with_their_projectors(tmp_path: Path, gguf_file: Any) -> None:
    def header(**metadata: tuple[int, Any]) -> bytes:
        whole = gguf_file.Writer().file({key.replace("__", "."): value for key, value in metadata.items()})
        assert isinstance(whole, bytes)
        return whole

    weights = header(general__architecture=(gguf_file.STRING, "llama"), llama__context_length=(gguf_file.U32, 64))
    projector = header(general__architecture=(gguf_file.STRING, "clip"))
    ollama = tmp_path / ".ollama" / "models"
    for name, blob in (("llava", "a"), ("other", "b")):
        layers = ("model", blob), ("projector", "c")
        manifest(ollama, f"registry.ollama.ai/library/{name}/7b", *layers)
    for blob, content in (("a", weights), ("b", weights), ("c", projector)):
        write(ollama / "blobs" / f"sha256-{DIGESTS[blob]}", content)
    jan = tmp_path / "jan" / "llamacpp" / "models"
    for name, content in (("model", weights), ("mmproj", projector)):
        write(jan / "org" / "vision" / f"{name}.gguf", content)
    below = "llamacpp/models/org/vision"
    card(jan, "org/vision", model_path=f"{below}/model.gguf", mmproj_path=f"{below}/mmproj.gguf")
    hub = tmp_path / ".cache" / "huggingface" / "hub"
    for name, content in (("m-Q4_K_M.gguf", weights), ("m-Q8_0.gguf", weights), ("mmproj-m.gguf", projector)):
        snapshot(hub, "o/m", "1111", name).write_bytes(content)
    places = [place for place in find_stores({}, tmp_path, platform="linux") if tmp_path in place.path.parents]
    library = Library(places, {".gguf": "llamacpp"}, None)
    models = {model.id: model for model in library.refresh()}
    assert library.problems() == ()
    assert set(models) == {"ollama/llava:7b", "ollama/other:7b", "org/vision", "o/m:Q4_K_M", "o/m:Q8_0"}
    shared = str(ollama / "blobs" / f"sha256-{DIGESTS['c']}")
    assert {model.projector for id, model in models.items() if id.startswith("ollama")} == {shared}
    assert all(model.projector for model in models.values())
    assert {model.folder for model in models.values()} == {str(ollama), str(jan), str(hub)}


@pytest.mark.parametrize("source", ["lmstudio", "ollama", "jan", "huggingface", "llamacpp"])
def test_circles_and_strangers_end(tmp_path: Path, source: ModelSource) -> None:
    for folder in ("manifests/a/b/c", "models--o--m/snapshots/1111", "llamacpp/models/x"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "circle").symlink_to(tmp_path)
        (tmp_path / folder / "self.gguf").symlink_to("self.gguf")
        os.mkfifo(tmp_path / folder / "pipe.gguf")
        os.mkfifo(tmp_path / folder / "model.yml")
    read(tmp_path, source)
    read(tmp_path / "llamacpp" / "models", source)


@pytest.mark.parametrize(("source", "file"), [("ollama", "manifests"), ("huggingface", "models--o--m/snapshots")])
def test_what_cannot_be_read_as_a_folder_gives_a_sentence(tmp_path: Path, source: ModelSource, file: str) -> None:
    write(tmp_path / file)
    assert len(read(tmp_path, source)[1]) == 1
