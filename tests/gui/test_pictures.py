"""Pictures in the window: dropped, pasted and chosen into a message, sent, shown with it, opened, and refused where the
model cannot see them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from importlib import util
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QBuffer, QIODevice, QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QColor, QDropEvent, QImage
from PySide6.QtWidgets import QApplication

from paddock.gui.pages.chat_pictures import PictureSheet
from paddock.gui.pages.compare_question import QuestionRow
from paddock.gui.pages.composer_pictures import MOST, Shown, encoded, shown_of
from paddock.sdk.errors import BadRequest
from paddock.sdk.pictures import LARGEST_BYTES, picture_of
from paddock.sdk.types import NewChat

Scene = Any
Png = Callable[..., bytes]
UNIT = Path(__file__).parents[1] / "unit"
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def load(path: Path) -> Any:
    spec = util.spec_from_file_location(f"window_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def seeing(chat_scene: Scene) -> Scene:
    """The module's window with a model that has a projector beside it."""
    scene = chat_scene
    folder = Path(os.environ["PADDOCK_HOME"]) / "models" / "test" / "seer"
    if not folder.exists():
        folder.mkdir(parents=True)
        (folder / "seer.echo.json").write_text(json.dumps({"text": "A horse.", "tokens_per_second": 400}))
        gguf_file = load(UNIT / "browser" / "gguf_file.py")
        projectors = load(UNIT / "backends" / "llamacpp" / "architectures" / "projectors.py")
        projectors.write_projector(gguf_file, "mlp", folder / "mmproj-seer.gguf")
        scene.ask(lambda client: client.refresh_models())
        scene.until(lambda: any(info.id.endswith("seer") for info in scene.host.models.values()))
    scene.take_model("seer")
    scene.until(lambda: not scene.chat.composer.blind)
    scene.chat.composer.pictures.put(())
    return scene


def drop(composer: Any, *paths: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    keys, button = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    composer.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, button, keys))


def painted(width: int = 60, height: int = 40, name: str = "PNG") -> bytes:
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(QColor("#4080c0"))
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    assert image.save(buffer, name)
    return bytes(buffer.data().data())


def test_a_dropped_picture_is_shown_sent_kept_and_opened(seeing: Scene, noise_png: Png, tmp_path: Path) -> None:
    scene, composer = seeing, seeing.chat.composer
    (tmp_path / "horse.png").write_bytes(noise_png(60, 40))
    (tmp_path / "note.txt").write_text("a note")
    drop(composer, tmp_path / "horse.png", tmp_path / "note.txt")
    scene.until(lambda: bool(composer.pictures.shown) and "a note" in composer.text())
    assert composer.pictures.isVisible()
    composer.set_text("What is this?")
    composer.button.click()
    assert not composer.pictures.shown
    scene.answered()
    (picture,) = scene.dialogue.messages[0].pictures
    assert (picture.width, picture.height, picture.data) == (60, 40, None)
    row = scene.chat.view.column.rows[0]
    (block,) = [block for block in row.blocks if block.targets() and block.targets()[0].key == "picture-1"]
    assert row.bubble[1] == block.top + block.height
    (target,) = block.targets()
    assert target.name == "Picture 1, 60 × 40 pixels. Open"
    target.run()
    scene.until(lambda: any(isinstance(widget, PictureSheet) for widget in QApplication.topLevelWidgets()))
    (sheet,) = [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, PictureSheet)]
    scene.qtbot.keyClick(sheet, Qt.Key.Key_Return)
    scene.until(lambda: not sheet.isVisible())


