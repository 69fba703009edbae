#!/usr/bin/env python3
"""Sets up Paddock in ``.venv`` beside this file, when that is needed, and runs it.

    python3 run.py                 opens the app
    python3 run.py ARGS...         is ``paddock ARGS...``
    python3 run.py test [ARGS...]  the whole check; ARGS go to pytest
    python3 run.py screens DIR     writes a picture of every page into DIR

Standard library only. It parses on Python 3.6, so that an old Python gets a sentence and not a syntax error.
PADDOCK_ACCELERATOR (auto, cpu, cuda, metal, rocm, vulkan) picks the build of the llama.cpp engine and is remembered.
"""

import sys

if sys.version_info < (3, 11):
    sys.exit(
        f"Paddock needs Python 3.11 or newer, and this is Python {sys.version_info[0]}.{sys.version_info[1]}. "
        "Install a newer Python and start again, for example: python3.11 run.py"
    )

import hashlib
import json
import os
from pathlib import Path

# what only a set-up needs is imported by the functions that set up: a second start pays for nothing else
TYPE_CHECKING = False
if TYPE_CHECKING:
    from tools.steps import Steps

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "paddock-stamp.json"
LOG = VENV / "paddock-setup.log"
LOCK = ROOT / ".setup.lock"
WINDOWS = os.name == "nt"
BIN = VENV / ("Scripts" if WINDOWS else "bin")
PYTHON = BIN / ("python.exe" if WINDOWS else "python")

SHAPING = (
    "run.py",
    "setup.py",
    "pyproject.toml",
    "constraints.txt",
    "tools/accelerator.py",
    "tools/install_llamacpp.py",
    "tools/llama_cpp.cmake",
    "tools/namespace.py",
)
"""Files that decide what a set-up installs: a change in one of them makes the stamp stale."""
APP_EXTRAS = ("gui", "host")
TEST_EXTRAS = (*APP_EXTRAS, "test")


NO_NETWORK = (
    "Failed to establish a new connection",
    "Temporary failure in name resolution",
    "Network is unreachable",
    "Connection refused",
    "ConnectTimeoutError",
    "Read timed out",
    "Could not fetch URL",
)
"""Words by which pip tells that the network is at fault."""


class SetupFailed(Exception):
    """The set-up cannot go on; the text is for the person."""


def main(arguments: "list[str]") -> int:
    """Set up when needed, then run what was asked for. Returns the exit code."""
    command = arguments[0] if arguments else ""
    extras = TEST_EXTRAS if command == "test" else APP_EXTRAS
    try:
        if not is_ready(read_stamp(), extras):
            set_up(extras)
        provide_system_packages(command)
    except SetupFailed as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. The next start goes on from here.\n")
        return 130
    if command == "test":
        return hand_over([str(PYTHON), str(ROOT / "tools" / "check.py"), *arguments[1:]])
    if command == "screens":
        return hand_over([str(PYTHON), "-m", "paddock.gui.screens", *arguments[1:]])
    return hand_over([str(BIN / ("paddock.exe" if WINDOWS else "paddock")), *arguments])


def hand_over(command: "list[str]") -> int:
    """Become ``command``; on Windows, where a process cannot, run it and return its exit code."""
    if not WINDOWS:
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(command[0], command)
    import signal
    import subprocess

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the program, which this process only waits for
    return subprocess.call(command)


# ---------------------------------------------------------------- is a set-up needed?


def digest() -> str:
    """Hash of everything that decides what a set-up installs, of this Python and of the place of the checkout."""
    found = hashlib.sha256(f"{VERSION} {sys.platform} {ROOT}".encode())
    for name in SHAPING:
        found.update(b"\0" + name.encode() + b"\0" + (ROOT / name).read_bytes())
    return found.hexdigest()


