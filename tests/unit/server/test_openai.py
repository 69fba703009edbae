"""The public listener with the official client and with plain sockets."""

from __future__ import annotations

import json
import socket
import time

import openai
import pytest
from server_harness import DEADLINE_S, echo_model, until

HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
ASK = [{"role": "user", "content": "What is the capital of France?"}]


def test_models_are_listed_and_found_by_name(api):
    assert "test/paris" in [model.id for model in api.models.list()]
    assert api.models.retrieve("test/paris").owned_by == "test"
    with pytest.raises(openai.NotFoundError):
        api.models.retrieve("nobody/nothing")


def test_a_file_cannot_be_named_by_its_path(api, tmp_path):
    scripted = tmp_path / "private.echo.json"
    scripted.write_text('{"text": "secret"}')
    answers = set()
    for path in (scripted, tmp_path / "nothing.echo.json"):
        with pytest.raises(openai.NotFoundError) as caught:
            api.chat.completions.create(model=str(path), messages=ASK)
        answers.add(caught.value.body["message"].replace(str(path), "PATH"))
    assert len(answers) == 1


def test_a_long_model_name_is_not_echoed_whole(api):
    with pytest.raises(openai.NotFoundError) as caught:
        api.chat.completions.create(model="m" * 100_000, messages=ASK)
    assert len(caught.value.body["message"]) < 500


def test_a_whole_answer(api):
    answer = api.chat.completions.create(model="test/paris", messages=ASK)
    assert answer.choices[0].message.content == "The capital of France is Paris."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.usage.prompt_tokens_details.cached_tokens >= 0
    assert answer.timings["predicted_n"] == answer.usage.completion_tokens
    assert answer.stats["stop_reason"] == "stop"


def test_metrics_count_what_was_answered(api, web):
    api.chat.completions.create(model="test/paris", messages=ASK)
    until(lambda: _metric(web, "llamacpp:tokens_predicted_total") >= 6, "the answer is counted")
    assert _metric(web, "llamacpp:prompt_tokens_total") > 0
    assert web.get("/metrics").headers["content-type"].startswith("text/plain; version=0.0.4")


def _metric(web, name):
    lines = web.get("/metrics").text.splitlines()
    return sum(int(line.rpartition(" ")[2]) for line in lines if line.startswith(f'{name}{{model="test/paris"'))


