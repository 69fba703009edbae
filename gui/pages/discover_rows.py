"""How a result of the search is drawn, and the list of them."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QFont,
    QFontMetrics,
    QKeyEvent,
    QPainter,
    QPen,
    QResizeEvent,
    QStaticText,
)
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from paddock.gui.icons import pixmap
from paddock.gui.models.hub import HubRole, Index, Row, downloads_text, facts, lead_text, repo_of
from paddock.gui.theme import Theme, current, new_measures
from paddock.gui.widgets.badge import badge_size, fit_words, paint_badge
from paddock.gui.widgets.focus import KEYBOARD_REASONS
from paddock.sdk.hub import Suggestion

HEIGHT = 72
PAD = 12
AHEAD = 20
"""The next page is asked for when so few rows are left below."""


class Drawn(NamedTuple):
    """A row's words, cut off at its width and laid out."""

    name: QStaticText
    lead: QStaticText
    """Before the second line, in colour; empty for none."""
    lead_width: int
    second: QStaticText
    third: QStaticText
    fetched: QStaticText
    """The downloads, behind the third line; empty for none."""
    third_width: int
    badge: str
    badge_size: QSize


class ResultRows(QStyledItemDelegate):
    """Three lines: name and badge, owner, facts. Words are laid out once per row, width and theme."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._drawn: dict[str, Drawn] = {}
        self._for: tuple[int, Theme] | None = None
        self._fonts = _fonts(current())

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(10, current().px(HEIGHT))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        theme, row = current(), index.data(HubRole.ROW)
        body = QRectF(option.rect).adjusted(0, 1, 0, -1)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if row is None:
            _paint_coming(painter, body, theme)
        else:
            self._background(painter, option, body, theme)
            self._words(painter, row, body, theme)
        painter.restore()

    def _background(self, painter: QPainter, option: QStyleOptionViewItem, body: QRectF, theme: Theme) -> None:
        state, view = option.state, option.widget
        selected = bool(state & QStyle.StateFlag.State_Selected)
        if selected or state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("selected" if selected else "hover"))
            painter.drawRoundedRect(body, 8, 8)
        if state & QStyle.StateFlag.State_HasFocus and isinstance(view, ResultList) and view.keyboard:
            painter.setPen(QPen(theme.color("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(body.adjusted(1, 1, -1, -1), 7, 7)

    def _words(self, painter: QPainter, row: Row, body: QRectF, theme: Theme) -> None:
        drawn = self._laid_out(row, int(body.width()), theme)
        pad, left = theme.px(PAD), body.left() + theme.px(PAD)
        lines = [body.top() + theme.px(offset) for offset in (9, 29, 47)]
        bold, small = self._fonts
        painter.setFont(bold)
        painter.setPen(theme.color("text"))
        painter.drawStaticText(QPointF(left, lines[0]), drawn.name)
        if drawn.badge:
            size = drawn.badge_size
            where = QRectF(body.right() - pad - size.width() + 2, lines[0] - theme.px(2), size.width(), size.height())
            paint_badge(painter, where, row.fit, drawn.badge, icon=False)
        painter.setFont(small)
        painter.setPen(theme.color("accent"))
        painter.drawStaticText(QPointF(left, lines[1]), drawn.lead)
        painter.setPen(theme.color("text2"))
        painter.drawStaticText(QPointF(left + drawn.lead_width, lines[1]), drawn.second)
        painter.drawStaticText(QPointF(left, lines[2]), drawn.third)
        if drawn.fetched.text():
            x, side = left + drawn.third_width, theme.px(12)
            mark = pixmap("download", theme.palette.text2, side, ratio=painter.device().devicePixelRatio())
            painter.drawPixmap(QPointF(x, lines[2] + theme.px(1)), mark)
            painter.drawStaticText(QPointF(x + side + theme.px(3), lines[2]), drawn.fetched)

    def _laid_out(self, row: Row, width: int, theme: Theme) -> Drawn:
        if self._for != (width, theme):
            self._for, self._drawn, self._fonts = (width, theme), {}, _fonts(theme)
        key = f"{type(row).__name__} {repo_of(row)} {row.fit}"
        drawn = self._drawn.get(key)
        if drawn is None:
            drawn = self._drawn[key] = _lay_out(row, width - 2 * theme.px(PAD), theme, self._fonts)
        return drawn


def _fonts(theme: Theme) -> tuple[QFont, QFont]:
    """Of the first line and of the others; making one takes as long as drawing with it."""
    return theme.font(13, 600), theme.font(12, tabular=True)


def _lay_out(row: Row, room: int, theme: Theme, fonts: tuple[QFont, QFont]) -> Drawn:
    name, small = fonts
    badge = "" if row.fit == "cannot_tell" else fit_words(row.fit, short=True)
    size = badge_size(badge, icon=False)
    told = " · ".join(facts(row))
    fetched = downloads_text(row)
    if isinstance(row, Suggestion):
        lead, second, third = lead_text(row), f" · {told}", row.reason
    else:
        lead, second, third = "", row.author, told + (" · " if fetched and told else "")
    metrics = QFontMetrics(small)
    lead_width = metrics.horizontalAdvance(lead)
    after = metrics.horizontalAdvance(fetched) + theme.px(16) if fetched else 0
    third = metrics.elidedText(third, Qt.TextElideMode.ElideRight, room - after)
    return Drawn(
        _static(row.name, name, room - (size.width() + theme.px(8) if badge else 0)),
        _static(lead, small, room),
        lead_width,
        _static(second, small, room - lead_width),
        _static(third, small, room),
        _static(fetched, small, room),
        metrics.horizontalAdvance(third),
        badge,
        size,
    )


def _static(words: str, font: QFont, room: int) -> QStaticText:
    text = QStaticText(QFontMetrics(font).elidedText(words, Qt.TextElideMode.ElideRight, room))
    text.setTextFormat(Qt.TextFormat.PlainText)
    text.prepare(font=font)
    return text


def _paint_coming(painter: QPainter, body: QRectF, theme: Theme) -> None:
    """Bars where the words will stand."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color("hover"))
    pad = theme.px(PAD)
    for top, share in ((12, 0.6), (32, 0.25), (50, 0.7)):
        line = QRectF(body.left() + pad, body.top() + theme.px(top), (body.width() - 2 * pad) * share, theme.px(9))
        painter.drawRoundedRect(line, 4, 4)


