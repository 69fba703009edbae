"""Values about conversations beyond one answer: folders, search, changes to messages.

Times are Unix seconds.
"""

from __future__ import annotations

from paddock.sdk.types import Request, Role, Value


class ChatFolder(Value, frozen=True, kw_only=True):
    """A folder of conversations inside the folder ``parent``; empty: at the top. ``position`` orders its siblings."""

    id: str
    name: str
    parent: str = ""
    position: int = 0


class FolderPatch(Request, frozen=True, kw_only=True):
    """A new folder, or changes to one; None leaves a field as it is."""

    name: str | None = None
    parent: str | None = None
    position: int | None = None


class ChatSearch(Request, frozen=True, kw_only=True):
    """Conversations whose title or text has all ``words``; the last one may be the beginning of a word, words in
    quotation marks stand next to each other. ``folder`` holds those below it too; ``chat`` looks into one alone."""

    words: str
    folder: str = ""
    tag: str = ""
    chat: str = ""
    deleted: bool = False
    limit: int = 50


class ChatHit(Value, frozen=True, kw_only=True):
    """A place where the words were found; ``message`` is empty for the title. ``marks`` are the places of the words in
    ``snippet``, from and to in characters."""

    chat: str
    title: str
    message: str = ""
    role: Role = "user"
    snippet: str = ""
    marks: tuple[tuple[int, int], ...] = ()
    created: float = 0.0


# ---------------------------------------------------------------- messages


class NewMessage(Request, frozen=True, kw_only=True):
    """Put a message into a conversation without having it answered: behind the message ``after`` of its current path,
    before what follows there; None: at the end."""

    role: Role
    content: str
    after: str | None = None


class MessagePatch(Request, frozen=True, kw_only=True):
    """Changes to a stored message; None leaves a field as it is. What it said before is kept as a Revision.

    ``deleted`` True takes it out of the conversation and False brings it back; ``below``: with all that follows it.
    """

    content: str | None = None
    role: Role | None = None
    deleted: bool | None = None
    below: bool = False


class Revision(Value, frozen=True, kw_only=True):
    """What a message said until it was changed at ``replaced``."""

    role: Role
    content: str
    replaced: float


class BranchRequest(Request, frozen=True, kw_only=True):
    """A new conversation with the path from the first message to ``message``; empty: the whole current path."""

    message: str = ""
