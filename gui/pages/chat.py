"""The Chat page: conversations | conversation with its composer | inspector."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QStackedLayout, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import Messages
from paddock.gui.pages.chat_columns import ChatColumns
from paddock.gui.pages.chat_compare import ChatCompare
from paddock.gui.pages.chat_drafts import ChatDrafts
from paddock.gui.pages.chat_head import ChatHead
from paddock.gui.pages.chat_loading import ChatLoading
from paddock.gui.pages.chat_pictures import ChatPictures
from paddock.gui.pages.chat_settings import ChatSettings
from paddock.gui.pages.chat_shown import HINT, ChatShown
from paddock.gui.pages.chat_start import ChatStart
from paddock.gui.pages.chat_waiting import Waiting
from paddock.gui.pages.chats_column import ChatsColumn
from paddock.gui.pages.composer import Composer, DropArea
from paddock.gui.pages.composer_context import ContextWatch
from paddock.gui.pages.dialogue import Dialogue
from paddock.gui.pages.dialogue_deeds import MessageDeeds
from paddock.gui.pages.draft_pictures import PictureDrafts
from paddock.gui.pages.inspector import Inspector
from paddock.gui.theme import current, new_measures
from paddock.gui.widgets import Label
from paddock.gui.widgets.conversation import ConversationView, Turns
from paddock.gui.window_state import WindowState
from paddock.sdk.pictures import Picture
from paddock.sdk.types import ChatMessage

if TYPE_CHECKING:
    from paddock.gui.pages.load_dialog import LoadDialog

COLUMN = 776
ACTIONS = frozenset({"branch", "continue", "delete", "edit", "insert", "revisions", "role"})


class ChatPage(QWidget):
    """``state_changed``: something that :meth:`remember` stores has changed. ``drafts`` is the folder for pictures of
    messages that are being written."""

    state_changed = Signal()
    asked = Signal()
    """A question is on its way: it is stored at once, and again when the host has it."""

    def __init__(
        self, host: HostState, messages: Messages, state: WindowState, drafts: Path, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._host = host
        self._messages = messages
        self._wanted = state.chat
        self.setProperty("role", "surface")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.chats = ChatsColumn(host, messages)
        self.head = ChatHead(host)
        self.view = ConversationView(turns=Turns(self), editable=True, actions=ACTIONS)
        self.start = ChatStart()
        self.composer = Composer()
        self.inspector = Inspector()
        self.inspector.bind(host, messages)
        self.dialogue = Dialogue(host, self.view)
        self.deeds = MessageDeeds(host, messages, self.dialogue, self.view)
        self.loading = ChatLoading(self, host, messages, self.dialogue)
        self.waiting = Waiting(host, messages, self)
        self.context = ContextWatch(host, self)
        self.compare = ChatCompare(self, host, messages, state)
        self.pictures = ChatPictures(self, host, messages, PictureDrafts(host, drafts, state.draft_pictures, self))
        self.drafts = ChatDrafts(self, host, state)
        self.shown = ChatShown(self, host)
        self.settings = ChatSettings(self, host, messages)
        self.hint = Label(HINT, 11, 400, "muted")
        self.main = DropArea(self.composer)
        self.notice_room = QWidget()
        self.notice_room.setFixedHeight(0)
        self._lay_out()
        self.columns = ChatColumns(self, self.chats, self.main, self.inspector, self.head, state)
        self._connect()
        self.dialogue.new(model=host.settings.default_model, system=host.settings.system_prompt)
        self.inspector.set_sampling(state.sampling)
        self._first_prompt = host.settings.system_prompt

    def _lay_out(self) -> None:
        stage = QWidget()
        self._stage = QStackedLayout(stage)
        self._stage.addWidget(self.start)
        self._stage.addWidget(self.view)
        self._composer_host = QWidget()
        beneath = QVBoxLayout(self._composer_host)
        beneath.setContentsMargins(24, 0, 24, 10)
        beneath.setSpacing(8)
        beneath.addWidget(self.composer)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        beneath.addWidget(self.hint)
        column = QVBoxLayout(self.main)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.head)
        column.addWidget(self.notice_room)
        column.addWidget(stage, 1)
        column.addWidget(self._composer_host)

    def _connect(self) -> None:
        host, dialogue = self._host, self.dialogue
        self.chats.chosen.connect(self.open)
        self.chats.found.connect(self.open)
        self.chats.new_wanted.connect(lambda private: self.new_chat(private=private))
        self.chats.deleted.connect(self._deleted)
        self.head.model_chosen.connect(self.choose_model)
        self.head.settings_wanted.connect(self.open_load_dialog)
        self.head.compare_wanted.connect(self.compare.begin_here)
        self.start.prompt_chosen.connect(self._example)
        self.start.remedy_wanted.connect(host.look_for_models)
        self.columns.changed.connect(self.state_changed)
        self.columns.refit.connect(self._fit)
        self.compare.left.connect(self.open)
        self._connect_composer()
        self._connect_inspector()
        self._connect_view()
        dialogue.left.connect(self.drafts.leave)
        dialogue.opened.connect(self._opened)
        dialogue.created.connect(self._created)
        dialogue.changed.connect(self.shown.show_chat)
        dialogue.run_changed.connect(self.shown.show_run)
        dialogue.failed.connect(messages_error(self._messages))
        dialogue.given_back.connect(self.give_back)
        dialogue.returned.connect(self.drafts.give_back)
        dialogue.sent_changed.connect(self.drafts.sent_changed)
        dialogue.rejoined.connect(lambda: self.pictures.come(dialogue.chat))
        self.waiting.returned.connect(self.drafts.give_back)
        self.waiting.sent_changed.connect(self.drafts.sent_changed)
        dialogue.compared.connect(self.compare.open)
        dialogue.located.connect(self.shown.locate)
        host.models_changed.connect(self.shown.show_models)
        host.chats_changed.connect(self._open_wanted)
        host.connection_changed.connect(self.shown.show_run)
        host.settings_changed.connect(self._settings_changed)

    def _connect_composer(self) -> None:
        composer = self.composer
        composer.sent.connect(self.send)
        composer.queued.connect(lambda text: self.send(text, pictures=False))
        composer.stopped.connect(self._stop)
        composer.typed.connect(self.shown.count)
        composer.task_changed.connect(self.shown.show_hint)
        composer.typed.connect(self.state_changed)
        composer.queue.changed.connect(self.state_changed)
        self.context.counted.connect(composer.show_fill)
        self.context.doubted.connect(composer.doubt_fill)

    def _connect_inspector(self) -> None:
        inspector = self.inspector
        inspector.sampling_changed.connect(self.state_changed)
        inspector.sampling_changed.connect(self.shown.count)
        inspector.load_wanted.connect(self.choose_model)

    def _connect_view(self) -> None:
        view = self.view
        view.regenerate_requested.connect(self._again)
        view.retry_requested.connect(self._again)
        view.remedy_requested.connect(self.loading.help_with)
        self.loading.choice_wanted.connect(self.head.open_picker)
        view.edit_requested.connect(lambda message: self.deeds.act("edit", message))
        view.action_requested.connect(self.deeds.act)
        view.version_requested.connect(self.dialogue.choose_version)
        view.link_activated.connect(lambda url: QDesktopServices.openUrl(QUrl(url)))
        self.deeds.edit_wanted.connect(self._edit)
        self.deeds.insert_wanted.connect(self._insert)
        self.deeds.continue_wanted.connect(self.go_on)
        self.deeds.branched.connect(self.open)
        self.deeds.returned.connect(self.drafts.give_back)

    # ---------------------------------------------------------------- what the window asks

    @property
    def chat(self) -> str:
        """The conversation that is shown; empty for a new one."""
        return self.compare.chat or self.dialogue.chat

    def new_chat(self, *, private: bool = False) -> None:
        """An empty conversation with the composer ready."""
        self.compare.leave()
        self.inspector.flush()
        self.dialogue.new(
            model=self.dialogue.model or self._host.settings.default_model,
            system=self._host.settings.system_prompt,
            private=private,
        )
        self.focus_composer()

    def open(self, chat: str, message: str = "") -> None:
        """Show a stored conversation, at one of its messages."""
        self._wanted = ""
        summary = self._host.chats.get(chat)
        if chat == self.chat and not message:
            return
        self.inspector.flush()
        if summary is not None and summary.panes:
            self.compare.open(chat)
        else:
            self.compare.leave()
            self.dialogue.open(chat, message)
        self.columns.chosen()

    def leave_conversation(self) -> None:
        """Nothing of it is followed any more, so that something else can take its place."""
        self.compare.leave()
        self.dialogue.new(model=self.dialogue.model, system=self._host.settings.system_prompt)

    def send(self, text: str, instead_of: str = "", *, pictures: bool = True) -> None:
        """Ask in the open conversation, in place of one of its messages or, with ``pictures``, at its end."""
        self.inspector.flush()
        for over in ("load", "refused"):
            self._messages.withdraw(over)
        self._wanted = ""
        shown = () if instead_of or not pictures else self.pictures.take()
        if self.compare.shown and self.compare.view is not None:
            self.compare.view.send(text, instead_of, shown)
        elif instead_of:
            self.dialogue.edit(instead_of, text, self.inspector.request())
        else:
            self.dialogue.send(text, self.inspector.request(), shown)
        self.drafts.sent_changed()
        self.asked.emit()

    def go_on(self, message: str) -> None:
        """Have an answer continued where it ends."""
        self.inspector.flush()
        self.dialogue.go_on(message, self.inspector.request())

    def step_version(self, step: int) -> None:
        """The version before (-1) or after (1) of the last message that has some."""
        for message in reversed(self.dialogue.messages):
            if message.versions > 1:
                at = message.siblings.index(message.id) + step
                if 0 <= at < len(message.siblings):
                    self.dialogue.choose_version(message.siblings[at])
                return

    def add_to_stage(self, widget: QWidget) -> None:
        """Something else that can be shown in place of the conversation."""
        self._stage.addWidget(widget)

    def show_on_stage(self, widget: QWidget) -> None:
        self._stage.setCurrentWidget(widget)

    def keep_clear(self, pixels: int) -> None:
        """So many pixels below the room for notices are covered by some that pass."""
        self.start.keep_clear(pixels)

    def focus_composer(self) -> None:
        self.composer.field.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def regions(self) -> list[QWidget]:
        """Where F6 goes, in order; the hidden ones are left out."""
        panes = self.compare.regions()
        all_regions = (self.chats.search, self.head.chip, self.view, *panes, self.composer.field, self.inspector.system)
        return [widget for widget in all_regions if widget.isVisible()]

    def remember(self, state: WindowState) -> WindowState:
        """``state`` with what this page wants back at the next start."""
        return self.columns.remember(
            self.drafts.remember(self.compare.remember(state)),
            chat=self._wanted or self.chat,
            sampling={
                name: float(value)
                for name, value in self.inspector.sampling().items()
                if isinstance(value, (int, float))
            },
        )

    def close_page(self) -> None:
        """Before the window goes: nothing that was asked for is lost."""
        self.inspector.flush()

    # ---------------------------------------------------------------- what happens

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:  # no shortcut: fields, lists and menus have their own use for it first
            self._escape()
            return
        super().keyPressEvent(event)

    def _escape(self) -> None:
        if self.columns.close_overlay() or self.composer.stop_editing():
            return
        self.composer.hold()
        self._stop()

    def _stop(self) -> None:
        if self.compare.shown and self.compare.view is not None:
            self.compare.view.stop()
        elif self.dialogue.run is not None:
            self.dialogue.stop()

    def _again(self, message: str) -> None:
        self.dialogue.answer_again(message, self.inspector.request())

    def _edit(self, message: ChatMessage) -> None:
        self.composer.edit(message.id, message.content, own=message.role == "user")

    def _insert(self, message: ChatMessage) -> None:
        self.composer.insert(message.id, "assistant" if message.role == "user" else "user")

    def _example(self, text: str) -> None:
        self.send(text, pictures=False)
        self.composer.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def choose_model(self, model: str) -> None:
        """Go on with ``model``, and load it."""
        self.composer.field.setFocus(Qt.FocusReason.OtherFocusReason)
        self.loading.choose(model)

    def open_load_dialog(self, model: str = "") -> LoadDialog | None:
        """Load ``model`` with settings, where none is named that of the conversation or of the pane in use; None where
        it cannot be used."""
        if not self.compare.shown:
            return self.loading.open_dialog(model)
        wanted = model or self.compare.model_in_use()
        return self.loading.open_dialog(wanted, mine=False) if wanted else None

    def _deleted(self, chat: str) -> None:
        self.compare.begun.discard(chat)
        if chat == self.chat:
            self.compare.leave()
            self.dialogue.new(model=self.dialogue.model, system=self._host.settings.system_prompt)

    def give_back(self, text: str, pictures: tuple[Picture, ...]) -> None:
        """What had not been stored yet is to be written on."""
        self.composer.give_back(text)
        self.pictures.give_back(pictures)

    def _opened(self) -> None:
        self.composer.stop_editing()
        self.context.forget()
        self.composer.queue.put(self.waiting.take(self.dialogue.chat))
        self.drafts.show(self.dialogue.chat)
        self.chats.show_open(self.dialogue.chat)
        self.inspector.show_settings(self._host.chats.get(self.dialogue.chat))
        self.shown.show_chat()

    def _created(self, chat: str) -> None:
        self.drafts.texts.pop("", None)
        self.chats.show_open(chat)
        self.settings.keep_all()
        self.state_changed.emit()

    def _open_wanted(self) -> None:
        """The conversation of the last time, once the list of them is known."""
        wanted, self._wanted = self._wanted, "" if self._host.chats_known else self._wanted
        if self._host.chats_known and wanted in self._host.chats and not self.dialogue.messages:
            self.compare.begun.add(wanted)
            self.open(wanted)

    def _settings_changed(self) -> None:
        settings = self._host.settings
        if not self.dialogue.chat and not self.dialogue.messages and self.dialogue.model != settings.default_model:
            self.dialogue.set_model(settings.default_model)
        if not self.dialogue.chat and self.dialogue.system == self._first_prompt:
            self.dialogue.set_system(settings.system_prompt)
        self._first_prompt = settings.system_prompt
        self.shown.show_chat()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if new_measures(event):
            self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        self.columns.arrange()
        room = self.main.width() - 48
        side = 24 + max(0, (room - current().px(COLUMN)) // 2)
        layout = self._composer_host.layout()
        if layout is not None:
            layout.setContentsMargins(side, 0, side, 10)
        self.hint.setVisible(self.height() >= current().px(620 if self.compare.shown else 440))


def messages_error(messages: Messages) -> Callable[[BaseException], None]:
    """A slot that posts an error (a bound method with keyword arguments is none)."""

    def post(error: BaseException) -> None:
        messages.error(error)

    return post
