"""The bar above a conversation: its title, its model, and the ways to the side columns."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.models.chats import UNTITLED
from paddock.gui.models.library import facts, state_text
from paddock.gui.pages.compare_tools import HeadTools
from paddock.gui.pages.model_picker import ModelPicker
from paddock.gui.theme import current, new_look
from paddock.gui.widgets import Button, Chip, ElidedLabel, IconButton
from paddock.sdk.types import ModelInfo

HEIGHT = 52
"""Pixels of the theme, without the border below; the columns beside it have heads of the same height."""
COMPARE_IN_WORDS = 640
"""A narrower head shows Compare as an icon; logical pixels at 100 % text."""
QUANT_FROM = 420
"""Room for the title and the model from which the model's quant is told beside a long title."""
SIDE, SIDE_OF_BUTTON = 24, 9
"""Room at the left of the title, and of the button for the list of chats: its picture stands above what is below."""


class TitleLabel(ElidedLabel):
    """As wide as its text and no wider, but gives way first."""

    def sizeHint(self) -> QSize:
        words = QFontMetrics(self.font()).horizontalAdvance(self.text())  # a label's own hint counts its minimum too
        return QSize(words + 4, super().sizeHint().height())


class ChatHead(QWidget):
    """``model_chosen`` carries a model's id, ``settings_wanted`` that of one to be loaded with settings."""

    model_chosen = Signal(str)
    settings_wanted = Signal(str)
    chats_wanted = Signal()
    inspector_wanted = Signal(bool)
    compare_wanted = Signal()

    def __init__(self, host: HostState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host = host
        self._model = ""
        self._tools: HeadTools | None = None
        self.setProperty("role", "head")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.chats = IconButton("panel-left", "Show the list of chats")
        self.chats.clicked.connect(self.chats_wanted)
        self.chats.hide()
        self.title = TitleLabel(UNTITLED, 14, 600)
        self.title.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.chip = Chip("Choose a model", menu=True)
        self.picker = ModelPicker(host, self)
        self.chip.clicked.connect(self.open_picker)
        self.picker.chosen.connect(self.model_chosen)
        self.picker.settings_wanted.connect(self.settings_wanted)
        self.settings = IconButton("sliders", "Load settings (Ctrl+Shift+L)")
        self.settings.clicked.connect(lambda: self.settings_wanted.emit(self._model))
        self.compare = Button("Compare", icon="compare")
        self.compare_small = IconButton("compare", "Compare models")
        for button in (self.compare, self.compare_small):
            button.setToolTip("Ask this model and others the same, side by side")
            button.clicked.connect(self.compare_wanted)
        self.compare_small.hide()
        self.inspector = IconButton("panel-right", "Inspector (Ctrl+I)")
        self.inspector.setCheckable(True)
        self.inspector.toggled.connect(self.inspector_wanted)
        row = QHBoxLayout(self)
        row.setContentsMargins(SIDE, 0, 12, 0)
        row.setSpacing(12)
        row.addWidget(self.chats)
        row.addWidget(self.title)
        row.addWidget(self.chip)
        row.addSpacing(-6)
        row.addWidget(self.settings)
        row.addStretch(1)
        row.addWidget(self.compare)
        row.addWidget(self.compare_small)
        row.addWidget(self.inspector)
        self._row = row
        host.models_changed.connect(self.refresh)

    def set_tools(self, tools: HeadTools | None) -> None:
        """What a comparison shows in place of the model; None puts the model back."""
        if tools is self._tools:
            return
        if self._tools is not None:
            self._row.removeWidget(self._tools)
            self._tools.setParent(None)
        self._tools = tools
        for part in (self.chip, self.settings):
            part.setVisible(tools is None)
        if tools is not None:
            self._row.insertWidget(self._row.indexOf(self.inspector), tools, 1000)  # all that is left
            tools.show()
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if new_look(event):
            self.refresh()  # the silk is another in the other theme

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._fit()
        super().resizeEvent(event)

    def _fit(self) -> None:
        """The title gets what the model's name leaves, but never less than two fifths; what else is told of the model
        goes first."""
        theme = current()
        self.setFixedHeight(theme.px(HEIGHT) + 1)
        side = SIDE if self.chats.isHidden() else SIDE_OF_BUTTON
        self._row.setContentsMargins(side, 0, 12, 0)
        wide = self.width() >= theme.px(COMPARE_IN_WORDS)
        self.compare.setVisible(self._tools is None and wide)
        self.compare_small.setVisible(self._tools is None and not wide)
        if self._tools is not None:
            self._fit_tools(self._tools)
            return
        compare = self.compare if wide else self.compare_small
        buttons = self.inspector.sizeHint().width() + self.settings.sizeHint().width() + 6
        buttons += compare.sizeHint().width() + 12
        if not self.chats.isHidden():  # the page itself may be hidden while its size changes
            buttons += self.chats.sizeHint().width() + 12
        room = self.width() - side - 12 - 3 * 12 - buttons
        model = self.chip.name_width(facts=1 if room >= theme.px(QUANT_FROM) else 0)
        words = min(self.title.sizeHint().width(), max(room - model, room * 2 // 5))
        chip = max(self.chip.minimumSizeHint().width(), self.chip.fitted_width(room - words))
        self.chip.setMaximumWidth(chip)
        self.title.setMinimumWidth(words)
        self.title.setMaximumWidth(max(words, room - chip))

    def _fit_tools(self, tools: HeadTools) -> None:
        """The title gets what the chips leave, but never less than a third where it needs that."""
        room = self.width() - self._row.contentsMargins().left() - 12 - 3 * 12 - self.inspector.sizeHint().width()
        if not self.chats.isHidden():
            room -= self.chats.sizeHint().width() + 12
        least = max(current().px(96), min(self.title.sizeHint().width(), self.width() // 3))
        wanted = tools.width_within(room - least)
        self.title.setMinimumWidth(current().px(96))
        self.title.setMaximumWidth(max(least, room - wanted))

    def set_compare_enabled(self, on: bool) -> None:
        for button in (self.compare, self.compare_small):
            button.setEnabled(on)

    def open_picker(self) -> None:
        self.picker.open_below(self.chip, self._model)

    def show_chat(self, title: str, model: str) -> None:
        """The open conversation."""
        self._model = model
        self.title.setText(title or UNTITLED)
        self.refresh()

    def refresh(self) -> None:
        """The model's state may have changed."""
        info = self._host.models.get(self._model)
        loaded = self._host.loaded_model(self._model)
        self.settings.setEnabled(info is not None and info.error is None)
        if not self._model:
            self.chip.set(text="Choose a model", sub="", dot="", role="Model")
            self._fit()
            return
        parts = [facts(info) if info else "", state_text(loaded)]
        silk = self._host.silk(self._model)
        self.chip.set(
            text=self._host.model_name(self._model),
            sub=" · ".join(part for part in parts if part),
            dot=current().silk(silk) if loaded is not None else "",
            role="Model",
        )
        self.chip.setToolTip(self._explain(info))
        self._fit()

    def _explain(self, info: ModelInfo | None) -> str:
        if info is None:
            return f"{self._model} is not on this computer." if self._host.models_known else self._model
        return info.error or info.id
