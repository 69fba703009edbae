"""How many threads compute: fewer while other programs need the cores. Pure logic over step times and a clock."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

SLOW = 1.7
"""A step this many times longer than usual is an outlier."""
WINDOW, PERSISTENT = 12, 8
"""Eight outliers in twelve steps are no hiccup."""
TRIAL = 4
"""Steps on one side of the mark that decide a trial, of seven at most."""
FEWER, MUCH_FEWER, MORE = 0.9, 0.75, 1.05
"""Parts of the time that fewer threads may take at most to be kept when steps are slow, and when they are not; and that
more threads may take."""
RETRY, LONGEST_RETRY = 5.0, 120.0
LOOK, LOOK_STEPS = 30.0, 2
"""Seconds until fewer threads are tried although nothing is slow, and the steps without a gain that end such a look: on
a quiet machine each costs about one more step."""
LASTING = 2
"""Trials without a gain after which slow steps are the usual ones."""


@dataclass
class _Trial:
    home: int
    mark: float
    counts: list[int]
    patience: int = TRIAL
    good: int = 0
    bad: int = 0


class ThreadGovernor:
    """Lowers the thread count while steps are persistently slow and fewer threads are quicker, and tries more again
    later. One thread.

    Threads wait for each other in every operation, so one that shares its core with another program holds up all.
    Whether that is the reason of slow steps is not asked but tried: if no lower count is quicker, and is not some
    seconds later either, something lasting has changed (a longer context), and the steps count as usual from then on.
    Steps that were never quicker may be slow for the same reason, so fewer threads are tried now and then in any case.

    Args:
        most: Threads on a quiet machine.
        clock: Seconds, monotonic.
    """

    def __init__(self, most: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.most = most
        self.threads = most
        self.usual = True
        """Whether the step last noted was an ordinary one, to be learnt by :class:`StepTimes`."""
        self._clock = clock
        self._ratios: deque[float] = deque(maxlen=WINDOW)
        self._level = self._tolerated = 1.0  # usual for this count; and the slowness that it is now no news
        self._failures = 0
        self._trial: _Trial | None = None
        self._wait = RETRY
        self._retry_at = clock() + LOOK

    def note(self, seconds: float, predicted: float | None) -> int:
        """A step took ``seconds`` with :attr:`threads` threads; answers the threads to use from now on.

        ``predicted`` is what ``most`` threads usually take for it (``StepTimes.known(rows, threads=most)``); steps of
        sizes not yet known are not judged.
        """
        self.usual = self._trial is None
        if predicted is None or self.most == 1:
            return self.threads
        ratio = seconds / predicted
        if self._trial is not None:
            self._judge(self._trial, ratio)
            return self.threads
        self._ratios.append(ratio)
        self.usual = ratio <= SLOW * self._level
        slow = SLOW * self._tolerated
        if ratio > slow and len([one for one in self._ratios if one > slow]) >= PERSISTENT:
            self._wait = RETRY
            self._try_fewer()
        elif len(self._ratios) == WINDOW:
            self._settled(_median(self._ratios))
        return self.threads

    @property
    def trying(self) -> bool:
        """Whether another count is being tried, so that each step counts."""
        return self._trial is not None

    def rest(self) -> None:
        """A step that is not judged: what is being tried is broken off, for others wait for their rhythm."""
        self.usual = True
        if self._trial is not None:
            self._go_on_with(self._trial.home)

    def _settled(self, median: float) -> None:
        self._level = max(1.0, min(self._level, median))
        if median <= SLOW * self._level:
            self._tolerated, self._failures = self._level, 0
        if self._clock() < self._retry_at:
            return
        if self._tolerated > self._level:
            self._try_fewer()
        elif self.threads < self.most:
            self._start(MORE, [self.most, self.threads + 1][: self.most - self.threads])
        else:
            self._wait = max(self._wait, LOOK)
            self._start(MUCH_FEWER, sorted({self.threads - 1, self.threads // 2}, reverse=True), LOOK_STEPS)

    def _try_fewer(self) -> None:
        powers = range(self.threads.bit_length())
        some = [self.threads - (1 << power) for power in powers if 2 << power < self.threads]
        self._start(FEWER, some + [self.threads >> power for power in powers[1:]])

    def _start(self, factor: float, counts: list[int], patience: int = TRIAL) -> None:
        self._trial = _Trial(self.threads, factor * _median(self._ratios), counts, patience)
        self._next(self._trial)

    def _next(self, trial: _Trial) -> None:
        """Try the next count; with none left it stays as it was."""
        trial.good = trial.bad = 0
        if trial.counts:
            self.threads = trial.counts.pop(0)
            return
        slowness = _median(self._ratios)
        if self.threads <= trial.home and slowness > SLOW * self._level:
            self._failures += 1
            self._tolerated = slowness
            self._level = slowness if self._failures >= LASTING else self._level
        else:
            self._wait = min(2 * self._wait, LONGEST_RETRY)
        self._go_on_with(trial.home)

    def _judge(self, trial: _Trial, ratio: float) -> None:
        if ratio <= trial.mark:
            trial.good += 1
        else:
            trial.bad += 1
        if trial.good == TRIAL:
            self._level = self._tolerated = max(1.0, trial.mark)
            self._failures, self._wait = 0, RETRY
            self._go_on_with(self.threads)
        elif trial.bad == trial.patience:
            self._next(trial)

    def _go_on_with(self, threads: int) -> None:
        self.threads, self._trial = threads, None
        self._retry_at = self._clock() + self._wait
        self._ratios.clear()


def _median(values: deque[float]) -> float:
    return sorted(values)[len(values) // 2]
