"""What a projector takes is llama.cpp's own number, from the header alone, and a part of the estimate."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from paddock.backends.llamacpp import cpp_memory
from paddock.backends.llamacpp.bindings import library
from paddock.backends.llamacpp.loading import effective_options, load_model, make_context, with_threads
from paddock.backends.llamacpp.memory_use import measured
from paddock.backends.llamacpp.projector_memory import projector_bytes, projector_of
from paddock.backends.llamacpp.simulate import simulate
from paddock.sdk.errors import LoadFailed, ModelUnusable
from paddock.sdk.types import Options

from .architectures.projectors import write_projector
from .conftest import Driver

GPU: Options = {"n_gpu_layers": -1}


@pytest.fixture
def projector(gguf_file: ModuleType, tmp_path: Path) -> Path:
    return write_projector(gguf_file, "gemma3", tmp_path / "mmproj.gguf")


def test_weights_and_a_usual_picture_are_counted_from_the_header(projector: Path, gguf_file: ModuleType) -> None:
    whole = projector_bytes(library(), GPU | {"mmproj": str(projector)})
    assert sum(whole.values()) > 0.75 * projector.stat().st_size
    complete = projector.read_bytes()
    projector.write_bytes(complete[: complete.index(b"mm.soft_emb_norm.weight") + 512])
    with projector.open("r+b") as file:
        file.truncate(len(complete))
    assert projector_bytes(library(), GPU | {"mmproj": str(projector)}) == whole


def test_without_one_there_is_nothing(projector: Path) -> None:
    assert projector_of({"mmproj": "off"}) == projector_of({"mmproj": ""}) == projector_of({}) == ""
    assert projector_bytes(library(), GPU | {"mmproj": "off"}) == {}


def test_its_size_is_told_where_the_engine_cannot_be_asked(projector: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpp_memory, "_layout", lambda: None)
    assert projector_bytes(library(), GPU | {"mmproj": str(projector)}) == {("", 0): projector.stat().st_size}


def test_what_is_no_projector_is_refused(starter: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="is no projector"):
        projector_bytes(library(), GPU | {"mmproj": str(starter)})
    with pytest.raises(LoadFailed, match="is not there"):
        projector_bytes(library(), GPU | {"mmproj": str(tmp_path / "none.gguf")})


def test_a_simulated_load_tells_the_projector_as_the_real_one_does(
    gguf_file: ModuleType, tiny: Path, tmp_path: Path, driver: Driver
) -> None:
    seeing = str(write_projector(gguf_file, "mlp", tmp_path / "mmproj.gguf"))
    told = simulate(str(tiny), {"mmproj": seeing, "n_ctx": 512})
    done = driver.load(tiny, mmproj=seeing, n_ctx=512).memory
    assert done is not None
    assert told.parts.projector == done.parts.projector > 0
    assert done.parts.overhead > 0
    assert not told.notes


@pytest.mark.parametrize("broken", [True, False], ids=["of another kind", "not there"])
def test_a_projector_that_does_not_work_takes_nothing_and_is_said(starter: Path, tmp_path: Path, broken: bool) -> None:
    wrong = str(starter if broken else tmp_path / "gone.gguf")
    without, told = (simulate(str(starter), {"mmproj": name, "n_ctx": 512}) for name in ("off", wrong))
    assert [one.parts.weights for one in told.devices] == [one.parts.weights for one in without.devices]
    assert told.parts.projector == 0
    assert told.confidence == "exact"
    assert told.notes[-1] == "The model loads without it, and sees no pictures."


def test_a_model_is_told_with_its_projector(starter: Path, projector: Path) -> None:
    options: dict[str, Any] = with_threads(effective_options({"n_ctx": 512}), 0, 1)
    model = load_model(library(), str(starter), options, lambda part: None)
    context = make_context(model, options)
    alone, seeing = (measured(model, context, options | more) for more in ({}, {"mmproj": str(projector)}))
    assert alone.parts.projector == 0
    assert seeing.parts.projector == sum(projector_bytes(library(), GPU | {"mmproj": str(projector)}).values())
    assert seeing.parts.weights == alone.parts.weights
    context.close()
    model.close()
