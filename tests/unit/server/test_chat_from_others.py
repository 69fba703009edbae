"""Conversations of LM Studio, Jan, Open WebUI and ChatGPT, read without a host."""

from __future__ import annotations

import base64
import json
import sqlite3
import zipfile
from contextlib import closing

import pytest
from foreign_chats import THREAD, chatgpt, found, jan_messages, lmstudio, openwebui, put, shown
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.sdk.errors import BadRequest, PaddockError
from paddock.server.chat_foreign import Node, grown, message
from paddock.server.chat_reading import read
from paddock.server.chat_sources import Way


def test_lm_studios_versions_folders_reasoning_and_numbers(tmp_path):
    put(tmp_path / "conversations" / "Trips" / "1732000000000.conversation.json", lmstudio())
    put(tmp_path / "conversations" / "broken.conversation.json", '{"name": "x", "messages": [')
    (record,), problems = found(tmp_path / "conversations")
    assert shown(record) == [("user", "Where?"), ("assistant", "Paris."), ("user", "Thanks")]
    assert record.folder == ("Trips",)
    chat = record.summary
    assert (chat.title, chat.system, chat.model, chat.pinned) == ("Capitals", "Be brief.", "qwen/qwen3-8b", True)
    assert (chat.created, chat.updated) == (1732000000, 1732000100)
    first, other, answer, _ = record.messages
    assert other.parent == answer.parent == first.id
    assert (answer.reasoning, answer.stats.tokens_per_second, answer.usage.completion_tokens) == (
        "Let me see.",
        41.5,
        3,
    )
    assert problems == [
        "“Capitals”: 1 image and 1 tool call were left out.",
        "“broken.conversation.json” is cut off: it ends in the middle.",
    ]


def test_pictures_come_along_where_their_files_are(tmp_path, noise_png):
    put(tmp_path / "conversations" / "1732000000000.conversation.json", lmstudio())
    (tmp_path / "user-files").mkdir()
    (tmp_path / "user-files" / "1.png").write_bytes(noise_png(20, 10))
    (record,), problems = found(tmp_path / "conversations")
    assert [(picture.width, picture.height) for picture in record.messages[0].pictures] == [(20, 10)]
    assert problems == ["“Capitals”: 1 tool call was left out."]
    url = "data:image/png;base64," + base64.b64encode(noise_png(30, 20)).decode()
    exported = openwebui()
    messages = [one for chat in exported for one in chat["chat"].get("history", {}).get("messages", {}).values()]
    asked = next(one for one in messages if one.get("files"))
    asked["files"] = [{"type": "image", "url": url}, {"type": "image", "url": "/api/v1/files/x/content"}]
    drawn = next(one for one in messages if one["role"] == "assistant")
    drawn["files"] = [{"type": "image", "url": url}]  # a model without vision could not go on from it
    put(tmp_path / "export.json", exported)
    records, problems = found(tmp_path / "export.json")
    assert [picture.width for record in records for message in record.messages for picture in message.pictures] == [30]
    assert any("2 images" in problem for problem in problems)


def test_jans_threads(tmp_path):
    put(tmp_path / "threads" / "t1" / "thread.json", THREAD)
    put(
        tmp_path / "threads" / "t1" / "messages.jsonl",
        "\n".join([*map(json.dumps, jan_messages()), '{"id": "m3", "ro']),
    )
    for path in (tmp_path, tmp_path / "threads" / "t1" / "thread.json"):
        (record,), problems = found(path)
        assert shown(record) == [("user", "Hello"), ("assistant", "Hello to you.")]
        assert record.messages[1].reasoning == "Kindly."
        assert (record.summary.model, record.summary.system) == ("llama3.2-3b", "Be kind.")
        assert problems == [
            "“Hello”: 1 image was left out.",
            "“t1/messages.jsonl, line 3” is cut off: it ends in the middle.",
        ]


