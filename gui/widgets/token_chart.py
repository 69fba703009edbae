"""Bars for the next token: what the model gives, what the samplers leave of it, and how many tokens each one leaves.

Lists of rows that are painted, so that keyboard and screen readers have them as rows with numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from paddock.gui.theme import Theme, current, new_measures
from paddock.gui.widgets.focus import paint_ring

Index = QModelIndex | QPersistentModelIndex
ROW = 22
_ROOT = QModelIndex()
_VISIBLE = str.maketrans({" ": "␣", "\n": "↵", "\t": "⇥", "\r": "␍"})
ROW_ROLE = Qt.ItemDataRole.UserRole


@dataclass(frozen=True)
class TokenBar:
    """A token with its probability ``before`` and after (``now``) the samplers, 0 to 1. ``cut``: the sampler that took
    it out; empty while it can be drawn."""

    text: str
    before: float
    now: float
    cut: str = ""

    @property
    def label(self) -> str:
        return seen(self.text)

    def spoken(self) -> str:
        """For a screen reader and the tool tip."""
        now = f"cut off by {self.cut}" if self.cut else percent(self.now)
        return f"{self.label}: {now}; {percent(self.before)} before the samplers"


@dataclass(frozen=True)
class StageBar:
    """How many tokens are ``left`` of ``whole`` behind the sampler ``name``."""

    name: str
    left: int
    whole: int

    @property
    def label(self) -> str:
        return self.name

    def spoken(self) -> str:
        """For a screen reader and the tool tip."""
        return f"{self.name}: {self.left:,} of {self.whole:,} tokens left"


Bar = TokenBar | StageBar


def seen(text: str) -> str:
    """``text`` with its white space to be seen."""
    shown = text.translate(_VISIBLE)
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in shown) or "(nothing)"


def percent(share: float) -> str:
    """0 to 1 as people write it."""
    if 0 < share < 0.001:
        return "<0.1 %"
    return f"{100 * share:.1f} %"


class BarRows(QAbstractListModel):
    """The rows of a chart. As long as their number stays, only their values change."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bars: tuple[Bar, ...] = ()

    def show(self, bars: Sequence[Bar]) -> None:
        if len(bars) == len(self.bars):
            before, self.bars = self.bars, tuple(bars)
            for row, (old, new) in enumerate(zip(before, self.bars, strict=True)):
                if old != new:
                    self.dataChanged.emit(self.index(row), self.index(row))
            return
        self.beginResetModel()
        self.bars = tuple(bars)
        self.endResetModel()

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.bars)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.bars):
            return None
        bar = self.bars[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return bar.label
        if role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            return bar.spoken()
        return bar if role == ROW_ROLE else None


class _BarPainter(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(10, current().px(ROW))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        bar, theme, rect = index.data(ROW_ROLE), current(), QRectF(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if isinstance(bar, TokenBar):
            _paint_token(painter, bar, theme, rect)
        elif isinstance(bar, StageBar):
            _paint_stage(painter, bar, theme, rect)
        state = option.state
        if state & QStyle.StateFlag.State_HasFocus and state & QStyle.StateFlag.State_KeyboardFocusChange:
            paint_ring(painter, rect, 6)
        painter.restore()


def _paint_token(painter: QPainter, bar: TokenBar, theme: Theme, rect: QRectF) -> None:
    label, number = theme.px(76), theme.px(56)
    font = QFont(theme.font(12, mono=True))
    font.setStrikeOut(bool(bar.cut))
    painter.setFont(font)
    painter.setPen(theme.color("muted" if bar.cut else "text"))
    words = QFontMetrics(font).elidedText(bar.label, Qt.TextElideMode.ElideMiddle, label - 8)
    right = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
    painter.drawText(QRectF(rect.left(), rect.top(), label - 6, rect.height()), right, words)
    track = _track(rect, label, number, theme)
    _paint_bar(painter, track, bar.now, theme.color("track"), theme.color("accent"))
    if bar.cut:
        painter.setFont(theme.font(11))
        painter.setPen(theme.color("text2"))
        place = QRectF(track.left(), rect.top(), track.width() + number, rect.height())
        painter.drawText(place, right, bar.cut)
    else:
        painter.setFont(theme.font(12, tabular=True))
        painter.setPen(theme.color("text2"))
        painter.drawText(QRectF(track.right(), rect.top(), number, rect.height()), right, percent(bar.now))
    x = track.left() + 1 + (track.width() - 2) * min(1.0, bar.before)
    painter.setPen(QPen(theme.color("text"), 2))
    middle = rect.center().y()
    painter.drawLine(round(x), round(middle - 5), round(x), round(middle + 5))


def _paint_stage(painter: QPainter, bar: StageBar, theme: Theme, rect: QRectF) -> None:
    label, number = theme.px(92), theme.px(58)
    painter.setFont(theme.font(12))
    painter.setPen(theme.color("text2"))
    centre = Qt.AlignmentFlag.AlignVCenter
    painter.drawText(QRectF(rect.left(), rect.top(), label - 4, rect.height()), centre, bar.name)
    track = _track(rect, label, number, theme)
    share = math.log1p(bar.left) / math.log1p(max(1, bar.whole))
    _paint_bar(painter, track, share, theme.color("track"), theme.color("muted"))
    painter.setFont(theme.font(12, tabular=True))
    painter.setPen(theme.color("text2"))
    place = QRectF(track.right(), rect.top(), number, rect.height())
    painter.drawText(place, centre | Qt.AlignmentFlag.AlignRight, f"{bar.left:,}")


def _track(rect: QRectF, label: float, number: float, theme: Theme) -> QRectF:
    high = theme.px(6)
    return QRectF(rect.left() + label, rect.center().y() - high / 2, rect.width() - label - number, high)


def _paint_bar(painter: QPainter, track: QRectF, share: float, back: QColor, fill: QColor) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(back)
    painter.drawRoundedRect(track, track.height() / 2, track.height() / 2)
    if share > 0:
        painter.setBrush(fill)
        wide = QRectF(track.left(), track.top(), max(2.0, track.width() * min(1.0, share)), track.height())
        painter.drawRoundedRect(wide, min(track.height(), wide.width()) / 2, track.height() / 2)


class BarChart(QListView):
    """As high as its rows; nothing in it can be chosen."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = BarRows(self)
        self.setModel(self.rows)
        self.setItemDelegate(_BarPainter(self))
        self.setAccessibleName(name)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setUniformItemSizes(True)
        self.show_bars(())

    def show_bars(self, bars: Sequence[Bar]) -> None:
        changed = len(bars) != len(self.rows.bars)
        self.rows.show(bars)
        if changed or not bars:
            self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if new_measures(event):
            self._fit()

    def _fit(self) -> None:
        self.setFixedHeight(current().px(ROW) * len(self.rows.bars) + 2)
