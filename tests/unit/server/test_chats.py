"""Conversations through the control API: trees, versions, answers that outlive their reader."""

from __future__ import annotations

import pytest
from server_harness import HostProcess, text_of, until


def new_chat(host: HostProcess, **fields: object) -> str:
    chat_id = host.post("/control/chats", {"model": "test/paris", **fields})["summary"]["id"]
    assert isinstance(chat_id, str)
    return chat_id


def send(host: HostProcess, chat: str, content: str | None = None, **more: object) -> list[dict]:
    return list(host.events("POST", f"/control/chats/{chat}/send", {"content": content, **more}))


def path(host: HostProcess, chat: str) -> list[dict]:
    return host.get(f"/control/chats/{chat}")["messages"]


def test_question_and_answer_are_kept_with_what_was_measured(shared):
    chat = new_chat(shared)
    events = send(shared, chat, "What is the capital\n of France?")
    assert text_of(events) == "The capital of France is Paris."
    question, answer = path(shared, chat)
    assert (question["role"], question["content"]) == ("user", "What is the capital\n of France?")
    assert (answer["role"], answer["content"], answer["state"]) == ("assistant", text_of(events), "done")
    assert answer["parent"] == question["id"]
    assert {event["id"] for event in events} == {answer["id"]}
    assert answer["usage"] == events[-1]["usage"]
    assert answer["stop_reason"] == "stop"
    assert shared.get(f"/control/chats/{chat}")["summary"]["title"] == "What is the capital"


def test_the_list_has_the_newest_first_and_a_title_can_be_given(shared):
    first, second = new_chat(shared, title="A"), new_chat(shared, title="B")
    listed = [chat["id"] for chat in shared.get("/control/chats")]
    assert listed.index(second) < listed.index(first)
    send(shared, first, "hi")
    listed = [chat["id"] for chat in shared.get("/control/chats")]
    assert listed.index(first) < listed.index(second)
    assert shared.get(f"/control/chats/{first}")["summary"]["title"] == "A"


def test_regenerating_makes_a_version_beside_the_old_one(shared):
    chat = new_chat(shared)
    send(shared, chat, "one")
    old = path(shared, chat)[1]
    send(shared, chat, regenerate=old["id"], model="test/thinker")
    question, new = path(shared, chat)
    assert new["id"] != old["id"]
    assert (new["version"], new["versions"]) == (2, 2)
    assert new["siblings"] == [old["id"], new["id"]]
    assert new["content"] == "Four."
    answer = shared.http.patch(f"/control/chats/{chat}", json={"leaf": old["id"]}).json()
    assert answer["messages"][-1]["content"] == old["content"]
    send(shared, chat, regenerate=question["id"])
    assert path(shared, chat)[1]["versions"] == 3


def test_an_edited_question_is_a_version_of_the_question(shared):
    chat = new_chat(shared)
    send(shared, chat, "one")
    first = path(shared, chat)[0]
    send(shared, chat, "uno", regenerate=first["id"])
    edited = path(shared, chat)[0]
    assert (edited["content"], edited["parent"], edited["versions"]) == ("uno", None, 2)


def test_the_conversation_goes_on_from_the_chosen_version(shared):
    chat = new_chat(shared)
    send(shared, chat, "one")
    first = path(shared, chat)
    send(shared, chat, "two", regenerate=first[0]["id"])
    shared.http.patch(f"/control/chats/{chat}", json={"leaf": first[1]["id"]})
    send(shared, chat, "three")
    assert [m["content"] for m in path(shared, chat) if m["role"] == "user"] == ["one", "three"]


def test_choosing_a_version_shows_what_was_written_last_below_it(shared):
    chat = new_chat(shared)
    send(shared, chat, "one")
    first = path(shared, chat)[0]
    send(shared, chat, "two")
    second = path(shared, chat)[2]
    send(shared, chat, "deux", regenerate=second["id"])
    send(shared, chat, "uno", regenerate=first["id"])
    assert [m["content"] for m in path(shared, chat) if m["role"] == "user"] == ["uno"]
    shown = shared.http.patch(f"/control/chats/{chat}", json={"leaf": first["id"]}).json()["messages"]
    assert [m["content"] for m in shown if m["role"] == "user"] == ["one", "deux"]
    assert shown[-1]["role"] == "assistant"
    shown = shared.http.patch(f"/control/chats/{chat}", json={"leaf": second["id"]}).json()["messages"]
    assert [m["content"] for m in shown if m["role"] == "user"] == ["one", "two"]


def test_the_time_of_thinking_is_kept_with_the_answer(shared):
    chat = new_chat(shared, model="test/thinker")
    send(shared, chat, "What is two and two?")
    assert path(shared, chat)[1]["stats"]["reasoning_s"] > 0
    send(shared, chat, "And without thinking?", model="test/paris")
    assert path(shared, chat)[3]["stats"]["reasoning_s"] is None


def test_an_answer_outlives_the_connection_that_asked(shared):
    chat = new_chat(shared, model="test/slow")
    with shared.client() as other:
        stream = shared.events("POST", f"/control/chats/{chat}/send", {"content": "count"}, other)
        next(event for event in stream if event["type"] == "text_delta")
        stream.close()
    summary = shared.get(f"/control/chats/{chat}")["summary"]
    running = summary["generating"]
    assert running
    with shared.client() as other:
        again = shared.events("GET", f"/control/generations/{running}/events", client=other)
        assert next(event for event in again if event["type"] == "text_delta")["text"].startswith("0")
        again.close()
    assert shared.http.post(f"/control/chats/{chat}/send", json={"content": "more"}).status_code == 409
    shared.http.post(f"/control/generations/{running}/cancel")
    answer = path(shared, chat)[1]
    assert answer["state"] == "cancelled"
    assert answer["content"]
    assert "0 1 2 3 4 5 6 7 8 9 ".startswith(answer["content"][:20])
    assert shared.get(f"/control/chats/{chat}")["summary"]["generating"] is None


