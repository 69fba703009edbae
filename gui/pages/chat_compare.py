"""The Chat page while models are compared: the Compare view on its stage, its tools in the head and the composer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import Messages
from paddock.gui.pages.compare_jobs import discard, whole
from paddock.gui.window_state import Sent, WindowState
from paddock.sdk.types import Pane, Role

if TYPE_CHECKING:
    from paddock.gui.pages.chat import ChatPage
    from paddock.gui.pages.compare import CompareView
    from paddock.gui.pages.compare_messages import PaneMessages
    from paddock.gui.pages.dialogue_deeds import MessageDeeds


class ChatCompare(QObject):
    """The view is made when it is first wanted. ``shown`` says whether it is in place of the conversation."""

    left = Signal(str)
    """The conversation goes on without panes."""

    def __init__(self, page: ChatPage, host: HostState, messages: Messages, state: WindowState) -> None:
        super().__init__(page)
        self._page, self._host, self._messages, self._state = page, host, messages, state
        self.view: CompareView | None = None
        self.shown = False
        self.begun: set[str] = set()
        """Comparisons of this window that are removed if they are left before anything was asked."""
        page.composer.saved.connect(lambda text, message: self.deeds.change(message, text))
        page.composer.inserted.connect(self._insert)

    @property
    def chat(self) -> str:
        """The conversation that is compared in; empty while it is not shown."""
        return self.view.chat if self.view is not None and self.shown else ""

    @property
    def deeds(self) -> MessageDeeds | PaneMessages:
        """What is done to the messages that are shown."""
        return self.view.deeds.stored if self.view is not None and self.shown else self._page.deeds

    def _insert(self, text: str, beside: str, role: Role, above: bool) -> None:
        self.deeds.insert(text, beside, role, above=above)

    def open(self, chat: str) -> None:
        """Show a stored comparison."""
        if chat == self.chat:
            return
        self._page.leave_conversation()
        view = self._enter()
        if view.chat != chat:
            view.open(chat)
        self._page.pictures.leave("")
        self._page.drafts.show(chat)

    def begin_here(self) -> None:
        """Compare models in the open conversation, or in a new one."""
        page, dialogue = self._page, self._page.dialogue
        if self.shown or dialogue.run is not None or not self._host.models_known:
            return
        page.inspector.flush()
        self.begin(dialogue.chat, model=dialogue.model, system=dialogue.system)

    def begin(self, chat: str, *, model: str, system: str, panes: tuple[Pane, ...] = ()) -> None:
        """Compare in the conversation ``chat``, or in a new one; without ``panes`` its model and another."""
        page = self._page
        text, pictures = page.composer.draft(), page.composer.pictures.take()
        page.leave_conversation()
        page.drafts.texts.pop("", None)  # it goes with the comparison
        page.pictures.leave("")
        self._enter().begin(chat, panes, model=model, system=system)
        page.composer.set_text(text)
        page.composer.pictures.put(pictures)

    def leave(self) -> None:
        """Show the conversation again."""
        if not self.shown or self.view is None:
            return
        page = self._page
        page.inspector.flush()
        self._keep_waiting(self.view)
        page.drafts.keep()
        page.pictures.leave(self.view.chat)
        self._forget_unasked(self.view)
        self.shown = False
        self.view.leave()
        page.composer.set_running(False)
        page.drafts.show(page.dialogue.chat)
        page.head.set_tools(None)
        page.composer.set_tools(None)
        page.columns.set_over(False)
        page.inspector.leave_pane()

    def _keep_waiting(self, view: CompareView) -> None:
        """What waits is sent when its panes have answered; where none answers, nothing would send it."""
        queue, target = self._page.composer.queue, view.composer_tools.target
        if view.composer_state().running:
            self._page.waiting.keep(view.chat, queue.texts, (target,) if target else ())
            queue.put(())
        self._page.composer.hold()

    def _take_waiting(self, view: CompareView) -> None:
        """What waits is here again as soon as it is known who answers."""
        waiting, composer, panes = self._page.waiting, self._page.composer, self._page.waiting.panes(view.chat)
        if view.session.paths and (texts := waiting.take(view.chat)):
            composer.queue.put(texts)
            if panes:
                view.composer_tools.choose(panes[0])
            if not view.composer_state().running:
                composer.hold()

    def _forget_unasked(self, view: CompareView) -> None:
        """What is left before anything was asked goes; its draft is that of a new conversation."""
        session, page = view.session, self._page
        if session.panes and not session.running and not any(session.paths.values()) and self._forget(session.chat):
            draft = page.drafts.texts.pop(session.chat, "")
            page.drafts.texts[""] = page.drafts.texts.get("") or draft
            pictures = page.pictures.drafts
            pictures.put("", pictures.take("") or pictures.take(session.chat))
            pictures.put(session.chat, ())

    def _forget(self, chat: str) -> bool:
        """Remove a comparison begun here that nobody asked anything in, or gave a name or a place in the list."""
        known = self._host.chats.get(chat)
        if chat not in self.begun or known is None or known.title or known.pinned or known.folder or known.tags:
            return False
        self.begun.discard(chat)
        self._host.call(lambda client: discard(client, chat), None, self._messages.error, self)
        return True

    def _ended(self, chat: str) -> None:
        if self._forget(chat):
            self._page.new_chat()
        else:
            self.left.emit(chat)

    def regions(self) -> list[QWidget]:
        """Where F6 goes: the panes."""
        return self.view.regions() if self.view is not None and self.shown else []

    def sent(self) -> list[Sent]:
        """What was asked and the host is not known to have."""
        return self.view.session.sent() if self.view is not None else []

    def remember(self, state: WindowState) -> WindowState:
        return self.view.remember(state) if self.view is not None else state

    def _enter(self) -> CompareView:
        page = self._page
        if self.view is None:
            from paddock.gui.pages.compare import CompareView

            self.view = CompareView(self._host, self._messages, self._state)
            page.add_to_stage(self.view)
            page.pictures.serve(self.view.gallery)
            self._connect(self.view)
        if not self.shown:
            self.shown = True
            page.head.set_tools(self.view.head_tools)
            page.composer.set_tools(self.view.composer_tools)
            page.columns.set_over(True)
        page.show_on_stage(self.view)
        return self.view

    def _connect(self, view: CompareView) -> None:
        page = self._page
        view.opened.connect(self._changed)
        view.changed.connect(self._changed)
        view.composer_state_changed.connect(self._show_composer)
        view.created.connect(self.begun.add)
        view.created.connect(page.chats.show_open)
        view.created.connect(page.state_changed)
        view.state_changed.connect(page.state_changed)
        view.edit_wanted.connect(page.composer.edit)
        view.change_wanted.connect(lambda message, text: page.composer.edit(message, text, own=False))
        view.insert_wanted.connect(page.composer.insert)
        view.given_back.connect(page.give_back)
        view.session.returned.connect(page.drafts.give_back)
        view.session.sent_changed.connect(page.drafts.sent_changed)
        view.picture_opened.connect(page.pictures.open)
        page.composer.pictures.changed.connect(lambda: view.set_pictured(bool(page.composer.pictures.shown)))
        view.ended.connect(self._ended)
        view.deleted.connect(lambda _: page.new_chat())
        view.settings_wanted.connect(self._edit_pane)
        view.load_wanted.connect(page.open_load_dialog)
        view.leaderboard_wanted.connect(self.show_leaderboard)
        view.prompt_list_wanted.connect(self._show_batch)
        view.open_wanted.connect(page.open)
        page.inspector.pane_changed.connect(view.set_pane)

    def _changed(self) -> None:
        if self.shown and self.view is not None:
            self._page.head.show_chat(self.view.title, "")
            self._page.chats.show_open(self.view.chat)
            if self.view.judging.hidden:
                self._page.inspector.leave_pane()  # it would say whose settings they are
            self._page.settings.show_compared(self.view)
            self._show_composer()

    def _show_composer(self) -> None:
        if not self.shown or self.view is None:
            return
        state, composer = self.view.composer_state(), self._page.composer
        self._take_waiting(self.view)
        composer.set_placeholder(state.placeholder)
        composer.set_status(state.note, state.fraction)
        composer.set_running(state.running)
        composer.set_blind(state.blind)
        composer.show_fill(None)

    def model_in_use(self) -> str:
        """The model of the pane in use; empty while nobody is to know whose answers they are."""
        if self.view is not None and self.view.judging.hidden:
            self._messages.info("Vote first: load settings show whose answers they are.", key="blind")
            return ""
        return self.view.model_in_use() if self.view is not None else ""

    def _edit_pane(self, title: str, pane: Pane) -> None:
        self._page.inspector.edit_pane(title, pane, self._host.models.get(pane.model))
        self._page.columns.show_inspector()

    def show_leaderboard(self) -> None:
        """How the models stand by the votes."""
        from paddock.gui.pages.leaderboard import LeaderboardDialog

        dialog = LeaderboardDialog(self._host, self._messages, self._page)
        dialog.open_wanted.connect(self._page.open)
        if self.view is not None:
            dialog.votes_changed.connect(self.view.judging.read_votes)
        dialog.open()

    def _show_batch(self, panes: tuple[Pane, ...]) -> None:
        chat = self.view.session.summary if self.view is not None else None
        if chat is not None:
            known = chat
            self._host.call(lambda client: whole(client, known, panes), self._open_batch, self._messages.error, self)

    def _open_batch(self, panes: tuple[Pane, ...]) -> None:
        from paddock.gui.pages.batch_dialog import BatchDialog

        BatchDialog(self._host, self._messages, panes, self._page).open()
