"""run.py as a process, in a checkout whose ``.venv`` holds stand-ins for Python and ``paddock`` that note calls."""

from __future__ import annotations

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PYTHON = """#!/bin/sh
here=$(dirname "$0")/..
echo "$@" >> "$here/calls"
case "$*" in
  *"-m pip"*)
    if [ -e "$here/wait" ]; then read unblocked < "$here/wait"; fi
    if [ -e "$here/fail" ]; then cat "$here/fail"; exit 1; fi ;;
  *llama_cpp*) cat "$here/engine-version" ;;
esac
"""
PADDOCK = """#!/bin/sh
echo "paddock $*"
"""


class Checkout:
    """A copy of what run.py reads, with an environment that fits it."""

    def __init__(self, source: Path, place: Path) -> None:
        self.root = place
        self.venv = place / ".venv"
        for name in ("run.py", "setup.py", "pyproject.toml", "constraints.txt"):
            shutil.copy(source / name, place / name)
        shutil.copytree(source / "tools", place / "tools", ignore=shutil.ignore_patterns("starter", "__pycache__"))
        for room in ("sdk", "backends", "browser", "server", "gui", "resources"):
            (place / room).mkdir()
        (self.venv / "bin").mkdir(parents=True)
        version = ".".join(map(str, sys.version_info[:3]))
        (self.venv / "pyvenv.cfg").write_text(f"version = {version}\ncommand = python3 -m venv {self.venv}\n")
        self.program("python", PYTHON)
        self.program("paddock", PADDOCK)
        (self.venv / "engine-version").write_text(self.pinned_engine())

    def program(self, name: str, text: str) -> None:
        file = self.venv / "bin" / name
        file.write_text(text)
        file.chmod(0o755)

    def pinned_engine(self) -> str:
        lines = (self.root / "constraints.txt").read_text().splitlines()
        return next(line.split("==")[1] for line in lines if line.startswith("llama_cpp_python=="))

    @property
    def stamp(self) -> Path:
        return self.venv / "paddock-stamp.json"

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
        return subprocess.Popen(
            [sys.executable, str(self.root / "run.py"), *arguments],
            env={**environment, "PADDOCK_ACCELERATOR": "cpu", **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **env: str) -> tuple[int, str, str]:
        process = self.start(*arguments, **env)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def pip_calls(self) -> int:
        calls = self.venv / "calls"
        return calls.read_text().count("--editable") if calls.exists() else 0


@pytest.fixture
def checkout(root: Path, tmp_path: Path) -> Checkout:
    return Checkout(root, tmp_path)


def test_it_parses_on_python_3_6(root: Path) -> None:
    ast.parse((root / "run.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_an_old_python_gets_a_sentence(root: Path) -> None:
    program = f"import sys; sys.version_info = (3, 9, 2); exec(open({str(root / 'run.py')!r}).read())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.returncode == 1
    assert done.stderr.startswith("Paddock needs Python 3.11 or newer, and this is Python 3.9. ")


def test_run_and_its_tools_import_the_standard_library_only(root: Path) -> None:
    drawing = root / "tools" / "app_icon.py"  # for developers alone: run.py never calls it
    for file in {root / "run.py", *(root / "tools").glob("*.py")} - {drawing}:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                assert name.split(".")[0] in {*sys.stdlib_module_names, "tools"}, f"{file.name} imports {name}"


def test_the_first_start_sets_up_and_runs_what_was_asked(checkout: Checkout) -> None:
    code, out, err = checkout.run("chat", "--json", "two words")

    assert code == 0
    assert out == "paddock chat --json two words\n"
    assert "Setting up Paddock" in err
    assert checkout.pip_calls() == 1
    assert (checkout.root / ".namespace" / "paddock" / "sdk").exists()


def test_the_second_start_installs_nothing_says_nothing_and_costs_little(checkout: Checkout) -> None:
    checkout.run("ls")
    before, used = (checkout.venv / "calls").read_text(), os.times()

    assert checkout.run("ls") == (0, "paddock ls\n", "")
    now = os.times()
    assert (checkout.venv / "calls").read_text() == before
    assert now.children_user + now.children_system - used.children_user - used.children_system < 0.3


@pytest.mark.parametrize("changed", ["constraints.txt", "pyproject.toml", "setup.py", "tools/install_llamacpp.py"])
def test_a_changed_project_file_makes_the_stamp_stale(checkout: Checkout, changed: str) -> None:
    checkout.run("ls")
    with open(checkout.root / changed, "a", encoding="utf-8") as file:
        file.write("\n# changed\n")

    checkout.run("ls")

    assert checkout.pip_calls() == 2


def test_a_damaged_stamp_is_only_stale(checkout: Checkout) -> None:
    checkout.run("ls")
    checkout.stamp.write_text('{"digest": ')

    assert checkout.run("ls")[0] == 0
    assert checkout.pip_calls() == 2


def test_the_tests_need_more_and_keep_it(checkout: Checkout) -> None:
    checkout.run("ls")
    checkout.run("test", "-x")
    checkout.run("ls")

    calls = (checkout.venv / "calls").read_text().splitlines()
    assert [call.rpartition("[")[2] for call in calls if "--editable" in call] == ["gui,host]", "gui,host,test]"]
    assert calls[-1] == f"{checkout.root}/tools/check.py -x"


def test_a_failed_step_shows_its_last_lines_and_the_log_and_the_next_start_goes_on(checkout: Checkout) -> None:
    (checkout.venv / "fail").write_text("ERROR: [Errno 28] No space left on device\n")

    code, out, err = checkout.run("ls")

    assert (code, out) == (1, "")
    assert "    ERROR: [Errno 28] No space left on device\n" in err
    assert str(checkout.venv / "paddock-setup.log") in err
    assert err.endswith("The disk is full. Paddock needs about 2 GB here. Make room and start again.\n")
    assert not checkout.stamp.exists()

    (checkout.venv / "fail").unlink()
    assert checkout.run("ls")[:2] == (0, "paddock ls\n")


def test_without_a_network_it_says_so(checkout: Checkout) -> None:
    (checkout.venv / "fail").write_text("NewConnectionError: Failed to establish a new connection\n")

    assert "Check the network and start again" in checkout.run("ls")[2]


def test_an_interrupted_set_up_leaves_no_stamp_and_no_lock(checkout: Checkout) -> None:
    os.mkfifo(checkout.venv / "wait")
    process = checkout.start("ls")
    with open(checkout.venv / "wait", "w"):  # opens when the stand-in reads: pip runs now
        process.send_signal(signal.SIGINT)
        err = process.communicate(timeout=120)[1]

    assert process.returncode == 130
    assert "The next start goes on from here." in err
    assert not checkout.stamp.exists()
    (checkout.venv / "wait").unlink()
    assert checkout.run("ls")[:2] == (0, "paddock ls\n")


def test_a_killed_start_leaves_the_lock_to_the_command_it_ran(checkout: Checkout) -> None:
    os.mkfifo(checkout.venv / "wait")
    first = checkout.start("ls")
    gate = open(checkout.venv / "wait", "w")  # noqa: SIM115 - opens when the stand-in reads: pip runs now
    first.kill()
    second = checkout.start("ps")
    assert second.stderr is not None
    assert second.stderr.readline() == "Another start is setting up Paddock; waiting for it.\n"
    (checkout.venv / "wait").unlink()
    gate.close()

    assert second.communicate(timeout=120)[0] == "paddock ps\n"
    first.communicate(timeout=120)


def test_two_starts_at_once_set_up_once(checkout: Checkout) -> None:
    os.mkfifo(checkout.venv / "wait")
    first = checkout.start("ls")
    gate = open(checkout.venv / "wait", "w")  # noqa: SIM115
    second = checkout.start("ps")
    assert second.stderr is not None
    assert second.stderr.readline() == "Another start is setting up Paddock; waiting for it.\n"
    (checkout.venv / "wait").unlink()
    gate.close()

    assert first.communicate(timeout=120)[0] == "paddock ls\n"
    assert second.communicate(timeout=120)[0] == "paddock ps\n"
    assert checkout.pip_calls() == 1


def test_the_accelerator_is_remembered(checkout: Checkout) -> None:
    checkout.run("ls")
    assert json.loads(checkout.stamp.read_text())["accelerator"] == "cpu"

    checkout.run("ls", PADDOCK_ACCELERATOR="")

    assert checkout.pip_calls() == 1


def test_an_unknown_accelerator_is_refused(checkout: Checkout) -> None:
    checkout.run("ls")
    code, _, err = checkout.run("ls", PADDOCK_ACCELERATOR="abacus")

    assert code == 1
    assert checkout.pip_calls() == 1  # refused before anything is touched
    assert checkout.run("ls")[2] == ""
    assert "PADDOCK_ACCELERATOR is “abacus”. It can be auto, cpu, cuda, metal, rocm or vulkan." in err


def test_without_a_compiler_it_says_what_to_install_goes_on_and_tries_again(checkout: Checkout, tmp_path: Path) -> None:
    tools = tmp_path / "no-compiler"
    tools.mkdir()
    for name in ("sh", "cat", "dirname"):
        (tools / name).symlink_to(shutil.which(name) or "")
    (checkout.venv / "engine-version").write_text("")

    code, out, err = checkout.run("ls", PATH=str(tools))

    assert (code, out) == (0, "paddock ls\n")
    assert "No C++ compiler was found, so the llama.cpp engine cannot be built. Install GCC or Clang." in err
    assert checkout.run("ls", PATH=str(tools))[2] == ""  # still none: nothing to try, nothing to say again

    for name in ("cc", "c++"):
        (tools / name).touch(0o755)
    (checkout.venv / "engine-version").write_text(checkout.pinned_engine())
    checkout.run("ls", PATH=str(tools))
    assert json.loads(checkout.stamp.read_text())["engine_waits_for"] == ""


def test_an_environment_of_another_place_is_made_anew(checkout: Checkout) -> None:
    checkout.run("ls")
    (checkout.venv / "pyvenv.cfg").write_text("version = 3.11.0\ncommand = python3 -m venv /elsewhere/.venv\n")
    (checkout.root / "constraints.txt").write_text("llama_cpp_python==0\nnot a requirement\n")

    assert ".venv belongs to another Python or another place and is made anew." in checkout.run("ls")[2]
    assert (checkout.venv / "bin" / "python").is_symlink()  # the stand-in is gone, a real one is there
