"""The whole check, run by ``python3 run.py test`` inside the environment: each step named, all run, one verdict."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STEPS = (
    ("ruff check", ["ruff", "check", "."]),
    ("ruff format", ["ruff", "format", "--check", "--output-format", "concise", "."]),
    ("mypy", ["mypy"]),
    ("mypy run.py, tools", ["mypy", "run.py", *sorted(str(path) for path in (ROOT / "tools").glob("*.py"))]),
    ("import-linter", ["lint-imports", "--no-cache", "--no-logo"]),
    ("documents", ["python", "tools/links.py"]),
)


def main(pytest_arguments: list[str]) -> int:
    """Run every step; pytest comes last, and its closing line ends the output. Returns the exit code."""
    # a shell starts a background job with Ctrl+C ignored, and the programs under test would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)
    results = {title: _run(title, command) for title, command in STEPS}
    home = tempfile.mkdtemp(prefix="paddock-check-")
    try:
        _heading("pytest")
        closing, code = _run_pytest(pytest_arguments, {**os.environ, "PADDOCK_HOME": home})
    finally:
        shutil.rmtree(home, ignore_errors=True)
    failed = [title for title, passed in results.items() if not passed] + (["pytest"] if code else [])
    if failed and failed != ["pytest"]:
        print(f"\nFailed: {', '.join(failed)}")
        print(closing)
    return 1 if failed else 0


def _heading(title: str) -> None:
    print(f"== {title}", flush=True)


def _run(title: str, command: list[str]) -> bool:
    _heading(title)
    began = time.monotonic()
    program = Path(sys.executable).parent / command[0]
    code = subprocess.run([str(program), *command[1:]], cwd=ROOT, check=False).returncode
    print(f"{title}: {'passed' if code == 0 else 'FAILED'} in {time.monotonic() - began:.0f} s\n", flush=True)
    return code == 0


def _run_pytest(arguments: list[str], env: dict[str, str]) -> tuple[str, int]:
    """Show pytest's output as it comes. Returns its last line and its exit code."""
    colour = ["--color=yes"] if sys.stdout.isatty() else []
    command = [str(Path(sys.executable).parent / "pytest"), *colour, *arguments]
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE)
    assert process.stdout is not None
    last = b""
    while chunk := os.read(process.stdout.fileno(), 65536):
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        last = (last + chunk)[-4000:]
    lines = last.decode("utf-8", "replace").splitlines()
    return next((line for line in reversed(lines) if line.strip()), "no tests ran"), process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
