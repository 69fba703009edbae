"""Pictures in the window: dropped, pasted and chosen into a message, sent, shown with it, opened, and refused where the
model cannot see them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import shiboken6
from hands import click
from module_files import load_file
from msgspec.structs import replace
from PySide6.QtCore import QBuffer, QIODevice, QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QColor, QDropEvent, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from paddock.gui.host_state import HostState
from paddock.gui.pages.chat_pictures import PictureSheet
from paddock.gui.pages.composer_pictures import MOST, Shown, encoded, shown_of
from paddock.gui.pages.draft_pictures import PictureDrafts
from paddock.gui.widgets.buttons import PaintedButton
from paddock.gui.widgets.conversation.endings import ending
from paddock.gui.window_state import read
from paddock.sdk.errors import BadRequest, HostUnavailable
from paddock.sdk.pictures import LARGEST_BYTES, picture_of
from paddock.sdk.types import LoadedModel, NewChat, Pane

Scene = Any
Png = Callable[..., bytes]
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def seeing(chat_scene: Scene) -> Scene:
    """The module's window with a model that has a projector beside it."""
    scene = chat_scene
    folder = Path(os.environ["PADDOCK_HOME"]) / "models" / "test" / "seer"
    if not folder.exists():
        folder.mkdir(parents=True)
        (folder / "seer.echo.json").write_text(json.dumps({"text": "A horse.", "tokens_per_second": 400}))
        (folder.parent / "unseeing").mkdir()
        (folder.parent / "unseeing" / "unseeing.echo.json").write_text(json.dumps({"text": "Words.", "blind": True}))
        gguf_file = load_file("unit/browser/gguf_file.py")
        projectors = load_file("unit/backends/llamacpp/architectures/projectors.py")
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
    scene.dialogue.given_back.emit("What is this?", (first.picture,))
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


def test_panes_that_see_answer_about_a_picture_and_the_others_say_why_not(
    seeing: Scene, noise_png: Png, tmp_path: Path
) -> None:
    scene, composer = seeing, seeing.chat.composer
    compare = scene.chat.compare
    compare.begin("", model="", system="", panes=tuple(Pane(model=scene.model(name)) for name in ("seer", "unseeing")))
    scene.until(lambda: compare.shown and len(compare.view.panes) == 2)
    view = compare.view
    seer, blind = view.grid.panes
    (tmp_path / "horse.png").write_bytes(noise_png(60, 40, 11))
    drop(composer, tmp_path / "horse.png")
    scene.until(lambda: bool(composer.pictures.shown))
    assert "cannot see the pictures" in blind._trouble[0]
    assert not seer._trouble[0]
    scene.type_and_send("What is this?")
    assert not composer.pictures.shown
    scene.until(lambda: not view.session.running and all(view.session.answer(p, view.turn) for p in view.panes))
    answers = [view.session.answer(pane.pane, view.turn) for pane in (seer, blind)]
    assert [answer.state for answer in answers] == ["done", "failed"]
    assert ending(answers[1]).remedy == "Choose another model"
    (thumb,) = view.question.thumbs.findChildren(PaintedButton)
    assert thumb.accessibleName() == "Picture 1, 60 × 40 pixels. Open"
    click(thumb)
    scene.until(lambda: any(isinstance(widget, PictureSheet) for widget in QApplication.topLevelWidgets()))
    (sheet,) = [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, PictureSheet)]
    assert (sheet.isVisible(), sheet.windowTitle()) == (True, "Picture, 60 × 40 pixels")
    QTest.keyClick(sheet, Qt.Key.Key_Escape)
    scene.until(lambda: not shiboken6.isValid(sheet))
    scene.type_and_send("And what is beside it?")
    scene.until(lambda: len(view.session.turns()) == 2 and not view.session.running)
    assert not view.question.thumbs.pictures
    chat = view.chat
    scene.chat.new_chat()
    scene.chat.open(chat)
    scene.until(lambda: len(view.session.turns()) == 2)
    view.follower.step(-1)
    assert [(picture.width, picture.height) for picture in view.question.thumbs.pictures] == [(60, 40)]
    scene.until(lambda: view.gallery.image(view.question.thumbs.pictures[0].hash) is not None)
    composer.pictures.add(shown_of(painted()))
    scene.chat.new_chat()
    assert not composer.pictures.shown
    scene.chat.open(chat)
    assert len(composer.pictures.shown) == 1


