"""The parts of the inspector in their places, and what they say together as one value."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPoint, Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from paddock.gui.models.answer_settings import AnswerSettings
from paddock.gui.pages.chat_head import HEIGHT
from paddock.gui.pages.inspector_answer import AnswerSection
from paddock.gui.pages.inspector_fold import Fold
from paddock.gui.pages.inspector_presets import PresetRow
from paddock.gui.pages.inspector_running import RunningStrip
from paddock.gui.pages.inspector_samplers import Control, SamplerSection
from paddock.gui.pages.inspector_system import SystemSection
from paddock.gui.theme import current, new_measures
from paddock.gui.widgets import Button, Divider, ElidedLabel, IconButton, TextArea
from paddock.sdk.llamacpp_sampling import SAMPLING
from paddock.sdk.presets import Preset
from paddock.sdk.types import Options, OptionValue

if TYPE_CHECKING:
    from paddock.gui.pages.inspector_preview import NextToken


class InspectorSheet(QWidget):
    """Running answer, preset, system prompt, samplers, answer, next token."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "inspector")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.preview: NextToken | None = None
        self.title = ElidedLabel("Inspector", 15, 600)
        self.back = Button("Back to the chat", "link", "chevron-left")
        self.close_button = IconButton("close", "Close the inspector (Ctrl+I)")
        self.running = RunningStrip(self.sampling, lambda values: self.section.options(values))
        self.presets = PresetRow(self._filled, self._same)
        self.prompt = SystemSection()
        self.section = SamplerSection(SAMPLING)
        self.answer = AnswerSection(self.section.specs.get("seed"))
        self.next_token = Fold("Next token", self._build_preview)
        self._line = Divider()
        self._scroll = QScrollArea()
        self._lay_out()

    @abstractmethod
    def sampling(self) -> Options: ...

    @abstractmethod
    def _build_preview(self) -> QWidget: ...

    def _reveal(self, part: QWidget) -> None:
        """Bring what has just been opened into sight, once it has its size: from its head on, as much as there is
        room for."""

        def scroll() -> None:
            bar, body = self._scroll.verticalScrollBar(), self._scroll.widget()
            top = part.mapTo(body, QPoint()).y() if body is not None else 0
            bar.setValue(min(max(bar.value(), top + part.height() + 16 - self._scroll.viewport().height()), top - 8))

        QTimer.singleShot(0, part, scroll)

    def _lay_out(self) -> None:
        head = self._head = QWidget()
        head.setFixedHeight(current().px(HEIGHT))
        row = QHBoxLayout(head)
        row.setContentsMargins(16, 0, 10, 0)
        row.addWidget(self.title, 1)
        row.addWidget(self.close_button)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(16, 14, 16, 16)
        column.setSpacing(8)
        column.addWidget(self.back, 0, Qt.AlignmentFlag.AlignLeft)
        self.back.hide()
        self._column = column
        for part in (self.running, self.presets, self.prompt):
            column.addWidget(part)
        for line, below in ((Divider(), self.section), (self._line, self.next_token), (Divider(), self.answer)):
            column.addSpacing(4)
            column.addWidget(line)
            column.addWidget(below)
        column.addStretch(1)
        scroll = self._scroll
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(body)
        scroll.viewport().setAutoFillBackground(False)
        body.setAutoFillBackground(False)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(1, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(head)
        outer.addWidget(Divider())
        outer.addWidget(scroll, 1)
        for fold in (self.section.more, self.section.order):
            fold.toggled.connect(lambda open, fold=fold: self._reveal(fold) if open else None)

    @property
    def samplers(self) -> dict[str, Control]:
        """The controls that are built, by the names of their options."""
        return self.section.controls

    @property
    def system(self) -> TextArea:
        return self.prompt.field

    def settings(self) -> AnswerSettings:
        """What is in sight."""
        stop, limit, reasoning = self.answer.values()
        sampling = self.section.sampling()
        seed = self.answer.fixed_seed()
        if seed is not None:
            sampling["seed"] = seed
        return AnswerSettings(sampling, stop, limit, reasoning)

    def _put(self, settings: AnswerSettings) -> None:
        self.section.set_sampling({n: v for n, v in settings.sampling.items() if n != "seed"})
        self.answer.set_seed(settings.sampling.get("seed"))
        self.answer.set_values(settings.stop, settings.max_tokens, settings.reasoning)
        self._show_count()

    def _filled(self, preset: Preset) -> Preset:
        return self.settings().preset(preset, self.prompt.text() or "")

    def _same(self, preset: Preset) -> bool:
        now = self.settings()
        said = now.with_preset(preset)
        told = {name: value for name, value in said.sampling.items() if self._is_set(name, value)}
        system = preset.system is None or preset.system == (self.prompt.text() or "")
        return system and now == replace(said, sampling=told)

    def _is_set(self, name: str, value: OptionValue) -> bool:
        default = self.section.default(name) if name in self.section.specs else None
        if name == "seed":
            return isinstance(value, int) and value >= 0
        return name in self.section.specs and value != default

    def _show_count(self) -> None:
        self.presets.look()
        if self.preview is not None:
            self.preview.show_options(self.section.options())

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if new_measures(event):
            self._align()

    def _align(self) -> None:
        """Number boxes of one width, whatever their ranges; the head is as high as the conversation's."""
        self._head.setFixedHeight(current().px(HEIGHT))
        self.section.align()
