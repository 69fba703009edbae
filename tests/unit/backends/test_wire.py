from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.backends import wire
from paddock.sdk.errors import BadRequest, ErrorInfo
from paddock.sdk.events import Cancelled, Failed, Finished, PromptProgress, TextDelta, ToolCallDelta
from paddock.sdk.questions import (
    DetokenizeRequest,
    Embeddings,
    EmbedRequest,
    PlainText,
    RerankRequest,
    Scores,
    TokenIds,
    TokenizeRequest,
)
from paddock.sdk.types import EngineStats, GenerateRequest, Message, Stats, Usage

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
counts = st.integers(0, 2**31)
values = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | words
options = st.dictionaries(words, values, max_size=4)
events = st.one_of(
    st.builds(TextDelta, id=words, text=words),
    st.builds(ToolCallDelta, id=words, index=counts, call_id=words, name=words, arguments=words),
    st.builds(PromptProgress, id=words, done=counts, total=counts, cached=counts),
    st.builds(Finished, id=words, usage=st.builds(Usage), stats=st.builds(Stats), reason=st.just("stop")),
    st.builds(
        Failed,
        id=words,
        error=st.builds(
            ErrorInfo, code=words, message=words, hint=words, details=st.dictionaries(words, values, max_size=3)
        ),
    ),
    st.builds(Cancelled, id=words),
)
messages = st.lists(st.builds(Message, role=st.sampled_from(["user", "system"]), content=words), max_size=3).map(tuple)
requests = st.builds(
    GenerateRequest,
    id=words,
    model=words,
    messages=messages,
    sampling=options,
    stop=st.tuples(words),
    max_tokens=counts,
)
names: dict[str, st.SearchStrategy[str]] = {"id": words, "model": words}
questions = st.one_of(
    st.builds(EmbedRequest, **names, inputs=st.lists(words | st.lists(counts).map(tuple), max_size=3).map(tuple)),
    st.builds(RerankRequest, **names, query=words, documents=st.tuples(words)),
    st.builds(TokenizeRequest, **names, text=words),
    st.builds(DetokenizeRequest, **names, tokens=st.tuples(counts)),
)
replies = st.one_of(
    st.builds(Embeddings, data=st.binary(max_size=50), dimensions=counts, prompt_tokens=counts),
    st.builds(Scores, scores=st.tuples(st.floats(allow_nan=False)), prompt_tokens=counts),
    st.builds(TokenIds, tokens=st.tuples(counts)),
    st.builds(PlainText, text=words),
)
to_worker = st.one_of(
    st.builds(wire.Load, factory=words, path=words, options=options),
    st.builds(wire.Submit, request=requests),
    st.builds(wire.Ask, question=questions),
    st.builds(wire.Cancel, request_id=words),
    st.just(wire.Close()),
    st.builds(wire.ProbeEngine, probe=words),
)
from_worker = st.one_of(
    st.builds(wire.Ready, pid=counts, wire=counts),
    st.builds(wire.LoadProgressed, fraction=st.floats(0, 1)),
    st.builds(wire.Emitted, event=events),
    st.builds(wire.Answered, id=words, reply=st.none() | replies),
    st.builds(wire.StatsReported, stats=st.builds(EngineStats, hits=counts, disk_bytes=counts)),
    st.builds(wire.LogLine, level=counts, logger=words, text=words),
)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    return [*pieces, data]


@given(st.lists(to_worker, max_size=5), st.lists(st.integers(0, 40), max_size=20))
def test_frames_to_the_worker_survive_any_cutting(frames: list[wire.Frame], sizes: list[int]) -> None:
    framer, unframer = wire.Framer(), wire.Unframer(wire.ToWorker)
    data = b"".join(framer.pack(frame) for frame in frames)
    assert [frame for piece in cut(data, sizes) for frame in unframer.feed(piece)] == frames
    unframer.finish()


@given(st.lists(from_worker, max_size=5), st.lists(st.integers(0, 40), max_size=20))
def test_frames_from_the_worker_survive_any_cutting(frames: list[wire.Frame], sizes: list[int]) -> None:
    framer, unframer = wire.Framer(), wire.Unframer(wire.FromWorker)
    data = b"".join(framer.pack(frame) for frame in frames)
    assert [frame for piece in cut(data, sizes) for frame in unframer.feed(piece)] == frames
    unframer.finish()


@given(st.binary(max_size=300), st.sampled_from([wire.ToWorker, wire.FromWorker]))
def test_noise_is_a_frame_damaged_or_nothing(data: bytes, union: object) -> None:
    unframer = wire.Unframer(union)
    try:
        unframer.feed(data)
        unframer.feed(struct.pack(">I", len(data)) + data)
    except wire.FrameDamaged:
        pass


@given(to_worker, st.integers(4, 4000), st.integers(0, 255))
def test_a_changed_byte_never_raises_anything_else(frame: wire.Frame, where: int, byte: int) -> None:
    data = bytearray(wire.Framer().pack(frame))
    data[where % (len(data) - 4) + 4] = byte
    try:
        wire.Unframer(wire.ToWorker).feed(bytes(data))
    except wire.FrameDamaged:
        pass


def test_a_long_announcement_is_refused_before_anything_is_kept() -> None:
    with pytest.raises(wire.FrameDamaged, match=r"4,294,967,295 bytes is announced"):
        wire.Unframer(wire.FromWorker).feed(b"\xff\xff\xff\xff")


def test_a_frame_of_the_other_direction_is_damage() -> None:
    with pytest.raises(wire.FrameDamaged):
        wire.Unframer(wire.FromWorker).feed(wire.Framer().pack(wire.Close()))


def test_deep_nesting_is_damage_and_no_recursion() -> None:
    body = b"\x82\xa5frame\xa4load\xa7options\x81\xa1a" + b"\x91" * 100_000 + b"\xc0"
    with pytest.raises(wire.FrameDamaged):
        wire.Unframer(wire.ToWorker).feed(struct.pack(">I", len(body)) + body)


def test_an_end_inside_a_frame_is_damage() -> None:
    unframer = wire.Unframer(wire.ToWorker)
    unframer.feed(wire.Framer().pack(wire.Close())[:-1])
    with pytest.raises(wire.FrameDamaged, match="in the middle"):
        unframer.finish()


@pytest.mark.parametrize("value", ["\ud800", 2**70, [[[]]] * 3])
def test_what_cannot_be_said_is_a_bad_request(value: object) -> None:
    frame = wire.Load(factory="a", path="b", options={"x": value})  # type: ignore[dict-item]
    if isinstance(value, list):
        assert wire.Framer().pack(frame)
        return
    with pytest.raises(BadRequest):
        wire.Framer().pack(frame)


def test_a_frame_over_the_limit_is_a_bad_request() -> None:
    with pytest.raises(BadRequest, match="too long"):
        wire.Framer(limit=10).pack(wire.Cancel(request_id="a" * 20))
