"""One pane of a comparison: silk, head, numbers, and its conversation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QVBoxLayout, QWidget

from paddock.gui.models.pane_apart import Beside
from paddock.gui.models.panes import Measure
from paddock.gui.theme import current
from paddock.gui.widgets.conversation import ConversationView, Turns
from paddock.gui.widgets.conversation.surface import NARROW_MARGIN
from paddock.gui.widgets.labels import Divider, Label
from paddock.gui.widgets.notice import Notice
from paddock.gui.widgets.pane_head import PaneHead
from paddock.gui.widgets.pane_strip import PaneStrip
from paddock.sdk.types import ChatMessage

LINE = 3
HIDDEN = -1
"""The silk of a pane that does not say who it is."""
ROOM = 16
"""Above and below the answers: panes are low, and beside each other they show that they begin at the same height."""
ACTIONS = frozenset({"branch", "continue", "delete", "edit", "insert", "revisions", "role"})


class Dress(NamedTuple):
    """How a pane is shown: its place counted from 1, silk counted from 0, the model's name and what is beside it.
    ``model`` is the id by which its answers name it; ``tip`` says everything."""

    number: int
    silk: int
    name: str
    side: Beside = Beside()
    model: str = ""
    tip: str = ""


class PaneConversation(ConversationView):
    """Copies a message that is shown shortened whole; ``copies`` has it by what is shown. What comes into an empty view
    is read from the beginning of its last answer."""

    def __init__(self, turns: Turns) -> None:
        super().__init__(turns=turns, editable=True, actions=ACTIONS, heads=False, numbers=False)
        self.column.top = self.column.bottom = ROOM
        self.copies: dict[str, str] = {}
        self._from = ""  # the message that is kept at the top until the view is scrolled or changes
        self.verticalScrollBar().actionTriggered.connect(self._let_go)  # at once: a layout may come next

    def set_messages(self, messages: Sequence[ChatMessage]) -> None:
        known = {row.message.id for row in self.column.rows}
        super().set_messages(messages)
        last = messages[-1] if messages else None
        begins = last is not None and last.state != "generating" and known.isdisjoint(item.id for item in messages)
        self._from = last.id if last is not None and begins else ""
        self._to_beginning()

    def scroll_to_turn(self, turn: str, fraction: float = 0.0) -> None:
        self._let_go()
        super().scroll_to_turn(turn, fraction)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._to_beginning()

    def _let_go(self, action: int = 0) -> None:
        self._from = ""

    def _to_beginning(self) -> None:
        place = self.column.find(self._from) if self._from else None
        if place is None:
            return
        if place and self.column.rows[place - 1].own:
            place -= 1  # the question, in a line
        for _ in range(3):  # what comes into view is laid out, and its height corrected
            self.verticalScrollBar().setValue(self.column.rows[place].top - self.style_.px(ROOM))

    def column_left(self) -> int:
        return NARROW_MARGIN  # below the pane's name

    def fit(self) -> None:
        room = self.room() - 2 * NARROW_MARGIN
        self.column.place(max(120, min(self.style_.column, room)))

    def wait(self, words: str) -> None:
        """Say ``words`` in the place of answers that have not begun."""
        for row in self.column.rows:
            if row.generating:
                self.set_progress(row.message.id, words)

    def copy_text(self, text: str, what: str) -> None:
        super().copy_text(self.copies.get(text, text), what)


class PaneView(QWidget):
    """``moved``: the keyboard wants the pane one place to the left (-1) or right (1)."""

    moved = Signal(int)
    remedy_wanted = Signal()
    other_wanted = Signal()

    def __init__(self, pane: str, turns: Turns, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pane = pane
        self._dress = Dress(1, 0, "")
        self._alias: str | None = None
        self._target = False
        self.head = PaneHead()
        self.strip = PaneStrip()
        self.notice = Notice()
        self.empty = Label("", 13, 400, "muted", wrap=True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.view = PaneConversation(turns)
        self.view.setMinimumHeight(24)  # of little room the notice has what it needs
        self.setProperty("role", "surface")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, LINE, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.head)
        column.addWidget(self.strip)
        column.addSpacing(8)
        self._line = Divider()
        column.addWidget(self._line)
        self._troubles = QWidget()  # its margins go with it
        troubles = QVBoxLayout(self._troubles)
        troubles.setContentsMargins(16, 10, 16, 0)
        troubles.addWidget(self.notice)
        self._troubles.hide()
        column.addWidget(self._troubles)
        column.addWidget(self.view, 1)
        self.empty.setParent(self.view)
        self.head.model.moved.connect(self.moved)
        self._trouble = ("", False)
        self.notice.action_triggered.connect(self._remedy)
        self.notice.second_triggered.connect(self.other_wanted)

    # ---------------------------------------------------------------- what the page says

    @property
    def color(self) -> str:
        """The silk, or grey where the pane hides who it is."""
        return current().palette.muted if self._alias is not None else current().silk(self._dress.silk)

    @property
    def mark(self) -> str:
        """The number or letter it goes by."""
        return self._alias or str(self._dress.number)

    @property
    def title(self) -> str:
        """The pane in words: “Pane 1: Qwen3 8B Q4_K_M”, or “Pane A”."""
        dress = self._dress
        return (
            f"Pane {self._alias}" if self._alias else f"Pane {dress.number}: {dress.name} {dress.side.whole}".rstrip()
        )

    def wear(self, dress: Dress) -> None:
        """Show the pane as it is now."""
        self._dress = dress
        self._show()

    def set_alias(self, letter: str | None) -> None:
        """Show a letter in place of all that tells who answers: name, silk, numbers; None shows it again."""
        self._alias = letter
        self._show()

    def set_target(self, on: bool) -> None:
        """Another pane is being dragged here."""
        if on != self._target:
            self._target = on
            self.update()

    def show_measures(self, measures: Sequence[Measure]) -> None:
        self.strip.setVisible(self._alias is None)
        self.strip.show_measures(self.title, self.color, measures if self._alias is None else ())

    def show_running(self, running: bool) -> None:
        """Whether there is something to stop."""
        self.head.stop.setVisible(running)

    def show_trouble(self, sentence: str, *, settings: bool = False) -> None:
        """Why this pane would not answer; an empty sentence takes it away. ``settings``: other load settings may
        help, not only another model."""
        if (sentence, settings) == self._trouble:
            return
        self._trouble = (sentence, settings)
        other = "Choose another model"
        if sentence:
            action, second = ("Load settings", other) if settings else (other, "")
            self.notice.show_message("warn", sentence, "", action, second)
        self._troubles.setVisible(bool(sentence))
        self._show_empty()

    def _remedy(self) -> None:
        (self.remedy_wanted if self._trouble[1] else self.other_wanted).emit()

    def _show_empty(self) -> None:
        self.empty.setVisible(not self.view.column.rows and self._troubles.isHidden())

    def show_messages(self, messages: Sequence[ChatMessage], copies: dict[str, str]) -> None:
        """``copies``: what is copied of messages that are shown shortened."""
        self.view.copies = copies
        self.view.set_messages(messages)
        self._show_empty()

    def _show(self) -> None:
        dress, alias = self._dress, self._alias
        hidden = alias is not None
        name, side, tip = ("", Beside(), "") if hidden else (dress.name, dress.side, dress.tip)
        self.head.show_pane(self.mark, self.color, name, side, tip)
        self.head.settings.setVisible(not hidden)
        self.head.model.setEnabled(not hidden)
        self.strip.setVisible(not hidden)
        whose = f"pane {alias}" if hidden else self.title
        self.view.setAccessibleName(f"Answers of {whose}")
        shown = (f"Answer {alias}", "") if hidden else (dress.name, dress.side.whole)
        self.view.set_names({dress.model: shown})
        self.view.set_accent_silk(HIDDEN if hidden else dress.silk)
        self.empty.setText("" if hidden else f"{dress.name} answers here.")
        self.update()

    def tab_stops(self) -> list[QWidget]:
        """What the Tab key goes through, in order."""
        head = self.head
        return [head.model, head.stop, head.settings, head.menu, *self.notice.findChildren(QAbstractButton), self.view]

    # ---------------------------------------------------------------- looks

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        room = self.view.rect().adjusted(20, 12, -20, -12)
        self.empty.setGeometry(QRect(room.topLeft(), QSize(room.width(), min(room.height(), current().px(64)))))

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current()
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.color("surface"))
        painter.fillRect(0, 0, self.width(), LINE, QColor(self.color))
        if self._target:
            painter.fillRect(0, LINE, self.width(), self._line.y() - LINE, theme.color("accent_soft"))
