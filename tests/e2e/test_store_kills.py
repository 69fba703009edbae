"""Processes killed while they write: the KV store and the conversations.

``tests/perf/kv_kills.py --kills 30`` and ``tests/perf/store_kills.py --kills 50`` do it longer.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PERF = Path(__file__).parents[1] / "perf"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_a_kill_while_the_store_is_written_costs_no_answer_and_no_file():
    done = subprocess.run(
        [sys.executable, str(PERF / "kv_kills.py"), "--kills", "4"],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["hit"] > 0
    assert found["restored"] > 0


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_a_kill_of_host_or_window_costs_no_finished_message_and_leaves_a_running_answer_as_it_was():
    done = subprocess.run(
        [sys.executable, str(PERF / "store_kills.py"), "--kills", "6", "--lost", "60"],  # seconds are not told here
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["checked"] > 50
