"""The leaderboard with a real host: places from stored votes, votes taken away, the table as a file."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from compare_stage import Stage
from hands import click
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from paddock.sdk.errors import HostUnavailable

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def leaderboard(stage: Stage, qtbot: QtBot, view: Any) -> Any:
    from paddock.gui.pages.leaderboard import LeaderboardDialog

    dialog = LeaderboardDialog(stage.host, stage.messages, view)
    dialog.open()
    stage.until(lambda: dialog.empty.text() != "Reading…")
    return dialog


def test_without_votes_it_says_how_they_come_about(stage: Stage, view: Any, qtbot: QtBot) -> None:
    dialog = leaderboard(stage, qtbot, view)
    assert "say below the answers which is best" in dialog.empty.text()
    assert not dialog.export.isEnabled()
    dialog.close()


def test_votes_make_places_that_can_be_exported_and_taken_away(
    stage: Stage, view: Any, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.begin("alpha", "beta")
    stage.send("Where?")
    stage.until(lambda: len(view.judging.row.chips) == 2)
    view.judging.row.choose_number(2)
    stage.until(lambda: view.judging.vote_given is not None)
    dialog = leaderboard(stage, qtbot, view)
    first, second = dialog.rows
    assert first.accessibleName().startswith("1. beta: 1,")
    assert "1 win, 0 losses, 0 ties; 1 vote" in first.accessibleName()
    assert second.standing.low < second.standing.rating < second.standing.high

    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *asked: (str(tmp_path / "board.csv"), ""))
    qtbot.mouseClick(dialog.export, Qt.MouseButton.LeftButton)
    stage.until(lambda: any("The leaderboard is in" in notice.text for notice in stage.said))
    with (tmp_path / "board.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["rank"], row["name"], row["wins"], row["losses"]) for row in rows] == [
        ("1", "beta", "1", "0"),
        ("2", "alpha", "0", "1"),
    ]
    dialog.write(str(tmp_path / "nowhere" / "board.csv"))
    stage.until(dialog.trouble.isVisible)
    dialog._failed(HostUnavailable("The host is away."))
    qtbot.mouseClick(dialog.trouble._button, Qt.MouseButton.LeftButton)
    stage.until(lambda: not dialog.trouble.isVisible() and len(dialog.rows) == 2)

    qtbot.mouseClick(dialog.chips["tag"], Qt.MouseButton.LeftButton)
    stage.until(lambda: "tag" in dialog.empty.text() and dialog.empty.isVisible())
    qtbot.mouseClick(dialog.chips["votes"], Qt.MouseButton.LeftButton)
    stage.until(lambda: len(dialog.rows) == 1 and hasattr(dialog.rows[0], "remove"))
    assert dialog.export.isHidden()  # a file of places it is
    assert dialog.rows[0].remove.accessibleName() == "Remove the vote: beta better than alpha"
    with qtbot.waitSignal(dialog.open_wanted) as opened:
        click(dialog.rows[0].open)
    assert opened.args == [view.chat]

    dialog = leaderboard(stage, qtbot, view)
    dialog.show_kind("votes")
    stage.until(lambda: len(dialog.rows) == 1 and hasattr(dialog.rows[0], "remove"))
    click(dialog.rows[0].remove)
    stage.until(lambda: not dialog.rows)
    stage.until(lambda: stage.ask(lambda client: client.votes()) == [])
    dialog.close()
