"""Messages to show in a conversation view, and what it then says."""

from collections.abc import Callable
from typing import Any

from PySide6.QtGui import QAccessible
from pytestqt.qtbot import QtBot

from paddock.gui.widgets.conversation import ConversationView
from paddock.gui.widgets.conversation.blocks import NodeBlock
from paddock.sdk.types import ChatMessage, Stats, Usage

ANSWER = """Because only the **new** tokens are evaluated, see [the page](https://example.org/a):

```python
def reuse(tokens):
    return tokens
```

1. one
2. two

| a | b |
|---|--:|
| 1 | 2 |

The end."""
Make = Callable[..., ConversationView]


def message(name: str, role: str, content: str, **more: Any) -> ChatMessage:
    given: dict[str, Any] = {"chat_id": "c", "parent": None, "model": "demo/Starter" if role == "assistant" else ""}
    return ChatMessage(id=name, role=role, content=content, **{**given, **more})  # type: ignore[arg-type]


def exchange() -> list[ChatMessage]:
    numbers = {
        "stats": Stats(ttft_s=0.12, tokens_per_second=31.6),
        "usage": Usage(prompt_tokens=1902, completion_tokens=214, cached_tokens=1843),
    }
    return [message("q", "user", "Why is it faster?"), message("a", "assistant", ANSWER, **numbers)]


def settle(qtbot: QtBot, view: ConversationView) -> None:
    """Wait until everything that arrived is shown."""
    rows = view.column.rows
    qtbot.waitUntil(lambda: not any(row.pending_text or row.pending_reasoning for row in rows))


def shown(view: ConversationView, row: int) -> list[str]:
    """What the blocks of a row say, laid out or not."""
    found = []
    for block in view.column.rows[row].blocks:
        block.layout()
        if isinstance(block, NodeBlock):
            found.append(block.text())
    return found


def child_names(interface: Any) -> list[str]:
    return [interface.child(i).text(QAccessible.Text.Name) for i in range(interface.childCount())]
