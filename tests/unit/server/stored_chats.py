"""Databases of conversations for tests, written without a host."""

from __future__ import annotations

from pathlib import Path

from paddock.sdk.types import ChatMessage, ChatSummary
from paddock.server.chats import ChatTable
from paddock.server.database import connect


def fill(path: Path, chats: int = 12, messages: int = 20, *, first: int = 0) -> list[str]:
    """``chats`` conversations of ``messages`` messages each, some of them long; the ids of the messages."""
    table = ChatTable(connect(path), path)
    ids = []
    for number in range(first, first + chats):
        chat = f"c{number}"
        table.add(ChatSummary(id=chat, title=f"Chat {number}", created=1.0, updated=1.0 + number, model="m", system=""))
        said: list[ChatMessage] = []
        for at in range(messages):
            role = "assistant" if at % 2 else "user"
            text = f"horse number{number}x{at} " * (300 if at % 7 == 3 else 12)
            parent = said[-1].id if said else None
            said.append(
                ChatMessage(id=f"{chat}m{at}", chat_id=chat, parent=parent, role=role, content=text, created=1.0)  # type: ignore[arg-type]
            )
        table.append(chat, said, "", 2.0 + number)
        ids += [message.id for message in said]
    table.close()
    return ids


def opened(path: Path) -> ChatTable:
    return ChatTable(connect(path), path)
