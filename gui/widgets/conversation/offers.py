"""What a message offers beside reading it, and what a row can ask the view to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paddock.sdk.types import ChatMessage

if TYPE_CHECKING:
    from paddock.gui.widgets.conversation.gallery import Gallery
    from paddock.gui.widgets.conversation.row import MessageRow


@dataclass(frozen=True)
class Offers:
    """Which actions the page answers ("branch", "continue", "delete", "insert", "role", "revisions", "edit"); whether
    heads and numbers are shown."""

    actions: frozenset[str] = frozenset()
    heads: bool = True
    numbers: bool = True


@dataclass(frozen=True)
class Deeds:
    """What a row can ask the view to do; message ids, or text and what it is."""

    copy: Callable[[str, str], None]
    regenerate: Callable[[str], None]
    retry: Callable[[str], None]
    remedy: Callable[[str], None]
    edit: Callable[[str], None]
    version: Callable[[str], None]
    act: Callable[[str, str], None]
    menu: Callable[[str], None]
    reshaped: Callable[[MessageRow], None]
    gallery: Gallery
    open_picture: Callable[[str], None]


def can_go_on(message: ChatMessage) -> bool:
    """Whether an answer is worth continuing: it has words, and the model did not end it by itself."""
    cut = message.state in ("cancelled", "interrupted") or message.stop_reason in ("length", "context")
    return message.role == "assistant" and cut and bool(message.content)


def entries(message: ChatMessage, actions: frozenset[str], last: bool) -> list[tuple[str, str]]:
    """What the menu of a message offers: action and words. Nothing for what is not stored, or is being written."""
    if not message.created or message.state == "generating":
        return []
    own = message.role == "user"
    wanted = [
        ("edit", "Edit"),
        ("continue", "Continue this answer") if message.role == "assistant" and last else None,
        ("branch", "Branch from here"),
        ("insert", "Insert a message below"),
        ("role", "Change to an answer" if own else "Change to a message of yours"),
        ("revisions", "Earlier wordings") if message.revisions else None,
        ("delete", "Delete"),
    ]
    return [entry for entry in wanted if entry is not None and entry[0] in actions]
