"""Headers of models that are elsewhere: what is fetched, what is kept, and what every wrong answer means."""

from __future__ import annotations

import asyncio
import struct
import threading

import pytest

from paddock.browser.hub import Hub
from paddock.browser.remote import Fetched, fetch_headers, is_remote
from paddock.sdk.errors import (
    AccessDenied,
    BadRequest,
    ModelNotFound,
    ModelUnusable,
    PaddockError,
    RemoteFailed,
)

pytestmark = pytest.mark.anyio
MEGABYTE = 2**20


@pytest.fixture(scope="module")
def small(gguf_file) -> bytes:
    return gguf_file.Writer().file(gguf_file.llama_metadata(), gguf_file.llama_tensors())


@pytest.fixture(scope="module")
def medium(gguf_file) -> bytes:
    """A header of 2.4 MB: several ranges."""
    metadata = gguf_file.large_vocabulary(tokens=40_000, merges=80_000)
    return gguf_file.Writer().file(metadata, gguf_file.llama_tensors())


@pytest.fixture
def fetch(hub, tmp_path):
    """Fetches from the local hub, with quick retries."""

    async def fetch(source: str, token: str | None = None) -> Fetched:
        return await fetch_headers(source, tmp_path / "headers", hub=Hub(hub.url, token), retry_s=0.01)

    return fetch


async def refused(kind: type[PaddockError], fetching) -> PaddockError:
    with pytest.raises(kind) as error:
        await fetching
    assert error.value.message.endswith(".")
    assert error.value.hint.endswith(".")
    return error.value


# ---------------------------------------------------------------- what comes


async def test_a_model_of_forty_gigabytes_costs_its_header(fetch, hub, hub_module, medium):
    size = len(medium) + 40 * 10**9
    hub.add("owner/repo", {"model-Q4_K_M.gguf": hub_module.Blob(medium, size)})
    found = await fetch("owner/repo:Q4_K_M")
    assert found.model == "owner/repo:Q4_K_M"
    assert found.size_bytes == size == found.paths[0].stat().st_size
    assert found.headers[0].counts["tokenizer.ggml.merges"] == 80_000
    assert found.headers[0].tensors
    assert found.paths[0].name == "model-Q4_K_M.gguf"
    with found.paths[0].open("rb") as file:
        assert file.read(found.headers[0].data_start) == medium[: found.headers[0].data_start]
    assert found.paths[0].stat().st_blocks * 512 < len(medium) + MEGABYTE
    assert found.fetched_bytes == hub.sent < found.headers[0].data_start + 128 * 1024


async def test_the_largest_vocabularies_cost_less_than_sixteen_megabytes(fetch, hub, hub_module, gguf_file):
    data = gguf_file.Writer().file(gguf_file.large_vocabulary(), gguf_file.llama_tensors())
    hub.add("owner/repo", {"model-Q8_0.gguf": hub_module.Blob(data, len(data) + 10**10)})
    found = await fetch("owner/repo")
    assert found.headers[0].counts["tokenizer.ggml.tokens"] == 262_144
    assert found.fetched_bytes < 16_000_000
    assert len(hub.file_requests()) < 16


async def test_the_projector_comes_along(fetch, hub, hub_module, small):
    seeing = hub_module.Blob(small, len(small) + 10**9)
    hub.add("owner/repo", {"model-Q8_0.gguf": small, "mmproj-model-F16.gguf": seeing})
    found = await fetch("owner/repo:Q8_0")
    assert found.projector.name == "mmproj-model-F16.gguf"
    assert found.projector.stat().st_size == len(small) + 10**9
    assert (found.model, len(found.headers), found.fetched_bytes) == ("owner/repo:Q8_0", 1, hub.sent)
    again = await fetch("owner/repo:Q8_0")
    assert (again.projector, again.fetched_bytes) == (found.projector, 0)


async def test_a_projector_that_cannot_be_read_keeps_no_model_from_being_told(fetch, hub, small):
    hub.add("owner/repo", {"model-Q8_0.gguf": small, "mmproj-model-F16.gguf": b"no model at all"})
    found = await fetch("owner/repo:Q8_0")
    assert found.projector is None
    assert found.headers


async def test_the_second_time_nothing_is_fetched(fetch, hub, medium):
    hub.add("owner/repo", {"model-Q8_0.gguf": medium})
    first = await fetch("owner/repo")
    asked = len(hub.file_requests())
    second = await fetch("owner/repo")
    assert second.paths == first.paths
    assert second.headers == first.headers
    assert second.fetched_bytes == 0
    assert len(hub.file_requests()) == asked
    hub.add("owner/repo", {"model-Q8_0.gguf": medium + b"more"})
    assert (await fetch("owner/repo")).fetched_bytes > 0


