"""``paddock integrate``: model files and ``paddock://`` addresses open the app."""

from __future__ import annotations

import importlib
import importlib.resources
import os
import sys
import sysconfig
from pathlib import Path
from typing import Annotated

import typer

from paddock.sdk.cli.terminal import Terminal
from paddock.sdk.errors import PaddockError, StorageFailed

_SIZES = ("48", "128", "256")


def integrate(
    remove: Annotated[bool, typer.Option("--remove", help="Take everything away again.")] = False,
) -> None:
    """Put Paddock into the menus, and let it open .gguf files and paddock:// addresses; it asks before it acts."""
    terminal = Terminal()
    try:
        done = _integrate(remove=remove)
    except OSError as error:
        where = error.filename or "the desktop’s folders"
        raise StorageFailed(
            f"{where} cannot be written: {error.strerror or error}.", hint="Look at the rights of that folder."
        ) from error
    for line in done:
        terminal.line(line)
    if remove:
        terminal.note("Paddock is out of the desktop." if done else "There was nothing of Paddock in the desktop.")
    else:
        terminal.note("“paddock integrate --remove” takes it away again.")


def _integrate(*, remove: bool) -> list[str]:
    """Each thing that was written or removed."""
    if sys.platform == "darwin":
        raise PaddockError(
            "macOS takes addresses and file types from app bundles only, and Paddock has none yet.",
            hint="In a terminal “paddock FILE.gguf” and “paddock hf.co/OWNER/REPO:QUANT” do the same.",
        )
    if sys.platform == "win32":
        from paddock.sdk.cli.integrate_windows import WindowsDesktop

        windows = WindowsDesktop(importlib.import_module("winreg"))
        return windows.remove() if remove else windows.add(own_command(), str(_pictures() / "paddock.ico"))
    from paddock.sdk.cli.integrate_linux import LinuxDesktop

    home = Path.home()
    data = os.environ.get("XDG_DATA_HOME") or home / ".local" / "share"
    config = os.environ.get("XDG_CONFIG_HOME") or home / ".config"
    desktop = LinuxDesktop(Path(data), Path(config))
    if remove:
        return desktop.remove()
    pictures = _pictures()
    icons = {size: (pictures / f"paddock-{size}.png").read_bytes() for size in _SIZES}
    icons["scalable"] = (pictures / "paddock.svg").read_bytes()
    moved = os.environ.get("PADDOCK_HOME")
    return desktop.add(own_command(), {"PADDOCK_HOME": os.path.abspath(moved)} if moved else {}, icons)


def own_command() -> list[str]:
    """What starts this very installation, without a console of its own."""
    windows = sys.platform == "win32"
    script = Path(sysconfig.get_path("scripts")) / "paddock"
    if script.is_file() and not windows:
        return [str(script)]
    python = Path(sys.executable)
    quiet = python.with_name("pythonw.exe")
    return [str(quiet if windows and quiet.is_file() else python), "-m", "paddock.sdk.cli.main"]


def _pictures() -> Path:
    # not an import statement: nothing in the SDK may depend on the rooms above it
    return Path(str(importlib.resources.files("paddock.resources"))) / "app"
