"""Batches through the control API: answered, checked, paused, resumed, retried, judged, exported."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import signal
from typing import Any

import pytest
from held_answers import Gate
from server_harness import DEADLINE_S, HostProcess, echo_model, until, with_models

from paddock.server.batch_work import _ended

EXTRA: dict[str, dict[str, Any]] = {
    "endless": {"text": "word " * 500, "hold": {"after_tokens": 3}, "parallel": 3},
    "yes": {"text": "PASS: it is what was asked for.", "tokens_per_second": 2000},
    "single": {"text": "word " * 500, "replies": {"hi": "Hello."}, "hold": {"when": "for ever"}, "parallel": 1},
    "unsure": {"text": "Hard to say.", "tokens_per_second": 2000},
    "pressed": {"text": "Hard to say.", "replies": {"in one word": "Fail."}, "tokens_per_second": 2000},
    "pondering": {"text": "", "reasoning": "On the one hand", "tokens_per_second": 2000},
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    root = with_models(tmp_path_factory.mktemp("home"))
    for name, script in EXTRA.items():
        echo_model(root, name, **script)
    host = HostProcess(root)
    try:
        yield host.ready()
    finally:
        host.close()


def start(host: HostProcess, prompts: list[dict[str, Any]], *panes: str | dict[str, Any], **more: Any) -> str:
    made = [pane if isinstance(pane, dict) else {"model": pane} for pane in panes]
    id: str = host.post("/control/batches", {"prompts": prompts, "panes": made, **more})["id"]
    return id


def ended(host: HostProcess, id: str) -> dict[str, Any]:
    def over() -> dict[str, Any] | None:
        batch: dict[str, Any] = host.get(f"/control/batches/{id}")
        return batch if batch["state"] != "running" else None

    return until(over, "the end of the batch")


def patch(host: HostProcess, id: str, action: str) -> dict[str, Any]:
    answer = host.http.patch(f"/control/batches/{id}", json={"action": action})
    assert answer.status_code == 200, answer.text
    return answer.json()


def cells(host: HostProcess, id: str) -> list[dict[str, Any]]:
    return host.get(f"/control/batches/{id}/cells")


def answering(host: HostProcess, id: str, *numbers: int, done: int = 0) -> None:
    """Wait until these cells are being answered and ``done`` have been."""

    def reached() -> bool:
        batch = host.get(f"/control/batches/{id}")
        return (batch["running"], batch["done"]) == ([*numbers], done)

    until(reached, f"the cells {numbers} being answered")


def test_every_prompt_is_asked_in_every_pane_and_repetition_with_its_own_seed(shared):
    asked = [{"prompt": "one", "checks": [{"kind": "contains", "value": "Paris"}]}, {"prompt": "two"}]
    id = start(
        shared,
        asked,
        {"model": "test/paris", "max_tokens": 0},
        {"model": "test/thinker", "sampling": {"seed": 40}},
        repeat=2,
    )
    batch = ended(shared, id)
    assert (batch["state"], batch["done"], batch["total"], batch["name"]) == ("done", 8, 8, "one")
    found = cells(shared, id)
    assert [(c["prompt"], c["pane"], c["repeat"]) for c in found] == [
        (prompt, pane, repeat) for prompt in (0, 1) for pane in (0, 1) for repeat in (0, 1)
    ]
    assert [c["seed"] for c in found[:4]] == [0, 1, 40, 41]
    assert found[0]["stop_reason"] == "stop", "0 is no limit"
    assert found[0]["checks"] == [{"name": "contains “Paris”", "passed": True, "note": "", "kind": "contains"}]
    assert found[2]["checks"][0]["passed"] is False
    assert (found[2]["text"], found[2]["reasoning"]) == ("Four.", "Two and two.")
    assert found[0]["stats"]["tokens_per_second"] > 0
    assert shared.get(f"/control/batches/{id}/prompts")[1]["prompt"] == "two"


def test_pause_stops_what_is_written_and_resume_asks_only_what_is_left(shared):
    id = start(shared, [{"prompt": "a"}, {"prompt": "b"}], "test/paris", "test/endless")
    answering(shared, id, 1, 3, done=2)
    assert any("prompts is running" in words for words in shared.get("/control/handshake")["busy"])
    paused = patch(shared, id, "pause")
    assert (paused["state"], paused["done"], paused["running"]) == ("paused", 2, [])
    generations = [m["active"] for m in shared.get("/control/loaded") if m["model"] == "test/endless"]
    assert generations == [0], "its answers have stopped"
    before = shared.get(f"/control/batches/{id}/changes")
    assert [cell["pane"] for cell in before] == [0, 0]
    patch(shared, id, "resume")
    answering(shared, id, 1, 3, done=2)
    assert shared.get(f"/control/batches/{id}/changes") == before
    assert shared.http.delete(f"/control/batches/{id}").status_code == 204
    assert shared.http.get(f"/control/batches/{id}").status_code == 404


def test_pause_waits_until_the_answers_of_all_models_have_stopped(shared):
    id = start(shared, [{"prompt": "a"}, {"prompt": "b"}], "test/endless", "test/slow")
    answering(shared, id, 0, 1, 2, 3)
    patch(shared, id, "pause")
    active = {m["model"]: m["active"] for m in shared.get("/control/loaded")}
    assert (active["test/endless"], active["test/slow"]) == (0, 0)
    assert shared.http.delete(f"/control/batches/{id}").status_code == 204


def test_models_that_stop_at_different_speeds_are_all_waited_for():
    stopped: list[int] = []

    async def lane(turns: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(turns):
                await asyncio.sleep(0)
            stopped.append(turns)

    async def side_by_side() -> None:
        tasks = [asyncio.create_task(lane(turns)) for turns in (1, 50)]
        try:
            await asyncio.gather(*tasks)  # raises when the first of them has stopped
        finally:
            await _ended(tasks)

    async def run() -> None:
        work = asyncio.create_task(side_by_side())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(run())
    assert stopped == [1, 50]


def test_one_place_of_a_model_stays_free_for_chats_and_batches_wait_for_each_other(shared):
    first = start(shared, [{"prompt": str(n)} for n in range(5)], "test/endless", name="first")
    answering(shared, first, 0, 1)  # two of three places
    second = start(shared, [{"prompt": "x"}], "test/paris")
    assert shared.get(f"/control/batches/{second}")["note"] == "Waits for “first”."
    patch(shared, first, "pause")
    assert ended(shared, second)["done"] == 1
    shared.http.delete(f"/control/batches/{first}")


def test_where_there_is_one_place_a_chat_takes_it_from_a_cell_which_waits(shared):
    id = start(shared, [{"prompt": "for ever"}], "test/single")
    answering(shared, id, 0)
    until(lambda: any(m["model"] == "test/single" and m["active"] for m in shared.get("/control/loaded")), "the cell")
    chat = shared.post("/control/chats", {"model": "test/single"})["summary"]["id"]
    kinds = [event["type"] for event in shared.events("POST", f"/control/chats/{chat}/send", {"content": "hi"})]
    assert (kinds[-1], shared.get(f"/control/batches/{id}")["state"]) == ("finished", "running")
    assert cells(shared, id)[0]["state"] in ("waiting", "running"), "it is asked again after a while"
    assert shared.http.delete(f"/control/batches/{id}").status_code == 204


def test_a_backup_is_not_restored_under_a_batch_and_brings_none_back_running(shared):
    id = start(shared, [{"prompt": "a"}], "test/endless")
    answering(shared, id, 0)
    restore = f"/control/backups/{shared.post('/control/backups', {})['name']}/restore"
    refused = shared.http.post(restore)
    assert (refused.status_code, "pause" in refused.json()["error"]["hint"]) == (409, True)
    patch(shared, id, "pause")
    shared.post(restore, {})
    assert shared.get(f"/control/batches/{id}")["state"] == "paused"
    shared.http.delete(f"/control/batches/{id}")


def test_what_failed_is_retried_alone(shared):
    id = start(shared, [{"prompt": "a"}], "test/paris", "test/dying")
    assert (ended(shared, id)["done"], ended(shared, id)["failed"]) == (1, 1)
    failed = cells(shared, id)[1]
    assert failed["error"]["code"] == "engine_died"
    retried = patch(shared, id, "retry")
    assert (retried["state"], retried["failed"]) == ("running", 0)
    assert ended(shared, id)["failed"] == 1
    changes = shared.get(f"/control/batches/{id}/changes")
    assert [cell["pane"] for cell in changes] == [0, 1], "the good answer was not asked again"


def test_judges_speak_after_the_answers_and_an_unclear_verdict_is_none(shared):
    def judge(model: str) -> dict[str, str]:
        return {"kind": "judge", "value": "It names Paris.", "model": f"test/{model}", "name": model}

    checks = [judge("yes"), {"kind": "contains", "value": "Paris"}, judge("unsure"), judge("dying")]
    checks += [judge("pressed"), judge("pondering"), {**judge("starter"), "model": "paddock/starter"}]
    id = start(shared, [{"prompt": "a", "checks": checks}, {"prompt": "b"}], "test/paris")
    assert ended(shared, id)["to_judge"] == 0
    results = {check["name"]: check for check in cells(shared, id)[0]["checks"]}
    assert (results["yes"]["passed"], results["yes"]["note"]) == (True, "it is what was asked for")
    assert results["unsure"]["passed"] is None
    assert "not clear" in results["unsure"]["note"]
    assert (results["pressed"]["passed"], results["pressed"]["note"]) == (False, "Hard to say")
    assert (results["pondering"]["passed"], "still thinking" in results["pondering"]["note"]) == (None, True)
    assert results["starter"]["passed"] in (True, False), "its engine holds what it says to the form of a verdict"
    assert results["dying"]["passed"] is None
    assert "did not answer" in results["dying"]["note"]
    assert [cell["prompt"] for cell in shared.get(f"/control/batches/{id}/changes")] == [1, 0], "judged last"


def test_an_engine_without_grammars_refuses_one(shared):
    request = {
        "id": "g",
        "model": "test/yes",
        "messages": [{"role": "user", "content": "x"}],
        "grammar": 'root ::= "a"',
    }
    failed = list(shared.events("POST", "/control/generate", request))[-1]
    assert (failed["type"], failed["error"]["message"]) == ("failed", "Echo holds answers to no grammar.")


def test_a_pane_that_cannot_be_asked_is_refused_at_the_start(shared):
    def refused(**request: Any) -> dict[str, Any]:
        given = {"prompts": [{"prompt": "x"}], "panes": [{"model": "test/paris"}], **request}
        answer = shared.http.post("/control/batches", json=given)
        assert answer.status_code >= 400
        return answer.json()["error"]

    assert refused(panes=[{"model": "test/pariss"}])["hint"].startswith("Did you mean “test/paris”")
    assert "temperature" in refused(panes=[{"model": "test/paris", "sampling": {"temprature": 1}}])["hint"]
    assert "max_tokens" in refused(panes=[{"model": "test/paris", "max_tokens": -1}])["message"]
    assert "Prompt 1" in refused(prompts=[{"prompt": " "}])["message"]
    assert "judge" in refused(prompts=[{"prompt": "x", "checks": [{"kind": "judge", "value": "y"}]}])["message"]
    assert "200,000" in refused(prompts=[{"prompt": "x"}] * 201, repeat=1000)["hint"]


def test_exports_hold_every_answer_and_run_nothing(shared, tmp_path):
    text = "=HYPERLINK(1) <script>alert(1)</script>"
    id = start(shared, [{"prompt": text}], {"model": "test/paris", "name": "<b>"}, "test/paris", repeat=2)
    ended(shared, id)

    def export(format: str, **more: Any) -> dict[str, Any]:
        return shared.post(f"/control/batches/{id}/export", {"format": format, **more})

    rows = list(csv.DictReader(io.StringIO(export("csv")["text"])))
    assert [row["repeat"] for row in rows] == ["1", "2", "1", "2"]
    assert rows[0]["prompt"] == "'" + text
    lines = [json.loads(line) for line in export("jsonl")["text"].splitlines()]
    assert set(lines[0]) >= {"prompt", "pane", "repeat", "text", "stats", "checks"}
    assert lines[0]["prompt"] == text
    page = export("html")["text"]
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "1 prompt, 2 panes, each 2 times; 0 failed." in page
    assert "<th>paris</th>" in page, "people read names"
    target = tmp_path / "out.csv"
    assert export("csv", path=str(target))["files"] == [str(target)]
    assert target.read_bytes().startswith(b"\xef\xbb\xbfnumber,")
    again = shared.http.post(f"/control/batches/{id}/export", json={"format": "csv", "path": str(target)})
    assert "there already" in again.json()["error"]["message"]
    folder = shared.http.post(f"/control/batches/{id}/export", json={"format": "csv", "path": "/", "replace": True})
    assert "no ordinary file" in folder.json()["error"]["message"]
    export("csv", path=str(target), replace=True)
    for path in ("out.csv", "/out\0.csv"):
        for route in (f"batches/{id}/export", "prompt-sets/read"):
            request = {"path": path, "format": "csv"}
            assert "absolute" in shared.http.post(f"/control/{route}", json=request).json()["error"]["message"]


def test_sets_of_prompts_are_kept_changed_and_removed(shared):
    read = shared.post("/control/prompt-sets/read", {"text": "prompt,contains\nWho?,me\n", "name": "mine"})
    kept = shared.post("/control/prompt-sets", read)
    assert kept["id"]
    shared.post("/control/prompt-sets", {**kept, "name": "ours"})
    (only,) = shared.get("/control/prompt-sets")
    assert (only["name"], only["prompts"][0]["checks"][0]["value"]) == ("ours", "me")
    assert shared.http.delete(f"/control/prompt-sets/{kept['id']}").status_code == 204
    assert shared.get("/control/prompt-sets") == []


def test_a_killed_host_goes_on_with_what_ran_and_leaves_what_was_paused(start_over):
    host = start_over()
    ran = start(host, [{"prompt": "a"}], "test/paris", "test/endless")
    until(lambda: host.get(f"/control/batches/{ran}")["done"] == 1, "the first answer")
    waiting = start(host, [{"prompt": "a"}], "test/endless")
    patch(host, waiting, "pause")
    before = host.get(f"/control/batches/{ran}/changes")
    os.kill(host.process.pid, signal.SIGKILL)
    host.process.wait(DEADLINE_S)
    host = start_over()
    answering(host, ran, 1, done=1)
    assert host.get(f"/control/batches/{ran}/changes") == before
    assert host.get(f"/control/batches/{waiting}")["state"] == "paused"


@pytest.fixture
def start_over(start, tmp_path):
    """Starts hosts over one data folder."""
    echo_model(tmp_path, "endless", **EXTRA["endless"])
    return lambda: start().ready()


BIG = {"note": "x" * 2**21}
"""What an echo model is predicted to take is the size of its script."""
IMPATIENT = "from paddock.server import batch_work\nbatch_work.BUSY_S = 0.1\n"
SERVE = "from paddock.server.__main__ import main\nimport sys\nsys.exit(main())"


def test_a_batch_leaves_memory_to_loads_and_chats_and_goes_on_afterwards(tmp_path):
    batch_model = Gate(tmp_path / "models", "batch", {"after_tokens": 3, "when": "held"}, parallel=3, **BIG)
    chat_model = Gate(tmp_path / "models", "chat", **BIG)
    host = HostProcess(tmp_path, code=IMPATIENT + SERVE)
    try:
        limit = {"memory_guard": "custom", "memory_limit_mib": 3}
        assert host.ready().http.patch("/control/settings", json=limit).status_code == 200
        prompts = [{"prompt": text} for text in ("quick", "held one", "held two")]
        id = start(host, prompts, "TEST/Batch")
        answering(host, id, 1, 2, done=1)
        before = host.get(f"/control/batches/{id}/changes")

        estimate = host.post("/control/estimate", {"model": chat_model.id})
        assert estimate["sentence"] == "Fits once the batch has given way and batch is unloaded."
        assert list(host.events("POST", "/control/loaded", {"model": chat_model.id}))[-1]["type"] == "loaded"
        answering(host, id, 1, 2, done=1)
        (loaded,) = (model["id"] for model in host.get("/control/loaded") if model["model"] == batch_model.id)
        assert host.http.delete(f"/control/loaded/{loaded}").status_code == 204
        answering(host, id, 1, 2, done=1)

        chat = host.post("/control/chats", {"model": chat_model.id})["summary"]["id"]
        answer = host.events("POST", f"/control/chats/{chat}/send", {"content": "hi"})
        until(lambda: next(answer)["type"] == "text_delta", "the chat's answer, although the batch is at work")
        assert [model["model"] for model in host.get("/control/loaded") if model["state"] == "ready"] == ["test/chat"]
        until(lambda: host.get(f"/control/batches/{id}")["note"] == "Waits for memory that is in use.", "a word on it")
        assert (host.get(f"/control/batches/{id}")["state"], cells(host, id)[1]["text"]) == ("running", "")

        chat_model.open()
        batch_model.open()
        assert list(answer)[-1]["type"] == "finished"
        batch = ended(host, id)
        assert (batch["state"], batch["done"], batch["failed"]) == ("done", 3, 0)
        changes = host.get(f"/control/batches/{id}/changes")
        assert changes[:1] == before, "a finished cell is not asked again"
        assert [cell["change"] for cell in changes[1:]] == [before[0]["change"] + 1, before[0]["change"] + 2]
    finally:
        host.close()


def test_a_prompt_shows_its_pictures_and_a_pane_that_cannot_see_fails_alone(shared, tmp_path, noise_png):
    picture = tmp_path / "cat.png"
    picture.write_bytes(noise_png(20, 10))
    prompts = [{"prompt": "What is this?", "images": [str(picture)]}]
    id = start(shared, prompts, "test/paris", "test/blind")
    ended(shared, id)
    seen, unseen = cells(shared, id)
    assert seen["state"] == "done"
    assert unseen["error"]["code"] == "no_vision"
    exported = shared.post(f"/control/batches/{id}/export", {"format": "jsonl"})["text"]
    assert json.loads(exported.splitlines()[0])["images"] == [str(picture)]
    assert "With cat.png" in shared.post(f"/control/batches/{id}/export", {"format": "html"})["text"]
    picture.unlink()
    patch(shared, id, "retry")
    ended(shared, id)
    assert "There is no file" in cells(shared, id)[1]["error"]["message"]
    body = {"prompts": prompts, "panes": [{"model": "test/paris"}]}
    refused = shared.http.post("/control/batches", json=body)
    assert (refused.status_code, "Prompt 1" in refused.text) == (400, True)
