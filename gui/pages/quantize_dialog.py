"""Making a smaller model of one: the quants with their predicted size and fit, then the job's progress."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from paddock.gui.host_state import HostState
from paddock.gui.messages import sentence
from paddock.gui.models.library import facts
from paddock.gui.pages.job_progress import JobProgress
from paddock.gui.theme import current
from paddock.gui.widgets import Button, Divider, ElidedLabel, Label, Notice
from paddock.gui.widgets.badge import badge_size, fit_words, paint_badge
from paddock.gui.widgets.list_sheet import lay_out_sheet
from paddock.sdk.errors import PaddockError
from paddock.sdk.jobs import Job
from paddock.sdk.library import Place, QuantChoice, QuantizeRequest
from paddock.sdk.types import ModelInfo
from paddock.sdk.units import bytes_text

Index = QModelIndex | QPersistentModelIndex
CHOICE = Qt.ItemDataRole.UserRole + 1
WIDTH, HEIGHT, ROW = 620, 620, 38
UNQUANTISED = ("F32", "F16", "BF16")
USUAL = "Q4_K_M"
LOSS = (
    "These weights are quantised already. Doing it again loses more than a quant made of the original; "
    "if the hub has the one you want, download that."
)


class QuantList(QAbstractListModel):
    """What a model can be made into; what cannot be made comes last and cannot be chosen."""

    def __init__(self, choices: Sequence[QuantChoice], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.choices = sorted(choices, key=lambda choice: (bool(choice.refusal), -choice.size_bytes))

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(self.choices)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        choice = self.choices[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return choice.quant
        if role == CHOICE:
            return choice
        if role == Qt.ItemDataRole.ToolTipRole:
            return choice.refusal or (choice.estimate.sentence if choice.estimate is not None else choice.about)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            fit = fit_words(choice.estimate.verdict, choice.estimate.remedy) if choice.estimate is not None else ""
            told = (choice.quant, bytes_text(choice.size_bytes), fit, choice.about, choice.refusal)
            return ", ".join(part for part in told if part)
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid() or self.choices[index.row()].refusal:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable


class QuantRows(QStyledItemDelegate):
    """Quant, size, badge, words."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(10, current().px(ROW))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        theme, choice = current(), index.data(CHOICE)
        rect = QRectF(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, theme.color("accent_soft"))
            painter.fillRect(QRectF(rect.x(), rect.y(), 3, rect.height()), theme.color("accent"))
        elif option.state & QStyle.StateFlag.State_MouseOver and not choice.refusal:
            painter.fillRect(rect, theme.color("hover"))
        painter.fillRect(QRectF(rect.x(), rect.bottom() - 1, rect.width(), 1), theme.color("border"))
        x = rect.x() + theme.px(20)
        for text, width in ((choice.quant, 84), (bytes_text(choice.size_bytes), 76)):
            painter.setFont(theme.font(13, 600 if text == choice.quant else 400, tabular=True))
            painter.setPen(theme.color("muted" if choice.refusal else "text"))
            painter.drawText(QRectF(x, rect.y(), theme.px(width), rect.height()), Qt.AlignmentFlag.AlignVCenter, text)
            x += theme.px(width)
        if choice.estimate is not None and not choice.refusal:
            words = fit_words(choice.estimate.verdict, choice.estimate.remedy)
            size = badge_size(words)
            width = min(size.width(), theme.px(166))
            area = QRectF(x, rect.center().y() - size.height() / 2, width, size.height())
            paint_badge(painter, area, choice.estimate.verdict, words)
        x += 0 if choice.refusal else theme.px(176)
        font = theme.font(12)
        room = rect.right() - theme.px(12) - x
        painter.setFont(font)
        painter.setPen(theme.color("muted" if choice.refusal else "text2"))
        words = QFontMetrics(font).elidedText(choice.refusal or choice.about, Qt.TextElideMode.ElideRight, int(room))
        painter.drawText(QRectF(x, rect.y(), room, rect.height()), Qt.AlignmentFlag.AlignVCenter, words)
        painter.restore()


