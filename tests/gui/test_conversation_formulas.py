"""Formulas: drawn elsewhere, laid out when they are there, copied as they were written."""

from collections.abc import Iterator

import pytest
from conversations import Make, message
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from paddock.gui.bridge import Bridge
from paddock.gui.widgets.conversation.displays import MathsBlock
from paddock.gui.widgets.conversation.documents import paint_document
from paddock.gui.widgets.conversation.markdown import Parser
from paddock.gui.widgets.conversation.nodes import Maths, Paragraph
from paddock.gui.widgets.conversation.workshop import Workshop, draw

TEXT = "So $E = mc^2$ holds.\n\n$$\n\\frac{a}{b}\n$$\n\nBroken: $\\frac{a$ costs $5 and $6."


@pytest.fixture
def elsewhere(qapp: QApplication) -> Iterator[Workshop]:
    """A workshop whose work is done by a bridge, as in the window."""
    bridge = Bridge(lambda error: None)
    made = Workshop(bridge.submit)
    made.install(qapp)
    bridge.start()
    yield made
    made.remove(qapp)
    bridge.close()


def test_formulas_are_drawn_elsewhere_and_laid_out_when_they_are_there(
    make: Make, qtbot: QtBot, elsewhere: Workshop
) -> None:
    view = make([message("a", "assistant", TEXT)])
    words = view.column.rows[0].blocks[1]
    assert "$E = mc^2$" in words.document().toPlainText()
    qtbot.waitUntil(lambda: not elsewhere.waiting())
    qtbot.waitUntil(lambda: "\ufffc" in words.document().toPlainText())
    shown = next(block for block in view.column.rows[0].blocks if isinstance(block, MathsBlock))
    qtbot.waitUntil(lambda: shown.built and shown._document is None)
    assert "$\\frac{a$ costs $5 and $6." in view.column.rows[0].blocks[3].document().toPlainText()


def test_a_formula_is_copied_as_it_was_written(make: Make, qtbot: QtBot) -> None:
    view = make([message("a", "assistant", TEXT)])
    assert "\ufffc" in view.column.rows[0].blocks[1].document().toPlainText()
    qtbot.keyClick(view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == TEXT


def test_a_marked_formula_keeps_its_ink(make: Make) -> None:
    view = make([message("a", "assistant", "$E$")])
    document = view.column.rows[0].blocks[1].document()

    def painted(selected: tuple[int, int] | None) -> QImage:
        picture = QImage(60, 40, QImage.Format.Format_RGB32)
        picture.fill(Qt.GlobalColor.white)
        painter = QPainter(picture)
        paint_document(painter, document, view.style_, QRectF(picture.rect()), selected)
        painter.end()
        return picture

    plain, marked = painted(None), painted((0, 1))
    inked = [(x, y) for x in range(60) for y in range(40) if plain.pixelColor(x, y).lightness() < 80]
    assert inked
    assert all(marked.pixelColor(x, y).lightness() < 90 for x, y in inked)
    assert marked.pixelColor(1, inked[0][1]) == view.style_.color("selection")


@pytest.mark.parametrize(
    ("text", "formulas"),
    [
        ("$5 and $6, from $5 to 10$, $HOME/$USER, US$ 5, \\$x$", []),
        ("$x$, the $n$th, $10$ and \\(y\\) or \\[z\\] and $$w$$ here", ["x", "n", "10", "y", "z", "w"]),
        ("`$x$` and ```` $y$ ````", []),
        ("$a\n\nb$", []),
    ],
)
def test_prices_are_no_formulas(text: str, formulas: list[str]) -> None:
    found = [node for node in Parser().parse(text) if isinstance(node, Paragraph)]
    assert [span.math for node in found for span in node.spans if span.math] == formulas


def test_a_formula_between_lines_of_a_list_stays_in_it() -> None:
    nodes = Parser().parse("- one\n  \\[\n  x\n  \\]\n- two\n\n$$ y $$\n\n$$\nnever closed")
    assert [node.source for node in nodes if isinstance(node, Maths)] == ["x", "y"]
    assert [node.indent for node in nodes] == [1, 1, 1, 0, 0]


@pytest.mark.parametrize("source", ["\\frac{", "x^{", "{" * 900, "\\input{/etc/passwd}\\end{a}"])
def test_broken_formulas_are_told_not_raised(source: str) -> None:
    drawn = draw(source, True)
    assert drawn is None or "passwd" not in drawn.svg
