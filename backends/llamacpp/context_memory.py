"""The sequences of a context, moved about as the rules of its model allow, every move checked by its positions."""

from __future__ import annotations

from paddock.backends.llamacpp.bindings import PARTIAL, WHOLE, Context
from paddock.backends.llamacpp.saved import Saved, SavedStates
from paddock.backends.llamacpp.sharing import Rules


class ContextMemory:
    """:class:`paddock.backends.llamacpp.prefix.Memory` over llama.cpp's own. The thread that decodes."""

    def __init__(self, context: Context, rules: Rules) -> None:
        self._context = context
        self._rules = rules
        self._states = SavedStates()

    @property
    def saved_bytes(self) -> int:
        return self._states.used

    def share(self, source: int, target: int, length: int, checkpoint: Saved | None) -> bool:
        context, rules = self._context, self._rules
        if not rules.unified:
            return self._hand_over(source, target, length, checkpoint)
        partly = rules.cut and checkpoint is None
        context.copy(source, target, length if partly else -1)
        if rules.window and checkpoint is None:
            # Cells that two sequences share are not given back when the window has passed them: each gets its own.
            if not self.keep(target, length):
                return False
            try:
                checkpoint = self.checkpoint(target)
            except MemoryError:
                context.remove(target, 0)
                return False
            try:
                return self.keep(target, length, checkpoint)
            finally:
                checkpoint.release()
        return self.keep(target, length, checkpoint)

    def _hand_over(self, source: int, target: int, length: int, checkpoint: Saved | None) -> bool:
        """Share by a state: between caches of their own llama.cpp copies only with the next step, and until then a
        state or a checkpoint would be read from, or lost under, what is not there yet."""
        state = self.save(source)
        if state is None:
            return False
        try:
            return self.restore(target, state, self._context.positions(source)[1] + 1, length, checkpoint)
        finally:
            state.release()

    def restore(self, target: int, state: Saved, length: int, keep: int, checkpoint: Saved | None) -> bool:
        if not self._context.set_state(target, state.buffer, state.size, WHOLE) or not self._holds(target, length):
            self._context.remove(target, 0)
            return False
        return keep == length or self.keep(target, keep, checkpoint)

    def save(self, sequence: int, most: int | None = None) -> Saved | None:
        size = self._context.state_size(sequence, WHOLE)
        if most is not None and size > most:
            return None
        try:
            return self._fill(sequence, size, WHOLE)
        except MemoryError:
            return None

    def move(self, sequence: int, length: int) -> bool:
        state = self.save(sequence)
        if state is None:
            return True
        try:
            return self.keep(sequence, 0) and self.restore(sequence, state, length, length, None)
        finally:
            state.release()

    def checkpoint(self, sequence: int) -> Saved:
        return self._fill(sequence, self._context.state_size(sequence, PARTIAL), PARTIAL)

    def keep(self, sequence: int, length: int, checkpoint: Saved | None = None) -> bool:
        context = self._context
        done = checkpoint is None or context.set_state(sequence, checkpoint.buffer, checkpoint.size, PARTIAL)
        done = done and context.remove(sequence, length)
        if done and (length == 0 or self._holds(sequence, length)):
            return True
        context.remove(sequence, 0)
        return False

    def foreign(self, data: memoryview) -> Saved:
        """Bytes from elsewhere, without a copy."""
        return self._states.wrap(data)

    def give_back(self) -> None:
        self._states.give_back()

    def _fill(self, sequence: int, size: int, flags: int) -> Saved:
        saved = self._states.make(size)
        written = self._context.get_state(sequence, saved.buffer, size, flags)
        if written != size:
            saved.release()
            raise MemoryError(f"llama.cpp wrote {written} of {size} bytes of a state")
        return saved

    def _holds(self, sequence: int, length: int) -> bool:
        """Whether the first ``length`` tokens, or their window, are really there."""
        first, last = self._context.positions(sequence)
        if last != length - 1:
            return False
        if self._rules.recurrent:
            return first <= last
        return first <= max(0, length - self._rules.n_swa + 1) if self._rules.n_swa else first == 0
