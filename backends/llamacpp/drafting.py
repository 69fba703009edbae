"""Guessing tokens ahead: from the text so far, and whether it pays. Pure logic.

Guesses never change an answer: the engine draws every row's token from the real chain and keeps the guesses up to the
first that differs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from paddock.backends.llamacpp.step_times import StepTimes

LONGEST, SHORTEST = 4, 2
_BITS = 32
FADE = 0.9
"""What the drafts before count against the newest, for the acceptance: it changes with the text."""
HOPEFUL = 0.95
"""Acceptance that a probe assumes: text that repeats itself is accepted nearly always."""
FIRST_PROBE, LAST_PROBE = 8, 256


class NgramDrafter:
    """Prompt lookup (Saxena 2023): what followed the last time the same words stood there.

    The longest match of 4, 3 or 2 tokens wins, of these the most recent. One answer, whose tokens only grow; made on
    any thread (the prompt is indexed at once, about 1 µs a token), then used on one.
    """

    def __init__(self, tokens: Sequence[int] = ()) -> None:
        self._follower: tuple[dict[int, int], ...] = tuple({} for _ in range(SHORTEST, LONGEST + 1))
        self._indexed = 0
        self._index(tokens)

    def propose(self, tokens: Sequence[int], limit: int) -> list[int]:
        """Up to ``limit`` tokens that may follow ``tokens``; [] when their end was never seen before."""
        self._index(tokens)
        length, start, key = len(tokens), 0, tokens[-1] if tokens else 0
        for size, follower in enumerate(self._follower, SHORTEST):  # no longer match without a shorter one
            if size > length:
                break
            key |= tokens[length - size] << _BITS * (size - 1)
            if key not in follower:
                break
            start = follower[key]
        if not start:
            return []
        found = list(tokens[start : start + limit])
        while len(found) < limit:  # the copy has come to the end of the text: a repeating pattern goes on
            found.extend(found[start - length :][: limit - len(found)])
        return found

    def _index(self, tokens: Sequence[int]) -> None:
        """Every n-gram that has a follower; the last ones have none yet."""
        for end in range(max(self._indexed, SHORTEST), len(tokens)):
            key = tokens[end - 1]
            for size, follower in enumerate(self._follower, SHORTEST):
                if end < size:
                    break
                key |= tokens[end - size] << _BITS * (size - 1)
                follower[key] = end
        self._indexed = len(tokens)


@dataclass
class Drafts:
    """How many tokens were guessed, and how many of these were right."""

    drafted: int = 0
    accepted: int = 0

    def note(self, drafted: int, accepted: int) -> None:
        self.drafted += drafted
        self.accepted += accepted


class Pays:
    """How long the next draft of one answer should be: as the step times and its own acceptance say, 0 while drafting
    does not pay; then a probe now and then, ever more rarely while they fail."""

    def __init__(self, times: StepTimes) -> None:
        self._times = times
        self._right, self._wrong = 4.0, 1.0  # an opinion before the first draft, soon outweighed
        self._wait = self._left = FIRST_PROBE
        self._probing = False
        self._answers: dict[tuple[int, int, int, int], int] = {}
        self._uses = 0

    @property
    def acceptance(self) -> float:
        """Probability that a guess is right when those before it were."""
        return self._right / (self._right + self._wrong)

    def length(self, limit: int, *, others: int = 0, draft_seconds: float = 0.0) -> int:
        """Tokens to guess now, at most ``limit``, in a step with ``others`` rows of other answers;
        ``draft_seconds`` is what guessing one takes."""
        best = self._best(self.acceptance, limit, others, draft_seconds)
        self._probing = False
        if best == 0 and self._left <= 0:
            best = self._best(HOPEFUL, limit, others, draft_seconds)
            self._probing = best > 0
            self._left = 0 if self._probing else self._wait
        self._left -= 1
        return best

    def note(self, drafted: int, accepted: int) -> None:
        """Of ``drafted`` guesses the first ``accepted`` were right."""
        if drafted <= 0:
            return
        self._right = self._right * FADE + accepted
        self._wrong = self._wrong * FADE + (accepted < drafted)
        if not self._probing:
            self._wait = self._left = FIRST_PROBE
        elif 2 * accepted < drafted:
            self._wait = self._left = min(2 * self._wait, LAST_PROBE)

    def _best(self, acceptance: float, limit: int, others: int, draft_seconds: float) -> int:
        """The table changes slowly and the sum costs tens of microseconds: an answer holds for some steps."""
        asked = (round(50 * acceptance), limit, others, round(1e4 * draft_seconds))
        self._uses += 1
        if self._uses % 64 == 0:
            self._answers.clear()
        if asked not in self._answers:
            self._answers[asked] = self._times.worth_drafting(
                1, acceptance, most=limit, others=others, draft_seconds=draft_seconds
            )
        return self._answers[asked]


class Proposer(Protocol):
    """A draft model with a sequence for each key (:class:`paddock.backends.llamacpp.draft_model.DraftModel`), or a
    model's own layers (:class:`paddock.backends.llamacpp.mtp.MtpDrafter`)."""

    def propose(self, key: str, tokens: Sequence[int], limit: int) -> list[int]: ...

    def forget(self, key: str) -> None: ...


class Written(Protocol):
    """A sequence of the scheduler."""

    id: str
    tokens: list[int]


class Drafting:
    """The drafters of all running answers (:class:`paddock.backends.llamacpp.sequence.Drafter`). The engine's thread.

    Args:
        times: Of the model that answers.
        model: The draft model, if one is loaded.
        clock: Seconds, monotonic.
    """

    def __init__(
        self, times: StepTimes, model: Proposer | None = None, *, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._times = times
        self._model = model
        self._clock = clock
        self._answers: dict[str, tuple[NgramDrafter | None, Pays, Drafts]] = {}
        self._seconds = 0.0  # that the draft model takes for a token

    def begin(self, key: str, ngram: NgramDrafter | None) -> None:
        """The answer with this id drafts from now on: by ``ngram``, or with the draft model when that is None."""
        self._answers[key] = (ngram, Pays(self._times), Drafts())

    def propose(self, sequence: Written, limit: int, rows: int) -> list[int]:
        """Up to ``limit`` tokens that may follow, for a step with ``rows`` rows without them; [] while drafting does
        not pay."""
        if sequence.id not in self._answers:
            return []
        ngram, pays, _ = self._answers[sequence.id]
        length = pays.length(limit, others=rows - 1, draft_seconds=0.0 if ngram else self._seconds)
        if length <= 0:
            return []
        if ngram is not None:
            return ngram.propose(sequence.tokens, length)
        if self._model is None:
            return []
        begun = self._clock()
        found = self._model.propose(sequence.id, sequence.tokens, length)
        if found:
            each = (self._clock() - begun) / len(found)
            self._seconds = 0.8 * self._seconds + 0.2 * each if self._seconds else each
        return found

    def settle(self, key: str, drafted: int, accepted: int) -> None:
        """Of ``drafted`` tokens proposed for this answer the first ``accepted`` were right."""
        if key in self._answers:
            _, pays, drafts = self._answers[key]
            pays.note(drafted, accepted)
            drafts.note(drafted, accepted)

    def end(self, key: str) -> Drafts:
        """The answer has ended: its numbers."""
        _, _, drafts = self._answers.pop(key, (None, None, Drafts()))
        if self._model is not None:
            self._model.forget(key)
        return drafts
