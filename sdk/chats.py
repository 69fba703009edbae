"""Values about conversations beyond one answer: folders, search, changes to messages, export and import, backups.

Times are Unix seconds.
"""

from __future__ import annotations

from typing import Literal

from paddock.sdk.types import Request, Role, Value

ExportFormat = Literal["markdown", "html", "jsonl", "csv", "pdf"]
ImportFormat = Literal["jsonl", "lmstudio", "jan", "openwebui", "chatgpt"]


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
    before what follows there; None: at the end. In a comparison it is the path of ``pane``; panes that share what
    follows there share the message too."""

    role: Role
    content: str
    after: str | None = None
    pane: str = ""


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


# ---------------------------------------------------------------- in and out


class ExportRequest(Request, frozen=True, kw_only=True):
    """Write conversations: the ``chats`` in their order, those of a ``folder``, or all where both are empty.

    ``path`` is a file, or a folder that gets one file for each conversation; what is there already is replaced only
    with ``replace``. Without a path the text comes back (not of a PDF). ``versions``: all versions of the turns instead
    of the current path. ``side_by_side``: the panes of a comparison as columns. ``blind`` keeps names out. ``job``
    names the :class:`~paddock.sdk.jobs.Job` that tells how far it is and can be cancelled, where it takes longer.
    """

    format: ExportFormat
    chats: tuple[str, ...] = ()
    folder: str = ""
    path: str = ""
    replace: bool = False
    versions: bool = False
    reasoning: bool = True
    numbers: bool = False
    side_by_side: bool = False
    blind: bool = False
    job: str = ""


class Exported(Value, frozen=True, kw_only=True):
    """What was written. ``text`` where no path was named."""

    files: tuple[str, ...] = ()
    chats: int = 0
    messages: int = 0
    text: str = ""
    notes: tuple[str, ...] = ()


class ChatImport(Request, frozen=True, kw_only=True):
    """Take over the conversations of the file or folder at ``path``; None finds out its format. What was taken over
    before is not taken twice. ``job`` as in :class:`ExportRequest`."""

    path: str
    format: ImportFormat | None = None
    folder: str = ""
    job: str = ""


class Imported(Value, frozen=True, kw_only=True):
    """What came in. ``skipped`` were there already; ``problems`` are sentences about what could not be read."""

    format: ImportFormat
    chats: tuple[str, ...] = ()
    messages: int = 0
    skipped: int = 0
    problems: tuple[str, ...] = ()


class Backup(Value, frozen=True, kw_only=True):
    """A copy of all conversations. ``reason`` says why it was made (“daily”, “before an update”); a ``damaged`` one
    cannot be read."""

    name: str
    path: str
    created: float
    size_bytes: int
    chats: int
    reason: str = ""
    damaged: bool = False


class StoreRepair(Value, frozen=True, kw_only=True):
    """What was done when the file of the conversations was found damaged, in words; ``kept`` is where the damaged file
    lies. ``told``: a window has shown it."""

    when: float
    text: str
    kept: str = ""
    told: bool = False


class StoreState(Value, frozen=True, kw_only=True):
    """Where the conversations lie and what they take, without and with their copies. ``checked`` is when their file was
    last looked through, None: not yet since the host started. ``repair`` is the last one there was."""

    path: str
    size_bytes: int
    backups_path: str
    backups_bytes: int
    checked: float | None = None
    repair: StoreRepair | None = None
