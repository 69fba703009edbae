"""The system's part of the window and of the tests: which libraries and programs are missing, and how to get them.

The list of libraries is what ``ldd`` names for PySide6's ``libqxcb.so``, ``libqoffscreen.so``, ``libqwayland.so``,
QtWidgets and QtSvg, less the C and C++ runtime.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from tools.steps import StepFailed, Steps

MANAGERS = ("apt-get", "dnf", "pacman", "zypper")


class Need(NamedTuple):
    """Something the system has or lacks, and the package that brings it, in the order of MANAGERS."""

    name: str
    apt: str
    dnf: str
    pacman: str
    zypper: str


LIBRARIES = (
    Need("libEGL.so.1", "libegl1", "libglvnd-egl", "libglvnd", "Mesa-libEGL1"),
    Need("libGL.so.1", "libgl1", "libglvnd-glx", "libglvnd", "Mesa-libGL1"),
    Need("libX11.so.6", "libx11-6", "libX11", "libx11", "libX11-6"),
    Need("libX11-xcb.so.1", "libx11-xcb1", "libX11-xcb", "libx11", "libX11-xcb1"),
    Need("libdbus-1.so.3", "libdbus-1-3", "dbus-libs", "dbus", "libdbus-1-3"),
    Need("libfontconfig.so.1", "libfontconfig1", "fontconfig", "fontconfig", "libfontconfig1"),
    Need("libfreetype.so.6", "libfreetype6", "freetype", "freetype2", "libfreetype6"),
    Need("libglib-2.0.so.0", "libglib2.0-0", "glib2", "glib2", "libglib-2_0-0"),
    Need("libgthread-2.0.so.0", "libglib2.0-0", "glib2", "glib2", "libgthread-2_0-0"),
    Need("libwayland-client.so.0", "libwayland-client0", "libwayland-client", "wayland", "libwayland-client0"),
    Need("libwayland-cursor.so.0", "libwayland-cursor0", "libwayland-cursor", "wayland", "libwayland-cursor0"),
    Need("libwayland-egl.so.1", "libwayland-egl1", "libwayland-egl", "wayland", "libwayland-egl1"),
    Need("libxcb.so.1", "libxcb1", "libxcb", "libxcb", "libxcb1"),
    Need("libxcb-cursor.so.0", "libxcb-cursor0", "xcb-util-cursor", "xcb-util-cursor", "libxcb-cursor0"),
    Need("libxcb-icccm.so.4", "libxcb-icccm4", "xcb-util-wm", "xcb-util-wm", "libxcb-icccm4"),
    Need("libxcb-image.so.0", "libxcb-image0", "xcb-util-image", "xcb-util-image", "libxcb-image0"),
    Need("libxcb-keysyms.so.1", "libxcb-keysyms1", "xcb-util-keysyms", "xcb-util-keysyms", "libxcb-keysyms1"),
    Need("libxcb-randr.so.0", "libxcb-randr0", "libxcb", "libxcb", "libxcb-randr0"),
    Need("libxcb-render.so.0", "libxcb-render0", "libxcb", "libxcb", "libxcb-render0"),
    Need(
        "libxcb-render-util.so.0",
        "libxcb-render-util0",
        "xcb-util-renderutil",
        "xcb-util-renderutil",
        "libxcb-render-util0",
    ),
    Need("libxcb-shape.so.0", "libxcb-shape0", "libxcb", "libxcb", "libxcb-shape0"),
    Need("libxcb-shm.so.0", "libxcb-shm0", "libxcb", "libxcb", "libxcb-shm0"),
    Need("libxcb-sync.so.1", "libxcb-sync1", "libxcb", "libxcb", "libxcb-sync1"),
    Need("libxcb-util.so.1", "libxcb-util1", "xcb-util", "xcb-util", "libxcb-util1"),
    Need("libxcb-xfixes.so.0", "libxcb-xfixes0", "libxcb", "libxcb", "libxcb-xfixes0"),
    Need("libxcb-xkb.so.1", "libxcb-xkb1", "libxcb", "libxcb", "libxcb-xkb1"),
    Need("libxkbcommon.so.0", "libxkbcommon0", "libxkbcommon", "libxkbcommon", "libxkbcommon0"),
    Need("libxkbcommon-x11.so.0", "libxkbcommon-x11-0", "libxkbcommon-x11", "libxkbcommon-x11", "libxkbcommon-x11-0"),
)
PROGRAMS = (
    Need("Xvfb", "xvfb", "xorg-x11-server-Xvfb", "xorg-server-xvfb", "xorg-x11-server-Xvfb"),
    Need("openbox", "openbox", "openbox", "openbox", "openbox"),
    Need("xdotool", "xdotool", "xdotool", "xdotool", "xdotool"),
    Need("xauth", "xauth", "xorg-x11-xauth", "xorg-xauth", "xauth"),
    Need("dbus-run-session", "dbus", "dbus-daemon", "dbus", "dbus-1"),
    Need("dbus-launch", "dbus-x11", "dbus-x11", "dbus", "dbus-1-x11"),
)
ACCESSIBILITY = (
    Need("at-spi-bus-launcher", "at-spi2-core", "at-spi2-core", "at-spi2-core", "at-spi2-core"),
    Need("gi", "python3-gi", "python3-gobject", "python-gobject", "python3-gobject"),
    Need("Atspi", "gir1.2-atspi-2.0", "at-spi2-core", "at-spi2-core", "typelib-1_0-Atspi-2_0"),
)


def missing_for_window() -> list[Need]:
    """Shared libraries that Qt needs on Linux and cannot load here; elsewhere none."""
    return [need for need in LIBRARIES if not _loads(need.name)] if sys.platform == "linux" else []


def missing_for_tests() -> list[Need]:
    """What the tests need beside the window's libraries: a virtual display, a window manager, an AT-SPI client."""
    if sys.platform != "linux":
        return []
    programs = [need for need in PROGRAMS if shutil.which(need.name) is None]
    return programs + [need for need in ACCESSIBILITY if not _has_accessibility(need.name)]


