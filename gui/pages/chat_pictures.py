"""Pictures on the Chat page: into the message, out of the host into the conversation, and large on a click."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSize, Qt
from PySide6.QtGui import QGuiApplication, QImage, QKeyEvent, QMouseEvent, QPixmap
from PySide6.QtWidgets import QDialog, QLabel, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import Messages
from paddock.gui.pages.composer_files import Given, read_files
from paddock.gui.pages.composer_pictures import MOST, Shown, encoded, large_of, shown_of, thumbnail_of
from paddock.sdk.errors import PaddockError
from paddock.sdk.pictures import LARGEST_BYTES, Picture
from paddock.sdk.units import bytes_text

if TYPE_CHECKING:
    from paddock.gui.pages.chat import ChatPage


@dataclass
class _Visit:
    """The time that a conversation is shown. ``left``: its id, once another one is shown."""

    left: str | None = None


class ChatPictures(QObject):
    """Does what ``page`` needs with pictures, on other threads."""

    def __init__(self, page: ChatPage, host: HostState, messages: Messages) -> None:
        super().__init__(page)
        self._page, self._host, self._messages = page, host, messages
        self._reading = 0
        self._visit = _Visit()
        self._drafts: dict[str, tuple[Shown, ...]] = {}
        composer, gallery = page.composer, page.view.gallery
        composer.files_given.connect(self.give_files)
        composer.image_given.connect(self.give_image)
        composer.refused.connect(lambda words: messages.warn(words, key="pictures"))
        gallery.wanted.connect(self._fetch)
        host.snapshot.connect(gallery.forget_missing)
        page.view.picture_opened.connect(self.open)
        page.dialogue.left.connect(self._keep)
        page.dialogue.opened.connect(self._show_draft)
        page.dialogue.given_back.connect(self._give_back)

    def show_model(self, model: str) -> None:
        """Whether the model that answers sees."""
        info = self._host.models.get(model)
        sees = info is not None and "vision" in info.capabilities
        name = self._host.model_name(model) if model else "The model"
        self._page.composer.set_blind("" if sees else f"{name} cannot see pictures. Choose a model with vision.")

    def _keep(self) -> None:
        """The conversation is left: what was to be sent in it stays its own."""
        chat = self._visit.left = self._page.dialogue.chat
        self._visit = _Visit()
        self._drafts[chat] = self._page.composer.pictures.take()

    def _show_draft(self) -> None:
        self._page.composer.pictures.put(self._drafts.pop(self._page.dialogue.chat, ()))

    def take(self) -> tuple[Picture, ...]:
        """The pictures of the message that is sent; they are drawn at once where it comes to stand."""
        shown = self._page.composer.pictures.take()
        for one in shown:
            self._page.view.gallery.put(one.picture.hash, one.thumbnail)
        return tuple(one.picture for one in shown)

    def _give_back(self, _text: str) -> None:
        """A question that had not been sent yet is to be written on; its pictures come back with it."""
        gallery, strip = self._page.view.gallery, self._page.composer.pictures
        back = [Shown(picture, gallery.image(picture.hash) or QImage()) for picture in self._page.dialogue.returned]
        strip.put((*back, *(one for one in strip.shown if one not in back)))

    # ---------------------------------------------------------------- into the message

    def give_files(self, paths: list[str]) -> None:
        """Read files on another thread and put them into the message; what is left out is said."""

        async def read(client: object) -> Given:
            import asyncio

            return await asyncio.to_thread(read_files, paths)

        self._read(read)

    def give_image(self, image: QImage) -> None:
        """A picture from the clipboard or from another program."""

        async def read(client: object) -> Given:
            import asyncio

            return Given(pictures=(await asyncio.to_thread(lambda: shown_of(encoded(image))),))

        self._read(read)

    def _read(self, read: Callable[[object], Awaitable[Given]]) -> None:
        """Have the composer wait for what is sent meanwhile until all is there."""
        self._reading += 1
        self._page.composer.set_reading(True)
        visit = self._visit

        def put(given: Given) -> None:
            here = visit.left is None or visit.left == self._page.dialogue.chat
            ended(whole=self._put(given) if here else self._put_aside(given, visit.left or ""))

        def failed(error: BaseException) -> None:
            self._messages.error(error)
            ended(whole=False)

        def ended(*, whole: bool) -> None:
            self._reading -= 1
            self._page.composer.set_reading(bool(self._reading), whole=whole)

        self._host.call(read, put, failed, self)

    def _put(self, given: Given) -> bool:
        """False where something was left out, which is said."""
        composer, problems = self._page.composer, list(given.problems)
        if given.text:
            composer.add_text(given.text)
        if given.pictures and composer.blind:
            problems.append(composer.blind)
            given = Given()
        left_out = [shown for shown in given.pictures if not composer.pictures.add(shown)]
        if left_out:
            problems.append(
                f"A message takes eight pictures of {bytes_text(LARGEST_BYTES)} together; the others were left out."
            )
        elif given.pictures and composer.task.task is not None:
            problems.append("A message that is changed keeps its pictures; these wait for your next message.")
        if problems:
            self._messages.warn("\n".join(problems), key="files")
        return not problems

    def _put_aside(self, given: Given, chat: str) -> bool:
        """Into the draft of a conversation that has been left meanwhile."""
        drafts = self._page.drafts
        drafts[chat] = "\n\n".join(text for text in (drafts.get(chat, ""), given.text) if text)
        self._drafts[chat] = (*self._drafts.get(chat, ()), *given.pictures)[:MOST]
        if given.problems:
            self._messages.warn("\n".join(given.problems), key="files")
        return False

    # ---------------------------------------------------------------- out of the host

    def _fetch(self, name: str) -> None:
        async def read(client: object) -> QImage:
            import asyncio

            picture = await client.picture(name)  # type: ignore[attr-defined]  # an AsyncClient
            return await asyncio.to_thread(thumbnail_of, picture.data or b"")

        gallery = self._page.view.gallery
        self._host.call(read, lambda image: gallery.put(name, image), lambda _: gallery.put(name, QImage()), self)

    def open(self, name: str) -> None:
        """Show a picture as large as there is room for."""

        page = self._page
        screen = page.screen() or QGuiApplication.primaryScreen()
        ratio, room = page.devicePixelRatioF(), screen.availableSize()
        most = QSize(round(room.width() * 0.9 * ratio), round(room.height() * 0.85 * ratio))

        async def read(client: object) -> tuple[Picture, QImage]:
            import asyncio

            picture = await client.picture(name)  # type: ignore[attr-defined]  # an AsyncClient
            return picture, await asyncio.to_thread(large_of, picture.data or b"", most)

        def show(found: tuple[Picture, QImage]) -> None:
            picture, image = found
            if image.isNull():
                self._messages.error(PaddockError("The picture cannot be shown.", hint="Its file may be damaged."))
            else:
                image.setDevicePixelRatio(ratio)
                PictureSheet(picture, image, page.window()).open()

        self._host.call(read, show, self._messages.error, self)


class PictureSheet(QDialog):
    """One picture as large as ``image`` is; a click, Enter or Esc closes it."""

    def __init__(self, picture: Picture, image: QImage, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Picture, {picture.width} × {picture.height} pixels")
        self.picture = QLabel()
        self.picture.setPixmap(QPixmap.fromImage(image))
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setAccessibleName(self.windowTitle())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.picture)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.accept()
            return
        super().keyPressEvent(event)
