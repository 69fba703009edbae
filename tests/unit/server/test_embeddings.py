"""Embeddings, rerank, tokenize and detokenize, with the official client where it has them."""

from __future__ import annotations

import math
import socket

import openai
import pytest
from server_harness import DEADLINE_S, until


def length(vector: list[float]) -> float:
    return math.hypot(*vector)


def test_one_vector_for_each_input_in_their_order(api):
    answer = api.embeddings.create(model="test/paris", input=["one two", "three", "one two"])
    first, second, third = (item.embedding for item in answer.data)
    assert [item.index for item in answer.data] == [0, 1, 2]
    assert first == third != second
    assert len(first) == 8
    assert length(first) == pytest.approx(1, abs=1e-6)
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens, answer.model) == (5, 5, "test/paris")


def test_base64_and_numbers_say_the_same(api):
    for given in ("one", [1, 2], [[1, 2], [3]]):
        as_bytes = api.embeddings.create(model="test/paris", input=given)  # the client asks for base64 by itself
        as_numbers = api.embeddings.create(model="test/paris", input=given, encoding_format="float")
        for ours, theirs in zip(as_bytes.data, as_numbers.data, strict=True):
            assert ours.embedding == pytest.approx(theirs.embedding, abs=1e-7)


def test_fewer_dimensions_are_brought_back_to_length_one(api):
    whole, short = (
        api.embeddings.create(model="test/paris", input="x", dimensions=n).data[0].embedding for n in (8, 3)
    )
    assert len(short) == 3
    assert length(short) == pytest.approx(1, abs=1e-6)
    assert [number * length(whole[:3]) for number in short] == pytest.approx(whole[:3], abs=1e-6)


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ({"input": []}, "empty"),
        ({"input": ["a", ""]}, "empty"),
        ({"input": ["a", 1]}, "mixes"),
        ({"input": ["a"] * 2049}, "2,049"),
        ({"input": [1000]}, "no token 1000"),
        ({"dimensions": 9}, "1 to 8"),
        ({"dimensions": 0}, "1 to 8"),
        ({"encoding_format": "int8"}, "encoding_format"),
        ({"pooling": "median"}, "pooling"),
        ({"dimension": 3}, "dimensions"),
    ],
)
def test_embeddings_that_cannot_be_made_are_refused_and_named(web, extra, says):
    answer = web.post("/v1/embeddings", json={"model": "test/paris", "input": "hi", **extra})
    assert answer.status_code == 400, answer.text
    assert says in answer.json()["error"]["message"]


def test_an_unknown_model_is_404(api):
    with pytest.raises(openai.NotFoundError):
        api.embeddings.create(model="nobody/nothing", input="x")


def test_documents_come_back_best_first(web):
    body = {
        "model": "test/paris", "query": "Paris is big", "documents": ["London", {"text": "Paris is big"}, "Paris"],
    }  # fmt: skip
    answer = web.post("/v1/rerank", json=body).json()
    assert [result["index"] for result in answer["results"]] == [1, 2, 0]
    assert [result["relevance_score"] for result in answer["results"]] == [3.0, 1.0, 0.0]
    assert answer["usage"] == {"prompt_tokens": 14, "total_tokens": 14}
    answer = web.post("/v1/rerank", json={**body, "top_n": 1, "return_documents": True}).json()
    assert answer["results"] == [{"index": 1, "relevance_score": 3.0, "document": {"text": "Paris is big"}}]


@pytest.mark.parametrize(
    ("extra", "says"), [({"documents": []}, "empty"), ({"top_n": 0}, "from 1"), ({"quer": 1}, "query")]
)
def test_ranking_that_cannot_be_done_is_refused(web, extra, says):
    answer = web.post("/v1/rerank", json={"model": "test/paris", "query": "x", "documents": ["y"], **extra})
    assert answer.status_code == 400
    assert says in answer.json()["error"]["message"]


def test_tokens_there_and_back(web):
    tokens = web.post("/tokenize", json={"model": "test/paris", "content": "7 8"}).json()["tokens"]
    assert tokens == [7, 8]
    assert web.post("/detokenize", json={"model": "test/paris", "tokens": tokens}).json() == {"content": "7 8"}
    assert web.post("/detokenize", json={"model": "test/paris", "tokens": [1000]}).status_code == 400


def test_the_only_loaded_model_needs_no_name(host, start):
    import httpx2

    port = host.serve()
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=DEADLINE_S, verify=False) as web:
        refused = web.post("/tokenize", json={"content": "7"})
        assert refused.status_code == 400
        assert "0 models are loaded" in refused.json()["error"]["message"]
        web.post("/v1/embeddings", json={"model": "test/paris", "input": "x"})
        assert web.post("/tokenize", json={"content": "7"}).json() == {"tokens": [7]}


def test_leaving_takes_the_question_back(shared, port):
    body = b'{"model": "test/hanging", "input": "x"}'
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(
            b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        until(lambda: any(m["active"] for m in shared.get("/control/loaded")), "the question to be asked")
    until(lambda: not any(m["active"] for m in shared.get("/control/loaded")), "the question to be taken back")