def test_a_picture_of_a_kept_conversation_is_fetched_when_it_is_seen(seeing: Scene, noise_png: Png) -> None:
    scene, gallery = seeing, seeing.chat.view.gallery
    picture = picture_of(noise_png(50, 30, 5))

    async def ask(client: Any) -> str:
        from paddock.sdk.types import SendRequest

        chat = (await client.create_chat(NewChat(model=scene.dialogue.model))).summary.id
        async for _ in client.send(chat, SendRequest(content="?", pictures=(picture,))):
            pass
        return chat

    scene.chat.open(scene.ask(ask))
    scene.until(lambda: bool(scene.dialogue.messages))
    scene.until(lambda: gallery.image(picture.hash) is not None)
    assert gallery.image(picture.hash).width() == 50


def test_a_pasted_picture_is_taken_and_can_be_taken_out_again(seeing: Scene) -> None:
    scene, composer = seeing, seeing.chat.composer
    mime = QMimeData()
    mime.setImageData(QImage.fromData(painted()))
    assert composer.field.canInsertFromMimeData(mime)
    composer.field.insertFromMimeData(mime)
    scene.until(lambda: bool(composer.pictures.shown))
    assert composer.button.isEnabled()
    (thumb,) = composer.pictures.findChildren(type(composer.attach))
    assert thumb.accessibleName() == "Take out picture 1"
    thumb.click()
    assert not composer.pictures.isVisible()
    assert not composer.button.isEnabled()


def test_a_model_that_cannot_see_says_so_and_nothing_is_lost(seeing: Scene, noise_png: Png, tmp_path: Path) -> None:
    scene, composer = seeing, seeing.chat.composer
    (tmp_path / "horse.png").write_bytes(noise_png(60, 40, 2))
    drop(composer, tmp_path / "horse.png")
    scene.until(lambda: bool(composer.pictures.shown))
    scene.take_model("fast")
    scene.until(lambda: bool(composer.blind))
    assert composer.attach.accessibleName() == "Put text files into the message"
    scene.type_and_send("What is this?")
    assert composer.pictures.shown
    assert "cannot see pictures" in scene.window.bar.texts()[0]
    composer.pictures.put(())
    for notice in list(scene.window.bar.rows()):
        notice.gone.emit(False)
    scene.until(lambda: not scene.window.bar.texts())
    drop(composer, tmp_path / "horse.png")
    scene.until(lambda: bool(scene.window.bar.texts()))
    assert not composer.pictures.shown


def test_a_conversation_keeps_the_pictures_that_were_to_be_sent_in_it(seeing: Scene) -> None:
    scene, composer = seeing, seeing.chat.composer
    scene.type_and_send("first")
    scene.answered()
    chat = scene.dialogue.chat
    composer.pictures.add(shown_of(painted()))
    scene.chat.new_chat()
    assert not composer.pictures.shown
    scene.chat.open(chat)
    assert len(composer.pictures.shown) == 1


def test_files_that_are_no_pictures_are_named(seeing: Scene, tmp_path: Path) -> None:
    scene, composer = seeing, seeing.chat.composer
    (tmp_path / "broken.png").write_bytes(b"nothing")
    (tmp_path / "gone.jpg").write_bytes(b"")
    drop(composer, tmp_path / "broken.png", tmp_path / "gone.jpg", tmp_path / "none.gif")
    scene.until(lambda: bool(scene.window.bar.texts()))
    said = scene.window.bar.texts()[0]
    assert "broken.png" in said
    assert "gone.jpg: The picture’s file is empty." in said
    assert "none.gif could not be read" in said


def test_a_picture_that_ends_in_the_middle_is_refused(noise_png: Png) -> None:
    with pytest.raises(BadRequest, match="damaged"):
        shown_of(noise_png(200, 200)[:200])


def test_what_waits_in_line_leaves_the_pictures_of_the_draft_alone(seeing: Scene) -> None:
    scene, composer = seeing, seeing.chat.composer
    composer.set_running(True)
    composer.set_text("next")
    composer.field.submitted.emit()
    assert composer.queue.texts == ("next",)
    composer.pictures.add(shown_of(painted()))
    composer.set_running(False)
    scene.answered()
    assert scene.dialogue.messages[0].content == "next"
    assert not scene.dialogue.messages[0].pictures
    assert len(composer.pictures.shown) == 1


