"""What Discover says of a model is what an estimate says, what the load then plans with, and what it then takes.

Five files of five architectures and quants, with real weights (random ones), from a hub on this machine.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from module_files import load_file

from paddock.sdk import Client
from paddock.sdk.downloads import Download
from paddock.sdk.events import DownloadFinished, DownloadProgress, Snapshot
from paddock.sdk.hub import FitsRequest

TESTS = Path(__file__).parents[1]
FILES = {"llama": "Q8_0", "qwen3": "Q4_K_M", "gemma3": "Q6_K", "phi3": "Q4_0", "qwen3moe": "F16"}
"""Architecture and quant; grouped heads, a sliding window, fused matrices and experts among them."""
FILE_TYPES = {"Q8_0": 7, "Q4_K_M": 15, "Q6_K": 18, "Q4_0": 2, "F16": 1}
"""``llama_ftype``."""
SMALLER = {
    "embedding_length": 512,
    "feed_forward_length": 1024,
    "attention.head_count": 8,
    "attention.head_count_kv": 2,
    "expert_feed_forward_length": 512,
    "context_length": 32768,
    "rope.dimension_count": 32,
    "attention.sliding_window": 512,
}
"""Than the models of the benchmark, which would take a minute to make."""
OPTIONS = {"n_ctx": 4096, "n_gpu_layers": 0}
PLANNED = "8GB"
MIB = 2**20


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The five files by the name of their architecture."""
    sys.path.insert(0, str(TESTS / "perf"))
    try:
        maker = load_file("perf/estimates.py")
    finally:
        sys.path.remove(str(TESTS / "perf"))
    maker.SCALED, maker.VOCABULARY = SMALLER, 2048
    models = load_file("unit/backends/llamacpp/architectures/models.py")
    gguf_file = load_file("unit/browser/gguf_file.py")
    folder = tmp_path_factory.mktemp("five")
    found = {}
    for architecture, quant in FILES.items():
        maker._quantize = lambda full, target, quant=quant: _quantize(full, target, FILE_TYPES[quant])
        path = folder / f"{architecture}.gguf"
        maker._make(models, gguf_file, architecture, path)
        found[architecture] = path.read_bytes()
    return found


def _quantize(full: Path, target: Path, file_type: int) -> None:
    from llama_cpp import llama_cpp as api

    params = api.llama_model_quantize_default_params()
    params.ftype, params.nthread = file_type, 2
    assert api.llama_model_quantize(os.fsencode(full), os.fsencode(target), ctypes.byref(params)) == 0
    full.unlink()


@pytest.fixture(scope="module")
def hub(files: dict[str, bytes]) -> Iterator[Any]:
    with load_file("unit/browser/hub.py").LocalHub() as made:
        for architecture, quant in FILES.items():
            made.add(f"owner/{architecture}-GGUF", {f"{architecture}-{quant}.gguf": files[architecture]})
        yield made


@pytest.fixture
def client(hub: Any, program: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Of a host that asks the hub of the test."""
    environment = {
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": "",
        "NO_PROXY": "127.0.0.1,localhost",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with program.client() as made:
        yield made


def downloaded(client: Client, model: str) -> Download:
    wanted = client.download(model).id
    for event in client.events():
        match event:
            case DownloadFinished(download=Download(id=id) as download) if id == wanted:
                return download
            case Snapshot(downloads=listed):
                for download in listed:
                    if download.id == wanted and download.state == "done":
                        return download
            case DownloadProgress():
                pass
    raise AssertionError("the host has left")


def test_badges_agree_with_the_estimate_and_with_the_later_load(client):
    """Acceptance 5."""
    rows = []
    for architecture, label in FILES.items():
        repo = f"owner/{architecture}-GGUF"
        source = f"{repo}:{label}"
        [badge] = client.hub_fits(FitsRequest(repo=repo, options=OPTIONS, quant=label)).fits
        [quick] = client.hub_fits(FitsRequest(repo=repo, options=OPTIONS, quick=True)).fits
        [planned] = client.hub_fits(FitsRequest(repo=repo, options=OPTIONS, on=PLANNED)).fits
        estimate = client.estimate(source, OPTIONS)
        elsewhere = client.estimate(source, OPTIONS, on=PLANNED)
        assert badge.label == label
        assert badge.downloaded == ""
        assert (badge.estimate.source, badge.estimate.verdict) == (estimate.source, estimate.verdict)
        assert badge.estimate.source == "simulated"
        assert badge.estimate.total_bytes == quick.estimate.total_bytes == estimate.total_bytes
        assert badge.estimate.parts == estimate.parts
        assert badge.estimate.max_context == estimate.max_context
        assert (planned.estimate.verdict, planned.estimate.total_bytes) == (elsewhere.verdict, elsewhere.total_bytes)

        download = downloaded(client, source)
        assert download.state == "done", download.error
        [info] = [info for info in client.models() if info.path == download.path]
        loaded = client.load(info.id, OPTIONS)
        client.unload(loaded.id)
        rows.append((source, badge.estimate.total_bytes, loaded.predicted_bytes, loaded.measured_bytes))
        [after] = client.hub_fits(FitsRequest(repo=repo, options=OPTIONS, quant=label)).fits
        assert after.downloaded == info.id
        assert after.estimate.total_bytes == pytest.approx(estimate.total_bytes, rel=0.02, abs=32 * MIB)
    for source, said, predicted, measured in rows:
        assert predicted == pytest.approx(said, rel=0.02, abs=32 * MIB), source
        assert measured == pytest.approx(said, rel=0.02, abs=32 * MIB), source
        print(f"{source:28} badge {said / MIB:8.1f} MiB, load {predicted / MIB:8.1f}, taken {measured / MIB:8.1f}")  # noqa: T201
