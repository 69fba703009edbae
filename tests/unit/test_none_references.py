"""The pinned PySide6 gives back every reference to None: 6.12.0 does not, and aborts Python 3.11 after some hours."""

import os
import subprocess
import sys

PROGRAM = """
import sys
from PySide6.QtWidgets import QApplication, QWidget

application = QApplication(["none-references"])
widget = QWidget()
widget.update()
before = sys.getrefcount(None)
for _ in range(30_000):
    widget.update()
print(sys.getrefcount(None) - before)
"""
TOLERANCE = 20


def test_30000_void_calls_leave_the_references_to_none_unchanged() -> None:
    env = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stderr
    assert abs(int(done.stdout)) <= TOLERANCE
