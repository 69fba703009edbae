"""What a message said before it was changed, to be read and put back."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from paddock.gui.theme import current
from paddock.gui.widgets import Button, Divider, Label
from paddock.gui.widgets.list_sheet import lay_out_sheet
from paddock.sdk.chats import Revision

LONGEST = 1500
"""So many characters of a wording are shown."""
WIDTH, HEIGHT = 560, 460


class RevisionsDialog(QDialog):
    """``chosen`` carries the Revision to put back."""

    chosen = Signal(object)

    def __init__(self, revisions: Sequence[Revision], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Earlier wordings")
        self.setProperty("role", "surface")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(True)
        self.buttons: list[Button] = []
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(20, 4, 20, 12)
        column.setSpacing(10)
        for revision in revisions:
            column.addWidget(self._entry(revision))
            column.addWidget(Divider())
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(body)
        close = Button("Close")
        close.clicked.connect(self.reject)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(close)
        head = QVBoxLayout()
        head.setContentsMargins(20, 16, 20, 8)
        head.setSpacing(6)
        head.addWidget(Label("Earlier wordings", 18, 600))
        head.addWidget(Label("The present wording is kept when one is put back.", 13, 400, "text2", wrap=True))
        above = QVBoxLayout()
        above.setSpacing(0)
        above.addLayout(head)
        above.addWidget(scroll, 1)
        lay_out_sheet(self, above, foot)
        window, look = parent.window(), current()
        self.resize(min(look.px(WIDTH), window.width() - 48), min(look.px(HEIGHT), window.height() - 48))

    def _entry(self, revision: Revision) -> QWidget:
        when = datetime.datetime.fromtimestamp(revision.replaced).strftime("%d %B %Y, %H:%M")
        who = "Yours" if revision.role == "user" else "An answer"
        text = revision.content if len(revision.content) <= LONGEST else revision.content[:LONGEST] + "…"
        words = Label(text or "(empty)", 13, 400, "text", wrap=True, verbatim=True)
        words.setTextFormat(Qt.TextFormat.PlainText)
        back = Button("Put back")
        back.setAccessibleName(f"Put back the wording until {when}")
        back.clicked.connect(lambda: self.chosen.emit(revision))
        back.clicked.connect(self.accept)
        self.buttons.append(back)
        head = QHBoxLayout()
        head.addWidget(Label(f"{who}, until {when}", 12, 500, "text2", tabular=True), 1)
        head.addWidget(back)
        entry = QWidget()
        column = QVBoxLayout(entry)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(head)
        column.addWidget(words)
        return entry
