"""Why an answer is not whole, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from paddock.gui.widgets.notice import Severity
from paddock.sdk.errors import ModelNotFound, NoVision, OutOfMemory
from paddock.sdk.types import ChatMessage

LOAD_SETTINGS = "Change load settings"
"""The button where memory ran out and nothing is known to help for sure."""
CHOOSE_MODEL = "Choose another model"
"""The button where there is no such model."""


@dataclass(frozen=True)
class Ending:
    """What a card says. ``severity`` None: nothing is wrong, the user wanted it so. ``remedy``: the button for what
    would help, empty for none."""

    severity: Severity | None
    sentence: str
    hint: str
    action: str
    remedy: str = ""

    @property
    def icon(self) -> str:
        """That of the remedy."""
        return "models" if self.remedy == CHOOSE_MODEL else "sliders"


def ending(message: ChatMessage) -> Ending | None:
    """The card under a message that failed, was interrupted or was stopped; None for a whole or running one."""
    error = message.error or {}
    sentence, hint = str(error.get("message", "")), str(error.get("hint", ""))
    match message.state:
        case "failed":
            remedy = _remedy(error)
            hint = hint.removeprefix(f"{remedy}.").lstrip()  # the button says it
            return Ending("bad", sentence or "The answer failed.", hint, "Retry", remedy)
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


def _remedy(error: Mapping[str, Any]) -> str:
    if error.get("code") in (ModelNotFound.code, NoVision.code):
        return CHOOSE_MODEL
    if error.get("code") != OutOfMemory.code:
        return ""
    return str((error.get("details") or {}).get("remedy") or LOAD_SETTINGS)
