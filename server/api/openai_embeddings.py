"""Embeddings as OpenAI has them; rerank, tokenize and detokenize as llama-server has them."""

from __future__ import annotations

import array
import base64
import math
import sys
import uuid
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec
from litestar import post

from paddock.sdk.questions import (
    DetokenizeRequest,
    Embeddings,
    EmbedRequest,
    PlainText,
    Pooling,
    Question,
    Reply,
    RerankRequest,
    Scores,
    TokenIds,
    TokenizeRequest,
)
from paddock.server.api.bodies import decode
from paddock.server.api.openai_answers import Answer, Asked, json_answer
from paddock.server.api.openai_fields import texts_or_ids, wrong
from paddock.server.api.questions import reply

if TYPE_CHECKING:
    from paddock.sdk.types import ModelInfo
    from paddock.server.host import Host

MAX_INPUTS = 2048
R = TypeVar("R", bound=Reply)


class EmbeddingBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``pooling`` is llama.cpp's; ``user`` changes nothing here."""

    model: str
    input: str | list[str | int | list[int]]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None
    pooling: Pooling | None = None
    user: str | None = None


class Document(msgspec.Struct, frozen=True):
    text: str


class RerankBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    model: str
    query: str
    documents: list[str | Document]
    top_n: int | None = None
    return_documents: bool = False


class TokenizeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    content: str
    model: str | None = None
    add_special: bool = False
    parse_special: bool = True


class DetokenizeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    tokens: list[int]
    model: str | None = None


class EmbeddingsApi:
    """Each method is one route; all run on the host's loop."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def routes(self) -> list[Any]:
        return [
            post("/v1/embeddings", status_code=200)(self.embeddings),
            post("/v1/rerank", status_code=200)(self.rerank),
            post("/tokenize", status_code=200)(self.tokenize),
            post("/detokenize", status_code=200)(self.detokenize),
        ]

    async def embeddings(self, request: Asked) -> Answer:
        body = decode(await request.body(), EmbeddingBody)
        given = tuple(texts_or_ids("input", body.input, MAX_INPUTS))
        model = await self._model(body.model)
        question = EmbedRequest(id=_id("embd"), model=body.model, inputs=given, pooling=body.pooling)
        found = await self._ask(request, model, question, Embeddings)
        vectors = shortened(found, body.dimensions)
        shown = [base64.b64encode(_bytes(vector)).decode() for vector in vectors] \
            if body.encoding_format == "base64" else vectors  # fmt: skip
        data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(shown)]
        return json_answer({"object": "list", "data": data, "model": model.id, "usage": _usage(found)})

    async def rerank(self, request: Asked) -> Answer:
        body = decode(await request.body(), RerankBody)
        texts = tuple(item if isinstance(item, str) else item.text for item in body.documents)
        if not texts:
            raise wrong("documents", "“documents” is empty.", "Send at least one text.")
        if body.top_n is not None and body.top_n < 1:
            raise wrong("top_n", f"“top_n” cannot be {body.top_n}.", "It takes a whole number from 1.")
        model = await self._model(body.model)
        question = RerankRequest(id=_id("rerank"), model=body.model, query=body.query, documents=texts)
        found = await self._ask(request, model, question, Scores)
        best = sorted(range(len(texts)), key=lambda index: -found.scores[index])[: body.top_n]
        results = [
            {"index": index, "relevance_score": found.scores[index]}
            | ({"document": {"text": texts[index]}} if body.return_documents else {})
            for index in best
        ]
        return json_answer({"object": "list", "model": model.id, "usage": _usage(found), "results": results})

    async def tokenize(self, request: Asked) -> Answer:
        body = decode(await request.body(), TokenizeBody)
        model = await self._model(body.model)
        question = TokenizeRequest(
            id=_id("tok"),
            model=body.model or model.id,
            text=body.content,
            add_special=body.add_special,
            parse_special=body.parse_special,
        )
        found = await self._ask(request, model, question, TokenIds)
        return json_answer({"tokens": found.tokens})

    async def detokenize(self, request: Asked) -> Answer:
        body = decode(await request.body(), DetokenizeBody)
        model = await self._model(body.model)
        question = DetokenizeRequest(id=_id("tok"), model=body.model or model.id, tokens=tuple(body.tokens))
        found = await self._ask(request, model, question, PlainText)
        return json_answer({"content": found.text})

    async def _model(self, name: str | None) -> ModelInfo:
        """The model called ``name``; without a name the one that is loaded."""
        if name is None:
            loaded = self._host.models.loaded()
            if len(loaded) != 1:
                raise wrong("model", f"The field “model” is missing, and {len(loaded)} models are loaded.", "Name one.")
            name = loaded[0].model
        return await self._host.models.find(name, paths=False)

    async def _ask(self, request: Asked, model: ModelInfo, question: Question, kind: type[R]) -> R:
        return msgspec.convert(await reply(self._host, request, model, question, "api"), kind)


def shortened(found: Embeddings, dimensions: int | None) -> list[list[float]]:
    """The first ``dimensions`` numbers of each vector, brought back to length 1. Raises BadRequest."""
    if dimensions is None or dimensions == found.dimensions:
        return found.vectors
    if not 1 <= dimensions < found.dimensions:
        raise wrong("dimensions", f"“dimensions” cannot be {dimensions}.", f"It takes 1 to {found.dimensions}.")
    cut = [vector[:dimensions] for vector in found.vectors]
    lengths = [math.hypot(*vector) or 1.0 for vector in cut]
    return [[number / length for number in vector] for vector, length in zip(cut, lengths, strict=True)]


def _bytes(vector: list[float]) -> bytes:
    values = array.array("f", vector)
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


def _usage(found: Embeddings | Scores) -> dict[str, int]:
    return {"prompt_tokens": found.prompt_tokens, "total_tokens": found.prompt_tokens}


def _id(kind: str) -> str:
    return f"{kind}-{uuid.uuid4().hex}"