class ResultList(QListView):
    """``end_near`` when the rows below are few; ``menu_wanted`` with a place on the screen."""

    end_near = Signal()
    menu_wanted = Signal(QPoint)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.keyboard = False
        self.setItemDelegate(ResultRows(self))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setAccessibleName("Models on the hub")
        self.verticalScrollBar().valueChanged.connect(self.look_ahead)

    def look_ahead(self) -> None:
        """Say so when the rows below are few; the bar's range may still be that of fewer rows."""
        high = current().px(HEIGHT)
        seen = self.verticalScrollBar().value() + self.viewport().height()
        if self.model() is not None and self.model().rowCount() * high - seen < AHEAD * high:
            self.end_near.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.look_ahead()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if new_measures(event):
            self.scheduleDelayedItemsLayout()

    def focusInEvent(self, event: QFocusEvent) -> None:
        if event.reason() in KEYBOARD_REASONS:
            self.keyboard = True
        elif event.reason() == Qt.FocusReason.MouseFocusReason:
            self.keyboard = False
        super().focusInEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self.keyboard = True
        if event.key() == Qt.Key.Key_Menu and self.currentIndex().isValid():
            self.menu_wanted.emit(self.viewport().mapToGlobal(self.visualRect(self.currentIndex()).center()))
            return
        super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        index = self.indexAt(event.pos())
        if index.isValid():
            self.setCurrentIndex(index)
            self.menu_wanted.emit(event.globalPos())
