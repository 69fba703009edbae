"""Option tables and their check: every default is valid, every mistake has a sentence."""

from __future__ import annotations

import subprocess
import sys

import pytest

from paddock.sdk.errors import InvalidOption, UnknownOption
from paddock.sdk.llamacpp_load import LOAD
from paddock.sdk.llamacpp_sampling import SAMPLERS, SAMPLING
from paddock.sdk.options import check, check_value

ALL = [*SAMPLING, *LOAD]


@pytest.mark.parametrize("spec", ALL, ids=lambda spec: spec.name)
def test_a_spec_is_complete_and_its_default_and_off_value_are_valid(spec):
    assert spec.label[0].isupper()
    assert spec.help.endswith(".")
    assert not spec.help.endswith("..")
    assert spec.group
    for value in (spec.default, spec.off):
        if value is not None:
            assert check_value(spec, value) == value
    if spec.kind in ("int", "float"):
        assert spec.minimum is not None
        assert spec.maximum is not None
        assert spec.step is not None
        assert spec.step > 0
        assert spec.minimum < (spec.soft_maximum or spec.maximum) <= spec.maximum
        assert spec.minimum >= -2
    if spec.kind == "choice":
        assert spec.default in spec.choices


@pytest.mark.parametrize("table", [SAMPLING, LOAD])
def test_names_and_aliases_are_unique(table):
    names = [name for spec in table for name in (spec.name, *spec.aliases)]
    assert len(names) == len(set(names))


def test_llama_cpps_defaults():
    defaults = {spec.name: spec.default for spec in SAMPLING}
    assert defaults["temperature"] == 0.8
    assert defaults["top_k"] == 40
    assert defaults["top_p"] == 0.95
    assert defaults["min_p"] == 0.05
    assert defaults["repeat_last_n"] == 64
    assert defaults["dry_sequence_breakers"] == ["\n", ":", '"', "*"]
    assert defaults["samplers"] == list(SAMPLERS)


def test_an_unknown_option_suggests_the_nearest():
    with pytest.raises(UnknownOption) as unknown:
        check({"temprature": 1}, SAMPLING, where="llama.cpp sampling")
    assert unknown.value.hint == "Did you mean “temperature”?"
    assert "llama.cpp sampling" in unknown.value.message


def test_aliases_are_one_option():
    assert check({"temp": 0.5, "penalty_repeat": 2}, SAMPLING, where="x") == {"temperature": 0.5, "repeat_penalty": 2.0}
    with pytest.raises(InvalidOption, match="twice"):
        check({"temp": 0.5, "temperature": 0.6}, SAMPLING, where="x")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -0.1),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("temperature", "hot"),
        ("temperature", True),
        ("top_k", 1.5),
        ("top_k", -1),
        ("top_p", 1.01),
        ("top_n_sigma", -0.5),
        ("seed", 2**32),
        ("seed", -2),
        ("mirostat", 3),
        ("ignore_eos", 1),
        ("samplers", "top_k"),
        ("samplers", [1]),
        ("logit_bias", {"5": "much"}),
        ("logit_bias", [5]),
        ("dry_sequence_breakers", None.__class__),
    ],
)
def test_values_outside_their_range_are_refused_with_the_range(name, value):
    with pytest.raises(InvalidOption) as invalid:
        check({name: value}, SAMPLING, where="x")
    assert name in invalid.value.message
    assert invalid.value.hint.startswith("It takes ")


def test_none_means_the_default_and_whole_floats_are_integers():
    assert check({"top_k": 40.0, "seed": None, "top_n_sigma": -1}, SAMPLING, where="x") == {
        "top_k": 40,
        "top_n_sigma": -1.0,
    }


def test_the_tables_cost_no_engine_import():
    code = "import sys, paddock.sdk.llamacpp_load, paddock.sdk.llamacpp_sampling; "
    code += "print([m for m in sys.modules if m.split('.')[0] in "
    code += "('llama_cpp', 'numpy', 'jinja2', 'PySide6')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_auto_is_taken_where_the_option_says_so():
    assert check({"context": "auto"}, LOAD, where="llama.cpp") == {"n_ctx": 0}
    with pytest.raises(InvalidOption, match="n_batch"):
        check({"n_batch": "auto"}, LOAD, where="llama.cpp")
    assert check({"flash_attn": "auto"}, LOAD, where="llama.cpp") == {"flash_attn": "auto"}
