"""What is done with models on disk: deleted with an undo, brought back, added, made smaller."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QMenu, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import Action, Messages
from paddock.gui.models.model_table import place_of
from paddock.gui.pages.form import copy
from paddock.gui.pages.models_facts import reveal
from paddock.gui.widgets.menu import Menu
from paddock.gui.widgets.question import Question
from paddock.sdk.errors import PaddockError
from paddock.sdk.library import Place, Trashed
from paddock.sdk.types import ModelInfo
from paddock.sdk.units import bytes_text

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient

UNDO_S = 12.0


class Deleted(NamedTuple):
    """What came of a deletion: what is in the trash now, and what stopped it."""

    trashed: tuple[Trashed, ...]
    error: BaseException | None = None


class ModelActions(QObject):
    """``places`` are those known now; ``trash_changed`` follows everything that goes into the trash or out of it."""

    trash_changed = Signal()
    model_wanted = Signal(str)
    """A model that came of it, or whose details are asked for."""
    chat_wanted = Signal(str)
    load_wanted = Signal(str)
    hub_wanted = Signal(str)

    def __init__(
        self, host: HostState, messages: Messages, places: Callable[[], Sequence[Place]], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._host, self._messages, self._places, self._window = host, messages, places, parent

    def stays(self, info: ModelInfo) -> str:
        """Why a model cannot be deleted here; empty where it can."""
        if info.source == "bundled":
            return f"{info.name} came with Paddock and stays."
        place = place_of(info, self._places())
        if place is None or place.removable:
            return ""
        return place.note or f"{info.name} belongs to {place.name}. Delete it there."

    def delete(self, models: Sequence[ModelInfo]) -> None:
        """Move models to the trash; those that cannot go are named, those in use asked about."""
        kept = [info for info in models if self.stays(info)]
        going = [info for info in models if not self.stays(info)]
        if kept:
            self._messages.info(self.stays(kept[0]) if len(kept) == 1 else _kept_words(kept), key="kept", seconds=10)
        ids = [info.id for info in going]
        instances = [item.id for item in self._host.loaded.values() if item.model in ids and item.state != "failed"]
        if not ids or (instances and not self._may_unload(going)):
            return
        self._host.call(lambda client: _delete(client, ids, instances), self._deleted, self._messages.error, self)

    def _may_unload(self, going: Sequence[ModelInfo]) -> bool:
        used = [info for info in going if self._host.loaded_model(info.id) is not None]
        one = len(used) == 1
        text = f"{used[0].name} is loaded." if one else f"{len(used)} of these models are loaded."
        about = "Unload it and delete it?" if one else "Unload them and delete all?"
        return bool(Question(text, about, (("Unload and delete", "primary"),), self._window).ask())

    def _deleted(self, outcome: Deleted) -> None:
        if outcome.error is not None:
            self._messages.error(outcome.error)
        if not outcome.trashed:
            return
        self.trash_changed.emit()
        trashed = outcome.trashed
        size = bytes_text(sum(item.size_bytes for item in trashed))
        what = f"“{trashed[0].name}” was" if len(trashed) == 1 else f"{len(trashed)} models were"
        ids = [item.id for item in trashed]
        self._messages.info(
            f"{what} deleted. {size} are free once the trash is emptied.",
            Action("Undo", lambda: self.restore(ids)),
            seconds=UNDO_S,
            key=f"trash-{ids[0]}",
        )

    def restore(self, ids: Sequence[str]) -> None:
        """Bring models back out of the trash."""
        wanted = list(ids)
        self._host.call(lambda client: _restore(client, wanted), self._restored, self._not_restored, self)

    def _restored(self, models: list[ModelInfo]) -> None:
        self.trash_changed.emit()
        self._host.look_for_models()

    def _not_restored(self, error: BaseException) -> None:
        self.trash_changed.emit()
        self._messages.error(error)

    # ---------------------------------------------------------------- menu and dialogs

    def menu_for(self, info: ModelInfo) -> QMenu:
        """The actions on one model."""
        menu = Menu(self._window)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        model, usable, loaded = info.id, info.error is None, self._host.loaded_model(info.id)
        if usable:
            menu.addAction("Chat").triggered.connect(lambda: self.chat_wanted.emit(model))
            menu.addAction("Load with settings…").triggered.connect(lambda: self.load_wanted.emit(model))
        if loaded is not None:
            instance = loaded.id
            menu.addAction("Unload").triggered.connect(lambda: self._unload(instance))
        menu.addAction("Details").triggered.connect(lambda: self.model_wanted.emit(model))
        menu.addSeparator()
        menu.addAction("Copy name").triggered.connect(lambda: copy(model))
        if info.source not in ("bundled", "ollama", "path"):
            repo = model.partition(":")[0].partition("@")[0]
            menu.addAction("Look it up in Discover").triggered.connect(lambda: self.hub_wanted.emit(repo))
        menu.addAction("Show the file in its folder").triggered.connect(lambda: reveal(info))
        if usable and info.engine == "llamacpp":
            menu.addAction("Quantise…").triggered.connect(lambda: self.quantize(model))
        menu.addSeparator()
        menu.addAction("Delete").triggered.connect(lambda: self.delete([info]))
        return menu

    def _unload(self, instance: str) -> None:
        self._host.call(lambda client: client.unload(instance), None, self._messages.error, self)

    def open_trash(self) -> None:
        """What was deleted."""
        from paddock.gui.pages.models_trash import TrashDialog

        dialog = TrashDialog(self._host, self._window)
        dialog.changed.connect(self.trash_changed)
        dialog.open()

    def quantize(self, model: str) -> None:
        """Ask for a quant and make it."""
        from paddock.gui.pages.quantize_dialog import QuantizeDialog

        info = self._host.models.get(model)
        if info is not None:
            dialog = QuantizeDialog(self._host, info, self._places(), self._window)
            dialog.model_wanted.connect(self.model_wanted)
            dialog.open()

    def add(self) -> None:
        """Ask for files or a folder to be added."""
        from paddock.gui.pages.import_dialog import choose_paths

        choose_paths(self._window, self.import_paths)

    def import_paths(self, paths: Sequence[str]) -> None:
        """Take files and folders into our own folder."""
        from paddock.gui.pages.import_dialog import ImportDialog

        dialog = ImportDialog(self._host, paths, self._window)
        dialog.model_wanted.connect(self.model_wanted)
        dialog.open()


async def _delete(client: AsyncClient, ids: list[str], instances: list[str]) -> Deleted:
    """One after the other; what went before an error stays in the trash and can be had back."""
    trashed: list[Trashed] = []
    try:
        for instance in instances:
            await client.unload(instance)
        for model in ids:
            trashed.append(await client.delete_model(model))
    except PaddockError as error:
        return Deleted(tuple(trashed), error)
    return Deleted(tuple(trashed))


async def _restore(client: AsyncClient, ids: list[str]) -> list[ModelInfo]:
    return [await client.restore_model(id) for id in ids]


def _kept_words(kept: Sequence[ModelInfo]) -> str:
    return f"{len(kept)} of them belong to other programs or to Paddock and stay."
