"""Which silk each loaded model wears: that of its pane on the page, else the first that was free."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence


class Silks:
    """``worn``: silks by models, counted from 0. A model keeps its silk when it is unloaded, until another model has
    it: its answers do not change colour when another model comes or goes."""

    def __init__(self) -> None:
        self.worn: dict[str, int] = {}
        self._panes: list[tuple[str, int]] = []

    def follow_panes(self, panes: Sequence[tuple[str, int]], loaded: Collection[str]) -> bool:
        """Each model wears what its first pane does, now or when it is loaded, and the others leave the silks of panes
        to them. ``panes`` are models and silks. Returns whether something has changed."""
        if list(panes) == self._panes:
            return False
        self._panes, before = list(panes), dict(self.worn)
        self.dress_all(loaded)
        return self.worn != before

    def dress_all(self, loaded: Collection[str]) -> None:
        """All that are ``loaded``, those of the panes first."""
        of_panes = {model for model, _ in self._panes}
        for model in sorted(loaded, key=lambda model: model not in of_panes):
            self.dress(model, loaded)

    def dress(self, model: str, loaded: Collection[str]) -> None:
        """One that is ``loaded``, beside the others that are."""
        of_pane = next((silk for owner, silk in self._panes if owner == model), None)
        taken = {self.worn[other] for other in loaded if other != model and other in self.worn}
        taken |= {silk for _, silk in self._panes}
        if of_pane is not None:
            self.worn[model] = of_pane
        elif model not in self.worn or self.worn[model] in taken:
            self.worn[model] = next(silk for silk in itertools.count() if silk not in taken)
