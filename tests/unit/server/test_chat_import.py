"""Conversations taken over from files: our own, and those of other programs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from foreign_chats import THREAD, chatgpt, found, lmstudio, openwebui, put, shown
from server_harness import DEADLINE_S, HostProcess, with_models
from stored_chats import opened

from paddock.sdk.errors import BadRequest
from paddock.sdk.types import ChatSummary
from paddock.server import chat_reading
from paddock.server.chat_archive import ChatRecord
from paddock.server.chat_import import _kept
from paddock.server.chat_sources import LONGEST_LINE, lines


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    started = HostProcess(with_models(tmp_path_factory.mktemp("home")), env={"PADDOCK_STORES": "off"}).ready()
    yield started
    started.close()


def imported(host: HostProcess, path: Path, **request: Any) -> Any:
    answer = host.http.post("/control/chat-import", json={"path": str(path), **request}, timeout=DEADLINE_S)
    assert answer.status_code == 200, answer.text
    return answer.json()


# -------------------------------------------------------------------- our own


def state(host: HostProcess, chat: str) -> Any:
    """A conversation without what differs in every copy of it: ids are numbered as they come, times of copies and the
    count of changes left out."""
    names: dict[str, str] = {}
    whole = host.get(f"/control/chats/{chat}")
    votes = host.get(f"/control/votes?chat={chat}")
    for vote in votes:
        vote.pop("id")
    whole["summary"].pop("folder")
    whole["summary"].pop("revision")

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
    came = host.get(f"/control/chats/{chat}")
    first = came["summary"]["created"]
    assert 0 < first == came["summary"]["updated"] == came["messages"][0]["created"], "as old as the import"
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


# -------------------------------------------------------------------- of other programs


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

    answered = 0
    answers: list[Any] = []
    with host.client() as http:
        begun = threading.Thread(target=lambda: answers.append(imported(host, tmp_path / "many.jsonl")))
        begun.start()
        while begun.is_alive():
            assert http.get("/control/handshake").status_code == 200
            answered += 1
        begun.join()
    assert (len(answers[0]["chats"]), answers[0]["messages"]) == (120, 2400)
    assert answered > 10  # one, if it were read and stored in one go


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


def test_the_command_lists_exports_and_imports(host, paddock, tmp_path):
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
    twins = [host.http.post("/control/chat-folders", json={"name": "Twin"}).json()["id"] for _ in range(2)]
    code, _, err = paddock("list", "--folder", "twin")
    assert code == 1
    assert all(f"{id} (Twin)" in err for id in twins)


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
        ("a.json", b"hello", "“a.json” is no valid JSON (invalid character (byte 0))"),
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


def test_a_folder_that_is_too_large_to_be_searched_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(chat_reading, "_MOST_FOLDERS", 2)
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    with pytest.raises(BadRequest, match="more than 2 folders"):
        chat_reading.format_of(tmp_path)


def test_what_is_not_there_is_said(host, tmp_path):
    for request, said in (
        ({"path": str(tmp_path / "none")}, "There is no “"),
        ({"path": "here.json"}, "is not an absolute path"),
        ({"path": str(tmp_path)}, "holds no conversations"),
        ({"path": str(tmp_path), "folder": "nowhere"}, "no such folder"),
        ({"path": os.devnull}, "is no file and no folder"),
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


def test_what_comes_in_after_its_folder_has_gone_is_in_none(tmp_path: Path) -> None:
    table = opened(tmp_path / "chats.db")
    summary = ChatSummary(id="", title="Late", created=1.0, updated=1.0, model="", system="")
    _kept(table, [ChatRecord(summary=summary, origin="jsonl:1", folder=("Inner",))], "gone")
    (folder,) = table.folders.all()
    assert (folder.parent, table.summaries()[0].folder) == ("", folder.id)
    table.close()


def test_conversations_without_a_name_or_with_impossible_times_come_in_all_the_same(tmp_path: Path) -> None:
    nameless = [{"title": title, "create_time": 10**400, "mapping": {}} for title in ("One", "Two")]
    records, _ = found(put(tmp_path / "conversations.json", nameless))
    assert [(one.summary.title, one.summary.created) for one in records] == [("One", 0.0), ("Two", 0.0)]
    assert len({one.origin for one in records}) == 2