async def test_the_second_time_of_a_url_costs_one_look(fetch, hub, medium):
    hub.plain["/some/where/model.gguf"] = hub_blob = hub.add("x/y", {"a": medium}).files["a"]
    first = await fetch(f"{hub.url}/some/where/model.gguf")
    assert first.model == "model"
    assert first.size_bytes == hub_blob.size
    second = await fetch(f"{hub.url}/some/where/model.gguf")
    assert (second.paths, second.fetched_bytes) == (first.paths, 0)


async def test_a_damaged_cache_is_fetched_again(fetch, hub, small):
    hub.add("owner/repo", {"model-Q8_0.gguf": small})
    first = await fetch("owner/repo")
    first.paths[0].write_bytes(b"zeros after a power cut")
    assert (await fetch("owner/repo")).headers == first.headers


async def test_all_parts_of_a_sharded_model(fetch, hub, gguf_file, tmp_path):
    g = gguf_file
    tensors = list(g.llama_tensors().items())
    parts = {}
    for number in range(3):
        metadata = g.llama_metadata() if number == 0 else {}
        metadata |= {"split.no": (g.U16, number), "split.count": (g.U16, 3)}
        parts[f"Q8_0/big-Q8_0-0000{number + 1}-of-00003.gguf"] = g.Writer().file(metadata, dict(tensors[number::3]))
    hub.add("owner/repo", parts)
    for source in ("owner/repo:Q8_0", f"{hub.url}/owner/repo/blob/main/Q8_0/big-Q8_0-00002-of-00003.gguf"):
        found = await fetch(source)
        assert [path.name for path in found.paths] == [name.partition("/")[2] for name in parts]
        assert len({path.parent for path in found.paths}) == 1
        assert sum(len(header.tensors) for header in found.headers) == len(tensors)
        assert found.size_bytes == sum(map(len, parts.values()))
    del hub.repos["owner/repo"].files["Q8_0/big-Q8_0-00003-of-00003.gguf"]
    error = await refused(ModelUnusable, fetch("owner/repo:Q8_0"))
    assert "big-Q8_0-00003-of-00003.gguf" in error.message


# ---------------------------------------------------------------- which file is meant


async def test_which_quant_is_meant(fetch, hub, small):
    names = ["m-Q4_K_M.gguf", "m-Q8_0.gguf", "m-UD-Q4_K_XL.gguf", "BF16/m-BF16.gguf", "mmproj-F16.gguf", "README.md"]
    hub.add("owner/m-GGUF", dict.fromkeys(names, small))
    for asked, path in {
        "owner/m-GGUF": "m-Q4_K_M.gguf",
        "owner/m-GGUF:q8_0": "m-Q8_0.gguf",
        "owner/m-GGUF:UD-Q4_K_XL": "m-UD-Q4_K_XL.gguf",
        "owner/m-GGUF:Q4_K_XL": "m-UD-Q4_K_XL.gguf",
        "owner/m-GGUF:bf16": "m-BF16.gguf",
        "owner/m-GGUF:m-Q8_0.gguf": "m-Q8_0.gguf",
    }.items():
        assert (await fetch(asked)).paths[0].name == path
    error = await refused(ModelNotFound, fetch("owner/m-GGUF:Q2_K"))
    assert "Q4_K_M, Q8_0, UD-Q4_K_XL" in error.hint.replace("BF16, ", "")
    assert "mmproj" not in error.hint


async def test_what_cannot_be_chosen_is_asked(fetch, hub, small):
    hub.add("owner/two", {"m-Q5_K_M.gguf": small, "m-Q8_0.gguf": small})
    error = await refused(BadRequest, fetch("owner/two"))
    assert "Q5_K_M, Q8_0" in error.hint
    assert "owner/two:Q5_K_M" in error.hint
    hub.add("owner/one", {"m-Q8_0.gguf": small, "mmproj-m-F16.gguf": small})
    assert (await fetch("owner/one")).model == "owner/one:Q8_0"
    assert (await fetch(f"{hub.url}/owner/one")).model == "owner/one:Q8_0"
    hub.add("owner/none", {"model.safetensors": b"x"})
    assert "no GGUF" in (await refused(ModelNotFound, fetch("owner/none"))).message


