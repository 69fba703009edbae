"""What ``paddock doctor`` looks at on this computer, without the host. A check returns findings and raises nothing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from paddock.sdk.paths import Home
from paddock.sdk.units import bytes_text

OLDEST_PYTHON = (3, 11)
LITTLE_SPACE = 5_000_000_000
NO_SPACE = 200_000_000
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_QT_TEST = "from PySide6 import QtWidgets, QtSvg"
_AWAKE_TEST = """
from contextlib import ExitStack
from paddock.server.awake import hold_system
with ExitStack() as held:
    print(hold_system(held))
"""
_PURPOSES = {"host": "the host", "gui": "the window", "llamacpp": "the llama.cpp engine"}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at. ``remedy`` says what to do unless all is well."""

    name: str
    status: Literal["ok", "warn", "fail"]
    message: str
    remedy: str = ""


def python() -> Finding:
    """The interpreter's version."""
    message = f"{platform.python_version()} on {platform.platform(terse=True)} ({sys.executable})"
    if sys.version_info[:2] >= OLDEST_PYTHON:
        return Finding(name="Python", status="ok", message=message)
    return Finding(name="Python", status="fail", message=message, remedy="Install Python 3.11 or newer.")


def libraries() -> Iterator[Finding]:
    """What Paddock's own package asks for, by purpose, against what is installed."""
    try:
        required = importlib.metadata.requires("paddock") or []
    except importlib.metadata.PackageNotFoundError:
        yield Finding(
            name="Libraries",
            status="warn",
            message="Paddock is not installed as a package, so its needs are unknown.",
            remedy="Start it through run.py, or install it with pip.",
        )
        return
    for extra, names in _by_extra(required).items():
        if extra and extra not in _PURPOSES:
            continue
        title = f"Libraries of {_PURPOSES[extra]}" if extra else "Libraries"
        versions = {name: _version(name) for name in names}
        missing = [name for name, version in versions.items() if not version]
        if missing:
            yield Finding(
                name=title,
                status="warn" if extra in ("gui", "llamacpp") else "fail",
                message=f"Missing: {', '.join(missing)}.",
                remedy=f"Run pip install “paddock{f'[{extra}]' if extra else ''}”, or start Paddock through run.py.",
            )
        else:
            listed = ", ".join(f"{name} {version}" for name, version in versions.items())
            yield Finding(name=title, status="ok", message=listed)


def _by_extra(required: list[str]) -> dict[str, list[str]]:
    """Requirement lines as names under their extra (empty: always needed), those of other systems left out."""
    found: dict[str, list[str]] = {"": []}
    for line in required:
        requirement, _, marker = line.partition(";")
        name = re.match(r"[\w.-]+", requirement.strip())
        elsewhere = re.search(r"platform_system\s*!=\s*['\"](\w+)['\"]", marker)
        if name is None or (elsewhere and elsewhere[1] == platform.system()):
            continue
        extra = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", marker)
        found.setdefault(extra[1] if extra else "", []).append(name[0])
    return found


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def qt(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Whether Qt finds its system libraries, and a display."""
    if not _version("PySide6-Essentials"):
        return  # named among the libraries
    try:
        tried = subprocess.run(
            [sys.executable, "-P", "-c", _QT_TEST], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        yield Finding(name="Qt", status="warn", message=f"It could not be tried: {error}.", remedy="Run doctor again.")
        return
    if tried.returncode == 0:
        yield Finding(name="Qt", status="ok", message="The libraries of the window load.")
    else:
        last = (tried.stderr.strip().splitlines() or ["no explanation"])[-1]
        yield Finding(
            name="Qt",
            status="warn",
            message=f"The window cannot open: {last}",
            remedy="Install Qt’s system libraries; run.py does it or prints the command (on Debian: apt-get install "
            "libegl1 libgl1 libxkbcommon-x11-0 libxcb-cursor0 libdbus-1-3 libfontconfig1).",
        )
    displays = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform.startswith("linux") and not any(environment.get(name) for name in displays):
        yield Finding(
            name="Display",
            status="warn",
            message="There is none, so no window can open here.",
            remedy="“paddock chat” and “paddock serve” work without one.",
        )


def data_folder(home: Home) -> Iterator[Finding]:
    """Whether the data folder can be written and has room."""
    try:
        home.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home.root) as file:
            file.write(b"paddock")
    except OSError as error:
        yield Finding(
            name="Data folder",
            status="fail",
            message=f"{home.root} cannot be written ({error.strerror or error}).",
            remedy="Make it writable, or choose another one with PADDOCK_HOME.",
        )
    else:
        yield Finding(
            name="Data folder", status="ok", message=f"{home.root} can be written; models go to {home.models}"
        )
    yield _disk(home)


def _disk(home: Home) -> Finding:
    existing = next((path for path in (home.root, *home.root.parents) if path.exists()), Path("/"))
    try:
        free = shutil.disk_usage(existing).free
    except OSError as error:
        return Finding(
            name="Disk space", status="warn", message=f"It cannot be read ({error}).", remedy="Check the disk."
        )
    message = f"{bytes_text(free)} free"
    if free >= LITTLE_SPACE:
        return Finding(name="Disk space", status="ok", message=message)
    remedy = "Make room, or move the data with PADDOCK_HOME: a small model takes about 1 to 5 GB."
    return Finding(name="Disk space", status="fail" if free < NO_SPACE else "warn", message=message, remedy=remedy)


def proxies(environment: Mapping[str, str]) -> Finding:
    """Proxy variables: Paddock ignores them on loopback, other programs may not."""
    lower = {name.upper(): value for name, value in environment.items() if value}
    found = [name for name in _PROXIES if name in lower]
    if not found:
        return Finding(name="Proxy", status="ok", message="No proxy variables are set.")
    excepted = re.split(r"[,\s]+", lower.get("NO_PROXY", ""))
    message = f"{', '.join(found)} set; Paddock’s own connections on this computer ignore them."
    if "*" in excepted or "127.0.0.1" in excepted:
        return Finding(name="Proxy", status="ok", message=message)
    return Finding(
        name="Proxy",
        status="warn",
        message=f"{message} Other programs may send their API requests to the proxy.",
        remedy="Add NO_PROXY=127.0.0.1,localhost to their environment.",
    )


def awake() -> Finding:
    """Whether something here keeps the computer from sleeping while a download runs. It is tried by the host's code."""
    try:
        tried = subprocess.run(
            [sys.executable, "-P", "-c", _AWAKE_TEST], capture_output=True, text=True, timeout=60, check=False
        )
        by = tried.stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        by = ""
    if by:
        return Finding(name="Sleep", status="ok", message=f"Long work can keep this computer awake ({by}).")
    return Finding(
        name="Sleep",
        status="warn",
        message="Nothing here lets long work keep this computer awake.",
        remedy="A download waits while the computer sleeps, and goes on after it. Where it must not, change its power "
        "settings.",
    )


def local_findings(home: Home) -> Iterator[Finding]:
    """All checks that need no host."""
    yield python()
    yield from libraries()
    yield from qt(os.environ)
    yield awake()
    yield from data_folder(home)
    yield proxies(os.environ)
