"""Replies of the Echo engine: worked out from the text alone, the same each time."""

from __future__ import annotations

import hashlib
import math
import struct
from typing import assert_never

from paddock.backends.echo.sequence import VOCABULARY, known, words
from paddock.sdk.questions import (
    Candidates,
    CandidatesRequest,
    ContextRequest,
    ContextUse,
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

DIMENSIONS = 8


def reply_to(question: Question, context_length: int) -> Reply:
    """Raises BadRequest for a token that there is none of."""
    match question:
        case EmbedRequest():
            data = b"".join(_vector(given) for given in question.inputs)
            return Embeddings(data=data, dimensions=DIMENSIONS, prompt_tokens=sum(map(_length, question.inputs)))
        case RerankRequest():
            query = set(words(question.query))
            scores = tuple(float(len(query & set(words(document)))) for document in question.documents)
            lengths = sum(len(words(question.query)) + len(words(document)) for document in question.documents)
            return Scores(scores=scores, prompt_tokens=lengths)
        case TokenizeRequest():
            return TokenIds(tokens=tuple(map(_token, words(question.text))))
        case DetokenizeRequest():
            return PlainText(text=" ".join(map(str, known(question.tokens))))
        case CandidatesRequest():
            return _candidates(question)
        case ContextRequest():
            counts = tuple(len(words(message.content)) for message in question.messages)
            return ContextUse(tokens=sum(counts), context_length=context_length, messages=counts)
        case _:
            assert_never(question)


def _candidates(question: CandidatesRequest) -> Candidates:
    """Words of the prompt, each less likely than the one before."""
    given = question.prompt if question.prompt is not None else " ".join(m.content for m in question.messages)
    said = words(given) if isinstance(given, str) else [str(token) for token in known(given)]
    texts = list(dict.fromkeys(said))[: question.top]
    return Candidates(
        tokens=tuple(map(_token, texts)),
        texts=tuple(texts),
        logits=struct.pack(f"<{len(texts)}f", *(-float(place) for place in range(len(texts)))),
        rest_logits=b"",
        rest_counts=b"",
        recent=tuple(map(_token, said)),
        recent_texts=tuple(said),
        prompt_tokens=len(said),
    )


def _vector(given: Input) -> bytes:
    """Numbers from the digest of the text, brought to length 1."""
    text = given if isinstance(given, str) else " ".join(map(str, known(given)))
    numbers = [byte - 127.5 for byte in hashlib.sha256(text.encode()).digest()[:DIMENSIONS]]
    length = math.sqrt(sum(number * number for number in numbers))
    return struct.pack(f"<{DIMENSIONS}f", *(number / length for number in numbers))


def _length(given: Input) -> int:
    return len(words(given)) if isinstance(given, str) else len(given)


def _token(word: str) -> int:
    """Its own number for a word of digits, else one from its digest."""
    if word.strip().isdecimal() and int(word) < VOCABULARY:
        return int(word)
    return int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") % VOCABULARY
