"""How full the context is: a ring with two numbers, and what they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from PySide6.QtCore import QObject, QPoint, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from paddock.gui.bridge import Task
from paddock.gui.host_state import HostState
from paddock.gui.theme import current
from paddock.gui.widgets import Label
from paddock.gui.widgets.buttons import PaintedButton
from paddock.gui.widgets.focus import paint_ring
from paddock.gui.widgets.popup import Popup
from paddock.sdk.asking import new_id
from paddock.sdk.questions import ContextRequest, ContextUse
from paddock.sdk.types import ChatMessage, Message
from paddock.sdk.units import counted

REST_MS = 500
"""The context is counted after so long without a change."""
SHORT = 256
"""Room for so many tokens is little for an answer."""
RING, STROKE = 16, 2.6


@dataclass(frozen=True)
class Fill:
    """Tokens. ``draft`` is what is being written, ``answer`` the most that the answer may take; None: no limit."""

    system: int
    conversation: int
    draft: int
    total: int
    context: int
    answer: int | None = None
    longest: int = 0

    @property
    def left(self) -> int:
        return max(0, self.context - self.total)

    @property
    def token(self) -> str:
        """The colour of the ring."""
        if self.total >= self.context:
            return "bad"
        return "warn" if self.left < max(SHORT, min(self.answer or 0, self.context)) else "ok"

    def sentence(self) -> str:
        """What would not fit, and why; or what is left."""
        if self.total >= self.context:
            why = f"It takes {counted(self.total, 'token')} and the context holds {self.context:,}."
            longest = f" The longest message alone takes {self.longest:,}." if self.longest > self.context // 3 else ""
            return f"This would not fit. {why}{longest} Shorten it, or load the model with a longer context."
        if self.answer is not None and self.left < self.answer:
            wanted = counted(self.answer, "token")
            return f"The answer may take {wanted}, but there is room for {self.left:,} of them only."
        if self.left < SHORT:
            return f"There is room for an answer of {counted(self.left, 'token')} only."
        return f"There is room for an answer of {counted(self.left, 'token')}."


def fill_of(use: ContextUse, messages: Sequence[Message], *, drafted: bool, answer: int | None) -> Fill:
    """``use`` by its parts; ``drafted``: the last of ``messages`` is being written."""
    counts = list(use.messages)
    system = counts.pop(0) if messages and messages[0].role == "system" and counts else 0
    draft = counts.pop() if drafted and counts else 0
    conversation = max(0, use.tokens - system - draft)
    longest = max(use.messages, default=0)
    return Fill(system, conversation, draft, use.tokens, use.context_length, answer, longest)


def short_count(tokens: int) -> str:
    """“950”, “2.1k”, “33k”."""
    if tokens < 1000:
        return str(tokens)
    thousands = tokens / 1000
    return (
        f"{thousands:.1f}k"
        if thousands < 9.95 and tokens % 1024
        else f"{tokens / (1000 if tokens % 1024 else 1024):.0f}k"
    )


class ContextGauge(PaintedButton):
    """Hidden while nothing is known. A click tells what the numbers are made of."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.fill: Fill | None = None
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.clicked.connect(self._explain)
        self.hide()

    def show_fill(self, fill: Fill | None) -> None:
        """What is known; None: nothing."""
        self.fill = fill
        self.setVisible(fill is not None)
        if fill is not None:
            self.setText(f"{short_count(fill.total)} of {short_count(fill.context)}")
            self.setAccessibleName(f"Context: {fill.total:,} of {fill.context:,} tokens")
            self.setAccessibleDescription(fill.sentence())
            self.setToolTip(fill.sentence())
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        look = current()
        words = QFontMetrics(look.font(12, 500, tabular=True)).horizontalAdvance(self.text())
        return QSize(words + look.px(RING + 22), look.px(30))

    def paintEvent(self, event: QPaintEvent) -> None:
        fill, look = self.fill, current()
        if fill is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.hot():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.color("hover"))
            painter.drawRoundedRect(QRectF(self.rect()), 8, 8)
        if self.ring_shown:
            paint_ring(painter, QRectF(self.rect()), 8)
        side = look.px(RING)
        ring = QRectF(look.px(8), (self.height() - side) / 2, side, side)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(look.color("border_strong", 0.45), STROKE))
        painter.drawEllipse(ring)
        share = min(1.0, fill.total / max(1, fill.context))
        painter.setPen(QPen(look.color(fill.token), STROKE, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawArc(ring, 90 * 16, -max(40, round(360 * 16 * share)))
        painter.setFont(look.font(12, 500, tabular=True))
        painter.setPen(look.color("text2" if fill.token == "ok" else fill.token))
        words = QRectF(ring.right() + look.px(6), 0, self.width(), self.height())
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, self.text())

    def _explain(self) -> None:
        if self.fill is not None:
            ContextPopup(self.fill, self).open_above(self)


class ContextPopup(Popup):
    """The parts of a Fill as lines."""

    def __init__(self, fill: Fill, parent: QWidget) -> None:
        super().__init__("Context", parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(4)
        column.addWidget(Label("Context", 13, 600))
        parts = (
            ("System prompt", fill.system),
            ("Conversation", fill.conversation),
            ("What you are writing", fill.draft),
            ("Left for the answer", fill.left),
            ("Context length", fill.context),
        )
        for name, tokens in parts:
            row = QHBoxLayout()
            row.addWidget(Label(name, 13, 400, "text2"))
            row.addStretch(1)
            row.addWidget(Label(f"{tokens:,}", 13, 500, "text", tabular=True))
            column.addLayout(row)
        about = Label(fill.sentence(), 12, 400, fill.token if fill.token != "ok" else "text2", wrap=True)
        column.addSpacing(4)
        column.addWidget(about)
        self.setFixedWidth(current().px(300))

    def open_above(self, anchor: QWidget) -> None:
        """Show it with its right edge at that of ``anchor``."""
        layout = self.layout()
        assert layout is not None
        self.setFixedHeight(layout.totalHeightForWidth(self.width()))
        corner = anchor.mapToGlobal(QPoint(anchor.width() - self.width(), -self.height() - 6))
        self.move(corner)
        self.show()


class ContextWatch(QObject):
    """Has the host count what a conversation with a draft would take, after each pause. Asks loaded models alone."""

    counted = Signal(object)
    """A Fill; None: nothing is known."""
    doubted = Signal()
    """What is behind the draft is another now than what was counted."""

    def __init__(self, host: HostState, parent: QObject) -> None:
        super().__init__(parent)
        self._host = host
        self._shown: tuple[str, str, Sequence[ChatMessage], str, int | None, bool | None] | None = None
        self._wanted: tuple[str, tuple[Message, ...], bool, int | None, bool | None] | None = None
        self._known: object = None
        self._behind: object = None
        self._asked: Task | None = None
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(REST_MS)
        self._pause.timeout.connect(self._ask)

    @property
    def settled(self) -> bool:
        """Whether what is on show has been counted, or is not to be."""
        return self._shown is None or (not self._pause.isActive() and self._wanted == self._known)

    def look(
        self, model: str, system: str, messages: Sequence[ChatMessage], draft: str, answer: int | None,
        reasoning: bool | None,
    ) -> None:  # fmt: skip
        """What is on show now; counted at the next pause where it has changed."""
        loaded = self._host.loaded_model(model)
        if loaded is None or loaded.state != "ready" or not (messages or system or draft.strip()):
            self.forget()
            return
        behind = (loaded.id, loaded.context_length, system, reasoning, list(messages))
        if behind != self._behind:
            self._behind, self._known = behind, None
            self.doubted.emit()
        self._shown = (model, system, messages, draft, answer, reasoning)
        self._pause.start()

    def forget(self) -> None:
        """Nothing is known any more."""
        self._shown = self._wanted = self._known = self._behind = None
        self._pause.stop()
        if self._asked is not None:
            self._asked.cancel()
            self._asked = None
        self.counted.emit(None)

    def _ask(self) -> None:
        if self._shown is None:
            return
        model, system, shown, draft, answer, reasoning = self._shown
        asked = [Message(role="system", content=system)] if system else []
        asked += [_message(item) for item in shown if _is_sent(item)]
        if draft.strip():
            asked.append(Message(role="user", content=draft))
        wanted = self._wanted = (model, tuple(asked), bool(draft.strip()), answer, reasoning)
        if wanted == self._known or not asked:
            return
        if self._asked is not None:
            self._asked.cancel()
        model, messages, drafted, answer, reasoning = wanted
        request = ContextRequest(id=new_id(), model=model, messages=messages, reasoning=reasoning)

        def take(use: ContextUse) -> None:
            if wanted == self._wanted and self._shown is not None and self._shown[3] == draft:  # else it is asked again
                self._known = wanted
                self.counted.emit(fill_of(use, messages, drafted=drafted, answer=answer))

        def refuse(error: BaseException) -> None:  # the model is leaving, or its template refuses these messages
            self._known = None
            self.counted.emit(None)

        self._asked = self._host.call(lambda client: client.context(request), take, refuse, self)


def _is_sent(item: ChatMessage) -> bool:
    """Whether the model is going to see it: not what the host does not have, nor an answer that was never begun."""
    return bool(item.content or item.pictures) and not item.id.startswith("local-")


def _message(item: ChatMessage) -> Message:
    """``item`` as the model sees it; the host has the files of its pictures."""
    pictures = tuple(msgspec.structs.replace(picture, data=None) for picture in item.pictures)
    return Message(role=item.role, content=item.content, reasoning=item.reasoning, pictures=pictures)
