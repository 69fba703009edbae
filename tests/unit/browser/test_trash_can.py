"""The trash on disk: nothing is lost, whenever it is interrupted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from paddock.browser.trash_can import FOLDER, TrashCan, freed_by
from paddock.sdk.errors import HostBusy, NotFound, StorageFailed

DELETED = 1_000.0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def shards(root: Path) -> list[Path]:
    folder = root / "acme" / "big"
    folder.mkdir(parents=True)
    paths = [folder / f"big-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]) * 1000)
    return paths


def contents(paths: list[Path]) -> list[bytes]:
    return [path.read_bytes() for path in paths]


def test_all_files_go_and_come_back_together(root: Path, shards: list[Path]) -> None:
    before = contents(shards)
    can = TrashCan.of(shards[0], root)
    record = can.put("a1", "acme/big", "Big", shards, DELETED)
    assert record.size_bytes == 3000
    assert can.records() == [record]
    assert list(root.iterdir()) == [root / FOLDER], "empty folders are tidied away"
    can.restore("a1")
    assert contents(shards) == before
    assert not (root / FOLDER).exists()


def test_a_dropped_one_is_gone_for_good(root: Path, shards: list[Path]) -> None:
    can = TrashCan.of(shards[0], root)
    can.put("a1", "acme/big", "Big", shards, DELETED)
    can.drop("a1")
    assert list(root.iterdir()) == []
    with pytest.raises(NotFound):
        can.restore("a1")


def test_restoring_overwrites_nothing(root: Path, shards: list[Path]) -> None:
    can = TrashCan.of(shards[0], root)
    can.put("a1", "acme/big", "Big", shards, DELETED)
    shards[1].parent.mkdir(parents=True)
    shards[1].write_bytes(b"new")
    with pytest.raises(HostBusy, match="is there again"):
        can.restore("a1")
    assert shards[1].read_bytes() == b"new"
    assert len(can.records()) == 1


def test_a_folder_goes_as_one(root: Path) -> None:
    model = root / "mlx" / "small"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    can = TrashCan.of(model, root)
    can.put("a1", "mlx/small", "Small", [model], DELETED)
    assert not model.exists()
    can.restore("a1")
    assert (model / "config.json").read_text() == "{}"


def test_links_free_nothing(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 100)
    assert freed_by(file) == 100
    (tmp_path / "symbolic").symlink_to(file)
    assert freed_by(tmp_path / "symbolic") == 0
    os.link(file, tmp_path / "hard")
    assert freed_by(file) == 0


def test_a_folder_that_cannot_be_written_says_so(root: Path, shards: list[Path]) -> None:
    (root / FOLDER).write_text("in the way")
    with pytest.raises(StorageFailed, match="cannot be deleted"):
        TrashCan.of(shards[0], root).put("a1", "acme/big", "Big", shards, DELETED)
    assert all(path.exists() for path in shards)


def test_what_cannot_go_as_a_whole_stays(root: Path, shards: list[Path]) -> None:
    with pytest.raises(StorageFailed, match="No such file"):
        TrashCan.of(shards[0], root).put("a1", "acme/big", "Big", [*shards, root / "missing"], DELETED)
    assert all(path.exists() for path in shards)
    assert not (root / FOLDER).exists()


@pytest.mark.parametrize("what", ["put", "restore", "drop"])
def test_a_kill_at_any_step_loses_nothing(tmp_path: Path, kill_at: Any, what: str) -> None:
    killed, moment = True, 0
    while killed:
        root = tmp_path / f"{what}-{moment}"
        (root / "acme").mkdir(parents=True)
        shards = [root / "acme" / f"{number}.gguf" for number in (1, 2)]
        for path in shards:
            path.write_bytes(path.name.encode() * 100)
        before = contents(shards)
        can = TrashCan(root / FOLDER)
        if what != "put":
            can.put("a1", "acme/big", "Big", shards, DELETED)
        with kill_at(moment) as steps:
            match what:
                case "put":
                    can.put("a1", "acme/big", "Big", shards, DELETED)
                case "restore":
                    can.restore("a1")
                case _:
                    can.drop("a1")
        killed = steps[0] < 0
        can.recover()
        if can.records():
            can.restore("a1")
        if what == "drop" and not any(path.exists() for path in shards):
            assert not (root / FOLDER).exists() or not any((root / FOLDER).iterdir()), moment
        else:
            assert contents(shards) == before, f"killed at step {moment}"
        moment += 1
    assert moment > 3
