"""Worker and host killed while the KV store is being written; ``tests/perf/kv_kills.py --kills 30`` does it longer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = Path(__file__).parents[1] / "perf" / "kv_kills.py"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_a_kill_while_the_store_is_written_costs_no_answer_and_no_file():
    done = subprocess.run(
        [sys.executable, str(KILLS), "--kills", "4"], capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["hit"] > 0
    assert found["restored"] > 0
