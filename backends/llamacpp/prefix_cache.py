"""What was read before and need not be read again: prefixes in the context, in memory and on disk.

A radix tree over token ids finds the prefix that has most in common with a new prompt, whether its sequence still
runs, rests in the context, was saved to memory or lies on disk. Where cells run out, the prefixes used longest ago
leave the context for memory, and from there go to disk.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from operator import attrgetter

from paddock.backends.llamacpp.cells import Cells
from paddock.backends.llamacpp.kv_file import as_tokens
from paddock.backends.llamacpp.prefix import Counts, Match, Memory, Prefix, Store
from paddock.backends.llamacpp.prefix_disk import PrefixDisk
from paddock.backends.llamacpp.prefix_index import PrefixIndex
from paddock.backends.llamacpp.sharing import Rules

WORTH_SAVING = 64
"""Tokens: fewer are read again sooner than they are saved and found."""
MOST_CHECKPOINTS = 8
"""Of one prefix. The first, behind the system prompt, stays; of the others the oldest goes first."""

_age = attrgetter("used")


class PrefixCache:
    """The prefixes of one context. One thread.

    Args:
        memory: Carries out what is decided here.
        cells: The books of the context.
        rules: What may be shared and cut.
        sequences: Sequence ids there are.
        budget: Bytes of saved states in memory.
        store: The disk; None keeps nothing there.
        thin: Whether cells that belong to others slow an answer.
    """

    def __init__(
        self,
        memory: Memory,
        cells: Cells,
        rules: Rules,
        *,
        sequences: int,
        budget: int = 0,
        store: Store | None = None,
        thin: bool = False,
    ) -> None:
        self._memory = memory
        self._cells = cells
        self._rules = rules
        self._free = list(reversed(range(sequences)))
        self._budget = budget
        self._prefixes = PrefixIndex(rules)
        self._disk = PrefixDisk(store, memory, rules, self._prefixes) if store is not None else None
        self._here: dict[int, Prefix] = {}
        self._clock = 0
        self._thin = thin and rules.cut_restored and rules.unified
        self._thinned = False
        self.counts = Counts()

    def __iter__(self) -> Iterator[Prefix]:
        return iter(self._prefixes)

    # ------------------------------------------------------------ looking

    def find(self, tokens: Sequence[int], group: Hashable = None) -> Match | None:
        """What can be used of a prompt."""
        return self._prefixes.find(tokens, group)

    def promised(self, tokens: Sequence[int], group: Hashable = None) -> tuple[Prefix, int] | None:
        """A running sequence that has still to read what ``tokens`` begin with, and how much will be usable then."""
        return self._prefixes.promised(tokens, group)

    # ------------------------------------------------------------ a sequence's life

    def can_begin(self) -> bool:
        """Whether a sequence id is free or can be had from a resting prefix."""
        return bool(self._free) or any(True for _ in self.resting())

    def begin(
        self, tokens: list[int], match: Match | None, *, group: Hashable = None, private: bool, kept: bool
    ) -> Prefix:
        """A running prefix for ``tokens``. Its ``length`` says how much of ``match`` it could really begin with."""
        prefix = Prefix(tokens, group, running=True, private=private, kept=kept, used=self._tick())
        if match is not None and match.prefix.sequence is None and not self._room_for(match.prefix):
            match = None
        try:
            if self._free or self.evict(except_for=match.prefix if match is not None else None):
                prefix.sequence = self._free.pop()
                self._here[prefix.sequence] = prefix
                self._take_first(prefix, match)
            else:
                assert match is not None
                self._take_over(prefix, match)
        except BaseException:
            self._vacate(prefix)
            raise
        self._prefixes.add(prefix)
        return prefix

    def _take_first(self, prefix: Prefix, match: Match | None) -> None:
        """Have ``prefix`` begin with what ``match`` has, or where that fails with what is found in the context."""
        if match is not None and not self._take(prefix, match):
            match = self.find(prefix.tokens, prefix.group)
            if match is not None and match.prefix.sequence is not None:
                self._take(prefix, match)

    def _room_for(self, saved: Prefix) -> bool:
        """Make room for a state outside the context, all of it, whatever part is wanted. False when there is none."""
        saved.used = self._tick()
        while self._cells.free < saved.length and self.evict():
            pass
        return self._cells.free >= saved.length and (saved.state is not None or saved.key is not None)

    def grown(self, prefix: Prefix, count: int) -> None:
        """``count`` more tokens of ``prefix`` were evaluated."""
        assert prefix.sequence is not None
        prefix.length += count
        prefix.rolled_back = False
        self._cells.extend(prefix.sequence, count)

    def cut(self, prefix: Prefix, length: int) -> bool:
        """Take back what the last decode call put behind ``length``; False when all of ``prefix`` is lost with it."""
        assert prefix.sequence is not None
        done = self._memory.keep(prefix.sequence, prefix.position(length))
        taken_back = prefix.rolled_back or (self._rules.recurrent and length < prefix.length)
        prefix.length = min(prefix.length, length) if done else 0
        prefix.rolled_back = taken_back and prefix.length > 0
        self._cells.cut(prefix.sequence, prefix.length)
        for position in [at for at in prefix.checkpoints if at > prefix.length]:
            prefix.checkpoints.pop(position).release()
        return done

    def checkpoint(self, prefix: Prefix) -> None:
        """Remember the state at the position that ``prefix`` has reached."""
        if not self._rules.checkpoints or prefix.length in prefix.checkpoints or prefix.sequence is None:
            return
        if prefix.whole(prefix.length) < prefix.length:
            return
        try:
            prefix.checkpoints[prefix.length] = self._memory.checkpoint(prefix.sequence)
        except MemoryError:
            return  # it would only have saved time
        if len(prefix.checkpoints) > MOST_CHECKPOINTS:
            second = sorted(prefix.checkpoints)[1]
            prefix.checkpoints.pop(second).release()
        self._shrink(self._budget)

    def rest(self, prefix: Prefix) -> None:
        """The sequence of ``prefix`` has ended; what was evaluated stays for a follower."""
        if not self._whole(prefix):
            self.drop(prefix)
            return
        self._stop(prefix)
        if self._rules.cut and prefix.cuttable:
            self._drop_covered(prefix)

    def suspend(self, prefix: Prefix) -> None:
        """The sequence of ``prefix`` is pre-empted: its state goes to memory and its cells are free."""
        if not self._whole(prefix):
            self.drop(prefix)
            return
        self._stop(prefix)
        self._save(prefix)
        self._leave(prefix)

    def _whole(self, prefix: Prefix) -> bool:
        """Whether ``prefix`` is worth anything to a follower, without the part of a picture that it may end in."""
        length = prefix.whole(prefix.length)
        if prefix.kept and length < prefix.length:
            self.cut(prefix, length)
        return prefix.kept and prefix.length > 0 and not prefix.rolled_back

    def drop(self, prefix: Prefix) -> None:
        """Forget ``prefix``, except on disk."""
        prefix.running = False
        self._prefixes.remove(prefix)
        self._vacate(prefix)
        self._forget_saved(prefix)

    def lost(self) -> None:
        """The context was cleared: what lay only there is gone."""
        for prefix in list(self._prefixes):
            if prefix.running:
                prefix.length = 0
            elif prefix.sequence is not None:
                self._leave(prefix)
        self._cells.clear()

    # ------------------------------------------------------------ making room

    def resting(self) -> Iterator[Prefix]:
        """Prefixes in the context in which nothing runs."""
        return (prefix for prefix in self._here.values() if not prefix.running)

    @property
    def resting_cells(self) -> int:
        """Cells that only resting prefixes take."""
        running = (sequence for sequence, prefix in self._here.items() if prefix.running)
        return self._cells.used - self._cells.held(running)

    def evict(self, except_for: Prefix | None = None) -> bool:
        """Take the resting prefix used longest ago out of the context; False when there is none."""
        victims = (prefix for prefix in self.resting() if prefix is not except_for)
        victim = min(victims, key=_age, default=None)
        if victim is None:
            return False
        self.counts.evictions += 1
        self._save(victim)
        self._leave(victim)
        return True

    def thin_out(self, wanted: Prefix | None) -> bool:
        """Move a resting prefix to memory that has room for it: it takes less time than a few steps that pass over its
        cells, as attention does up to the last cell in use. False when there is no more to do: nothing but ``wanted``
        rests here, in the first cells, or what cannot be moved without a loss: a state is saved whole, also where most
        of its cells are shared and stay."""
        if not self._thin:
            return False
        resting = sorted(self.resting(), key=_age)
        for prefix in resting:
            assert prefix.sequence is not None
            if prefix is not wanted and 2 * self._cells.own(prefix.sequence) >= prefix.length:
                self._save(prefix, self._budget - self._memory.saved_bytes)
                if prefix.state is not None:
                    self.counts.evictions += 1
                    self._leave(prefix)
                    self._thinned = True
                    return True
        if self._thinned and len(resting) == len(self._here) == 1:
            self._thinned = False
            ((sequence, alone),) = self._here.items()
            if not self._memory.move(sequence, alone.position(alone.length)):
                self._leave(alone)
        return False

    def thin_out_idly(self) -> bool:
        """:meth:`thin_out` while nothing runs: the prefix used last is the one that may be wanted."""
        return self.thin_out(max(self.resting(), key=_age, default=None))

    def _save(self, prefix: Prefix, most: int | None = None) -> None:
        """To memory, where that is worth it and takes no more than ``most`` bytes, by default all there are."""
        assert prefix.sequence is not None
        alone = self._cells.own(prefix.sequence) if self._rules.cut and self._rules.unified else prefix.length
        if prefix.state is None and prefix.kept and alone >= WORTH_SAVING and self._budget:
            prefix.state = self._memory.save(prefix.sequence, self._budget if most is None else most)
            self._shrink(self._budget)

    def _shrink(self, most: int) -> None:
        """Keep ``most`` bytes: what was used longest ago goes to disk, or is read again one day."""
        while self._memory.saved_bytes > most:
            holding = (prefix for prefix in self._prefixes if prefix.state is not None or prefix.checkpoints)
            victim = min(holding, key=_age, default=None)
            if victim is None:
                return
            if self._disk is not None and self._disk.wants(victim):
                self._disk.put(victim)
            self._forget_saved(victim)
            if victim.sequence is None and victim.key is None:
                self._prefixes.remove(victim)

    def shed(self) -> None:
        """Give up all that is saved in memory. Prefixes in the context stay: its memory is taken with and without."""
        self._shrink(0)
        self._memory.give_back()

    def _leave(self, prefix: Prefix) -> None:
        """Out of the context; what is kept nowhere else is forgotten."""
        self._vacate(prefix)
        if prefix.state is None and prefix.key is None:
            self.drop(prefix)

    def _vacate(self, prefix: Prefix) -> None:
        if prefix.sequence is not None:
            self._memory.keep(prefix.sequence, 0)
            self._cells.release(prefix.sequence)
            self._free.append(prefix.sequence)
            del self._here[prefix.sequence]
            prefix.sequence = None

    # ------------------------------------------------------------ the disk

    def known(self, tokens: Sequence[int], key: str, checkpoints: Sequence[int]) -> None:
        """The store has this prefix from an earlier run."""
        self._prefixes.add(Prefix(as_tokens(tokens), length=len(tokens), key=key, stored=frozenset(checkpoints)))

    def store_one(self) -> bool:
        """Have the prefix used last written to disk that is not there yet; False when there is none, or the disk does
        not keep up."""
        if self._disk is None:
            return False
        last = max(filter(self._disk.wants, self._prefixes), key=_age, default=None)
        return last is not None and self._disk.put(last)

    # ------------------------------------------------------------ inside

    def _take(self, prefix: Prefix, match: Match) -> bool:
        """Have ``prefix`` begin with what ``match`` has; it stays empty where that fails."""
        source, length, sequence = match.prefix, match.length, prefix.sequence
        assert sequence is not None
        source.used = self._tick()
        checkpoint = source.checkpoints.get(length) if match.checkpoint else None
        keep, there = source.position(length), source.position(source.length)
        if source.sequence is not None:
            done = self._memory.share(source.sequence, sequence, keep, checkpoint)
            prefix.cuttable = source.cuttable and checkpoint is None
        elif source.state is not None:
            done = self._memory.restore(sequence, source.state, there, keep, checkpoint)
            self.counts.restored_from_memory += done
            prefix.cuttable = self._rules.cut_restored
        else:
            assert self._disk is not None
            done = self._disk.restore(source, sequence, length, checkpointed=match.checkpoint)
            self.counts.restored_from_disk += done
            prefix.cuttable = self._rules.cut_restored
        if not done:
            self.counts.recomputed += 1
            prefix.cuttable, source.cuttable = True, False  # even a full window may have lost its old cells
            if source.sequence is None:
                self.drop(source)
            return False
        prefix.length = length
        if source.sequence is not None:
            self._cells.fork(source.sequence, sequence, length)
        else:
            self._cells.extend(sequence, length)
        prefix.checkpoints = {at: saved.hold() for at, saved in source.checkpoints.items() if at <= length}
        return True

    def _take_over(self, prefix: Prefix, match: Match) -> None:
        """The sequence of the resting ``match`` itself: there is no other."""
        source = match.prefix
        assert source.sequence is not None
        sequence, checkpoint = source.sequence, source.checkpoints.get(match.length) if match.checkpoint else None
        self._save(source)
        prefix.sequence, source.sequence = sequence, None
        self._here[sequence] = prefix
        prefix.cuttable = source.cuttable and checkpoint is None
        if self._memory.keep(sequence, source.position(match.length), checkpoint):
            prefix.length = match.length
            prefix.checkpoints = {at: saved.hold() for at, saved in source.checkpoints.items() if at <= match.length}
        else:
            self.counts.recomputed += 1
        self._cells.cut(sequence, prefix.length)
        self._leave(source)

    def _stop(self, prefix: Prefix) -> None:
        self._prefixes.remove(prefix)
        prefix.running = False
        prefix.tokens = as_tokens(prefix.tokens[: prefix.length])
        prefix.used = self._tick()
        self._prefixes.add(prefix)

    def _drop_covered(self, prefix: Prefix) -> None:
        """Everything that a resting prefix has is also in a longer one, which can be cut; but for the disk, to which
        a private one never goes."""
        for other in self._prefixes.covered_by(prefix):
            if prefix.private and not other.private:
                continue
            self._vacate(other)
            self._forget_saved(other)
            if other.key is None:
                self._prefixes.remove(other)

    def _forget_saved(self, prefix: Prefix) -> None:
        if prefix.state is not None:
            prefix.state.release()
            prefix.state = None
        for saved in prefix.checkpoints.values():
            saved.release()
        prefix.checkpoints = {}

    def _tick(self) -> int:
        self._clock += 1
        return self._clock
