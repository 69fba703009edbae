"""Presets and saved prompts: files that survive, defaults, what other programs wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from server_harness import HostProcess, with_models

from paddock.backends.base import EngineDescriptor
from paddock.sdk.client import Client
from paddock.sdk.errors import BadRequest, ModelNotFound, NotFound
from paddock.sdk.options import OptionSpec
from paddock.sdk.presets import Preset, PresetText, SavedPrompt
from paddock.sdk.types import ChatPatch, NewChat, Pane, SendRequest
from paddock.server.models import offered
from paddock.server.preset_import import read_preset


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    process = HostProcess(with_models(tmp_path_factory.mktemp("presets"))).ready()
    yield process
    process.close()


@pytest.fixture(scope="module")
def client(host: HostProcess) -> Iterator[Client]:
    with Client.connect(home=host.home.root, start=False) as client:
        yield client


def test_a_preset_is_kept_renamed_and_removed(client: Client, host: HostProcess) -> None:
    kept = client.put_preset(Preset(name="Mine / own", sampling={"temperature": 0.3}, stop=("END",), max_tokens=0))
    file = host.home.presets / f"{kept.id}.json"
    assert json.loads(file.read_text())["sampling"] == {"temperature": 0.3}
    again = client.put_preset(Preset(id=kept.id, name="Renamed", sampling=kept.sampling))
    assert again.id == kept.id
    assert {p.name for p in client.presets()} >= {"Renamed", "Precise"}
    with pytest.raises(BadRequest, match="already"):
        client.put_preset(Preset(name="Renamed"))
    client.delete_preset(kept.id)
    assert not file.exists()
    with pytest.raises(NotFound):
        client.delete_preset(kept.id)
    assert client.put_preset(again).id == kept.id  # undo


def test_a_model_has_one_default_preset(client: Client) -> None:
    one = client.put_preset(Preset(name="One", default_for=("test/paris", "*")))
    two = client.put_preset(Preset(name="Two", default_for=("test/paris",)))
    found = {p.id: p.default_for for p in client.presets()}
    assert found[one.id] == ("*",)
    assert found[two.id] == ("test/paris",)


def test_a_preset_for_one_model_is_for_one_that_is_here(client: Client, host: HostProcess) -> None:
    with pytest.raises(ModelNotFound) as refused:
        client.put_preset(Preset(name="Lost", model="test/pariss"))
    assert refused.value.hint.startswith("Did you mean “test/paris”")
    kept = client.put_preset(Preset(name="Found", model="TEST/Paris"))
    assert kept.model == "test/paris"
    path = host.home.presets / f"{kept.id}.json"
    path.write_text(path.read_text().replace("test/paris", "test/gone"))
    gone = next(preset for preset in client.presets() if preset.id == kept.id)
    assert client.put_preset(msgspec.structs.replace(gone, name="Renamed")).model == "test/gone"
    client.delete_preset(kept.id)


def test_a_file_that_cannot_be_read_is_named_and_left_alone(client: Client, host: HostProcess) -> None:
    host.home.presets.mkdir(exist_ok=True)
    bad, newer = host.home.presets / "bad.json", host.home.presets / "newer.json"
    bad.write_text("{not json")
    newer.write_text('{"version": 99, "name": "x"}')
    errors = {p.id: p.error for p in client.presets() if p.error}
    assert errors.keys() == {"bad", "newer"}
    assert "bad.json" in errors["bad"]
    with pytest.raises(BadRequest, match="cannot be read"):
        client.put_preset(Preset(id="bad", name="over it"))
    assert bad.read_text() == "{not json"
    bad.unlink()
    newer.unlink()


def test_ids_cannot_leave_the_folder(client: Client) -> None:
    for id in ("../evil", "a/b", ".hidden", "x" * 200):
        with pytest.raises(BadRequest):
            client.put_preset(Preset(id=id, name=f"n {id}"))


def test_shipped_prompts_can_be_replaced_but_not_removed(client: Client) -> None:
    shipped = next(p for p in client.prompts() if p.id == "concise")
    assert shipped.shipped
    with pytest.raises(BadRequest, match="comes with"):
        client.delete_prompt("concise")
    client.put_prompt(SavedPrompt(id="concise", name="Concise", text="Short."))
    assert next(p for p in client.prompts() if p.id == "concise").text == "Short."
    client.delete_prompt("concise")
    assert next(p for p in client.prompts() if p.id == "concise") == shipped


def test_the_options_of_the_models_engine_are_told(client: Client) -> None:
    names = {spec.name for spec in client.sampling_options("test/paris")}
    assert {"temperature", "samplers", "dry_multiplier"} <= names


def test_stop_strings_and_limits_are_kept_with_the_conversation(client: Client, host: HostProcess) -> None:
    chat = client.create_chat(NewChat(model="test/paris")).summary.id
    client.patch_chat(chat, ChatPatch(stop=("France",), max_tokens=50, reasoning=False))
    assert list(client.send(chat, SendRequest(content="?")))
    assert "France" not in client.chat(chat).messages[-1].content
    list(client.send(chat, SendRequest(content="?", stop=(), max_tokens=2)))
    assert client.chat(chat).messages[-1].stop_reason == "length"
    client.patch_chat(chat, ChatPatch(max_tokens=0, reasoning="auto", stop=()))
    summary = client.chat(chat).summary
    assert (summary.stop, summary.max_tokens, summary.reasoning) == ((), None, None)
    panes = client.set_panes(chat, [Pane(stop=("x",)), Pane()]).panes
    assert [pane.stop for pane in panes] == [("x",), None]


def test_two_programs_that_change_different_options_at_once_both_have_their_way(client: Client) -> None:
    chat = client.create_chat(NewChat()).summary.id
    client.patch_chat(chat, ChatPatch(sampling={"top_k": 7, "temperature": 0.1, "min_p": 0.2}))
    revision = client.chat(chat).summary.revision
    mine, theirs = ChatPatch(sampling_changes={"temperature": 0.9}), ChatPatch(sampling_changes={"min_p": None})
    both = client.patch_chat(chat, mine).summary, client.patch_chat(chat, theirs).summary
    assert both[0].sampling == {"top_k": 7, "temperature": 0.9, "min_p": 0.2}
    assert both[1].sampling == {"top_k": 7, "temperature": 0.9}
    assert client.chat(chat).summary == both[1]
    assert both[1].revision == revision + 2
    anew = ChatPatch(sampling={"top_k": 1}, sampling_changes={"top_p": 0.5, "top_k": None})
    assert client.patch_chat(chat, anew).summary.sampling == {"top_p": 0.5}


# ---------------------------------------------------------------- other programs


def lmstudio(*operation: tuple[str, Any], load: tuple[tuple[str, Any], ...] = ()) -> str:
    def fields(items: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
        return {"fields": [{"key": key, "value": value} for key, value in items]}

    return json.dumps({"identifier": "@local:fox", "name": "Fox", "operation": fields(operation), "load": fields(load)})


def test_a_preset_of_lm_studio_is_read() -> None:
    text = lmstudio(
        ("llm.prediction.temperature", 0.7),
        ("llm.prediction.topKSampling", 20),
        ("llm.prediction.topPSampling", {"checked": True, "value": 0.8}),
        ("llm.prediction.repeatPenalty", {"checked": False, "value": 1.1}),
        ("llm.prediction.maxPredictedTokens", {"checked": True, "value": 300}),
        ("llm.prediction.stopStrings", ["\n\nUser:"]),
        ("llm.prediction.systemPrompt", "You are a fox."),
        ("llm.prediction.structured", {"type": "none"}),
        ("llm.prediction.llama.tailFreeSampling", {"checked": True, "value": 0.9}),
        ("llm.prediction.llama.mirostatSampling", {"version": 2, "learningRate": 0.2, "targetEntropy": 4}),
        load=(("llm.load.contextLength", 8192), ("llm.load.llama.acceleration.offloadRatio", "max")),
    )
    read = read_preset(PresetText(text=text))
    assert read.preset.name == "Fox"
    assert read.preset.sampling == {
        "temperature": 0.7, "top_k": 20, "top_p": 0.8, "repeat_penalty": 1.0,
        "mirostat": 2, "mirostat_eta": 0.2, "mirostat_tau": 4.0,
    }  # fmt: skip
    assert read.preset.stop == ("\n\nUser:",)
    assert (read.preset.system, read.preset.max_tokens) == ("You are a fox.", 300)
    assert read.load == {"n_ctx": 8192, "n_gpu_layers": -1}
    assert read.notes == ("LM Studio’s “llama.tailFreeSampling” has no counterpart in a preset.",)


def test_an_old_preset_of_lm_studio_is_read() -> None:
    text = json.dumps({"name": "Old", "inference_params": {"temp": 0.5, "antiprompt": ["###"], "pre_prompt": "Hi"}})
    preset = read_preset(PresetText(text=text)).preset
    assert (preset.sampling, preset.stop, preset.system) == ({"temperature": 0.5}, ("###",), "Hi")


def test_a_command_line_of_llama_cpp_is_read() -> None:
    line = """./llama-server -m "my model.gguf" --temp 0.7 --top-k 40 \\
      --samplers "top_k;typ_p;temperature" -c 8192 -ngl 99 -fa --no-mmap -n -1 -r '</s>' -l 15043-1 --min-p=0.1
      --repeat-penalty 1.1 --presence-penalty -0.5 --seed 7 --reasoning off --port 8080 --frobnicate 3"""
    read = read_preset(PresetText(text=line))
    assert read.preset.sampling == {
        "temperature": 0.7, "top_k": 40, "samplers": ["top_k", "typical_p", "temperature"],
        "logit_bias": {"15043": -1.0}, "min_p": 0.1, "repeat_penalty": 1.1, "presence_penalty": -0.5, "seed": 7,
    }  # fmt: skip
    assert read.load == {"n_ctx": 8192, "n_gpu_layers": 99, "flash_attn": "on", "use_mmap": False}
    assert (read.preset.max_tokens, read.preset.stop, read.preset.reasoning) == (0, ("</s>",), False)
    said = " ".join(read.notes)
    for unknown in ("-m my model.gguf", "--port 8080", "--frobnicate 3"):
        assert unknown in said


def test_command_lines_as_pages_print_them_are_read() -> None:
    line = """# Don't forget: best settings