def read_stamp() -> "dict[str, object]":
    """What the last complete set-up wrote; empty when there was none or the file is damaged."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def is_ready(stamp: "dict[str, object]", extras: "tuple[str, ...]") -> bool:
    """Whether the environment is what the files say. Reads a few small files, no network, no process."""
    present = stamp.get("extras")
    asked = os.environ.get("PADDOCK_ACCELERATOR")
    return (
        stamp.get("digest") == digest()
        and isinstance(present, list)
        and set(extras) <= set(present)
        and (not asked or asked == stamp.get("accelerator"))
        and not (stamp.get("engine_waits_for") == "compiler" and has_compiler())
        and PYTHON.exists()
        and (ROOT / ".namespace" / "paddock" / "sdk").exists()
    )


def has_compiler() -> bool:
    from tools.accelerator import missing_tool

    return missing_tool("cpu") is None


# ---------------------------------------------------------------- set-up


def set_up(extras: "tuple[str, ...]") -> None:
    """Bring ``.venv`` up to date; a set-up that was interrupted goes on. Raises SetupFailed."""
    from tools.accelerator import UnknownAccelerator, check_name
    from tools.steps import StepFailed, Steps

    with SetupLock() as lock:
        stamp = read_stamp()
        if is_ready(stamp, extras):  # the other one has done it
            return
        present = stamp.get("extras")
        if isinstance(present, list):  # what was installed for the tests stays current
            extras = tuple(sorted({*extras, *map(str, present)}))
        asked = os.environ.get("PADDOCK_ACCELERATOR") or str(stamp.get("accelerator", "auto"))
        try:
            check_name(asked)
        except UnknownAccelerator as error:
            raise SetupFailed(str(error)) from error
        STAMP.unlink(missing_ok=True)
        sys.stderr.write(f"Setting up Paddock in {VENV.name}. The first time takes some minutes.\n")
        try:
            fresh = make_environment()
            LOG.unlink(missing_ok=True)
            steps = Steps(LOG, [lock.file.fileno()])
            install_project(steps, extras, fresh)
            outcome = install_engine(steps, asked)
        except StepFailed as failure:
            raise SetupFailed(explain(failure.lines)) from failure
        except OSError as error:
            raise SetupFailed(f"Paddock could not be set up: {error}") from error
        written = {"digest": digest(), "extras": list(extras), "accelerator": asked, **outcome}
        unfinished = STAMP.with_suffix(".new")
        unfinished.write_text(json.dumps(written), encoding="utf-8")
        unfinished.replace(STAMP)
        sys.stderr.write("Paddock is set up.\n")


def make_environment() -> bool:
    """Make ``.venv``, or keep the one that is there when it is of this Python and this place. True: it is new."""
    import subprocess

    if environment_fits():
        return False
    if VENV.exists():
        sys.stderr.write(f"  {VENV.name} belongs to another Python or another place and is made anew.\n")
    python = getattr(sys, "_base_executable", None) or sys.executable
    command = [python, "-m", "venv", "--clear", str(VENV)]
    if subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).returncode == 0:
        return True
    return make_environment_after_installing_venv(command)


def make_environment_after_installing_venv(command: "list[str]") -> bool:
    """Debian keeps the module venv in a package of its own."""
    import subprocess
    import tempfile

    from tools.steps import Steps
    from tools.system_packages import apt_install, may_install

    package = f"python{VERSION}-venv"
    if may_install():
        log = Path(tempfile.gettempdir(), "paddock-setup.log")
        apt_install(["apt-get", "install", "-y", package], "System package " + package, Steps(log))
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        hint = f"On Debian and Ubuntu: sudo apt-get install {package}"
        raise SetupFailed(f"The virtual environment could not be made. {hint}\n{done.stdout.strip()}")
    return True


def environment_fits() -> bool:
    """Whether ``.venv`` was made by this version of Python at this very place (its scripts hold absolute paths)."""
    try:
        text = (VENV / "pyvenv.cfg").read_text(encoding="utf-8")
    except OSError:
        return False
    fields = dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line)
    return (
        fields.get("version", "").startswith(VERSION + ".")
        and fields.get("command", "").endswith(" " + str(VENV))
        and PYTHON.exists()
    )


def install_project(steps: "Steps", extras: "tuple[str, ...]", fresh: bool) -> None:
    """Install the project in place with ``extras``, every version as in constraints.txt."""
    from tools.namespace import link_rooms

    constraints = str(ROOT / "constraints.txt")
    pip = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "-c", constraints]
    if fresh or not (VENV / "paddock-pip").exists():  # an older pip knows no --build-constraint
        steps.run("Installer", [*pip, "--upgrade", "pip"])
        (VENV / "paddock-pip").touch()
    link_rooms(ROOT)
    extra = ",".join(extras)
    steps.run("Packages", [*pip, "--build-constraint", constraints, "--editable", f"{ROOT}[{extra}]"])


def install_engine(steps: "Steps", asked: str) -> "dict[str, object]":
    """Install llama-cpp-python; without it the app starts too, and says so. Returns what the stamp remembers of it."""
    from tools.install_llamacpp import Engine

    outcome = Engine(ROOT, PYTHON, steps).install(asked)
    return {"engine": outcome.problem or outcome.accelerator, "engine_waits_for": outcome.wait_for}


def explain(lines: "tuple[str, ...]") -> str:
    """The sentence under the last lines of a failed step."""
    text = "\n".join(lines)
    if any(sign in text for sign in NO_NETWORK):
        return "The packages could not be downloaded. Check the network and start again: it goes on from here."
    if "No space left on device" in text:
        return "The disk is full. Paddock needs about 2 GB here. Make room and start again."
    return f"Paddock could not be set up. The last lines above say why; the log is {LOG}."


class SetupLock:
    """Holds the lock of the set-up; a second start waits here and says so. The system frees it
    when this process and the command it runs have ended."""

    def __enter__(self) -> "SetupLock":
        try:
            self.file = open(LOCK, "a+b")
        except OSError as error:
            raise SetupFailed(f"Paddock needs to write into its folder for the set-up: {error}") from error
        if not self._take(wait=False):
            sys.stderr.write("Another start is setting up Paddock; waiting for it.\n")
            self._take(wait=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def _take(self, wait: bool) -> bool:
        while True:
            try:
                if sys.platform == "win32":
                    import msvcrt

                    self.file.seek(0)
                    msvcrt.locking(self.file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
                else:
                    import fcntl

                    fcntl.flock(self.file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
                return True
            except OSError:  # Windows gives up waiting after ten seconds
                if not wait:
                    return False
                if sys.platform != "win32":
                    raise


# ---------------------------------------------------------------- the system's part


def provide_system_packages(command: str) -> None:
    """Qt's system libraries for the window, and what the tests drive a desktop with. A server needs neither."""
    if not sys.platform.startswith("linux") or command not in ("", "test", "screens"):
        return
    display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if command == "" and not display:  # the app says what to do without a display
        return
    provided = VENV / ("paddock-system-test" if command == "test" else "paddock-system-window")
    if provided.exists():
        return
    from tools.steps import Steps
    from tools.system_packages import missing_for_tests, missing_for_window, provide

    with SetupLock() as lock:
        needs = missing_for_window() + (missing_for_tests() if command == "test" else [])
        if provide(needs, "the tests" if command == "test" else "the window", Steps(LOG, [lock.file.fileno()])):
            provided.touch()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
