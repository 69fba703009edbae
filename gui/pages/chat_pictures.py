"""Pictures on the Chat page: into the message, out of the host into the conversation, and large on a click."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSize, Qt
from PySide6.QtGui import QGuiApplication, QImage, QKeyEvent, QMouseEvent, QPixmap
from PySide6.QtWidgets import QDialog, QLabel, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import Messages
from paddock.gui.pages.composer_files import Given, read_files
from paddock.gui.pages.composer_pictures import Shown, encoded, shown_of, thumbnail_of
from paddock.sdk.errors import PaddockError
from paddock.sdk.pictures import Picture

if TYPE_CHECKING:
    from paddock.gui.pages.chat import ChatPage


class ChatPictures(QObject):
    """Does what ``page`` needs with pictures, on other threads."""

    def __init__(self, page: ChatPage, host: HostState, messages: Messages) -> None:
        super().__init__(page)
        self._page, self._host, self._messages = page, host, messages
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
        self._drafts[self._page.dialogue.chat] = self._page.composer.pictures.take()

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
        if not strip.shown:
            pictures = self._page.dialogue.returned
            strip.put(tuple(Shown(picture, gallery.image(picture.hash) or QImage()) for picture in pictures))

    # ---------------------------------------------------------------- into the message

    def give_files(self, paths: list[str]) -> None:
        """Read files on another thread and put them into the message; what is left out is said."""

        async def read(client: object) -> Given:
            import asyncio

            return await asyncio.to_thread(read_files, paths)

        self._host.call(read, self._put, self._messages.error, self)

    def give_image(self, image: QImage) -> None:
        """A picture from the clipboard or from another program."""

        async def read(client: object) -> Given:
            import asyncio

            return Given(pictures=(await asyncio.to_thread(lambda: shown_of(encoded(image))),))

        self._host.call(read, self._put, self._messages.error, self)

    def _put(self, given: Given) -> None:
        composer, problems = self._page.composer, list(given.problems)
        if given.text:
            composer.add_text(given.text)
        if given.pictures and composer.blind:
            problems.append(composer.blind)
            given = Given()
        left_out = [shown for shown in given.pictures if not composer.pictures.add(shown)]
        if left_out:
            problems.append("A message takes eight pictures; the others were left out.")
        if problems:
            self._messages.warn("\n".join(problems), key="files")

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

        async def read(client: object) -> QImage:
            import asyncio

            picture = await client.picture(name)  # type: ignore[attr-defined]  # an AsyncClient
            return await asyncio.to_thread(QImage.fromData, picture.data or b"")

        page = self._page

        def show(image: QImage) -> None:
            if image.isNull():
                self._messages.error(PaddockError("The picture cannot be shown.", hint="Its file may be damaged."))
            else:
                PictureSheet(image, page.window()).open()

        self._host.call(read, show, self._messages.error, self)


class PictureSheet(QDialog):
    """One picture, no larger than nine tenths of the screen; a click, Enter or Esc closes it."""

    def __init__(self, image: QImage, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Picture, {image.width()} × {image.height()} pixels")
        screen = parent.screen() or QGuiApplication.primaryScreen()
        ratio = self.devicePixelRatioF()
        room = QSize(round(screen.availableSize().width() * 0.9), round(screen.availableSize().height() * 0.85))
        size = image.size().scaled(room, Qt.AspectRatioMode.KeepAspectRatio)
        if size.width() > image.width():
            size = image.size()
        smooth = Qt.TransformationMode.SmoothTransformation
        drawn = image.scaled(size * ratio, Qt.AspectRatioMode.KeepAspectRatio, smooth)
        drawn.setDevicePixelRatio(ratio)
        self.picture = QLabel()
        self.picture.setPixmap(QPixmap.fromImage(drawn))
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
