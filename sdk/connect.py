"""Find the host of a data folder, or start it (DESIGN section 1).

``run/host.json`` is only an address. A host is alive when its lock is held and it answers a handshake with the
instance id of that file; a pid proves nothing. Everything here blocks and is used by both clients, the asyncio one in a
thread. Clients that start a host do so one after another, under ``run/start.lock``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from paddock.sdk import protocol, transport
from paddock.sdk.errors import HostBusy, HostUnavailable, PaddockError, ProtocolMismatch
from paddock.sdk.host import Handshake, HostAddress
from paddock.sdk.paths import Home, boot_id, machine_name
from paddock.sdk.protocol import Call
from paddock.sdk.version import PROTOCOL, VERSION

if TYPE_CHECKING:
    from paddock.sdk.launch import Patience

START_S = 60.0
"""After so long a start counts as slow: it takes a second, and twenty where the machine has other work."""
PATIENCE_S = 20.0
"""So long a host that holds its lock may stay without an answer before it counts as stuck."""
LEAVE_S = 30.0
"""So long a host may take to end after it was asked to."""
Slow = Callable[[], None]
_POLL_S = 0.05
_TRIES = 10
"""So often may another start seem to be faster, and its host be gone."""
_LOOPBACK = re.compile(r"http://127\.0\.0\.1:\d{1,5}")


class Found(NamedTuple):
    """A host that answers."""

    address: HostAddress
    handshake: Handshake


class _Greeting(msgspec.Struct):
    """The part of a handshake that a host of any version sends."""

    instance: str
    protocol: int
    version: str = ""
    pid: int = 0
    home: str = ""
    busy: tuple[str, ...] = ()


def home_of(home: Home | Path | str | None) -> Home:
    """``home`` as a Home; None means this user's, from ``PADDOCK_HOME`` or the platform."""
    if isinstance(home, Home):
        return home
    return Home.find() if home is None else Home(Path(home).expanduser().absolute())


# ---------------------------------------------------------------- looking


def read_address(home: Home) -> HostAddress | None:
    """The address in ``host.json``; None when it is missing, damaged, or of another computer or another boot."""
    try:
        address = msgspec.json.decode(home.host_file.read_bytes(), type=HostAddress)
    except (OSError, msgspec.DecodeError):
        return None
    boot = boot_id()
    same_boot = not boot or not address.boot or address.boot == boot
    if address.machine != machine_name() or not same_boot or not _LOOPBACK.fullmatch(address.url):
        return None
    return address


