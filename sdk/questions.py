"""What a model is asked besides an answer in words: embeddings, relevance, tokens. One question, one reply.

``Question`` and ``Reply`` are closed unions of tagged values; the reply to a question of a kind is always of its kind.
"""

from __future__ import annotations

import array
import sys
from typing import Literal

from paddock.sdk.types import Message, Request, Value

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


class CandidatesRequest(Request, frozen=True, kw_only=True, tag_field="type", tag="candidates"):
    """What could come next after ``messages`` (as a chat template puts them; with ``go_on`` inside the last answer) or
    after ``prompt``: the ``top`` likeliest tokens, before any sampler. ``private`` keeps what was read for it out of
    the store on disk."""

    id: str
    model: str
    messages: tuple[Message, ...] = ()
    prompt: str | tuple[int, ...] | None = None
    go_on: bool = False
    reasoning: bool | None = None
    private: bool = False
    top: int = 512


class ContextRequest(Request, frozen=True, kw_only=True, tag_field="type", tag="context"):
    """How much of the context ``messages`` take, one by one."""

    id: str
    model: str
    messages: tuple[Message, ...]
    reasoning: bool | None = None


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


class Candidates(Value, frozen=True, kw_only=True, tag_field="type", tag="candidates"):
    """The likeliest next tokens, the likeliest first. ``logits``: one little-endian float32 each, as the model gave
    them. All other tokens of the vocabulary are told by groups of nearly equal logits, the highest first:
    ``rest_logits`` (float32, the mean of each group) and ``rest_counts`` (uint32, little-endian too), so that
    probabilities over the whole vocabulary can be worked out at every temperature. ``recent`` are the last tokens
    before, the oldest first, with their texts, for penalties; ``end_tokens`` would end the answer."""

    tokens: tuple[int, ...]
    texts: tuple[str, ...]
    logits: bytes
    rest_logits: bytes
    rest_counts: bytes
    recent: tuple[int, ...] = ()
    recent_texts: tuple[str, ...] = ()
    end_tokens: tuple[int, ...] = ()
    prompt_tokens: int = 0


class ContextUse(Value, frozen=True, kw_only=True, tag_field="type", tag="context"):
    """``tokens`` of the whole prompt as the template puts it, of ``context_length``; ``messages`` is what each message
    adds, in their order (the first one with what the template puts before it)."""

    tokens: int
    context_length: int
    messages: tuple[int, ...]


Question = EmbedRequest | RerankRequest | TokenizeRequest | DetokenizeRequest | CandidatesRequest | ContextRequest
Reply = Embeddings | Scores | TokenIds | PlainText | Candidates | ContextUse
