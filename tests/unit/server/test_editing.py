"""Conversations changed by hand, through the control API: messages, branches, folders, tags, the trash, search."""

from __future__ import annotations

from typing import Any

import pytest
from server_harness import HostProcess

from paddock.server.chat_search import terms_of


def made(host: HostProcess, *questions: str, **fields: object) -> str:
    chat: str = host.post("/control/chats", {"model": "test/paris", **fields})["summary"]["id"]
    for question in questions:
        list(host.events("POST", f"/control/chats/{chat}/send", {"content": question}))
    return chat


def path(host: HostProcess, chat: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = host.get(f"/control/chats/{chat}")["messages"]
    return messages


def said(host: HostProcess, chat: str) -> list[str]:
    return [message["content"] for message in path(host, chat)]


def patch(host: HostProcess, chat: str, message: str, **fields: object) -> Any:
    return host.http.patch(f"/control/chats/{chat}/messages/{message}", json=fields)


PARIS = "The capital of France is Paris."


def test_a_changed_message_keeps_what_it_said(shared):
    chat = made(shared, "one")
    question = path(shared, chat)[0]["id"]
    assert patch(shared, chat, question, content="uno").status_code == 200
    assert patch(shared, chat, question, content="eins", role="system").status_code == 200
    first = path(shared, chat)[0]
    assert (first["content"], first["role"], first["revisions"]) == ("eins", "system", 2)
    assert first["edited"] > first["created"]
    old = shared.get(f"/control/chats/{chat}/messages/{question}/revisions")
    assert [(one["content"], one["role"]) for one in old] == [("uno", "user"), ("one", "user")]
    patch(shared, chat, question, content="eins")
    assert path(shared, chat)[0]["revisions"] == 2, "the same words are no change"


def test_a_deleted_message_comes_back_to_its_place(shared):
    chat = made(shared, "one", "two")
    before = path(shared, chat)
    assert patch(shared, chat, before[1]["id"], deleted=True).status_code == 200
    assert said(shared, chat) == ["one", "two", PARIS]
    patch(shared, chat, before[1]["id"], deleted=False)
    assert [m["id"] for m in path(shared, chat)] == [m["id"] for m in before]


def test_deleting_with_all_below_and_bringing_it_back(shared):
    chat = made(shared, "one", "two")
    before = path(shared, chat)
    patch(shared, chat, before[2]["id"], deleted=True, below=True)
    assert said(shared, chat) == ["one", PARIS]
    list(shared.events("POST", f"/control/chats/{chat}/send", {"content": "three"}))
    assert said(shared, chat) == ["one", PARIS, "three", PARIS]
    patch(shared, chat, before[2]["id"], deleted=False)
    assert [m["id"] for m in path(shared, chat)] == [m["id"] for m in before]
    assert path(shared, chat)[2]["versions"] == 2


def test_a_deleted_version_makes_room_for_the_one_beside_it(shared):
    chat = made(shared, "one")
    first = path(shared, chat)[1]["id"]
    list(shared.events("POST", f"/control/chats/{chat}/send", {"regenerate": first}))
    second = path(shared, chat)[1]["id"]
    patch(shared, chat, second, deleted=True)
    answer = path(shared, chat)[1]
    assert (answer["id"], answer["version"], answer["versions"]) == (first, 1, 1)
    patch(shared, chat, second, deleted=False)
    assert (path(shared, chat)[1]["id"], path(shared, chat)[1]["versions"]) == (second, 2)


@pytest.mark.parametrize(("after", "expected"), [(None, 4), (0, 1), ("", 0), (2, 3)])
def test_a_message_is_put_where_it_is_wanted(shared, after, expected):
    chat = made(shared, "one", "two")
    before = path(shared, chat)
    place = before[after]["id"] if isinstance(after, int) else after
    shared.post(f"/control/chats/{chat}/messages", {"role": "assistant", "content": "put in", "after": place})
    now = said(shared, chat)
    assert now[expected] == "put in"
    assert [text for text in now if text != "put in"] == [message["content"] for message in before]


def test_what_cannot_be_done_says_so(shared):
    chat = made(shared, "one")
    refused = shared.http.post(f"/control/chats/{chat}/messages", json={"role": "user", "content": "x", "after": "no"})
    assert refused.status_code == 400
    assert patch(shared, chat, "no", content="x").status_code == 400
    assert shared.http.patch(f"/control/chats/{chat}", json={"folder": "no"}).status_code == 404
    large = shared.http.post("/control/chat-folders", json={"name": "far", "position": 2**70})
    assert (large.status_code, "too large" in large.json()["error"]["message"]) == (400, True)
    long = shared.http.post(f"/control/chats/{chat}/messages", json={"role": "x" * 9000, "content": "x"})
    assert "does not fit" in long.json()["error"]["message"]
    assert len(long.text) < 600, "what was sent is not sent back whole"


def test_a_branch_goes_its_own_way(shared):
    chat = made(shared, "one", "two", title="Trip")
    middle = path(shared, chat)[1]
    branch = shared.post(f"/control/chats/{chat}/branch", {"message": middle["id"]})
    assert [m["content"] for m in branch["messages"]] == ["one", PARIS]
    assert branch["summary"]["title"] == "Trip (branch)"
    assert branch["messages"][1]["usage"] == middle["usage"]
    list(shared.events("POST", f"/control/chats/{branch['summary']['id']}/send", {"content": "else"}))
    assert said(shared, chat) == ["one", PARIS, "two", PARIS]
    whole = shared.post(f"/control/chats/{chat}/branch", {})
    assert len(whole["messages"]) == 4


def test_an_answer_goes_on_where_it_ended(shared):
    chat = made(shared, "one")
    answer = path(shared, chat)[1]
    events = list(shared.events("POST", f"/control/chats/{chat}/send", {"go_on": answer["id"]}))
    assert events[-1]["type"] == "finished"
    written = "".join(event["text"] for event in events if event["type"] == "text_delta")
    after = path(shared, chat)[1]
    assert written
    assert (after["id"], after["content"], after["state"]) == (answer["id"], PARIS + written, "done")
    assert after["revisions"] == 1
    question = path(shared, chat)[0]["id"]
    assert shared.http.post(f"/control/chats/{chat}/send", json={"go_on": question}).status_code == 400


def test_the_trash_gives_back_what_was_deleted(shared):
    chat = made(shared, "one", title="Wanted")
    shared.http.delete(f"/control/chats/{chat}").raise_for_status()
    assert chat not in [item["id"] for item in shared.get("/control/chats")]
    gone = next(item for item in shared.get("/control/chats?deleted=1") if item["id"] == chat)
    assert gone["deleted"] > gone["created"]
    assert shared.http.post(f"/control/chats/{chat}/send", json={"content": "x"}).status_code == 400
    back = shared.post(f"/control/chats/{chat}/restore", {})
    assert [m["content"] for m in back["messages"]] == ["one", PARIS]
    assert chat in [item["id"] for item in shared.get("/control/chats")]
    shared.http.delete(f"/control/chats/{chat}?forever=1").raise_for_status()
    assert shared.http.get(f"/control/chats/{chat}").status_code == 404


def test_folders_hold_folders_and_chats(shared):
    work = shared.post("/control/chat-folders", {"name": " Work "})
    below = shared.post("/control/chat-folders", {"name": "Deep", "parent": work["id"]})
    assert (work["name"], below["parent"]) == ("Work", work["id"])
    chat = made(shared, "a needle in a folder")
    shared.http.patch(
        f"/control/chats/{chat}", json={"folder": below["id"], "tags": ["Blue", "tall"]}
    ).raise_for_status()
    into_itself = shared.http.patch(f"/control/chat-folders/{work['id']}", json={"parent": below["id"]})
    assert into_itself.status_code == 400
    assert shared.http.post("/control/chat-folders", json={"name": "  "}).status_code == 400
    for where in ({"folder": work["id"]}, {"tag": "tall"}):
        hits = shared.post("/control/chat-search", {"words": "needle", **where})
        assert {hit["chat"] for hit in hits} == {chat}
    assert shared.post("/control/chat-search", {"words": "needle", "tag": "small"}) == []
    shared.http.delete(f"/control/chat-folders/{below['id']}").raise_for_status()
    assert shared.get(f"/control/chats/{chat}")["summary"]["folder"] == work["id"]
    shared.http.delete(f"/control/chat-folders/{work['id']}").raise_for_status()
    assert shared.get(f"/control/chats/{chat}")["summary"]["folder"] == ""


def test_search_finds_titles_and_texts_in_any_spelling(shared):
    chat = made(shared, "Der Müller backt Brötchen aus Roggenmehl", title="Zebra crossing")
    title = shared.post("/control/chat-search", {"words": "zebra cross"})
    assert [(hit["chat"], hit["message"]) for hit in title] == [(chat, "")]
    assert title[0]["snippet"][slice(*title[0]["marks"][0])] == "Zebra"
    hits = shared.post("/control/chat-search", {"words": "muller brotch"})
    assert [hit["chat"] for hit in hits] == [chat]
    assert [hits[0]["snippet"][start:end] for start, end in hits[0]["marks"]] == ["Müller", "Brötchen"]
    assert shared.post("/control/chat-search", {"words": '"backt Roggenmehl"'}) == []
    assert shared.post("/control/chat-search", {"words": 'NEAR( * " OR'}) == []
    question = path(shared, chat)[0]["id"]
    patch(shared, chat, question, content="Nothing of the kind")
    assert shared.post("/control/chat-search", {"words": "Roggenmehl"}) == []
    patch(shared, chat, question, deleted=True)
    assert shared.post("/control/chat-search", {"words": "kind", "chat": chat}) == []


@pytest.mark.parametrize(
    ("words", "terms"),
    [
        ("one tw", [("one", False), ("tw", True)]),
        ('"one two"', [("one two", False)]),
        ('say "a b', [("say", False), ('"a', False), ("b", True)]),
        ("  ?!  ", []),
    ],
)
def test_terms(words, terms):
    assert terms_of(words) == terms
