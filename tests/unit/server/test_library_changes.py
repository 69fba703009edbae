"""Import, trash and quantising through a real host: models come, become others, go and come back."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from module_files import load_file

from paddock import resources

sys.path.insert(0, str(Path(__file__).parent))

from server_harness import HostProcess, echo_model, question, text_of, until

STARTER = Path(str(resources.__file__)).parent / "starter" / "starter-Q8_0.gguf"
ENDED = ("done", "failed", "cancelled")


class Zeros:
    """A tensor whose data is a hole in the file."""

    shape = (2**18, 1024)

    def astype(self, _kind: str) -> Zeros:
        return self

    def tobytes(self) -> bytes:
        return b""


def large_model(root: Path) -> str:
    """One gigabyte of F32 that takes no room on the disk, and seconds to quantise."""
    gguf_file = load_file("unit/browser/gguf_file.py")
    folder = root / "models" / "test" / "large"
    folder.mkdir(parents=True)
    path = folder / "large-F32.gguf"
    tensors = {**gguf_file.llama_tensors(), "blk.0.large.weight": Zeros()}
    path.write_bytes(gguf_file.Writer().file(gguf_file.llama_metadata(), tensors))
    os.truncate(path, path.stat().st_size + 4 * 2**28)
    return "test/large"


def downloads_folder(tmp_path: Path) -> Path:
    """The starter model as somebody may have it."""
    folder = tmp_path / "Downloads"
    folder.mkdir()
    shutil.copy(STARTER, folder / "tiny-Q8_0.gguf")
    return folder


def ids(host: HostProcess) -> set[str]:
    return {info["id"] for info in host.get("/control/models")}


def ended(host: HostProcess, job: dict[str, Any]) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        now = next(each for each in host.get("/control/jobs") if each["id"] == job["id"])
        return now if now["state"] in ENDED else None

    found: dict[str, Any] = until(look, "the job has ended")
    return found


def imported(host: HostProcess, path: Path, **more: str) -> dict[str, Any]:
    return ended(host, host.post("/control/import", {"path": str(path), **more}))


def error_of(answer: Any) -> dict[str, Any]:
    error: dict[str, Any] = answer.json()["error"]
    return error


def workers(host: HostProcess) -> list[psutil.Process]:
    found = []
    for child in psutil.Process(host.process.pid).children():
        try:
            if any(word.startswith("quantize-") for word in child.cmdline()):
                found.append(child)
        except psutil.Error:  # it has just left
            continue
    return found


def test_imported_quantised_loaded_and_answering(start: Callable[..., HostProcess], tmp_path: Path) -> None:
    host = start().ready()
    source = downloads_folder(tmp_path) / "tiny-Q8_0.gguf"
    seen = host.http.get("/control/import", params={"path": str(source)}).json()
    assert (seen["models"], seen["size_bytes"], seen["there"]) == (1, STARTER.stat().st_size, "")
    job = imported(host, source, name="acme/tiny")
    assert (job["state"], job["model"]) == ("done", "acme/tiny")
    assert imported(host, source, name="acme/tiny")["note"] == "It was there already."

    choices = {choice["quant"]: choice for choice in host.get("/control/quantize?model=acme/tiny")}
    assert choices["Q4_0"]["estimate"]["verdict"] == "fits"
    assert "importance matrix" in choices["IQ2_XS"]["refusal"]
    assert "smaller" in choices["F16"]["refusal"]
    refused = host.http.post("/control/quantize", json={"model": "acme/tiny", "quant": "Q4_0"})
    assert (refused.status_code, error_of(refused)["code"]) == (400, "bad_request")
    made = ended(host, host.post("/control/quantize", {"model": "acme/tiny", "quant": "q4_0", "requantize": True}))
    assert (made["state"], made["model"]) == ("done", "acme/tiny:Q4_0")
    path = tmp_path / "models" / "acme" / "tiny" / "tiny-Q4_0.gguf"
    assert path.stat().st_size == choices["Q4_0"]["size_bytes"]
    again = host.http.post("/control/quantize", json={"model": "acme/tiny:Q8_0", "quant": "Q4_0", "requantize": True})
    assert error_of(again)["code"] == "host_busy"
    asked = question("What is the capital of France?", "acme/tiny:Q4_0", max_tokens=8, sampling={"temperature": 0})
    assert text_of(list(host.events("POST", "/control/generate", asked)))


def test_deleted_models_come_back_or_go_for_good(start: Callable[..., HostProcess], tmp_path: Path) -> None:
    host = start().ready()
    folder = tmp_path / "models" / "test" / "paris"
    trashed = host.http.delete("/control/models", params={"model": "test/paris"}).json()
    assert not folder.exists()
    assert "test/paris" not in ids(host)
    assert host.get("/control/trash") == [trashed]
    back = host.http.post(f"/control/trash/{trashed['id']}").json()
    assert back["id"] == "test/paris"
    assert "test/paris" in ids(host)

    host.http.delete("/control/models", params={"model": "test/paris"})
    assert host.http.delete("/control/trash").status_code == 204
    assert host.get("/control/trash") == []
    assert not (tmp_path / "models" / ".paddock-trash").exists()
    assert error_of(host.http.post(f"/control/trash/{trashed['id']}"))["code"] == "not_found"
    assert "comes with Paddock" in error_of(host.http.delete("/control/models?model=paddock/starter"))["message"]
    assert host.http.delete("/control/models?model=test/nothing").status_code == 404

    list(host.events("POST", "/control/loaded", {"model": "test/thinker"}))
    loaded = host.http.delete("/control/models?model=test/thinker")
    assert (loaded.status_code, error_of(loaded)["hint"]) == (409, "Unload it first, then delete it.")


def test_a_restart_puts_back_what_was_half_deleted_and_purges_what_is_old(
    start: Callable[..., HostProcess], tmp_path: Path
) -> None:
    host = start().ready()
    for name in ("paris", "slow"):
        host.http.delete("/control/models", params={"model": f"test/{name}"})
    host.close()
    for record in (tmp_path / "models" / ".paddock-trash").glob("*/trashed.json"):
        trashed = json.loads(record.read_text())
        changed = {"whole": False} if trashed["model"] == "test/paris" else {"deleted": trashed["deleted"] - 8 * 86_400}
        record.write_text(json.dumps(trashed | changed))
    left = tmp_path / "models" / ".jobs" / "1" / "half.gguf"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"GGUF")
    host = start().ready()
    until(lambda: "test/paris" in ids(host), "the half deleted one is back")
    until(lambda: host.get("/control/trash") == [], "the old one is gone")
    assert "test/slow" not in ids(host)
    assert not (tmp_path / "models" / ".paddock-trash").exists()
    assert not left.exists()


def test_quantising_is_cancelled_and_survives_the_death_of_its_worker(
    start: Callable[..., HostProcess], tmp_path: Path
) -> None:
    model = large_model(tmp_path)
    host = start().ready()
    order = {"model": model, "quant": "Q5_K_M", "threads": 1}
    making = tmp_path / "models" / ".jobs"

    def begun() -> dict[str, Any]:
        job: dict[str, Any] = host.post("/control/quantize", order)
        until(lambda: any(path.stat().st_size for path in making.glob("*/*.gguf")), "something is written")
        return job

    job = begun()
    assert "a job is running: Quantise Tiny Llama to Q5_K_M" in host.get("/control/handshake")["busy"]
    assert host.http.post(f"/control/jobs/{job['id']}/cancel").status_code == 204
    assert ended(host, job)["state"] == "cancelled"
    assert (workers(host), list(making.iterdir())) == ([], [])

    job = begun()
    (worker,) = workers(host)
    worker.send_signal(signal.SIGKILL)
    failed = ended(host, job)
    assert (failed["state"], failed["error"]["code"]) == ("failed", "engine_died")
    assert list(making.iterdir()) == []
    assert ids(host) & {"test/large"} == {"test/large"}
    assert host.http.delete(f"/control/jobs/{job['id']}").status_code == 204


def test_who_leaves_before_a_job_is_there_gets_none(start: Callable[..., HostProcess], tmp_path: Path) -> None:
    source = tmp_path / "models" / "test" / "tiny" / "tiny-Q8_0.gguf"
    source.parent.mkdir(parents=True)
    shutil.copy(STARTER, source)
    host = start().ready()
    address = host.address
    order = {"model": "test/tiny", "quant": "Q4_0", "requantize": True}
    connection = http.client.HTTPConnection(address["url"].removeprefix("http://"))
    headers = {"Authorization": f"Bearer {address['token']}", "X-Paddock-Client": "cli"}
    connection.request("POST", "/control/quantize", json.dumps(order), headers)
    worker = until(lambda: workers(host), "the engine is asked what it could make")[0]
    worker.suspend()
    connection.close()
    host.get("/control/models")
    worker.resume()
    job = host.post("/control/quantize", order)  # waits for the same answer of the engine
    assert [each["id"] for each in host.get("/control/jobs")] == [job["id"]]
    assert ended(host, job)["state"] == "done"


def test_a_folder_comes_in_with_its_layout(start: Callable[..., HostProcess], tmp_path: Path) -> None:
    host = start().ready()
    other = tmp_path / "elsewhere"
    for name in ("one", "two"):
        echo_model(other, name, text="hi")
    job = imported(host, other / "models", method="move")
    assert (job["state"], job["model"], job["title"]) == ("done", "", "Import 2 models")
    assert {"test/one", "test/two"} <= ids(host)
    assert not list(other.rglob("*.json"))
    refused = host.http.post("/control/import", json={"path": "relative/path"})
    assert error_of(refused)["code"] == "bad_request"
    assert (
        error_of(host.http.get("/control/import", params={"path": str(tmp_path / "none")}))["code"] == "model_not_found"
    )


@pytest.mark.parametrize("method", ["hardlink", "symlink"])
def test_links_are_listed_and_their_originals_outlive_them(
    start: Callable[..., HostProcess], tmp_path: Path, method: str
) -> None:
    host = start().ready()
    source = downloads_folder(tmp_path) / "tiny-Q8_0.gguf"
    job = imported(host, source, method=method, name="acme/linked")
    assert job["model"] == "acme/linked"
    trashed = host.http.delete("/control/models", params={"model": "acme/linked"}).json()
    assert trashed["size_bytes"] == 0, "a link frees nothing"
    host.http.delete("/control/trash")
    assert source.read_bytes() == STARTER.read_bytes()
