"""Shows notices below the head of the window: those that stay in a room of their own, then those that pass, the newest
lowest."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtWidgets import QGridLayout, QStackedWidget, QVBoxLayout, QWidget

from paddock.gui import messages
from paddock.gui.theme import current
from paddock.gui.widgets import IconButton
from paddock.gui.widgets.notice import Notice, Severity

WIDTH = 640
MOST = 3
GAP = 10
"""Between a notice and what stands above it, in pixels."""
SPACING = 6
HEAD = 52
"""Pixels of the theme that a page's head takes."""
SEVERITIES: dict[messages.Severity, Severity] = {"info": "info", "warn": "warn", "error": "bad"}


class NoticeRow(QWidget):
    """One notice with its button to close it; ``gone`` says whether its action, or its ``second``, was taken."""

    gone = Signal(bool)

    def __init__(self, notice: messages.Notice, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.notice = notice
        self.card = Notice(edged=True)
        self.close_button = IconButton("close", "Close this message", size=26, glyph=15)
        row = QGridLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setHorizontalSpacing(0)
        row.setColumnStretch(0, 1)
        row.setColumnMinimumWidth(1, 8)
        row.addWidget(self.card, 0, 0, 1, 2)
        row.addWidget(self.close_button, 0, 0, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.card.keep_free(self.close_button.sizeHint().width())
        label = notice.action.label if notice.action is not None else ""
        second = notice.second.label if notice.second is not None else ""
        self.card.show_message(SEVERITIES[notice.severity], notice.text, "", label, second)
        self.taken = notice.action
        self.card.action_triggered.connect(lambda: self.gone.emit(True))
        self.card.second_triggered.connect(self._take_second)
        self.close_button.clicked.connect(lambda: self.gone.emit(False))
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(lambda: self.gone.emit(False))
        if notice.seconds is not None:
            self._timer.start(round(notice.seconds * 1000))

    @property
    def stays(self) -> bool:
        """Until somebody closes it or what it says is over."""
        return self.notice.seconds is None

    def first(self) -> QWidget:
        """What the keyboard comes to first."""
        return self.card.action_button() or self.close_button

    def _take_second(self) -> None:
        self.taken = self.notice.second
        self.gone.emit(True)


@runtime_checkable
class HasMain(Protocol):
    """A page of columns, of which one is what a person looks at."""

    main: QWidget


@runtime_checkable
class HasNoticeRoom(Protocol):
    """A page with a place for notices that stay; its height is set here, its width is that of the main column."""

    notice_room: QWidget


@runtime_checkable
class GivesWay(Protocol):
    """A page that moves what notices would hide; ``keep_clear`` is told how far they reach below its
    ``notice_room``, in pixels."""

    def keep_clear(self, pixels: int) -> None: ...


class MessageBar(QWidget):
    """Lies over the page of ``pages`` that is shown, in the middle of its main column, below its head and out of the
    way of the composer. What stays covers nothing: the page's own ``notice_room`` grows below it, or ``room`` above
    the pages."""

    def __init__(self, source: messages.Messages, pages: QStackedWidget, parent: QWidget) -> None:
        super().__init__(parent)
        self.room = QWidget(parent)
        self.room.setProperty("role", "surface")
        self.room.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.room.setFixedHeight(0)
        self._pages = pages
        self._rows: list[NoticeRow] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(SPACING)
        self.hide()
        pages.installEventFilter(self)
        self.room.installEventFilter(self)  # a layout on its way puts it elsewhere for a moment
        pages.currentChanged.connect(self._place)
        source.listen(self._show, self._withdraw)

    def room_and_pages(self) -> QVBoxLayout:
        """The pages, and above them what stays over those that have no ``notice_room``."""
        column = QVBoxLayout()
        column.setSpacing(0)
        column.addWidget(self.room)
        column.addWidget(self._pages, 1)
        return column

    def texts(self) -> list[str]:
        """What is shown now."""
        return [row.notice.text for row in self._rows]

    def rows(self) -> list[NoticeRow]:
        return list(self._rows)

    def regions(self) -> list[QWidget]:
        """Where F6 goes: what the newest notice offers, or the button that closes it."""
        return [self._rows[-1].first()] if self._rows else []

    def settle(self) -> None:
        """Everything that waits to be undone is done; before the window goes."""
        for row in list(self._rows):
            self._remove(row, taken=False)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Move):
            self._place()
        return False

    def _show(self, notice: messages.Notice) -> None:
        same = [row for row in self._rows if notice.key and row.notice.key == notice.key]
        same += [row for row in self._rows if row.notice.text == notice.text and row not in same]
        for row in same:
            self._remove(row, taken=False)
        row = NoticeRow(notice)
        row.gone.connect(lambda taken: self._remove(row, taken))
        self._column.insertWidget(len(self._staying()) if row.stays else len(self._rows), row)
        self._rows.append(row)
        row.show()
        while (gone := self._too_many()) is not None:
            self._remove(gone, taken=False)
        self._place()

    def _too_many(self) -> NoticeRow | None:
        """What has to go for the newest: the oldest that passes, before one that stays. None: there is room, or the
        newest, above those that stay, goes by itself."""
        if len(self._rows) <= MOST:
            return None
        *before, newest = self._rows
        passing = [row for row in before if not row.stays]
        if passing or newest.stays:
            return (passing or before)[0]
        return None

    def _withdraw(self, key: str) -> None:
        for row in [row for row in self._rows if row.notice.key == key]:
            self._remove(row, taken=False)

    def _remove(self, row: NoticeRow, taken: bool) -> None:
        if row not in self._rows:
            return
        self._rows.remove(row)
        self._column.removeWidget(row)
        row.hide()
        row.deleteLater()
        self._place()
        if taken and row.taken is not None:
            row.taken.run()
        elif row.notice.on_gone is not None:
            row.notice.on_gone()

    def _staying(self) -> list[NoticeRow]:
        return [row for row in self._rows if row.stays]

    def _place(self) -> None:
        parent, page = self.parentWidget(), self._pages.currentWidget()
        self.setVisible(bool(self._rows))
        if parent is None or page is None:
            return
        ground = page.main if isinstance(page, HasMain) else page
        ground.installEventFilter(self)  # once more changes nothing
        width = min(current().px(WIDTH), ground.width() - 32)
        own = page.notice_room if isinstance(page, HasNoticeRoom) else None
        self.room.setFixedHeight(0 if own is not None else self._room_for_staying(width))
        if own is not None:
            own.setFixedHeight(self._room_for_staying(width))
        if not self._rows:
            self._keep_clear(page, 0)
            return
        self.setFixedWidth(width)
        self._column.invalidate()
        height = self._column.heightForWidth(width) if self._column.hasHeightForWidth() else self.sizeHint().height()
        self.resize(width, height)
        self._keep_clear(page, GAP + height - own.height() if own is not None else 0)
        left = ground.mapTo(parent, QPoint((ground.width() - width) // 2, 0)).x()
        self.move(left, self._top(parent, ground, own))
        self.raise_()

    def _keep_clear(self, page: QWidget, pixels: int) -> None:
        if isinstance(page, GivesWay):
            page.keep_clear(max(0, pixels))

    def _room_for_staying(self, width: int) -> int:
        """Pixels that the notices that stay take at that width, with the gaps around them."""
        heights = [row.heightForWidth(width) for row in self._staying()]
        return GAP + sum(heights) + SPACING * len(heights) if heights else 0

    def _top(self, parent: QWidget, ground: QWidget, own: QWidget | None) -> int:
        if own is not None:
            return own.mapTo(parent, QPoint(0, GAP)).y()
        if self._staying():
            return self.room.mapTo(parent, QPoint(0, GAP)).y()
        return ground.mapTo(parent, QPoint(0, current().px(HEAD) + GAP)).y()
