"""What is done with the panes of a comparison: added, changed, moved, asked again, taken away."""

from __future__ import annotations

import msgspec
from PySide6.QtCore import QPoint, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QMenu, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import Messages
from paddock.gui.models import panes as facts
from paddock.gui.pages.compare_adopt import adopt
from paddock.gui.pages.compare_messages import PaneMessages
from paddock.gui.pages.compare_panes import PaneShelf
from paddock.gui.pages.compare_session import Comparison
from paddock.gui.pages.compare_turns import TurnFollower
from paddock.gui.pages.model_picker import ModelPicker
from paddock.gui.widgets.menu import Menu
from paddock.gui.widgets.pane_view import PaneView
from paddock.sdk.compare import MOST_PANES
from paddock.sdk.errors import ModelNotFound, NoVision
from paddock.sdk.types import Pane


class PaneDeeds(QWidget):
    """Hidden itself; what it opens belongs to it. A ``pane`` is an id."""

    settings_wanted = Signal(str, object)
    """A pane in words, and the Pane."""
    load_wanted = Signal(str)

    def __init__(
        self,
        host: HostState,
        messages: Messages,
        session: Comparison,
        shelf: PaneShelf,
        follower: TurnFollower,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._host, self._messages = host, messages
        self._session, self._shelf, self._follower = session, shelf, follower
        self.stored = PaneMessages(host, messages, session, self)
        self._picker: ModelPicker | None = None
        self._picking = ""
        self._before: set[str] | None = None
        self.hide()
        shelf.came.connect(self._listen)
        session.changed.connect(self._came)

    def _listen(self, view: PaneView) -> None:
        pane, head, shown = view.pane, view.head, view.view
        head.model_wanted.connect(lambda: self.choose_model(pane))
        head.settings_wanted.connect(lambda: self.open_settings(pane))
        head.menu_wanted.connect(lambda: self.open_menu(pane))
        head.stop_wanted.connect(lambda: self._session.stop(pane))
        view.moved.connect(lambda step: self.shift(pane, step))
        view.remedy_wanted.connect(lambda: self.load_wanted.emit(self._model(pane)))
        view.other_wanted.connect(lambda: self.choose_model(pane))
        shown.regenerate_requested.connect(lambda message: self._again(pane, message))
        shown.retry_requested.connect(lambda message: self._again(pane, message))
        shown.remedy_requested.connect(lambda message: self._help(pane, message))
        shown.version_requested.connect(lambda message: self._session.choose_version(pane, message))
        shown.edit_requested.connect(lambda message: self._act(pane, "edit", message))
        shown.action_requested.connect(lambda action, message: self._act(pane, action, message))
        shown.link_activated.connect(lambda url: QDesktopServices.openUrl(QUrl(url)))

    # ---------------------------------------------------------------- which panes

    def add(self, anchor: QWidget) -> None:
        """Choose the model of another pane, below ``anchor``."""
        if len(self._session.panes) >= MOST_PANES:
            self._messages.info(f"{MOST_PANES} panes are the most that can be compared.", key="panes")
        elif self._session.panes:
            self._pick("", anchor, self.another({self._session.model(pane) for pane in self._session.panes}))

    def duplicate(self, pane: str) -> None:
        """A pane with the same model, and its settings to change."""
        panes, found = self._session.panes, self._pane(pane)
        self._before = {item.id for item in panes}
        at = panes.index(found) + 1
        self._session.put((*panes[:at], msgspec.structs.replace(found, id=""), *panes[at:]))

    def remove(self, pane: str) -> None:
        """Take a pane away; where one would be left it goes on alone."""
        left = [item for item in self._session.panes if item.id != pane]
        if len(left) == 1:
            self._session.end(left[0].id)
        else:
            self._session.put(left)

    def shift(self, pane: str, step: int) -> None:
        """Put a pane ``step`` places to the right."""
        at = self._session.panes.index(self._pane(pane))
        if 0 <= at + step < len(self._session.panes):
            self.order(at, at + step)
            self._shelf.reveal(pane)

    def order(self, source: int, target: int) -> None:
        """Put the pane in place ``source`` into place ``target``, both counted from 0; not while a blind comparison
        has an order of its own."""
        if self._shelf.order:
            return
        panes = list(self._session.panes)
        panes.insert(target, panes.pop(source))
        self._session.put(panes)

    def set_pane(self, pane: Pane) -> None:
        """Other settings for a pane, by its id."""
        panes = tuple(pane if item.id == pane.id else item for item in self._session.panes)
        if panes != self._session.panes:
            self._session.put(panes)

    def another(self, taken: set[str]) -> str:
        """A model that is not among those ``taken``, a loaded one before others; empty where there is none."""
        fit = [
            info
            for info in self._host.models.values()
            if info.error is None and info.id not in taken and (not info.capabilities or "chat" in info.capabilities)
        ]
        fit.sort(key=lambda info: (self._host.loaded_model(info.id) is None, info.name.casefold()))
        return fit[0].id if fit else ""

    def _came(self) -> None:
        """The settings of a duplicate are shown when it is there."""
        if self._before is not None and (new := self._shelf.panes.keys() - self._before):
            self._before = None
            self.open_settings(new.pop())

    # ---------------------------------------------------------------- one pane

    def choose_model(self, pane: str) -> None:
        """Open the choice of another model for a pane."""
        self._pick(pane, self._shelf.panes[pane].head.model, self._model(pane))

    def open_settings(self, pane: str) -> None:
        """Sampling, system prompt and model of a pane."""
        named = msgspec.structs.replace(self._pane(pane), model=self._model(pane))
        self.settings_wanted.emit(self._shelf.panes[pane].title, named)

    def adopt(self, pane: str) -> None:
        """All panes go on from the conversation as this one has it."""
        adopt(self._messages, self._session, pane, self._shelf.panes[pane].title)

    def open_menu(self, pane: str) -> QMenu:
        """What can be done with a pane, below its button."""
        anchor, panes = self._shelf.panes[pane].head.menu, self._session.panes
        veiled, turn = self._shelf.veil is not None, self._follower.turn
        answer = self._session.answer(pane, turn)
        at, count = panes.index(self._pane(pane)), len(panes)
        free = answer is not None and pane not in self._session.runs
        menu = Menu(anchor)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if not veiled:
            menu.addAction("Change the model…", lambda: self.choose_model(pane))
            menu.addAction("Settings of this pane", lambda: self.open_settings(pane))
            menu.addAction("Duplicate with other settings", lambda: self.duplicate(pane)).setEnabled(count < MOST_PANES)
            menu.addSeparator()
        menu.addAction("Copy the answer", lambda: self._copy(pane)).setEnabled(free)
        menu.addAction("Regenerate the answer", lambda: self._session.again(turn, (pane,))).setEnabled(free)
        if not veiled:
            menu.addSeparator()
            menu.addAction("Go on from here in all panes", lambda: self.adopt(pane)).setEnabled(
                free and not self._session.running
            )
            menu.addAction("Go on in this pane alone", lambda: self._session.end(pane))
            menu.addSeparator()
            fixed = bool(self._shelf.order)
            menu.addAction("Move left", lambda: self.shift(pane, -1)).setEnabled(at > 0 and not fixed)
            menu.addAction("Move right", lambda: self.shift(pane, 1)).setEnabled(at < count - 1 and not fixed)
            menu.addAction("Remove this pane", lambda: self.remove(pane))
        menu.popup(anchor.mapToGlobal(QPoint(anchor.width() - menu.sizeHint().width(), anchor.height() + 2)))
        return menu

    def _copy(self, pane: str) -> None:
        answer = self._session.answer(pane, self._follower.turn)
        if answer is not None:
            self._shelf.panes[pane].view.copy_text(answer.content, "answer")

    def _again(self, pane: str, message: str) -> None:
        path = self._session.paths.get(pane, [])
        turn = next((turn for item, turn in zip(path, facts.turn_of(path), strict=True) if item.id == message), "")
        if turn and pane not in self._session.runs:
            self._session.again(turn, (pane,))

    def _help(self, pane: str, message: str) -> None:
        """What would have kept an answer from failing: another model, or other load settings."""
        path = self._session.paths.get(pane, [])
        error = next((item.error for item in path if item.id == message), None) or {}
        if error.get("code") in (ModelNotFound.code, NoVision.code):
            self.choose_model(pane)
        else:
            self.load_wanted.emit(self._model(pane))

    def _act(self, pane: str, action: str, message: str) -> None:
        if self._shelf.veil is not None:
            why = "a branch shows whose answer it is" if action == "branch" else "the answers are judged as they are"
            self._messages.info(f"Vote first: {why}.", key="blind")
        else:
            self.stored.act(pane, action, message, self._shelf.panes[pane].view)

    # ---------------------------------------------------------------- models

    def _pick(self, pane: str, anchor: QWidget, model: str) -> None:
        if self._picker is None:
            self._picker = ModelPicker(self._host, self)
            self._picker.chosen.connect(self._picked)
            self._picker.settings_wanted.connect(self.load_wanted)
        self._picking = pane
        self._picker.open_below(anchor, model)

    def _picked(self, model: str) -> None:
        if self._picking:
            self.set_pane(msgspec.structs.replace(self._pane(self._picking), model=model))
        else:
            self._session.put((*self._session.panes, Pane(model=model)))

    def _pane(self, pane: str) -> Pane:
        return next(item for item in self._session.panes if item.id == pane)

    def _model(self, pane: str) -> str:
        return self._session.model(self._pane(pane))
