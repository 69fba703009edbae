"""What the start costs and what it leaves behind."""

import gc
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QLockFile

from paddock.gui.app import main

Scene = Any
PERF = Path(__file__).parent.parent / "perf" / "window_start.py"


def test_the_first_paint_imports_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, PERF, "--modules"], capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["forbidden_modules"] == []


@pytest.mark.qt_log_ignore("This plugin does not support")
def test_a_second_start_leaves_when_a_window_came_forward(scene: Scene, home: Path) -> None:
    raised: list[str] = []
    wanted: list[str] = []
    scene.host.raise_requested.connect(raised.append)
    scene.host.open_requested.connect(wanted.append)
    lock = QLockFile(str(home / "run" / "window.lock"))  # what main() of the first window holds
    assert lock.tryLock(0)
    second = subprocess.Popen([sys.executable, "-m", "paddock.gui.app", "--", "hf.co/o/m"])
    scene.until(lambda: second.poll() is not None)
    assert second.returncode == 0
    lock.unlock()
    scene.until(lambda: len(raised) == 1)
    assert wanted == ["hf.co/o/m"]


def test_without_a_host_nobody_is_raised_and_none_is_started(home: Path) -> None:
    from paddock.gui.app import _raise_other
    from paddock.sdk.paths import Home

    assert not _raise_other(Home(home))
    assert not (home / "run" / "host.json").exists()


def test_wrong_usage_is_exit_code_2() -> None:
    with pytest.raises(SystemExit) as refused:
        main(["--no-such-option"])
    assert refused.value.code == 2


def test_the_application_has_its_names_for_screen_readers(open_window: Callable[[], Scene]) -> None:
    open_window()
    assert QCoreApplication.applicationName() == "Paddock"
    assert QCoreApplication.organizationName() == "Paddock"


def test_the_collector_runs_on_the_gui_thread_only(open_window: Callable[[], Scene]) -> None:
    gc.enable()  # as in a program, but for these tests
    try:
        scene = open_window()
        assert not gc.isenabled()
        scene.show(connected=False)
        scene.until(lambda: gc.get_freeze_count() > 0)
        scene.close()
        assert gc.isenabled()
    finally:
        gc.disable()
    assert gc.get_freeze_count() == 0


def test_lexers_are_loaded_before_the_first_code_comes(scene: Scene) -> None:
    scene.until(lambda: "pygments.lexers.rust" in sys.modules)
    assert scene.dialogue.messages == []


def test_everything_that_goes_wrong_unseen_is_written_down(tmp_path: Path) -> None:
    script = """
import sys, threading
from pathlib import Path
from PySide6.QtCore import QCoreApplication, qWarning
from paddock.gui.crash_log import CrashLog
app = QCoreApplication([])
told = []
CrashLog(Path(sys.argv[1]), told.append).install()
class Bad:
    def __del__(self): raise RuntimeError("from a finalizer")
bad = Bad(); del bad
thread = threading.Thread(target=lambda: 1 / 0, name="worker"); thread.start(); thread.join()
qWarning("from Qt")
print([type(error).__name__ for error in told])
sys.stdout.flush()
raise LookupError("from the top")
"""
    path = tmp_path / "window.log"
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "['RuntimeError', 'ZeroDivisionError']"
    written = path.read_text()
    for words in ("from a finalizer", "ZeroDivisionError", "thread worker", "QtWarningMsg: from Qt", "from the top"):
        assert words in written


def test_a_fatal_signal_leaves_its_stack(tmp_path: Path) -> None:
    script = """
import faulthandler, sys
from pathlib import Path
from paddock.gui.crash_log import CrashLog
CrashLog(Path(sys.argv[1]), lambda error: None).install()
faulthandler._sigsegv()
"""
    path = tmp_path / "window.log"
    subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, check=False)
    assert "Segmentation fault" in path.read_text()