def test_where_no_pane_sees_the_question_is_not_sent(seeing: Scene) -> None:
    scene, composer = seeing, seeing.chat.composer
    scene.chat.compare.begin("", model="", system="", panes=(Pane(model=scene.model("unseeing")),) * 2)
    scene.until(lambda: scene.chat.compare.shown and len(scene.chat.compare.view.panes) == 2)
    composer.pictures.add(shown_of(painted()))
    scene.type_and_send("What is this?")
    assert scene.window.bar.texts() == ["None of these models can see pictures. Choose one with vision."]
    assert len(composer.pictures.shown) == 1
    assert not scene.chat.compare.view.session.turns()
    scene.chat.new_chat()
    assert (composer.text(), len(composer.pictures.shown)) == ("What is this?", 1), "the draft of a new chat"
    composer.pictures.put(())
    composer.set_text("")


def test_the_pictures_of_a_draft_are_there_after_a_restart_until_it_is_sent(
    open_window: Callable[[], Scene], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HostState, "sees", lambda self, model: True)

    def kept() -> list[str]:
        return sorted(path.name for path in home.joinpath("drafts").glob("*"))

    scene = open_window()
    scene.show()
    (home / "drafts").mkdir(exist_ok=True)
    (home / "drafts" / ("0" * 64)).write_bytes(b"left by a window that was killed")
    first, later = shown_of(painted(30, 30)), shown_of(painted(31, 31))
    scene.chat.composer.pictures.put((first, later))
    scene.chat.composer.pictures.put((first,))
    scene.until(lambda: kept() == [first.picture.hash])
    state = home / "window.json"
    scene.until(lambda: state.exists() and read(state).draft_pictures == {"": (replace(first.picture, data=None),)})
    (home / "copy.json").write_bytes(state.read_bytes())  # what a kill would leave
    scene.window._quitting = True
    scene.close()
    state.write_bytes((home / "copy.json").read_bytes())

    again = open_window()
    again.show()
    strip = again.chat.composer.pictures
    again.until(lambda: [shown.picture for shown in strip.shown] == [first.picture])
    again.take_model("fast")
    again.type_and_send("What is this?")
    again.answered()
    assert [picture.hash for picture in again.dialogue.messages[0].pictures] == [first.picture.hash]
    again.until(lambda: not kept() and not read(state).draft_pictures)


def test_large_opaque_pictures_become_jpeg() -> None:
    image = QImage(1600, 1400, QImage.Format.Format_RGB32)
    image.fill(QColor("red"))
    assert picture_of(encoded(image)).media_type == "image/jpeg"


def _formats() -> list[bytes]:
    from PySide6.QtGui import QImageReader

    return [bytes(name.data()) for name in QImageReader.supportedImageFormats()]


def test_files_of_drafts_whose_conversations_are_gone_are_removed(seeing: Scene, tmp_path: Path) -> None:
    kept, gone = shown_of(painted(40, 30)), shown_of(painted(41, 31))
    for shown in (kept, gone):
        (tmp_path / shown.picture.hash).write_bytes(shown.picture.data or b"")
    (tmp_path / "note.txt").write_text("not ours")
    stored = {"": (replace(kept.picture, data=None),), "gone": (replace(gone.picture, data=None),)}
    drafts = PictureDrafts(seeing.host, tmp_path, stored, seeing.window)
    drafts.keep_only(["another"])
    seeing.until(lambda: {path.name for path in tmp_path.iterdir()} == {kept.picture.hash, "note.txt"})
    assert [shown.picture for shown in drafts.read(drafts.stored(""))] == [kept.picture]
    assert drafts.names("") == {"": stored[""]}


def test_a_loaded_model_sees_by_the_projector_that_it_has(seeing: Scene) -> None:
    host, found = seeing.host, []
    for projector in ("/elsewhere/mmproj.gguf", "off"):
        options = {"mmproj": projector}
        host.loaded["tried"] = LoadedModel(id="tried", model="tried", engine="e", state="ready", options=options)
        found.append(host.sees("tried"))
    del host.loaded["tried"]
    assert found == [True, False]
    assert not host.sees("tried")


def test_files_of_drafts_are_written_when_the_host_is_there_again(
    seeing: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts, shown = PictureDrafts(seeing.host, tmp_path, {}, seeing.window), shown_of(painted(33, 33))
    with monkeypatch.context() as away:
        away.setattr(seeing.host, "call", lambda job, then, failed, owner: failed(HostUnavailable("Gone.")))
        drafts.show((shown,))
    assert not list(tmp_path.iterdir())
    seeing.host.snapshot.emit()
    seeing.until(lambda: [path.name for path in tmp_path.iterdir()] == [shown.picture.hash])
