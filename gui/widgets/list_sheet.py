"""How a dialog with a list looks: a heading that stays, rows that scroll, buttons at the foot."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QLayout, QScrollArea, QVBoxLayout, QWidget

from paddock.gui.widgets.labels import Divider


def lay_out_list(
    dialog: QDialog, head: Iterable[QWidget | QLayout], foot: tuple[QWidget, QWidget], *, name: str = ""
) -> QVBoxLayout:
    """Fill ``dialog``; the rows go into the column that comes back. ``foot``: what stands left and right. With a
    ``name`` the list takes the focus, for rows that take none."""
    body = QWidget()
    column = QVBoxLayout(body)
    column.setContentsMargins(20, 4, 20, 4)
    column.setSpacing(0)
    column.setAlignment(Qt.AlignmentFlag.AlignTop)
    column.setSizeConstraint(QLayout.SizeConstraint.SetMinimumSize)
    scroll = QScrollArea()
    scroll.setWidgetResizable(True)
    scroll.setFrameShape(QFrame.Shape.NoFrame)
    scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    scroll.setAccessibleName(name)
    if not name:
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    scroll.setWidget(body)
    heading = QVBoxLayout()
    heading.setContentsMargins(20, 16, 20, 8)
    for part in head:
        if isinstance(part, QWidget):
            heading.addWidget(part)
        else:
            heading.addLayout(part)
    heading.setSpacing(6)
    buttons = QHBoxLayout()
    buttons.addWidget(foot[0])
    buttons.addStretch(1)
    buttons.addWidget(foot[1])
    above = QVBoxLayout()
    above.setSpacing(0)
    above.addLayout(heading)
    above.addWidget(scroll, 1)
    lay_out_sheet(dialog, above, buttons, left=8)
    return column


def lay_out_sheet(dialog: QDialog, above: QLayout, buttons: QHBoxLayout, *, left: int = 20) -> QVBoxLayout:
    """Fill ``dialog``: what is ``above``, a line from edge to edge, buttons. ``left``: their margin, in pixels; less
    where a quiet button begins, whose words stand in line then."""
    buttons.setContentsMargins(left, 10, 20, 14)
    buttons.setSpacing(8)
    outer = QVBoxLayout(dialog)
    outer.setContentsMargins(0, 0, 0, 0)
    outer.setSpacing(0)
    outer.addLayout(above, 1)
    outer.addWidget(Divider())
    outer.addLayout(buttons)
    return outer