def lock_held(home: Home) -> bool:
    """Whether some process holds the host's lock. Raises HostUnavailable when the data folder cannot be used."""
    from filelock import FileLock, Timeout

    if not home.lock_file.exists():
        return False
    lock = FileLock(home.lock_file, fallback_to_soft=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    except OSError as error:
        raise _unusable(home, error) from error
    lock.release()
    return False


def greet(address: HostAddress, *, client: str = "sdk", timeout_s: float = 2.0) -> Handshake | None:
    """The handshake of the host at ``address``; None when nobody, or somebody else, answers there."""
    call: Call[_Greeting] = Call(method="GET", path=protocol.handshake().path, answer=_Greeting, timeout_s=timeout_s)
    try:
        greeting = _ask(address, client, call)
    except PaddockError:
        return None
    if greeting.instance != address.instance:
        return None
    return Handshake(**msgspec.structs.asdict(greeting))


def find(home: Home, *, client: str = "sdk") -> Found | None:
    """The running host of ``home``, of whatever version; None when none is alive or it does not answer in 2 s."""
    address = read_address(home)
    if address is None or not lock_held(home):
        return None
    handshake = greet(address, client=client)
    return None if handshake is None else Found(address, handshake)


# ---------------------------------------------------------------- find or start


def find_or_start(
    home: Home,
    *,
    client: str = "sdk",
    start: bool = True,
    within_s: float | None = None,
    slow: Slow | None = None,
) -> Found:
    """The running host of ``home`` that speaks our protocol; with ``start``, started or replaced where needed. A start
    may take ``within_s``, None: as long as the process lives. ``slow`` is called once, on this thread, when it takes
    more than START_S; None: that is logged.

    Raises HostUnavailable with the reason (``details["running"]`` is False when there simply is none), and
    ProtocolMismatch when a host of another version works (``details``: ``busy``, ``choices``).
    """
    found = find(home, client=client)
    if found is not None and found.handshake.protocol == PROTOCOL:
        return found
    if not start:
        return _only_running(home, found, client, time.monotonic() + (within_s or START_S))
    from paddock.sdk.launch import Patience

    patience = Patience(within_s, slow or _log_slow, START_S)
    with _start_lock(home, patience):
        found = _settled(home, client, patience.end)
        if found is not None and found.handshake.protocol != PROTOCOL:
            _ask_to_leave(home, found, client)
            found = None
        return found if found is not None else _start(home, client, patience)


def stop_host(
    when: Literal["idle", "done", "now"],
    home: Home | Path | str | None = None,
    *,
    client: str = "sdk",
    timeout_s: float | None = None,
) -> bool:
    """End the running host, of whatever version; False when none is running.

    ``timeout_s`` bounds the wait for its end; None means as long as it takes for ``done`` and 30 s otherwise.
    Raises HostBusy when it works and ``when`` is ``idle``, HostUnavailable when it does not answer or does not end.
    """
    place = home_of(home)
    found = _settled(place, client, time.monotonic() + PATIENCE_S)
    if found is None:
        return False
    _ask(found.address, client, protocol.shutdown(when))
    _await_end(place, found, timeout_s if timeout_s is not None else None if when == "done" else LEAVE_S)
    return True


def replace_host(
    when: Literal["done", "now"],
    home: Home | Path | str | None = None,
    *,
    client: str = "sdk",
    timeout_s: float | None = None,
) -> Found:
    """:func:`stop_host`, then start a host of this version."""
    stop_host(when, home, client=client, timeout_s=timeout_s)
    return find_or_start(home_of(home), client=client)


def _only_running(home: Home, found: Found | None, client: str, end: float) -> Found:
    found = found or _settled(home, client, end)
    if found is None:
        raise HostUnavailable(
            "Paddock’s host is not running.",
            hint="It starts with the app, “paddock chat” or “paddock serve”.",
            running=False,
        )
    if found.handshake.protocol != PROTOCOL:
        raise _mismatch(found)
    return found


def _settled(home: Home, client: str, end: float) -> Found | None:
    """The host that holds the lock, once it answers; None when nobody holds it. Waits for one that is starting or
    ending. Raises HostUnavailable when it does neither in time."""
    limit = min(end, time.monotonic() + PATIENCE_S)
    while True:
        found = find(home, client=client)
        if found is not None or not lock_held(home):
            return found
        if time.monotonic() > limit:
            raise _stuck(home)
        time.sleep(_POLL_S)


def _start(home: Home, client: str, patience: Patience) -> Found:
    """Start a host and wait for its handshake; also when another start was faster."""
    from paddock.sdk.launch import launch

    for _ in range(_TRIES):
        ready = launch(home, patience)
        found = _settled(home, client, patience.end)
        if found is not None:
            if found.handshake.protocol != PROTOCOL:
                raise _mismatch(found)
            return found
        if ready or patience.over():
            break
    raise HostUnavailable(
        "Paddock’s host started and ended at once.",
        hint=f"Its log is in {home.logs}; “paddock doctor” may tell more.",
    )


def _ask_to_leave(home: Home, found: Found, client: str) -> None:
    if found.handshake.busy:
        raise _mismatch(found)
    try:
        _ask(found.address, client, protocol.shutdown("idle"))
    except HostBusy as error:
        busy = error.details.get("busy")
        raise _mismatch(found, tuple(busy) if isinstance(busy, list) else (error.message,)) from error
    _await_end(home, found, LEAVE_S)


def _await_end(home: Home, found: Found, timeout_s: float | None) -> None:
    end = None if timeout_s is None else time.monotonic() + timeout_s
    while lock_held(home):
        current = read_address(home)
        if current is not None and current.instance != found.address.instance:
            return  # it is gone, and another client has started the next one
        if end is not None and time.monotonic() > end:
            raise HostUnavailable(
                f"Paddock’s host (process {found.handshake.pid}) was asked to end but is still there.",
                hint="Wait a moment and try again, or end that process.",
            )
        time.sleep(_POLL_S)


def _ask(address: HostAddress, client: str, call: Call[protocol.T]) -> protocol.T:
    with transport.open_sync(address, client) as http, transport.explained(call):
        answer = http.request(**transport.arguments(call))
    return protocol.decode(call, answer.status_code, answer.content)


@contextmanager
def _start_lock(home: Home, patience: Patience) -> Iterator[None]:
    from filelock import FileLock, Timeout

    try:
        home.run.mkdir(parents=True, exist_ok=True)
        lock = FileLock(home.start_lock_file, fallback_to_soft=False)
        while not lock.is_locked:
            with suppress(Timeout):
                lock.acquire(timeout=patience.pause(), poll_interval=_POLL_S)
                break
            if patience.over():
                raise HostUnavailable(
                    "Another program has been starting Paddock’s host for too long.",
                    hint=f"Try again; if it stays so, look at the logs in {home.logs}.",
                )
    except OSError as error:
        raise _unusable(home, error) from error
    try:
        yield
    finally:
        lock.release()


# ---------------------------------------------------------------- sentences


def _log_slow() -> None:
    import logging

    logging.getLogger("paddock").warning(
        "Paddock’s host is taking long to start; this computer may be busy. Waiting goes on while its process lives."
    )


def _unusable(home: Home, error: OSError) -> HostUnavailable:
    return HostUnavailable(
        f"Paddock cannot use its data folder {home.root} ({error.strerror or error}).",
        hint="Make it writable, or choose another one with PADDOCK_HOME.",
    )


def _stuck(home: Home) -> HostUnavailable:
    address = read_address(home)
    process = f" (process {address.pid})" if address is not None else ""
    return HostUnavailable(
        f"Paddock’s host{process} is running but does not answer.",
        hint="If it was suspended, let it go on; otherwise end that process and try again.",
        running=True,
    )


def _mismatch(found: Found, busy: tuple[str, ...] = ()) -> ProtocolMismatch:
    other = found.handshake
    doing = busy or other.busy
    return ProtocolMismatch(
        f"Paddock {other.version or 'of another version'} is running and does not understand version {VERSION}"
        + (f"; it is busy: {', '.join(doing)}." if doing else "."),
        hint="“paddock stop --when done” ends it after its work, “paddock stop --when now” at once; then try again.",
        version=other.version,
        protocol=other.protocol,
        busy=list(doing),
        choices=["done", "now"],
    )
