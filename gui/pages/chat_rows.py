"""How a line of the list of conversations is drawn and renamed."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from paddock.gui.icons import pixmap
from paddock.gui.models.chats import ChatList, ChatRole
from paddock.gui.theme import Theme, current
from paddock.gui.widgets import LineField

Index = QModelIndex | QPersistentModelIndex


class ChatRows(QStyledItemDelegate):
    """Headings small and grey; chats with a dot while they are being answered, a pin where they are pinned and a lock
    where they are private."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        theme = current()
        if not index.data(ChatRole.CHAT_ID):
            return QSize(10, theme.px(30))
        return QSize(10, theme.px(30 if theme.compact else 36))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        theme = current()
        rect = QRectF(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if index.data(ChatRole.CHAT_ID):
            self._chat(painter, option, index, rect, theme)
        else:
            painter.setFont(theme.font(11, 600))
            painter.setPen(theme.color("muted"))
            where = rect.adjusted(10, theme.px(8), 0, 0)
            painter.drawText(where, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, str(index.data()))
        painter.restore()

    def _chat(self, painter: QPainter, option: QStyleOptionViewItem, index: Index, rect: QRectF, theme: Theme) -> None:
        state = option.state
        selected = bool(state & QStyle.StateFlag.State_Selected)
        body = rect.adjusted(0, 1, 0, -1)
        if selected or state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("selected" if selected else "hover"))
            painter.drawRoundedRect(body, 8, 8)
        view = option.widget
        if state & QStyle.StateFlag.State_HasFocus and isinstance(view, ChatView) and view.keyboard:
            painter.setPen(QPen(theme.color("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(body.adjusted(1, 1, -1, -1), 7, 7)
        right = 10.0
        marks = ["lock"] if index.data(ChatRole.PRIVATE) else []
        if index.data(ChatRole.GENERATING):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("accent"))
            painter.drawEllipse(QPointF(rect.right() - 13, rect.center().y()), 3.5, 3.5)
            right = 26.0
        elif index.data(ChatRole.PINNED):
            marks.insert(0, "pin")
        size = theme.px(15)
        for mark in marks:
            where = QPointF(rect.right() - right + 2 - size, rect.center().y() - size / 2)
            ratio = painter.device().devicePixelRatio()
            painter.drawPixmap(where, pixmap(mark, theme.palette.text2, size, ratio=ratio))
            right += 4.0 + size
        painter.setFont(theme.font(13, 500 if selected else 400))
        painter.setPen(theme.color("text"))
        width = int(rect.width() - 10 - right)
        title = QFontMetrics(painter.font()).elidedText(str(index.data()), Qt.TextElideMode.ElideRight, width)
        painter.drawText(
            QRectF(rect.x() + 10, rect.y(), width, rect.height()),
            Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft,
            title,
        )

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        editor = LineField("New title", "", parent)
        editor.setMaxLength(200)
        return editor


class ChatView(QListView):
    """The list; knows whether its focus came from the keyboard, because only then a ring is drawn."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.keyboard = False
        self.setItemDelegate(ChatRows(self))
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QListView.EditTrigger.EditKeyPressed)
        self.setAccessibleName("Conversations")

    def focusInEvent(self, event: object) -> None:
        reason = event.reason()  # type: ignore[attr-defined]  # a QFocusEvent, which the stubs do not take here
        self.keyboard = reason in (
            Qt.FocusReason.TabFocusReason,
            Qt.FocusReason.BacktabFocusReason,
            Qt.FocusReason.ShortcutFocusReason,
        )
        super().focusInEvent(event)  # type: ignore[arg-type]
        model = self.model()
        if self.keyboard and not self.currentIndex().isValid() and isinstance(model, ChatList):
            self.setCurrentIndex(model.first())
