"""How long a decode call of n rows takes with this model on this machine: pure arithmetic over measured steps.

The time is a staircase in the number of rows: 8 rows can be quicker than 7, and 16 as quick as 9. So sizes are measured
and remembered, and every decision (how much of a prompt rides along, what to pad to, how long a draft is) looks there.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterator

WINDOW = 15
"""Steps of a size that its time is the median of: a longer context shows soon, a hiccup does not."""
CONFIDENT = 3
"""Steps of a size after which its time is believed."""
FIRST_CHUNK = 16
SWEEP = 256
"""Notes after which a size seen once or twice, and not again since the last sweep, is forgotten: it may have been a
hiccup, and a size believed slow is never tried again."""
GAIN = 1.05
PLAN = (1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32, 64)


class StepTimes:
    """Times of decode calls by their number of rows, for each thread count. One thread.

    ``threads`` is the count that answers are for; set it when the engine changes its own.
    """

    def __init__(self, *, threads: int) -> None:
        self.threads = threads
        self._tables: dict[int, _Table] = {}

    def note(self, rows: int, seconds: float, *, threads: int) -> None:
        """A step of ``rows`` rows was computed in ``seconds`` by ``threads`` threads."""
        if rows > 0 and seconds > 0:
            self._of(threads).note(rows, seconds)

    def predict(self, rows: int) -> float | None:
        """Seconds that ``rows`` rows take: as measured, between two measured sizes on the line between them, beyond
        the largest in proportion; None when nothing is measured."""
        return self._table.predict(rows)

    def known(self, rows: int, *, threads: int | None = None) -> float | None:
        """Seconds that ``rows`` rows take, if that size itself was measured often enough to be believed."""
        return self._of(threads or self.threads).known(rows)

    def largest_within(self, seconds: float, at_least: int, at_most: int) -> int:
        """The most rows that are predicted to take no longer than ``seconds``; ``at_least`` where none are."""
        return self._table.largest_within(seconds, at_least, at_most)

    def chunk(self, writing: int, budget_ratio: float, most: int, *, apart: bool = False) -> int:
        """How many prompt tokens, 1 to ``most``, may come with a step of ``writing`` answers.

        The step, or with ``apart`` the two calls that replace it, should take at most ``budget_ratio`` times what the
        answers take alone. Among the sizes that keep to this the one that reads most prompt tokens a second is
        taken, which is the end of a stair; unmeasured sizes are tried when their prediction keeps to it.
        """
        if writing <= 0:
            return most
        table, base = self._table, 0 if apart else writing
        alone = table.predict(writing)
        if alone is None or table.largest <= writing or table.smallest > 2 * writing:
            return min(FIRST_CHUNK, most)
        seconds = alone * (budget_ratio - 1 if apart else budget_ratio)
        at_most = min(base + most, 2 * table.largest)
        size = table.largest_within(seconds, base + 1, at_most)
        if size < base + most:
            size = table.best(seconds, base, size)
        return size - base

    def padded(self, rows: int, most_extra: int) -> int:
        """The size from ``rows`` to ``rows + most_extra`` to compute instead of ``rows``: itself, unless a larger one
        is known to be more than 5 % quicker."""
        table = self._table
        best, seconds = rows, table.known(rows)
        if seconds is None:
            return rows
        seconds /= GAIN
        for size in range(rows + 1, rows + most_extra + 1):
            if table.believed.get(size, seconds) < seconds:
                best, seconds = size, table.believed[size]
        return best

    def worth_drafting(
        self, writing: int, acceptance: float, *, most: int = 16, others: int = 0, draft_seconds: float = 0.0
    ) -> int:
        """The draft length, 0 to ``most``, that yields the most tokens a second; 0 unless it gains over 5 %.

        Args:
            writing: Answers that draft, each as long.
            acceptance: Probability that a drafted token is accepted after those before it (a): a draft of d tokens
                yields 1 + a + ... + a^d (Leviathan et al. 2023, equation 1).
            most: Longest draft.
            others: Rows of the same step that bring a token each and draft nothing.
            draft_seconds: What drafting one token for one answer costs outside of the step.
        """
        alone = self.predict(writing + others)
        if alone is None or writing <= 0:
            return 0
        best, rate = 0, GAIN * (writing + others) / alone
        expected = power = 1.0
        for length in range(1, most + 1):
            power *= acceptance
            expected += power
            seconds = self._table.predict(writing * (1 + length) + others) or 0.0
            seconds += writing * length * draft_seconds
            if (others + writing * expected) / seconds > rate:
                best, rate = length, (others + writing * expected) / seconds
        return best

    def plan(self, most: int, *, seconds: float = 2.0) -> Iterator[int]:
        """Sizes to measure while nothing else is to do, up to ``most`` rows, the cheapest first and those that are
        known left out. The caller notes each before it takes the next; it ends after ``seconds`` of steps."""
        for _ in range(CONFIDENT):
            for rows in PLAN:
                if rows > most or self.known(rows) is not None:
                    continue
                seconds -= self.predict(rows) or 0.0
                if seconds < 0:
                    return
                yield rows

    @property
    def _table(self) -> _Table:
        return self._of(self.threads)

    def _of(self, threads: int) -> _Table:
        if threads not in self._tables:
            self._tables[threads] = _Table()
        return self._tables[threads]


class _Table:
    """The staircase of one thread count: its sizes in order, with the median of each; ``believed`` are those of sizes
    measured often enough."""

    def __init__(self) -> None:
        self._sizes: list[int] = []
        self._samples: dict[int, deque[float]] = {}
        self._seconds: dict[int, float] = {}
        self.believed: dict[int, float] = {}
        self._seen: set[int] = set()
        self._notes = 0

    @property
    def largest(self) -> int:
        return self._sizes[-1] if self._sizes else 0

    @property
    def smallest(self) -> int:
        return self._sizes[0] if self._sizes else 0

    def note(self, rows: int, seconds: float) -> None:
        size = _binned(rows)
        samples = self._samples.get(size)
        if samples is None:
            samples = self._samples[size] = deque(maxlen=WINDOW)
            insort(self._sizes, size)
        samples.append(seconds * size / rows)
        self._seconds[size] = sorted(samples)[(len(samples) - 1) // 2]
        if len(samples) >= CONFIDENT:
            self.believed[size] = self._seconds[size]
        self._seen.add(size)
        self._notes += 1
        if self._notes % SWEEP == 0:
            self._sweep()

    def known(self, rows: int) -> float | None:
        return self.believed.get(rows)

    def predict(self, rows: int) -> float | None:
        sizes, seconds = self._sizes, self._seconds
        if rows in seconds:
            return seconds[rows]
        if not sizes:
            return None
        index = bisect_left(sizes, rows)
        if index == 0:
            return seconds[sizes[0]]
        below = sizes[index - 1]
        if index == len(sizes):
            return seconds[below] * rows / below
        above = sizes[index]
        rise = max(seconds[above] - seconds[below], 0.0)
        return seconds[below] + rise * (rows - below) / (above - below)

    def largest_within(self, seconds: float, at_least: int, at_most: int) -> int:
        sizes = self._sizes
        index = bisect_right(sizes, at_most)
        top = at_most
        while index > 0:
            below = sizes[index - 1]
            start = self._seconds[below]
            if start <= seconds:
                end = sizes[index] if index < len(sizes) else 2 * below
                rise = (self._seconds[end] if index < len(sizes) else 2 * start) - start
                inside = top if rise <= 0 else below + int((seconds - start) / rise * (end - below))
                return max(min(inside, top), at_least)
            top, index = below - 1, index - 1
        if sizes and at_least <= top and self._seconds[sizes[0]] <= seconds:
            return top
        return at_least

    def best(self, seconds: float, base: int, most: int) -> int:
        """The size above ``base`` and up to ``most`` with the most rows beyond ``base`` a second: of those measured
        within ``seconds``, and the one untried size most likely to be the end of a stair."""
        untried = max(_stair_end(most), base + 1)
        best, rate = untried, (untried - base) / (self.predict(untried) or 1.0)
        for size in self._sizes[bisect_right(self._sizes, base) : bisect_right(self._sizes, most)]:
            if self._seconds[size] <= seconds and (size - base) / self._seconds[size] > rate:
                best, rate = size, (size - base) / self._seconds[size]
        return best

    def _sweep(self) -> None:
        for size in [size for size in self._sizes if size not in self._seen]:
            if len(self._samples[size]) < CONFIDENT:
                self._sizes.remove(size)
                del self._samples[size], self._seconds[size]
        self._seen.clear()


def _binned(rows: int) -> int:
    """Sizes above 64 are remembered in eight steps an octave, or prompts of every length would fill the table."""
    if rows <= 64:
        return rows
    step = 1 << (rows.bit_length() - 4)
    return (rows + step // 2) // step * step


def _stair_end(rows: int) -> int:
    """Where the stair below or at ``rows`` probably ends: processors compute rows by eights, and graphics cards too."""
    step = 1 if rows < 8 else max(8, 1 << (rows.bit_length() - 4))
    return rows // step * step
