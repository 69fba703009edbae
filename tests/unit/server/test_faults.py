"""Two hosts, dead hosts, full disks, foreign files: a sentence each, and nothing lost."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from server_harness import DEADLINE_S, text_of, until

from paddock.sdk.errors import StorageFailed
from paddock.server.chats import ChatStore
from paddock.server.conversations import SAVE_EVERY_S
from paddock.server.database import MIGRATIONS
from paddock.server.instance import innermost


def test_of_two_hosts_at_once_one_is_ready_and_the_other_says_so(start):
    hosts = [start() for _ in range(3)]
    said = [host.line() for host in hosts]
    assert sorted(said) == ["already running", "already running", "ready"]
    winner = hosts[said.index("ready")]
    assert winner.address["pid"] == winner.process.pid
    for host in hosts:
        if host is not winner:
            assert host.process.wait(DEADLINE_S) == 0
    assert winner.get("/control/handshake")["pid"] == winner.process.pid


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"instance": "x", "pro',
        b"\xff\x00",
        json.dumps({"instance": "dead", "protocol": 1, "version": "0", "url": "http://127.0.0.1:1", "token": "t",
                    "pid": 1, "machine": "elsewhere", "boot": "long ago"}).encode(),
    ],
)  # fmt: skip
def test_a_stale_truncated_or_foreign_address_is_replaced(start, tmp_path, content):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "host.json").write_bytes(content)
    host = start().ready()
    assert host.get("/control/handshake")["instance"] == host.address["instance"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(start, number):
    host = start().ready()
    list(host.events("POST", "/control/loaded", {"model": "test/paris"}))
    [worker] = [model["pid"] for model in host.get("/control/loaded")]
    host.process.send_signal(number)
    assert host.process.wait(DEADLINE_S) == 0
    assert not host.home.host_file.exists()
    until(lambda: not os.path.exists(f"/proc/{worker}") or sys.platform != "linux", "the worker to be gone")


def test_leaving_is_told_and_closes_the_event_streams(start):
    host = start().ready()
    stream = host.events("GET", "/control/events")
    assert next(stream)["type"] == "snapshot"
    with host.client() as other:
        assert other.post("/control/shutdown", json={}).json() == {"leaving": True}
    assert [event["type"] for event in stream][-1] == "leaving"
    assert host.process.wait(DEADLINE_S) == 0


def test_a_busy_host_is_not_shut_down_but_when_done_and_now(start):
    host = start().ready()
    host.serve()
    answer = host.http.post("/control/shutdown", json={"when": "idle"})
    assert answer.status_code == 409
    assert answer.json()["error"]["details"]["busy"] == ["the API server is on"]
    assert host.post("/control/shutdown", {"when": "done"}) == {"leaving": True}
    assert host.get("/control/handshake")["busy"]
    host.post("/control/server", {"running": False})
    assert host.process.wait(DEADLINE_S) == 0


def test_an_empty_host_leaves_by_itself(start):
    host = start().ready()
    host.http.patch("/control/settings", json={"keep_models_minutes": 0})
    assert host.process.wait(DEADLINE_S) == 0
    assert not host.home.host_file.exists()
    assert "nobody needed it" in (host.home.logs / "host.log").read_text()


def test_a_client_that_looks_at_the_lock_is_not_taken_for_a_host(start, tmp_path):
    from filelock import FileLock

    (tmp_path / "run").mkdir()
    with FileLock(tmp_path / "run" / "host.lock", thread_local=False) as lock:
        host = start()
        until((tmp_path / "logs").exists, "the host to be starting")
        lock.release()
        assert host.ready().get("/control/handshake")["pid"] == host.process.pid


def test_a_starter_that_has_gone_does_not_kill_the_host(start, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "paddock.server"],
        env={**os.environ, "PADDOCK_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    try:
        until((tmp_path / "run" / "host.json").exists, "the address")
        other = start()
        assert other.line() == "already running"
        assert other.get("/control/handshake")["pid"] == process.pid
        assert text_of(
            list(
                other.events(
                    "POST",
                    "/control/generate",
                    {"id": "a", "model": "test/paris", "messages": [{"role": "user", "content": "hi"}]},
                )
            )
        ).endswith("Paris.")
    finally:
        process.terminate()
        assert process.wait(DEADLINE_S) == 0


def stored_answers(root: Path) -> list[tuple[str, str]]:
    """Text and state of each, as they are on the disk."""
    with sqlite3.connect(root / "chats.db") as database:
        rows = database.execute("SELECT content, state FROM messages WHERE role='assistant'").fetchall()
    database.close()
    return rows


def test_what_is_being_written_is_saved_every_second_and_outlives_a_kill(start, tmp_path):
    assert SAVE_EVERY_S == 1
    host = start().ready()
    chat = host.post("/control/chats", {"model": "test/slow"})["summary"]["id"]
    written = " ".join(map(str, range(30)))
    stream = host.events("POST", f"/control/chats/{chat}/send", {"content": "count"})
    next(stream)
    until(lambda: [text for text, _ in stored_answers(tmp_path)] == [written], "all of it to be saved")
    host.process.kill()
    host.process.wait()
    host = start().ready()
    question, answer = host.get(f"/control/chats/{chat}")["messages"]
    assert question["content"] == "count"
    assert answer["state"] == "interrupted"
    assert answer["content"] == written
    assert host.get(f"/control/chats/{chat}")["summary"]["generating"] is None
    again = list(
        host.events("POST", f"/control/chats/{chat}/send", {"regenerate": answer["id"], "model": "test/paris"})
    )
    assert again[-1]["type"] == "finished"


def test_a_host_told_to_leave_keeps_the_answer_as_interrupted(start):
    host = start().ready()
    chat = host.post("/control/chats", {"model": "test/slow"})["summary"]["id"]
    stream = host.events("POST", f"/control/chats/{chat}/send", {"content": "count"})
    next(event for event in stream if event["type"] == "text_delta")
    assert host.end() == 0
    host = start().ready()
    answer = host.get(f"/control/chats/{chat}")["messages"][1]
    assert answer["state"] == "interrupted"
    assert answer["content"].startswith("0")


def failed_line(host) -> str:
    line = host.line()
    assert line is not None
    assert line.startswith("failed: ")
    assert host.process.wait(DEADLINE_S) == 1
    return line


def test_newer_data_is_refused_with_a_sentence(start, tmp_path):
    first = start().ready()
    assert first.end() == 0
    with sqlite3.connect(tmp_path / "chats.db") as database:
        database.execute(f"PRAGMA user_version={len(MIGRATIONS) + 7}")
    database.close()
    assert "newer Paddock" in failed_line(start())


@pytest.mark.parametrize("content", [b"this is no database, and long enough to be read as one" * 100, b"x" * 10_000])
def test_a_damaged_database_is_kept_aside_and_told(start, tmp_path, content):
    (tmp_path / "chats.db").write_bytes(content)
    host = start().ready()
    (kept,) = tmp_path.glob("chats.damaged-*.db")
    assert kept.read_bytes() == content
    assert host.get("/control/chats") == []
    assert host.get("/control/chat-store")["repair"]["kept"] == str(kept)


def test_a_database_of_another_program_is_left_alone(start, tmp_path):
    with sqlite3.connect(tmp_path / "chats.db") as database:
        database.execute("CREATE TABLE theirs (x)")
    database.close()
    assert "another program" in failed_line(start())


def test_a_home_that_is_a_file_is_named(start, tmp_path):
    (tmp_path / "file").write_text("")
    host = start(env={"PADDOCK_HOME": str(tmp_path / "file" / "below")})
    assert "cannot be used" in failed_line(host)


def test_a_taken_port_at_the_start_is_a_sentence(start):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        host = start("--serve", "--api-port", str(port))
        assert f"Port {port}" in failed_line(host)


def test_bad_settings_hold_the_defaults_and_are_kept(start, tmp_path):
    (tmp_path / "settings.toml").write_text('theme = "pink"\ntext_zoom = 50.0\nfuture = "kept"\napi_port = 6000\n')
    host = start().ready()
    settings = host.get("/control/settings")
    assert (settings["theme"], settings["text_zoom"], settings["api_port"]) == ("system", 1.0, 6000)
    host.http.patch("/control/settings", json={"density": "compact"})
    written = (tmp_path / "settings.toml").read_text()
    assert 'future = "kept"' in written
    assert 'theme = "pink"' in written
    lines = "\n".join(host.get("/control/logs?lines=50")["lines"])
    assert "“theme”" in lines
    assert "“future” is not known" in lines


def test_settings_that_are_no_toml_are_set_aside(start, tmp_path):
    (tmp_path / "settings.toml").write_text("theme = [[[")
    host = start().ready()
    assert host.get("/control/settings")["theme"] == "system"
    host.http.patch("/control/settings", json={"theme": "dark"})
    assert (tmp_path / "settings.toml.bad").read_text() == "theme = [[["


LIMITED = """
import resource, runpy, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, resource.RLIM_INFINITY))
def more(*_):
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
signal.signal(signal.SIGUSR1, more)
sys.argv = ["paddock.server"]
runpy.run_module("paddock.server", run_name="__main__")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_FSIZE stands for a full disk")
def test_a_full_disk_does_not_stop_the_answer_and_is_told_and_made_up_for(start, tmp_path):
    long = "".join(f"{n:0>99} " for n in range(3000))
    from server_harness import echo_model

    echo_model(tmp_path, "long", text=long, tokens_per_second=1500)
    host = start(code=LIMITED.format(limit=260_000)).ready()
    chat = host.post("/control/chats", {"model": "test/long"})["summary"]["id"]
    events = list(host.events("POST", f"/control/chats/{chat}/send", {"content": "count"}))
    assert text_of(events) == long.rstrip() or text_of(events) == long
    assert events[-1]["type"] == "failed"
    assert events[-1]["error"]["code"] == "storage_failed"
    # Nothing is lost while the host lives, and the next request is answered.
    assert host.get(f"/control/chats/{chat}")["messages"][1]["content"] == text_of(events)
    ask = {"id": "b", "model": "test/paris", "messages": [{"role": "user", "content": "hi"}]}
    assert text_of(list(host.events("POST", "/control/generate", ask))).endswith("Paris.")
    host.process.send_signal(signal.SIGUSR1)
    until(lambda: stored_answers(tmp_path) == [(text_of(events), "done")], "the answer to be saved after all")


