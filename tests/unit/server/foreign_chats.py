"""Conversations as other programs keep them, for the tests of taking them over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from paddock.server.chat_archive import ChatRecord
from paddock.server.chat_reading import format_of, read
from paddock.server.chat_sources import Way


def found(path: Path) -> tuple[list[ChatRecord], list[str]]:
    """The conversations of ``path`` and what is said about them, without a host. Reading tells how far it is."""
    shares: list[float] = []
    everything = list(read(path, format_of(path), Way(shares.append)))
    assert shares == sorted(shares)
    assert 0.9 < shares[-1] <= 1 + 1e-9 or path.is_dir(), "a file in a folder may be unreadable"
    records = [one for one in everything if isinstance(one, ChatRecord)]
    return records, [said for one in everything if (said := one if isinstance(one, str) else one.lost)]


def shown(record: ChatRecord) -> list[tuple[str, str]]:
    return [(one.role, one.content) for one in record.path(record.leaf)]


def put(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def lmstudio() -> dict[str, Any]:
    said = lambda text: [{"type": "text", "text": text}]  # noqa: E731
    answer = {
        "type": "multiStep",
        "role": "assistant",
        "steps": [
            {"type": "contentBlock", "content": said("Let me see."), "style": {"type": "thinking"}},
            {"type": "contentBlock", "content": [{"type": "toolCallRequest", "callId": 1}]},
            {"type": "toolStatus", "callId": 1},
            {
                "type": "contentBlock",
                "content": said("Paris."),
                "genInfo": {
                    "indexedModelIdentifier": "qwen/qwen3-8b",
                    "stats": {
                        "tokensPerSecond": 41.5,
                        "timeToFirstTokenSec": 0.25,
                        "promptTokensCount": 12,
                        "predictedTokensCount": 3,
                    },
                },
            },
            {"type": "debugInfoBlock", "debugInfo": "x"},
        ],
    }
    plain = {"type": "singleStep", "role": "assistant", "content": said("It is Paris.")}
    picture = {"type": "file", "fileIdentifier": "1.png", "fileType": "image"}
    return {
        "name": "Capitals",
        "pinned": True,
        "createdAt": 1732000000000,
        "assistantLastMessagedAt": 1732000100000,
        "messages": [
            {
                "versions": [{"type": "singleStep", "role": "user", "content": [*said("Where?"), picture]}],
                "currentlySelected": 0,
            },
            {"versions": [plain, answer], "currentlySelected": 1},
            {"versions": [{"type": "singleStep", "role": "user", "content": said("Thanks")}], "currentlySelected": 0},
        ],
        "lastUsedModel": {"identifier": "qwen3-8b", "indexedModelIdentifier": "qwen/qwen3-8b"},
        "perChatPredictionConfig": {"fields": [{"key": "llm.prediction.systemPrompt", "value": "Be brief."}]},
    }


THREAD = {
    "id": "t1",
    "title": "Hello",
    "created": 1732000000,
    "updated": 1732000050,
    "assistants": [{"model": {"id": "llama3.2-3b", "engine": "llama-cpp"}, "instructions": "Be kind."}],
}


def jan_message(id: str, role: str, text: str, created: float, *more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "role": role,
        "created_at": created,
        "content": [{"type": "text", "text": {"value": text}}, *more],
    }


def jan_messages() -> list[dict[str, Any]]:
    picture = {"type": "image_url", "image_url": {"url": "data:"}}
    return [
        jan_message("m2", "assistant", "<think>Kindly.</think>Hello to you.", 1732000020000),
        jan_message("m1", "user", "Hello", 1732000010000, picture),
    ]


def openwebui() -> list[dict[str, Any]]:
    thought = (
        '<details type="reasoning" done="true" duration="3">\n<summary>Thought for 3 seconds</summary>\n'
        "&gt; First\n&gt; then\n</details>\n"
    )
    tool = (
        '<details type="tool_calls" done="true" id="1" name="search">\n<summary>Tool Executed</summary>\n</details>\n'
    )
    messages = {
        "u": {
            "id": "u",
            "parentId": None,
            "childrenIds": ["a", "b"],
            "role": "user",
            "content": "Where?",
            "timestamp": 1732000000,
            "files": [{"type": "image"}],
        },
        "a": {
            "id": "a",
            "parentId": "u",
            "childrenIds": [],
            "role": "assistant",
            "content": "Lyon.",
            "model": "gemma3",
            "timestamp": 1732000001,
        },
        "b": {
            "id": "b",
            "parentId": "u",
            "childrenIds": [],
            "role": "assistant",
            "content": thought + tool + "Paris.",
            "model": "qwen3:8b",
            "usage": {"prompt_tokens": 5, "completion_tokens": 2},
        },
    }
    chat = {
        "title": "t",
        "models": ["qwen3:8b"],
        "params": {"system": "Be brief."},
        "history": {"messages": messages, "currentId": "b"},
    }
    item = {
        "id": "w1",
        "title": "Capitals",
        "chat": chat,
        "updated_at": 1732000100,
        "created_at": 1732000000,
        "archived": True,
        "pinned": False,
        "meta": {"tags": ["travel"]},
    }
    old = {
        "id": "w2",
        "title": "Old",
        "chat": {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]},
    }
    return [item, old]


def chatgpt() -> list[dict[str, Any]]:
    def node(
        id: str, parent: str | None, role: str, content: dict[str, Any], *children: str, **more: Any
    ) -> dict[str, Any]:
        said = {
            "id": id,
            "author": {"role": role},
            "content": content,
            "create_time": 1732000000.5,
            "recipient": "all",
            **more,
        }
        return {"id": id, "parent": parent, "children": list(children), "message": said}

    def words(*parts: Any) -> dict[str, Any]:
        return {"content_type": "text", "parts": list(parts)}

    thoughts = {"content_type": "thoughts", "thoughts": [{"summary": "Looking", "content": "It is a city."}]}
    picture = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://x"}
    mapping = {
        "root": {"id": "root", "message": None, "parent": None, "children": ["s"]},
        "s": node("s", "root", "system", words(""), "i", metadata={"is_visually_hidden_from_conversation": True}),
        "i": node("i", "s", "user", {"content_type": "user_editable_context", "user_profile": "me"}, "u1", "u2"),
        "u1": node("u1", "i", "user", words("Were?"), "x1"),
        "x1": node("x1", "u1", "assistant", words("Where what?"), metadata={"model_slug": "gpt-4o"}),
        "u2": node("u2", "i", "user", {"content_type": "multimodal_text", "parts": [picture, "Where?"]}, "t"),
        "t": node("t", "u2", "assistant", thoughts, "code"),
        "code": node("code", "t", "assistant", {"content_type": "code", "text": "search()"}, "tool", recipient="web"),
        "tool": node("tool", "code", "tool", {"content_type": "execution_output", "text": "Paris"}, "a"),
        "a": node("a", "tool", "assistant", words("Paris."), metadata={"model_slug": "o3"}),
    }
    chat = {
        "conversation_id": "g1",
        "title": "Capitals",
        "create_time": 1732000000.0,
        "update_time": 1732000100.0,
        "mapping": mapping,
        "current_node": "a",
        "is_archived": False,
        "is_starred": True,
    }
    return [chat]