def test_jans_database(tmp_path):
    with closing(sqlite3.connect(tmp_path / "jan.db")) as store, store:
        store.execute("CREATE TABLE threads (id TEXT, data TEXT, created_at INTEGER)")
        store.execute("CREATE TABLE messages (id TEXT, thread_id TEXT, data TEXT, created_at INTEGER)")
        store.execute("INSERT INTO threads VALUES ('t1', ?, 1)", (json.dumps(THREAD),))
        for at, one in enumerate(jan_messages()):
            store.execute("INSERT INTO messages VALUES (?, 't1', ?, ?)", (one["id"], json.dumps(one), at))
    (record,), _ = found(tmp_path / "jan.db")
    assert shown(record) == [("user", "Hello"), ("assistant", "Hello to you.")]
    with closing(sqlite3.connect(tmp_path / "jan.db")) as store, store:
        store.execute("INSERT INTO threads VALUES ('t2', '{broken', 2)")
        for at, broken in enumerate(('{"role": "user', None, b"\xff\xfe", 7)):
            store.execute("INSERT INTO messages VALUES (?, 't1', ?, 9)", (f"b{at}", broken))
        store.execute("INSERT INTO messages VALUES ('x', 't2', ?, 9)", (json.dumps(jan_messages()[0]),))
        store.execute("UPDATE messages SET data=CAST(x'7bff' AS TEXT) WHERE id='b2'")
    (record, other), problems = found(tmp_path / "jan.db")
    assert shown(record) == [("user", "Hello"), ("assistant", "Hello to you.")]
    assert len(other.messages) == 1
    assert [problem.partition(" (")[0] for problem in problems if "jan.db" in problem] == [
        "“jan.db, thread t1”: 3 messages were left out. “jan.db, thread t1, message 3” is cut off: it ends in the"
        " middle.",
        "“jan.db, thread t2” is no valid JSON",
    ]
    put(tmp_path / "other" / "jan.db", "no database at all, but long enough to look like one " * 3)
    with pytest.raises(BadRequest, match="no store of Jan"):
        found(tmp_path / "other" / "jan.db")


def test_open_webuis_tree_with_its_versions(tmp_path):
    path = put(tmp_path / "chat-export-1732.json", [*openwebui(), {"id": "rubbish"}])
    (record, old), problems = found(path)
    assert shown(record) == [("user", "Where?"), ("assistant", "Paris.")]
    assert sorted(one.content for one in record.messages) == ["Lyon.", "Paris.", "Where?"]
    answer = record.path(record.leaf)[-1]
    assert (answer.reasoning, answer.model, answer.usage.completion_tokens) == ("First\nthen", "qwen3:8b", 2)
    assert (record.summary.tags, record.summary.system) == (("travel", "archived"), "Be brief.")
    assert shown(old) == [("user", "hi"), ("assistant", "ho")]
    assert problems == [
        "“Capitals”: 1 image and 1 tool call were left out.",
        "“chat-export-1732.json, number 3” is no conversation of Open WebUI.",
    ]


