"""The command as a program of its own, against the real host and scripted echo models."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from paddock.sdk.connect import find

from .program import TEXT, until


def test_chat_streams_the_answer_and_puts_the_rest_on_standard_error(program):
    done = program.run("chat", "-m", "test/quick", "hi")
    assert (done.returncode, done.stdout.strip()) == (0, TEXT)
    assert "Let me see." in done.stderr
    assert re.search(r"\d+ tokens · [\d.]+ tokens/s · first after [\d.]+ s · prompt \d+ tokens", done.stderr)
    assert "\x1b" not in done.stdout + done.stderr


def test_chat_json_is_one_object_with_the_promised_names(program):
    done = program.run("chat", "--json", "-m", "test/quick", stdin="hi\n")
    assert done.stdout.count("\n") == 1
    answer = json.loads(done.stdout)
    assert list(answer) == ["model", "text", "reasoning", "usage", "stats", "stop_reason"]
    assert set(answer["usage"]) == {"prompt_tokens", "completion_tokens", "cached_tokens"}
    assert set(answer["stats"]) == {"ttft_s", "tokens_per_second"}
    assert (answer["text"].strip(), answer["reasoning"].strip()) == (TEXT, "Let me see.")
    assert done.stderr == ""


def test_chat_reads_a_model_file_relative_to_where_it_is_called(program):
    folder = program.home.models / "test" / "quick"
    done = subprocess.run(
        [*program.command, "chat", "-m", "./quick.echo.json", "--no-stream", "hi"],
        env=program.env,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == TEXT, done.stderr


def test_a_file_is_loaded_and_unloaded_by_a_path_through_other_folders(program, tmp_path):
    (tmp_path / "mine.echo.json").write_text(json.dumps({"text": TEXT}))
    listed = program.home.models / "test" / "quick" / "quick.echo.json"
    for path, id in ((tmp_path / "mine.echo.json", str(tmp_path / "mine.echo.json")), (listed, "test/quick")):
        for name in (os.path.relpath(path), f"{path.parent}/../{path.parent.name}/{path.name}"):
            assert f"{id} is loaded" in program.run("load", name).stdout
            assert program.run("unload", name).returncode == 0
            assert id not in {model["model"] for model in json.loads(program.run("ps", "--json").stdout)}


def test_chat_without_anything_to_ask_is_wrong_usage(program):
    done = program.run("chat")
    assert done.returncode == 2
    assert "nothing to ask" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("chat", "-m", "test/quik", "hi"), 1, "test/quick"),
        (("chat", "-m", "nothing.gguf", "hi"), 1, "nothing.gguf"),
        (("chat", "-m", "test/broken", "hi"), 1, "damaged"),
        (("chat", "--temprature", "1", "hi"), 2, "--temperature"),
        (("chat", "--top-p", "7", "hi"), 2, "--top-p"),
        (("load", "test/quick", "-o", "n_ctxx=5"), 2, "n_ctx"),
        (("load", "test/quick", "-o", "n_ctx"), 2, "name=value"),
        (("unload", "nothing"), 1, "nothing"),
        (("unload",), 2, "--all"),
        (("lss",), 2, "ls"),
    ],
)
def test_what_goes_wrong_is_a_sentence_with_a_hint(program, arguments, code, says):
    program.client().close()
    done = program.run(*arguments)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_ctrl_c_stops_the_answer_and_leaves_with_130(program):
    chatting = program.start("chat", "-m", "test/slow", "hi")
    assert chatting.stdout is not None
    assert chatting.stdout.read(4) == "word"
    chatting.send_signal(signal.SIGINT)
    out, err = chatting.communicate(timeout=120)
    assert chatting.returncode == 130
    assert "Traceback" not in err
    assert out.endswith("\n")
    with program.client() as client:
        until(lambda: not client.generations(), "the answer to be cancelled")


def test_a_host_killed_in_mid_answer_is_a_sentence(own):
    chatting = own.start("chat", "-m", "test/slow", "hi")
    assert chatting.stdout is not None
    assert chatting.stdout.read(4) == "word"
    found = find(own.home)
    assert found is not None
    os.kill(found.handshake.pid, signal.SIGKILL)
    _, err = chatting.communicate(timeout=120)
    assert chatting.returncode == 1
    assert err.startswith("error: ") or "\nerror: " in err
    assert "Traceback" not in err


def test_ls_lists_models_on_disk(program):
    models = json.loads(program.run("ls", "--json").stdout)
    assert {"test/quick", "test/slow"} <= {model["id"] for model in models}
    table = program.run("ls").stdout
    assert table.splitlines()[0].split()[:2] == ["Model", "Size"]
    assert {"Parameters", "Quant", "Context", "From", "Remarks"} <= set(table.splitlines()[0].split())
    (quick,) = [line for line in table.splitlines() if line.startswith("test/quick ")]
    assert " Paddock " in quick, "its own folder has the name that the window gives it"


def test_what_cannot_be_listed_is_told_by_ls_and_doctor(own):
    (own.home.models / os.fsdecode(b"bad\xff.gguf")).touch()
    done = own.run("ls", "--json")
    assert "bad?.gguf is left out" in done.stderr
    assert {model["id"] for model in json.loads(done.stdout)} >= {"test/quick"}
    checks = json.loads(own.run("doctor", "--json").stdout)["checks"]
    assert any("bad?.gguf is left out" in check["message"] and check["status"] == "warn" for check in checks)


def test_load_ps_and_unload(program):
    program.run("unload", "--all")
    assert json.loads(program.run("ps", "--json").stdout) == []
    done = program.run("load", "test/quick", "--n-ctx", "2048")
    assert done.returncode == 0, done.stderr
    assert "test/quick is loaded" in done.stdout
    [process] = json.loads(program.run("ps", "--json").stdout)
    assert list(process)[:5] == ["id", "model", "engine", "state", "pid"]
    assert (process["model"], process["engine"], process["state"]) == ("test/quick", "echo", "ready")
    os.kill(process["pid"], 0)
    assert process["id"] in program.run("ps").stdout
    assert program.run("unload", process["id"]).returncode == 0
    assert json.loads(program.run("ps", "--json").stdout) == []


def test_cache_lists_and_clears_what_is_kept_of_prompts(program):
    folder = program.home.kv / ("a" * 32)
    assert "No prompts are kept." in program.run("cache").stderr
    folder.mkdir(parents=True)
    for name in ("1", "2"):
        (folder / f"{name}.kv").write_bytes(bytes(1500))
    (kept,) = json.loads(program.run("cache", "list", "--json").stdout)
    assert {name: kept[name] for name in ("model", "prompts", "size_bytes")} == {
        "model": "unknown",
        "prompts": 2,
        "size_bytes": 3000,
    }
    assert re.search(r"unknown +2 +3.0 kB +20\d\d-\d\d-\d\d \d\d:\d\d", program.run("cache").stdout)
    assert program.run("cache", "list", "unknown").returncode == 2
    wrong = program.run("cache", "clear", "unknwon")
    assert (wrong.returncode, "Did you mean “unknown”?" in wrong.stderr) == (1, True)
    assert program.run("cache", "clear", "unknown").returncode == 0
    assert json.loads(program.run("cache", "--json").stdout) == []
    assert list(program.home.kv.iterdir()) == []


def test_ps_and_stop_start_no_host(own):
    assert json.loads(own.run("ps", "--json").stdout) == []
    assert own.run("unload", "--all").returncode == 0
    assert "not running" in own.run("stop").stderr
    assert not own.home.run.exists()


def test_stop_ends_an_idle_host_and_leaves_a_busy_one(own):
    with own.client() as client:
        events = client.stream("hi", model="test/slow")
        next(events)
        busy = own.run("stop")
        assert busy.returncode == 1
        assert "--when" in busy.stderr
        events.close()
    assert own.run("stop", "--when", "now").returncode == 0
    assert find(own.home) is None


def test_the_version_is_printed(program):
    assert re.fullmatch(r"paddock \d+\.\d+\.\d+\n", program.run("--version").stdout)


def test_shell_completion_offers_commands_and_models(program):
    with program.client():
        env = {"_PADDOCK_COMPLETE": "complete_bash", "COMP_WORDS": "paddock chat -m test/q", "COMP_CWORD": "3"}
        done = subprocess.run(
            program.command, env=program.env | env, capture_output=True, text=True, check=False, timeout=120
        )
    assert "test/quick" in done.stdout, done.stderr


def test_doctor_tells_of_every_part(program):
    done = program.run("doctor", "--json")
    report = json.loads(done.stdout)
    names = {check["name"] for check in report["checks"]}
    assert {"Python", "Libraries", "Data folder", "Disk space", "Proxy", "Host", "Requests", "Streaming"} <= names
    assert any(name.startswith("Engine ") for name in names)
    assert all(check["status"] in ("ok", "warn", "fail") for check in report["checks"])
    assert all(check["remedy"] for check in report["checks"] if check["status"] != "ok")
    assert report["ok"] == (done.returncode == 0)
    streaming = next(check for check in report["checks"] if check["name"] == "Streaming")
    assert streaming["status"] == "ok", streaming


def test_doctor_works_without_a_host_and_fails(tmp_path):
    (tmp_path / "home").write_text("")
    env = {**os.environ, "PADDOCK_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-m", "paddock.sdk.cli.main", "doctor"],
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "✗ Host" in done.stdout
    assert "PADDOCK_HOME" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [("--version",), ("ls",), ("chat", "-m", "test/quick", "hi")])
def test_an_output_that_cannot_be_written_is_a_sentence(program, arguments):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*program.command, *arguments], env=program.env, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120
        )
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_closed_standard_streams_do_not_end_an_answer(program):
    shell = ["sh", "-c", '"$@" 2>&-', "sh", *program.command, "chat", "-m", "test/quick", "hi"]
    done = subprocess.run(shell, env=program.env, stdout=subprocess.PIPE, text=True, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (0, TEXT)
    shell[2] = '"$@" >&-'
    assert subprocess.run(shell, env=program.env, stderr=subprocess.DEVNULL, timeout=120).returncode == 0


def test_a_command_builds_no_flags_of_another(program):
    code = """
