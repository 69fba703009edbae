"""Verdict and override are the same through the control API, the SDK and the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from paddock.sdk import Client, OutOfMemory
from paddock.sdk.cli.app import run

sys.path.insert(0, str(Path(__file__).parent))

from verdict_table import CASES, OPTIONS, WANTED, Case, arrange, write_models

FLAGS = [part for name, value in OPTIONS.items() for part in ("-o", f"{name}={value}")]


@pytest.fixture(scope="module")
def program(shared: Any) -> Any:
    write_models(shared.home.models)
    return shared


@pytest.fixture
def client(program: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setenv("PADDOCK_HOME", str(program.home.root))
    with program.client() as client:
        yield client


@pytest.fixture
def raw(client: Client) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {client.address.token}"}
    with httpx2.Client(base_url=client.address.url, headers=headers, trust_env=False, verify=False, timeout=60) as http:
        yield http


Outcome = tuple[bool, str, str]
"""Whether it was loaded, else the verdict and the remedy that it was refused with."""


def by_api(http: httpx2.Client, force: bool) -> Outcome:
    body = {"model": WANTED, "options": OPTIONS, "force": force}
    lines = http.post("/control/loaded", json=body).text.splitlines()
    last = [json.loads(line.removeprefix("data:")) for line in lines if line.startswith("data:")][-1]
    if last["type"] == "loaded":
        return True, "", ""
    assert last["error"]["code"] == "out_of_memory"
    return False, last["error"]["details"]["verdict"], last["error"]["details"]["remedy"]


def by_sdk(client: Client, force: bool) -> Outcome:
    try:
        client.load(WANTED, OPTIONS, force=force)
    except OutOfMemory as error:
        refused = error
    else:
        return True, "", ""
    assert refused.details["remedy"] in refused.hint
    return False, refused.details["verdict"], refused.details["remedy"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.verdict)
def test_every_face_tells_the_same_and_obeys_the_same_override(
    case: Case, client: Client, raw: httpx2.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    arrange(client, case)
    told = client.estimate(WANTED, OPTIONS)
    assert told.verdict == case.verdict, told
    assert (told.remedy is not None) == case.remedy
    assert told.source == "simulated"

    answer = raw.post("/control/estimate", json={"model": WANTED, "options": OPTIONS}).json()
    assert run(["estimate", WANTED, *FLAGS, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    remedy = told.remedy.sentence if told.remedy is not None else ""
    for face in (answer, printed):
        assert (face["verdict"], (face["remedy"] or {}).get("sentence", "")) == (told.verdict, remedy)
        assert face["parts"]["kv"] == told.parts.kv
        assert face["max_context"] == told.max_context

    def by_cli(force: bool) -> Outcome:
        code = run(["load", WANTED, *FLAGS, *(["--force"] if force else [])])
        said = capsys.readouterr()
        if code == 0:
            return True, "", ""
        assert code == 1
        assert "does not fit into memory" in said.err
        assert remedy in said.err
        return False, told.verdict, remedy

    faces: list[Callable[[bool], Outcome]] = [lambda f: by_api(raw, f), lambda f: by_sdk(client, f), by_cli]
    for face in faces:
        expected = (True, "", "") if case.loads else (False, told.verdict, remedy)
        assert face(False) == expected
        if not case.loads:
            assert face(True) == (True, "", "")
        loaded = {model.model for model in client.loaded()}
        assert (len(loaded) > 1) == (case.verdict == "fits"), loaded
        arrange(client, case)
