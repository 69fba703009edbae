"""Flags drawn from OptionSpecs."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from paddock.sdk.cli.option_flags import OptionFlags, assignment, flag_name
from paddock.sdk.errors import InvalidOption
from paddock.sdk.llamacpp_load import LOAD
from paddock.sdk.llamacpp_sampling import SAMPLING
from paddock.sdk.options import OptionSpec
from paddock.sdk.types import Options


def spec(name: str, kind: str, **more: object) -> OptionSpec:
    return OptionSpec(name=name, kind=kind, default=None, label=name, help="Help.", group="G", **more)


SPECS = (
    spec("heat", "float", minimum=0.0, maximum=2.0, aliases=("warm_th",)),
    spec("count", "int", minimum=-1.0),
    spec("fast", "bool"),
    spec("type", "choice", choices=("f16", "q8_0")),
    spec("words", "list"),
    spec("order", "list", choices=("a", "b")),
    spec("logit_bias", "bias"),
    spec("note", "text"),
)


def run(specs: tuple[OptionSpec, ...], *arguments: str) -> tuple[Options, int, str]:
    """What a command with these flags is given, its exit code and what it says."""
    given: list[Options] = []

    def command(word: str = "", *, options: Options) -> None:
        given.append(options)

    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(OptionFlags(specs, title="T", where="test").added_to(command, argument="options"))
    done = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200", "NO_COLOR": "1"})
    return given[0] if given else {}, done.exit_code, done.output


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ("--heat 0.5", {"heat": 0.5}),
        ("--warm-th 1", {"heat": 1.0}),
        ("--count -1", {"count": -1}),
        ("--fast", {"fast": True}),
        ("--no-fast", {"fast": False}),
        ("--type q8_0", {"type": "q8_0"}),
        ("--words a,b --words c", {"words": ["a,b", "c"]}),
        ('--words ["x","y"]', {"words": ["x", "y"]}),
        ("--order a,b", {"order": ["a", "b"]}),
        ("--logit-bias 42=-100 --logit-bias a=b=1.5", {"logit_bias": {"42": -100.0, "a=b": 1.5}}),
        ("--note hi", {"note": "hi"}),
        ("", {}),
    ],
)
def test_every_kind_of_option_is_a_flag(arguments, options):
    assert run(SPECS, *arguments.split()) == (options, 0, "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("--heat 3", "--heat"),
        ("--heat 3", "0 to 2"),
        ("--heat nan", "0 to 2"),
        ("--heat warm", "--heat"),
        ("--count 1.5", "--count"),
        ("--type q9", "q8_0"),
        ("--logit-bias 42", "42=-100"),
        ("--haet 1", "--heat"),
        ("--heat 1 --warm-th 1", "given twice"),
    ],
)
def test_a_wrong_value_is_wrong_usage_that_names_flag_and_range(arguments, says):
    _, code, output = run(SPECS, *arguments.split())
    assert code == 2
    assert says in output


@pytest.mark.parametrize("specs", [SAMPLING, LOAD])
def test_every_option_of_the_engine_has_its_flag_with_help(specs):
    _, code, output = run(specs, "--help")
    assert code == 0
    for option in specs:
        assert flag_name(option.name) in output


def test_every_sampler_takes_its_own_default():
    for option in SAMPLING:
        if isinstance(option.default, (int, float)) and not isinstance(option.default, bool):
            options, code, output = run(SAMPLING, flag_name(option.name), str(option.default))
            assert (options, code) == ({option.name: option.default}, 0), output


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("heat=0.5", ("heat", 0.5)),
        ("fast=true", ("fast", True)),
        ("note=true", ("note", "true")),
        ("type=q8_0", ("type", "q8_0")),
        ("words=[]", ("words", [])),
        ("unknown=x y", ("unknown", "x y")),
    ],
)
def test_an_option_by_name_is_read_as_its_kind(text, pair):
    assert assignment(text, SPECS) == pair


@pytest.mark.parametrize("text", ["heat", "=5", ""])
def test_an_option_without_name_or_value_is_refused(text):
    with pytest.raises(InvalidOption, match="no option"):
        assignment(text, SPECS)


def test_files_are_named_as_the_host_finds_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = str(tmp_path / "a.gguf")
    flags = OptionFlags(LOAD, title="Load", where="llama.cpp")
    assert flags.read({"lora": ["a.gguf"], "draft_model": "a.gguf"}) == {"lora": [here], "draft_model": here}
    assert assignment("lora=a.gguf", LOAD) == ("lora", [here])
    assert assignment('lora=["a.gguf"]', LOAD) == ("lora", [here])
    assert assignment("draft_model=", LOAD) == ("draft_model", "")
