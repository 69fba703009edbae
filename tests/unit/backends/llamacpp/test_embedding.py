"""Embeddings, rerank and tokens of tiny random models: a llama with a KV cache, and BERTs without one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from paddock.backends.llamacpp.bindings import Model, library
from paddock.backends.llamacpp.embedding import Embedder
from paddock.backends.llamacpp.pooling import Limits
from paddock.sdk.errors import BadRequest, ContextOverflow, EngineError, ModelUnusable, PaddockError
from paddock.sdk.questions import (
    DetokenizeRequest,
    Embeddings,
    EmbedRequest,
    Input,
    PlainText,
    Question,
    Reply,
    RerankRequest,
    Scores,
    TokenIds,
    TokenizeRequest,
)

WIDTH, TRAINED = 32, 64
TEXTS = ("the cab", "Paris", "a bad bed in the deb", "e" * 40, "abc" * 9, "the Paris dad")


def write_bert(gguf_file: ModuleType, path: Path, *, rank: bool = False, **extra: Any) -> Path:
    """A BERT of random weights over the llama's vocabulary; with a classifier where it is to rank."""
    g = gguf_file
    random = np.random.default_rng(3)

    def weights(*shape: int) -> np.ndarray:
        return random.normal(0, 0.4, shape).astype(np.float32)

    metadata = {key: value for key, value in g.llama_metadata(None).items() if key.startswith("tokenizer.")}
    metadata |= {
        "general.architecture": (g.STRING, "bert"),
        "bert.block_count": (g.U32, 1),
        "bert.context_length": (g.U32, TRAINED),
        "bert.embedding_length": (g.U32, WIDTH),
        "bert.feed_forward_length": (g.U32, 48),
        "bert.attention.head_count": (g.U32, 2),
        "bert.attention.layer_norm_epsilon": (g.F32, 1e-5),
        "bert.attention.causal": (g.BOOL, False),
        "bert.pooling_type": (g.U32, 4 if rank else 1),
        "tokenizer.ggml.token_type_count": (g.U32, 1),
        "tokenizer.ggml.add_eos_token": (g.BOOL, True),
        **{key.replace("__", "."): value for key, value in extra.items()},
    }
    vocab = len(g.vocabulary()[0])
    tensors = {
        "token_embd.weight": weights(vocab, WIDTH), "token_types.weight": weights(1, WIDTH),
        "position_embd.weight": weights(TRAINED, WIDTH),
        "blk.0.attn_output.weight": weights(WIDTH, WIDTH),
        "blk.0.ffn_up.weight": weights(48, WIDTH), "blk.0.ffn_down.weight": weights(WIDTH, 48),
    }  # fmt: skip
    tensors |= {f"blk.0.attn_{part}.weight": weights(WIDTH, WIDTH) for part in "qkv"}
    for norm in ("token_embd_norm", "blk.0.attn_output_norm", "blk.0.layer_output_norm"):
        tensors |= {f"{norm}.weight": np.ones(WIDTH, np.float32), f"{norm}.bias": np.zeros(WIDTH, np.float32)}
    if rank:
        tensors |= {"cls.weight": weights(WIDTH, WIDTH), "cls.bias": weights(WIDTH)}
        tensors |= {"cls.output.weight": weights(1, WIDTH), "cls.output.bias": weights(1)}
    path.write_bytes(g.Writer().file(metadata, tensors))
    return path


class Asker:
    """A model with its embedder; ``ask`` waits for the answer."""

    def __init__(self, path: Path, **settings: Any) -> None:
        self.turn = threading.Lock()
        self.model = Model(library(), str(path), lambda params: None, lambda fraction: None)
        self.embedder = Embedder(self.model, self.turn, threads=1, **settings)

    def ask(self, question: Question) -> Reply:
        answers: queue.Queue[Reply | PaddockError] = queue.Queue()
        self.embedder.ask(question, answers.put)
        answer = answers.get(timeout=60)
        if isinstance(answer, PaddockError):
            raise answer
        return answer

    def embed(self, *inputs: Input, **fields: Any) -> np.ndarray:
        answer = self.ask(EmbedRequest(id="e", model="m", inputs=inputs, **fields))
        assert isinstance(answer, Embeddings)
        return np.array(answer.vectors)

    def scores(self, query: str, *documents: str) -> Scores:
        answer = self.ask(RerankRequest(id="r", model="m", query=query, documents=documents))
        assert isinstance(answer, Scores)
        return answer

    def tokens(self, text: str, **fields: Any) -> list[int]:
        answer = self.ask(TokenizeRequest(id="t", model="m", text=text, **fields))
        assert isinstance(answer, TokenIds)
        return list(answer.tokens)

    def close(self) -> None:
        self.embedder.close()
        self.model.close()


