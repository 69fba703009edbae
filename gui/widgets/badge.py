"""The fit badge: whether a model fits a machine, by icon, word and colour."""

from __future__ import annotations

from typing import assert_never

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from paddock.gui import icons, theme
from paddock.sdk.memory import Estimate, Remedy, Verdict

HEIGHT = 22
ICONS: dict[Verdict, str] = {
    "fits": "check",
    "fits_if_unloaded": "eject",
    "fits_with": "sliders",
    "does_not_fit": "close",
    "cannot_tell": "minus",
}
_INKS: dict[Verdict, tuple[str, str]] = {
    "fits": ("ok", "ok_soft"),
    "fits_if_unloaded": ("warn", "warn_soft"),
    "fits_with": ("warn", "warn_soft"),
    "does_not_fit": ("bad", "bad_soft"),
    "cannot_tell": ("text2", "hover"),
}


def fit_words(verdict: Verdict, remedy: Remedy | None = None, *, short: bool = False) -> str:
    """The verdict in a few words; ``short`` for lists, where nobody has looked for a remedy."""
    match verdict:
        case "fits":
            return "fits"
        case "fits_if_unloaded":
            return "unload first" if short else "fits after unloading"
        case "fits_with":
            return "tight" if short else f"fits with {_change_words(remedy)}"
        case "does_not_fit":
            return "too big" if short else "does not fit"
        case "cannot_tell":
            return "cannot tell"
        case _:
            assert_never(verdict)


def _change_words(remedy: Remedy | None) -> str:
    options = remedy.options if remedy is not None else {}
    context = options.get("n_ctx")
    if "n_gpu_layers" in options or "n_cpu_moe" in options:
        return "offload"
    if isinstance(context, int) and context > 0:
        return f"{context_words(context)} context"
    if "cache_type_k" in options or "cache_type_v" in options:
        return "a smaller KV cache"
    return "changed settings"


def context_words(tokens: int) -> str:
    """A context's length in short: ``3k``, ``40k``; below 1,024 the number."""
    return f"{tokens // 1024}k" if tokens >= 1024 else str(tokens)


def fit_ink(verdict: Verdict) -> str:
    """The token that says a verdict in a bar or a word."""
    return _INKS[verdict][0]


def badge_size(words: str, *, icon: bool = True) -> QSize:
    """The room that :func:`paint_badge` takes, in logical pixels."""
    look = theme.current()
    width = QFontMetrics(_font(look)).horizontalAdvance(words) + 2
    return QSize(width + look.px(34 if icon else 16), look.px(HEIGHT))


def paint_badge(painter: QPainter, area: QRectF, verdict: Verdict, words: str, *, icon: bool = True) -> None:
    """A badge that fills ``area``, which is of :func:`badge_size` or narrower (then the words are cut off)."""
    look = theme.current()
    ink, back = _INKS[verdict]
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(look.color(back))
    painter.drawRoundedRect(area, area.height() / 2, area.height() / 2)
    left = area.left() + look.px(8)
    if icon:
        side = look.px(14)
        ratio = painter.device().devicePixelRatio()
        mark = icons.pixmap(ICONS[verdict], look.color(ink), side, stroke=2.2, ratio=ratio)
        painter.drawPixmap(QPointF(left, area.center().y() - side / 2), mark)
        left += look.px(18)
    font = _font(look)
    room = area.right() - look.px(8) - left + 2
    painter.setFont(font)
    painter.setPen(look.color(ink))
    shown = QFontMetrics(font).elidedText(words, Qt.TextElideMode.ElideRight, int(room) + 1)
    painter.drawText(QRectF(left, area.top(), room + 2, area.height()), Qt.AlignmentFlag.AlignVCenter, shown)


def _font(look: theme.Theme) -> QFont:
    return look.font(12, 600, tabular=True)


class FitBadge(QWidget):
    """A badge by itself. Hidden until something is shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.verdict: Verdict = "cannot_tell"
        self.words = ""
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.hide()

    def show_verdict(self, verdict: Verdict, remedy: Remedy | None = None, *, short: bool = False) -> None:
        """``short`` as in :func:`fit_words`."""
        self.verdict, self.words = verdict, fit_words(verdict, remedy, short=short)
        self.setAccessibleName(self.words)
        self.updateGeometry()
        self.update()
        self.show()

    def show_estimate(self, estimate: Estimate) -> None:
        """The verdict of an estimate; its sentence is the tooltip."""
        self.show_verdict(estimate.verdict, estimate.remedy)
        self.setToolTip(estimate.sentence)
        self.setAccessibleDescription(estimate.sentence)

    def sizeHint(self) -> QSize:
        return badge_size(self.words)

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.current().px(44), self.sizeHint().height())

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if theme.new_measures(event):
            self.updateGeometry()

    def paintEvent(self, event: QPaintEvent) -> None:
        paint_badge(QPainter(self), QRectF(self.rect()), self.verdict, self.words)
