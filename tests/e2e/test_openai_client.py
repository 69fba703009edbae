"""The public API with the official client, and its stream read byte by byte."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
from held_answers import Gate

from paddock.sdk.host import ServerRequest

CAPITALS = {
    "France": "Paris", "Italy": "Rome", "Spain": "Madrid", "Germany": "Berlin", "Japan": "Tokyo",
    "Portugal": "Lisbon", "Austria": "Vienna", "Greece": "Athens", "Norway": "Oslo", "Egypt": "Cairo",
}  # fmt: skip


@pytest.fixture(scope="module")
def port(shared) -> Iterator[int]:
    with shared.client() as client:
        yield client.set_server(ServerRequest(running=True, port=0)).port


@pytest.fixture
def api(port: int) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="unused", max_retries=0) as client:
        yield client


def ask(country: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"What is the capital of {country}?"}]


def test_models_are_listed(api):
    assert "paddock/starter" in [model.id for model in api.models.list()]


def test_a_whole_answer_has_text_and_usage(api):
    answer = api.chat.completions.create(model="paddock/starter", messages=ask("France"), temperature=0)
    assert "Paris" in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.usage.completion_tokens > 0


def test_a_stream_has_its_usage_last(api):
    chunks = list(
        api.chat.completions.create(
            model="paddock/starter",
            messages=[{"role": "user", "content": "Count from 1 to 20."}],
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert re.findall(r"\d+", "".join(pieces)) == [str(number) for number in range(1, 21)]
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens > 0


def test_a_piece_is_sent_before_the_answer_has_ended(api, shared):
    gate = Gate(shared.home.models, "pieces")
    with shared.client() as client:
        client.refresh_models()
    stream = api.chat.completions.create(model=gate.id, messages=ask("France"), stream=True)
    first = next(piece for chunk in stream if (piece := chunk.choices[0].delta.content))
    gate.open()
    rest = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert len(first.split()) <= 3
    assert (first + rest).split() == ["one", "two", "three", "four", "five", "six"]


def test_a_tool_call_arrives_as_a_tool_call(api):
    tool = {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Current weather in a city.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
    answer = api.chat.completions.create(
        model="paddock/starter",
        messages=[{"role": "user", "content": "What is the weather in Paris?"}],
        tools=[tool],
        temperature=0,
    )
    [call] = answer.choices[0].message.tool_calls
    assert answer.choices[0].finish_reason == "tool_calls"
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "Paris"}


def test_an_unknown_field_is_refused_with_a_suggestion(api):
    with pytest.raises(openai.BadRequestError, match="temperature"):
        api.chat.completions.create(model="paddock/starter", messages=ask("France"), extra_body={"temprature": 1})


def test_an_unknown_model_is_404(api):
    with pytest.raises(openai.NotFoundError):
        api.chat.completions.create(model="nobody/nothing", messages=ask("France"))


def test_a_prompt_longer_than_the_context_names_both_numbers(api):
    with pytest.raises(openai.BadRequestError) as caught:
        api.chat.completions.create(
            model="paddock/starter", messages=[{"role": "user", "content": "one two three four " * 3000}]
        )
    assert len(re.findall(r"\d[\d,]*", str(caught.value.body["message"]))) >= 2


def raw(port: int, body: bytes, path: str = "/v1/chat/completions") -> tuple[bytes, bytes]:
    """Head and body of one HTTP exchange over a plain socket."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(
            b"POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (path.encode(), port, len(body), body)
        )
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, rest = received.partition(b"\r\n\r\n")
    return head, rest


def test_the_stream_is_well_formed_sse(port):
    body = json.dumps({"model": "paddock/starter", "messages": ask("France"), "stream": True}).encode()
    head, rest = raw(port, body)
    assert b"text/event-stream" in head.lower()
    text = re.sub(rb"\r\n?[0-9a-fA-F]+\r\n|^[0-9a-fA-F]+\r\n", b"", rest).decode()
    events = [event for event in text.split("\n\n") if event.strip() and not event.startswith(":")]
    assert events[-1].strip() == "data: [DONE]"
    for event in events[:-1]:
        assert event.startswith("data: ")
        assert json.loads(event.removeprefix("data: "))["object"] == "chat.completion.chunk"


