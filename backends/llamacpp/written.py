"""Answers as the tokens they were written in: their text does not always split into the same tokens again, and then
the next turn would find a shorter prefix than there is."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from paddock.sdk.types import Message

_ANCHOR = 16
_MOST_TOKENS = 1_000_000


class Tokenizer(Protocol):
    """A model's vocabulary (:class:`paddock.backends.llamacpp.bindings.Model`), or one that knows more."""

    @property
    def add_eos(self) -> bool: ...

    def tokenize(self, text: str, *, add_special: bool) -> list[int]: ...

    def is_control(self, token: int) -> bool: ...


class _Answer(NamedTuple):
    anchor: str
    text: str
    tokens: tuple[int, ...]


class WrittenAnswers:
    """The answers of one model since its load, the last million tokens of them. Any thread."""

    def __init__(self, most_tokens: int = _MOST_TOKENS) -> None:
        self._answers: OrderedDict[str, _Answer] = OrderedDict()
        self._most = most_tokens
        self._count = 0
        self._lock = threading.Lock()

    def remember(self, prompt_end: str, content: str, text: bytes, tokens: Iterable[int]) -> None:
        """``tokens`` spelled ``text`` behind a prompt that ended in ``prompt_end``; people see it as ``content``."""
        try:
            answer = _Answer(prompt_end[-_ANCHOR:], text.decode(), tuple(tokens))
        except UnicodeDecodeError:
            return  # it was cut inside a character, so that no later text can contain it
        key = content.strip()
        with self._lock:
            if key and answer.anchor:
                self._forget(key)
                self._answers[key] = answer
                self._count += len(answer.tokens)
            while self._count > self._most:
                self._forget(next(iter(self._answers)))

    def tokenize(self, model: Tokenizer, prompt: str, messages: Iterable[Message]) -> list[int]:
        """``prompt``, the rendered ``messages``, in tokens; answers that are known in their own."""
        tokens: list[int] = []
        at = 0
        for message in () if model.add_eos else messages:  # pieces would each get an end
            answer = self._find(message.content.strip()) if message.role == "assistant" else None
            if answer is None:
                continue
            found = prompt.find(answer.anchor + answer.text, at)
            end = found + len(answer.anchor) + len(answer.text)
            if found < 0 or not self._separate(model, prompt[end : end + 64]):
                continue
            tokens += model.tokenize(prompt[at : found + len(answer.anchor)], add_special=not tokens)
            tokens += answer.tokens
            at = end
        return tokens + model.tokenize(prompt[at:], add_special=not tokens)

    def _separate(self, model: Tokenizer, rest: str) -> bool:
        """Whether ``rest`` begins with a token of the template: text would be split differently together with what is
        before it."""
        following = model.tokenize(rest, add_special=False)
        return bool(following) and model.is_control(following[0])

    def _find(self, key: str) -> _Answer | None:
        with self._lock:
            answer = self._answers.get(key)
            if answer is not None:
                self._answers.move_to_end(key)
            return answer

    def _forget(self, key: str) -> None:
        answer = self._answers.pop(key, None)
        if answer is not None:
            self._count -= len(answer.tokens)
