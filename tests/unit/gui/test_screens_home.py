"""What the pictures of the pages leave behind."""

from __future__ import annotations

import os
import tempfile

from filelock import FileLock

from paddock.gui.screens_home import clear_remains, own_home


def test_remains_of_a_killed_run_are_removed_and_those_of_a_running_one_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(os, "environ", os.environ.copy())
    killed, running = tmp_path / "paddock-screens-killed", tmp_path / "paddock-screens-running"
    for folder in (killed / "home", running / "home"):
        folder.mkdir(parents=True)
        (folder.parent / "lock").touch()
    with FileLock(running / "lock"), own_home() as home:
        clear_remains()
        assert home.root.is_dir()
        assert not killed.exists()
        assert running.exists()
    assert not home.root.exists()
