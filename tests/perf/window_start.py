"""Time from the start of the process to the first paint, against a bare PySide6 window, interleaved.

    python tests/perf/window_start.py [--runs 5]        the ratio of the medians; target: under 4
    python tests/perf/window_start.py --modules         what the window must not have imported by its first paint

Uses the display there is, otherwise Qt's offscreen platform. Prints one JSON object; exit code 1: a target is missed.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

TARGET = 4.0
FORBIDDEN = (
    "numpy",
    "pyqtgraph",
    "qtpy",
    "qtawesome",
    "huggingface_hub",
    "PIL",
    "httpx2",
    "ziamath",
    "PySide6.QtOpenGL",
    "PySide6.QtNetwork",
    "pygments.lexers.",
)
"""A name that ends in a dot stands for what is below it."""

BARE = """
import sys, time
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QWidget
class Window(QWidget):
    painted = False
    def paintEvent(self, event):
        if not self.painted:
            self.painted = True
            QTimer.singleShot(0, app.quit)
app = QApplication([])
window = Window()
window.resize(1280, 800)
window.show()
app.exec()
print(time.time())
"""

PADDOCK = """
import os, sys, time
from paddock.gui.app import App, make_application
from paddock.gui.crash_log import CrashLog
from paddock.gui.messages import Messages
from paddock.sdk.paths import Home
home = Home.find()
messages = Messages()
log = CrashLog(home.logs / "window.log", messages.error)
log.install()
application = make_application()
app = App(application, home, log, messages)
app.window.first_painted.disconnect()  # no host: only the window is measured
app.window.first_painted.connect(application.quit)
app.window.show()
application.exec()
print(time.time())
print(" ".join(sys.modules))
sys.stdout.flush()
os._exit(0)
"""


def run(script: str, compiled: str) -> tuple[float, list[str]]:
    """Seconds from the start of a process to its first paint, and what it printed.

    ``compiled`` is the folder of compiled modules: an installed program has them.
    """
    environment = dict(os.environ) | {"PYTHONPYCACHEPREFIX": compiled}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    if not any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory() as home:
        environment |= {"PADDOCK_HOME": home, "PADDOCK_STORES": "off"}
        began = time.time()
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True, timeout=60
        )
    lines = done.stdout.splitlines()
    return float(lines[0]) - began, lines


def forbidden_modules(compiled: str) -> list[str]:
    """What is imported at the first paint although it should not be."""
    loaded = run(PADDOCK, compiled)[1][1].split()
    return sorted(
        name
        for name in loaded
        for banned in FORBIDDEN
        if (name.startswith(banned) if banned.endswith(".") else name == banned or name.startswith(f"{banned}."))
        and name != "pygments.lexers._mapping"  # the table of names, no lexer
    )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--modules", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as compiled:
        return measure(options.runs, options.modules, compiled)


def measure(runs: int, modules_only: bool, compiled: str) -> int:
    """Print the result; 1 when a target is missed."""
    found = forbidden_modules(compiled)
    result: dict[str, object] = {"forbidden_modules": found}
    missed = bool(found)
    if not modules_only:
        run(BARE, compiled), run(PADDOCK, compiled)  # warm the disk
        bare, ours = [], []
        for _ in range(runs):
            bare.append(run(BARE, compiled)[0])
            ours.append(run(PADDOCK, compiled)[0])
        ratio = statistics.median(ours) / statistics.median(bare)
        result |= {
            "bare_ms": round(statistics.median(bare) * 1000),
            "paddock_ms": round(statistics.median(ours) * 1000),
            "ratio": round(ratio, 2),
            "target": TARGET,
            "runs": runs,
        }
        missed = missed or ratio >= TARGET
    print(json.dumps(result))  # noqa: T201  the command's output
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
