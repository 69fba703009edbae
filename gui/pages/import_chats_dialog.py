"""Conversations from files: where they are, which program wrote them, and what came of it."""

from __future__ import annotations

import os

from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import Messages
from paddock.gui.pages.files_sheet import FilesSheet
from paddock.gui.widgets import Button, Label, LineField, Select, TextArea
from paddock.sdk.chats import ChatImport, Imported, ImportFormat

PROGRAMS: dict[ImportFormat | None, tuple[str, str]] = {
    None: ("Any program", "JSON lines, LM Studio, Jan, Open WebUI or ChatGPT: Paddock finds out which."),
    "jsonl": ("Paddock, OpenAI messages", "A .jsonl file: a conversation on each line."),
    "lmstudio": ("LM Studio", "Its folder .lmstudio/conversations, or one .conversation.json of it."),
    "jan": ("Jan", "Its data folder, or the folder “threads” in it."),
    "openwebui": ("Open WebUI", "What Settings, Data Controls, Export Chats saves: a .json file."),
    "chatgpt": ("ChatGPT", "The archive that Settings, Data controls, Export data sends, or its conversations.json."),
}


class ImportChatsDialog(FilesSheet):
    """``path`` is proposed; ``folder`` is where the conversations come."""

    def __init__(
        self, host: HostState, messages: Messages, *, path: str = "", folder: str = "", parent: QWidget
    ) -> None:
        about = "What has been imported before does not come twice. Files are only read."
        super().__init__(host, "Import chats", about, "Import", parent)
        self._messages, self._folder = messages, folder
        self.program = Select("From", [name for name, _ in PROGRAMS.values()])
        self.hint = Label("", 12, 400, "text2", wrap=True)
        self.path = LineField("File or folder", "A file or folder")
        self.file, self.directory = Button("File…"), Button("Folder…")
        self.problems = TextArea("Remarks", rows=6)
        self.problems.setReadOnly(True)
        self.problems.hide()
        self._fill()
        self.program.currentIndexChanged.connect(self._show_state)
        self.path.textChanged.connect(self._show_state)
        self.file.clicked.connect(self._choose_file)
        self.directory.clicked.connect(self._choose_folder)
        self.start.clicked.connect(self._begin)
        self.path.setText(path)
        self._show_state()

    def _fill(self) -> None:
        program = QHBoxLayout()
        program.setSpacing(12)
        program.addWidget(Label("From", 13, 500))
        program.addWidget(self.program)
        program.addStretch(1)
        place = QHBoxLayout()
        place.setSpacing(8)
        place.addWidget(self.path, 1)
        place.addWidget(self.file)
        place.addWidget(self.directory)
        self.rows.addLayout(program)
        self.rows.addWidget(self.hint)
        self.rows.addLayout(place)
        self.after.addWidget(self.problems)

    def format(self) -> ImportFormat | None:
        """The program that was chosen; None: whichever it is."""
        return list(PROGRAMS)[self.program.currentIndex()]

    def _show_state(self) -> None:
        self.hint.setText(PROGRAMS[self.format()][1])
        self.start.setEnabled(bool(self.path.text().strip()) and not self.running())
        self.fit()

    def _choose_file(self) -> None:
        kinds = "Conversations (*.jsonl *.ndjson *.json *.zip *.db);;All files (*)"
        chosen, _ = QFileDialog.getOpenFileName(self, "Import chats", self.path.text(), kinds)
        if chosen:
            self.path.setText(chosen)

    def _choose_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Import chats", self.path.text())
        if chosen:
            self.path.setText(chosen)

    def _begin(self) -> None:
        path = os.path.expanduser(self.path.text().strip())
        request = ChatImport(path=path, format=self.format(), folder=self._folder, job=self.job)
        self.problems.hide()
        self.run("Reading…", lambda client: client.import_chats(request), self._imported)

    def _imported(self, done: Imported) -> None:
        self._host.refresh_chats()
        words = _came(done)
        if not done.problems:
            self._messages.info(words, seconds=12)
            self.accept()
            return
        count = len(done.problems)
        self.trouble.show_message("warn", words, f"{count:,} {'remark' if count == 1 else 'remarks'}:")
        self.problems.setPlainText("\n".join(done.problems))
        self.problems.show()
        self.form.hide()
        self.what.hide()
        self.cancel.setText("Close")
        self.start.hide()
        self.fit()


def _came(done: Imported) -> str:
    count = len(done.chats)
    words = "1 conversation is here now." if count == 1 else f"{count:,} conversations are here now."
    if not count:
        words = "Nothing new came in."
    if done.skipped:
        words += " 1 was there already." if done.skipped == 1 else f" {done.skipped:,} were there already."
    return words
