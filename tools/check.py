"""The whole check, run by ``python3 run.py test`` inside the environment: each step named, all run, one verdict."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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

TESTS = {
    "pytest, window and whole program": ("tests/e2e", "tests/gui"),
    "pytest, the rest": ("tests", "--ignore=tests/e2e", "--ignore=tests/gui"),
}
"""Run side by side; the first, which looks at the clock and the screen most, goes before at the processor."""
_COUNT = re.compile(r"(\d+) (failed|passed|skipped|deselected|xfailed|xpassed|warnings?|errors?)")
_SECONDS = re.compile(r" in ([\d.]+)s")


def main(pytest_arguments: list[str]) -> int:
    """Run every step; pytest comes last, and its closing line ends the output. Returns the exit code."""
    # a shell starts a background job with Ctrl+C ignored, and the programs under test would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)
    steps = {title: _run(title, command) for title, command in STEPS}
    return run_pytest({"pytest": pytest_arguments} if pytest_arguments else TESTS, steps)


def run_pytest(runs: Mapping[str, Sequence[str]], steps: Mapping[str, bool]) -> int:
    """Run pytest with the arguments of each of ``runs``, all at the same time, and say how they and the ``steps``
    before ended. Returns the exit code."""
    home = tempfile.mkdtemp(prefix="paddock-check-")
    try:
        begun = [
            _Tests(title, arguments, home, behind=number > 0) for number, (title, arguments) in enumerate(runs.items())
        ]
        endings = [tests.show() for tests in begun]
    finally:
        shutil.rmtree(home, ignore_errors=True)
    failed = [title for title, passed in steps.items() if not passed] + [e.title for e in endings if e.code]
    print(f"\nFailed: {', '.join(failed)}" if failed else "\nEverything passed.")
    print(_closing([ending.closing for ending in endings]), flush=True)
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


@dataclass(frozen=True)
class _Ending:
    title: str
    code: int
    closing: str


class _Tests:
    """A run of pytest that has begun; one ``behind`` others leaves them the processor when they want it."""

    def __init__(self, title: str, arguments: Sequence[str], home: str, *, behind: bool) -> None:
        self._title = title
        own = tempfile.mkdtemp(dir=home)
        colour = ["--color=yes"] if sys.stdout.isatty() else []
        command = [str(Path(sys.executable).parent / "pytest"), *colour, *arguments]
        nice = ["nice", "-n", "5"] if behind and shutil.which("nice") else []
        self._output = Path(f"{own}.txt")
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [*nice, *command], cwd=ROOT, env={**os.environ, "PADDOCK_HOME": own}, stdout=output
            )

    def show(self) -> _Ending:
        """Show its output as it comes, until it ends."""
        _heading(self._title)
        last = b""
        for chunk in self._chunks():
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            last = (last + chunk)[-4000:]
        lines = last.decode("utf-8", "replace").splitlines()
        closing = next((line for line in reversed(lines) if " in " in line and _COUNT.search(line)), "no tests ran")
        return _Ending(self._title, self._process.wait(), closing)

    def _chunks(self) -> Iterator[bytes]:
        with self._output.open("rb") as written:
            while True:
                ended = self._process.poll() is not None
                if chunk := written.read():
                    yield chunk
                elif ended:
                    return
                else:
                    time.sleep(0.2)


def _closing(lines: list[str]) -> str:
    """One closing line for several runs of pytest: what they counted, added up, and the time of the longest."""
    if len(lines) == 1:
        return lines[0]
    counts: Counter[str] = Counter()
    for line in lines:
        for number, what in _COUNT.findall(line):
            counts[what.rstrip("s") if what.startswith(("warning", "error")) else what] += int(number)
    seconds = max((float(found[1]) for line in lines if (found := _SECONDS.search(line))), default=0.0)
    return f"{', '.join(f'{number} {what}' for what, number in counts.items()) or 'no tests ran'} in {seconds:.2f}s"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
