"""Where the parts of the load dialog are: in low windows, in large text, and while numbers change."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from memory_fakes import QWEN
from PySide6.QtCore import QPoint
from pytestqt.qtbot import QtBot

from paddock.gui.pages.load_dialog import MOST_LEFT, SLACK, LoadDialog
from paddock.gui.theme import Theme

Open = Callable[..., LoadDialog]
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.mark.parametrize("height", [480, 500, 520, 600])
def test_a_low_dialog_does_not_end_in_the_middle_of_words(qtbot: QtBot, open_load_dialog: Open, height: int) -> None:
    dialog = open_load_dialog((720, height))

    def cut() -> list[int]:
        fold, body = dialog._scroll.viewport().height(), dialog._scroll.widget()
        tops = [(row.mapTo(body, QPoint()).y(), row.height()) for row in dialog.settings.rows()]
        return [fold - top for top, high in tops if 0 < fold - top < min(high, MOST_LEFT)]

    qtbot.waitUntil(lambda: dialog._fitted and dialog.estimator.settled)
    qtbot.waitUntil(lambda: not cut())
    dialog.settings.unfold.click()
    qtbot.waitUntil(lambda: not cut())
    dialog.reject()


@pytest.mark.parametrize("size", [(720, 480), (960, 600), (1440, 900)])
def test_a_dialog_without_settings_leaves_no_hole_above_its_foot(
    qtbot: QtBot, free_host: Any, open_load_dialog: Open, size: tuple[int, int]
) -> None:
    free_host.models[QWEN] = msgspec.structs.replace(free_host.models[QWEN], engine="echo")
    dialog = open_load_dialog(size)

    def hole() -> int:
        """Pixels between the last thing that is said and where the scrolled part ends."""
        return (
            dialog._scroll.height() - dialog.breakdown.mapTo(dialog._scroll, QPoint(0, dialog.breakdown.height())).y()
        )

    qtbot.waitUntil(lambda: dialog._fitted and dialog.estimator.settled)
    qtbot.waitUntil(lambda: 0 <= hole() <= 12 + 16 + SLACK + 16)  # a line of text more at the most
    dialog.reject()


@pytest.mark.parametrize("size", [(400, 480), (720, 480), (720, 600), (1000, 800)])
def test_what_is_unfolded_comes_into_sight(qtbot: QtBot, open_load_dialog: Open, size: tuple[int, int]) -> None:
    dialog = open_load_dialog(size)
    settings, port, bar = dialog.settings, dialog._scroll.viewport(), dialog._scroll.verticalScrollBar()

    def head() -> int:
        return settings.unfold.mapTo(port, QPoint()).y()

    qtbot.waitUntil(lambda: dialog._fitted and dialog.estimator.settled)
    settings.unfold.click()
    qtbot.waitUntil(lambda: 0 <= head() <= 10)
    assert settings.more.mapTo(port, QPoint()).y() < port.height() - 40, "some of it is in sight below its button"
    settings.unfold.click()
    qtbot.waitUntil(lambda: 0 <= head() <= port.height() - settings.unfold.height())
    assert settings.more.isHidden()
    assert bar.value() <= bar.maximum()
    dialog.reject()


def test_nothing_moves_under_the_mouse_when_it_does_not_fit_any_more(qtbot: QtBot, open_load_dialog: Open) -> None:
    dialog = open_load_dialog()
    slider = dialog.settings.context.slider
    qtbot.waitUntil(lambda: dialog._fitted and dialog.estimator.settled)

    def place() -> tuple[int, int]:
        corner = slider.mapTo(dialog, slider.rect().topRight())
        return corner.x(), corner.y()

    before = place()
    for number in (30_000, 4096):
        slider.set_number(number)
        qtbot.waitUntil(lambda: dialog.estimator.settled)
        assert dialog.force.isVisible() == (number == 30_000)
        assert place() == before


def test_what_a_load_takes_follows_the_text_size(qtbot: QtBot, qapp: Any, open_load_dialog: Open) -> None:
    dialog = open_load_dialog((520, 800))
    qtbot.waitUntil(lambda: dialog._fitted and dialog.estimator.settled)
    row, notice = dialog.breakdown.devices[0], dialog.breakdown.notice

    def beside() -> bool:
        return abs(row.name.geometry().center().y() - row.need.geometry().center().y()) < 3

    least = notice.minimumHeight()
    assert beside()
    try:
        Theme(zoom=1.5).apply(qapp)
        qtbot.waitUntil(lambda: not beside())
        assert notice.minimumHeight() == round(least * 1.5)
    finally:
        Theme().apply(qapp)
    qtbot.waitUntil(beside)
    assert notice.minimumHeight() == least
