"""The header reader: right values from good files, whole or as far as they have come."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from work_counter import calls

from paddock import resources
from paddock.browser.describe import is_companion
from paddock.browser.ggml import TYPE_SIZES
from paddock.browser.gguf import parse_header, read_header, read_model_headers
from paddock.browser.gguf_cursor import Incomplete
from paddock.browser.gguf_tensors import Tensor

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
@pytest.mark.parametrize("version", [1, 2, 3])
def test_both_byte_orders_and_versions(gguf_file, tmp_path, order, version):
    path = tmp_path / "x.gguf"
    path.write_bytes(gguf_file.Writer(order, version).file(gguf_file.llama_metadata(), gguf_file.llama_tensors()))
    header = read_header(path)
    assert header.version == version
    assert header.context_length == 4096
    assert header.parameters > 50_000
    assert header.big_endian == (order == ">")
    assert header.data_end == path.stat().st_size
    assert header.metadata["llama.attention.layer_norm_rms_epsilon"] == pytest.approx(1e-5)


def test_recommended_samplers_come_under_their_option_names(gguf_file, tmp_path):
    path = gguf_file.write_llama(
        tmp_path / "x.gguf",
        general__sampling__temp=(gguf_file.F32, 0.6),
        general__sampling__top_k=(gguf_file.I32, 20),
        general__sampling__top_p=(gguf_file.F32, float("nan")),
    )
    assert read_header(path).sampling == {"temperature": 0.6, "top_k": 20}


def test_what_is_kept_and_what_is_only_counted(gguf_file, tmp_path):
    g = gguf_file
    extra = {f"x__{kind}": (kind, 1) for kind in g.FORMATS}
    extra |= {f"a__{kind}": (g.ARRAY, (kind, [1, 0, 1])) for kind in g.FORMATS}
    extra |= {
        "n__strings": (g.ARRAY, (g.STRING, ["a", "", "long" * 100_000])),
        "n__none": (g.ARRAY, (g.I32, [])),
        "n__most": (g.ARRAY, (g.U8, [1] * 65_536)),
        "n__more": (g.ARRAY, (g.U8, [1] * 65_537)),
        "t__most": (g.STRING, "x" * 65_536),
        "t__more": (g.STRING, "x" * 65_537),
    }
    header = read_header(g.write_llama(tmp_path / "x.gguf", **extra))
    assert header.name == "Tiny Llama"
    metadata, counts = header.metadata, header.counts
    assert all(metadata[f"x.{kind}"] == 1 for kind in g.FORMATS)
    assert metadata[f"x.{g.BOOL}"] is True
    assert all(metadata[f"a.{kind}"] == (1, 0, 1) for kind in g.FORMATS)
    assert metadata[f"a.{g.BOOL}"] == (True, False, True)
    assert metadata["n.none"] == ()
    assert len(metadata["n.most"]) == len(metadata["t.most"]) == 65_536
    assert {"n.strings", "n.more", "t.more"}.isdisjoint(metadata)
    assert (counts["n.strings"], counts["n.more"], counts["a.0"]) == (3, 65_537, 3)
    assert counts["tokenizer.ggml.tokens"] == counts["tokenizer.ggml.scores"] == len(g.vocabulary()[0])
    assert not [key for key in metadata if key.startswith("tokenizer.ggml.t")]
    assert metadata["tokenizer.chat_template"] == header.template == g.TEMPLATE


def test_the_table_of_tensors(tiny, gguf_file):
    header = read_header(tiny)
    expected, offset = [], 0
    for name, array in gguf_file.llama_tensors().items():
        expected.append(Tensor(name, array.shape[::-1], 0, offset, array.size * 4))
        offset += -(-array.size * 4 // 32) * 32
    assert header.tensors == tuple(expected)
    data = np.frombuffer(tiny.read_bytes(), np.float32, offset=header.data_start, count=header.tensors[0].size // 4)
    assert np.array_equal(data, gguf_file.llama_tensors()["token_embd.weight"].ravel())
    lean = read_header(tiny, tensors=False)
    assert lean.tensors == ()
    assert (lean.parameters, lean.data_start, lean.data_end) == (header.parameters, header.data_start, header.data_end)


def test_sizes_of_types_are_those_of_the_engine():
    import ctypes

    from llama_cpp._ggml import libggml

    libggml.ggml_blck_size.restype = ctypes.c_int64
    libggml.ggml_type_size.restype = ctypes.c_size_t
    known = {kind: (libggml.ggml_blck_size(kind), libggml.ggml_type_size(kind)) for kind in range(43)}
    known = {kind: size for kind, size in known.items() if size != (0, 0)}
    assert {kind: TYPE_SIZES.get(kind) for kind in known} == known
    assert set(TYPE_SIZES) - set(known) == {31, 32, 33, 36, 37, 38}


def test_a_beginning_is_enough_and_says_how_much_it_lacks(tiny):
    whole = read_header(tiny)
    data, size = tiny.read_bytes(), tiny.stat().st_size
    assert parse_header(io.BytesIO(data[: whole.data_start]), size, "x", available=whole.data_start) == whole
    available, found = 4, None
    while found is None:
        try:
            found = parse_header(io.BytesIO(data[:available]), size, "x", available=available)
        except Incomplete as more:
            before, available = available, more.needed
        else:
            continue
        assert before < available <= whole.data_start
    assert found == whole


def test_the_largest_vocabulary_costs_one_call_for_a_word(gguf_file):
    data = gguf_file.Writer().file(gguf_file.large_vocabulary(), gguf_file.llama_tensors())
    header = parse_header(io.BytesIO(data), len(data), "x")
    assert header.counts["tokenizer.ggml.tokens"] == 262_144
    assert header.counts["tokenizer.ggml.merges"] == 514_906
    assert calls(lambda: parse_header(io.BytesIO(data), len(data), "x")) < 1.1 * (262_144 + 514_906)
    assert len(header.tensors) == len(gguf_file.llama_tensors())


def test_headers_of_all_parts(gguf_file, tmp_path):
    g = gguf_file
    tensors = list(g.llama_tensors().items())
    for number in range(2):
        metadata = g.llama_metadata() if number == 0 else {}
        metadata |= {"split.no": (g.U16, number), "split.count": (g.U16, 2)}
        path = tmp_path / f"big-0000{number + 1}-of-00002.gguf"
        path.write_bytes(g.Writer().file(metadata, dict(tensors[number::2])))
    headers = read_model_headers(path)
    assert [header.architecture for header in headers] == ["llama", ""]
    assert {tensor.name for header in headers for tensor in header.tensors} == set(dict(tensors))
    assert len(read_model_headers(g.write_llama(tmp_path / "one.gguf"))) == 1


def test_a_projector_is_no_model_of_its_own(gguf_file, tmp_path):
    g = gguf_file
    path = tmp_path / "mmproj.gguf"
    for metadata in ({"general.architecture": (g.STRING, "clip")}, {"general.type": (g.STRING, "mmproj")}):
        path.write_bytes(g.Writer().file(metadata))
        assert is_companion(read_header(path))
