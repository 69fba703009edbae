"""The header reader: right values from good files, a sentence for every bad one, and nothing else ever."""

from __future__ import annotations

import contextlib
import random
import struct
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paddock import resources
from paddock.browser.gguf import Header, read_header
from paddock.sdk.errors import ModelUnusable

STARTER = Path(str(resources.__file__)).parent / "starter" / "starter-Q8_0.gguf"


@pytest.fixture(scope="module")
def tiny(gguf_file, tmp_path_factory) -> Path:
    return gguf_file.write_llama(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


def test_a_llama(tiny, gguf_file):
    header = read_header(tiny)
    assert header.architecture == "llama"
    assert header.name == "Tiny Llama"
    assert header.size_label == "0.1M"
    assert header.context_length == 4096
    assert header.block_count == 2
    assert header.quant == "F32"
    assert header.template == gguf_file.TEMPLATE
    assert header.parameters == sum(tensor.size for tensor in gguf_file.llama_tensors().values())
    assert header.data_end == tiny.stat().st_size
    assert not header.pooling


def test_the_starter_model():
    header = read_header(STARTER)
    assert header.architecture == "llama"
    assert header.quant == "Q8_0"
    assert 1_000_000 < header.parameters < 20_000_000
    assert "<tool_call>" in header.template


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("version", [2, 3])
def test_both_byte_orders_and_versions(gguf_file, tmp_path, order, version):
    path = tmp_path / "x.gguf"
    path.write_bytes(gguf_file.Writer(order, version).file(gguf_file.llama_metadata(), gguf_file.llama_tensors()))
    header = read_header(path)
    assert header.version == version
    assert header.context_length == 4096
    assert header.parameters > 50_000


def test_recommended_samplers_come_under_their_option_names(gguf_file, tmp_path):
    path = gguf_file.write_llama(
        tmp_path / "x.gguf",
        general__sampling__temp=(gguf_file.F32, 0.6),
        general__sampling__top_k=(gguf_file.I32, 20),
        general__sampling__top_p=(gguf_file.F32, float("nan")),
    )
    assert read_header(path).sampling == {"temperature": 0.6, "top_k": 20}


def test_every_kind_of_value_is_stepped_over(gguf_file, tmp_path):
    g = gguf_file
    extra = {f"x__{kind}": (kind, 1) for kind in g.FORMATS}
    extra |= {f"a__{kind}": (g.ARRAY, (kind, [1, 0, 1])) for kind in g.FORMATS}
    extra["n__strings"] = (g.ARRAY, (g.STRING, ["a", "", "long" * 100_000]))
    extra["n__nested"] = (g.ARRAY, (g.ARRAY, [(g.U8, [1, 2]), (g.STRING, ["x"])]))
    assert read_header(g.write_llama(tmp_path / "x.gguf", **extra)).name == "Tiny Llama"


def test_a_large_vocabulary_is_read_quickly(gguf_file, tmp_path):
    tokens = (gguf_file.ARRAY, (gguf_file.STRING, [f"token{number}" for number in range(150_000)]))
    path = tmp_path / "x.gguf"
    path.write_bytes(gguf_file.Writer().file({"tokens": tokens, "general.name": (gguf_file.STRING, "Big")}))
    began = time.process_time()
    assert read_header(path).name == "Big"
    assert time.process_time() - began < 1.5


# ---------------------------------------------------------------- bad files


def refusal(path: Path, data: bytes) -> ModelUnusable:
    path.write_bytes(data)
    with pytest.raises(ModelUnusable) as refused:
        read_header(path)
    assert refused.value.hint
    assert path.name in refused.value.message
    return refused.value


@pytest.mark.parametrize("data", [b"", b"GG", b"PK\x03\x04 a zip", b"<html>not found</html>"])
def test_not_a_gguf_file(tmp_path, data):
    assert "is not a GGUF file" in refusal(tmp_path / "x.gguf", data).message


def test_a_truncated_file_says_how_much_is_there(tiny, tmp_path):
    data = tiny.read_bytes()
    error = refusal(tmp_path / "x.gguf", data[:-100_000])
    assert f"{len(data) - 100_000:,} of {len(data):,} bytes" in error.message
    assert error.hint == "Download it again."


@pytest.mark.parametrize(("version", "hint"), [(1, "newer conversion"), (4, "Update"), (0, "newer conversion")])
def test_unknown_versions(tiny, tmp_path, version, hint):
    data = tiny.read_bytes()
    error = refusal(tmp_path / "x.gguf", data[:4] + struct.pack("<I", version) + data[8:])
    assert f"version {version}" in error.message
    assert hint in error.hint


@pytest.mark.parametrize(
    "body",
    [
        struct.pack("<QQ", 2**63, 1),
        struct.pack("<QQ", 1, 2**63),
        struct.pack("<QQQ", 0, 1, 2**60),
        struct.pack("<QQQ", 0, 1, 4) + b"a.bc" + struct.pack("<IIQ", 9, 4, 2**62),
        struct.pack("<QQQ", 0, 1, 4) + b"a.bc" + struct.pack("<IIQ", 9, 8, 2**62),
        struct.pack("<QQQ", 0, 1, 4) + b"a.bc" + struct.pack("<II", 99, 4),
        struct.pack("<QQQ", 0, 1, 4) + b"a.bc" + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 50,
        struct.pack("<QQQ", 0, 1, 23) + b"tokenizer.chat_template" + struct.pack("<IQ", 8, 2**40),
        struct.pack("<QQQ", 1, 0, 1) + b"t" + struct.pack("<I", 2**31),
        struct.pack("<QQQ", 1, 0, 1) + b"t" + struct.pack("<IQQ", 2, 2**60, 2**60) + struct.pack("<IQ", 0, 0),
        struct.pack("<QQQ", 1, 0, 1) + b"t" + struct.pack("<IQ", 1, 8) + struct.pack("<IQ", 0, 2**63),
        struct.pack("<QQQ", 0, 1, 17) + b"general.alignment" + struct.pack("<II", 4, 0),
    ],
)
def test_headers_that_lie_about_lengths(tmp_path, body):
    refusal(tmp_path / "x.gguf", b"GGUF" + struct.pack("<I", 3) + body + b"\0" * 64)


def test_every_truncation_of_the_header_is_refused(tiny, tmp_path):
    data = tiny.read_bytes()
    for length in sorted(random.Random(3).sample(range(4, 9000), 150)):
        refusal(tmp_path / "x.gguf", data[:length])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(edits=st.lists(st.tuples(st.integers(4, 9000), st.integers(0, 255)), min_size=1, max_size=6))
def test_no_damage_makes_the_reader_fail_otherwise(tiny, tmp_path, edits):
    data = bytearray(tiny.read_bytes())
    for place, value in edits:
        data[place] = value
    path = tmp_path / "x.gguf"
    path.write_bytes(data)
    with contextlib.suppress(ModelUnusable):
        assert isinstance(read_header(path), Header)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(data=st.binary(max_size=300))
def test_no_bytes_make_the_reader_fail_otherwise(tmp_path, data):
    path = tmp_path / "x.gguf"
    path.write_bytes(b"GGUF\x03\0\0\0" + data)
    with contextlib.suppress(ModelUnusable):
        assert isinstance(read_header(path), Header)
