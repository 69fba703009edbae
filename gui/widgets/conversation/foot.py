"""What stands below the words of a message: numbers, actions, versions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from PySide6.QtCore import QPointF, QRect, Qt
from PySide6.QtGui import QFontMetrics, QPainter

from paddock.gui.widgets.conversation.blocks import Block, Paint, Target
from paddock.gui.widgets.conversation.chrome import Versions, paint_versions, version_targets
from paddock.gui.widgets.conversation.targets import paint_icon_button
from paddock.sdk.types import ChatMessage
from paddock.sdk.units import wait_text


def stats(message: ChatMessage) -> list[tuple[str, str]]:
    """The numbers of an answer as (figure, unit), in order of importance."""
    found: list[tuple[str, str]] = []
    if message.stats is not None:
        if message.stats.tokens_per_second > 0:
            found.append((f"{message.stats.tokens_per_second:,.1f}", "tok/s"))
        if message.stats.ttft_s > 0:
            found.append((wait_text(message.stats.ttft_s), "first token"))
    if message.usage is not None:
        if message.usage.completion_tokens:
            count = message.usage.completion_tokens
            found.append((f"{count:,}", "token" if count == 1 else "tokens"))
        if message.usage.prompt_tokens:
            found.append((f"{message.usage.cached_tokens:,} of {message.usage.prompt_tokens:,}", "cached"))
    if message.stats is not None and message.stats.drafted_tokens:
        found.append((f"{message.stats.accepted_tokens:,} of {message.stats.drafted_tokens:,}", "guessed right"))
    if message.state == "done":
        ends = {"length": ("length limit", "reached"), "context": ("context", "full")}
        if message.stop_reason in ends:
            found.append(ends[message.stop_reason])
    return found


VERSIONS = 110
"""Pixels that "2 of 3" takes with its chevrons."""


@dataclass(eq=False)
class FootBlock(Block):
    """One line of numbers and the actions; the actions go below where there is no room beside."""

    numbers: list[tuple[str, str]] = field(default_factory=list)
    actions: list[tuple[str, str, str, Callable[[], None]]] = field(default_factory=list)
    """Key, icon, name, what it does."""
    versions: Versions = field(default_factory=Versions)
    """Where no head shows them."""
    _lines: int = 1

    def estimate(self, width: int) -> int:
        self._lines = 2 if self.numbers and self._numbers_width() + self._actions_width() > width else 1
        return self.style.px(26) * self._lines + (self.style.px(2) if self._lines > 1 else 0)

    def _actions_width(self) -> int:
        versions = self.style.px(VERSIONS) if self.versions.count > 1 else 0
        return len(self.actions) * self.style.px(28) + self.style.px(12) + versions

    def _numbers_width(self) -> int:
        strong, plain = QFontMetrics(self.style.meta_strong_font), QFontMetrics(self.style.meta_font)
        gap = self.style.px(4) + self.style.px(17)
        return sum(strong.horizontalAdvance(n) + plain.horizontalAdvance(u) + gap for n, u in self.numbers)

    def targets(self) -> list[Target]:
        style = self.style
        side = style.px(26)
        top = self.height - side
        step = style.px(28)
        beside = self._lines == 1 and self.numbers
        x = self.width - len(self.actions) * step + style.px(6) if beside else -style.px(5)
        found = []
        for number, (key, icon, name, run) in enumerate(self.actions):
            found.append(Target(key, name, QRect(x + number * step, top, side, side), run, icon=icon))
        return found + version_targets(style, self.versions, self._versions_end(), self.height)

    def _versions_end(self) -> int:
        """Where the versions end: at the right, or beside actions that are there."""
        beside = self._lines == 1 and self.numbers
        return self.width - (self._actions_width() - self.style.px(VERSIONS) if beside else 0)

    def paint(self, painter: QPainter, paint: Paint) -> None:
        style = self.style
        strong, plain = QFontMetrics(style.meta_strong_font), QFontMetrics(style.meta_font)
        middle = style.px(26) / 2
        baseline = middle + (strong.ascent() - strong.descent()) / 2
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        x = 0.0
        room = self.width - (self._actions_width() if self._lines == 1 else 0)
        for number, (figure, unit) in enumerate(self.numbers):
            width = strong.horizontalAdvance(figure) + style.px(4) + plain.horizontalAdvance(unit)
            if number and x + style.px(17) + width > room + style.px(17):
                break
            if number:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(style.color("border_strong"))
                painter.drawEllipse(QPointF(x + style.px(8), middle), 1.3, 1.3)
                x += style.px(17)
            painter.setFont(style.meta_strong_font)
            painter.setPen(style.color("text2"))
            painter.drawText(QPointF(x, baseline), figure)
            x += strong.horizontalAdvance(figure) + style.px(4)
            painter.setFont(style.meta_font)
            painter.setPen(style.color("muted"))
            painter.drawText(QPointF(x, baseline), unit)
            x += plain.horizontalAdvance(unit)
        paint_versions(painter, paint, self.versions, self._versions_end(), self.height)
        for target in self.targets():
            paint_icon_button(painter, target, paint)


@dataclass(eq=False)
class OwnFootBlock(Block):
    """Under the user's bubble: actions that appear under the mouse or by focus, and versions."""

    actions: list[tuple[str, str, str, Callable[[], None]]] = field(default_factory=list)
    versions: Versions = field(default_factory=Versions)

    def estimate(self, width: int) -> int:
        return self.style.px(24)

    def targets(self) -> list[Target]:
        style = self.style
        side, step = style.px(24), style.px(26)
        found = version_targets(style, self.versions, self.width, self.height)
        right = self.width - (style.px(VERSIONS - 6) if self.versions.count > 1 else 0)
        x = right - len(self.actions) * step
        shown = [
            Target(key, name, QRect(x + i * step, 0, side, side), run, icon=icon, shown=False)
            for i, (key, icon, name, run) in enumerate(self.actions)
        ]
        return shown + found

    def paint(self, painter: QPainter, paint: Paint) -> None:
        paint_versions(painter, paint, self.versions, self.width, self.height)
        for target in self.targets():
            if not target.shown and (paint.active or paint.focused == target.key):
                paint_icon_button(painter, target, paint)
