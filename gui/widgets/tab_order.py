"""Where Tab goes: as the eye does, whatever was made first. Qt's own order is that in which widgets were made, so that
what comes later, as a pane or a message in line, would be last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLayout, QWidget


class InOrder(QWidget):
    """A window whose Tab key goes through it so."""

    def focusNextPrevChild(self, forward: bool) -> bool:
        return go_on(self, forward)


def go_on(window: QWidget, forward: bool) -> bool:
    """Give the focus to what comes next in ``window``, or not ``forward`` to what came before. Qt asks for that too
    when what has the focus is hidden: then it goes to what is near, and no key was pressed that a ring would answer."""
    order = list(in_order(window))
    if not forward:
        order.reverse()
    here: QWidget | None = window.focusWidget()
    hidden = here is not None and not here.isVisible()
    while here is not None and here not in order:
        here = here.parentWidget()
    at = order.index(here) + 1 if here is not None else 0
    order = [*order[at:], *order[:at]]
    found = next((widget for widget in order if _stops(widget)), None)
    if found is not None:
        by_key = Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason
        found.setFocus(Qt.FocusReason.OtherFocusReason if hidden else by_key)
    return found is not None


def in_order(widget: QWidget) -> Iterator[QWidget]:
    """``widget`` and all that is seen in it: as its layouts have them, else by their places; what lies above comes
    last."""
    yield widget
    inside = [child for child in widget.children() if isinstance(child, QWidget) and not child.isWindow()]
    laid = {child: number for number, child in enumerate(_laid_out(widget.layout(), inside))}
    inside.sort(key=lambda child: (laid.get(child, len(laid)), child.y(), child.x()))
    for child in inside:
        if child.isVisible():
            yield from in_order(child)


def _laid_out(layout: QLayout | None, widgets: Sequence[QWidget]) -> Iterator[QWidget]:
    """Those of ``widgets`` that ``layout`` and the layouts in it place. It never asks for items: Qt's binding keeps
    what ``itemAt`` answers as long as the layout lives, and takes what is later made at that address for it."""
    if layout is None:
        return
    parts: list[QLayout | QWidget] = [widget for widget in widgets if layout.indexOf(widget) >= 0]
    parts += [part for part in layout.children() if isinstance(part, QLayout)]
    for part in sorted(parts, key=layout.indexOf):
        if isinstance(part, QLayout):
            yield from _laid_out(part, widgets)
        else:
            yield part


def _stops(widget: QWidget) -> bool:
    takes = widget.focusPolicy() & Qt.FocusPolicy.TabFocus
    return bool(takes) and widget.isEnabled() and widget.focusProxy() is None
