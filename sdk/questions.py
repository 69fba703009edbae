"""What a model is asked besides an answer in words: embeddings, relevance, tokens. One question, one reply.

``Question`` and ``Reply`` are closed unions of tagged values; the reply to a question of a kind is always of its kind.
"""

from __future__ import annotations

import array
import sys
from typing import Literal

from paddock.sdk.types import Request, Value

Pooling = Literal["mean", "cls", "last"]
"""How the vectors of a text's tokens become one."""
Input = str | tuple[int, ...]
"""A text, or the ids of its tokens."""


class EmbedRequest(Request, frozen=True, kw_only=True, tag_field="type", tag="embed"):
    """One vector for each of ``inputs``. ``pooling`` None takes the model's own."""

    id: str
    model: str
    inputs: tuple[Input, ...]
    pooling: Pooling | None = None


class RerankRequest(Request, frozen=True, kw_only=True, tag_field="type", tag="rerank"):
    """How well each of ``documents`` fits ``query``; for models that rank."""

    id: str
    model: str
    query: str
    documents: tuple[str, ...]


class TokenizeRequest(Request, frozen=True, kw_only=True, tag_field="type", tag="tokenize"):
    """The token ids of ``text``; ``add_special``: with what the model puts around a text (BOS, EOS);
    ``parse_special``: the texts of special tokens in it become those tokens."""

    id: str
    model: str
    text: str
    add_special: bool = False
    parse_special: bool = True


class DetokenizeRequest(Request, frozen=True, kw_only=True, tag_field="type", tag="detokenize"):
    """The text that ``tokens`` stand for."""

    id: str
    model: str
    tokens: tuple[int, ...]


class Embeddings(Value, frozen=True, kw_only=True, tag_field="type", tag="embeddings"):
    """``data``: the vectors one after the other, each ``dimensions`` little-endian float32 of length 1 together."""

    data: bytes
    dimensions: int
    prompt_tokens: int

    @property
    def vectors(self) -> list[list[float]]:
        """The vectors as numbers, in the order of the inputs."""
        values = array.array("f", self.data)
        if sys.byteorder == "big":
            values.byteswap()
        numbers = values.tolist()
        return [numbers[at : at + self.dimensions] for at in range(0, len(numbers), self.dimensions)]


class Scores(Value, frozen=True, kw_only=True, tag_field="type", tag="scores"):
    """The relevance of each document, in their order: the model's own number, higher is better."""

    scores: tuple[float, ...]
    prompt_tokens: int


class TokenIds(Value, frozen=True, kw_only=True, tag_field="type", tag="token_ids"):
    tokens: tuple[int, ...]


class PlainText(Value, frozen=True, kw_only=True, tag_field="type", tag="plain_text"):
    text: str


Question = EmbedRequest | RerankRequest | TokenizeRequest | DetokenizeRequest
Reply = Embeddings | Scores | TokenIds | PlainText
