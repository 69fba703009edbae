"""Which prefixes there are, found by their tokens; the adapters that they were read with keep them apart."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from paddock.backends.llamacpp.prefix import Match, Prefix
from paddock.backends.llamacpp.radix import RadixTree
from paddock.backends.llamacpp.sharing import Rules


class PrefixIndex:
    """All prefixes, wherever their states are. One thread.

    Args:
        rules: What may be shared and cut.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._trees: dict[Hashable, RadixTree[Prefix]] = {}
        self._prefixes: set[Prefix] = set()

    def __iter__(self) -> Iterator[Prefix]:
        return iter(self._prefixes)

    def add(self, prefix: Prefix) -> None:
        """Under the tokens that ``prefix`` has now."""
        self._prefixes.add(prefix)
        self._trees.setdefault(prefix.group, RadixTree()).insert(prefix.tokens, prefix)

    def remove(self, prefix: Prefix) -> None:
        self._prefixes.discard(prefix)
        self._trees[prefix.group].remove(prefix)

    def matches(self, tokens: Sequence[int], group: Hashable) -> Iterator[tuple[int, Prefix]]:
        """Every prefix that begins like a prompt, with how much of the prompt it has, the most first; never the
        prompt's last token, which is always evaluated again, because its logits are needed."""
        tree = self._trees.get(group)
        for common, prefix in tree.matches(tokens) if tree is not None else ():
            yield min(common, len(tokens) - 1), prefix

    def find(self, tokens: Sequence[int], group: Hashable) -> Match | None:
        """What can be used of a prompt."""
        best, most = None, 0
        for common, prefix in self.matches(tokens, group):
            if most >= common:
                break
            match = self._usable(prefix, common)
            if match is not None and match.worth > most:
                best, most = match, match.worth
        return best

    def promised(self, tokens: Sequence[int], group: Hashable) -> tuple[Prefix, int] | None:
        """A running sequence that has still to read what ``tokens`` begin with, and how much will be usable then."""
        if not (self._rules.cut or self._rules.checkpoints):
            return None
        best: tuple[Prefix, int] | None = None
        for common, prefix in self.matches(tokens, group):
            if best is not None and best[1] >= common:
                break
            length = prefix.whole(common)
            if prefix.running and prefix.kept and prefix.length < length and (best is None or best[1] < length):
                best = prefix, length
        return best

    def _usable(self, prefix: Prefix, common: int) -> Match | None:
        length = prefix.whole(min(common, prefix.length))
        if length < 1 or not prefix.kept or prefix.rolled_back:
            return None
        if prefix.sequence is None:
            cut = self._rules.cut_restored
        else:
            whole_window = not self._rules.recurrent and prefix.length <= self._rules.window
            cut = (self._rules.cut or whole_window) and prefix.cuttable
        if cut or length == prefix.length:
            return Match(prefix, length)
        positions = prefix.checkpoints if prefix.sequence is not None or prefix.state is not None else prefix.stored
        at = max((position for position in positions if position <= length), default=0)
        return Match(prefix, at, checkpoint=True) if at else None

    def covered_by(self, prefix: Prefix) -> list[Prefix]:
        """Prefixes that do not run and have nothing that ``prefix`` has not."""
        tree = self._trees[prefix.group]
        return [other for other in tree.prefixes(prefix.tokens) if other is not prefix and not other.running]
