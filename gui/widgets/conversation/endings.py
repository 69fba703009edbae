"""Why an answer is not whole, in words."""

from __future__ import annotations

from dataclasses import dataclass

from paddock.gui.widgets.notice import Severity
from paddock.sdk.types import ChatMessage


@dataclass(frozen=True)
class Ending:
    """What a card says. ``severity`` None: nothing is wrong, the user wanted it so."""

    severity: Severity | None
    sentence: str
    hint: str
    action: str


def ending(message: ChatMessage) -> Ending | None:
    """The card under a message that failed, was interrupted or was stopped; None for a whole or running one."""
    error = message.error or {}
    sentence, hint = str(error.get("message", "")), str(error.get("hint", ""))
    match message.state:
        case "failed":
            return Ending("bad", sentence or "The answer failed.", hint, "Retry")
        case "interrupted":
            return Ending(
                "warn",
                sentence or "Paddock ended while this answer was being written.",
                hint or "What had been saved is shown. Retry writes it anew.",
                "Retry",
            )
        case "cancelled":
            return Ending(None, "You stopped this answer.", "", "Answer again")
        case "done" | "generating":
            return None
