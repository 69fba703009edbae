"""The README's commands, typed as a user would, answered by the starter model."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
from pathlib import Path

from held_answers import ENDLESS

STARTER_FILE = Path(__file__).parents[2] / "resources" / "starter" / "starter-Q8_0.gguf"


def test_chat_prints_an_answer_with_paris(shared):
    done = shared.run("chat", "What is the capital of France?")
    assert done.returncode == 0, done.stderr
    assert "Paris" in done.stdout


def test_chat_json_from_a_pipe_is_one_object_with_text_usage_and_stats(shared):
    done = shared.run("chat", "--json", stdin="hi\n")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert set(answer) >= {"model", "text", "reasoning", "usage", "stats", "stop_reason"}
    assert answer["model"] == "paddock/starter"
    assert answer["text"].strip()
    assert answer["usage"]["prompt_tokens"] > 0
    assert answer["usage"]["completion_tokens"] > 0
    assert answer["usage"]["cached_tokens"] >= 0
    assert answer["stats"]["ttft_s"] > 0
    assert answer["stats"]["tokens_per_second"] > 0
    assert answer["stop_reason"] == "stop"


def test_argument_and_pipe_are_joined(shared):
    done = shared.run("chat", "--json", "--temperature", "0", "What is the capital of", stdin="Italy?\n")
    assert "Rome" in json.loads(done.stdout)["text"]


def test_ps_names_the_workers_pid_and_unload_ends_it(shared):
    assert shared.run("load", "paddock/starter").returncode == 0
    [loaded] = json.loads(shared.run("ps", "--json").stdout)
    assert {"id", "model", "engine", "state", "pid"} <= set(loaded)
    assert (loaded["model"], loaded["engine"], loaded["state"]) == ("paddock/starter", "llamacpp", "ready")
    assert loaded["pid"] in {process.pid for process in shared.processes()}
    assert shared.run("unload", "paddock/starter").returncode == 0
    assert json.loads(shared.run("ps", "--json").stdout) == []
    assert loaded["pid"] not in {process.pid for process in shared.processes()}


def test_ls_lists_the_bundled_starter_model(shared):
    models = {model["id"]: model for model in json.loads(shared.run("ls", "--json").stdout)}
    assert models["paddock/starter"]["source"] == "bundled"
    assert models["paddock/starter"]["quant"] == "Q8_0"


def test_an_unknown_option_is_wrong_usage_with_a_suggestion(shared):
    done = shared.run("chat", "--temprature", "1", "hi")
    assert done.returncode == 2
    assert "--temperature" in done.stderr


def test_an_option_out_of_range_is_refused_with_its_range(shared):
    done = shared.run("chat", "--top-p", "7", "hi")
    assert done.returncode in (1, 2)
    assert "top_p" in done.stderr or "--top-p" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_model_fails_with_a_sentence_and_the_nearest_name(shared):
    done = shared.run("chat", "-m", "paddock/startr", "hi")
    assert done.returncode == 1
    assert "paddock/starter" in done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_reports_every_part(shared):
    done = shared.run("doctor", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout
    text = json.dumps(report).lower()
    for part in ("python", "llama", "disk", "host"):
        assert part in text


def test_serve_prints_one_line_with_its_url_and_ends_with_the_signal(program):
    serving = program.start("serve", "--port", "0")
    assert re.search(r"http://127\.0\.0\.1:\d+", serving.stdout.readline())
    serving.send_signal(signal.SIGINT)
    out, err = serving.communicate(timeout=60)
    assert out.strip() == ""
    assert "Traceback" not in err


def test_a_file_from_a_folder_beside_is_chatted_with_served_and_measured(program, tmp_path):
    folder = tmp_path / "else where"
    folder.mkdir()
    shutil.copy(STARTER_FILE, folder / "my model.gguf")
    path = os.path.relpath(folder / "my model.gguf")
    assert "Paris" in program.run("chat", "-m", path, "What is the capital of France?").stdout
    sizes = ("--context", "1024", "--parallel", "2", "--threads", "1")
    serving = program.start("serve", "--port", "0", "--model", path, *sizes)
    url = re.search(r"http://127\.0\.0\.1:\d+/v1", serving.stdout.readline())[0]
    [loaded] = json.loads(program.run("ps", "--json").stdout)
    options = loaded["options"]
    assert (options["n_ctx"], options["n_parallel"], options["n_threads"]) == (1024, 2, 1)
    plan = ("--prompt", "100", "--generate", "8", "--concurrency", "1,2", "--json")
    for where in ((path,), ("my model.gguf", "--url", url)):
        measured = program.run("bench", *where, *plan)
        assert measured.returncode == 0, measured.stderr
        for run in json.loads(measured.stdout)["runs"]:
            assert (run["prompt_tokens"], run["generated_tokens"]) == (100, 8)
            assert min(run["ttft_s"], run["prefill_tps"], run["decode_tps"], run["total_tps"]) > 0
    serving.send_signal(signal.SIGINT)
    serving.communicate(timeout=60)
    assert json.loads(program.run("ps", "--json").stdout) == []


def test_serve_on_a_taken_port_says_so(program):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = program.run("serve", "--port", str(port))
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_dead_proxy_changes_nothing(program):
    program.env |= dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
    done = program.run("chat", "What is the capital of France?")
    assert "Paris" in done.stdout, done.stderr


def test_ctrl_c_stops_the_answer_and_exits_130(program):
    model = program.echo_model("slow", **ENDLESS)
    chatting = program.start("chat", "-m", model, "hi")
    assert chatting.stdout.read(3) == "one"
    chatting.send_signal(signal.SIGINT)
    _, err = chatting.communicate(timeout=60)
    assert chatting.returncode == 130
    assert "Traceback" not in err
    with program.client() as client:
        program.until(lambda: not client.generations(), "the cancelled answer to be gone")
