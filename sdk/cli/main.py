"""The ``paddock`` command. Without arguments it opens the app, and imports nothing that only other commands need."""

from __future__ import annotations

import errno
import importlib
import importlib.util
import os
import sys
from collections.abc import Mapping
from contextlib import suppress

_APP_OPTIONS = {"--new-window", "--debug"}
_COMPLETING = "_PADDOCK_COMPLETE"
"""Set by the shell when it wants completions and no command."""


def main() -> int:
    """Run the command line in ``sys.argv``; the exit code (0 done, 1 failed, 2 wrong usage, 130 interrupted)."""
    arguments = sys.argv[1:]
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # an old code page must not end an answer
    try:
        if _APP_OPTIONS.issuperset(arguments) and _COMPLETING not in os.environ:
            return open_app(arguments)
        if len(arguments) == 1:
            from paddock.sdk.open_address import is_address

            if is_address(arguments[0]):
                return _open(arguments[0])
        from paddock.sdk.cli.app import run

        return run(arguments)
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        return _unwritten(error)


def _unwritten(error: OSError) -> int:
    """1, with a sentence where the error is that of the output: a full disk, or a pipe that nobody reads any more."""
    if error.filename is not None or error.errno not in (errno.ENOSPC, errno.EIO, errno.EPIPE, errno.EBADF):
        raise error
    if sys.stderr is not None:
        with suppress(OSError):
            sys.stderr.write(f"error: The output cannot be written ({error.strerror}).\n")
    with suppress(OSError):
        # what is left in its buffer must not fail once more when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 1


def _open(address: str) -> int:
    """The window with ``address``. One that cannot be opened is told here to whoever typed it, in the window to whoever
    followed a link."""
    from paddock.sdk.errors import BadRequest
    from paddock.sdk.open_address import OpenFile, parse_address

    try:
        opened = parse_address(address)
    except BadRequest as error:
        if sys.stderr is None or not sys.stderr.isatty():
            return open_app(["--", address])
        sys.stderr.write(f"error: {error.message}\n{error.hint}\n")
        return 2
    return open_app(["--", opened.path if isinstance(opened, OpenFile) else address])


def open_app(arguments: list[str]) -> int:
    """Open the window; blocks until it is closed. Without a display or without Qt it says so and returns 1."""
    missing = _missing(sys.platform, os.environ)
    if missing:
        return _no_window(missing)
    try:
        # not an import statement: nothing in the SDK may depend on the window
        app = importlib.import_module("paddock.gui.app")
    except ImportError as error:
        if (error.name or "").startswith("paddock"):
            raise
        return _no_window(f"Qt cannot be loaded ({error}).")
    code: int = app.main(arguments)
    return code


def _missing(platform: str, environment: Mapping[str, str]) -> str:
    if importlib.util.find_spec("PySide6") is None:
        return "The window needs PySide6, which is not installed (pip install “paddock[gui]”)."
    displays = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if platform.startswith("linux") and not any(environment.get(name) for name in displays):
        return "There is no display to open a window on."
    return ""


def _no_window(reason: str) -> int:
    sys.stderr.write(
        f"{reason}\nWithout a window: “paddock chat” talks to a model here, “paddock serve” opens the API server,"
        " “paddock --help” lists everything.\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
