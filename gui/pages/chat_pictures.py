"""Pictures on the Chat page: into the message, out of the host into the conversation, and large on a click."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSize, Qt
from PySide6.QtGui import QGuiApplication, QImage, QKeyEvent, QMouseEvent, QPixmap
from PySide6.QtWidgets import QDialog, QLabel, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import Messages
from paddock.gui.pages.composer_files import Given, read_files
from paddock.gui.pages.composer_pictures import MOST, Shown, encoded, large_of, shown_of, thumbnail_of
from paddock.gui.widgets.conversation.gallery import Gallery
from paddock.sdk.errors import PaddockError
from paddock.sdk.pictures import LARGEST_BYTES, Picture
from paddock.sdk.units import bytes_text

if TYPE_CHECKING:
    from paddock.gui.pages.chat import ChatPage
    from paddock.gui.pages.draft_pictures import PictureDrafts


@dataclass
class _Visit:
    """The time that a conversation is shown. ``left``: its id, once another one is shown."""

    left: str | None = None


class ChatPictures(QObject):
    """Does what ``page`` needs with pictures, on other threads."""

    def __init__(self, page: ChatPage, host: HostState, messages: Messages, drafts: PictureDrafts) -> None:
        super().__init__(page)
        self._page, self._host, self._messages, self.drafts = page, host, messages, drafts
        self._reading = 0
        self._visit = _Visit()
        composer = page.composer
        composer.files_given.connect(self.give_files)
        composer.image_given.connect(self.give_image)
        composer.refused.connect(lambda words: messages.warn(words, key="refused"))
        composer.pictures.changed.connect(self._changed)
        drafts.failed.connect(lambda words: messages.warn(words, key="drafts"))
        host.chats_changed.connect(self._forget_gone)
        page.view.picture_opened.connect(self.open)
        self.serve(page.view.gallery)

    def serve(self, gallery: Gallery) -> None:
        """Fetch what ``gallery`` wants from the host."""
        gallery.wanted.connect(partial(self._fetch, gallery))
        self._host.snapshot.connect(gallery.forget_missing)

    def show_model(self, model: str) -> None:
        """Whether the model that answers sees."""
        name = self._host.model_name(model) if model else "The model"
        self._page.composer.set_blind(
            "" if self._host.sees(model) else f"{name} cannot see pictures. Choose a model with vision."
        )

    @property
    def _gallery(self) -> Gallery:
        """Of what is on the stage."""
        compared = self._page.compare.view if self._page.compare.shown else None
        return (compared or self._page.view).gallery

    # ---------------------------------------------------------------- drafts

    def leave(self, chat: str) -> None:
        """The conversation is left: what was to be sent in it stays its own."""
        self._visit.left = chat
        self._visit = _Visit()
        shown = self._page.composer.pictures.take()
        if shown:
            self.drafts.put(chat, shown)

    def come(self, chat: str) -> None:
        """The conversation is shown: what was to be sent in it, also at the last time."""
        self._page.composer.pictures.put(self.drafts.take(chat))
        self.come_stored(chat)

    def come_stored(self, chat: str) -> None:
        """Read what is kept for the conversation that is shown from the last time, if anything."""
        drafts = self.drafts
        stored = drafts.stored(chat)

        async def read(client: object) -> Given:
            import asyncio

            return Given(pictures=await asyncio.to_thread(drafts.read, stored))

        if stored:
            self._read(read, (chat, stored))

    def _changed(self) -> None:
        self.drafts.show(self._page.composer.pictures.shown)
        self._page.state_changed.emit()

    def _forget_gone(self) -> None:
        """Once the conversations are known."""
        if self._host.chats_known:
            self._host.chats_changed.disconnect(self._forget_gone)
            self.drafts.keep_only(self._host.chats.keys())

    def take(self) -> tuple[Picture, ...]:
        """The pictures of the message that is sent; they are drawn at once where it comes to stand."""
        strip = self._page.composer.pictures
        self.drafts.hold([one.picture for one in strip.shown])  # their files stay until the host has them
        shown = strip.take()
        for one in shown:
            self._gallery.put(one.picture.hash, one.thumbnail)
        return tuple(one.picture for one in shown)

    def give_back(self, pictures: tuple[Picture, ...]) -> None:
        """A question that had not been sent yet is to be written on; its pictures come back with it."""
        strip, back = self._page.composer.pictures, self._drawn(pictures)
        if back:
            strip.put((*back, *(one for one in strip.shown if one not in back)))

    def put_aside(self, pictures: tuple[Picture, ...], chat: str) -> None:
        """The same of a question in a conversation that is not shown."""
        back = self._drawn(pictures)
        if back:
            self.drafts.put(chat, (*back, *self.drafts.take(chat))[:MOST])

    def _drawn(self, pictures: tuple[Picture, ...]) -> tuple[Shown, ...]:
        """Those that can be sent; of an edited question the host has them."""
        galleries = [self._page.view.gallery, *([view.gallery] if (view := self._page.compare.view) else [])]
        found = ((one, filter(None, (gallery.kept(one.hash) for gallery in galleries))) for one in pictures)
        return tuple(Shown(picture, next(images, QImage())) for picture, images in found if picture.data)

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

    def _read(
        self, read: Callable[[object], Awaitable[Given]], stored: tuple[str, tuple[Picture, ...]] | None = None
    ) -> None:
        """Have the composer wait for what is sent meanwhile until all is there. ``stored``: the conversation that it
        was kept for, and what it is."""
        self._reading += 1
        self._page.composer.set_reading(True)
        visit = self._visit

        def put(given: Given) -> None:
            here = visit.left is None or visit.left == self._page.chat
            if stored is not None and not self.drafts.forget_stored(*stored):
                ended(whole=True)  # read again: it was left and shown once more, or there is more of it meanwhile
            elif not here:
                ended(whole=self._put_aside(given, visit.left or ""))
            elif stored is not None:
                ended(whole=self._put_back(given.pictures))
            else:
                ended(whole=self._put(given))

        def failed(error: BaseException) -> None:
            self._messages.error(error)
            ended(whole=False)

        def ended(*, whole: bool) -> None:
            self._reading -= 1
            self._page.composer.set_reading(bool(self._reading), whole=whole)

        self._host.call(read, put, failed, self)

    def _put_back(self, shown: tuple[Shown, ...]) -> bool:
        strip = self._page.composer.pictures
        strip.put((*shown, *strip.shown))
        return True

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
        drafts = self._page.drafts.texts
        drafts[chat] = "\n\n".join(text for text in (drafts.get(chat, ""), given.text) if text)
        self.drafts.put(chat, (*self.drafts.take(chat), *given.pictures)[:MOST])
        if given.problems:
            self._messages.warn("\n".join(given.problems), key="files")
        return False

    # ---------------------------------------------------------------- out of the host

    def _fetch(self, gallery: Gallery, name: str) -> None:
        async def read(client: object) -> QImage:
            import asyncio

            picture = await client.picture(name)  # type: ignore[attr-defined]  # an AsyncClient
            return await asyncio.to_thread(thumbnail_of, picture.data or b"")

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
