"""Comparisons through the control API: panes, one question to all, ways that part and meet, votes, standings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from server_harness import HostProcess, until

from paddock.sdk.compare import Contestant, Vote, can_be_voted_on
from paddock.sdk.types import ChatMessage
from paddock.server.compare_plan import Need, plan
from paddock.server.standings import standings


def compared(host: HostProcess, *models: str, **fields: object) -> tuple[str, list[str]]:
    chat = host.post("/control/chats", {"model": "test/paris", **fields})["summary"]["id"]
    panes = [{"model": model} for model in models or ("test/paris", "test/thinker")]
    answer = host.post(f"/control/chats/{chat}/panes", panes)
    return chat, [pane["id"] for pane in answer["panes"]]


def ask(host: HostProcess, chat: str, **request: object) -> dict[str, Any]:
    begun = {generation["id"] for generation in host.post(f"/control/chats/{chat}/ask", request)}
    until(lambda: not begun & {g["id"] for g in host.get("/control/generations")}, "the answers")
    found: dict[str, Any] = host.get(f"/control/chats/{chat}")
    return found


def texts(chat: dict[str, Any], pane: str) -> list[str]:
    return [message["content"] for message in chat["paths"][pane]]


PARIS = "The capital of France is Paris."


def test_one_question_goes_to_all_panes(shared):
    chat, (one, two) = compared(shared)
    now = ask(shared, chat, content="hello")
    assert texts(now, one) == ["hello", PARIS]
    assert texts(now, two) == ["hello", "Four."]
    assert now["paths"][one][0]["id"] == now["paths"][two][0]["id"], "they share the question"
    assert now["messages"] == now["paths"][one]
    assert {m["versions"] for m in now["paths"][one]} == {1}, "another pane's answer is no version"
    assert now["summary"]["panes"] == 2
    assert now["summary"]["title"] == "hello"


def test_each_pane_goes_its_own_way_until_one_is_adopted(shared):
    chat, (one, two) = compared(shared)
    ask(shared, chat, content="first")
    now = ask(shared, chat, content="second")
    assert texts(now, one)[2:] == ["second", PARIS]
    assert texts(now, two)[1:] == ["Four.", "second", "Four."]
    asked = [now["paths"][pane][2] for pane in (one, two)]
    assert asked[0]["id"] != asked[1]["id"]
    assert asked[0]["turn"] == asked[1]["turn"]
    shared.post(f"/control/chats/{chat}/adopt", {"pane": two})
    now = ask(shared, chat, content="third")
    assert texts(now, one)[:4] == texts(now, two)[:4] == ["first", "Four.", "second", "Four."]
    assert texts(now, one)[4:] == ["third", PARIS]


def test_one_pane_alone_and_one_again(shared):
    chat, (one, two) = compared(shared)
    first = ask(shared, chat, content="first")
    turn = first["paths"][one][0]["turn"]
    now = ask(shared, chat, content="only you", panes=[two])
    assert len(now["paths"][one]) == 2
    assert len(now["paths"][two]) == 4
    now = ask(shared, chat, turn=turn, panes=[one])
    assert now["paths"][one][1]["versions"] == 2
    now = ask(shared, chat, turn=turn, content="first, better")
    assert texts(now, one)[0] == texts(now, two)[0] == "first, better"
    assert now["paths"][one][0]["versions"] == 2
    older = now["paths"][two][0]["siblings"][0]
    back = shared.http.patch(f"/control/chats/{chat}", json={"leaf": older, "pane": two}).json()
    assert texts(back, two)[0] == "first"
    assert texts(back, one)[0] == "first, better"


def test_panes_have_settings_of_their_own_and_can_go(shared):
    chat, ids = compared(shared, "test/paris", "test/paris", "test/thinker")
    ask(shared, chat, content="hello")
    panes = shared.get(f"/control/chats/{chat}")["panes"]
    panes[0]["system"] = "Be brief."
    left = shared.post(f"/control/chats/{chat}/panes", [panes[2], panes[0]])
    assert [pane["id"] for pane in left["panes"]] == [ids[2], ids[0]]
    assert left["panes"][1]["system"] == "Be brief."
    assert [m["content"] for m in left["messages"]] == ["hello", "Four."]
    alone = shared.post(f"/control/chats/{chat}/panes", [])
    assert alone["panes"] == []
    assert [m["content"] for m in alone["messages"]] == ["hello", "Four."]
    list(shared.events("POST", f"/control/chats/{chat}/send", {"content": "and now"}))
    assert len(shared.get(f"/control/chats/{chat}")["messages"]) == 4


def test_what_cannot_be_compared_says_so(shared):
    chat, (one, _) = compared(shared)
    refused = [
        ("panes", [{"model": "test/paris"}]),
        ("panes", [{"model": "test/paris"}] * 7),
        ("panes", [{"id": "strange"}, {}]),
        ("ask", {}),
        ("ask", {"content": "x", "panes": ["strange"]}),
        ("ask", {"turn": "strange"}),
        ("adopt", {"pane": "strange"}),
        ("send", {"content": "x"}),
    ]
    for route, body in refused:
        assert shared.http.post(f"/control/chats/{chat}/{route}", json=body).status_code == 400, (route, body)
    vote = {"chat": chat, "turn": "strange", "outcome": "pane", "pane": one}
    assert shared.http.post("/control/votes", json=vote).status_code == 400


def test_a_pane_that_is_being_answered_is_busy_and_the_others_are_not(host):
    chat, (slow, quick) = compared(host, "test/slow", "test/paris")
    begun = {g["pane"]: g["id"] for g in host.post(f"/control/chats/{chat}/ask", {"content": "go"})}
    list(host.events("GET", f"/control/generations/{begun[quick]}/events"))
    assert host.http.post(f"/control/chats/{chat}/ask", json={"content": "again"}).status_code == 409
    assert host.http.post(f"/control/chats/{chat}/ask", json={"content": "again", "panes": [quick]}).status_code == 200
    host.http.post(f"/control/generations/{begun[slow]}/cancel").raise_for_status()
    until(lambda: host.get("/control/generations") == [], "the end of the answers")
    assert host.get(f"/control/chats/{chat}")["paths"][slow][1]["state"] == "cancelled"


def test_votes_are_counted_and_can_be_taken_back(host):
    chat, (one, two) = compared(host)
    now = ask(host, chat, content="hello")
    turn = now["paths"][one][0]["turn"]
    host.post("/control/votes", {"chat": chat, "turn": turn, "outcome": "tie"})
    vote = host.post("/control/votes", {"chat": chat, "turn": turn, "outcome": "pane", "pane": two, "blind": True})
    assert [v["id"] for v in host.get(f"/control/votes?chat={chat}")] == [vote["id"]], "one vote for each question"
    assert {c["model"] for c in vote["contestants"]} == {"test/paris", "test/thinker"}
    board = host.get("/control/leaderboard")
    assert [place["name"] for place in board] == ["test/thinker", "test/paris"]
    assert (board[0]["wins"], board[1]["losses"]) == (1, 1)
    assert host.http.get("/control/leaderboard?by=colour").status_code == 400
    assert host.get("/control/leaderboard?tag=none") == []
    host.http.delete(f"/control/votes/{vote['id']}").raise_for_status()
    assert host.get("/control/leaderboard") == []


def test_an_answer_that_failed_is_neither_chosen_nor_beaten(host):
    chat, (one, two, gone) = compared(host, "test/paris", "test/thinker", "no/such")
    now = ask(host, chat, content="hello")
    assert now["paths"][gone][1]["state"] == "failed"
    wanted = {"chat": chat, "turn": now["paths"][one][0]["turn"], "outcome": "pane"}
    refused = host.http.post("/control/votes", json={**wanted, "pane": gone})
    assert refused.status_code == 400
    assert "has not answered" in refused.text
    assert [c["pane"] for c in host.post("/control/votes", {**wanted, "pane": two})["contestants"]] == [one, two]
    assert {(place["name"], place["losses"]) for place in host.get("/control/leaderboard")} == {
        ("test/thinker", 0),
        ("test/paris", 1),
    }
    chat, (one, gone) = compared(host, "test/paris", "no/such")
    turn = ask(host, chat, content="hello")["paths"][one][0]["turn"]
    alone = host.http.post("/control/votes", json={"chat": chat, "turn": turn, "outcome": "tie"})
    assert alone.status_code == 400, "one answer is left"


@pytest.mark.parametrize(
    ("state", "content", "judged"),
    [
        ("done", "", True),
        ("cancelled", "So far", True),
        ("cancelled", "", False),
        ("interrupted", "", False),
        ("failed", "So far", False),
        ("generating", "So far", False),
    ],
)
def test_what_can_be_voted_on(state, content, judged):
    answer = ChatMessage(id="a", chat_id="c", parent=None, role="assistant", content=content, state=state)
    assert can_be_voted_on(answer) is judged


def test_the_plan_says_whether_the_panes_run_side_by_side(shared):
    chat, panes = compared(shared, "test/paris", "test/thinker", "no/such")
    found = shared.get(f"/control/chats/{chat}/plan")
    assert found["groups"] == [panes[:2]]
    assert found["sentence"].startswith("Runs side by side, ")
    assert list(found["refused"]) == [panes[2]]


def need(pane: str, size: int, model: str = "", refusal: str = "") -> Need:
    return Need(pane, model or pane, (model or pane).upper(), {"RAM": size}, refusal)


@pytest.mark.parametrize(
    ("needs", "groups"),
    [
        ([need("a", 4), need("b", 5)], (("a", "b"),)),
        ([need("a", 4), need("b", 7)], (("a",), ("b",))),
        ([need("a", 6, "m"), need("b", 6, "m")], (("a", "b"),)),
        ([need("a", 6), need("b", 6), need("c", 3)], (("a",), ("b", "c"))),
        ([need("a", 0, refusal="It is gone."), need("b", 6)], (("b",),)),
    ],
)
def test_groups_hold_what_fits_together(needs, groups):
    assert plan(needs, {"RAM": 10}).groups == groups


def vote(winner: str, loser: str, outcome: str = "pane") -> Vote:
    both = (Contestant(pane="w", model=winner, quant="Q4"), Contestant(pane="l", model=loser, quant="Q8"))
    pane = "w" if outcome == "pane" else ""
    return Vote(id="v", chat="c", turn="t", outcome=outcome, pane=pane, blind=False, contestants=both, tags=("x",))


def test_ratings_follow_the_odds_and_narrow_with_votes():
    few = standings([vote("A", "B")] * 3 + [vote("B", "A")], "model")
    many = standings([vote("A", "B")] * 300 + [vote("B", "A")] * 100, "model")
    assert [s.name for s in many] == ["A", "B"]
    gap = many[0].rating - many[1].rating
    assert gap == pytest.approx(191, abs=4), "odds of three to one are 400 * log10(3) points"
    assert many[0].high - many[0].low < few[0].high - few[0].low
    assert many[0].low < many[0].rating < many[0].high


def test_an_interval_knows_how_little_is_known_of_the_opponents():
    votes = [vote("A", "B", "tie")] * 100 + [vote("B", "C", "tie")] * 4
    found = {standing.name: standing for standing in standings(votes, "model")}
    information = np.array([[25.25, -25, 0], [-25, 26.25, -1], [0, -1, 1.25]])  # a quarter a game, and the prior's
    centred = np.eye(3) - 1 / 3
    spread = np.sqrt(np.diag(centred @ np.linalg.inv(information) @ centred))
    reach = [found[name].high - found[name].rating for name in "ABC"]
    assert reach == pytest.approx(list(1.959964 * 400 / np.log(10) * spread), rel=1e-6)


def test_ties_bring_together_and_both_bad_tells_nothing():
    even = standings([vote("A", "B", "tie")] * 20, "model")
    assert even[0].rating == pytest.approx(even[1].rating)
    assert even[0].ties == 20
    bad = standings([vote("A", "B", "both_bad")], "model")
    assert {s.rating for s in bad} == {1000.0}
    assert {s.votes for s in bad} == {1}


def test_standings_by_quant_and_tag():
    assert [s.name for s in standings([vote("A", "B")] * 5, "quant")] == ["Q4", "Q8"]
    assert [s.name for s in standings([vote("A", "B")] * 5, "tag")] == ["x: A", "x: B"]


def test_the_answer_that_a_pane_ends_with_is_continued(shared):
    chat, (one, two) = compared(shared)
    now = ask(shared, chat, content="hello")
    before = now["paths"][one][1]
    now = ask(shared, chat, go_on=True, panes=[one])
    after = now["paths"][one][1]
    assert (after["id"], after["revisions"], after["state"]) == (before["id"], 1, "done")
    assert after["content"] == PARIS + PARIS
    assert texts(now, two) == ["hello", "Four."]
    shared.post(f"/control/chats/{chat}/adopt", {"pane": one})
    for body in ({"go_on": True, "panes": [two]}, {"go_on": True, "content": "x"}):
        assert shared.http.post(f"/control/chats/{chat}/ask", json=body).status_code == 400, body
    empty, (only, _) = compared(shared)
    assert shared.http.post(f"/control/chats/{empty}/ask", json={"go_on": True, "panes": [only]}).status_code == 400


def test_a_message_is_put_into_one_pane_and_its_question_is_asked_again(shared):
    chat, (one, two) = compared(shared)
    now = ask(shared, chat, content="hello")
    route, new = f"/control/chats/{chat}/messages", {"role": "assistant", "content": "put in", "pane": two}
    now = shared.post(route, {**new, "after": now["paths"][two][0]["id"]})
    assert texts(now, two) == ["hello", "put in", "Four."]
    assert texts(now, one) == ["hello", PARIS]
    now = shared.post(route, {**new, "role": "user", "content": "and?"})
    asked = now["paths"][two][-1]
    assert texts(now, two)[3:] == ["and?"]
    now = ask(shared, chat, turn=asked["turn"], panes=[two])
    assert texts(now, two)[3:] == ["and?", "Four."]
    now = shared.post(route, {**new, "content": "first of all", "after": ""})
    assert texts(now, one)[0] == texts(now, two)[0] == "first of all", "what they share has it before it"
    for wrong in ({"pane": ""}, {"pane": "strange"}, {"after": now["paths"][one][-1]["id"]}):
        assert shared.http.post(route, json={**new, **wrong}).status_code == 400, wrong
    alone = shared.post("/control/chats", {"model": "test/paris"})["summary"]["id"]
    assert shared.http.post(f"/control/chats/{alone}/messages", json=new).status_code == 400


def test_an_answer_from_before_the_comparison_is_made_again_in_one_pane_and_its_way_back(shared):
    chat = shared.post("/control/chats", {"model": "test/paris"})["summary"]["id"]
    for text in ("one", "two"):
        list(shared.events("POST", f"/control/chats/{chat}/send", {"content": text}))
    panes = shared.post(f"/control/chats/{chat}/panes", [{"model": "test/thinker"}, {"model": "test/paris"}])["panes"]
    one, two = (pane["id"] for pane in panes)
    before = shared.get(f"/control/chats/{chat}")["paths"][one]
    now = ask(shared, chat, turn=before[0]["turn"], panes=[one])
    assert texts(now, one) == ["one", "Four."]
    assert texts(now, two) == ["one", PARIS, "two", PARIS]
    assert [now["paths"][pane][1]["versions"] for pane in (one, two)] == [2, 1]
    ask(shared, chat, content="three", panes=[two])
    old = now["paths"][one][1]["siblings"][0]
    back = shared.http.patch(f"/control/chats/{chat}", json={"leaf": old, "pane": one}).json()
    assert texts(back, one) == ["one", PARIS, "two", PARIS], "not what only the other pane went on with"
    assert (back["paths"][one][1]["version"], back["paths"][one][1]["versions"]) == (1, 2)
    new = back["paths"][one][1]["siblings"][1]
    shared.http.patch(f"/control/chats/{chat}", json={"leaf": new, "pane": one})
    shared.http.patch(f"/control/chats/{chat}/messages/{new}", json={"deleted": True})
    assert texts(shared.get(f"/control/chats/{chat}"), one) == ["one", PARIS, "two", PARIS]


def test_a_version_is_shown_to_its_end_where_a_message_was_put_in(shared):
    chat = shared.post("/control/chats", {"model": "test/paris"})["summary"]["id"]
    for text in ("one", "two"):
        list(shared.events("POST", f"/control/chats/{chat}/send", {"content": text}))
    first = shared.get(f"/control/chats/{chat}")["messages"][1]["id"]
    shared.post(f"/control/chats/{chat}/messages", {"role": "user", "content": "put in", "after": first})
    list(shared.events("POST", f"/control/chats/{chat}/send", {"regenerate": first}))
    back = shared.http.patch(f"/control/chats/{chat}", json={"leaf": first}).json()
    assert [message["content"] for message in back["messages"]] == ["one", PARIS, "put in", "two", PARIS]