def test_what_is_written_so_far_is_in_the_chat(shared):
    chat = new_chat(shared, model="test/slow")
    stream = shared.events("POST", f"/control/chats/{chat}/send", {"content": "count"})
    next(event for event in stream if event["type"] == "text_delta")
    with shared.client() as other:
        message = other.get(f"/control/chats/{chat}").json()["messages"][1]
    assert message["state"] == "generating"
    assert message["content"].startswith("0")
    stream.close()
    assert shared.http.post(f"/control/generations/{message['id']}/cancel").status_code == 204


def test_a_model_that_is_not_there_is_a_failed_answer_and_the_question_stays(shared):
    chat = new_chat(shared, model="nobody/nothing")
    events = send(shared, chat, "hello?")
    assert events[-1]["error"]["code"] == "model_not_found"
    question, answer = path(shared, chat)
    assert question["content"] == "hello?"
    assert (answer["state"], answer["error"]["code"]) == ("failed", "model_not_found")
    send(shared, chat, regenerate=answer["id"], model="test/paris")
    assert path(shared, chat)[1]["state"] == "done"


def test_a_dying_worker_leaves_its_words_and_its_cause(shared):
    chat = new_chat(shared, model="test/dying")
    send(shared, chat, "hello?")
    answer = path(shared, chat)[1]
    assert answer["state"] == "failed"
    assert "SIGSEGV" in str(answer["error"])
    assert answer["content"].startswith("one")


def test_a_chat_is_deleted_also_while_it_is_answered(shared):
    chat = new_chat(shared, model="test/slow")
    with shared.client() as other:
        stream = shared.events("POST", f"/control/chats/{chat}/send", {"content": "count"}, other)
        next(event for event in stream if event["type"] == "text_delta")
        assert shared.http.delete(f"/control/chats/{chat}").status_code == 204
        assert list(stream)[-1]["type"] == "cancelled"
    assert shared.get(f"/control/chats/{chat}")["summary"]["deleted"]
    assert chat not in [c["id"] for c in shared.get("/control/chats")]


@pytest.mark.parametrize("body", [{}, {"regenerate": "nothing"}, {"content": 1}])
def test_a_send_without_sense_is_refused(shared, body):
    chat = new_chat(shared)
    assert shared.http.post(f"/control/chats/{chat}/send", json=body).status_code == 400
    assert shared.http.post("/control/chats/nothing/send", json={"content": "x"}).status_code == 404


def test_a_leaf_of_another_chat_is_refused(shared):
    mine, other = new_chat(shared), new_chat(shared)
    send(shared, other, "x")
    leaf = path(shared, other)[1]["id"]
    assert shared.http.patch(f"/control/chats/{mine}", json={"leaf": leaf}).status_code == 400


def test_changes_are_told_to_attached_clients(shared):
    with shared.client("window") as window:
        stream = shared.events("GET", "/control/events", client=window)
        next(stream)
        chat = new_chat(shared)
        send(shared, chat, "hi")
        seen = []
        for event in stream:
            seen.append(event)
            if event["type"] == "generation_ended":
                break
        started = next(event for event in seen if event["type"] == "generation_started")
        assert started["generation"]["chat_id"] == chat
        assert any(e["type"] == "chat_changed" and e["summary"]["generating"] for e in seen)
        after = next(e for e in stream if e["type"] == "chat_changed")
        assert after["summary"]["generating"] is None
        shared.http.delete(f"/control/chats/{chat}")
        assert next(e for e in stream if e["type"] == "chat_changed")["summary"] is None
        assert shared.http.patch(f"/control/chats/{chat}", json={"title": "late"}).status_code == 200
        again = next(e for e in stream if e["type"] == "chat_changed")
        assert again["summary"] is None, "a title that comes late brings it into no list"
        stream.close()


def test_a_chat_is_private_from_the_start_or_by_a_change_that_keeps_the_order(shared):
    marked, later = new_chat(shared), new_chat(shared, private=True)
    assert [shared.get(f"/control/chats/{chat}")["summary"]["private"] for chat in (marked, later)] == [False, True]
    for private in (True, False):
        changed = shared.http.patch(f"/control/chats/{marked}", json={"private": private}).json()
        assert changed["summary"]["private"] is private
    listed = [chat["id"] for chat in shared.get("/control/chats")]
    assert listed.index(later) < listed.index(marked)
    assert shared.http.patch(f"/control/chats/{marked}", json={"private": "yes"}).status_code == 400


def test_system_prompt_and_history_reach_the_model(host):
    host.http.patch("/control/settings", json={"system_prompt": "Be brief, all of you."})
    plain = new_chat(host)
    assert send(host, plain, "one")[-1]["usage"]["prompt_tokens"] > 1
    alone = path(host, plain)[1]["usage"]["prompt_tokens"]
    send(host, plain, "two")
    assert path(host, plain)[3]["usage"]["prompt_tokens"] > alone
    until(lambda: not host.get("/control/generations"), "all answers to end")