class QuantizeDialog(QDialog):
    """Starts one job and shows it; closing the dialog lets it go on. ``model_wanted``: what came of it."""

    model_wanted = Signal(str)

    def __init__(self, host: HostState, info: ModelInfo, places: Sequence[Place], parent: QWidget) -> None:
        super().__init__(parent)
        self._host, self._info = host, info
        self._free = next((place.free_bytes for place in places), None)
        self.setWindowTitle(f"Quantise {info.name}")
        self.setProperty("role", "surface")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(True)
        self.lossy = info.quant.upper() not in UNQUANTISED
        self.about = Label("Predicting sizes…", 13, 400, "text2", wrap=True, tabular=True)
        self.warning = Notice()
        self.view = QListView()
        self.view.setItemDelegate(QuantRows(self.view))
        self.view.setMouseTracking(True)
        self.view.setAccessibleName("Quants")
        self.view.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.activated.connect(self._begin)
        self.progress = JobProgress(host)
        self.trouble = Notice()
        self.cancel, self.start = Button("Cancel"), Button("Quantise", "primary")
        self._lay_out(parent)
        self.start.setEnabled(False)
        self.start.clicked.connect(self._begin)
        self.cancel.clicked.connect(self._stop)
        self.progress.ended.connect(self._ended)
        if self.lossy:
            self.warning.show_message("warn", LOSS)
        model = info.id
        host.call(lambda client: client.quants(model), self.show_choices, self._failed, self)

    def _lay_out(self, parent: QWidget) -> None:
        head = QVBoxLayout()
        head.setContentsMargins(20, 16, 20, 10)
        head.setSpacing(6)
        head.addWidget(ElidedLabel(f"Quantise {self._info.name}", 18, 600, middle=True))
        head.addWidget(ElidedLabel(f"from {facts(self._info)}", 13, 400, "text2", tabular=True))
        for part in (self.warning, self.about, self.progress, self.trouble):
            head.addWidget(part)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(self.cancel)
        foot.addWidget(self.start)
        above = QVBoxLayout()
        above.setSpacing(0)
        above.addLayout(head)
        above.addWidget(Divider())
        above.addWidget(self.view, 1)
        lay_out_sheet(self, above, foot)
        window, theme = parent.window(), current()
        self.resize(min(theme.px(WIDTH), window.width() - 32), min(theme.px(HEIGHT), window.height() - 24))

    def show_choices(self, choices: Sequence[QuantChoice]) -> None:
        """What it can be made into."""
        model = QuantList(choices, self)
        self.view.setModel(model)
        self.view.selectionModel().currentChanged.connect(lambda *_: self._show_state())
        open_to = [number for number, choice in enumerate(model.choices) if not choice.refusal]
        usual = next((number for number in open_to if model.choices[number].quant == USUAL), next(iter(open_to), -1))
        if usual >= 0:
            self.view.setCurrentIndex(model.index(usual, 0))
            self.view.setFocus(Qt.FocusReason.OtherFocusReason)
        self._show_state()

    def choice(self) -> QuantChoice | None:
        """The one that is chosen."""
        chosen = self.view.currentIndex().data(CHOICE)
        return chosen if isinstance(chosen, QuantChoice) else None

    def _show_state(self) -> None:
        choice = self.choice()
        if choice is None:
            self.about.setText("It cannot be made into anything smaller here.")
            return
        size, free = bytes_text(choice.size_bytes), self._free
        short = free is not None and choice.size_bytes > free
        room = f" {bytes_text(free)} are free on the disk." if free is not None else ""
        words = f"{choice.quant} takes about {size} ({choice.bits_per_weight:.1f} bits a weight).{room}"
        self.about.setText(f"{words} That is too little." if short else words)
        self.about.set_token("bad" if short else "text2")
        self.start.setEnabled(not short and not self.progress.running())

    def _begin(self) -> None:
        choice = self.choice()
        if choice is None or not self.start.isEnabled():
            return
        self.start.setEnabled(False)
        self.trouble.hide()
        request = QuantizeRequest(model=self._info.id, quant=choice.quant, requantize=self.lossy)
        self._host.call(lambda client: client.quantize(request), self._runs, self._failed, self)

    def _runs(self, job: Job) -> None:
        for part in (self.view, self.about, self.warning):
            part.hide()
        self.progress.follow([job])
        if self.progress.running():
            self.cancel.setText("Stop")
            self.start.setText("Go on in the background")
            self.start.setEnabled(True)
            self.start.clicked.disconnect()
            self.start.clicked.connect(self.accept)
            self.resize(self.width(), self.minimumSizeHint().height())

    def _stop(self) -> None:
        running = self.progress.running()
        if not running:
            self.reject()
            return
        job = running[0]
        self._host.call(lambda client: client.cancel_job(job), None, self._failed, self)

    def _ended(self, jobs: list[Job]) -> None:
        job = jobs[0]
        if job.state == "done":
            if job.model:
                self.model_wanted.emit(job.model)
            self.accept()
        elif job.state == "cancelled":
            self.reject()
        else:
            self.start.hide()
            self.cancel.setText("Close")

    def _failed(self, error: BaseException) -> None:
        message, hint = (error.message, error.hint) if isinstance(error, PaddockError) else (sentence(error), "")
        self.trouble.show_message("bad", message, hint)
        if self.choice() is None:
            self.about.hide()
        self.start.setEnabled(self.choice() is not None)
