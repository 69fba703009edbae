"""One host per data folder: the lock that makes it so, and ``run/host.json``, the address where it answers.

The file is only an address. A host is alive when its lock is held and it answers a handshake with the instance id of
the file; a stale, truncated or foreign file is simply overwritten by the next host.
"""

from __future__ import annotations

import errno
import os
import secrets
import sys
import uuid
from pathlib import Path
from types import TracebackType

import msgspec

from paddock.sdk.errors import StorageFailed
from paddock.sdk.host import HostAddress
from paddock.sdk.paths import Home, boot_id, machine_name
from paddock.sdk.version import PROTOCOL, VERSION

NETWORK_FILESYSTEMS = frozenset(
    {"afpfs", "afs", "ceph", "cifs", "davfs", "fuse.sshfs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "smb2"}
    | {"smb3", "smbfs", "webdav"}
)


LOOKERS_S = 0.25


class AlreadyRunning(Exception):
    """Another host holds the lock of this data folder."""


class Instance:
    """The right to be the host of ``home`` while the context is open. Raises AlreadyRunning and StorageFailed."""

    def __init__(self, home: Home) -> None:
        from filelock import FileLock

        self.home = home
        self.id = uuid.uuid4().hex
        self.token = secrets.token_urlsafe(32)
        self._lock = FileLock(home.lock_file, mode=0o600, thread_local=False, fallback_to_soft=False)

    def __enter__(self) -> Instance:
        from filelock import Timeout

        prepare(self.home)
        try:
            # Clients look whether a host lives by taking its lock for a moment; that is no host.
            self._lock.acquire(timeout=LOOKERS_S, poll_interval=0.02)
        except Timeout:
            raise AlreadyRunning from None
        except (OSError, NotImplementedError) as error:
            raise _unusable(self.home.root, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.withdraw()
        self._lock.release()

    def announce(self, url: str) -> None:
        """Write the address, readable by this user only. Raises StorageFailed."""
        content = HostAddress(
            instance=self.id,
            protocol=PROTOCOL,
            version=VERSION,
            url=url,
            token=self.token,
            machine=machine_name(),
            boot=boot_id(),
            pid=os.getpid(),
        )
        try:
            write_private(self.home.host_file, msgspec.json.format(msgspec.json.encode(content)))
        except OSError as error:
            raise _unusable(self.home.root, error) from error

    def withdraw(self) -> None:
        """Remove the address, if it is still ours."""
        try:
            found = msgspec.json.decode(self.home.host_file.read_bytes(), type=HostAddress)
            if found.instance == self.id:
                self.home.host_file.unlink()
        except (OSError, msgspec.DecodeError):
            return


def prepare(home: Home) -> None:
    """Make the folders. Raises StorageFailed when the place cannot hold a data folder."""
    try:
        for folder in (home.root, home.logs, home.models):
            folder.mkdir(parents=True, exist_ok=True)
        home.run.mkdir(mode=0o700, exist_ok=True)
        if os.name == "posix":
            home.run.chmod(0o700)
        probe = home.run / f"probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise _unusable(home.root, error) from error
    kind = filesystem(home.root)
    if kind in NETWORK_FILESYSTEMS:
        raise StorageFailed(
            f"The data folder {home.root} is on a network drive ({kind}), where the database is not safe.",
            hint="Set PADDOCK_HOME to a folder on a disk of this machine.",
            path=str(home.root),
        )


def write_private(path: Path, content: bytes) -> None:
    """Replace ``path`` atomically; only this user can read it. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def filesystem(path: Path) -> str:
    """Type of the file system that holds ``path``; empty when unknown."""
    if sys.platform == "linux":
        try:
            mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
        except OSError:
            return ""
        table = [(fields[1].replace("\\040", " "), fields[2]) for fields in mounts if len(fields) > 2]
    elif sys.platform == "win32":
        import ctypes

        remote = ctypes.windll.kernel32.GetDriveTypeW(str(path.anchor)) == 4
        return "smb3" if remote else ""
    else:
        import psutil

        table = [(part.mountpoint, part.fstype) for part in psutil.disk_partitions(all=True)]
    return innermost(str(path.resolve()), table)


def innermost(path: str, mounts: list[tuple[str, str]]) -> str:
    """File system type of the deepest of ``mounts`` (folder, type) that contains ``path``; the last mounted wins."""
    best = ("", "")
    for folder, kind in mounts:
        inside = path == folder or path.startswith(folder.rstrip("/") + "/")
        if inside and len(folder) >= len(best[0]):
            best = (folder, kind)
    return best[1]


def _unusable(root: Path, error: Exception) -> StorageFailed:
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return StorageFailed(
        f"The data folder {root} cannot be used: {why}.",
        hint="Make room on the disk." if full else "Set PADDOCK_HOME to a folder that you can write to.",
        path=str(root),
    )
