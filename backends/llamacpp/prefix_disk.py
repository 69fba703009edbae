"""Prefixes on their way to the disk and back into the context."""

from __future__ import annotations

from paddock.backends.llamacpp.kv_file import as_tokens, key_of
from paddock.backends.llamacpp.prefix import Memory, Prefix, Store
from paddock.backends.llamacpp.prefix_index import PrefixIndex
from paddock.backends.llamacpp.sharing import Rules

WORTH_STORING = 128
"""Tokens: fewer are read again sooner than they are found on disk."""


class PrefixDisk:
    """Decides which prefixes the store gets. The thread that decodes.

    Args:
        store: The files.
        memory: Carries out what is decided here.
        rules: What may be cut.
        prefixes: All there are; what lies nowhere any more is taken out.
    """

    def __init__(self, store: Store, memory: Memory, rules: Rules, prefixes: PrefixIndex) -> None:
        self._store = store
        self._memory = memory
        self._rules = rules
        self._prefixes = prefixes

    def wants(self, prefix: Prefix) -> bool:
        """Whether ``prefix`` is to be written, and can be now."""
        there = prefix.state is not None or prefix.sequence is not None
        wanted = prefix.kept and not prefix.private and prefix.group is None and not prefix.running
        return there and wanted and prefix.key is None and prefix.length >= WORTH_STORING

    def put(self, prefix: Prefix) -> bool:
        """Have ``prefix`` written in place of all that it covers; False when the disk does not keep up."""
        state = prefix.state
        if state is None:
            assert prefix.sequence is not None
            state = self._memory.save(prefix.sequence)
        if state is None:
            prefix.private = True  # there is no memory to write it from, now or later
            return True
        checkpoints = {at: saved.lend() for at, saved in prefix.checkpoints.items()}
        if self._store.put(prefix.tokens, state.lend(), checkpoints):
            prefix.key = key_of(as_tokens(prefix.tokens))
            prefix.stored = frozenset(checkpoints)
        if state is not prefix.state:
            state.release()
        if self._rules.cut_restored and prefix.key is not None:
            for covered in self._prefixes.covered_by(prefix):
                if covered.key is not None:
                    if covered.key != prefix.key:  # the same tokens have the same file
                        self._store.remove(covered.key)
                    covered.key = None
                    if covered.sequence is None and covered.state is None:
                        self._prefixes.remove(covered)
        return prefix.key is not None

    def restore(self, source: Prefix, sequence: int, length: int, *, checkpointed: bool) -> bool:
        """The first ``length`` tokens of ``source`` in ``sequence``, by way of the checkpoint there when
        ``checkpointed``; False when the file is gone or damaged, or that is not in it."""
        assert source.key is not None
        found = self._store.read(source.key)
        if found is None:
            source.key = None
            return False
        partial = checkpoint = None
        try:
            checkpoint = found.checkpoints.get(length) if checkpointed else None
            if checkpointed and checkpoint is None:
                return False
            partial = self._memory.foreign(checkpoint) if checkpoint is not None else None
            keep, there = source.position(length), source.position(source.length)
            return self._memory.restore(sequence, self._memory.foreign(found.state), there, keep, partial)
        finally:
            del partial, checkpoint
            found.close()