Open = Callable[..., Asker]


@pytest.fixture
def open_(gguf_file: ModuleType, tiny: Path, tmp_path: Path) -> Iterator[Open]:
    opened: list[Asker] = []

    def make(kind: str, settings: dict[str, Any] | None = None, **extra: Any) -> Asker:
        path = tiny
        if kind != "llama":
            path = write_bert(gguf_file, tmp_path / "bert.gguf", rank=kind == "rank", **extra)
        opened.append(Asker(path, **(settings or {})))
        return opened[-1]

    yield make
    for asker in opened:
        asker.close()


@pytest.mark.parametrize("kind", ["llama", "bert"])
@pytest.mark.parametrize("pooling", ["mean", "last", "cls"])
def test_batched_and_single_embeddings_are_the_same(open_: Open, kind: str, pooling: str) -> None:
    asker = open_(kind)
    batched = asker.embed(*TEXTS, pooling=pooling)
    single = np.concatenate([asker.embed(text, pooling=pooling) for text in TEXTS])
    assert np.linalg.norm(batched, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-5)
    assert (batched * single).sum(1).min() > 0.9999
    others = batched @ batched.T - 2 * np.eye(len(TEXTS))
    # every llama text begins with the same token, which sees nothing after it
    assert pooling == "cls" or others.max() < 0.9999


def test_more_texts_than_one_call_takes(open_: Open) -> None:
    texts = [f"{'abcde'[i % 5]} the {'bcd'[i % 3]}" for i in range(20)]
    narrow, wide = open_("llama", {"limits": Limits(sequences=3)}), open_("llama")
    assert (narrow.embed(*texts) * wide.embed(*texts)).sum(1).min() > 0.9999


def test_texts_and_their_tokens_mean_the_same(open_: Open) -> None:
    asker = open_("bert")
    ids = asker.tokens("the cab", add_special=True)
    assert asker.embed("the cab")[0] == pytest.approx(asker.embed(tuple(ids))[0], abs=1e-6)


def test_the_model_says_how_to_pool(open_: Open) -> None:
    asker = open_("bert")
    assert asker.embed("the cab")[0] == pytest.approx(asker.embed("the cab", pooling="mean")[0], abs=1e-6)
    assert asker.embed("the cab")[0] != pytest.approx(asker.embed("the cab", pooling="last")[0], abs=1e-3)


@pytest.mark.parametrize(("kind", "limit"), [("bert", TRAINED), ("llama", 300)])
def test_a_text_that_is_too_long_is_refused_before_the_call(open_: Open, kind: str, limit: int) -> None:
    asker = open_(kind, {"limits": Limits(tokens=300)})
    with pytest.raises(ContextOverflow, match=f"Text 1 has {limit + 1}") as caught:
        asker.embed("a", tuple([5] * (limit + 1)))
    assert caught.value.details == {"prompt_tokens": limit + 1, "context_length": limit}
    assert asker.embedder.bytes == 0
    assert len(asker.embed(tuple([5] * limit))) == 1


def test_the_context_grows_with_the_longest_text_and_is_counted(open_: Open) -> None:
    asker = open_("llama")
    asker.embed("a")
    small = asker.embedder.bytes
    short = asker.embed("the cab")
    assert asker.embedder.bytes == small > 0
    asker.embed(tuple([5] * 600))
    assert asker.embedder.bytes > small
    assert asker.embed("the cab")[0] == pytest.approx(short[0], abs=1e-5)


def test_the_context_is_freed_when_nobody_asks(open_: Open) -> None:
    asker = open_("llama", {"idle_s": 0.05})
    before = asker.embed("the cab")
    freed = threading.Event()
    for _ in range(3000):
        if asker.embedder.bytes == 0:
            freed.set()
            break
        freed.wait(0.02)
    assert freed.is_set()
    assert asker.embed("the cab")[0] == pytest.approx(before[0], abs=1e-6)


