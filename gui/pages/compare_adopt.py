"""Taking one answer as the common history of all panes, and giving each its own way back."""

from __future__ import annotations

from paddock.gui.messages import Action, Messages
from paddock.gui.pages.compare_session import Comparison


def adopt(messages: Messages, session: Comparison, pane: str, name: str) -> None:
    """All panes go on from the conversation as ``pane`` has it, which is called ``name``; what was said in the others
    is kept and comes back with the message's button."""
    chat = session.chat
    before = {other: path[-1].id for other, path in session.paths.items() if path}

    def part() -> None:
        if session.chat == chat:
            session.part(before)

    session.adopt(pane)
    messages.info(
        f"All panes go on from the answer of {name.replace('Pane', 'pane', 1)}.",
        Action("Let each go its own way", part),
        seconds=15,
        key="adopted",
    )
