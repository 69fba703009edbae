"""``paddock estimate``, and what loading says about memory."""

from __future__ import annotations

import json

import pytest

from paddock.sdk.cli.app import run
from paddock.sdk.cli.estimate import bar
from paddock.sdk.host import SettingsPatch
from paddock.sdk.memory import EstimatedDevice

PROMISED = {
    "source", "total_bytes", "parts", "devices", "verdict", "remedy", "max_context", "fetched_bytes", "seconds",
}  # fmt: skip
STARTER = "paddock/starter"


@pytest.fixture
def command(program, monkeypatch, capsys):
    """Runs a command in this process, which is quicker; its exit code, output and errors."""
    monkeypatch.setenv("PADDOCK_HOME", str(program.home.root))

    def command(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def test_the_json_form_has_what_scripts_rely_on(command):
    code, out, err = command("estimate", STARTER, "--json", "--context", "1024", "--kv", "q8_0", "--parallel", "2")
    assert code == 0, err
    found = json.loads(out)
    assert set(found) >= PROMISED
    parts = {"weights", "kv", "recurrent", "compute", "output", "projector", "draft", "overhead"}
    assert set(found["parts"]) >= parts
    assert set(found["devices"][0]) >= {"name", "kind", "bytes", "free", "total"}
    assert (found["source"], found["verdict"]) == ("simulated", "fits")
    options = {name: found["options"][name] for name in ("n_ctx", "cache_type_k", "cache_type_v", "n_parallel")}
    assert options == {"n_ctx": 1024, "cache_type_k": "q8_0", "cache_type_v": "q8_0", "n_parallel": 2}
    assert command("ps", "--json")[1].strip() == "[]"


def test_people_get_a_table_a_bar_and_a_sentence(command):
    code, out, err = command("estimate", STARTER)
    assert code == 0, err
    assert f"{STARTER} · llama · 2,048 tokens of context · simulated by the engine" in out
    for words in ("Weights", "KV cache", "Compute", "Together", "█", "Fits. "):
        assert words in out
    assert "The largest context that fits has 2,048 tokens." in out


def test_another_computer_can_be_asked_about(command):
    code, out, err = command("estimate", STARTER, "--on", "24GB", "--json")
    assert code == 0, err
    assert json.loads(out)["machine"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("estimate", STARTER, "--context", "much"), 2, "n_ctx"),
        (("estimate", STARTER, "--kv", "q9"), 2, "cache_type"),
        (("estimate", STARTER, "--kv", ","), 2, "cache_type"),
        (("estimate", STARTER, "-o", "n_ctxx=5"), 2, "n_ctx"),
        (("estimate", STARTER, "--on", "a toaster"), 1, "24GB"),
        (("estimate", "nothing.gguf"), 1, "nothing.gguf"),
        (("load", STARTER, "--n-ctx", "much"), 2, "auto"),
        (("load", STARTER, "--ttl", "-1"), 2, "ttl"),
    ],
)
def test_what_goes_wrong_is_a_sentence(command, arguments, code, says):
    found, out, err = command(*arguments)
    assert (found, out) == (code, "")
    assert says in err


def test_a_refused_load_exits_with_the_sentence_and_the_remedy_and_force_loads_it(command, program):
    with program.client() as client:
        client.patch_settings(SettingsPatch(memory_guard="custom", memory_limit_mib=1))
        code, out, err = command("load", STARTER)
        assert (code, out) == (1, "")
        assert "does not fit into memory" in err
        assert "force" in err
        assert command("load", STARTER, "--force", "--pin")[0] == 0
        client.patch_settings(SettingsPatch(memory_guard="balanced", memory_limit_mib=0))


def test_ps_tells_memory_and_how_long_a_model_stays(command):
    command("unload", "--all")
    assert command("load", STARTER, "--context", "auto", "--ttl", "600", "--identifier", "mine")[0] == 0
    [process] = json.loads(command("ps", "--json")[1])
    assert (process["ttl_s"], process["pinned"], process["identifier"]) == (600, False, "mine")
    assert process["predicted_bytes"] > 0
    assert process["measured_bytes"] > 0
    assert process["last_used"] > 1.7e9
    table = command("ps")[1]
    assert table.split("\n")[0].split() == [
        "Id", "Model", "Engine", "State", "Pid", "Context", "Memory", "Requests", "Stays",
    ]  # fmt: skip
    assert "predicted)" in table
    assert "10 min" in table
    assert command("load", STARTER, "--context", "auto", "--identifier", "mine", "--pin")[0] == 0
    assert "pinned" in command("ps")[1]
    assert command("unload", "mine")[0] == 0


def device(bytes: int, free: int | None) -> EstimatedDevice:
    return EstimatedDevice(name="RAM", kind="cpu", bytes=bytes, free=free, total=100)


def test_the_bar_shows_what_is_used_what_is_wanted_and_what_is_missing():
    assert bar(device(25, 50)) == "▒" * 20 + "█" * 10 + "░" * 10
    assert bar(device(75, 50)) == "▒" * 20 + "█" * 20 + "!" * 10
    assert bar(device(0, None)) == "░" * 40
    assert bar(device(1, 100)) == "█" + "░" * 39


def test_help_names_the_command(command):
    code, out, _ = command("--help")
    assert code == 0
    assert "estimate" in out