def test_a_full_disk_refuses_a_question_before_anything_is_lost(tmp_path):
    async def ask() -> None:
        store = ChatStore(tmp_path / "chats.db")
        await store.open()
        try:
            await store.ask(lambda table: table._connection.execute("PRAGMA max_page_count=12").fetchone())
            from paddock.sdk.types import ChatMessage, ChatSummary

            await store.ask(lambda table: table.add(ChatSummary(id="c", title="", created=1, updated=1)))
            big = ChatMessage(id="m", chat_id="c", parent=None, role="user", content="x" * 200_000)
            with pytest.raises(StorageFailed, match="disk is full"):
                await store.ask(lambda table: table.append("c", [big], "t", 2.0))
            assert (await store.ask(lambda table: table.chat("c"))).messages == ()
            small = ChatMessage(id="m", chat_id="c", parent=None, role="user", content="x")
            await store.ask(lambda table: table.append("c", [small], "t", 2.0))
            assert (await store.ask(lambda table: table.chat("c"))).summary.title == "t"
        finally:
            await store.close()

    asyncio.run(ask())


def test_a_network_drive_is_recognised_by_its_mount():
    mounts = [("/", "ext4"), ("/home", "ext4"), ("/home/me/share", "nfs4"), ("/home/me/share-not", "xfs")]
    assert innermost("/home/me/share/paddock", mounts) == "nfs4"
    assert innermost("/home/me/sharedata", mounts) == "ext4"
    assert innermost("/home/me/share-not/x", mounts) == "xfs"