LLAMA_ARG_CTX_SIZE=8192 llama-server \u2013temp 0.6 \u2014top-k 20 --rope-scale 4 \\
  --chat-template-kwargs '{"enable_thinking": false}'"""
    read = read_preset(PresetText(text=line))
    assert (read.preset.sampling, read.preset.reasoning) == ({"temperature": 0.6, "top_k": 20}, False)
    assert read.load == {"n_ctx": 8192, "rope_freq_scale": 0.25}
    assert read.notes == ()
    kwargs = """--chat-template-kwargs '{"enable_thinking": false, "style": "terse"}'"""
    assert read_preset(PresetText(text=kwargs)).preset.reasoning is None


@pytest.mark.parametrize("line", ["--temp warm", "--top-p 7", "--temp", "--sampler-seq q"])
def test_values_that_do_not_fit_are_named(line: str) -> None:
    read = read_preset(PresetText(text=line))
    assert read.preset.sampling == {}
    assert len(read.notes) == 1


@pytest.mark.parametrize("text", ["", "hello", "{}", '{"a": 1}', "{broken", '--temp "0.7', "--stop x " * 30_000])
def test_other_texts_are_no_presets(text: str) -> None:
    with pytest.raises(BadRequest):
        read_preset(PresetText(text=text))


def test_our_own_file_comes_back(host: HostProcess, client: Client) -> None:
    kept = client.put_preset(Preset(name="Round trip", sampling={"top_k": 5}, system="S", reasoning=True))
    text = (host.home.presets / f"{kept.id}.json").read_text(encoding="utf-8")
    read = client.read_preset(PresetText(text=text))
    assert (read.preset.sampling, read.preset.system, read.preset.reasoning) == ({"top_k": 5}, "S", True)
    assert read.notes == ()
    assert Path(kept.id).name == kept.id


def test_what_only_another_engine_has_is_kept_but_not_asked_for() -> None:
    def engine(name: str, *options: str) -> EngineDescriptor:
        specs = [OptionSpec(name=o, kind="float", default=0.0, label=o, help=o, group="g") for o in options]
        return EngineDescriptor(name=name, title=name, factory="", probe="", suffixes=(), sampling=tuple(specs))

    one, other = engine("one", "temperature"), engine("other", "temperature", "quantum_p")
    given = {"temperature": 0.5, "quantum_p": 0.1, "temperatur": 0.2}
    assert offered(given, one, (one, other)) == {"temperature": 0.5, "temperatur": 0.2}  # a slip is still refused
    assert offered(given, other, (one, other)) == given
