"""How a line of the list of conversations is drawn, renamed and dragged."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QDropEvent, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPen, QShowEvent
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from paddock.gui.icons import pixmap
from paddock.gui.models.chats import ChatList, ChatRole, Row
from paddock.gui.theme import Theme, current
from paddock.gui.widgets import LineField
from paddock.sdk.types import ChatSummary

Index = QModelIndex | QPersistentModelIndex
LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
INDENT, EDGE, MARK = 14, 10, 15


class TitleField(LineField):
    """All of it is selected, and its beginning is in sight."""

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        end = len(self.text())
        self.setSelection(end, -end)


class ChatRows(QStyledItemDelegate):
    """Headings small and grey; folders with a chevron and their number; chats with a dot while they are being answered,
    and marks where they are pinned, private or comparisons; hits with their words below the title."""

    def __init__(self, view: ChatView) -> None:
        super().__init__(view)
        self.view = view
        self._look: Theme | None = None
        self._sizes: dict[str, QSize] = {}

    def measure(self) -> None:
        """Take the heights of the theme in force: all rows are about to be laid out."""
        look = current()
        if look is not self._look:
            usual = look.px(30 if look.compact else 36)
            heights = {"heading": look.px(30), "hit": look.px(50), "chat": usual, "folder": usual}
            self._look, self._sizes = look, {kind: QSize(10, high) for kind, high in heights.items()}

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        if self._look is None:
            self.measure()
        model = self.view.chats
        return self._sizes[model.at(index.row()).kind if model is not None else "chat"]

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        look, row, rect = current(), index.data(ChatRole.ROW), QRectF(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if row.kind == "heading":
            painter.setFont(look.font(11, 600))
            painter.setPen(look.color("muted"))
            painter.drawText(rect.adjusted(EDGE, look.px(8), 0, 0), LEFT, row.text)
        else:
            self._back(painter, option, rect, look)
            inner = rect.adjusted(EDGE + row.depth * look.px(INDENT), 0, 0, 0)
            if row.kind == "folder":
                _paint_folder(painter, row, inner, look)
            elif row.kind == "hit":
                _paint_hit(painter, row, inner, look)
            else:
                selected = bool(option.state & QStyle.StateFlag.State_Selected)
                _paint_chat(painter, row, inner, look, 500 if selected else 400)
        painter.restore()

    def _back(self, painter: QPainter, option: QStyleOptionViewItem, rect: QRectF, look: Theme) -> None:
        state, body = option.state, rect.adjusted(0, 1, 0, -1)
        selected = bool(state & QStyle.StateFlag.State_Selected)
        if selected or state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.color("selected" if selected else "hover"))
            painter.drawRoundedRect(body, 8, 8)
        view = option.widget
        if state & QStyle.StateFlag.State_HasFocus and isinstance(view, ChatView) and view.keyboard:
            painter.setPen(QPen(look.color("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(body.adjusted(1, 1, -1, -1), 7, 7)

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        editor = TitleField("New title", "", parent)
        editor.setMaxLength(200)
        return editor


def _paint_folder(painter: QPainter, row: Row, rect: QRectF, look: Theme) -> None:
    side = look.px(MARK)
    x = _icon(painter, "chevron-down" if row.open else "chevron-right", rect.x() - 3, rect, look, look.palette.muted)
    x = _icon(painter, "folder", x + 2, rect, look, look.palette.text2)
    count = str(row.count) if row.count else ""
    painter.setFont(look.font(12, tabular=True))
    wide = QFontMetrics(painter.font()).horizontalAdvance(count)
    painter.setPen(look.color("text2"))
    painter.drawText(rect.adjusted(0, 0, -EDGE, 0), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, count)
    painter.setPen(look.color("text"))
    painter.setFont(look.font(13, 500))
    _words(painter, row.text, QRectF(x + side / 3, rect.y(), rect.right() - x - wide - 18 - side / 3, rect.height()))


def _paint_chat(painter: QPainter, row: Row, rect: QRectF, look: Theme, weight: int) -> None:
    chat = row.chat
    assert chat is not None
    right = float(EDGE)
    if chat.generating is not None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(look.color("accent"))
        painter.drawEllipse(QPointF(rect.right() - 13, rect.center().y()), 3.5, 3.5)
        right = 26.0
    side = look.px(MARK)
    for mark in _marks(chat):
        _icon(painter, mark, rect.right() - right + 2 - side, rect, look, look.palette.text2)
        right += 4.0 + side
    painter.setFont(look.font(13, 500 if weight == 500 else 400))
    painter.setPen(look.color("text"))
    _words(painter, row.text, QRectF(rect.x(), rect.y(), rect.width() - right, rect.height()))


def _marks(chat: ChatSummary) -> list[str]:
    marks = ["pin"] if chat.pinned and chat.generating is None else []
    return marks + (["lock"] if chat.private else []) + (["compare"] if chat.panes else [])


def _paint_hit(painter: QPainter, row: Row, rect: QRectF, look: Theme) -> None:
    """The title, and below it the words with what was looked for on the selection's colour."""
    hit = row.hit
    assert hit is not None
    inner = rect.adjusted(0, look.px(5), -EDGE, -look.px(5))
    painter.setFont(look.font(13, 500))
    painter.setPen(look.color("text"))
    _words(painter, row.text, QRectF(inner.x(), inner.y(), inner.width(), inner.height() / 2))
    painter.setFont(look.font(12))
    metrics = QFontMetrics(painter.font())
    line = QRectF(inner.x(), inner.center().y(), inner.width(), inner.height() / 2)
    text, marks = _around(hit.snippet, hit.marks, metrics, line.width())
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(look.color("selection"))
    for start, end in marks:
        x = line.x() + metrics.horizontalAdvance(text[:start])
        wide = metrics.horizontalAdvance(text[start:end])
        if x < line.right():
            painter.drawRoundedRect(
                QRectF(x - 1, line.y() + 1, min(wide + 2, line.right() - x), line.height() - 2), 3, 3
            )
    painter.setPen(look.color("text2"))
    _words(painter, text, line)


