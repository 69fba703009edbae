"""What a comparison looks like where there is little room, and before the first word."""

from __future__ import annotations

from conversations import message
from PySide6.QtGui import QColor, QFontMetricsF, QImage
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from paddock.gui import theme
from paddock.gui.models.pane_apart import beside
from paddock.gui.pages.compare_question import QuestionRow
from paddock.gui.pages.compare_tools import HeadTools
from paddock.gui.widgets.conversation import Turns
from paddock.gui.widgets.conversation.gallery import Gallery
from paddock.gui.widgets.pane_grid import LEAST
from paddock.gui.widgets.pane_head import PaneHead
from paddock.gui.widgets.pane_view import HIDDEN, PaneConversation
from paddock.sdk.types import ModelInfo, Pane


def colours(image: QImage) -> set[str]:
    return {image.pixelColor(x, y).name() for x in range(40) for y in range(48)}


def test_scrolling_together_is_the_first_to_leave_the_head(qtbot: QtBot) -> None:
    head = QWidget()  # a window would not get as narrow
    qtbot.addWidget(head)
    tools = HeadTools(head)
    tools.add_toggle("Blind", "eye-off", "")
    tools.add_toggle("Differences", "diff", "")
    head.show()
    whole = tools.width_within(2000)
    for room, shown in ((whole, 3), (whole - 1, 2), (tools.width_within(whole - 1) - 1, 1), (0, 0)):
        tools.resize(room, 53)
        words = [toggle.chip.text() for toggle in tools.toggles if not toggle.chip.isHidden()]
        assert words == ["Differences", "Blind", "Scroll together"][:shown]
        assert tools.width_within(room) <= max(room, tools.minimumSizeHint().width())


def test_the_caret_before_the_first_word_wears_the_silk_of_the_pane(qtbot: QtBot) -> None:
    view = PaneConversation(Turns())
    qtbot.addWidget(view)
    view.resize(400, 200)
    view.show()
    view.set_messages([message("a", "assistant", "", state="generating")])
    look = theme.current()
    for silk, colour in ((1, look.silk(1)), (HIDDEN, look.palette.muted)):
        view.set_accent_silk(silk)
        seen = colours(view.grab().toImage())
        assert QColor(colour).name() in seen
        assert QColor(look.palette.accent).name() not in seen


def test_a_long_question_does_not_move_the_panes(qtbot: QtBot) -> None:
    page = QWidget()
    qtbot.addWidget(page)
    row = QuestionRow(Gallery(page), page)
    row.resize(600, 60)
    page.show()
    heights = []
    for text in ("Why?", "Why, and how, and where? " * 40):
        row.show_question(text, 1, 2, editable=True)
        qtbot.waitUntil(lambda text=text: row.all.isHidden() is (text == "Why?"))
        heights.append(row.sizeHint().height())
    assert heights[0] == heights[1]


def test_settings_that_tell_panes_apart_are_read_in_the_narrowest_head_that_there_is(qtbot: QtBot) -> None:
    panes = [Pane(model="a/x", sampling={"temperature": value}) for value in (0.0, 0.75)]
    info = ModelInfo(id="a/x", name="x", engine="echo", path="/x", quant="Q4_K_M")
    for name in ("Qwen3 8B", "A model whose name has forty letters, yes", "Long-Names-" * 20):
        sides = beside(panes, [name, name], [info, info], known=True)
        drawn = []
        for side in sides:
            box = QWidget()  # a window would not get as narrow
            qtbot.addWidget(box)
            head = PaneHead(box)
            head.show_pane("1", "#000000", name, side, "")
            head.stop.show()
            head.setGeometry(0, 0, LEAST[0], 40)
            box.show()
            head.grab()
            drawn.append(head.model.grab().toImage())
            words = head.model.shown()
            assert side.parts[0] in words
            strong, small = (QFontMetricsF(theme.current().font(*font)) for font in ((14, 600), (12,)))
            fitted, _ = head.model._fitted(strong, small)
            free = head.model.width() - theme.current().px(6 + 17 + 8) - fitted.name - theme.current().px(8)
            assert small.horizontalAdvance(words) <= free, "none of it is cut"
        assert drawn[0] != drawn[1]
