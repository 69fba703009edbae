"""Damaged, lying and hostile headers: a sentence for every one, within bounds of memory and time, and nothing else."""

from __future__ import annotations

import contextlib
import io
import random
import struct
import tracemalloc
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from work_counter import calls

from paddock.browser.gguf import Header, parse_header, read_header, read_model_headers
from paddock.browser.gguf_cursor import Incomplete
from paddock.browser.library import Library
from paddock.browser.stores import StorePlace
from paddock.sdk.errors import ModelUnusable
from paddock.sdk.units import bytes_text

MUTATIONS = 100_000


@pytest.fixture(scope="module")
def tiny(gguf_file, tmp_path_factory) -> Path:
    return gguf_file.write_llama(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


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
    assert f"100 kB of {bytes_text(len(data))} are missing" in error.message
    assert error.hint == "Download it again."


@pytest.mark.parametrize(("version", "hint"), [(4, "Update"), (0, "Download it again"), (65_535, "Update")])
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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=300)
@given(edits=st.lists(st.tuples(st.integers(4, 9000), st.integers(0, 255)), min_size=1, max_size=6))
def test_no_damage_makes_the_reader_fail_otherwise(tiny, tmp_path, edits):
    data = bytearray(tiny.read_bytes())
    for place, value in edits:
        data[place] = value
    path = tmp_path / "x.gguf"
    path.write_bytes(data)
    with contextlib.suppress(ModelUnusable):
        assert isinstance(read_header(path), Header)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=300)
@given(data=st.binary(max_size=300))
def test_no_bytes_make_the_reader_fail_otherwise(tmp_path, data):
    path = tmp_path / "x.gguf"
    path.write_bytes(b"GGUF\x03\0\0\0" + data)
    with contextlib.suppress(ModelUnusable):
        assert isinstance(read_header(path), Header)


def word(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def tensor(name: str = "t", shape: tuple[int, ...] = (32,), kind: int = 0, offset: int = 0) -> bytes:
    return word(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def header(*entries: bytes, tensors: tuple[bytes, ...] = (), data: int = 4096) -> bytes:
    counts = struct.pack("<IQQ", 3, len(tensors), len(entries))
    return b"GGUF" + counts + b"".join(entries) + b"".join(tensors) + bytes(data)


NUMBER = struct.pack("<II", 4, 1)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (header(tensors=(tensor("a"), tensor("a", offset=128))), "two of its tensors have the same name"),
        (header(tensors=(tensor("a"), tensor("b", offset=64))), "two of its tensors overlap"),
        (header(tensors=(tensor("b", offset=64), tensor("a"))), "two of its tensors overlap"),
        (header(tensors=(tensor(shape=(32, 0)),)), "impossible shape"),
        (header(tensors=(tensor(shape=(2**62, 2**62)),)), "impossible shape"),
        (header(tensors=(tensor(shape=(1, 1, 1, 1, 1)),)), "5 dimensions"),
        (header(tensors=(tensor(offset=7),)), "impossible place"),
        (header(tensors=(tensor(shape=(33,), kind=8),)), "rows of one of its tensors"),
        (header(tensors=(tensor(kind=77),)), "unknown type (77)"),
        (header(tensors=(tensor("x" * 256),)), "too long"),
        (header(tensors=(tensor(shape=(2**40,)),)), "not complete"),
        (header(tensors=(tensor(offset=2**40),)), "not complete"),
        (header(word("k") + NUMBER, word("k") + NUMBER), "entries have the same name"),
        (header(word("general.alignment") + struct.pack("<II", 4, 24)), "power of two"),
        (header(word("general.alignment") + struct.pack("<If", 6, 32.0)), "power of two"),
        (header(word("general.alignment") + struct.pack("<IB", 7, 1)), "power of two"),
        (header(word("a") + struct.pack("<IIQ", 9, 9, 1) + struct.pack("<IQ", 0, 0)), "a list of lists"),
        (header(word("a") + struct.pack("<IIQ", 9, 0, 2**30)), "in the middle of its header"),
        (header(word("a") + struct.pack("<IQ", 8, 2**30)), "in the middle of its header"),
        (header(word("a") + struct.pack("<I", 13)), "unknown type 13"),
        (header(word("a") + struct.pack("<IIQ", 9, 8, 2**22)), "too long"),
        (header(word("tokenizer.chat_template") + struct.pack("<IQ", 8, 2**23)), "too long"),
        (b"GGUF" + struct.pack("<IQQ", 3, 65_537, 0) + bytes(999), "claims to have 65,537 tensors"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 16_385) + bytes(999), "claims to have 16,385 entries"),
    ],
)  # fmt: skip
def test_lies_by_name(data, sentence):
    claimed = 2**40 if sentence == "too long" else len(data)
    with pytest.raises(ModelUnusable) as refused:
        parse_header(io.BytesIO(data), claimed, "x.gguf")
    assert sentence in refused.value.message
    assert refused.value.hint


