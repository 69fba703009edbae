"""A load that is being planned: its settings as they move, what they would take, and what is kept for the model."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from paddock.gui.host_state import HostState
from paddock.gui.pages.load_breakdown import REFUSED, Breakdown
from paddock.gui.pages.load_estimate import Estimator
from paddock.gui.pages.load_settings import LoadSettings
from paddock.gui.widgets import Button
from paddock.sdk.memory import Estimate, Remedy
from paddock.sdk.types import Options

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient


class LoadPlan(QObject):
    """Joins the settings, the breakdown, the estimator and the two buttons of a model; whoever shows them lays them
    out, and hands what the estimator answers to :meth:`take`. GUI thread."""

    begun = Signal()
    """The settings in force, or those that are saved, are shown: now the estimate can be asked for."""
    moved = Signal()
    """The user changed the settings; the estimate is asked for anew."""
    changed = Signal()
    """Something was saved, or models are being unloaded or have left."""
    failed = Signal(object)
    """Reading, saving or unloading did not work."""

    def __init__(self, host: HostState, model: str, parent: QObject) -> None:
        super().__init__(parent)
        self._host, self.model = host, model
        self.settings = LoadSettings(host.models.get(model))
        self.breakdown = Breakdown()
        self.estimator = Estimator(host, model, self)
        self.defaults = Button("Back to defaults", "quiet", "reset")
        self.save = Button("Save for this model", "quiet")
        self.saved: Options = {}
        self.unloading: set[str] = set()
        self.held = False
        """Nothing can be saved now."""
        self._touched = False
        self.settings.changed.connect(self.move)
        self.defaults.clicked.connect(self._to_defaults)
        self.save.clicked.connect(self._save)

    def begin(self) -> None:
        """Learn the settings in force, or those that are saved."""
        model = self.model
        self._host.call(lambda client: client.load_options(model), self._learn_saved, self._no_saved, self)

    def _learn_saved(self, saved: Options) -> None:
        self.saved = saved
        now = self._host.loaded_model(self.model)
        if not self._touched:
            self.settings.set_options(saved)
            if now is not None and now.state in ("ready", "loading"):
                self.settings.change_options(now.options, in_force=True)
        self.begun.emit()

    def _no_saved(self, error: BaseException) -> None:
        self.failed.emit(error)
        self.begun.emit()

    def replacing(self) -> tuple[str, ...]:
        """The instances that a load would take the place of."""
        return tuple(
            item.id
            for item in self._host.loaded.values()
            if item.model == self.model and not item.identifier and item.state in ("ready", "loading")
        )

    def options(self) -> Options:
        """What differs from the defaults, and what would otherwise be taken from the saved settings."""
        return self.settings.options(self.saved)

    @property
    def refuses(self) -> bool:
        """The memory guard would not let it load."""
        return self.breakdown.estimate is not None and self.breakdown.estimate.verdict in REFUSED

    def ask(self) -> None:
        """Ask what it would take now."""
        self.save.setText("Save for this model")
        self.show_save()
        self.breakdown.show_pending()
        self.estimator.ask(self.options(), self.replacing())

    def move(self) -> None:
        """The settings are others now."""
        self._touched = True
        self.moved.emit()
        self.ask()

    def take(self, estimate: Estimate, *, full: bool) -> bool:
        """Show an answer of the estimator; False for one that is not worth showing."""
        if not full and estimate.confidence == "low" and self.breakdown.estimate is not None:
            return False  # a guess by the file's size would only make the picture jump
        self.breakdown.show_estimate(estimate, self._host.memory, self.replacing(), full=full)
        self.settings.show_estimate(estimate, full=full)
        return True

    def apply(self, remedy: Remedy) -> None:
        """Do what the remedy says: change settings, unload models, then ask again."""
        if remedy.options:
            self.settings.change_options(remedy.options)
        for instance in remedy.unload:
            self.unloading.add(instance)
            self._host.call(partial(_unload, instance), self._unloaded, self._failed, self)
        self.move()

    def _unloaded(self, instance: str) -> None:
        self.unloading.discard(instance)
        if not self.unloading:
            self.move()
        self.changed.emit()

    def _failed(self, error: BaseException) -> None:
        self.unloading.clear()
        self.failed.emit(error)

    def _to_defaults(self) -> None:
        self.settings.set_options({})
        self.move()

    def _save(self) -> None:
        model, options = self.model, self.settings.options({})
        self._host.call(lambda client: client.set_load_options(model, options), self._kept, self._failed, self)

    def _kept(self, saved: Options) -> None:
        self.saved = saved
        self.save.setText("Saved" if saved else "Saved: the defaults")
        self.show_save()
        self.changed.emit()

    def show_save(self) -> None:
        """Whether there is something to save."""
        idle = not self.held and not self.unloading
        self.save.setEnabled(idle and self.settings.options({}) != self.saved)


async def stop_loading(model: str, client: AsyncClient) -> None:
    """Give up the loads of ``model`` that are under way; the host goes on with one that nobody listens to."""
    for item in await client.loaded():
        if item.model == model and item.state == "loading":
            await client.unload(item.id)


async def _unload(instance: str, client: AsyncClient) -> str:
    await client.unload(instance)
    return instance
