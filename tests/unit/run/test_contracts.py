"""The import contracts hold, and each of them notices its violation."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools.namespace import ROOMS, link_rooms

VIOLATIONS = {
    "sdk/wrong.py": "import paddock.server",
    "backends/wrong.py": "import paddock.browser\nimport PySide6\n",
    "browser/wrong.py": "import paddock.backends.base",
    "server/wrong.py": "import llama_cpp",
    "gui/wrong.py": "import paddock.server\nimport mlx.core",
}


def broken_contracts(checkout: Path) -> set[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    env = {**os.environ, "PYTHONPATH": str(link_rooms(checkout)), "COLUMNS": "200"}
    done = subprocess.run(command, cwd=checkout, env=env, capture_output=True, text=True)
    assert "Contracts: " in done.stdout, done.stdout + done.stderr
    return set(re.findall(r"^(\S.*) BROKEN$", done.stdout, re.MULTILINE))


def test_every_contract_notices_its_violation(root: Path, tmp_path: Path) -> None:
    shutil.copy(root / "pyproject.toml", tmp_path)
    for room in ROOMS:
        shutil.copytree(root / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__", "*.gguf", "*.svg"))
    for file, text in VIOLATIONS.items():
        (tmp_path / file).write_text(text)

    contracts = re.findall(
        r'^\[\[tool.importlinter.contracts\]\]\nname = "(.*)"', (root / "pyproject.toml").read_text(), re.M
    )

    assert broken_contracts(tmp_path) == set(contracts)
