"""Embeddings, rerank and tokens: what a model is asked besides an answer in words.

Pooling is fixed per context, so vectors come from a second context on the same weights. It is made at the first
question, grows with the longest input, computes on a thread of its own, in turns with the engine's, and is freed when
nobody has asked for a while.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import assert_never

from paddock.backends.base import Answered
from paddock.backends.llamacpp.bindings import Model
from paddock.backends.llamacpp.bugs import told
from paddock.backends.llamacpp.pooling import Limits, PoolingContext, Row, Vector
from paddock.sdk.errors import BadRequest, ContextOverflow, EngineError, ModelUnusable, PaddockError
from paddock.sdk.questions import (
    CandidatesRequest,
    ContextRequest,
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

IDLE_S = 300.0
"""So long the context stays after the last question."""
CALL_TOKENS = 512
"""Short texts share a call up to so many tokens: more would hold up the engine's answers and gain little."""
_YIELD_S = 0.001
_POOLINGS = {"mean": 1, "cls": 2, "last": 3, "rank": 4}
_MODEL_POOLINGS = {"1": "mean", "2": "cls", "3": "last", "4": "rank"}


class Embedder:
    """Answers questions about ``model``; any thread may ask.

    Args:
        model: Must outlive this object: close it first.
        turn: Held while this side computes or makes its context, so that the engine does not at the same moment.
        threads: To compute with.
        limits: Of texts, before the model's own.
        idle_s: Seconds after the last question until the context is freed.
    """

    def __init__(
        self, model: Model, turn: threading.Lock, *, threads: int, limits: Limits | None = None, idle_s: float = IDLE_S
    ) -> None:
        self._model = model
        self._turn = turn
        self._threads = threads
        self._limits = (limits or Limits()).within(model)
        self._idle_s = idle_s
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Question, Answered]] = deque()
        self._cancelled: set[str] = set()
        self._current = ""
        self._closing = False
        self._shedding = False
        self._resized: Callable[[], None] = lambda: None
        self._context: PoolingContext | None = None
        self._thread: threading.Thread | None = None

    @property
    def longest(self) -> int:
        """Tokens of the longest text that is taken."""
        return self._limits.tokens

    @property
    def bytes(self) -> int:
        """What the context takes now."""
        context = self._context
        return 0 if context is None else context.size_bytes

    def watch(self, resized: Callable[[], None]) -> None:
        """``resized`` is called, on any thread, whenever :attr:`bytes` has changed."""
        self._resized = resized

    def ask(self, question: Question, answered: Answered) -> None:
        """Queue ``question``; returns at once. ``answered`` is called once, from this object's thread."""
        with self._changed:
            if self._closing:
                answered(EngineError("The model is being unloaded.", hint="Load it again."))
                return
            self._waiting.append((question, answered))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="embed", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def cancel(self, question_id: str) -> None:
        """End a question before its next batch; unknown ids are ignored."""
        with self._changed:
            if question_id == self._current or any(q.id == question_id for q, _ in self._waiting):
                self._cancelled.add(question_id)

    def shed(self) -> None:
        """Free the context as soon as nobody is asking."""
        with self._changed:
            self._shedding = True
            self._changed.notify_all()

    def close(self) -> None:
        """Answer what waits with an error and free the context; blocks."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    # ------------------------------------------------------------ its own thread

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._has_news, self._idle_s if self._context else None)
                if self._closing or not self._waiting:
                    self._shedding = False
                    self._free()
                if self._closing:
                    break
                if not self._waiting:
                    continue
                question, answered = self._waiting.popleft()
                self._current = question.id
            answered(self._answer(question))
            with self._changed:
                self._current = ""
                self._cancelled.discard(question.id)
        for _, answered in self._waiting:
            answered(EngineError("The model was unloaded before it could answer.", hint="Ask again."))

    def _has_news(self) -> bool:
        return bool(self._closing or self._waiting or self._shedding)

    def _free(self) -> None:
        context, self._context = self._context, None
        if context is not None:
            context.close()
            self._resized()

    def _answer(self, question: Question) -> Reply | PaddockError:
        try:
            match question:
                case EmbedRequest():
                    return self._embeddings(question)
                case RerankRequest():
                    return self._scores(question)
                case TokenizeRequest():
                    return TokenIds(tokens=tuple(self._tokens_of(question)))
                case DetokenizeRequest():
                    known = self._known(question.tokens)
                    text = b"".join(self._model.piece(token, special=True) for token in known)
                    return PlainText(text=text.decode("utf-8", "replace"))
                case CandidatesRequest() | ContextRequest():
                    raise AssertionError(question)  # the engine answers these with its context
                case _:
                    assert_never(question)
        except Exception as error:  # noqa: BLE001 - a bug must end this question, not the thread
            return told(error)

    def _embeddings(self, question: EmbedRequest) -> Embeddings:
        import numpy as np

        own = self._own_pooling()
        if question.pooling is None and own == "rank":
            raise ModelUnusable("This model ranks texts; it makes no embeddings.", hint="Choose an embedding model.")
        rows = [self._input(number, given) for number, given in enumerate(question.inputs)]
        vectors = np.stack(self._compute(question.id, rows, question.pooling or own or "mean"))
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors /= np.where(lengths > 0, lengths, 1)
        return Embeddings(
            data=vectors.astype("<f4").tobytes(), dimensions=vectors.shape[1], prompt_tokens=sum(map(len, rows))
        )

    def _scores(self, question: RerankRequest) -> Scores:
        if self._own_pooling() != "rank":
            raise ModelUnusable("This model cannot rank texts.", hint="Choose a reranker.")
        rows = [self._pair(question.query, document) for document in question.documents]
        outputs = self._compute(question.id, rows, "rank")
        return Scores(scores=tuple(float(output[0]) for output in outputs), prompt_tokens=sum(map(len, rows)))

    def _own_pooling(self) -> str | None:
        return _MODEL_POOLINGS.get(self._model.metadata(f"{self._model.architecture}.pooling_type"))

    # ------------------------------------------------------------ tokens

    def _input(self, number: int, given: Input) -> Row:
        tokens = self._model.tokenize(given, add_special=True) if isinstance(given, str) else self._known(given)
        if not tokens:
            raise BadRequest(f"Input {number} is empty.", hint="Give it at least one token.", field="input")
        return tokens

    def _known(self, tokens: Sequence[int]) -> Row:
        last = self._model.n_vocab - 1
        for token in tokens:
            if not 0 <= token <= last:
                raise BadRequest(f"There is no token {token}.", hint=f"The model's tokens go from 0 to {last}.")
        return list(tokens)

    def _tokens_of(self, question: TokenizeRequest) -> Row:
        if question.parse_special:
            return self._model.tokenize(question.text, add_special=question.add_special)
        return self._plain(question.text, add_special=question.add_special)

    def _plain(self, text: str, *, add_special: bool = False) -> Row:
        """The tokens of ``text``, in which the text of a special token is only text."""
        api, data = self._model.lib.api, text.encode("utf-8", "replace")
        room = len(data) + 16
        tokens = (api.llama_token * room)()
        count = api.llama_tokenize(self._model.vocab, data, len(data), tokens, room, add_special, False)
        if count < 0:
            raise EngineError("The text could not be turned into tokens.", hint="It may be far too long.")
        return list(tokens[:count])

    def _pair(self, query: str, document: str) -> Row:
        """Query and document as the model was trained to read them: by its template, or between separators."""
        model, api = self._model, self._model.lib.api
        template = api.llama_model_chat_template(model.handle, b"rerank")
        if template:
            text = template.decode("utf-8", "replace")
            # In one pass: a query may hold the placeholder of the document.
            before, _, after = text.partition("{document}")
            return model.tokenize(
                before.replace("{query}", query) + document + after.replace("{query}", query), add_special=False
            )
        eos, separator = int(api.llama_vocab_eos(model.vocab)), int(api.llama_vocab_sep(model.vocab))
        end = [eos if eos >= 0 else separator] if model.add_eos else []
        between = [separator] if api.llama_vocab_get_add_sep(model.vocab) else []
        begin = [int(api.llama_vocab_bos(model.vocab))] if model.add_bos else []
        return [*begin, *self._plain(query), *end, *between, *self._plain(document), *end]

    # ------------------------------------------------------------ vectors

    def _compute(self, question_id: str, rows: Sequence[Row], pooling: str) -> list[Vector]:
        """The pooled output of each row, in their order. Raises ContextOverflow before anything is computed."""
        longest = max(map(len, rows))
        if longest > self._limits.tokens:
            number = next(i for i, row in enumerate(rows) if len(row) > self._limits.tokens)
            raise ContextOverflow(
                f"Text {number} has {len(rows[number]):,} tokens; this model reads {self._limits.tokens:,} at once.",
                hint="Split it into shorter texts.",
                prompt_tokens=len(rows[number]),
                context_length=self._limits.tokens,
            )
        vectors: list[Vector] = []
        context = self._ready(longest, pooling)
        for batch in _batches(rows, min(context.tokens, CALL_TOKENS), context.sequences):
            if question_id in self._cancelled or self._closing:
                raise EngineError("The question was stopped.", hint="Ask again.")
            with self._turn:
                vectors += context.compute(batch)
            # A lock is not fair: without a pause the engine, which waits for it, might never get it.
            threading.Event().wait(_YIELD_S)
        return vectors

    def _ready(self, longest: int, pooling: str) -> PoolingContext:
        context = self._context
        if context is None or context.pooling != pooling or context.tokens < longest:
            with self._turn:
                self._free()
                context = self._context = PoolingContext(
                    self._model, pooling, _POOLINGS[pooling], self._limits, longest, self._threads
                )
            self._resized()
        return context


def _batches(rows: Sequence[Row], tokens: int, sequences: int) -> list[list[Row]]:
    """As many rows at once as fit, each whole, in their order."""
    batches: list[list[Row]] = []
    for row in rows:
        last = batches[-1] if batches else None
        if last and len(last) < sequences and sum(map(len, last)) + len(row) <= tokens:
            last.append(row)
        else:
            batches.append([row])
    return batches