def _around(
    text: str, marks: tuple[tuple[int, int], ...], metrics: QFontMetrics, width: float
) -> tuple[str, list[tuple[int, int]]]:
    """``text`` cut at its beginning so far that its first mark is in sight."""
    if not marks or metrics.horizontalAdvance(text[: marks[0][1]]) <= width * 0.8:
        return text, list(marks)
    start = max(0, marks[0][0] - 12)
    return "…" + text[start:], [(a - start + 1, b - start + 1) for a, b in marks]


def _icon(painter: QPainter, name: str, x: float, rect: QRectF, look: Theme, ink: str) -> float:
    side = look.px(MARK)
    ratio = painter.device().devicePixelRatio()
    painter.drawPixmap(QPointF(x, rect.center().y() - side / 2), pixmap(name, ink, side, ratio=ratio))
    return x + side


def _words(painter: QPainter, text: str, rect: QRectF) -> None:
    line = QFontMetrics(painter.font()).elidedText(text, Qt.TextElideMode.ElideRight, int(rect.width()))
    painter.drawText(rect, LEFT, line)


class ChatView(QListView):
    """The list; knows whether its focus came from the keyboard, because only then a ring is drawn. ``folded``: a folder
    is to be opened or closed."""

    folded = Signal(QModelIndex, bool)
    left_editor = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.keyboard = False
        self.chats: ChatList | None = None
        self._lines = ChatRows(self)
        self.setItemDelegate(self._lines)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QListView.EditTrigger.EditKeyPressed)
        self.setSelectionMode(QListView.SelectionMode.ExtendedSelection)
        self.setDragDropMode(QListView.DragDropMode.DragDrop)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setAccessibleName("Conversations")

    def show_list(self, model: ChatList) -> None:
        """Show ``model``."""
        self.chats = model
        self.setModel(model)

    def doItemsLayout(self) -> None:
        self._lines.measure()
        super().doItemsLayout()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row = self.currentIndex().data(ChatRole.ROW) if self.currentIndex().isValid() else None
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right) and row is not None and row.kind == "folder":
            self.folded.emit(self.currentIndex(), event.key() == Qt.Key.Key_Right)
            return
        super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        chosen = self.selectionModel().isSelected(index) if index.isValid() else False
        if event.button() == Qt.MouseButton.RightButton and chosen:
            return  # the menu is of all that are chosen
        super().mousePressEvent(event)

    def closeEditor(self, editor: QWidget, hint: QStyledItemDelegate.EndEditHint) -> None:
        super().closeEditor(editor, hint)
        self.left_editor.emit()

    def dropEvent(self, event: QDropEvent) -> None:
        super().dropEvent(event)
        event.setDropAction(Qt.DropAction.CopyAction)  # the host moves; no row is to be taken out by the view

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
