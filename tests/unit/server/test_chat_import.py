"""Conversations taken over from files: our own, and those of other programs."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from server_harness import HostProcess, with_models

from paddock.sdk.errors import BadRequest, PaddockError
from paddock.server.chat_archive import ChatRecord
from paddock.server.chat_foreign import Node, grown, message
from paddock.server.chat_reading import format_of, read
from paddock.server.chat_sources import LONGEST_LINE, lines


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    started = HostProcess(with_models(tmp_path_factory.mktemp("home")), env={"PADDOCK_STORES": "off"}).ready()
    yield started
    started.close()


def imported(host: HostProcess, path: Path, **request: Any) -> Any:
    answer = host.http.post("/control/chat-import", json={"path": str(path), **request}, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def found(path: Path) -> tuple[list[ChatRecord], list[str]]:
    """The conversations of ``path`` and what is said about them, without a host."""
    everything = list(read(path, format_of(path)))
    records = [one for one in everything if isinstance(one, ChatRecord)]
    return records, [said for one in everything if (said := one if isinstance(one, str) else one.lost)]


def shown(record: ChatRecord) -> list[tuple[str, str]]:
    return [(one.role, one.content) for one in record.path(record.leaf)]


def put(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


# -------------------------------------------------------------------- our own


def state(host: HostProcess, chat: str) -> Any:
    """A conversation without what differs in every copy of it: ids are numbered as they come, times of copies left
    out."""
    names: dict[str, str] = {}
    whole = host.get(f"/control/chats/{chat}")
    votes = host.get(f"/control/votes?chat={chat}")
    for vote in votes:
        vote.pop("id")
    whole["summary"].pop("folder")

    def named(value: Any) -> Any:
        if isinstance(value, dict):
            return {named(key): named(one) for key, one in value.items()}
        if isinstance(value, list):
            return [named(one) for one in value]
        if isinstance(value, str) and len(value) in (12, 32) and all(c in "0123456789abcdef" for c in value):
            return names.setdefault(value, f"#{len(names)}")
        return value

    return named([whole, votes])


def ask(host: HostProcess, chat: str, question: str, **more: Any) -> None:
    for run in host.post(f"/control/chats/{chat}/ask", {"content": question, **more}):
        list(host.events("GET", f"/control/generations/{run['id']}/events"))


def rich(host: HostProcess) -> str:
    """Panes that have gone different ways, versions, an edited message, a vote, tags and a folder."""
    outer = host.post("/control/chat-folders", {"name": "Work"})["id"]
    inner = host.post("/control/chat-folders", {"name": "Python", "parent": outer})["id"]
    chat: str = host.post("/control/chats", {"model": "test/paris", "title": "Rich", "system": "Be brief."})["summary"][
        "id"
    ]
    host.http.patch(
        f"/control/chats/{chat}", json={"folder": inner, "tags": ["a", "b"], "pinned": True, "sampling": {"top_k": 7}}
    )
    list(host.events("POST", f"/control/chats/{chat}/send", {"content": "before"}))
    first = host.get(f"/control/chats/{chat}")["messages"][0]
    list(host.events("POST", f"/control/chats/{chat}/send", {"regenerate": first["id"], "content": "before, again"}))
    panes = [{"model": "test/paris", "name": "P"}, {"model": "test/thinker", "sampling": {"temperature": 0.5}}]
    made = host.post(f"/control/chats/{chat}/panes", panes)["panes"]
    ask(host, chat, "both")
    ask(host, chat, "one alone", panes=[made[1]["id"]])
    turn = host.get(f"/control/chats/{chat}")["paths"][made[0]["id"]][-1]["turn"]
    ask(host, chat, "both, again", turn=turn)
    turn = host.get(f"/control/chats/{chat}")["paths"][made[0]["id"]][-1]["turn"]
    host.post("/control/votes", {"chat": chat, "turn": turn, "outcome": "pane", "pane": made[1]["id"], "blind": True})
    answer = host.get(f"/control/chats/{chat}")["paths"][made[0]["id"]][-1]["id"]
    host.http.patch(f"/control/chats/{chat}/messages/{answer}", json={"content": "edited"})
    return chat


def test_our_own_lines_bring_everything_back(host, tmp_path):
    chat = rich(host)
    before = state(host, chat)
    host.post("/control/chat-export", {"format": "jsonl", "chats": [chat], "path": str(tmp_path / "all.jsonl")})
    here = imported(host, tmp_path / "all.jsonl")
    assert (here["chats"], here["skipped"], here["problems"]) == ([], 1, [])
    host.http.delete(f"/control/chats/{chat}")
    trashed = imported(host, tmp_path / "all.jsonl")
    assert (trashed["chats"], trashed["problems"]) == ([], ["“Rich” is in the trash; bring it back from there."])
    host.http.delete(f"/control/chats/{chat}?forever=1")
    back = imported(host, tmp_path / "all.jsonl")
    assert back["problems"] == []
    new = back["chats"][0]
    assert state(host, new) == before
    folders = {one["id"]: one for one in host.get("/control/chat-folders")}
    inner = folders[host.get(f"/control/chats/{new}")["summary"]["folder"]]
    assert (inner["name"], folders[inner["parent"]]["name"], len(folders)) == ("Python", "Work", 2)
    assert len(host.get("/control/votes")) == 1  # it moved to the conversation that came back
    answer = host.get(f"/control/chats/{new}")["messages"][-1]
    old = host.get(f"/control/chats/{new}/messages/{answer['id']}/revisions")
    assert [one["content"] for one in old] == ["The capital of France is Paris."]
    assert imported(host, tmp_path / "all.jsonl")["skipped"] == 1
    assert host.post("/control/chat-search", {"words": "edited"})[0]["chat"] == new


def test_a_conversation_that_came_in_goes_on(host, tmp_path):
    line = {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where is it?"}]}
    chat = imported(host, put(tmp_path / "a.jsonl", json.dumps(line)))["chats"][0]
    list(host.events("POST", f"/control/chats/{chat}/send", {"content": "Well?", "model": "test/paris"}))
    whole = host.get(f"/control/chats/{chat}")
    assert (whole["summary"]["title"], whole["summary"]["system"]) == ("Where is it?", "Be brief.")
    assert [one["content"] for one in whole["messages"]] == ["Where is it?", "Well?", "The capital of France is Paris."]


def test_plain_openai_messages(tmp_path):
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    said = [
        {
            "role": "user",
            "content": [{"type": "text", "text": "See"}, {"type": "image_url", "image_url": {"url": "data:"}}],
        },
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "3"},
        {"role": "assistant", "content": "<think>hm</think>\nThree."},
    ]
    path = put(tmp_path / "x.jsonl", "\n".join([json.dumps({"messages": said}), "", "{", '{"other": 1}', "[]"]))
    records, problems = found(path)
    assert shown(records[0]) == [("user", "See"), ("assistant", ""), ("tool", "3"), ("assistant", "Three.")]
    assert records[0].messages[1].tool_calls[0].name == "add"
    assert records[0].messages[3].reasoning == "hm"
    assert problems == [
        "“See”: 1 image was left out.",
        "“x.jsonl, line 3” is cut off: it ends in the middle.",
        "“x.jsonl, line 4” is no conversation.",
        "“x.jsonl, line 5” is no conversation.",
    ]


def test_lines_of_a_newer_paddock_or_damaged_ones_are_problems(tmp_path):
    kept = {"version": 1, "origin": "paddock:x", "chat": {"title": "Fine"}, "messages": []}
    bad = [kept | {"version": 99}, kept | {"messages": [{"id": "a", "role": "king", "content": ""}]}, {"version": 1}]
    path = put(tmp_path / "x.jsonl", "\n".join(json.dumps({"messages": [], "paddock": one}) for one in [kept, *bad]))
    records, problems = found(path)
    assert [record.summary.title for record in records] == ["Fine"]
    assert [problem[:19] for problem in problems] == [f"“x.jsonl, line {n}”: " for n in (2, 3, 4)]
    assert "newer Paddock" in problems[0]


def test_a_forged_line_keeps_the_database_whole(host, tmp_path):
    """Doubled ids, circles, leaves and panes that there are not, one vote twice."""
    said = [
        {"id": "a", "parent": "b", "role": "user", "content": "1", "pane": "nowhere"},
        {"id": "b", "parent": "a", "role": "assistant", "content": "2"},
        {"id": "a", "parent": None, "role": "user", "content": "again"},
        {"id": "c", "parent": "gone", "role": "user", "content": "3"},
    ]
    vote = {"id": "v", "chat": "", "turn": "a", "outcome": "tie", "pane": "", "blind": False, "contestants": []}
    kept = {"version": 1, "origin": "paddock:forged", "chat": {"title": "Forged"}, "messages": said, "leaf": "nowhere"}
    more = {"panes": [{"id": "p"}], "leaves": {"p": "x"}, "votes": [vote, vote], "revisions": {"z": []}}
    here = imported(host, put(tmp_path / "f.jsonl", json.dumps({"paddock": kept | more})))
    assert len(here["chats"]) == 1
    assert any("circles" in problem for problem in here["problems"])
    assert [one["content"] for one in host.get(f"/control/chats/{here['chats'][0]}")["messages"]] in (
        ["1", "2"],
        ["2"],
        ["3"],
    )


# -------------------------------------------------------------------- LM Studio


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


# -------------------------------------------------------------------- Jan


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
    put(tmp_path / "other" / "jan.db", "no database at all, but long enough to look like one " * 3)
    with pytest.raises(BadRequest, match="no store of Jan"):
        found(tmp_path / "other" / "jan.db")


# -------------------------------------------------------------------- Open WebUI


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


# -------------------------------------------------------------------- ChatGPT


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


def test_foreign_conversations_come_in_once_into_the_folder_that_was_named(host, tmp_path):
    folder = host.post("/control/chat-folders", {"name": "Old ones"})["id"]
    put(tmp_path / "lm" / "Trips" / "1.conversation.json", lmstudio())
    put(tmp_path / "conversations.json", chatgpt())
    put(tmp_path / "w.json", openwebui())
    put(tmp_path / "jan" / "t1" / "thread.json", THREAD)
    for path, format, count in (
        (tmp_path / "lm", "lmstudio", 1),
        (tmp_path / "conversations.json", "chatgpt", 1),
        (tmp_path / "w.json", "openwebui", 2),
        (tmp_path / "jan", "jan", 1),
    ):
        first = imported(host, path, folder=folder)
        assert (first["format"], len(first["chats"]), first["skipped"]) == (format, count, 0)
        again = imported(host, path, format=format)
        assert (again["chats"], again["skipped"]) == ([], count)
    folders = {one["name"]: one for one in host.get("/control/chat-folders")}
    assert folders["Trips"]["parent"] == folder
    titles = [one["title"] for one in host.get("/control/chats") if one["folder"] == folder]
    assert sorted(titles) == ["Capitals", "Capitals", "Hello", "Old"]


def test_a_large_import_leaves_the_host_answering(host, tmp_path):
    text = "word " * 200
    with open(tmp_path / "many.jsonl", "w") as file:
        for chat in range(120):
            said = [{"role": "user" if n % 2 == 0 else "assistant", "content": f"{chat} {n} {text}"} for n in range(20)]
            file.write(json.dumps({"messages": said}) + "\n")
    import threading
    import time

    slowest = 0.0
    answers: list[Any] = []
    with host.client() as http:
        begun = threading.Thread(target=lambda: answers.append(imported(host, tmp_path / "many.jsonl")))
        begun.start()
        while begun.is_alive():
            before = time.monotonic()
            assert http.get("/control/handshake").status_code == 200
            slowest = max(slowest, time.monotonic() - before)
        begun.join()
    assert (len(answers[0]["chats"]), answers[0]["messages"]) == (120, 2400)
    assert slowest < 1.0  # a machine that is busy with other things; 20 ms where it is not


# -------------------------------------------------------------------- the command


@pytest.fixture
def paddock(
    host: HostProcess, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """``paddock chats`` in this process, against the host: exit code, output, and what is said about it."""
    from paddock.sdk.cli.app import run

    monkeypatch.setenv("PADDOCK_HOME", str(host.home.root))

    def typed(*arguments: str) -> tuple[int, str, str]:
        code = run(["chats", *arguments])
        said = capsys.readouterr()
        return code, said.out, " ".join(said.err.split())

    return typed


def test_the_command_lists_exports_and_imports(paddock, tmp_path):
    said = [{"role": "user", "content": "Where is the tower?"}, {"role": "assistant", "content": "In Paris."}]
    put(tmp_path / "in.jsonl", json.dumps({"messages": said, "model": "some/model"}))
    code, out, _ = paddock("import", str(tmp_path / "in.jsonl"), "--folder", "Command/Old", "--json")
    came = json.loads(out)
    assert (code, came["format"], came["messages"], came["problems"]) == (0, "jsonl", 2, [])
    [chat] = json.loads(paddock("list", "--folder", "command", "--json")[1])
    assert chat["id"] == came["chats"][0]
    assert {name: chat[name] for name in ("title", "folder", "tags", "model", "messages")} == {
        "title": "Where is the tower?",
        "folder": "Command/Old",
        "tags": [],
        "model": "some/model",
        "messages": 2,
    }
    assert "Where is the tower?" in paddock("list")[1]
    assert "In Paris." in paddock("export", chat["id"])[1]
    target = tmp_path / "out" / "it.jsonl"
    done = paddock("export", "--folder", "command/old", "--format", "jsonl", "--out", str(target))
    assert done == (0, f"1 conversation, 2 messages: {target}\n", "")
    assert json.loads(target.read_text())["messages"] == said
    assert paddock("export", chat["id"], "--out", str(target))[0] == 1
    assert paddock("import", str(target))[1] == "0 conversations, 0 messages; 1 was there already.\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("import", "nowhere.json"), 1, "There is no “"),
        (("export", "nobody"), 1, "does not exist"),
        (("export", "--folder", "Nowhere"), 1, "No folder is called “Nowhere”"),
        (("export",), 2, "Name conversations"),
        (("export", "--all", "--format", "doc"), 2, "doc"),
    ],
)
def test_what_goes_wrong_is_a_sentence_and_a_code(paddock, arguments, code, said):
    done = paddock(*arguments)
    assert done[0] == code
    assert said in done[2]


# -------------------------------------------------------------------- rubbish


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", b"", "“a.json” is empty"),
        ("a.json", b'{"a": ', "“a.json” is cut off"),
        ("a.json", b"hello", "“a.json” is no valid JSON"),
        ("a.json", b'{"a": 1}', "holds no conversations that Paddock knows"),
        ("a.json", b"[" * 5000, "“a.json” is nested too deeply"),
        ("a.json", '[{"mapping": {}, "title": "caf\xe9"}]'.encode("latin-1"), "“a.json” is not UTF-8 text: byte"),
        ("a.zip", b"PK\x03\x04 rubbish", "The archive “a.zip” is damaged"),
        ("a.jsonl", b"\x00\x01\x02\n", "“a.jsonl, line 1” is no valid JSON"),
        ("a.conversation.json", b'{"messages": 5}', "“a.conversation.json” is no conversation of LM Studio"),
        ("thread.json", b"[1, 2", "thread.json” is cut off"),
    ],
)
def test_rubbish_is_named(host, tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    answer = host.http.post("/control/chat-import", json={"path": str(tmp_path / name)})
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]


def test_what_is_not_there_is_said(host, tmp_path):
    for request, said in (
        ({"path": str(tmp_path / "none")}, "There is no “"),
        ({"path": "here.json"}, "is not an absolute path"),
        ({"path": str(tmp_path)}, "holds no conversations"),
        ({"path": str(tmp_path), "folder": "nowhere"}, "no such folder"),
    ):
        assert said in host.http.post("/control/chat-import", json=request).json()["error"]["message"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_with_a_mark_are_read(tmp_path, encoding):
    path = tmp_path / "conversations.json"
    path.write_bytes(json.dumps(chatgpt(), ensure_ascii=False).replace("Capitals", "Hauptstädte ✓").encode(encoding))
    assert found(path)[0][0].summary.title == "Hauptstädte ✓"
    line = tmp_path / "x.jsonl"
    line.write_bytes('{"messages": [{"role": "user", "content": "Grüße"}]}\n'.encode(encoding))
    assert shown(found(line)[0][0]) == [("user", "Grüße")]


def test_files_are_read_within_bounds(tmp_path):
    path = put(tmp_path / "x.jsonl", "a" * 50 + "\n")
    with pytest.raises(BadRequest, match=r"Line 1 of “x\.jsonl” is longer than"):
        list(lines(path, longest=40))
    assert LONGEST_LINE > 1_000_000


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
        list(read(path, format))
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