def test_a_picture_that_is_read_when_the_conversation_is_left_belongs_to_it(
    seeing: Scene, noise_png: Png, tmp_path: Path
) -> None:
    scene, composer = seeing, seeing.chat.composer
    scene.type_and_send("first")
    scene.answered()
    chat = scene.dialogue.chat
    (tmp_path / "horse.png").write_bytes(noise_png(60, 40, 9))
    drop(composer, tmp_path / "horse.png")
    scene.chat.new_chat()
    scene.until(lambda: not composer._reading)
    assert not composer.pictures.shown
    scene.chat.open(chat)
    assert len(composer.pictures.shown) == 1


def test_a_question_that_comes_back_brings_its_pictures_to_those_of_the_draft(seeing: Scene) -> None:
    scene, composer = seeing, seeing.chat.composer
    first, later = shown_of(painted(30, 30)), shown_of(painted(31, 31))
    scene.chat.view.gallery.put(first.picture.hash, first.thumbnail)
    composer.pictures.add(later)
    scene.dialogue.returned = (first.picture,)
    scene.dialogue.given_back.emit("What is this?")
    assert [shown.picture for shown in composer.pictures.shown] == [first.picture, later.picture]


def test_what_is_sent_while_a_picture_is_read_waits_for_it(seeing: Scene, noise_png: Png, tmp_path: Path) -> None:
    scene, composer = seeing, seeing.chat.composer
    (tmp_path / "horse.png").write_bytes(noise_png(60, 40, 7))
    drop(composer, tmp_path / "horse.png")
    composer.set_text("What is this?")
    composer.field.submitted.emit()
    assert not scene.dialogue.messages
    scene.until(lambda: bool(scene.dialogue.messages))
    scene.answered()
    assert len(scene.dialogue.messages[0].pictures) == 1
    (tmp_path / "broken.png").write_bytes(b"nothing")
    drop(composer, tmp_path / "broken.png")
    composer.set_text("And this?")
    composer.field.submitted.emit()
    scene.until(lambda: bool(scene.window.bar.texts()))
    assert composer.text() == "And this?"
    composer.set_text("")


def test_other_formats_are_written_anew_and_a_message_takes_eight(seeing: Scene) -> None:
    strip = seeing.chat.composer.pictures
    shown = shown_of(painted(name="TIFF") if b"tiff" in _formats() else painted(name="PPM"))
    assert shown.picture.media_type == "image/png"
    assert (shown.picture.width, shown.picture.height) == (60, 40)
    assert all(strip.add(shown_of(painted(20 + number, 20))) for number in range(MOST))
    assert not strip.add(shown_of(painted(50, 50)))
    assert strip.add(strip.shown[0])
    strip.put(())
    large = shown_of(painted(50, 50))
    huge = replace(large.picture, hash="0", data=bytes(LARGEST_BYTES))
    assert strip.add(large)
    assert not strip.add(Shown(huge, large.thumbnail))
    with pytest.raises(BadRequest):
        shown_of(b"nothing")


def test_the_question_of_a_comparison_says_that_it_has_pictures(seeing: Scene) -> None:
    row = QuestionRow()
    said = []
    for pictures in (0, 1, 2):
        row.show_question("What is this?", 1, 1, editable=True, pictures=pictures)
        said.append(row.who.text())
    assert said == ["You", "You, with a picture", "You, with 2 pictures"]


def test_large_opaque_pictures_become_jpeg() -> None:
    image = QImage(1600, 1400, QImage.Format.Format_RGB32)
    image.fill(QColor("red"))
    assert picture_of(encoded(image)).media_type == "image/jpeg"


def _formats() -> list[bytes]:
    from PySide6.QtGui import QImageReader

    return [bytes(name.data()) for name in QImageReader.supportedImageFormats()]