def test_tensors_may_leave_room_between_them():
    data = header(tensors=(tensor("a"), tensor("b", offset=256)))
    assert len(parse_header(io.BytesIO(data), len(data), "x").tensors) == 2


def test_an_unknown_type_is_no_reason_to_hide_a_model(tmp_path):
    path = tmp_path / "x.gguf"
    path.write_bytes(header(tensors=(tensor(kind=77),)))
    assert read_header(path, tensors=False).parameters == 32


@pytest.mark.parametrize(("order", "version", "words"), [("<", 1, "newer conversion"), (">", 3, "big-endian")])
def test_the_library_says_what_no_engine_here_loads(gguf_file, tmp_path, order, version, words):
    data = gguf_file.Writer(order, version).file(gguf_file.llama_metadata(), gguf_file.llama_tensors())
    (tmp_path / "old.gguf").write_bytes(data)
    (info,) = Library([StorePlace(tmp_path, "folder", "")], {".gguf": "llamacpp"}, None).refresh()
    assert words in (info.error or "")
    assert info.architecture == "llama"


def test_parts_that_do_not_belong_together(gguf_file, tmp_path):
    g = gguf_file
    paths = [tmp_path / f"big-0000{number}-of-00002.gguf" for number in (1, 2)]
    split = {"split__count": (g.U16, 2)}
    g.write_llama(paths[0], split__no=(g.U16, 0), **split)
    with pytest.raises(ModelUnusable, match="Part 2 of 2 of big is missing"):
        read_model_headers(paths[0])
    g.write_llama(paths[1], split__no=(g.U16, 0), **split)
    with pytest.raises(ModelUnusable, match="do not go together"):
        read_model_headers(paths[0])
    g.write_llama(alone := tmp_path / "alone.gguf", **split)
    with pytest.raises(ModelUnusable, match="do not go together"):
        read_model_headers(alone)


# ---------------------------------------------------------------- bounds


def outcome(data: bytes, claimed: int) -> Header | ModelUnusable | Incomplete:
    try:
        return parse_header(io.BytesIO(data), claimed, "x.gguf", available=len(data))
    except (ModelUnusable, Incomplete) as refused:
        return refused


def many_keys() -> bytes:
    return header(*(word(f"{number:05}" + "k" * 350) + NUMBER for number in range(16_384)))


def many_arrays() -> bytes:
    wide = struct.pack("<IIQ", 9, 12, 65_536) + struct.pack("<d", 1.1) * 65_536
    return header(*(word(f"a{number}") + wide for number in range(40)))


def many_texts() -> bytes:
    text = struct.pack("<IQ", 8, 65_536) + ("x" * 65_532 + "\N{GRINNING FACE}").encode()
    return header(*(word(f"t{number}") + text for number in range(200)))


def long_template() -> bytes:
    return header(word("tokenizer.chat_template") + struct.pack("<IQ", 8, 2**22) + b"\xff" * 2**22)


def many_tensors() -> bytes:
    order = range(65_535, -1, -1)
    tensors = (tensor(f"{number:05}" + "n" * 100, (1, 1, 1, 1), 0, number * 32) for number in order)
    return header(tensors=tuple(tensors), data=65_536 * 32)


def many_strings() -> bytes:
    return header(word("s") + struct.pack("<IIQ", 9, 8, 2**21), data=2**24)


