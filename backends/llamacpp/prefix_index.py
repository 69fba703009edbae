"""Which prefixes there are, found by their tokens; the adapters that they were read with keep them apart."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from paddock.backends.llamacpp.prefix import Prefix
from paddock.backends.llamacpp.radix import RadixTree


class PrefixIndex:
    """All prefixes, wherever their states are. One thread."""

    def __init__(self) -> None:
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

    def covered_by(self, prefix: Prefix) -> list[Prefix]:
        """Prefixes that do not run and have nothing that ``prefix`` has not."""
        tree = self._trees[prefix.group]
        return [other for other in tree.prefixes(prefix.tokens) if other is not prefix and not other.running]
