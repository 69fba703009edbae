"""The control protocol without a wire: what is asked, how answers and streams are read."""

from __future__ import annotations

import subprocess
import sys
from itertools import accumulate, cycle, pairwise, takewhile

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.sdk import protocol
from paddock.sdk.asking import Gathering, conversation, question
from paddock.sdk.errors import BadRequest, ErrorInfo, HostUnavailable, ModelNotFound, PaddockError
from paddock.sdk.events import Failed, Finished, ReasoningDelta, TextDelta, ToolCallDelta
from paddock.sdk.protocol import EventReader, SseParser, UnknownEventWarning
from paddock.sdk.types import Message, Stats, Usage

STREAM = (
    b"\xef\xbb\xbf: beat\n\n"
    b"data: one\n\n"
    b"event: x\r\nid: 7\r\ndata: two\r\ndata:  three\r\n\r\n"
    b"data\rdata:four\r\r"
    b": beat\r\n\r\nretry: 5\n\n"
    b"data: f\xc3\xbcnf \xe2\x80\x9c:\xe2\x80\x9d\n\n"
    b"data: incomplete\n"
)
EVENTS = [b"one", b"two\n three", b"\nfour", "fünf “:”".encode()]
FINISHED = msgspec.json.encode(Finished(id="r", usage=Usage(), stats=Stats(), reason="stop"))


def parsed(chunks: list[bytes]) -> list[bytes]:
    parser = SseParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


def test_line_ends_comments_and_many_data_lines_are_understood():
    assert parsed([STREAM]) == EVENTS


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.sampled_from([b"\n", b"\r", b"\r\n"]))
def test_any_split_gives_the_same_events(sizes, line_end):
    stream = STREAM.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", line_end)
    for whole in (STREAM, stream):
        steps = takewhile(len(whole).__gt__, accumulate(cycle(sizes)))
        places = [0, *steps, len(whole)]
        assert parsed([whole[a:b] for a, b in pairwise(places)]) == EVENTS


def test_byte_by_byte_gives_the_same_events():
    assert parsed([bytes([byte]) for byte in STREAM]) == EVENTS


def test_an_endless_line_is_refused(monkeypatch):
    monkeypatch.setattr(protocol, "MAX_EVENT_BYTES", 1000)
    parser = SseParser()
    parser.feed(b"x" * 999)
    with pytest.raises(HostUnavailable):
        parser.feed(b"xx")


def reader():
    return EventReader(protocol.attach("r"))


def test_an_event_of_an_unknown_type_is_skipped_with_a_warning():
    events = reader()
    with pytest.warns(UnknownEventWarning, match="thought_bubble"):
        assert events.feed(b'data: {"type":"thought_bubble","id":"r"}\n\n') == []
    assert events.feed(b'data: {"type":"text_delta","id":"r","text":"a","new":1}\n\n') == [TextDelta(id="r", text="a")]


@pytest.mark.parametrize("data", [b"garbage", b'{"type":"text_delta","id":"r"}', b'{"id":"r"}', b"[]", b"\xff"])
def test_an_unreadable_event_is_an_error_with_a_sentence(data):
    with pytest.raises(HostUnavailable, match="cannot be read"):
        reader().feed(b"data: " + data + b"\n\n")


def test_nothing_follows_the_ending():
    events = reader()
    got = events.feed(b"data: " + FINISHED + b"\n\ndata: garbage\n\n")
    assert [type(event) for event in got] == [Finished]
    assert events.ended
    events.finish()


def test_a_stream_without_its_ending_is_an_error():
    events = reader()
    events.feed(b'data: {"type":"text_delta","id":"r","text":"a"}\n\n')
    with pytest.raises(HostUnavailable, match="closed"):
        events.finish()


