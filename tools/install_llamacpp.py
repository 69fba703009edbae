"""Installs llama-cpp-python into the environment: a prebuilt wheel when the wheel index answers at once, else a build.

The outcome is remembered in ``.venv/paddock-engine.json``, so that a start knows whether to try again.
"""

from __future__ import annotations

import concurrent.futures
import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tools.accelerator import Accelerator, build_environment, choose, missing_tool
from tools.steps import StepFailed, Steps

DISTRIBUTION = "llama-cpp-python"
WHEELS = ("https://", "abetlen.github.io", "/llama-cpp-python/whl")
"""The wheel index of the llama-cpp-python project; a folder per accelerator."""
ANSWER_S = 2.0
"""How long the wheel index has to answer, name resolution included."""

Fetch = Callable[[str, float], str]


class Outcome(NamedTuple):
    """What became of the engine. ``problem`` is empty when it runs; ``wait_for`` is ``compiler`` when the only thing
    that lacked was one, ``change`` when trying again makes sense only after something changed."""

    version: str
    accelerator: str
    asked: str
    problem: str = ""
    wait_for: str = ""


class Engine:
    """The llama.cpp engine of one virtual environment."""

    def __init__(self, root: Path, python: Path, steps: Steps, fetch: Fetch | None = None) -> None:
        self._root = root
        self._python = str(python)
        self._steps = steps
        self._fetch = fetch or fetch_page
        self._record = root / ".venv" / "paddock-engine.json"
        self._version = pinned_version(root / "constraints.txt")

    def install(self, asked: str) -> Outcome:
        """Make the pinned engine importable, for the accelerator ``asked`` for (``auto``: the one found).

        Never raises for a failed installation: the outcome says what is missing, and the app starts without.
        Raises UnknownAccelerator.
        """
        accelerator = choose(asked)
        before = read_outcome(self._record)
        if self._serves(before, accelerator, asked):
            return self._remember(Outcome(self._version, before.accelerator if before else accelerator.kind, asked))
        self._record.unlink(missing_ok=True)
        self._steps.say(f"  llama.cpp engine {self._version} for {accelerator.kind} ({accelerator.found})")
        if self._from_wheel(accelerator):
            return self._remember(Outcome(self._version, accelerator.kind, asked))
        lacking = missing_tool(accelerator.kind)
        if lacking and asked == "auto" and accelerator.kind != "cpu" and missing_tool("cpu") is None:
            again = f"PADDOCK_ACCELERATOR={accelerator.kind} python3 run.py"
            self._steps.say(f"  {lacking} Until then the engine uses the CPU. Afterwards, once: {again}")
            accelerator, lacking = Accelerator("cpu", (), lacking), None
        if lacking:
            self._steps.say(f"  {lacking}")
            return self._remember(Outcome(self._version, accelerator.kind, asked, lacking, "compiler"))
        return self._remember(self._from_source(accelerator, asked))

    def _serves(self, before: Outcome | None, accelerator: Accelerator, asked: str) -> bool:
        if before is None:  # put there by hand
            right = accelerator.kind == "cpu"
        else:
            right = not before.problem and before.version == self._version
            right = right and (before.accelerator == accelerator.kind or asked == before.asked)
        return right and self._imports() == self._version

    def _imports(self) -> str:
        program = "import llama_cpp.llama_cpp, importlib.metadata as m; print(m.version('llama-cpp-python'))"
        done = subprocess.run([self._python, "-c", program], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    def _from_wheel(self, accelerator: Accelerator) -> bool:
        folder = find_wheel(accelerator.wheels, self._version, self._fetch)
        if folder is None:
            return False
        options = ["--only-binary", DISTRIBUTION, "--extra-index-url", "".join(WHEELS) + "/" + folder]
        try:
            self._pip("llama.cpp engine, prebuilt", options, show_failure=False)
        except StepFailed:
            self._steps.say("  No prebuilt wheel fits this computer; building from source.")
            return False
        if self._imports() != self._version:
            self._steps.say("  The prebuilt wheel does not run on this computer; building from source.")
            return False
        return True

    def _from_source(self, accelerator: Accelerator, asked: str) -> Outcome:
        env = build_environment(accelerator.kind, self._root, os.environ)
        # pip's own cache does not know CMake flags: only the plain build may come from it or go into it
        cache = [] if accelerator.kind == "cpu" and "CMAKE_ARGS" not in os.environ else ["--no-cache-dir"]
        title = "llama.cpp engine, from source"
        self._steps.say("  Building it takes 5 to 10 minutes on two cores, once.")
        problem = ""
        try:
            self._pip(title, ["--verbose", *cache], env=env)
            if self._imports() != self._version:
                problem = f"The llama.cpp engine was built but cannot be imported. The log: {self._steps.log}"
        except StepFailed:
            problem = f"The llama.cpp engine could not be built. The log: {self._steps.log}"
        if problem:
            self._steps.say(f"  {problem}")
            self._steps.say("  Another try: PADDOCK_ACCELERATOR=cpu python3 run.py")
        return Outcome(self._version, accelerator.kind, asked, problem, "change" if problem else "")

    def _pip(
        self,
        title: str,
        options: Sequence[str],
        *,
        env: dict[str, str] | None = None,
        show_failure: bool = True,
    ) -> None:
        constraints = str(self._root / "constraints.txt")
        reinstall = ["--force-reinstall", "--no-deps"] if self._imports() == self._version else []
        command = [self._python, "-m", "pip", "install", "--disable-pip-version-check", "-c", constraints]
        command += [
            "--build-constraint",
            constraints,
            *reinstall,
            *options,
            f"{DISTRIBUTION}=={self._version}",
            "numpy",
        ]
        self._steps.run(title, command, env=env, show_failure=show_failure)

    def _remember(self, outcome: Outcome) -> Outcome:
        fresh = self._record.with_suffix(".new")
        fresh.write_text(json.dumps(outcome._asdict()), encoding="utf-8")
        fresh.replace(self._record)
        return outcome


def read_outcome(record: Path) -> Outcome | None:
    """The outcome of the last try, None when there was none or the file is damaged."""
    try:
        return Outcome(**json.loads(record.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def pinned_version(constraints: Path) -> str:
    """The version that constraints.txt names. Raises ValueError when it names none."""
    found = re.search(r"^llama[-_]cpp[-_]python==(\S+)", constraints.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise ValueError(f"{constraints} names no version of {DISTRIBUTION}")
    return found[1]


def fetch_page(url: str, timeout_s: float) -> str:
    """A page of the wheel index. Raises OSError."""
    with urllib.request.urlopen(url, timeout=timeout_s) as answer:
        page: bytes = answer.read(4_000_000)
    return page.decode("utf-8", "replace")


def find_wheel(folders: Sequence[str], version: str, fetch: Fetch = fetch_page) -> str | None:
    """The first of ``folders`` in the wheel index that holds ``version``; None when none does or none answers in time.

    All are asked at once and together have ANSWER_S seconds.
    """
    deadline = time.monotonic() + ANSWER_S
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=max(len(folders), 1))
    asked = {tag: pool.submit(fetch, "".join(WHEELS) + f"/{tag}/{DISTRIBUTION}/", ANSWER_S) for tag in folders}
    try:
        for tag, page in asked.items():
            try:
                if f"llama_cpp_python-{version}-" in page.result(timeout=max(deadline - time.monotonic(), 0)):
                    return tag
            except (OSError, ValueError, urllib.error.URLError, concurrent.futures.TimeoutError):
                continue
        return None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
