"""Which conversations to list when lists of them, answers and events of the host tell of them in any order."""

from __future__ import annotations

from collections.abc import Iterable

from paddock.sdk.types import ChatSummary

Chats = dict[str, ChatSummary]


class ChatNews:
    """Every change of a conversation makes a revision of it: what has a lower one than what is known is no news. A list
    may be older than what was told since it was asked for.
    """

    def __init__(self) -> None:
        self._told: dict[str, ChatSummary | None] = {}
        self._gone: dict[str, int] = {}  # the revisions that deleted conversations

    def asked(self) -> None:
        """A list is asked for now; the host may be another one than before, or its database a backup."""
        self._told = {}
        self._gone = {}

    def told(self, id: str, summary: ChatSummary | None, revision: int, known: Chats) -> bool:
        """Whether an event brings news, which is put into ``known``. ``summary`` None: deleted, as ``revision``."""
        before = known.get(id)
        if before is not None and before.revision > (revision if summary is None else summary.revision):
            return False
        if summary is None:
            self._gone[id] = revision
        self._told[id] = summary
        _put(known, id, summary)
        return True

    def answered(self, summary: ChatSummary, known: Chats) -> bool:
        """Whether an answer brings news, which is put into ``known``. One in the trash is not listed:
        its last answer may end as it goes there."""
        before = known.get(summary.id)
        if summary.revision < (self._gone.get(summary.id, 0) if before is None else before.revision):
            return False
        _put(known, summary.id, summary if summary.deleted is None else None)
        return True

    def listed(self, chats: Iterable[ChatSummary]) -> Chats:
        """What is to be shown of a list, put right by what was told since it was asked for."""
        shown = {item.id: item for item in chats}
        for chat, summary in self._told.items():
            listed = shown.get(chat)
            if summary is None or listed is None or summary.revision >= listed.revision:
                _put(shown, chat, summary)
        return shown


def _put(chats: Chats, id: str, summary: ChatSummary | None) -> None:
    if summary is None:
        chats.pop(id, None)
    else:
        chats[id] = summary
