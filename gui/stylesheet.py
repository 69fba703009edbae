"""The one short style sheet: flat backgrounds and borders, nothing that a painted widget could do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paddock.gui.theme import Theme

FIELD_RADIUS = 6
BUTTON_RADIUS = 8
CARD_RADIUS = 10
LARGE_RADIUS = 14


def stylesheet(theme: Theme) -> str:
    """Rules by the dynamic property ``role`` (set it with ``widget.setProperty("role", "rail")``).

    Surfaces: ``window``, ``surface``, ``rail``, ``side``, ``inspector``, ``head``, ``foot``, ``card``, ``composer``.
    They need ``Qt.WA_StyledBackground`` when they are plain QWidgets.
    """
    p = theme.palette
    card = p.surface if theme.mode == "dark" else p.raised  # raised, the fields on it could not be told from it
    edge = p.border_strong if theme.mode == "dark" else p.border  # of what may lie over something of its own colour
    return f"""
* {{ outline: none; }}
*[role="window"], *[role="rail"], *[role="side"], *[role="inspector"] {{ background: {p.window}; }}
*[role="surface"], *[role="head"], *[role="foot"] {{ background: {p.surface}; }}
*[role="side"] {{ border-right: 1px solid {p.border}; }}
*[role="inspector"] {{ border-left: 1px solid {p.border}; }}
*[role="head"] {{ border-bottom: 1px solid {p.border}; }}
*[role="foot"] {{ border-top: 1px solid {p.border}; }}
*[role="card"] {{ background: {card}; border: 1px solid {p.border}; border-radius: {CARD_RADIUS}px; }}
*[role="composer"] {{ background: {p.raised}; border: 1px solid {p.border}; border-radius: {LARGE_RADIUS}px; }}
QLabel[role="text2"] {{ color: {p.text2}; }}
QLabel[role="muted"] {{ color: {p.muted}; }}
QLabel[role="bad"] {{ color: {p.bad}; }}
QLabel[role="ok"] {{ color: {p.ok}; }}
QLineEdit {{ background: transparent; border: 0; }}
QListView, QTableView, QTreeView, QScrollArea {{ background: transparent; border: 0; }}
QScrollArea > QWidget > QWidget {{ background: transparent; }}
QMenu {{ background: {p.raised}; color: {p.text}; border: 1px solid {edge}; border-radius: {BUTTON_RADIUS}px;
    padding: 4px; }}
QMenu::item {{ padding: 6px 24px 6px 12px; border-radius: {FIELD_RADIUS}px; }}
QMenu::item:selected {{ background: {p.selected}; }}
QMenu::item:disabled {{ color: {p.muted}; }}
QMenu::indicator {{ border: none; }}
QMenu::separator {{ height: 1px; background: {edge}; margin: 4px 8px; }}
QToolTip {{ background: {p.raised}; color: {p.text}; border: 1px solid {edge}; padding: 4px 6px; }}
QSplitter::handle {{ background: {p.border}; }}
QAbstractScrollArea::corner {{ background: transparent; border: 0; }}
QScrollBar {{ background: transparent; border: 0; }}
QScrollBar:vertical {{ width: 12px; }}
QScrollBar:horizontal {{ height: 12px; }}
QScrollBar::handle {{ background: {p.border_strong}; border-radius: 2px; margin: 4px; }}
QScrollBar::handle:hover, QScrollBar::handle:pressed {{ background: {p.muted}; border-radius: 3px; margin: 3px; }}
QScrollBar::handle:vertical {{ min-height: 36px; }}
QScrollBar::handle:horizontal {{ min-width: 36px; }}
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page {{
    background: none; border: 0; width: 0; height: 0; }}
"""
