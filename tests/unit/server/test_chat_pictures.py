"""Pictures of kept messages: stored once, shown to the model with every later question, gone with the last message that
has them."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from msgspec import structs

from paddock.sdk import Client
from paddock.sdk.chats import ChatImport, ExportFormat, ExportRequest
from paddock.sdk.compare import AskPanes
from paddock.sdk.errors import BadRequest, NotFound
from paddock.sdk.pictures import Picture, data_url, picture_of
from paddock.sdk.types import Chat, ChatMessage, ChatSummary, NewChat, Pane, SendRequest
from paddock.server.chat_archive import ChatRecord
from paddock.server.chat_files import PictureFolder
from paddock.server.chat_from_jsonl import read_item
from paddock.server.chat_lines import line_of, record_of
from paddock.server.chats import ChatTable
from paddock.server.database import connect

Png = Callable[..., bytes]


@pytest.fixture
def table(tmp_path: Path):
    path = tmp_path / "chats.db"
    made = ChatTable(connect(path), path)
    yield made
    made.close()


def kept(table: ChatTable) -> int:
    with closing(sqlite3.connect(table._path)) as connection:
        return connection.execute("SELECT count(*) FROM pictures").fetchone()[0]


def ask(table: ChatTable, chat: str, *pictures: Picture) -> ChatMessage:
    message = ChatMessage(id=f"{chat}-q", chat_id=chat, parent=None, role="user", content="?", pictures=pictures)
    table.add(ChatSummary(id=chat, title=chat, created=1.0, updated=1.0))
    table.append(chat, [message], "t", 2.0)
    return message


def test_messages_name_their_pictures_and_have_the_files_when_they_are_asked_for(table, noise_png: Png) -> None:
    picture = picture_of(noise_png(20, 10), at=1)
    ask(table, "a", picture)
    (message,) = table.path("a", "a-q")
    assert message.pictures == (structs.replace(picture, data=None),)
    assert table.pictures.shown([message])[0].pictures == (picture,)
    assert table.pictures.get(picture.hash).data == picture.data
    with pytest.raises(NotFound):
        table.pictures.get("0" * 64)


def test_a_picture_goes_with_the_last_message_that_shows_it(table, noise_png: Png) -> None:
    one, other = picture_of(noise_png(20, 10)), picture_of(noise_png(20, 10, 1))
    ask(table, "a", one, other)
    ask(table, "b", one)
    assert kept(table) == 2
    table.delete("a", 3.0)
    assert kept(table) == 2
    table.purge("a")
    assert kept(table) == 1
    assert table.pictures.data(one.hash) is not None
    table.purge("b")
    assert kept(table) == 0


def test_what_is_lost_is_left_out_of_the_prompt(table, noise_png: Png) -> None:
    ask(table, "a", picture_of(noise_png(20, 10)))
    with closing(sqlite3.connect(table._path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM pictures")
    assert table.pictures.shown(table.path("a", "a-q"))[0].pictures == ()


def test_an_exported_conversation_comes_back_with_its_pictures(table, noise_png: Png) -> None:
    picture = picture_of(noise_png(20, 10))
    ask(table, "a", picture)
    line = line_of(table.archive.read("a"), reasoning=True, blind=False)
    table.purge("a")
    import msgspec

    record: ChatRecord = record_of(msgspec.json.decode(line))
    (chat,) = table.archive.write([record])
    messages = table.chat(chat).messages
    assert table.pictures.shown(messages)[0].pictures == (picture,)


def test_a_damaged_picture_of_an_import_is_left_out(table, noise_png: Png) -> None:
    broken = structs.replace(picture_of(noise_png(20, 10)), data=b"no picture")
    ask(table, "a", picture_of(noise_png(9, 9)))
    record = table.archive.read("a")
    record = structs.replace(
        record, origin="elsewhere:a", messages=tuple(structs.replace(m, pictures=(broken,)) for m in record.messages)
    )
    (chat,) = table.archive.write([record])
    assert table.chat(chat).messages[0].pictures == ()


def test_a_question_with_a_picture_is_kept_answered_again_and_copied(shared, noise_png: Png) -> None:
    data = noise_png(30, 20)
    with Client.connect(shared.home, start=False) as client:
        chat = client.create_chat(NewChat(model="test/paris")).summary.id
        sent = SendRequest(content="What is this?", pictures=(picture_of(data),))
        list(client.send(chat, sent))
        question = client.chat(chat).messages[0]
        (picture,) = question.pictures
        assert (picture.width, picture.height, picture.data) == (30, 20, None)
        assert client.picture(picture.hash).data == data
        list(client.send(chat, SendRequest(content="In other words?", regenerate=question.id)))
        assert client.chat(chat).messages[0].pictures == question.pictures
        branch = client.branch_chat(chat)
        assert branch.messages[0].pictures == question.pictures
        exported = client.export_chats(ExportRequest(chats=(chat,), format="markdown"))
        assert "With a picture." in exported.text
        with pytest.raises(BadRequest, match="no picture"):
            list(client.send(chat, SendRequest(content="?", pictures=(Picture(hash="", data=b"nothing"),))))


def test_a_question_with_a_picture_goes_to_all_panes_and_keeps_it(shared, noise_png: Png) -> None:
    data = noise_png(30, 20)
    with Client.connect(shared.home, start=False) as client:
        chat = client.create_chat(NewChat(model="test/paris")).summary.id
        one, two = client.set_panes(chat, [Pane(model="test/paris"), Pane(model="test/blind")]).panes

        def ask(request: AskPanes) -> Chat:
            for begun in client.ask_panes(chat, request):
                list(client.attach(begun.id))
            return client.chat(chat)

        now = ask(AskPanes(content="", pictures=(picture_of(data),)))
        assert now.summary.title == "Picture"
        question = now.paths[one.id][0]
        assert [(picture.width, picture.data) for picture in question.pictures] == [(30, None)]
        assert client.picture(question.pictures[0].hash).data == data
        assert [now.paths[pane.id][1].state for pane in (one, two)] == ["done", "failed"]
        assert now.paths[two.id][1].error["code"] == "no_vision"
        now = ask(AskPanes(turn=question.turn, content="In other words?"))
        assert {path[0].pictures for path in now.paths.values()} == {question.pictures}
        client.adopt_pane(chat, one.id)
        assert client.chat(chat).paths[two.id][0].pictures == question.pictures
        with pytest.raises(BadRequest, match="no picture"):
            ask(AskPanes(content="?", pictures=(Picture(hash="", data=b"nothing"),)))


def test_exports_show_pictures_and_imports_bring_them_back(shared, noise_png: Png, tmp_path: Path) -> None:
    one, two = picture_of(noise_png(30, 20), at=4), picture_of(noise_png(20, 20, 1))
    with Client.connect(shared.home, start=False) as client:
        chat = client.create_chat(NewChat(model="test/paris", title="Cabs and horses")).summary.id
        list(client.send(chat, SendRequest(content="See this.", pictures=(one, two))))
        list(client.send(chat, SendRequest(content="Again.", pictures=(two,))))

        def export(kind: ExportFormat, **more: bool) -> tuple[Path, tuple[str, ...]]:
            file = tmp_path / f"my cabs.{kind}"
            exported = client.export_chats(ExportRequest(chats=(chat,), format=kind, path=str(file), **more))
            return file, exported.notes

        file, notes = export("markdown")
        folder = tmp_path / "my cabs-pictures"
        assert notes == (f"2 pictures in {folder}.",)
        assert [path.read_bytes() for path in sorted(folder.iterdir())] == [one.data, two.data]
        assert file.read_text().count("](my%20cabs-pictures/picture-2.png)") == 2
        file.unlink()
        (folder.parent / f"{folder.name} (2)").write_text("a file in the way")
        assert export("markdown")[1] == (f"2 pictures in {folder} (3).",), "the folder may be somebody else's"
        assert "](my%20cabs-pictures%20%283%29/picture-1.png)" in file.read_text()
        (folder / "picture-1.png").write_bytes(b"somebody else's")
        export("markdown", replace=True)
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert files == {"picture-1.png": b"somebody else's", "picture-2.png": two.data, "picture-3.png": one.data}
        page = export("html")[0].read_text()
        assert page.count(f'<img src="{data_url(two)}" width="20" height="20" alt="Picture 2, 20 × 20 pixels">') == 1
        assert "img-src data:" in page
        assert export("pdf")[0].read_bytes().count(b"/Subtype /Image") >= 2
        kept = client.chat(chat).messages
        line = export("jsonl")[0]
        assert line.read_text().count(base64.b64encode(two.data or b"").decode()) == 2, "not once more beside them"
        parts = json.loads(line.read_text())["messages"][0]["content"]
        assert [part.get("text", part["type"]) for part in parts] == ["image_url", "See ", "image_url", "this."]
        client.delete_chat(chat)
        client.purge_chat(chat)
        (back,) = client.import_chats(ChatImport(path=str(line))).chats
        assert [message.pictures for message in client.chat(back).messages] == [message.pictures for message in kept]
        assert client.picture(one.hash).data == one.data


def test_a_document_that_is_not_written_leaves_no_pictures_and_takes_none_away(noise_png: Png, tmp_path: Path) -> None:
    one, two = picture_of(noise_png(30, 20)), picture_of(noise_png(20, 20, 1))
    for others in ({}, {"picture-1.png": one.data or b"", "note.txt": b"mine"}):
        for name, data in others.items():
            (tmp_path / "a-pictures").mkdir(exist_ok=True)
            (tmp_path / "a-pictures" / name).write_bytes(data)
        pictures = PictureFolder(tmp_path / "a.md", replace=True)
        assert [pictures.address(picture)[-5] for picture in (one, two, one)] == ["1", "2", "1"]
        pictures.undo()
        left = {path.name: path.read_bytes() for path in tmp_path.glob("a-pictures/*")}
        assert left == others
        assert (tmp_path / "a-pictures").exists() == bool(others)


def test_pictures_of_openai_messages_are_brought_along_and_those_that_lie_elsewhere_are_told(noise_png: Png) -> None:
    picture = picture_of(noise_png(30, 20), at=3)
    parts = [
        {"type": "text", "text": "See"},
        {"type": "image_url", "image_url": {"url": data_url(picture)}},
        {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,Ä"}},
        {"type": "text", "text": "this"},
    ]
    (record,) = read_item({"messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": parts}]})
    assert isinstance(record, ChatRecord)
    assert [message.pictures for message in record.messages] == [(picture,), ()]
    assert record.messages[0].content == "See\n\nthis"
    assert "5 images were left out" in record.lost
