"""The order in which a blind comparison shows its panes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def blind_order(chat: str, turn: str, panes: Iterable[str]) -> tuple[str, ...]:
    """The ids of ``panes`` shuffled for the question ``turn``: the same each time and wherever it is asked, so that A
    in the window is A in an export."""
    return tuple(sorted(panes, key=lambda pane: hashlib.sha256(f"{chat}\n{turn}\n{pane}".encode()).digest()))