@pytest.mark.parametrize(
    "source", ["", "justaname", "a/b/c", "https://", "https://h.invalid/x.bin", "http://[", "ftp://h/x.gguf"]
)
async def test_what_is_no_source_at_all(fetch, source):
    await refused(BadRequest, fetch(source))


def test_what_looks_remote():
    assert is_remote("owner/repo")
    assert is_remote("owner/repo:Q4_K_M")
    assert is_remote("https://example.org/x.gguf")
    assert not is_remote("/home/me/x.gguf")
    assert not is_remote("folder/x.gguf")
    assert not is_remote("name")


# ---------------------------------------------------------------- access


async def test_gated_and_private_models_need_the_token_and_it_stays_at_the_hub(fetch, hub, medium):
    hub.add("owner/gated", {"m-Q8_0.gguf": medium}, gated=True)
    hub.add("owner/private", {"m-Q8_0.gguf": medium}, private=True)
    error = await refused(AccessDenied, fetch("owner/gated"))
    assert "gated" in error.message
    assert "/owner/gated" in error.hint
    assert "HF_TOKEN" in error.hint
    assert "HF_TOKEN" in (await refused(ModelNotFound, fetch("owner/private"))).hint
    for repo in ("owner/gated", "owner/private"):
        assert (await fetch(repo, "hf_right")).headers
    assert {seen.authorization for seen in hub.seen if seen.path.startswith("/cdn")} == {""}


async def test_the_users_environment_names_hub_and_token(hub, small, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    hub.add("owner/private", {"m-Q8_0.gguf": small}, private=True)
    assert (await fetch_headers("owner/private", tmp_path)).headers


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, AccessDenied), (403, AccessDenied), (404, ModelNotFound), (418, RemoteFailed), (503, RemoteFailed)],
)
async def test_refusals_in_words(fetch, hub, small, status, kind):
    hub.plain["/x.gguf"] = hub.add("x/y", {"a": small}).files["a"]
    hub.faults.statuses = [(status, {})] * 9
    assert "x.gguf" in (await refused(kind, fetch(f"{hub.url}/x.gguf"))).message or status == 503
    assert len(hub.file_requests()) == (5 if status == 503 else 1)


async def test_unknown_repositories(fetch):
    assert "owner/nothing" in (await refused(ModelNotFound, fetch("owner/nothing"))).message


# ---------------------------------------------------------------- servers that misbehave


async def test_passing_faults_are_tried_again(fetch, hub, medium):
    hub.add("owner/repo", {"m-Q8_0.gguf": medium})
    hub.api_statuses = [503]
    hub.faults.statuses = [(429, {"Retry-After": "0"}), (500, {}), (502, {})]
    hub.faults.cuts = [600_000]
    found = await fetch("owner/repo")
    assert found.headers[0].tensors
    assert found.fetched_bytes < found.headers[0].data_start + 128 * 1024, "what came before the cut was not used"


async def test_an_address_that_expires_is_asked_for_again(fetch, hub, medium):
    hub.add("owner/repo", {"m-Q8_0.gguf": medium})
    hub.faults.statuses = [(200, {}), (403, {})]
    assert (await fetch("owner/repo")).headers[0].tensors
    assert sum("/resolve/" in seen.path for seen in hub.seen) == 2


async def test_a_long_wait_is_told_and_not_waited_for(fetch, hub, small):
    hub.add("owner/repo", {"m-Q8_0.gguf": small})
    hub.faults.statuses = [(429, {"Retry-After": "3600"})]
    assert "too often" in (await refused(RemoteFailed, fetch("owner/repo"))).message


@pytest.mark.parametrize("length", [True, False])
async def test_a_server_without_ranges_is_left_after_the_header(fetch, hub, hub_module, medium, length):
    hub.faults.ranges = False
    hub.faults.length = length
    size = len(medium) + 200 * MEGABYTE
    hub.add("owner/repo", {"m-Q8_0.gguf": hub_module.Blob(medium, size)})
    found = await fetch("owner/repo")
    assert found.size_bytes == (size if length else len(medium))
    assert found.fetched_bytes < found.headers[0].data_start + MEGABYTE
    assert hub.sent < 20 * MEGABYTE


async def test_a_server_without_ranges_that_breaks_off(fetch, hub, medium):
    hub.faults.ranges = False
    hub.faults.cuts = [1_500_000]
    hub.add("owner/repo", {"m-Q8_0.gguf": medium})
    found = await fetch("owner/repo")
    assert found.headers[0].tensors
    assert found.fetched_bytes > 3_500_000, "what came twice counts twice"


