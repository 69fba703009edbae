from __future__ import annotations

import os
from pathlib import Path

from paddock.backends.worker_log import KEPT_FILES, WorkerLog


def test_a_long_log_keeps_its_end_and_the_writer_goes_on_behind_it(tmp_path: Path) -> None:
    log = WorkerLog(tmp_path / "logs", "worker-echo-a.log", limit=8000)
    fd = log.open()
    for i in range(1000):
        os.write(fd, b"line %d\n" % i)
    log.trim()
    os.write(fd, b"after\n")
    os.close(fd)
    data = log.path.read_bytes()
    assert len(data) < 1200
    assert data.startswith(b"(earlier lines were dropped)\n")
    assert data.endswith(b"line 999\nafter\n")


def test_a_short_log_is_left_alone(tmp_path: Path) -> None:
    log = WorkerLog(tmp_path, "worker-echo-a.log")
    fd = log.open()
    os.write(fd, b"few words\n")
    os.close(fd)
    log.trim()
    assert log.path.read_bytes() == b"few words\n"


def test_old_logs_go_when_there_are_many(tmp_path: Path) -> None:
    for i in range(KEPT_FILES + 5):
        path = tmp_path / f"worker-echo-{i}.log"
        path.touch()
        os.utime(path, (i, i))
    (tmp_path / "host.log").touch()
    os.close(WorkerLog(tmp_path, "worker-echo-new.log").open())
    left = {path.name for path in tmp_path.iterdir()}
    assert len(left) == KEPT_FILES + 1
    assert "host.log" in left
    assert "worker-echo-0.log" not in left
    assert f"worker-echo-{KEPT_FILES + 4}.log" in left


def test_a_folder_that_cannot_be_made_costs_the_log_only(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.close(WorkerLog(tmp_path / "file" / "logs", "worker-echo-a.log").open())