def test_documents_are_scored_each_for_itself(open_: Open) -> None:
    asker = open_("rank")
    whole = asker.scores("the cab", *TEXTS[:3])
    single = [asker.scores("the cab", text).scores[0] for text in TEXTS[:3]]
    assert whole.scores == pytest.approx(single, abs=1e-4)
    assert len(set(whole.scores)) == 3
    pieces = len(asker.tokens("the cab")) * 3 + sum(len(asker.tokens(text)) for text in TEXTS[:3])
    around = 3  # BOS, and EOS twice
    assert whole.prompt_tokens == pieces + 3 * around


def test_a_models_own_template_joins_query_and_document(open_: Open, gguf_file: ModuleType) -> None:
    template = "{document} a {query}"
    asker = open_("rank", tokenizer__chat_template__rerank=(gguf_file.STRING, template))
    assert asker.scores("the", "cab").prompt_tokens == len(asker.tokens("cab a the"))
    assert asker.scores("{document}", "cab").prompt_tokens == len(asker.tokens("cab a {document}"))


def test_models_are_not_asked_for_what_they_cannot_do(open_: Open) -> None:
    with pytest.raises(ModelUnusable, match="cannot rank"):
        open_("llama").scores("a", "b")
    ranker = open_("rank")
    with pytest.raises(ModelUnusable, match="ranks texts"):
        ranker.embed("a")
    assert ranker.embed("a", pooling="mean").shape == (1, WIDTH)


def test_an_encoder_is_loaded_for_embeddings_only(gguf_file: ModuleType, tmp_path: Path, driver: Any) -> None:
    report = driver.load(write_bert(gguf_file, tmp_path / "bert.gguf"))
    assert (report.context_length, report.chat_template) == (TRAINED, False)
    answers: queue.Queue[Any] = queue.Queue()
    driver.engine.ask(EmbedRequest(id="e", model="m", inputs=("the cab",)), answers.put)
    assert answers.get(timeout=60).dimensions == WIDTH
    failed = driver.start("hello").failed
    assert failed.error.code == "model_unusable"
    assert "makes embeddings" in failed.error.message


def test_tokens_there_and_back(open_: Open) -> None:
    asker = open_("llama")
    assert asker.tokens("</s>") == [2]
    assert len(asker.tokens("</s>", parse_special=False)) > 1
    assert asker.tokens("the", add_special=True) == [1, *asker.tokens("the")]
    back = asker.ask(DetokenizeRequest(id="d", model="m", tokens=tuple(asker.tokens("the Paris"))))
    assert isinstance(back, PlainText)
    assert back.text.strip() == "the Paris"


@pytest.mark.parametrize("token", [-1, 275, 2**40])
def test_tokens_outside_the_vocabulary_are_refused(open_: Open, token: int) -> None:
    asker = open_("llama")
    for question in (
        EmbedRequest(id="e", model="m", inputs=((1, token),)),
        DetokenizeRequest(id="d", model="m", tokens=(token,)),
    ):
        with pytest.raises(BadRequest, match=f"no token {token}"):
            asker.ask(question)


def test_the_engine_and_this_take_turns(open_: Open) -> None:
    asker = open_("llama")
    answers: queue.Queue[Any] = queue.Queue()
    with asker.turn:
        asker.embedder.ask(EmbedRequest(id="e", model="m", inputs=("a",)), answers.put)
        with pytest.raises(queue.Empty):
            answers.get(timeout=0.1)
    assert isinstance(answers.get(timeout=60), Embeddings)


def test_a_cancel_ends_a_question_before_its_next_call_and_close_answers_what_waits(open_: Open) -> None:
    asker = open_("llama", {"limits": Limits(sequences=1)})
    answers: queue.Queue[Any] = queue.Queue()
    with asker.turn:
        for name in ("first", "second"):
            asker.embedder.ask(EmbedRequest(id=name, model="m", inputs=("a",) * 50), answers.put)
        asker.embedder.cancel("nobody")
        asker.embedder.cancel("second")
        asker.embedder.cancel("first")
    for _ in range(2):
        with pytest.raises(EngineError, match="stopped"):
            raise answers.get(timeout=60)
    asker.embedder.close()
    with pytest.raises(EngineError, match="unloaded"):
        asker.embed("a")
