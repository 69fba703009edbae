"""Downloads from outside: kills and faults (``tests/perf/download_faults.py`` does it longer), and ``paddock get``."""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from module_files import load_file

from paddock.sdk import AsyncClient
from paddock.sdk.errors import BadRequest

FAULTS = Path(__file__).parents[1] / "perf" / "download_faults.py"
KINDS = "kill,cut,kill,flip,kill,status"


@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_every_file_is_right_after_kills_and_faults():
    done = subprocess.run(
        [sys.executable, str(FAULTS), "--rounds", "6", "--megabytes", "40", "--rate", "80", "--kinds", KINDS],
        capture_output=True,
        text=True,
        timeout=840,
        check=False,
    )
    found = json.loads(done.stdout or "{}")
    assert found.get("problems") == [], done.stdout + done.stderr
    assert found["rounds"] == 6
    # a flipped byte costs its shard, a third of this small model; what a kill costs depends on the machine's speed
    assert found["twice_by_kind"]["cut"] < 0.02
    assert found["twice_by_kind"]["status"] < 0.02
    assert found["twice_by_kind"]["flip"] < 0.36


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A LocalHub that the program of the test asks."""
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    with load_file("unit/browser/hub.py").LocalHub() as made:
        monkeypatch.setenv("HF_ENDPOINT", made.url)
        yield made


@pytest.fixture
def llama() -> bytes:
    gguf_file = load_file("unit/browser/gguf_file.py")
    data = gguf_file.Writer().file(gguf_file.llama_metadata(), gguf_file.llama_tensors())
    assert isinstance(data, bytes)
    return data


def test_a_model_is_fetched_and_can_be_loaded_at_once(hub, llama, program):
    hub.add("owner/tiny-GGUF", {"tiny-Q4_K_M.gguf": llama})
    done = program.run("get", "owner/tiny-GGUF", "--json")
    assert done.returncode == 0, done.stderr
    assert "Fits" in done.stderr
    found = json.loads(done.stdout)
    digest = hashlib.sha256(llama).hexdigest()
    assert (found["id"], found["bytes"], found["sha256"]) == ("owner/tiny-GGUF", len(llama), digest)
    assert found["files"] == [{"path": found["path"], "bytes": len(llama), "sha256": digest}]
    assert Path(found["path"]).read_bytes() == llama
    loaded = program.run("load", "owner/tiny-GGUF", "--json")
    assert loaded.returncode == 0, loaded.stderr
    sent = hub.sent
    again = program.run("get", "owner/tiny-GGUF:Q4_K_M")
    assert again.returncode == 0, again.stderr
    assert "checksums right" in again.stdout
    assert hub.sent == sent
    listed = json.loads(program.run("downloads", "--json").stdout)
    assert [(each["model"], each["state"]) for each in listed] == [("owner/tiny-GGUF:Q4_K_M", "done")]


def test_ctrl_c_pauses_and_the_same_command_goes_on(hub, program):
    data = b"0123456789abcdef" * 2**18
    hub.add("owner/slow", {"slow-Q4_K_M.gguf": data})
    hub.faults.rate = 2**14
    waiting = program.start("get", "owner/slow")
    with program.client() as client:
        for event in client.events():
            if getattr(event, "download", None) is not None and event.download.done_bytes:
                break
        waiting.send_signal(signal.SIGINT)
        said = waiting.communicate(timeout=60)[1]
        assert "goes on with it" in said
        assert waiting.returncode == 130
        assert [each.state for each in client.downloads()] == ["paused"]
    hub.faults.rate = 0
    assert program.run("get", "owner/slow:Q4_K_M").returncode == 0
    assert (program.home.models / "owner/slow/slow-Q4_K_M.gguf").read_bytes() == data
    assert hub.sent < len(data) * 1.3


def test_the_queue_by_the_asynchronous_client(hub, program):
    hub.faults.rate = 1000
    for name in ("a", "b", "c"):
        hub.add(f"owner/{name}", {f"{name}-Q4_K_M.gguf": name.encode() * 10**6})

    async def use() -> None:
        async with await AsyncClient.connect(program.home) as client:
            first = await client.download("owner/a")
            await client.download(f"{hub.url}/owner/b")
            last = await client.download("owner/c:Q4_K_M")
            await client.move_download(last.model, 1)
            assert [each.repo for each in await client.downloads()] == ["owner/a", "owner/c", "owner/b"]
            assert (await client.pause_download(first.id)).state == "paused"
            assert (await client.resume_download(first.id)).state == "queued"
            assert "a download is running" in (await client.handshake()).busy
            with pytest.raises(BadRequest):
                await client.move_download(last.id, None)  # type: ignore[arg-type]
            for name in "abc":
                await client.cancel_download(f"owner/{name}:Q4_K_M")
            assert await client.downloads() == []

    asyncio.run(use())
    assert [path for path in program.home.models.rglob("*") if path.is_file()] == []


def test_what_cannot_be_had_ends_with_a_sentence(hub, program):
    done = program.run("get", "owner/nothing", "--json")
    assert done.returncode == 1
    assert "There is no owner/nothing" in done.stderr
    hub.add("owner/evil", {"../../evil-Q4_K_M.gguf": b"x"})
    done = program.run("get", "owner/evil")
    assert done.returncode == 1
    assert "is refused" in done.stderr
    done = program.run("downloads", "pause", "owner/evil:Q4_K_M")
    assert done.returncode == 1
    assert "There is no download" in done.stderr
    assert json.loads(program.run("downloads", "--json").stdout) == []
