"""Finding and starting the host: what its address file may look like, who else may be there, how a start may fail."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import psutil
import pytest
from filelock import FileLock

from paddock.sdk import connect
from paddock.sdk.aclient import AsyncClient
from paddock.sdk.client import Client
from paddock.sdk.connect import find, find_or_start, read_address, replace_host, stop_host
from paddock.sdk.errors import HostBusy, HostUnavailable, ProtocolMismatch
from paddock.sdk.host import HostAddress
from paddock.sdk.paths import Home, boot_id, machine_name
from paddock.sdk.version import PROTOCOL

FAKE = Path(__file__).with_name("fake_host.py")


def address(**changes: object) -> dict[str, object]:
    whole: dict[str, object] = {
        "instance": "i",
        "protocol": 1,
        "version": "0",
        "url": "http://127.0.0.1:9",
        "token": "t",
        "pid": 1,
        "machine": machine_name(),
        "boot": boot_id(),
    }
    return whole | changes


def write(home: Home, content: bytes) -> None:
    home.run.mkdir(parents=True, exist_ok=True)
    home.host_file.write_bytes(content)


BAD_FILES = {
    "empty": b"",
    "truncated": json.dumps(address()).encode()[:40],
    "binary": bytes(range(256)),
    "foreign": b'{"name": "something else"}',
    "list": b"[1, 2]",
    "wrong types": json.dumps(address(pid="12", protocol="one")).encode(),
    "other computer": json.dumps(address(machine="elsewhere")).encode(),
    "earlier boot": json.dumps(address(boot="0000")).encode(),
    "not loopback": json.dumps(address(url="http://192.0.2.1:80")).encode(),
    "with a path": json.dumps(address(url="http://127.0.0.1:80@evil.example/")).encode(),
}


@pytest.mark.parametrize("content", BAD_FILES.values(), ids=BAD_FILES)
def test_an_unusable_address_file_counts_as_none(home, content):
    if content == BAD_FILES["earlier boot"] and not boot_id():
        return
    write(home, content)
    assert read_address(home) is None
    assert find(home) is None


def test_a_folder_in_place_of_the_address_file_counts_as_none(home):
    home.host_file.mkdir(parents=True)
    assert read_address(home) is None


def test_without_a_host_and_without_starting_one_it_says_so(home):
    with pytest.raises(HostUnavailable, match="not running") as caught:
        find_or_start(home, start=False)
    assert caught.value.details["running"] is False
    assert not home.root.exists()


def test_a_dead_address_is_not_a_host_although_its_pid_lives(home):
    write(home, json.dumps(address(pid=os.getpid())).encode())
    home.lock_file.touch()
    assert find(home) is None


def test_an_answering_host_without_its_lock_is_not_alive(home, fake):
    fake(protocol=PROTOCOL)
    assert find(home) is not None
    home.lock_file.unlink()
    assert find(home) is None


def test_a_host_with_another_instance_id_is_a_stranger(home, fake):
    fake(protocol=PROTOCOL)
    known = msgspec.json.decode(home.host_file.read_bytes(), type=HostAddress)
    write(home, msgspec.json.encode(msgspec.structs.replace(known, instance="other")))
    assert find(home) is None


# ---------------------------------------------------------------- hosts of another version


@pytest.fixture
def fake(home: Home) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a stand-in host process with this behaviour; returns when it is ready."""
    started: list[subprocess.Popen[str]] = []

    def start(**behaviour: object) -> subprocess.Popen[str]:
        command = [sys.executable, str(FAKE), str(home.root), json.dumps(behaviour)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def starting(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the SDK start this program (as Python source) in place of the host."""

    def use(source: str) -> None:
        from paddock.sdk import launch

        real = subprocess.Popen

        def popen(command: list[str], **options: object) -> subprocess.Popen[str]:
            assert command[-2:] == ["-m", "paddock.server"]
            return real([sys.executable, "-c", source], **options)  # type: ignore[call-overload,no-any-return]

        monkeypatch.setattr(launch.subprocess, "Popen", popen)

    return use


def our_host(home: Home) -> str:
    """Source of a program that becomes a stand-in host of our protocol."""
    arguments = ["fake", str(home.root), json.dumps({"protocol": PROTOCOL})]
    return f"import sys, runpy; sys.argv = {arguments!r}; runpy.run_path({str(FAKE)!r})"


def end_of(home: Home) -> None:
    stop_host("now", home)


def test_an_equal_protocol_is_used_as_it_is(home, fake):
    fake(protocol=PROTOCOL)
    found = find_or_start(home)
    assert (found.address.instance, found.handshake.version) == ("fake", "9.9")


def test_an_idle_host_of_another_protocol_is_replaced(home, fake, starting):
    other = fake(protocol=99)
    starting(our_host(home))
    found = find_or_start(home)
    assert found.handshake.protocol == PROTOCOL
    assert other.wait(60) == 0
    end_of(home)


@pytest.mark.parametrize("behaviour", [{"busy": ["answering in a chat"]}, {"refuse": True}])
def test_a_busy_host_of_another_protocol_is_named_with_what_it_does(home, fake, behaviour):
    other = fake(protocol=99, **behaviour)
    with pytest.raises(ProtocolMismatch, match="answering in a chat") as caught:
        find_or_start(home)
    assert caught.value.details["busy"] == ["answering in a chat"]
    assert caught.value.details["choices"] == ["done", "now"]
    assert "9.9" in caught.value.message
    assert other.poll() is None


def test_a_host_of_another_protocol_is_left_alone_when_none_may_be_started(home, fake):
    other = fake(protocol=99)
    with pytest.raises(ProtocolMismatch):
        find_or_start(home, start=False)
    assert other.poll() is None


def test_a_busy_host_can_be_replaced_now(home, fake, starting):
    other = fake(protocol=99, busy=["downloading"])
    with pytest.raises(HostBusy):
        stop_host("idle", home)
    starting(our_host(home))
    assert replace_host("now", home).handshake.protocol == PROTOCOL
    assert other.wait(60) == 0
    end_of(home)


def test_stopping_tells_whether_there_was_a_host(home, fake):
    assert stop_host("idle", home) is False
    fake(protocol=PROTOCOL)
    assert stop_host("idle", home) is True
    assert find(home) is None


@pytest.mark.parametrize("start", [True, False])
def test_a_suspended_host_is_an_error_after_a_bounded_wait(home, fake, monkeypatch, start):
    process = fake(protocol=PROTOCOL)
    monkeypatch.setattr(connect, "PATIENCE_S", 0.5)
    os.kill(process.pid, signal.SIGSTOP)
    with pytest.raises(HostUnavailable, match="does not answer") as caught:
        find_or_start(home, start=start)
    assert str(process.pid) in caught.value.message
    assert caught.value.hint
    monkeypatch.undo()
    os.kill(process.pid, signal.SIGCONT)
    assert find_or_start(home).address.instance == "fake"


# ---------------------------------------------------------------- starts that go wrong


def test_the_sentence_of_a_failed_start_is_shown(home, starting):
    starting("print('loading'); print('failed: The database is newer than this program.')")
    with pytest.raises(HostUnavailable, match=r"^The database is newer than this program\.$") as caught:
        find_or_start(home)
    assert caught.value.details["log"] == ["loading"]


def test_a_host_that_dies_while_starting_shows_its_last_words(home, starting):
    starting("import sys; sys.exit('ImportError: no litestar')")
    with pytest.raises(HostUnavailable, match=r"exit code 1") as caught:
        find_or_start(home)
    assert "no litestar" in caught.value.hint


def test_a_host_killed_while_starting_names_the_signal(home, starting):
    starting("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    with pytest.raises(HostUnavailable, match="SIGSEGV"):
        find_or_start(home)


def test_a_host_that_never_becomes_ready_is_killed_and_its_log_shown(home, starting):
    home.logs.mkdir(parents=True)
    (home.logs / "host.log").write_text("first\nwaiting for nothing\n")
    starting("import threading; threading.Event().wait(60)")
    with pytest.raises(HostUnavailable, match="not become ready") as caught:
        find_or_start(home, within_s=1.0)
    assert "waiting for nothing" in caught.value.hint
    assert not [child for child in psutil.Process().children() if "threading.Event" in " ".join(child.cmdline())]


def test_a_slow_start_is_told_and_waited_for_as_long_as_its_process_lives(home, starting, monkeypatch):
    monkeypatch.setattr(connect, "START_S", 0.2)
    go = home.root / "go"
    starting(f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.02)\n{our_host(home)}")
    told: list[None] = []

    def slow() -> None:
        told.append(None)
        go.touch()

    assert find_or_start(home, slow=slow).handshake.protocol == PROTOCOL
    assert len(told) == 1
    end_of(home)


def test_a_slow_start_of_somebody_else_is_told_and_waited_for(home, starting, monkeypatch, caplog):
    monkeypatch.setattr(connect, "START_S", 0.2)
    starting(our_host(home))
    home.run.mkdir(parents=True)
    other = FileLock(home.start_lock_file, thread_local=False)
    other.acquire()
    assert find_or_start(home, slow=other.release).handshake.protocol == PROTOCOL
    end_of(home)
    with FileLock(home.start_lock_file), pytest.raises(HostUnavailable, match="too long"):
        find_or_start(home, within_s=0.4)
    assert "is taking long to start" in caplog.text


def test_a_host_that_says_ready_and_leaves_is_an_error(home, starting):
    starting("print('ready')")
    with pytest.raises(HostUnavailable):
        find_or_start(home, within_s=2.0)


def test_a_start_that_somebody_else_never_finishes_is_an_error(home):
    home.run.mkdir(parents=True)
    with FileLock(home.start_lock_file), pytest.raises(HostUnavailable, match="too long"):
        find_or_start(home, within_s=0.3)


def test_a_file_in_place_of_the_data_folder_is_named(tmp_path):
    (tmp_path / "home").write_text("")
    with pytest.raises(HostUnavailable, match="data folder"):
        find_or_start(Home(tmp_path / "home"))


def test_two_clients_that_start_at_once_end_with_the_same_host(home, starting):
    starting(our_host(home))
    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(lambda _: find_or_start(home), range(6)))
    assert len({one.address.url for one in found}) == 1
    end_of(home)


def test_both_clients_connect_the_same_way(home, fake):
    fake(protocol=PROTOCOL)

    async def connected() -> str:
        async with await AsyncClient.connect(home.root, client="window") as client:
            return client.address.instance

    with Client.connect(str(home.root)) as client:
        assert client.address.instance == asyncio.run(connected()) == "fake"


def test_giving_up_on_a_slow_start_does_not_hold_up_the_program(home):
    """The window may be closed while a host is being waited for."""
    home.run.mkdir(parents=True)
    code = f"""
import asyncio
from paddock.sdk import AsyncClient, connect
connect.find_or_start.__kwdefaults__["within_s"] = 600
async def main():
    try:
        await asyncio.wait_for(AsyncClient.connect({str(home.root)!r}), 0.3)
    except TimeoutError:
        print("given up")
asyncio.run(main())
"""
    with FileLock(home.start_lock_file):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "given up\n"