def test_a_stream_with_usage(api):
    chunks = list(
        api.chat.completions.create(
            model="test/paris", messages=ASK, stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices).endswith("Paris.")
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens > 0
    assert len({chunk.id for chunk in chunks}) == 1


def test_whatever_a_model_writes_comes_whole_through_a_stream(api, shared):
    text = 'He said “no”.\n\t"q" \\ \u2028 \U0001f600 {"content":""}  data: [DONE] &lt;/s> \x00 \x7f end'
    thought = '"a" \\n b\n c'
    name = echo_model(shared.home.root, "odd", text=text, reasoning=thought, tokens_per_second=200)
    shared.post("/control/models/refresh", {})
    chunks = list(api.chat.completions.create(model=name, messages=ASK, stream=True))
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert "".join(delta.content or "" for delta in deltas) == text
    assert "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas) == thought
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({(chunk.id, chunk.model, chunk.created) for chunk in chunks}) == 1


def test_reasoning_comes_apart_from_the_text(api):
    answer = api.chat.completions.create(model="test/thinker", messages=ASK)
    assert answer.choices[0].message.content == "Four."
    assert answer.choices[0].message.reasoning_content.strip() == "Two and two."
    chunks = list(api.chat.completions.create(model="test/thinker", messages=ASK, stream=True))
    thought = "".join(getattr(c.choices[0].delta, "reasoning_content", None) or "" for c in chunks)
    assert thought.strip() == "Two and two."


def test_several_choices(api):
    answer = api.chat.completions.create(model="test/paris", messages=ASK, n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert {choice.message.content for choice in answer.choices} == {"The capital of France is Paris."}
    chunks = list(api.chat.completions.create(model="test/paris", messages=ASK, n=2, stream=True))
    for index in (0, 1):
        mine = [c.choices[0] for c in chunks if c.choices and c.choices[0].index == index]
        assert "".join(choice.delta.content or "" for choice in mine).endswith("Paris.")
        assert mine[-1].finish_reason == "stop"


def test_max_tokens_and_stop_are_obeyed(api):
    answer = api.chat.completions.create(model="test/paris", messages=ASK, max_tokens=2)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 2
    answer = api.chat.completions.create(model="test/paris", messages=ASK, stop=["France"])
    assert "France" not in answer.choices[0].message.content


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ({"temprature": 1}, "temperature"),
        ({"max_token": 1}, "max_tokens"),
        ({"response_format": {"type": "json_object"}}, "comes later"),
        ({"tool_choice": "required"}, "comes later"),
        ({"logprobs": True}, "comes later"),
        ({"n": 0}, "1 to 16"),
        ({"max_tokens": 0}, "from 1"),
        ({"temperature": "hot"}, "temperature"),
        ({"messages": []}, "empty"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "Message 0"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, "image_url"),
        ({"messages": [{"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}]}, "function_call"),
        ({"stream_options": {"include_usages": True}}, "include_usages"),
        ({"reasoning_effort": "huge"}, "huge"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "assistant, tool"),
        ({"messages": [{"role": "user"}]}, "no “content”"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "no “text”"),
        ({"tools": [{"type": "function", "function": {"name": 5}}]}, "Tool 0"),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]}, "Tool 0"),
        ({"logit_bias": {"": 1}}, "logit_bias"),
        ({"seed": 2**32}, "-1 to 4294967295"),
        ({"temperature": True}, "cannot be true"),
    ],
)
def test_what_cannot_be_done_is_refused_and_named(web, extra, says):
    body = {"model": "test/paris", "messages": ASK, **extra}
    for stream in (False, True):
        answer = web.post("/v1/chat/completions", json={**body, "stream": stream})
        assert answer.status_code == 400, answer.text
        error = answer.json()["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert error["type"] == "invalid_request_error"
        assert says in error["message"]


def test_fields_for_openais_own_servers_change_nothing(api):
    answer = api.chat.completions.create(
        model="test/paris", messages=ASK, user="me", metadata={"a": "b"}, store=False, seed=1, temperature=0.5
    )
    assert answer.choices[0].message.content.endswith("Paris.")


def test_an_answer_can_be_sent_back_as_it_came(api):
    first = api.chat.completions.create(model="test/paris", messages=ASK).choices[0].message
    messages = [*ASK, first.to_dict(), {"role": "user", "content": [{"type": "text", "text": "Sure?"}]}]
    assert api.chat.completions.create(model="test/paris", messages=messages).choices


def test_an_unknown_model_is_404(api):
    with pytest.raises(openai.NotFoundError) as caught:
        api.chat.completions.create(model="nobody/nothing", messages=ASK)
    assert caught.value.body["code"] == "model_not_found"


def test_a_worker_that_dies_in_a_stream_is_an_error_event(web):
    with web.stream(
        "POST", "/v1/chat/completions", json={"model": "test/dying", "messages": ASK, "stream": True}
    ) as answer:
        data = [line.removeprefix("data: ") for line in answer.iter_lines() if line.startswith("data: ")]
    assert data[-1] == "[DONE]"
    assert "SIGSEGV" in json.loads(data[-2])["error"]["message"]


def exchange(port: int, request: bytes, host: str = "127.0.0.1") -> bytes:
    with socket.create_connection((host, port), timeout=DEADLINE_S) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("stream", [True, False])
def test_closing_the_connection_frees_the_slot(shared, port, stream):
    body = json.dumps({"model": "test/slow", "messages": ASK, "stream": stream}).encode()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        until(lambda: any(m["active"] for m in shared.get("/control/loaded")), "the request to be running")
    until(lambda: not shared.get("/control/generations"), "the generation to end")
    until(lambda: all(m["active"] == m["queued"] == 0 for m in shared.get("/control/loaded")), "the slot to be free")


@pytest.mark.parametrize("name", ["evil.example", "evil.example:5151", "127.0.0.1.evil.example", "", "0.0.0.0"])
def test_a_foreign_host_header_is_refused(port, name):
    answer = exchange(port, b"GET /v1/models HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % name.encode())
    assert b" 403 " in answer.split(b"\r\n")[0]
    assert b'"error"' in answer


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:80"])
def test_names_of_this_machine_are_served_on_both_families(port, name):
    request = b"GET /health HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % name.encode()
    assert b" 200 " in exchange(port, request).split(b"\r\n")[0]
    if socket.has_ipv6:
        assert b" 200 " in exchange(port, request, "::1").split(b"\r\n")[0]


def test_a_page_of_another_origin_is_refused_and_gets_no_cors(web):
    answer = web.post(
        "/v1/chat/completions",
        json={"model": "test/paris", "messages": ASK},
        headers={"Origin": "https://evil.example"},
    )
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"model": "x", "messages": "\xff"}', "not UTF-8: byte 28"),
        (b'{"model": "x", "temperature": 1e999}', "too large"),
        (b'{"model": "x", "temperature": NaN}', "not valid JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"", "empty"),
        (b"null", "JSON object"),
    ],
)
def test_a_body_that_is_no_json_says_what_is_wrong_with_it(web, body, says):
    answer = web.post("/v1/chat/completions", content=body)
    assert answer.status_code == 400
    assert says in answer.json()["error"]["message"]


def test_head_is_answered_like_get_without_a_body(port):
    for path in ("/health", "/v1/models"):
        request = f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        head, _, body = exchange(port, request.encode()).partition(b"\r\n\r\n")
        assert b" 200 " in head.split(b"\r\n")[0]
        assert body == b""


def test_a_route_that_is_not_there_is_named(web):
    answer = web.post("/v1/messages", json={"max_tokens": 1})
    assert answer.status_code == 404
    assert "/v1/messages" in answer.json()["error"]["message"]


def test_a_client_that_leaves_in_the_middle_of_its_request_is_no_bug(shared, port):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{")
    assert b" 200 " in exchange(port, HEALTH)
    assert "a request failed" not in (shared.home.logs / "host.log").read_text()


def test_the_number_of_requests_reaches_clients_at_most_once_a_second(shared, port):
    wanted = shared.get("/control/server")["requests"] + 40
    with shared.client("window") as window:
        stream = shared.events("GET", "/control/events", client=window)
        assert next(stream)["type"] == "snapshot"
        began = time.monotonic()
        for _ in range(40):
            exchange(port, HEALTH)
        told = [0]
        while told[-1] < wanted:
            event = next(stream)
            if event["type"] == "server_changed":
                told.append(event["status"]["requests"])
        stream.close()
    assert len(told) - 1 <= time.monotonic() - began + 2


def test_broken_http_does_not_hurt_the_server(port, api):
    exchange(port, b"\x16\x03\x01 not http at all\r\n\r\n")
    exchange(port, b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n")
    assert api.models.list().data


def test_the_server_moves_stays_when_it_cannot_move_and_goes_off(host):
    port = host.serve()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        other = taken.getsockname()[1]
        answer = host.http.post("/control/server", json={"running": True, "port": other, "strict_port": True})
        assert answer.status_code == 409
        assert f"Port {other}" in answer.json()["error"]["message"]
        assert f"Port {other}" in host.get("/control/server")["error"]
        assert b" 200 " in exchange(port, HEALTH)
        moved = host.post("/control/server", {"running": True, "port": other})
        assert moved["port"] > other
        assert moved["error"] is None
    with pytest.raises(OSError):
        exchange(port, HEALTH)
    assert b" 200 " in exchange(moved["port"], HEALTH)
    assert host.post("/control/server", {"running": False})["urls"] == []
    with pytest.raises(OSError):
        exchange(moved["port"], HEALTH)


@pytest.mark.parametrize("address", ["bad host", "127.0.0.1:80", "http://localhost"])
def test_what_is_no_address_is_said_before_keys_are_asked_for(shared, address):
    answer = shared.http.post("/control/server", json={"running": True, "host": address, "port": 0})
    assert answer.status_code == 400
    assert "no address" in answer.json()["error"]["message"]


def test_other_machines_are_let_in_only_with_a_key(start):
    closed = start().ready()
    answer = closed.http.post("/control/server", json={"running": True, "host": "0.0.0.0", "port": 0})
    assert answer.status_code == 400
    assert "PADDOCK_API_KEY" in answer.json()["error"]["hint"]
    assert closed.end() == 0
    host = start(env={"PADDOCK_API_KEY": "secret"}).ready()
    port = host.serve(host="0.0.0.0")
    assert host.get("/control/server")["key_required"] is True
    assert b" 200 " in exchange(port, HEALTH)
    request = b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n%s\r\n"
    assert b" 401 " in exchange(port, request % b"")
    assert b" 401 " in exchange(port, request % b"Authorization: Bearer Secret\r\n")
    assert b" 200 " in exchange(port, request % b"Authorization: Bearer secret\r\n")
    assert "secret" not in (host.home.logs / "host.log").read_text()