def test_errors_of_the_host_come_back_as_themselves():
    details = {"message": "kept", "near": ["y"]}
    body = ErrorInfo(code="model_not_found", message="No model “x”.", hint="Did you mean “y”?", details=details)
    with pytest.raises(ModelNotFound) as caught:
        protocol.decode(protocol.models(), 404, msgspec.json.encode({"error": body}))
    assert caught.value.sentence() == "No model “x”. Did you mean “y”?"
    assert caught.value.details == details


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": "no"}'])
def test_an_error_without_explanation_names_its_status(body):
    with pytest.raises(PaddockError, match="502"):
        protocol.decode(protocol.models(), 502, body)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a": 1}', b"[1]"])
def test_an_answer_that_is_something_else_is_an_error_with_a_sentence(body):
    with pytest.raises(HostUnavailable, match="cannot be read"):
        protocol.decode(protocol.models(), 200, body)


def test_ids_with_slashes_stay_one_part_of_the_path():
    assert protocol.unload("a/b:Q4 K").path == "/control/loaded/a%2Fb%3AQ4%20K"


def test_an_answer_is_gathered_from_its_events():
    gathering = Gathering("m")
    assert gathering.add(ReasoningDelta(id="r", text="hm ")) is None
    gathering.add(ReasoningDelta(id="r", text="yes"))
    gathering.add(TextDelta(id="r", text="a"))
    gathering.add(ToolCallDelta(id="r", index=1, call_id="c2", name="g", arguments="{}"))
    gathering.add(ToolCallDelta(id="r", index=0, call_id="c1", name="f", arguments='{"x"'))
    gathering.add(ToolCallDelta(id="r", index=0, arguments=":1}"))
    gathering.add(TextDelta(id="r", text="b"))
    whole = gathering.add(Finished(id="r", usage=Usage(prompt_tokens=3), stats=Stats(ttft_s=0.5), reason="tool_calls"))
    assert whole is not None
    assert (whole.model, whole.text, whole.reasoning, whole.stop_reason) == ("m", "ab", "hm yes", "tool_calls")
    assert [(call.id, call.name, call.arguments) for call in whole.tool_calls] == [
        ("c1", "f", '{"x":1}'),
        ("c2", "g", "{}"),
    ]
    assert whole.usage.prompt_tokens == 3


def test_a_failed_answer_raises_what_failed():
    with pytest.raises(ModelNotFound):
        Gathering("m").add(Failed(id="r", error=ModelNotFound("no").info()))


def test_a_prompt_may_be_text_a_message_or_a_conversation():
    user = Message(role="user", content="hi")
    assert conversation("hi") == conversation(user) == conversation([{"role": "user", "content": "hi"}]) == (user,)
    assert conversation("hi", "be brief")[0] == Message(role="system", content="be brief")


def test_options_that_are_none_are_left_to_the_model():
    request = question("hi", model="m", stop="END", sampling={"temperature": 0.0, "seed": None})
    assert request.sampling == {"temperature": 0.0}
    assert request.stop == ("END",)
    assert request.id != question("hi", model="m", sampling={}).id


def test_text_that_is_not_unicode_is_refused_with_a_sentence():
    with pytest.raises(BadRequest, match="UTF-8"):
        protocol.generate(question("a\udcff", model="m", sampling={}))


TWO_THREADS = """
import sys, threading
import msgspec
from paddock.sdk.protocol import Call, decode
sys.setswitchinterval(1e-6)
for number in range(150):
    inner = msgspec.defstruct(f"Inner{number}", [(f"a{n}", "list[int] | None", None) for n in range(12)])
    outer = msgspec.defstruct(f"Outer{number}", [("inner", inner), *((f"b{n}", "dict[str, int]") for n in range(12))])
    body = b'{"inner": {}' + b"".join(b', "b%d": {}' % n for n in range(12)) + b"}"
    start = threading.Barrier(3)
    def read():
        start.wait()
        decode(Call(method="GET", path="/", answer=outer), 200, body)
    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
"""


def test_threads_that_read_a_type_for_the_first_time_at_once_do_not_end_the_process():
    done = subprocess.run([sys.executable, "-c", TWO_THREADS], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
