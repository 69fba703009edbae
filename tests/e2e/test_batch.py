"""Acceptance 8 of the comparison: a batch whose host is killed in the middle ends without asking anything twice."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time

import pytest
from held_answers import ENDLESS, Gate

from paddock.sdk.compare import BatchCell

PANES = ("temperature=0", "temperature=0.8,top_k=20", "temperature=1.2,min_p=0.1")


def cells_of(client, batch: str) -> list[BatchCell]:
    return client.batch_changes(batch, limit=1000)


def wait_for(condition, what: str, seconds: float = 120):
    end, pause = time.monotonic() + seconds, threading.Event()
    while time.monotonic() < end:
        if value := condition():
            return value
        pause.wait(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_a_batch_of_50_prompts_in_3_panes_outlives_its_host(program, tmp_path):
    prompts = tmp_path / "stories.jsonl"
    checks = [{"kind": "regex", "value": r"\w+"}]
    lines = [{"prompt": f"Tell me a story about {n} ducks.", "name": f"story {n}", "checks": checks} for n in range(50)]
    prompts.write_text("".join(json.dumps(line) + "\n" for line in lines))
    # one answer waits for the other host, so that the batch cannot be over before the kill
    held = Gate(program.home.models, hold={"after_tokens": 0, "when": " 40 ducks"}, text=None)
    models = ("paddock/starter", "paddock/starter", held.id)
    panes = [
        part
        for model, settings in zip(models, PANES, strict=True)
        for part in ("--pane", f"{model},max_tokens=24,{settings}")
    ]
    started = program.run("compare", str(prompts), *panes, "--detach")
    assert started.returncode == 0, started.stderr
    batch = started.stdout.strip()

    with program.client() as client:
        before = wait_for(lambda: cells if len(cells := cells_of(client, batch)) >= 40 else None, "40 answers")
        os.kill(program.host_pid(), signal.SIGKILL)
    assert len(before) < 150
    held.open()
    with program.client() as client:  # starts another host, which goes on by itself
        wait_for(lambda: client.batch(batch).state == "done", "the end of the batch")
        done = client.batch(batch)
        cells = cells_of(client, batch)

    assert (done.total, done.done, done.failed) == (150, 150, 0)
    assert {(cell.prompt, cell.pane) for cell in cells} == {(p, q) for p in range(50) for q in range(3)}
    assert cells[: len(before)] == before, "a finished cell has changed"
    # every stored answer takes the next number, so that a second answer to any cell would have gone beyond
    assert [cell.change for cell in cells] == list(range(1, 151))

    resumed = program.run("compare", "--resume", batch, "--json")
    assert resumed.returncode == 0, resumed.stderr
    read = [json.loads(line) for line in resumed.stdout.splitlines()]
    assert len(read) == 150
    assert set(read[0]) >= {"prompt", "pane", "repeat", "text", "stats", "checks"}
    assert len({line["pane"] for line in read}) == 3
    assert all(line["checks"][0]["passed"] for line in read)


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl+C is another thing there")
def test_ctrl_c_pauses_and_says_how_to_go_on(program, tmp_path):
    slow = program.echo_model("slow", **ENDLESS)
    prompts = tmp_path / "two.txt"
    prompts.write_text("one\ntwo\n")
    running = program.start("compare", str(prompts), "--pane", slow, "--json")
    with program.client() as client:
        wait_for(lambda: [model for model in client.loaded() if model.active], "a cell that is being answered")
        [batch] = client.batches()
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=120)
        assert running.returncode == 130, err
        assert out == ""
        assert f"paddock compare --resume {batch.id}" in err
        assert client.batch(batch.id).state == "paused"
        client.delete_batch(batch.id)
        assert client.batches() == []
