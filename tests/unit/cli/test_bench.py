"""paddock bench, as a program of its own."""

from __future__ import annotations

import json
import re
import signal
import subprocess

import pytest

from .program import Program, until


def serving(program: Program, *arguments: str) -> tuple[subprocess.Popen[str], str]:
    """A running ``serve`` and the address it printed."""
    process = program.start("serve", "--port", "0", *arguments)
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.fullmatch(r"Paddock API on (http://127\.0\.0\.1:\d+/v1)\n", line)
    assert found, (line, process.communicate(timeout=120))
    return process, found[1]


def test_bench_prints_its_json_and_keeps_it(program):
    done = program.run("bench", "test/quick", "--prompt", "40", "--generate", "4", "--concurrency", "1,3", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(done.stdout)
    assert list(result) == ["model", "engine", "machine", "runs"]
    assert (result["model"], result["engine"]) == ("test/quick", "echo")
    assert [(run["concurrency"], run["prompt_tokens"]) for run in result["runs"]] == [(1, 40), (3, 40)]
    assert all(run["ttft_s"] > 0 and run["total_tps"] > 0 for run in result["runs"])
    kept = [json.loads(path.read_text()) for path in program.home.bench.iterdir()]
    assert result in [record["result"] for record in kept]


def test_bench_measures_an_address_and_prints_a_table(program):
    process, url = serving(program)
    done = program.run("bench", "test/quick", "--url", url, "--prompt", "40", "--generate", "4")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert done.returncode == 0, done.stderr
    assert url in done.stdout
    assert "First token" in done.stdout
    assert "kept in" in done.stderr


def test_ctrl_c_ends_a_benchmark_and_its_answers(program):
    with program.client() as client:
        before = {model.id for model in client.loaded()}
        measuring = program.start("bench", "test/slow", "--prompt", "40", "--generate", "2000", "--concurrency", "3")
        until(lambda: len(client.generations()) == 3, "three requests at once")
        measuring.send_signal(signal.SIGINT)
        out, err = measuring.communicate(timeout=120)
        assert (measuring.returncode, out) == (130, "")
        assert "Traceback" not in err
        until(lambda: not client.generations(), "the answers to be cancelled")
        assert {model.id for model in client.loaded()} <= before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--concurrency", "1,x"), "numbers from 1"),
        (("--shared-prefix", "512"), "shorter than the prompt"),
        (("--url", "localhost"), "Give an address"),
    ],
)
def test_wrong_plans_are_wrong_usage(program, arguments, says):
    done = program.run("bench", "test/quick", *arguments)
    assert done.returncode == 2
    assert says in " ".join(done.stderr.replace("│", " ").split())
