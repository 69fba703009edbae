"""The Chat page: conversations | conversation with its composer | inspector."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QStackedLayout, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import Messages
from paddock.gui.pages.chat_columns import ChatColumns
from paddock.gui.pages.chat_head import ChatHead
from paddock.gui.pages.chat_start import ChatStart
from paddock.gui.pages.chat_status import answerer, status, trouble
from paddock.gui.pages.chats_column import ChatsColumn
from paddock.gui.pages.composer import Composer
from paddock.gui.pages.dialogue import Dialogue
from paddock.gui.pages.inspector import Inspector
from paddock.gui.theme import current
from paddock.gui.widgets import Label
from paddock.gui.widgets.conversation import ConversationView, Turns
from paddock.gui.window_state import WindowState
from paddock.sdk.errors import OutOfMemory

if TYPE_CHECKING:
    from paddock.gui.pages.load_dialog import LoadDialog

COLUMN = 776
HINT = "Enter sends   ·   Shift+Enter new line   ·   Ctrl+N new chat"


class ChatPage(QWidget):
    """``state_changed``: something that :meth:`remember` stores has changed."""

    state_changed = Signal()

    def __init__(self, host: HostState, messages: Messages, state: WindowState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host = host
        self._messages = messages
        self._drafts = dict(state.drafts)
        self._wanted = state.chat
        self.setProperty("role", "surface")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.chats = ChatsColumn(host, messages)
        self.head = ChatHead(host)
        self.view = ConversationView(turns=Turns(self), editable=True)
        self.start = ChatStart()
        self.composer = Composer()
        self.inspector = Inspector()
        self.dialogue = Dialogue(host, self.view)
        self.hint = Label(HINT, 11, 400, "muted")
        self.main = QWidget()
        self.columns = ChatColumns(self, self.chats, self.main, self.inspector, self.head, state)
        self._lay_out()
        self._connect()
        self.inspector.set_sampling(state.sampling)
        self.dialogue.new(model=host.settings.default_model, system=host.settings.system_prompt)
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
        column.addWidget(stage, 1)
        column.addWidget(self._composer_host)

    def _connect(self) -> None:
        host, dialogue = self._host, self.dialogue
        self.chats.chosen.connect(self.open)
        self.chats.new_wanted.connect(lambda private: self.new_chat(private=private))
        self.chats.deleted.connect(self._deleted)
        self.head.model_chosen.connect(self.choose_model)
        self.head.settings_wanted.connect(self.open_load_dialog)
        self.composer.sent.connect(self.send)
        self.composer.stopped.connect(dialogue.stop)
        self.start.prompt_chosen.connect(self._example)
        self.start.remedy_wanted.connect(host.look_for_models)
        self.inspector.system_changed.connect(dialogue.set_system)
        self.inspector.sampling_changed.connect(self.state_changed)
        self.columns.changed.connect(self.state_changed)
        self.columns.refit.connect(self._fit)
        self.view.regenerate_requested.connect(self._again)
        self.view.retry_requested.connect(self._again)
        self.view.remedy_requested.connect(self._remedy)
        self.view.edit_requested.connect(self._edit)
        self.view.version_requested.connect(dialogue.choose_version)
        self.view.link_activated.connect(lambda url: QDesktopServices.openUrl(QUrl(url)))
        dialogue.opened.connect(self._opened)
        dialogue.created.connect(self._created)
        dialogue.changed.connect(self._show_chat)
        dialogue.run_changed.connect(self._show_run)
        dialogue.failed.connect(messages_error(self._messages))
        dialogue.given_back.connect(self._given_back)
        host.models_changed.connect(self._show_models)
        host.chats_changed.connect(self._open_wanted)
        host.connection_changed.connect(self._show_run)
        host.settings_changed.connect(self._settings_changed)

    # ---------------------------------------------------------------- what the window asks

    def new_chat(self, *, private: bool = False) -> None:
        """An empty conversation with the composer ready."""
        self._keep_draft()
        self.inspector.flush()
        self.dialogue.new(
            model=self.dialogue.model or self._host.settings.default_model,
            system=self._host.settings.system_prompt,
            private=private,
        )
        self.focus_composer()

    def open(self, chat: str) -> None:
        """Show a stored conversation."""
        self._wanted = ""
        if chat == self.dialogue.chat:
            return
        self._keep_draft()
        self.inspector.flush()
        self.dialogue.open(chat)
        self.columns.chosen()

    def send(self, text: str, instead_of: str = "") -> None:
        """Ask in the open conversation, in place of one of its messages or at its end."""
        self.inspector.flush()
        self._messages.withdraw("load")
        self._wanted = ""
        if instead_of:
            self.dialogue.edit(instead_of, text, self.inspector.sampling())
        else:
            self.dialogue.send(text, self.inspector.sampling())

    def focus_composer(self) -> None:
        self.composer.field.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def regions(self) -> list[QWidget]:
        """Where F6 goes, in order; the hidden ones are left out."""
        all_regions = (self.chats.search, self.head.chip, self.view, self.composer.field, self.inspector.system)
        return [widget for widget in all_regions if widget.isVisible()]

    def remember(self, state: WindowState) -> WindowState:
        """``state`` with what this page wants back at the next start."""
        self._keep_draft()
        return self.columns.remember(
            state,
            chat=self._wanted or self.dialogue.chat,
            drafts={chat: text for chat, text in self._drafts.items() if text},
            sampling={
                name: float(value)
                for name, value in self.inspector.sampling().items()
                if isinstance(value, (int, float))
            },
        )

    def close_page(self) -> None:
        """Before the window goes: nothing that was asked for is lost."""
        self.inspector.flush()
        self.chats.flush()

    # ---------------------------------------------------------------- what happens

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:  # no shortcut: fields, lists and menus have their own use for it first
            self._escape()
            return
        super().keyPressEvent(event)

    def _escape(self) -> None:
        if self.columns.close_overlay() or self.composer.stop_editing():
            return
        if self.dialogue.run is not None:
            self.composer.disarm()
            self.dialogue.stop()

    def _again(self, message: str) -> None:
        self.dialogue.answer_again(message, self.inspector.sampling())

    def _remedy(self, message: str) -> None:
        """Open the load dialog with what would have kept the answer ``message`` from running out of memory."""
        failed = next((item for item in self.dialogue.messages if item.id == message), None)
        if failed is None:
            return
        dialog = self.open_load_dialog(failed.model)
        if dialog is not None:
            details = (failed.error or {}).get("details") or {}
            dialog.help_with(details.get("remedy_options") or {})

    def _edit(self, message: str) -> None:
        asked = next((item for item in self.dialogue.messages if item.id == message), None)
        if asked is not None:
            self.composer.edit(message, asked.content)

    def _example(self, text: str) -> None:
        self.composer.field.clear()
        self.send(text)
        self.composer.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def choose_model(self, model: str) -> None:
        """Go on with ``model``, and load it."""
        self.composer.field.setFocus(Qt.FocusReason.OtherFocusReason)
        self.dialogue.set_model(model)
        self._messages.withdraw("load")
        loaded = self._host.loaded_model(model)
        if loaded is None or loaded.state == "failed":
            self._host.call(lambda client: client.load(model), None, partial(self._not_loaded, model), self)

    def open_load_dialog(self, model: str = "") -> LoadDialog | None:
        """Load ``model``, the conversation's where none is named, with settings; None where it cannot be used."""
        from paddock.gui.pages.load_dialog import LoadDialog

        model = model or self.dialogue.model
        info = self._host.models.get(model)
        if info is None or info.error is not None:
            return None
        self._messages.withdraw("load")
        dialog = LoadDialog(self._host, model, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.loaded.connect(self.dialogue.set_model)
        dialog.open()
        return dialog

    def _not_loaded(self, model: str, error: BaseException) -> None:
        if self.dialogue.run is not None:
            return  # its answer says it
        refused = isinstance(error, OutOfMemory) and "verdict" in error.details
        dialog = self.open_load_dialog(model) if refused else None  # where the remedy is a button
        if dialog is not None:
            dialog.show_refusal(error)
        else:
            self._messages.error(error, key="load")

    def _deleted(self, chat: str) -> None:
        if chat == self.dialogue.chat:
            self.dialogue.new(model=self.dialogue.model, system=self._host.settings.system_prompt)

    def _given_back(self, text: str) -> None:
        if not self.composer.text().strip():
            self.composer.set_text(text)

    def _opened(self) -> None:
        self.composer.disarm()
        self.composer.stop_editing()
        self.composer.set_text(self._drafts.get(self.dialogue.chat, ""))
        self.chats.show_open(self.dialogue.chat)
        self._show_chat()
        self.state_changed.emit()

    def _created(self, chat: str) -> None:
        self._drafts.pop("", None)
        self.chats.show_open(chat)
        self.state_changed.emit()

    def _keep_draft(self) -> None:
        self._drafts[self.dialogue.chat] = self.composer.draft()

    def _open_wanted(self) -> None:
        """The conversation of the last time, once the list of them is known."""
        wanted, self._wanted = self._wanted, "" if self._host.chats_known else self._wanted
        if self._host.chats_known and wanted in self._host.chats and not self.dialogue.messages:
            self.open(wanted)

    def _settings_changed(self) -> None:
        settings = self._host.settings
        if not self.dialogue.chat and not self.dialogue.messages and self.dialogue.model != settings.default_model:
            self.dialogue.set_model(settings.default_model)
        if not self.dialogue.chat and self.dialogue.system == self._first_prompt:
            self.dialogue.set_system(settings.system_prompt)
        self._first_prompt = settings.system_prompt
        self._show_chat()

    # ---------------------------------------------------------------- showing

    def _show_chat(self) -> None:
        dialogue = self.dialogue
        self.head.show_chat(dialogue.title, dialogue.model)
        self.inspector.show_system(dialogue.system)
        self._stage.setCurrentWidget(self.view if dialogue.messages or dialogue.chat else self.start)
        self._show_models()

    def _show_models(self) -> None:
        host, model = self._host, self.dialogue.model
        self.view.set_names({info.id: (info.name or info.id, info.quant) for info in host.models.values()})
        self.view.set_silks(host.silks)
        info = host.models.get(model)
        self.inspector.set_defaults(info.sampling if info is not None else {})
        self.composer.set_placeholder(f"Message {host.model_name(model)}" if model else "Message")
        self.start.show_model(answerer(host, model))
        self.start.show_trouble(*trouble(host, model))
        self._show_run()

    def _show_run(self) -> None:
        run = self.dialogue.run
        words, fraction = status(self._host, self.dialogue)
        self.composer.set_status(words, fraction)
        self.composer.set_running(run is not None)
        self.hint.setText(
            "Enter sends after this answer   ·   Esc stops   ·   Shift+Enter new line" if run is not None else HINT
        )

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.ApplicationFontChange, QEvent.Type.StyleChange):
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
        self.hint.setVisible(self.height() >= current().px(440))


def messages_error(messages: Messages) -> Callable[[BaseException], None]:
    """A slot that posts an error (a bound method with keyword arguments is none)."""

    def post(error: BaseException) -> None:
        messages.error(error)

    return post
