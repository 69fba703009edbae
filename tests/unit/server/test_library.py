"""The library in a running host: notes and last use, problems, what changes on the disk, the index over restarts."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
from server_harness import DEADLINE_S, HostProcess, echo_model, until

from paddock.sdk.errors import StorageFailed
from paddock.sdk.types import ModelInfo
from paddock.server.bus import Bus
from paddock.server.library_watch import LibraryWatch
from paddock.server.model_notes import ModelNotes


def models_of(host: HostProcess) -> dict[str, dict[str, Any]]:
    return {model["id"]: model for model in host.get("/control/models")}


def patch(host: HostProcess, model: str, **body: Any) -> Any:
    return host.http.patch("/control/models", params={"model": model}, json=body)


@contextmanager
def attached(host: HostProcess) -> Iterator[queue.Queue[dict[str, Any]]]:
    """A client that listens; its events as they come."""
    client = host.client()
    heard: queue.Queue[dict[str, Any]] = queue.Queue()

    def listen() -> None:
        try:
            for event in host.events("GET", "/control/events", client=client):
                heard.put(event)
        except Exception:  # noqa: BLE001 - it is closed below, whatever httpx makes of that
            return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    assert heard.get(timeout=DEADLINE_S)["type"] == "snapshot"
    try:
        yield heard
    finally:
        client.close()


# ---------------------------------------------------------------- notes and last use


def test_notes_are_kept_over_a_restart_and_follow_a_file_that_is_moved(start, tmp_path):
    host = start().ready()
    answer = patch(host, "test/paris", notes="Quick.\nGood at capitals.")
    assert (answer.status_code, answer.json()["notes"]) == (200, "Quick.\nGood at capitals.")
    assert models_of(host)["test/paris"]["notes"] == "Quick.\nGood at capitals."
    assert patch(host, "test/paris").json()["notes"] == "Quick.\nGood at capitals."
    host.end()
    moved = tmp_path / "models" / "else" / "where"
    moved.mkdir(parents=True)
    (tmp_path / "models" / "test" / "paris" / "paris.echo.json").rename(moved / "france.echo.json")
    (tmp_path / "library.db").write_bytes(b"gone")
    again = start().ready()
    assert models_of(again)["else/where"]["notes"] == "Quick.\nGood at capitals."
    assert models_of(again)["test/slow"]["notes"] == ""


def test_wrong_notes_are_refused(shared):
    assert patch(shared, "test/none", notes="x").status_code == 404
    assert patch(shared, "test/paris", notes="x" * 100_001).status_code == 400
    assert patch(shared, "test/paris", rating=5).status_code == 400


def test_further_names_are_used_by_every_door_and_outlive_the_host(start):
    host = start().ready()
    assert patch(host, "test/paris", aliases=["gpt-4o-mini", "My-Coder", "my-coder"]).json()["aliases"] == [
        "gpt-4o-mini",
        "My-Coder",
    ]
    assert patch(host, "my-coder", notes="Quick.").json()["id"] == "test/paris"
    host.end()
    again = start().ready()
    assert models_of(again)["test/paris"]["aliases"] == ["gpt-4o-mini", "My-Coder"]
    asked = [{"role": "user", "content": "What is the capital of France?"}]
    with openai.OpenAI(base_url=f"http://127.0.0.1:{again.serve()}/v1", api_key="unused", max_retries=0) as api:
        listed = [model.id for model in api.models.list()]
        assert listed.count("gpt-4o-mini") == listed.count("My-Coder") == listed.count("test/paris") == 1
        assert api.models.retrieve("gpt-4o-mini").id == "gpt-4o-mini"
        answer = api.chat.completions.create(model="GPT-4o-mini", messages=asked)
        assert "Paris" in answer.choices[0].message.content
        chat = again.post("/control/chats", {"title": "", "model": "gpt-4o-mini"})
        assert chat["summary"]["model"] == "test/paris"
        changed = again.http.patch("/control/settings", json={"default_model": "my-coder"})
        assert changed.json()["default_model"] == "test/paris"
        panes = again.post(f"/control/chats/{chat['summary']['id']}/panes", [{"model": "My-Coder"}] * 2)
        assert [pane["model"] for pane in panes["panes"]] == ["test/paris"] * 2
        assert "“My-Coder”" in again.http.post("/control/loaded", json={"model": "my-codr"}).json()["error"]["hint"]
        assert again.http.delete("/control/loaded/my-coder").status_code == 204
        assert patch(again, "test/paris", aliases=[]).json()["aliases"] == []
        with pytest.raises(openai.NotFoundError):
            api.chat.completions.create(model="gpt-4o-mini", messages=asked)
        patch(again, "test/slow", aliases=["slowly"])
        assert again.http.delete("/control/models?model=slowly").status_code == 200
        with pytest.raises(openai.NotFoundError, match="a name of “test/slow”, which is not on this computer"):
            api.chat.completions.create(model="slowly", messages=asked)


def test_a_name_is_of_one_model_only(start):
    host = start().ready()
    patch(host, "test/paris", aliases=["coder"])
    load = {"model": "test/paris", "identifier": "two"}
    assert list(host.events("POST", "/control/loaded", load))[-1]["type"] == "loaded"
    for name, said in {
        "TEST/Paris": "the id of another model",
        "Coder": "a name of “test/paris” already",
        "two": "the name of an instance of “test/paris”",
        "": "is empty",
        "my coder": "a space",
        "x" * 101: "longer than 100",
        "a,b": "cannot be the name",
        "./a": "cannot be the name",
        "a.gguf": "looks like a file",
    }.items():
        answer = patch(host, "test/slow", aliases=["free", name])
        assert answer.status_code == 400, name
        assert said in answer.json()["error"]["message"], name
        assert answer.json()["error"]["hint"], name
    assert models_of(host)["test/slow"]["aliases"] == []
    assert patch(host, "test/slow", aliases=[f"n{number}" for number in range(33)]).status_code == 400
    assert patch(host, "test/paris", aliases=["coder", "two"]).status_code == 200
    refused = host.http.post("/control/loaded", json={"model": "test/slow", "identifier": "coder"})
    assert "a name of “test/paris”" in refused.text


def test_a_name_that_is_given_away_does_not_come_back_with_a_file(tmp_path):
    notes = ModelNotes(tmp_path / "notes.json")
    gone, here = tmp_path / "a.gguf", tmp_path / "b.gguf"
    gone.write_text("one")
    here.write_text("another")
    notes.write(info(gone, "p/gone"), aliases=("coder", "old"))
    notes.write(info(here), aliases=("Coder",))
    assert [model.aliases for model in notes.shown([info(gone, "p/gone"), info(here)])] == [("old",), ("Coder",)]


def test_a_broken_model_can_have_a_note_too(start, tmp_path):
    (tmp_path / "models" / "bad.gguf").write_text("no")
    host = start().ready()
    assert patch(host, "bad", notes="Get it again.").json()["notes"] == "Get it again."


def test_loading_a_model_is_its_last_use(start, tmp_path):
    host = start().ready()
    assert models_of(host)["test/paris"]["last_used"] is None
    assert list(host.events("POST", "/control/loaded", {"model": "test/paris"}))[-1]["type"] == "loaded"
    used = until(lambda: models_of(host)["test/paris"]["last_used"], "the last use is told")
    assert abs(used - (tmp_path / "model-notes.json").stat().st_mtime) < 60
    host.end()
    assert models_of(start().ready())["test/paris"]["last_used"] == used


def info(path: Path, id: str = "p/r") -> ModelInfo:
    return ModelInfo(id=id, name="r", engine="echo", path=str(path), size_bytes=path.stat().st_size, files=(str(path),))


def test_notes_stay_with_a_file_that_is_replaced_and_with_a_model_that_comes_again(tmp_path):
    notes = ModelNotes(tmp_path / "notes.json")
    path = tmp_path / "a.gguf"
    path.write_text("first")
    notes.write(info(path), "mine")
    path.write_text("a newer conversion")
    assert notes.shown([info(path)])[0].notes == "mine"
    path.unlink()
    other = tmp_path / "b.gguf"
    other.write_text("from another place")
    assert [model.notes for model in notes.shown([info(other), info(other, "p/else")])] == ["mine", ""]


def test_a_use_within_the_minute_is_written_once(tmp_path):
    notes = ModelNotes(tmp_path / "notes.json")
    path = tmp_path / "a.gguf"
    path.touch()
    assert notes.used(info(path), 1000.0)
    assert not notes.used(info(path), 1059.0)
    assert notes.used(info(path), 1061.0)
    assert ModelNotes(tmp_path / "notes.json").shown([info(path)])[0].last_used == 1061.0


def test_notes_of_a_newer_program_are_left_alone_and_damaged_ones_set_aside(tmp_path):
    path = tmp_path / "notes.json"
    model = info(path.parent / "notes.json") if path.exists() else ModelInfo(id="p/r", name="r", engine="e", path="/x")
    path.write_text(json.dumps({"version": 2, "models": "of another kind"}))
    notes = ModelNotes(path)
    assert notes.shown([model]) == (model,)
    with pytest.raises(StorageFailed, match="newer version"):
        notes.write(model, "x")
    assert "of another kind" in path.read_text()
    path.write_text("{")
    ModelNotes(path).write(model, "x")
    assert (tmp_path / "notes.json.bad").read_text() == "{"
    assert ModelNotes(path).shown([model])[0].notes == "x"


# ---------------------------------------------------------------- the disk


def test_problems_carry_what_helps(start, tmp_path):
    folder = tmp_path / "models" / "p" / "r"
    folder.mkdir(parents=True)
    (folder / "r-Q4_0.gguf").write_text("<html>")
    (problem,) = start().ready().get("/control/models/problems")
    assert (problem["action"], problem["target"]) == ("download", "p/r:Q4_0")
    assert "is not a GGUF file" in problem["sentence"]


def test_a_start_with_an_index_answers_before_it_has_looked(start, tmp_path):
    """What the last host knew is there at once; what is different now is told when the folders have been looked at."""
    host = start().ready()
    assert "test/paris" in models_of(host)
    host.end()
    echo_model(tmp_path, "fresh", text="new")
    again = start().ready()
    assert "test/paris" in models_of(again)
    until(lambda: "test/fresh" in models_of(again), "the new model is found")


def test_a_change_on_the_disk_is_told_to_who_listens(start, tmp_path):
    host = start().ready()
    models_of(host)
    with attached(host) as heard:
        echo_model(tmp_path, "dropped", text="new")
        while heard.get(timeout=DEADLINE_S)["type"] != "library_changed":
            pass
        until(lambda: "test/dropped" in models_of(host), "the new model is listed")
        (tmp_path / "models" / "test" / "dropped" / "dropped.echo.json").unlink()
        until(lambda: "test/dropped" not in models_of(host), "the model that has gone is not listed")


def test_a_folder_that_is_taken_out_of_the_settings_is_out(start, tmp_path):
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "extra.echo.json").write_text("{}")
    host = start().ready()
    for folders, there in (([str(folder)], True), ([], False), ([str(folder)], True)):
        assert host.http.patch("/control/settings", json={"model_folders": folders}).status_code == 200
        assert ("extra" in models_of(host)) == there


def test_the_store_of_a_program_that_is_installed_later_is_found_at_the_next_look(start, tmp_path):
    user = tmp_path / "user"
    user.mkdir()
    host = start(env={"HOME": str(user), "PADDOCK_STORES": ""}).ready()
    assert "test/late" not in models_of(host)
    echo_model(user / ".lmstudio", "late", text="new")
    assert host.http.post("/control/models/refresh").status_code == 200
    assert models_of(host)["test/late"]["source"] == "lmstudio"


# ---------------------------------------------------------------- watching


class Watched:
    """A watch over ``folder`` with somebody attached."""

    def __init__(self, folder: Path, *, look_s: float = DEADLINE_S) -> None:
        self.looked: asyncio.Queue[None] = asyncio.Queue()
        self.bus = Bus()
        self.watch = LibraryWatch(
            self.bus,
            folders=lambda: [folder],
            wanted=lambda name: name.endswith(".gguf"),
            look=self._look,
            restless=lambda: False,
            look_s=look_s,
        )
        self.bus.on_attached(self.watch.attached)
        self.subscription = self.bus.subscribe("window")

    async def _look(self) -> None:
        self.looked.put_nowait(None)

    async def look(self) -> None:
        await asyncio.wait_for(self.looked.get(), DEADLINE_S)


pytestmark = pytest.mark.anyio


async def test_only_what_can_change_the_list_is_looked_at(tmp_path):
    (tmp_path / ".downloads").mkdir()
    (tmp_path / "a.gguf").touch()
    watched = Watched(tmp_path)
    await watched.look()  # it listens now
    (tmp_path / ".downloads" / "b.gguf.part").write_text("much")
    (tmp_path / "readme.txt").touch()
    await watched.look()  # of what appears anything may matter: it may be a folder
    (tmp_path / "readme.txt").write_text("more")
    (tmp_path / ".downloads" / "b.gguf.part").write_text("more")
    (tmp_path / "a.gguf").write_text("a model")
    await watched.look()
    assert watched.looked.empty()
    await watched.watch.close()


async def test_nobody_attached_nothing_watched(tmp_path):
    watched = Watched(tmp_path)
    await watched.look()
    watched.bus.unsubscribe(watched.subscription)
    assert watched.watch._task is None


async def test_a_system_that_cannot_watch_is_made_up_for_by_looking(tmp_path, monkeypatch):
    def limited(*_: object, **__: object) -> Iterator[object]:
        raise OSError('OS file watch limit reached. about ["/"]')
        yield

    monkeypatch.setattr("watchfiles.watch", limited)
    watched = Watched(tmp_path, look_s=0.05)
    for _ in range(4):
        await watched.look()
    (problem,) = watched.watch.problems()
    assert "limit of watched files is reached" in problem.sentence
    assert "max_user_watches" in problem.remedy
    await watched.watch.close()


async def test_a_folder_that_comes_later_is_watched(tmp_path):
    folder = tmp_path / "models"
    watched = Watched(folder, look_s=0.05)
    folder.mkdir()
    os.utime(folder)
    await watched.look()
    (folder / "a.gguf").touch()
    await watched.look()
    await watched.watch.close()
