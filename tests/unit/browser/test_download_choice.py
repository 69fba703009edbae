"""Which files make one download: projectors that go along, models of safetensors as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.browser.download_choice import NO_MLX, chosen, projector_of
from paddock.browser.downloads import Downloads
from paddock.browser.hub import Hub, HubFile, Listing
from paddock.sdk.downloads import Download
from paddock.sdk.errors import ModelNotFound, ModelUnusable

MODEL = "Qwen2.5-VL-7B-Q4_K_M.gguf"


def listing(*paths: str, repo: str = "owner/repo", mlx: bool = False) -> Listing:
    """The sizes grow in the order of ``paths``."""
    return Listing(repo, "a" * 40, tuple(HubFile(path, 100 + at) for at, path in enumerate(paths)), mlx)


def paths_of(found: Listing, quant: str = "") -> list[str]:
    return [file.path for file in chosen(found, quant).files]


@pytest.mark.parametrize(
    ("projectors", "wanted"),
    [
        (["mmproj-F32.gguf", "mmproj-BF16.gguf", "mmproj-F16.gguf"], "mmproj-F16.gguf"),
        (["mmproj-Q8_0.gguf", "mmproj-BF16.gguf", "mmproj-F32.gguf"], "mmproj-BF16.gguf"),
        (["mmproj-model-fp16.gguf", "mmproj-model-f32.gguf"], "mmproj-model-fp16.gguf"),
        (["mmproj-Qwen2.5-VL-3B-f16.gguf", "mmproj-Qwen2.5-VL-7B-f16.gguf"], "mmproj-Qwen2.5-VL-7B-f16.gguf"),
        (["other/mmproj-F16.gguf", "mmproj-Q8_0.gguf"], "mmproj-Q8_0.gguf"),
        (["mmproj.gguf"], "mmproj.gguf"),
    ],
)
def test_one_projector_comes_along_with_each_quant(projectors, wanted):
    found = listing(*projectors, MODEL)
    assert paths_of(found, "Q4_K_M") == [MODEL, wanted]


def test_without_a_projector_there_is_none():
    found = listing(MODEL, "README.md")
    assert paths_of(found) == [MODEL]
    assert projector_of(found, MODEL) is None


def test_an_mlx_model_is_one_download_that_begins_with_its_config():
    weights = [f"model-0000{part}-of-00002.safetensors" for part in (1, 2)]
    beside = ["chat_template.jinja", "model.safetensors.index.json", "tokenizer.json", "tokenizer.model", "vocab.txt"]
    others = ["README.md", ".gitattributes", "modeling_x.py", "onnx/model.safetensors", "requirements.txt", "a.png"]
    found = chosen(listing(*others, *beside, *weights, "config.json", mlx=True), "")
    assert (found.name, found.note) == ("owner/repo", NO_MLX)
    assert [file.path for file in found.files] == ["config.json", *weights, *beside]


def test_mlx_is_told_by_the_name_where_nobody_tags_it():
    found = listing("config.json", "model.safetensors", repo="mlx-community/x-4bit")
    assert paths_of(found) == ["config.json", "model.safetensors"]


@pytest.mark.parametrize(
    ("paths", "mlx", "error", "says"),
    [
        (["config.json", "model.safetensors"], False, ModelNotFound, "no GGUF file"),
        (["config.json", "pytorch_model.bin"], True, ModelNotFound, "model.safetensors"),
        (["model.safetensors"], True, ModelNotFound, "config.json"),
        (["config.json", "model-00001-of-00002.safetensors"], True, ModelUnusable, "model-00002-of-00002"),
        (["unet/model.safetensors", "config.json"], True, ModelNotFound, "model.safetensors"),
        (["README.md"], False, ModelNotFound, "no GGUF file"),
    ],
)
def test_what_no_engine_could_load_is_refused_with_a_sentence(paths, mlx, error, says):
    with pytest.raises(error, match=says) as refused:
        chosen(listing(*paths, mlx=mlx), "")
    assert refused.value.hint


async def fetched(hub: Any, home: Path, sources: Sequence[str]) -> list[Download]:
    """What became of ``sources``, one after the other."""
    ended = asyncio.Event()

    def changed(id: str, download: Download | None) -> None:
        if download is not None and download.state in ("done", "failed", "paused"):
            ended.set()

    async def arrived() -> None:
        pass

    made = Downloads(home / "models", home / "list.json", hub=lambda: Hub(hub.url), changed=changed, arrived=arrived)
    (home / "models").mkdir(parents=True)
    found = []
    try:
        for source in sources:
            ended.clear()
            added = await made.add(source)
            async with asyncio.timeout(60):
                await ended.wait()
            found.append(msgspec.structs.replace(made.find(added.id), note=added.note))
    finally:
        await made.close()
    return found


@pytest.mark.anyio
async def test_two_quants_share_one_projector_which_is_fetched_once(hub, tmp_path):
    model, projector = b"m" * 5000, b"p" * 3000
    hub.add("o/vl", {"vl-Q4_K_M.gguf": model, "vl-Q8_0.gguf": model * 2, "mmproj-F16.gguf": projector})
    first, second = await fetched(hub, tmp_path, ["o/vl:Q4_K_M", "o/vl:Q8_0"])
    assert [download.state for download in (first, second)] == ["done", "done"]
    assert [file.name for file in first.files] == ["vl-Q4_K_M.gguf", "mmproj-F16.gguf"]
    assert first.total_bytes == 8000
    assert first.path.endswith("vl-Q4_K_M.gguf")
    assert (tmp_path / "models/o/vl/mmproj-F16.gguf").read_bytes() == projector
    assert hub.sent == 5000 + 10000 + 3000


@pytest.mark.anyio
async def test_an_mlx_model_arrives_in_its_folder_and_says_that_it_cannot_run(hub, tmp_path):
    files = {"config.json": b"{}", "model.safetensors": b"w" * 4000, "tokenizer.json": b"[]", "run.py": b"import os"}
    hub.add("mlx-community/x-4bit", files)
    [download] = await fetched(hub, tmp_path, ["mlx-community/x-4bit"])
    assert (download.model, download.state, download.note) == ("mlx-community/x-4bit", "done", NO_MLX)
    folder = tmp_path / "models/mlx-community/x-4bit"
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors", "tokenizer.json"}
    assert download.path == str(folder / "config.json")
