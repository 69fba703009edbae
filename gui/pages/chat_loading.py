"""The model of the open conversation: chosen, loaded, and helped to fit into memory."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import Messages
from paddock.gui.pages.dialogue import Dialogue
from paddock.sdk.errors import ModelNotFound, NoVision, OutOfMemory

if TYPE_CHECKING:
    from paddock.gui.pages.load_dialog import LoadDialog


class ChatLoading(QObject):
    """Dialogs lie over ``page``. GUI thread only."""

    choice_wanted = Signal()
    """Another model is to be chosen."""

    def __init__(self, page: QWidget, host: HostState, messages: Messages, dialogue: Dialogue) -> None:
        super().__init__(page)
        self._page, self._host, self._messages, self._dialogue = page, host, messages, dialogue

    def choose(self, model: str) -> None:
        """Go on with ``model``, and load it."""
        self._dialogue.set_model(model)
        self._messages.withdraw("load")
        loaded = self._host.loaded_model(model)
        if loaded is None or loaded.state == "failed":
            self._host.call(lambda client: client.load(model), None, partial(self._not_loaded, model), self)

    def open_dialog(self, model: str = "", *, mine: bool = True) -> LoadDialog | None:
        """Load ``model``, the conversation's where none is named, with settings; None where it cannot be used. Where it
        is ``mine`` the conversation goes on with it."""
        from paddock.gui.pages.load_dialog import LoadDialog

        model = model or self._dialogue.model
        info = self._host.models.get(model)
        if info is None or info.error is not None:
            return None
        self._messages.withdraw("load")
        dialog = LoadDialog(self._host, model, self._page)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if mine:
            dialog.loaded.connect(self._dialogue.set_model)
        dialog.open()
        return dialog

    def help_with(self, message: str) -> None:
        """Open the load dialog with what would have kept the answer ``message`` from running out of memory; where there
        is no such model, or it cannot see pictures, have another one chosen."""
        failed = next((item for item in self._dialogue.messages if item.id == message), None)
        error = (failed.error if failed is not None else None) or {}
        if error.get("code") in (ModelNotFound.code, NoVision.code):
            self.choice_wanted.emit()
        elif failed is not None and (dialog := self.open_dialog(failed.model)) is not None:
            dialog.help_with((error.get("details") or {}).get("remedy_options") or {})

    def _not_loaded(self, model: str, error: BaseException) -> None:
        if self._dialogue.run is not None:
            return  # its answer says it
        refused = isinstance(error, OutOfMemory) and "verdict" in error.details
        dialog = self.open_dialog(model) if refused else None  # where the remedy is a button
        if dialog is not None:
            dialog.show_refusal(error)
        else:
            self._messages.error(error, key="load")