def long_strings() -> bytes:
    return header(word("s") + struct.pack("<IIQ", 9, 8, 2**20) + word("x" * 60) * 2**20)


LARGE = [many_keys, many_arrays, many_texts, long_template, many_tensors]


@pytest.mark.parametrize("make", [*LARGE, many_strings, long_strings])
def test_the_most_expensive_headers_cost_no_more_than_their_length(make):
    data = make()
    assert calls(lambda: outcome(data, len(data))) < len(data) // 6


@pytest.mark.parametrize("make", LARGE)
def test_the_largest_headers_stay_within_their_memory(make):
    file = io.BytesIO(data := make())
    tracemalloc.start()
    with contextlib.suppress(ModelUnusable):
        parse_header(file, len(data), "x")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * 10**6


# ---------------------------------------------------------------- 100,000 mutations


def small_headers(g) -> list[bytes]:
    """What is mutated: few words, but every kind of value, several tensors, all versions and orders."""
    kinds = {f"x.{kind}": (kind, 1) for kind in g.FORMATS}
    metadata = kinds | {
        "general.architecture": (g.STRING, "llama"),
        "general.alignment": (g.U32, 32),
        "llama.attention.head_count_kv": (g.ARRAY, (g.I32, [8, 4, 8])),
        "llama.mask": (g.ARRAY, (g.BOOL, [1, 0])),
        "tokenizer.ggml.tokens": (g.ARRAY, (g.STRING, ["a", "bc", "def", ""])),
        "tokenizer.ggml.scores": (g.ARRAY, (g.F32, [0.0] * 4)),
        "tokenizer.chat_template": (g.STRING, "{{ messages }}"),
    }
    tensors = {"token_embd.weight": np.ones((4, 8)), "blk.0.attn_q.weight": np.ones((8, 8)), "norm": np.ones(8)}
    return [g.Writer(order, version).file(metadata, tensors) for order in "<>" for version in (1, 2, 3)]


BAD_NUMBERS = [0, 1, 7, 9, 31, 255, 2**16, 2**20, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63, 2**64 - 1]


def mutate(data: bytes, others: list[bytes], luck: random.Random) -> bytes:
    mutant = bytearray(data)
    for _ in range(luck.choice((1, 1, 1, 2, 4, 9))):
        at = luck.randrange(4, max(5, min(len(mutant), 1100)))
        how = luck.randrange(6)
        if how == 0 and at < len(mutant):
            mutant[at] ^= 1 << luck.randrange(8)
        elif how == 1:
            value = luck.choice(BAD_NUMBERS)
            width = luck.choice((4, 8))
            order = luck.choice(("little", "big"))
            mutant[at : at + width] = (value % 2 ** (8 * width)).to_bytes(width, order)
        elif how == 2:
            del mutant[at:]
        elif how == 3:
            other = luck.choice(others)
            start = luck.randrange(len(other))
            mutant[at:] = other[start:]
        elif how == 4:
            mutant[at:at] = mutant[luck.randrange(at) : at]
        else:
            del mutant[at : at + luck.randrange(1, 40)]
    return bytes(mutant)


def test_100_000_mutated_headers_are_read_or_refused(gguf_file):
    bases = small_headers(gguf_file)
    luck = random.Random(2026)
    outcomes = Counter()
    most = 0.0
    for number in range(MUTATIONS):
        data = mutate(bases[number % len(bases)], bases, luck)
        claimed = len(data) if number % 3 else 2**40
        found = outcome(data, claimed)
        if number % 10 == 0:
            most = max(most, calls(partial(outcome, data, claimed)) / len(data))
        outcomes[type(found)] += 1
        if isinstance(found, Header):
            assert found.data_end <= claimed
            assert all(0 < tensor.size <= found.data_end for tensor in found.tensors)
        elif isinstance(found, ModelUnusable):
            assert "x.gguf" in found.message
            assert found.hint
        else:
            assert claimed > len(data)
            assert len(data) < found.needed <= found.likely
    assert most < 30, "calls for a byte"
    assert outcomes[Header] > MUTATIONS // 20, "the mutations are too rude to tell anything"
    assert outcomes[ModelUnusable] > MUTATIONS // 4, "the mutations are too gentle to tell anything"
