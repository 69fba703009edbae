"""A request from its arrival to its ending."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from paddock.backends.base import Emit
from paddock.backends.llamacpp.answer import Answer, Timing
from paddock.backends.llamacpp.logits import Row
from paddock.backends.llamacpp.picture_encoder import PictureEncoder
from paddock.backends.llamacpp.preparing import Prompt
from paddock.backends.llamacpp.samplers import SamplerChain
from paddock.backends.llamacpp.sequence import Sequence
from paddock.backends.llamacpp.written import WrittenAnswers
from paddock.sdk.errors import PaddockError
from paddock.sdk.events import Failed, PromptProgress
from paddock.sdk.types import GenerateRequest, Options, Stats

Look = Callable[[Row, Sequence], None]
"""Called on the engine's thread with a copy of a row of logits and the sequence that it follows."""


@dataclass(eq=False, slots=True)
class Job:
    """``prompt`` or ``error`` is there once it was prepared, ``sequence`` and what follows once it was taken up by the
    engine's thread. ``retuned`` is sampling to go on with. With ``look`` nothing is written: it is shown the logits
    behind the prompt, and the job ends. ``position`` is the last one published of its place in the queue; ``text`` are
    the bytes written so far; ``read`` are the tokens of its prompt that were last told. ``stops``: a text may end it;
    ``longest``: so many tokens do, with the prompt."""

    request: GenerateRequest
    emit: Emit
    order: int
    timing: Timing = field(default_factory=Timing)
    prompt: Prompt | None = None
    error: PaddockError | None = None
    sequence: Sequence | None = None
    answer: Answer | None = None
    chain: SamplerChain | None = None
    position: int | None = None
    text: bytearray = field(default_factory=bytearray)
    drafted: int = 0
    accepted: int = 0
    read: int = -1
    retuned: Options | None = None
    look: Look | None = None
    stops: bool = False
    longest: int = 0

    def stats(self) -> Stats:
        evaluated = self.sequence.n_prompt - self.sequence.cached if self.sequence is not None else 0
        return self.timing.stats(evaluated, drafted=self.drafted, accepted=self.accepted)

    def remember(self, written: WrittenAnswers, pieces: Mapping[int, bytes]) -> None:
        """Have ``written`` know the finished answer as the tokens it was written in."""
        assert self.prompt is not None
        assert self.sequence is not None
        assert self.answer is not None
        tokens = self.sequence.tokens[self.sequence.n_prompt :]
        hidden = not all(pieces[token] for token in tokens)  # no part of the text that comes back
        if self.prompt.end and self.request.cache_prompt and not hidden:
            written.remember(self.prompt.end, self.answer.text, bytes(self.text), tokens)

    def progress(self) -> PromptProgress | None:
        """How much of the prompt is read; of a picture half of it while that is encoded. None once that was told, or
        the answer has begun."""
        assert self.sequence is not None
        if self.timing.first is not None:
            return None
        total, picture = self.sequence.n_prompt, self.sequence.picture
        done = min(self.sequence.evaluated, total)
        if picture is not None:
            encoded = picture.done if picture.embeddings is None else 1.0
            done = (picture.start + done + int(encoded * (picture.end - picture.start))) // 2
        if done == self.read:
            return None
        self.read = done
        return PromptProgress(id=self.request.id, done=done, total=total, cached=self.sequence.cached)


def encoding_of(encoder: PictureEncoder | None, job: Job) -> PromptProgress | Failed | None:
    """Have the picture encoded that ``job`` has come to; how far that is, or why it cannot be."""
    assert encoder is not None
    assert job.sequence is not None
    picture = job.sequence.picture
    assert picture is not None
    job.timing.start()
    if picture.error is not None:
        return Failed(id=job.request.id, error=picture.error.info())
    encoder.want(job.request.id, picture)
    return job.progress()