def test_open_webuis_answers_that_stand_in_their_output_alone(tmp_path):
    output = [
        {"type": "reasoning", "content": [{"type": "output_text", "text": "A capital."}], "summary": []},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Let me search."}]},
        {"type": "function_call", "name": "search_web", "arguments": "{}"},
        {"type": "function_call_output", "output": [{"type": "input_text", "text": "results"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Paris."}]},
    ]
    question = {"id": "u", "parentId": None, "role": "user", "content": "Where?"}
    counted = {"input_tokens": 5, "output_tokens": 7}
    answer = {"id": "a", "parentId": "u", "role": "assistant", "content": "", "output": output, "usage": counted}
    history = {"messages": {"u": question, "a": answer}, "currentId": "a"}
    path = put(tmp_path / "chat-export.json", [{"id": "w", "title": "Capitals", "chat": {"history": history}}])
    (record,), problems = found(path)
    assert shown(record) == [("user", "Where?"), ("assistant", "Let me search.\n\nParis.")]
    read = record.path(record.leaf)[-1]
    assert (read.reasoning, read.usage.completion_tokens) == ("A capital.", 7)
    assert problems == ["“Capitals”: 1 tool call was left out."]


@pytest.mark.parametrize("packed", [False, True])
def test_chatgpts_tree_alone_and_in_its_archive(tmp_path, packed):
    path = tmp_path / "conversations.json"
    if packed:
        path = tmp_path / "export.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("chat.html", "<html>")
            archive.writestr("user.json", "{}")
            archive.writestr("conversations.json", json.dumps(chatgpt()))
    else:
        put(path, chatgpt())
    (record,), problems = found(path)
    assert shown(record) == [("user", "Where?"), ("assistant", "Paris.")]
    answer = record.path(record.leaf)[-1]
    assert (answer.reasoning, answer.model) == ("Looking\n\nIt is a city.", "o3")
    assert [one.content for one in record.messages if one.parent is None] == ["Were?", "Where?"]  # two versions
    assert record.summary.pinned
    lost = "1 image, custom instructions and 2 messages to and from tools"
    assert sorted(problems[0].replace(" and ", ", ")) == sorted(
        f"“Capitals”: {lost} were left out.".replace(" and ", ", ")
    )


@pytest.mark.parametrize("packed", [False, True])
def test_chatgpts_pictures_come_along_where_their_files_are(tmp_path, noise_png, packed):
    chats = chatgpt()
    said = chats[0]["mapping"]["u2"]["message"]["content"]["parts"]
    part = lambda pointer: {"content_type": "image_asset_pointer", "asset_pointer": pointer}  # noqa: E731
    lost = ("sediment://file_0000dead", "file-service://file-webp", "elsewhere://7")
    said[:] = ["Where?", *map(part, ("file-service://file-Ab1", "sediment://file_0000beef", *lost))]
    files = {
        "conversations.json": json.dumps(chats).encode(),
        "file-Ab1-my photo.png": noise_png(20, 10),
        "user-1/file_0000beef-sanitized.png": noise_png(30, 10),
        "file_0000dead.png": noise_png(40, 10)[:20],
        "file-webp.webp": b"RIFF\0\0\0\0WEBP",
        "file-Ab12.png": noise_png(50, 10),  # another one, whose name begins alike
        "files/mine.png": noise_png(60, 10),  # which no message means
    }
    if packed:
        with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    for name, content in {} if packed else files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (record,), problems = found(tmp_path / ("export.zip" if packed else "conversations.json"))
    (asked,) = (one for one in record.messages if one.content == "Where?")
    assert [(picture.width, picture.at) for picture in asked.pictures] == [(20, 6), (30, 6)]
    assert "3 images" in problems[0]


def test_chatgpts_references_become_what_it_shows_in_their_place(tmp_path):
    chats = chatgpt()
    cite, chart = "\ue200cite\ue202turn0search3\ue201", "\ue200chart\ue202turn0x1\ue201"
    answer = next(node for node in chats[0]["mapping"].values() if "Paris." in str(node["message"]))["message"]
    answer["content"]["parts"] = [f"Paris. {cite}{chart}"]
    answer["metadata"] = {"content_references": [{"matched_text": cite, "alt": "([site](https://example.org))"}]}
    (record,), _ = found(put(tmp_path / "conversations.json", chats))
    assert shown(record)[-1] == ("assistant", "Paris. ([site](https://example.org))")


KEYS = st.sampled_from(
    (
        "messages",
        "mapping",
        "chat",
        "history",
        "versions",
        "content",
        "role",
        "parts",
        "message",
        "children",
        "id",
        "parent",
        "paddock",
        "steps",
        "currentId",
        "parentId",
        "author",
        "type",
        "text",
        "user",
        "assistant",
    )
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["openwebui", "chatgpt", "jsonl", "lmstudio"]), PLAIN)
def test_no_shape_of_json_breaks_a_reader(tmp_path_factory, format, value):
    path = put(tmp_path_factory.getbasetemp() / "any.json", [value] if format != "lmstudio" else value)
    try:
        list(read(path, format, Way(lambda share: None)))
    except PaddockError as error:
        said = error.message
    else:
        said = "nothing was wrong"
    assert said


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.none() | st.integers(0, 10), st.booleans()), max_size=12))
def test_any_graph_becomes_a_tree(edges):
    nodes = [
        Node(str(id), None if parent is None else str(parent), message(str(id), "user", "x") if kept else None)
        for id, parent, kept in edges
    ]
    tree = grown(nodes, "0")
    seen: set[str | None] = {None}
    for one in tree.messages:
        assert one.parent in seen
        assert one.id not in seen
        seen.add(one.id)
    first = {node.id: node for node in reversed(nodes)}
    assert seen - {None} == {node.id for node in first.values() if node.message is not None}
    assert tree.leaf in seen