def _loads(soname: str) -> bool:
    try:
        ctypes.CDLL(soname)
    except OSError:
        return False
    return True


def _has_accessibility(name: str) -> bool:
    if name == "at-spi-bus-launcher":
        folders = ("/usr/libexec", "/usr/lib/at-spi2-core", "/usr/lib/at-spi2", "/usr/lib")
        return any(Path(folder, name).exists() for folder in folders)
    program = "import gi" if name == "gi" else "import gi; gi.require_version('Atspi', '2.0')"
    python = next((path for path in ("/usr/bin/python3", sys.executable) if Path(path).exists()), "python3")
    return subprocess.run([python, "-c", program], stderr=subprocess.DEVNULL, check=False).returncode == 0


def install_command(needs: Iterable[Need], manager: str) -> list[str]:
    """The command of a package manager that brings ``needs``, without ``sudo``."""
    column = 1 + MANAGERS.index(manager)
    packages = sorted({need[column] for need in needs})
    verb = ["-S", "--needed"] if manager == "pacman" else ["install", "-y"]
    extra = ["--no-install-recommends"] if manager == "apt-get" else []
    return [manager, *verb, *extra, *packages]


def advice(needs: Iterable[Need]) -> str:
    """The line to type on this machine."""
    needs = list(needs)
    manager = next((name for name in MANAGERS if shutil.which(name)), None)
    if manager is None:
        return "Install these libraries and programs with your system's package manager: " + ", ".join(
            n.name for n in needs
        )
    return "sudo " + " ".join(install_command(needs, manager))


def is_debian(os_release: Path = Path("/etc/os-release")) -> bool:
    """Debian, Ubuntu and what is made of them."""
    try:
        text = os_release.read_text(encoding="utf-8")
    except OSError:
        return False
    fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    names = f"{fields.get('ID', '')} {fields.get('ID_LIKE', '')}".replace('"', "").split()
    return "debian" in names or "ubuntu" in names


def may_install() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0 and is_debian() and shutil.which("apt-get") is not None


def provide(needs: list[Need], purpose: str, steps: Steps) -> bool:
    """Install ``needs`` where that is allowed, otherwise say the exact command. Never raises; False: still missing."""
    if not needs:
        return True
    if may_install():
        try:
            apt_install(install_command(needs, "apt-get"), f"System packages for {purpose}", steps)
            return True
        except StepFailed:
            pass  # its last lines have been shown; the command below is what is left to do
    steps.say(f"Missing on this system for {purpose}: {', '.join(need.name for need in needs)}")
    steps.say(f"  {advice(needs)}")
    return False


def apt_install(command: list[str], title: str, steps: Steps) -> None:
    """Run ``apt-get install``, with fresh package lists when the first try fails. Raises StepFailed."""
    env: Mapping[str, str] = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        steps.run(title, command, env=env, show_failure=False)
    except StepFailed:
        steps.run("Package lists", ["apt-get", "update"], env=env)
        steps.run(title, command, env=env)
