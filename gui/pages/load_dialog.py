"""Loading a model with settings: what it takes moves with every slider, and what does not fit comes with its remedy."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QLayout, QScrollArea, QVBoxLayout, QWidget

from paddock.gui.bridge import Task
from paddock.gui.host_state import HostState
from paddock.gui.models.library import facts
from paddock.gui.pages.load_breakdown import REFUSED
from paddock.gui.pages.load_plan import LoadPlan, stop_loading
from paddock.gui.theme import current
from paddock.gui.widgets import Button, Divider, ElidedLabel, Label, Notice, Progress
from paddock.gui.widgets.buttons import QUIET
from paddock.sdk.errors import NotFound, OutOfMemory, PaddockError
from paddock.sdk.memory import Estimate, Remedy
from paddock.sdk.types import LoadedModel, Options

WIDTH, HEIGHT = 600, 760
MEMORY_PAUSE_MS = 1_500
"""What is free moves all the time; the full estimate is asked anew at most so often for it."""
PINNED_HEIGHT = 540
"""From this height on the breakdown stays in sight while the settings scroll."""
SLACK = 12
"""Pixels by which the breakdown may grow before the settings have to scroll."""
MOST_LEFT = 48
"""Pixels of a row that are given up so that the dialog does not end in the middle of its words."""
RISK = "Loaded anyway, it may end in the middle of an answer or slow the whole computer down."


class LoadDialog(QDialog):
    """``loaded`` carries the model's id when it is in memory. Starts asking when it is shown."""

    loaded = Signal(str)

    def __init__(self, host: HostState, model: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._host, self._model = host, model
        self._info = host.models.get(model)
        self._load: Task | None = None
        self._fitted = False
        self._help: Options | None = None
        self._guarded = False
        """The trouble that is shown is a refusal by the memory guard."""
        self._parked = False
        """The focus waits on Cancel for what is to be pressed next."""
        name = host.model_name(model)
        self.setWindowTitle(f"Load {name}")
        self.setProperty("role", "surface")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setModal(True)
        self.title = ElidedLabel(name, 18, 600, middle=True)
        self.about = ElidedLabel(facts(self._info) if self._info is not None else "", 13, 400, "text2", tabular=True)
        self.plan = plan = LoadPlan(host, model, self)
        self.breakdown, self.settings, self.estimator = plan.breakdown, plan.settings, plan.estimator
        self.defaults, self.save = plan.defaults, plan.save
        self.trouble = Notice()
        self.progress = Progress("Loading")
        self.status = Label("", 12, 400, "text2", tabular=True, wrap=True)
        self.cancel = Button("Cancel")
        self.force = Button("Load anyway")
        self.load = Button("Load", "primary")
        self._lay_out(parent)
        self._connect()
        plan.begin()
        self.load.setFocus(Qt.FocusReason.OtherFocusReason)

    def _lay_out(self, parent: QWidget) -> None:
        head = QVBoxLayout()
        head.setContentsMargins(20, 16, 20, 10)
        head.setSpacing(2)
        head.addWidget(self.title)
        head.addWidget(self.about)
        body = QWidget()
        inner = QVBoxLayout(body)
        inner.setContentsMargins(20, 4, 20, 16)
        inner.setSpacing(12)
        inner.addWidget(self.settings)
        inner.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(body)
        scroll.setMinimumHeight(20)  # its margins; Qt would keep more free also where there is nothing to set
        inner.setSizeConstraint(QLayout.SizeConstraint.SetMinimumSize)
        self._scroll, self._inner = scroll, inner
        scroll.verticalScrollBar().rangeChanged.connect(self._keep_edge)
        self._top = QVBoxLayout()
        self._top.setContentsMargins(20, 0, 20, 8)
        self._top.addWidget(self.breakdown)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addLayout(head)
        outer.addLayout(self._top)
        outer.addWidget(scroll, 1)
        outer.addWidget(Divider())
        outer.addLayout(self._foot())
        window = parent.window()
        theme = current()
        self.setMinimumWidth(min(theme.px(420), window.width() - 32))
        self._tallest = min(theme.px(HEIGHT), window.height() - 24)
        self.resize(min(theme.px(WIDTH), window.width() - 32), self._tallest)

    def _foot(self) -> QVBoxLayout:
        foot = QVBoxLayout()
        foot.setContentsMargins(20, 10, 20, 14)
        foot.setSpacing(8)
        foot.addWidget(self.trouble)
        foot.addWidget(self.status)
        foot.addWidget(self.progress)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addSpacing(-QUIET)
        row.addWidget(self.defaults)
        row.addWidget(self.save)
        row.addStretch(1)
        for button in (self.cancel, self.force, self.load):
            row.addWidget(button)
        foot.addLayout(row)
        return foot

    def _connect(self) -> None:
        self.plan.begun.connect(self._ask_first)
        self.plan.moved.connect(self.trouble.hide)
        self.plan.changed.connect(self._show_state)
        self.plan.failed.connect(self._failed)
        self.estimator.arrived.connect(self._arrived)
        self.estimator.failed.connect(self._no_estimate)
        self.breakdown.remedy_wanted.connect(self.apply)
        self.settings.unfold.clicked.connect(self._grow)
        self.cancel.clicked.connect(self.reject)
        self.force.clicked.connect(partial(self._start, True))
        self.load.clicked.connect(partial(self._start, False))
        self._host.memory_changed.connect(self._memory_changed)
        self._host.models_changed.connect(self._show_state)
        self._show_state()

    # ---------------------------------------------------------------- asking

    def _ask_first(self) -> None:
        if self._help:
            self.settings.change_options(self._help)
            self._help = None
        self.plan.ask()

    def options(self) -> Options:
        """The options that it would be loaded with."""
        return self.plan.options()

    def _keep_edge(self, low: int, high: int) -> None:
        """What is scrolled ends where the rest of the dialog does, with a scroll bar or without."""
        bar = self._scroll.verticalScrollBar().sizeHint().width() if high > low else 0
        self._inner.setContentsMargins(20, 4, max(0, 20 - bar), 16)

    def _grow(self) -> None:
        self.resize(self.width(), max(self.height(), self._tallest))
        self._end_between_rows()
        if not self.settings.more.isHidden():
            QTimer.singleShot(0, self, self._reveal_more)  # when everything has its place

    def _reveal_more(self) -> None:
        """Bring what has been unfolded into sight: from its button on, as much as there is room for."""
        bar, body, settings = self._scroll.verticalScrollBar(), self._scroll.widget(), self.settings
        assert body is not None
        top = settings.unfold.mapTo(body, QPoint()).y() - 8
        bottom = settings.more.mapTo(body, QPoint(0, settings.more.height())).y() + 16
        bar.setValue(min(max(bar.value(), bottom - self._scroll.viewport().height()), top))

    def _end_between_rows(self) -> None:
        """Leave a row that the foot would cut through to scrolling, where that costs little height."""
        port = self._scroll.viewport()
        for row in self.settings.rows():
            seen = port.height() - row.mapTo(port, QPoint()).y()
            if 0 < seen < min(row.height(), current().px(MOST_LEFT)):
                self.resize(self.width(), self.height() - seen)
                return

    def _fit_height(self) -> None:
        """As high as what there is to show, as far as the window allows."""
        body = self._scroll.widget()
        if body is not None:
            spare = self._scroll.height() - self._needed(body) - SLACK
            self.resize(self.width(), min(self.height() - spare, self._tallest))
            self._end_between_rows()

    def _needed(self, body: QWidget) -> int:
        """How high ``body`` is at its width: its size hint counts lines of text as if it were narrower."""
        wraps = self._inner.hasHeightForWidth()
        height = self._inner.totalHeightForWidth(body.width()) if wraps else body.sizeHint().height()
        return max(height, body.minimumSizeHint().height())

    def _memory_changed(self) -> None:
        self.estimator.ask_again(MEMORY_PAUSE_MS)

    def _arrived(self, estimate: Estimate, full: bool) -> None:
        focused = self.focusWidget()
        if not self.plan.take(estimate, full=full):
            return
        self._show_state()
        self._keep_focus(focused)
        if not full:
            return
        if self._guarded and estimate.verdict in REFUSED:
            self.trouble.hide()  # the estimate says it, with what helps
        if self._help is not None and estimate.remedy is not None and not estimate.remedy.unload:
            self.apply(estimate.remedy)
        self._help = None
        if not self._fitted:
            self._fitted = True
            QTimer.singleShot(0, self, self._fit_height)  # when everything has its place

    def _keep_focus(self, before: QWidget | None) -> None:
        """Let Enter press what comes next: the remedy, or Load. Load anyway is never pressed by accident."""
        waits = before is self.cancel and self._parked
        if before is None or not (waits or before.isHidden()):
            return
        self._parked = False
        if not self.breakdown.notice.focus_action():
            self._parked = self.load.isHidden()
            (self.cancel if self._parked else self.load).setFocus(Qt.FocusReason.OtherFocusReason)

    def _park(self) -> None:
        self._parked = True
        self.cancel.setFocus(Qt.FocusReason.OtherFocusReason)

    def _no_estimate(self, error: BaseException) -> None:
        self.breakdown.show_failure(error)
        self._show_state()
        self._fitted = False
        QTimer.singleShot(0, self, self._fit_height)

    def help_with(self, options: Options) -> None:
        """The model has run out of memory: ``options`` would have helped; where there are none, take those that the
        estimate proposes as soon as it has come."""
        self._help = options

    def apply(self, remedy: Remedy) -> None:
        """Do what the remedy says, then ask again."""
        if remedy.unload:
            self._park()
        self.plan.apply(remedy)
        self._show_state()

    # ---------------------------------------------------------------- loading

    def _start(self, force: bool) -> None:
        self.trouble.hide()
        self.estimator.stop()
        model, options = self._model, self.options()
        self._load = self._host.call(
            lambda client: client.load(model, options, force=force), self._is_loaded, self._refused, self
        )
        self._park()
        self._show_state()

    def _is_loaded(self, model: LoadedModel) -> None:
        self._load = None
        self.loaded.emit(self._model)
        self.accept()

    def _refused(self, error: BaseException) -> None:
        self._load = None
        self.show_refusal(error)

    def show_refusal(self, error: BaseException) -> None:
        """Why a load did not happen; what would help is asked for anew."""
        self._failed(error)
        self._guarded = isinstance(error, OutOfMemory) and "verdict" in error.details
        self.estimator.ask(self.options(), self.plan.replacing())

    def _failed(self, error: BaseException) -> None:
        self.plan.unloading.clear()
        self._guarded = False
        message, hint = (error.message, error.hint) if isinstance(error, PaddockError) else (str(error), "")
        self.trouble.show_message("bad", message, hint)
        self._show_state()

    def reject(self) -> None:
        """Escape and Cancel: a load under way is stopped first."""
        if self._load is not None:
            self._load.cancel()
            self._load = None
            self._host.call(partial(stop_loading, self._model), None, self._not_stopped, self)
            self.plan.move()
            self._show_state()
            return
        super().reject()

    def _not_stopped(self, error: BaseException) -> None:
        if not isinstance(error, NotFound):  # it has just ended
            self._failed(error)

    def done(self, result: int) -> None:
        self.estimator.stop()
        super().done(result)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        pinned = self.height() >= current().px(PINNED_HEIGHT)
        if pinned != (self._top.indexOf(self.breakdown) >= 0):
            (self._top if pinned else self._inner).insertWidget(0, self.breakdown)
            self._top.setContentsMargins(20, 0, 20, 8 if pinned else 0)
            policy = self.status.sizePolicy()
            policy.setRetainSizeWhenHidden(pinned)  # nothing moves under the mouse when a sentence comes or goes
            self.status.setSizePolicy(policy)

    # ---------------------------------------------------------------- showing

    def _show_state(self) -> None:
        loading, estimate = self._load is not None, self.breakdown.estimate
        refuses = self.plan.refuses
        busy = loading or bool(self.plan.unloading)
        self.load.setText("Load again" if self.plan.replacing() and not loading else "Load")
        self.load.setVisible(not refuses or loading)
        self.force.setVisible(refuses and not loading)
        for part in (self.load, self.force, self.defaults, self.settings):
            part.setEnabled(not busy)
        self.plan.held = loading
        self.plan.show_save()
        self.breakdown.set_busy(busy)
        self.cancel.setText("Stop loading" if loading else "Cancel")
        self.progress.setVisible(loading)
        now = self._host.loaded_model(self._model)
        fraction = now.progress if now is not None and now.state == "loading" else 0.0
        self.progress.set_fraction(fraction)
        words = ""
        if loading:
            words = f"Loading… {fraction * 100:.0f} %"
        elif self.plan.unloading:
            words = "Unloading…"
        elif refuses:
            words = RISK
        elif estimate is not None and estimate.verdict == "fits_if_unloaded" and estimate.remedy is not None:
            names = [self._host.loaded[item].model for item in estimate.remedy.unload if item in self._host.loaded]
            words = f"Loading it unloads {' and '.join(self._host.model_name(name) for name in names)} first."
        self.status.setText(words)
        self.status.setVisible(bool(words))
