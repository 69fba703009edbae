"""Which settings to show when answers and events of the host tell of them in any order."""

from __future__ import annotations

from paddock.sdk.host import Settings


class SettingsNews:
    """The host tells of every change of its settings by an event, in order, and of those that were asked for by an
    answer too. Answers are shown at once; an event that an answer was ahead of is no news, and takes nothing back.
    """

    def __init__(self) -> None:
        self._told = 0
        self._ahead: list[Settings] = []

    def mark(self) -> int:
        """What an answer to a change that leaves now is compared with; see :meth:`answered`."""
        return self._told

    def answered(self, mark: int, settings: Settings, shown: Settings) -> bool:
        """Whether an answer is to be shown: not where something was told since ``mark``, which may be newer. Answers
        come in the order of their changes."""
        if mark != self._told or settings == shown:
            return False
        self._ahead.append(settings)
        return True

    def told(self, settings: Settings) -> bool:
        """Whether an event brings news."""
        if settings in self._ahead:
            del self._ahead[: self._ahead.index(settings) + 1]
            return False
        self._told += 1
        return True

    def restarted(self) -> None:
        """Connected anew: what was to be told before is not told any more."""
        self._ahead.clear()
        self._told += 1