async def test_a_file_that_is_replaced_meanwhile_is_begun_again(fetch, hub, medium):
    hub.add("owner/repo", {"m-Q8_0.gguf": medium})
    hub.faults.replaced_after = 1
    assert (await fetch("owner/repo")).headers[0].tensors


async def test_a_file_that_never_stays_the_same(fetch, hub, medium, monkeypatch):
    hub.add("owner/repo", {"m-Q8_0.gguf": medium})
    hub.faults.alternates = True
    assert "changes" in (await refused(RemoteFailed, fetch("owner/repo"))).message


async def test_a_file_without_version_is_not_taken_from_the_cache(fetch, hub, small):
    hub.faults.versions = False
    hub.plain["/x.gguf"] = hub.add("x/y", {"a": small}).files["a"]
    for _ in range(2):
        assert (await fetch(f"{hub.url}/x.gguf")).fetched_bytes == len(small)


@pytest.mark.parametrize(
    ("fault", "value", "word"),
    [("shift", 7, "other bytes"), ("encoding", "gzip", "compresses"), ("loops", True, "without end")],
)
async def test_answers_that_cannot_be_used(fetch, hub, small, fault, value, word):
    hub.add("owner/repo", {"m-Q8_0.gguf": small})
    setattr(hub.faults, fault, value)
    assert word in (await refused(RemoteFailed, fetch("owner/repo"))).message


@pytest.mark.parametrize("data", [b"", b"<html>Sign in</html>", b"GGUF\x03\0\0\0"])
async def test_what_is_no_model(fetch, hub, data):
    hub.plain["/x.gguf"] = hub.add("x/y", {"a": data}).files["a"]
    assert "x.gguf" in (await refused(ModelUnusable, fetch(f"{hub.url}/x.gguf"))).message


async def test_a_header_without_end_is_left_at_its_bound(fetch, hub, hub_module, tmp_path):
    head = b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"a" + struct.pack("<IIQ", 9, 8, 2**20)
    strings = (struct.pack("<Q", 1000) + b"x" * 1000) * 75_000
    hub.plain["/x.gguf"] = hub_module.Blob(head + strings, 2**40)
    error = await refused(ModelUnusable, fetch(f"{hub.url}/x.gguf"))
    assert "larger than 64 MB" in error.message
    assert hub.sent <= 64 * MEGABYTE
    assert list((tmp_path / "headers").iterdir()) == []


async def test_nobody_there(tmp_path):
    error = await refused(RemoteFailed, fetch_headers("http://127.0.0.1:9/x.gguf", tmp_path, hub=Hub(), retry_s=0.01))
    assert "127.0.0.1" in error.message


async def test_silence_ends_and_leaves_nothing(fetch, hub, small, tmp_path, monkeypatch):
    monkeypatch.setattr("paddock.browser.remote._SILENCE_S", 0.1)
    hub.faults.silence = threading.Event()
    hub.add("owner/repo", {"m-Q8_0.gguf": small})
    assert "in time" in (await refused(RemoteFailed, fetch("owner/repo"))).message
    assert list((tmp_path / "headers").iterdir()) == []


async def test_a_connection_that_is_too_slow_is_given_up(fetch, hub, small, monkeypatch):
    monkeypatch.setattr("paddock.browser.remote.DEADLINE_S", 0.3)
    hub.faults.silence = threading.Event()
    hub.add("owner/repo", {"m-Q8_0.gguf": small})
    assert "did not come within 0.3 s" in (await refused(RemoteFailed, fetch("owner/repo"))).message


async def test_cancelling_leaves_nothing(fetch, hub, small, tmp_path):
    hub.faults.silence = threading.Event()
    hub.add("owner/repo", {"m-Q8_0.gguf": small})
    task = asyncio.ensure_future(fetch("owner/repo"))
    while not hub.file_requests():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list((tmp_path / "headers").iterdir()) == []


async def test_without_sparse_files_there_are_headers_but_no_files(fetch, hub, small, monkeypatch, tmp_path):
    monkeypatch.setattr("paddock.browser.header_cache._on_disk", lambda path: path.stat().st_size)
    hub.add("owner/repo", {"m-Q8_0.gguf": small})
    found = await fetch("owner/repo")
    assert found.headers[0].tensors
    assert found.paths == ()
    assert list((tmp_path / "headers").iterdir()) == []
