"""The control API over real sockets."""

from __future__ import annotations

import os
import stat
import threading
from urllib.parse import quote

import httpx2
import pytest
from server_harness import DEADLINE_S, question, text_of, until

from paddock.sdk import Client
from paddock.sdk.version import PROTOCOL, VERSION


def test_handshake_says_who_answers(shared):
    hands = shared.get("/control/handshake")
    assert hands["instance"] == shared.address["instance"]
    assert (hands["protocol"], hands["version"], hands["pid"]) == (PROTOCOL, VERSION, shared.process.pid)
    assert hands["home"] == str(shared.home.root)
    assert hands["busy"] == []


@pytest.mark.parametrize("token", [None, "Bearer wrong", "Basic abc", "Bearer"])
def test_without_the_token_nothing_is_answered(shared, token):
    headers = {} if token is None else {"Authorization": token}
    for path in ("/control/handshake", "/control/chats", "/nowhere"):
        answer = httpx2.get(shared.address["url"] + path, headers=headers, trust_env=False)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "unauthorized"


@pytest.mark.skipif(os.name != "posix", reason="file modes mean nothing there")
def test_the_address_is_readable_by_its_owner_only(shared):
    assert stat.S_IMODE(shared.home.host_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(shared.home.run.stat().st_mode) == 0o700


def test_an_unknown_field_is_refused_with_a_suggestion(shared):
    answer = shared.http.post("/control/chats", json={"titel": "x"})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert "titel" in error["message"]
    assert "title" in error["hint"]


def test_invalid_json_names_its_place(shared):
    answer = shared.http.post("/control/generate", content=b'{"id": "a",\n "model": oops}')
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert "line 2" in error["message"]
    assert error["details"]["byte"] == 22


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b'"x"', b"\xff\xfe", b"{" * 2000, b'{"id": 1}', b'{"messages": 7}']
)
def test_bodies_that_fit_nothing_are_400_with_a_sentence(shared, body):
    answer = shared.http.post("/control/generate", content=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["message"].endswith((".", "?"))


def test_a_body_that_is_too_large_is_refused(shared):
    answer = shared.http.post("/control/chats", content=b'{"title": "' + b"x" * (33 * 2**20) + b'"}')
    assert answer.status_code == 413
    assert "32 MB" in answer.json()["error"]["message"]


def test_unknown_addresses_methods_and_clients_have_sentences(shared):
    assert shared.http.get("/control/nothing").status_code == 404
    assert shared.http.delete("/control/handshake").status_code == 405
    answer = shared.http.get("/control/nothing")
    assert answer.json()["error"]["code"] == "not_found"
    answer = shared.http.get("/control/events", headers={"X-Paddock-Client": "browser"})
    assert answer.status_code == 400
    assert "browser" in answer.json()["error"]["message"]


def test_models_are_listed_loaded_and_unloaded(host):
    ids = [model["id"] for model in host.get("/control/models")]
    assert {"test/paris", "test/slow"} <= set(ids)
    assert host.get("/control/loaded") == []
    events = list(host.events("POST", "/control/loaded", {"model": "test/paris"}))
    assert events[-1]["type"] == "loaded"
    [loaded] = host.get("/control/loaded")
    assert loaded["model"] == "test/paris"
    assert loaded["state"] == "ready"
    assert loaded["pid"] > 0
    assert host.http.delete("/control/loaded/test%2Fparis").status_code == 204
    assert host.get("/control/loaded") == []
    assert host.http.delete("/control/loaded/test%2Fparis").status_code == 404


def test_a_model_put_into_the_folder_is_found_after_a_refresh(shared):
    from server_harness import echo_model

    echo_model(shared.home.root, "late", text="x")
    assert "test/late" in [model["id"] for model in shared.post("/control/models/refresh", None)]


def test_a_model_from_elsewhere_is_listed_while_it_is_loaded(shared, tmp_path):
    path = tmp_path / "mine.echo.json"
    path.write_text('{"text": "x"}')
    list(shared.events("POST", "/control/loaded", {"model": str(path)}))
    assert shared.get("/control/models")[0]["id"] == str(path)
    assert shared.http.delete(f"/control/loaded/{quote(str(path), safe='')}").status_code == 204
    assert str(path) not in [model["id"] for model in shared.get("/control/models")]
    assert shared.get("/control/models/problems") == []


def test_a_generation_streams_and_ends_once(shared):
    events = list(shared.events("POST", "/control/generate", question(id="mine")))
    assert text_of(events) == "The capital of France is Paris."
    assert [event["type"] for event in events].count("finished") == 1
    assert events[-1]["type"] == "finished"
    assert {event["id"] for event in events} == {"mine"}
    assert shared.get("/control/generations") == []


def test_an_unknown_model_is_404_before_any_event(shared):
    answer = shared.http.post("/control/generate", json=question(model="nobody/nothing"))
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "model_not_found"


def test_an_unknown_sampling_option_fails_with_a_suggestion(shared):
    events = list(shared.events("POST", "/control/generate", question(sampling={"temprature": 1})))
    assert events[-1]["type"] == "failed"
    assert "temperature" in events[-1]["error"]["hint"]


def test_the_same_id_twice_at_once_is_refused(shared):
    stream = shared.events("POST", "/control/generate", question(model="test/slow", id="twice"))
    next(event for event in stream if event["type"] == "text_delta")
    assert shared.http.post("/control/generate", json=question(id="twice")).status_code == 400
    stream.close()
    until(lambda: not shared.get("/control/generations"), "the generation to end")


def test_closing_the_connection_cancels_and_frees_the_slot(shared):
    with shared.client() as other:
        stream = shared.events("POST", "/control/generate", question(model="test/slow"), other)
        next(event for event in stream if event["type"] == "text_delta")
        assert [run["client"] for run in shared.get("/control/generations")] == ["sdk"]
        stream.close()
    until(lambda: not shared.get("/control/generations"), "the generation to end")
    until(lambda: all(m["active"] == m["queued"] == 0 for m in shared.get("/control/loaded")), "the slot to be free")


def test_cancelling_ends_the_stream_with_cancelled(shared):
    stream = shared.events("POST", "/control/generate", question(model="test/slow", id="stop-me"))
    next(event for event in stream if event["type"] == "text_delta")
    with shared.client() as other:
        assert other.post("/control/generations/stop-me/cancel").status_code == 204
        assert other.post("/control/generations/stop-me/cancel").status_code == 204
    last = list(stream)[-1]
    assert last["type"] == "cancelled"
    assert last["usage"]["completion_tokens"] > 0


def test_a_second_client_reads_a_generation_from_its_beginning(shared):
    first = shared.events("POST", "/control/generate", question(model="test/slow", id="both"))
    seen = ""
    for event in first:
        seen += event.get("text", "")
        if len(seen) > 30:
            break
    with shared.client() as other:
        second = shared.events("GET", "/control/generations/both/events", client=other)
        begun = ""
        for event in second:
            begun += event.get("text", "")
            if len(begun) >= len(seen):
                break
        assert begun.startswith(seen)
        second.close()
    assert [run["id"] for run in shared.get("/control/generations")] == ["both"]
    first.close()
    until(lambda: not shared.get("/control/generations"), "the generation to end")
    late = list(shared.events("GET", "/control/generations/both/events"))
    assert late[-1]["type"] == "cancelled", "one that has just ended can be followed for a while"
    assert shared.http.get("/control/generations/never/events").status_code == 404


def test_a_dying_worker_ends_the_stream_with_its_signal_and_the_host_goes_on(shared):
    events = list(shared.events("POST", "/control/generate", question(model="test/dying")))
    assert events[-1]["type"] == "failed"
    assert events[-1]["error"]["code"] == "engine_died"
    assert "SIGSEGV" in str(events[-1]["error"])
    assert text_of(list(shared.events("POST", "/control/generate", question()))).endswith("Paris.")


def test_settings_are_changed_kept_and_told(host):
    with host.client("window") as window:
        stream = host.events("GET", "/control/events", client=window)
        assert next(stream)["type"] == "snapshot"
        answer = host.http.patch("/control/settings", json={"theme": "dark", "text_zoom": 1.25})
        assert answer.json()["theme"] == "dark"
        event = next(event for event in stream if event["type"] == "settings_changed")
        assert event["settings"]["text_zoom"] == 1.25
        stream.close()
    assert 'theme = "dark"' in host.home.settings_file.read_text()
    answer = host.http.patch("/control/settings", json={"text_zoom": 99})
    assert answer.status_code == 400
    assert "0.5 to 3" in answer.json()["error"]["hint"]
    assert host.http.patch("/control/settings", json={"theme": "pink"}).status_code == 400
    assert host.get("/control/settings")["text_zoom"] == 1.25


def test_windows_are_raised_and_counted(shared):
    assert shared.post("/control/raise", {"activation_token": ""}) == {"windows": 0}
    with shared.client("window") as window, shared.client("cli") as cli:
        stream = shared.events("GET", "/control/events", client=window)
        next(stream)
        other = shared.events("GET", "/control/events", client=cli)
        next(other)
        assert shared.post("/control/raise", {"activation_token": "tok"}) == {"windows": 1}
        assert next(e for e in stream if e["type"] == "raise_window")["activation_token"] == "tok"
        stream.close()
        other.close()


def test_logs_come_as_lines_and_hold_no_token(shared):
    tail = shared.get("/control/logs?lines=5")
    assert tail["path"].endswith("host.log")
    assert 0 < len(tail["lines"]) <= 5
    assert shared.address["token"] not in (shared.home.logs / "host.log").read_text()
    assert shared.http.get("/control/logs?lines=many").status_code == 400


def test_echo_is_ten_pieces(shared):
    assert len(list(shared.events("GET", "/control/echo"))) == 10


def test_the_sdk_speaks_with_it(shared):
    with Client.connect(shared.home) as client:
        assert client.handshake().instance == shared.address["instance"]
        assert client.respond("hi", model="test/paris").text.endswith("Paris.")
        assert "test/paris" in [model.model for model in client.loaded()]


def test_many_at_once_all_finish(shared):
    results: list[str] = []

    def ask() -> None:
        with shared.client() as client:
            results.append(text_of(list(shared.events("POST", "/control/generate", question(), client))))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert results == ["The capital of France is Paris."] * 16
