"""Which downloads to show when lists of them and events of the host tell of them in any order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from paddock.sdk.downloads import Download


class DownloadNews:
    """The host tells of every change of a download by an event, and only lists tell their order. A list may have been
    made before an event that came ahead of it: of downloads that were told of since it was asked for, it tells their
    places and nothing else.
    """

    def __init__(self) -> None:
        self._turn = 0
        self._restarted = 0
        self._told: dict[str, int] = {}

    def mark(self) -> int:
        """What a list that is asked for now is compared with; see :meth:`listed`."""
        return self._turn

    def told(self, id: str) -> None:
        """An event told of a download."""
        self._turn += 1
        self._told[id] = self._turn

    def restarted(self) -> None:
        """Connected anew: lists that were asked for before are older than what is known."""
        self._turn += 1
        self._restarted = self._turn
        self._told.clear()

    def listed(self, mark: int, listed: Iterable[Download], known: Mapping[str, Download]) -> dict[str, Download]:
        """What is to be shown: ``listed``, as a list that was asked for at ``mark``, put right by ``known``."""
        if mark < self._restarted:
            return dict(known)
        shown = {item.id: item for item in listed}
        for id in (id for id, turn in self._told.items() if turn > mark):
            if id in known:
                shown[id] = known[id]
            else:
                shown.pop(id, None)
        return shown
