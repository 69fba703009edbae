"""The settings of the answers: kept with the conversation, and followed when another program changes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from paddock.gui.host_state import HostState
from paddock.gui.messages import Messages, sentence
from paddock.gui.models.chats import UNTITLED
from paddock.sdk.errors import HostUnavailable, NotFound
from paddock.sdk.types import Chat, ChatPatch

if TYPE_CHECKING:
    from paddock.gui.pages.chat import ChatPage
    from paddock.gui.pages.compare import CompareView

NOT_KEPT = "What was set in “{title}” before it was left is not kept. {why}"


class ChatSettings(QObject):
    """Between the inspector of ``page`` and the host. Where models are compared the inspector shows what their panes
    have in common, or a pane. GUI thread only."""

    def __init__(self, page: ChatPage, host: HostState, messages: Messages) -> None:
        super().__init__(page)
        self._page, self._host, self._messages = page, host, messages
        self._compared = self._system = ""
        self._behind = False
        """The conversation in sight lacks what was set: the host refused it."""
        self._on_the_way = 0
        self._missed = False
        page.inspector.settings_changed.connect(self.keep)
        page.inspector.system_changed.connect(self._set_system)
        page.inspector.pane_closed.connect(lambda: self._follow(""))
        page.dialogue.opened.connect(self._opened)
        host.chat_told.connect(self._follow)

    def keep(self) -> None:
        """What is set belongs to the open conversation. What was not set since is left to other programs."""
        self._patch(self._page.inspector.chat_patch(whole=False))

    def keep_all(self) -> None:
        """The open conversation has just been made, and has nothing of what is set yet."""
        self._patch(self._page.inspector.chat_patch())

    def show_compared(self, view: CompareView) -> None:
        """What is compared is another conversation, or its panes have changed."""
        inspector, summary = self._page.inspector, self._host.chats.get(view.chat)
        if summary is not None and view.chat != self._compared:
            self._compared, self._system, self._behind = view.chat, summary.system, False
            inspector.show_model(None)
            inspector.show_settings(summary, compared=True)
            inspector.show_system(summary.system)
        session, models = view.session, self._host.models
        inspector.follow_panes([(pane, models.get(session.model(pane))) for pane in session.panes])

    def _opened(self) -> None:
        self._compared = ""
        self._behind = False

    def _set_system(self, system: str) -> None:
        if self._page.compare.shown:
            self._system = system
            self._patch(ChatPatch(system=system))
        else:
            self._page.dialogue.set_system(system)

    def _patch(self, patch: ChatPatch) -> None:
        chat = self._page.chat
        if chat and patch != ChatPatch():
            self._behind = False
            self._on_the_way += 1
            self._host.change(
                lambda client: client.patch_chat(chat, patch),
                self._arrived,
                lambda error: self._refused(chat, error),
                self,
            )

    def _refused(self, chat: str, error: BaseException) -> None:
        """What was set stays in sight, and goes to the host with the next change or when it comes back. Of a
        conversation that was left meanwhile it is lost, and that is told."""
        summary = self._host.chats.get(chat)
        left = chat != self._page.chat
        if summary is not None and not left:
            self._behind = True
            self._page.inspector.not_kept(summary)
        if left and not isinstance(error, NotFound):  # no later change takes it along
            title = summary.title if summary is not None else ""
            words = NOT_KEPT.format(title=title or UNTITLED, why=sentence(error))
            self._messages.warn(words, key=f"not-kept-{chat}")
        elif not isinstance(error, (HostUnavailable, NotFound)):
            self._messages.error(error)
        self._arrived()

    def _arrived(self, answer: Chat | None = None) -> None:
        self._on_the_way -= 1
        if answer is not None:
            summary, known = answer.summary, self._host.chats.get(answer.summary.id)
            if known is not None and summary.revision > known.revision:  # what is told of it comes later
                self._host.learn_chat(summary)
        if self._missed and not self._on_the_way:
            self._missed = False
            self._follow("")

    def _follow(self, chat: str) -> None:
        """What is told while a change of our own is on its way may be older than that, and waits."""
        page = self._page
        summary = self._host.chats.get(page.chat)
        if summary is None or chat not in ("", summary.id):
            return
        if self._on_the_way:
            self._missed = True
            return
        if page.inspector.follow(summary):
            page.shown.count()
        if self._behind and not chat:
            self.keep()
        if page.compare.shown and summary.system != self._system:
            self._system = summary.system
            page.inspector.show_system(summary.system)
