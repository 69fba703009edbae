"""paddock serve, as a program of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess

import httpx2
import pytest

from paddock.sdk.connect import find
from paddock.sdk.host import ServerRequest

from .program import TEXT, Program, until


def serving(program: Program, *arguments: str) -> tuple[subprocess.Popen[str], str]:
    """A running ``serve`` and the address it printed."""
    process = program.start("serve", "--port", "0", *arguments)
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.fullmatch(r"Paddock API on (http://127\.0\.0\.1:\d+/v1)\n", line)
    assert found, (line, process.communicate(timeout=120))
    return process, found[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_answers_until_its_signal_and_switches_the_server_off(program, number):
    process, url = serving(program)
    assert httpx2.get(f"{url}/models", trust_env=False).status_code == 200
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in err
    with program.client() as client:
        assert not client.server().running
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{url}/models", trust_env=False)


def test_serve_loads_a_file_first_and_answers_to_its_name(program, tmp_path):
    (tmp_path / "mine.echo.json").write_text(json.dumps({"text": TEXT}))
    path = os.path.relpath(tmp_path / "mine.echo.json")
    process, url = serving(program, "--model", path, "--context", "2048", "--parallel", "3")
    with program.client() as client:
        [loaded] = [model for model in client.loaded() if model.model == str(tmp_path / "mine.echo.json")]
        assert (loaded.options["n_ctx"], loaded.options["n_parallel"]) == (2048, 3)
        assert httpx2.get(f"{url}/models", trust_env=False).json()["data"][0]["id"] == loaded.model
        for name in (loaded.model, "mine.echo.json"):
            body = {"model": name, "messages": [{"role": "user", "content": "hi"}]}
            answer = httpx2.post(f"{url}/chat/completions", json=body, trust_env=False).json()
            assert answer["choices"][0]["message"]["content"].strip() == TEXT
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=120)[0] == ""
        until(lambda: loaded.id not in {model.id for model in client.loaded()}, "the model to be taken out")


def test_serve_says_when_the_host_dies(own):
    process, _ = serving(own)
    found = find(own.home)
    assert found is not None
    os.kill(found.handshake.pid, signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "host has ended" in err
    assert "Traceback" not in err


def test_serve_says_when_it_is_switched_off_elsewhere(program):
    process, _ = serving(program)
    with program.client() as client:
        client.set_server(ServerRequest(running=False))
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "switched off" in err


def test_serve_on_a_taken_port_says_so(program):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = program.run("serve", "--port", str(port))
    assert (done.returncode, done.stdout) == (1, "")
    assert str(port) in done.stderr
