"""A download or a job in a row: what it is, how far, and what can be done about it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, QRectF, Qt, QUrl
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QDesktopServices,
    QDrag,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QApplication, QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.models.downloads import Item
from paddock.gui.pages.downloads_actions import DownloadActions
from paddock.gui.stylesheet import BUTTON_RADIUS
from paddock.gui.widgets import Button, ElidedLabel, IconButton, Label, Progress
from paddock.gui.widgets.focus import KeyboardRing, paint_ring
from paddock.sdk.downloads import Download
from paddock.sdk.units import bytes_text

MIME = "application/x-paddock-download"
INSET = 8
"""Room at the sides of what a row says, for its ring."""
QUARTERS = 4
"""A screen reader hears of every quarter."""


class DownloadRow(KeyboardRing, QWidget):
    """``detailed`` rows, those of the page, show their files on demand and can be moved in the queue."""

    def __init__(self, actions: DownloadActions, *, detailed: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._actions = actions
        self._detailed = detailed
        self._pressed: QPoint | None = None
        self._told = 0
        self.item = Item("", "waiting", "", "", "", None, "queued")
        self.title = ElidedLabel("", 13, 500, middle=True)
        self.about = ElidedLabel("", 12, 400, "text2")
        self.bar = Progress("Progress")
        self.line = ElidedLabel("", 12, 400, "text2", tabular=True)
        self.note = Label("", 12, 400, "text2", wrap=True)
        self.trouble = Label("", 12, 500, "bad", wrap=True)
        self.hint = Label("", 12, 400, "text2", wrap=True)
        self.remedy = Button("Hugging Face settings", "link")
        self.details = Label("", 12, 400, "text2", wrap=True, tabular=True)
        self.details.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.details.hide()
        self.load = Button("Load")
        self.chat = Button("Chat")
        self.more = IconButton("chevron-down", "Show the files", size=28, glyph=15)
        self.folder = IconButton("folder", "Open the folder", size=28, glyph=16)
        self.go = IconButton("pause", "Pause", size=28, glyph=16)
        self.end = IconButton("close", "Cancel", size=28, glyph=16)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if detailed else Qt.FocusPolicy.NoFocus)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        self.words = QVBoxLayout()
        self.words.setSpacing(0)
        self.words.addWidget(self.title)
        self.words.addWidget(self.about)
        top = QHBoxLayout()
        top.setSpacing(4)
        top.addLayout(self.words, 1)
        top.addSpacing(8)
        for button in (self.load, self.chat, self.more, self.folder, self.go, self.end):
            top.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(*((INSET, 12) * 2 if self._detailed else (0, 0) * 2))
        column.setSpacing(4)
        column.addLayout(top)
        for widget in (self.bar, self.line, self.note, self.trouble, self.hint):
            column.addWidget(widget)
        column.addWidget(self.remedy, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.details)

    def _connect(self) -> None:
        self.load.clicked.connect(lambda: self._actions.load_wanted.emit(self.item.model))
        self.chat.clicked.connect(lambda: self._actions.chat_wanted.emit(self.item.model))
        self.more.clicked.connect(self._fold)
        self.folder.clicked.connect(self._open_folder)
        self.go.clicked.connect(self._go)
        self.end.clicked.connect(self._end)
        self.remedy.clicked.connect(self._actions.account_wanted)

    # ---------------------------------------------------------------- showing

    def show_item(self, item: Item) -> None:
        """Show ``item`` as it is now."""
        before, self.item = self.item, item
        ended = item.section == "done"
        self.title.setText(item.title)
        self.about.setText(f"{item.about} · {item.line}" if ended and item.about else item.about or item.line)
        self.about.setVisible(bool(item.about) or ended)
        self.line.setText(item.line)
        self.line.setVisible(not ended)
        self.bar.setVisible(not ended and item.state != "failed")
        self.bar.set_ink("accent" if item.section == "running" else "border_strong")
        if round((item.fraction or 0) * 100) != round(self.bar.value() / 10):
            self.bar.set_fraction(item.fraction)
        error = item.error
        told = (
            (self.note, item.note),
            (self.trouble, error.message if error else ""),
            (self.hint, error.hint if error else ""),
        )
        for label, words in told:
            label.setText(words)
            label.setVisible(bool(words))
        self.remedy.setVisible(error is not None and error.code == "access_denied")
        if before.state != item.state or before.id != item.id or before.model != item.model:
            self._offer(item)
        if not self.details.isHidden():
            self.details.setText(details(item))
        self._announce(item)

    def _offer(self, item: Item) -> None:
        """The buttons of a state. What holds the focus keeps it, or leaves it to the row."""
        name, focus = item.title, QApplication.focusWidget()
        usable = item.section == "done" and bool(item.model)
        source = item.source
        self.setAccessibleName(item.words() if item.section == "done" else f"{name}, {item.about}, {item.state}")
        self.setToolTip("Drag it, or press Alt+Up or Alt+Down, to change the order" if self.movable() else "")
        self.load.setVisible(usable)
        self.chat.setVisible(usable)
        self.load.setAccessibleName(f"Load {name}")
        self.chat.setAccessibleName(f"Chat with {name}")
        self.bar.setAccessibleName(f"Progress of {name}")
        self.more.setVisible(self._detailed and isinstance(source, Download))
        self.folder.setVisible(self._detailed and isinstance(source, Download) and bool(source.path))
        self.folder.set_icon("folder", f"Open the folder of {name}")
        match item.state:
            case "paused":
                self.go.set_icon("play", f"Resume {name}")
            case "failed":
                self.go.set_icon("refresh", f"Try {name} again")
            case _:
                self.go.set_icon("pause", f"Pause {name}")
        self.go.setVisible(item.is_download and item.section != "done")
        over = item.section == "done" or (item.state == "failed" and not item.is_download)
        self.end.set_icon("close", f"Remove {name} from the list" if over else f"Cancel {name}")
        if focus is not None and self.isAncestorOf(focus) and not focus.isVisible():
            self.setFocus(Qt.FocusReason.OtherFocusReason)

    def _announce(self, item: Item) -> None:
        quarter = int((item.fraction or 0) * QUARTERS) if item.section == "running" else 0
        if quarter > self._told and self.isVisible():
            words = f"{item.title}: {quarter * 100 // QUARTERS} %"
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, words))
        self._told = quarter

    def _fold(self) -> None:
        shown = self.details.isHidden()
        self.details.setText(details(self.item))
        self.details.setVisible(shown)
        self.more.set_icon("chevron-up" if shown else "chevron-down", "Hide the files" if shown else "Show the files")

    # ---------------------------------------------------------------- doing

    def _go(self) -> None:
        if self.item.section == "stopped":
            self._actions.resume(self.item)
        else:
            self._actions.pause(self.item)

    def _end(self) -> None:
        job_failed = self.item.state == "failed" and not self.item.is_download
        if self.item.section == "done" or job_failed:
            self._actions.forget(self.item)
        else:
            self._actions.cancel(self.item)

    def _open_folder(self) -> None:
        if isinstance(self.item.source, Download):
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(Path(self.item.source.path).parent)))

    # ---------------------------------------------------------------- keys and the mouse

    def keyPressEvent(self, event: QKeyEvent) -> None:
        up, down = event.key() == Qt.Key.Key_Up, event.key() == Qt.Key.Key_Down
        if (up or down) and event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self._actions.step(self.item, -1 if up else 1)
        elif event.key() == Qt.Key.Key_Space and not self.go.isHidden():
            self._go()
        elif event.key() == Qt.Key.Key_Delete:
            self._end()
        else:
            super().keyPressEvent(event)

    def movable(self) -> bool:
        """Whether it has a place in the queue."""
        return self._detailed and self.item.state == "queued" and self.item.is_download

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pressed = event.position().toPoint() if self.movable() else None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None:
            return
        if (event.position().toPoint() - self._pressed).manhattanLength() < QApplication.startDragDistance():
            return
        drag, data = QDrag(self), QMimeData()
        data.setData(MIME, self.item.id.encode())
        drag.setMimeData(data)
        drag.setPixmap(self.grab())
        drag.setHotSpot(self._pressed)
        self._pressed = None
        drag.exec(Qt.DropAction.MoveAction)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.ring_shown:
            paint_ring(QPainter(self), QRectF(self.rect()), BUTTON_RADIUS)


def details(item: Item) -> str:
    """The files of a download, each with its size, and what they are a copy of."""
    download = item.source
    if not isinstance(download, Download):
        return ""
    lines = [f"{file.name} · {bytes_text(file.size)}" for file in download.files]
    lines.append(f"{download.repo}, revision {download.revision[:10]}")
    if download.path:
        lines.append(str(Path(download.path).parent))
    return "\n".join(lines)