import sys
sys.argv = ["paddock", "ps"]
from paddock.sdk.cli.main import main
main()
print(*sorted(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], env=program.env, capture_output=True, text=True, check=True)
    assert not {"paddock.sdk.llamacpp_sampling", "paddock.sdk.llamacpp_load", "pydantic"} & {*done.stdout.split()}


def test_presets_are_imported_shown_used_and_deleted(program):
    line = "llama-cli --temp 0.1 --top-k 3 -n 2 -c 4096 --frobnicate 7"
    kept = program.run("presets", "import", "-", "--name", "Cold", "--json", stdin=line)
    read = json.loads(kept.stdout)
    assert read["preset"]["sampling"] == {"temperature": 0.1, "top_k": 3}
    assert read["load"] == {"n_ctx": 4096}
    assert "--frobnicate 7" in read["notes"][0]
    assert "Cold" in program.run("presets", "list").stdout
    assert json.loads(program.run("presets", "show", "Cold", "--json").stdout)["max_tokens"] == 2
    answer = json.loads(program.run("chat", "--preset", "Cold", "--json", "-m", "test/quick", "hi").stdout)
    assert answer["stop_reason"] == "length"
    assert program.run("presets", "delete", "Cold").returncode == 0
    missing = program.run("chat", "--preset", "Cold", "-m", "test/quick", "hi")
    assert (missing.returncode, "There is no preset" in missing.stderr) == (1, True)