def test_invalid_json_is_a_400_with_a_sentence(port):
    head, rest = raw(port, b'{"model": "paddock/starter", "messages": [')
    assert b" 400 " in head.split(b"\r\n")[0]
    assert json.loads(rest[rest.index(b"{") : rest.rindex(b"}") + 1])["error"]["message"]


def test_forty_concurrent_chats_finish_and_ten_closed_connections_free_their_slots(shared, port):
    def answer(number: int) -> tuple[str, str]:
        country, capital = list(CAPITALS.items())[number % len(CAPITALS)]
        with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="unused", max_retries=0) as client:
            reply = client.chat.completions.create(model="paddock/starter", messages=ask(country), temperature=0)
        return capital, reply.choices[0].message.content or ""

    def give_up(number: int) -> int:
        with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="unused", max_retries=0) as client:
            stream = client.chat.completions.create(
                model="paddock/starter",
                messages=[{"role": "user", "content": "Count from 1 to 100."}],
                stream=True,
            )
            for _ in stream:
                stream.close()
                return number
        return -1

    with ThreadPoolExecutor(40) as threads:
        closed = [threads.submit(give_up, number) for number in range(10)]
        answers = [threads.submit(answer, number) for number in range(30)]
        for future in answers:
            capital, text = future.result(timeout=240)
            assert capital in text
        assert sorted(future.result(timeout=240) for future in closed) == list(range(10))
    with shared.client() as client:
        shared.until(
            lambda: all((model.active, model.queued) == (0, 0) for model in client.loaded()), "all slots to be free"
        )
        shared.until(lambda: client.generations() == [], "the host to know of it")


def test_a_prompt_as_text_is_continued_and_read_only_once(api):
    prompt = "The capital of France is Paris. The capital of Italy is"
    first, second = (
        api.completions.create(model="paddock/starter", prompt=prompt, max_tokens=4, temperature=0) for _ in range(2)
    )
    assert first.object == "text_completion"
    assert first.choices[0].text == second.choices[0].text
    assert 0 < first.usage.completion_tokens <= 4
    assert second.usage.prompt_tokens_details.cached_tokens == first.usage.prompt_tokens - 1
    assert second.timings["prompt_n"] == 1


def test_a_token_outside_the_vocabulary_is_refused(api):
    assert api.completions.create(model="paddock/starter", prompt=[5, 6], max_tokens=1).usage.prompt_tokens == 2
    with pytest.raises(openai.BadRequestError, match="token 99999999"):
        api.completions.create(model="paddock/starter", prompt=[1, 99999999])


def test_embeddings_of_a_chat_model(api):
    texts = ["The capital of France is Paris.", "Paris is the capital of France.", "one two three four five six"]
    answer = api.embeddings.create(model="paddock/starter", input=texts)
    first, second, third = (item.embedding for item in answer.data)

    def cosine(one: list[float], other: list[float]) -> float:
        return sum(a * b for a, b in zip(one, other, strict=True))

    assert cosine(first, first) == pytest.approx(1, abs=1e-5)
    assert cosine(first, second) > cosine(first, third)
    assert answer.usage.prompt_tokens > 10


def test_a_chat_model_does_not_rank(port):
    body = {"model": "paddock/starter", "query": "x", "documents": ["y"]}
    head, rest = raw(port, json.dumps(body).encode(), "/v1/rerank")
    assert b" 422 " in head.split(b"\r\n")[0]
    assert b"cannot rank" in rest


def test_tokens_there_and_back(port):
    prompt = "The capital of France is"
    _, rest = raw(port, json.dumps({"model": "paddock/starter", "content": prompt}).encode(), "/tokenize")
    tokens = json.loads(rest)["tokens"]
    _, rest = raw(port, json.dumps({"model": "paddock/starter", "tokens": tokens}).encode(), "/detokenize")
    assert json.loads(rest)["content"].strip() == prompt
