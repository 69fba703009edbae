"""Conversations written to files: every format, through the control API of a real host."""

from __future__ import annotations

import csv
import http.client
import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from server_harness import DEADLINE_S, HostProcess, echo_model, until, with_models

from paddock.sdk.blind import blind_order
from paddock.sdk.chats import ExportRequest
from paddock.sdk.errors import StorageFailed
from paddock.sdk.types import ChatMessage, ChatSummary
from paddock.server.chat_archive import ChatRecord
from paddock.server.chat_files import LONGEST, Names, file_name, write_file
from paddock.server.chat_html import HtmlPage
from paddock.server.chat_markdown import closed
from paddock.server.chat_table import table
from paddock.server.chat_transcript import Row, Transcript, transcript

EVIL = (
    "<script>alert(1)</script> [x](javascript:alert(1)) [f](file:///etc/passwd)\n\n"
    "![pic](https://example.org/x.png)\n\n<img src=x onerror=alert(1)>\n\n```html\n<script>alert(2)</script>\n```\n"
)


HOLDING = """
import pathlib, runpy, threading
from paddock.server.chat_html import HtmlPage
write = HtmlPage.write
def held(*given):
    while pathlib.Path({hold!r}).exists():
        threading.Event().wait(0.02)
    yield from write(*given)
HtmlPage.write = held
runpy.run_module("paddock.server", run_name="__main__")
"""
"""A host that writes no page while there is a file ``hold`` in its home."""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    root = with_models(tmp_path_factory.mktemp("home"))
    echo_model(root, "evil", text=EVIL, tokens_per_second=4000)
    started = HostProcess(root, code=HOLDING.format(hold=str(root / "hold"))).ready()
    yield started
    started.close()


def made(host: HostProcess, *questions: str, model: str = "test/paris", **fields: Any) -> str:
    chat: str = host.post("/control/chats", {"model": model, **fields})["summary"]["id"]
    for question in questions:
        list(host.events("POST", f"/control/chats/{chat}/send", {"content": question}))
    return chat


def compared(host: HostProcess, *questions: str) -> str:
    chat = made(host, title="Which is better")
    panes = [{"model": "test/paris", "sampling": {"temperature": 0.125}}, {"model": "test/thinker", "system": "Rhyme."}]
    assert host.post(f"/control/chats/{chat}/panes", panes)
    for question in questions:
        host.post(f"/control/chats/{chat}/ask", {"content": question})
        until(lambda: not host.get("/control/generations"), "the answers")
    return chat


@pytest.fixture(scope="module")
def comparison(host: HostProcess) -> str:
    return compared(host, "Where?", "Sum?")


def exported(host: HostProcess, format: str, **request: Any) -> Any:
    answer = host.http.post("/control/chat-export", json={"format": format, **request}, timeout=DEADLINE_S)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(host: HostProcess, format: str, **request: Any) -> str:
    answer = host.http.post("/control/chat-export", json={"format": format, **request})
    assert answer.status_code >= 400
    error = answer.json()["error"]
    return f"{error['message']} {error['hint']}"


def test_markdown_reads_as_the_conversation_did(host):
    chat = made(host, "Where?", title="Capitals", system="Be brief.")
    list(host.events("POST", f"/control/chats/{chat}/send", {"content": "Sum?", "model": "test/thinker"}))
    done = exported(host, "markdown", chats=[chat], numbers=True)
    text = done["text"]
    assert (done["chats"], done["messages"]) == (1, 4)
    assert text.index("# Capitals") < text.index("Be brief.") < text.index("## You") < text.index("## paris")
    assert "The capital of France is Paris." in text
    assert re.search(r"<details><summary>Reasoning, [\d.]+ s</summary>\n\nTwo and two\.\n\n</details>\n\nFour\.", text)
    assert re.search(r"\*\d+ tokens · [\d.]+ tokens/s · first token after", text)
    plain = exported(host, "markdown", chats=[chat], reasoning=False)["text"]
    assert "Two and two" not in plain
    assert "tokens/s" not in plain


def test_versions_are_written_when_asked_for_and_only_then(host):
    chat = made(host, "one", "two")
    first = host.get(f"/control/chats/{chat}")["messages"][0]["id"]
    list(host.events("POST", f"/control/chats/{chat}/send", {"regenerate": first, "content": "uno"}))
    shown = exported(host, "markdown", chats=[chat])
    assert (shown["messages"], "two" in shown["text"]) == (2, False)
    whole = exported(host, "markdown", chats=[chat], versions=True)
    assert whole["messages"] == 6
    assert re.search(r"## You \(2 of 2\)\n\nuno\n\n<details><summary>Another version: 1 of 2</summary>", whole["text"])
    assert whole["text"].index("one") < whole["text"].index("two") < whole["text"].index("\n\n## paris")


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


@pytest.mark.parametrize("paper", [False, True])
def test_a_page_runs_nothing_and_fetches_nothing(paper):
    messages = [
        ChatMessage(id="q", chat_id="c", parent=None, role="user", content=EVIL),
        ChatMessage(id="a", chat_id="c", parent="q", role="assistant", content=EVIL, reasoning=EVIL, model=EVIL),
    ]
    summary = ChatSummary(id="c", title=EVIL, created=1, updated=1, system=EVIL, tags=(EVIL,), model=EVIL)
    record = ChatRecord(summary=summary, origin="", messages=tuple(messages), folder=(EVIL,))
    read = transcript(record, ExportRequest(format="html"))
    page = "".join(HtmlPage(side_by_side=False, paper=paper).write(EVIL, [read]))
    tags = _Tags()
    tags.feed(page)
    assert not tags.tags & {"script", "img", "iframe", "link", "object", "embed", "form", "base"}
    assert not [name for name, _ in tags.attributes if name.startswith("on")]
    addresses = {value for name, value in tags.attributes if name in ("href", "src", "action", "background")}
    assert addresses == {"https://example.org/x.png"}  # the picture, as a link
    assert "@import" not in page
    assert "url(" not in page
    assert page.count("&lt;script&gt;alert(1)") >= 6


def test_a_page_of_the_host_escapes_what_models_write(host):
    text = exported(host, "html", chats=[made(host, EVIL, model="test/evil", title="<b>")])["text"]
    assert "<script" not in text
    assert "<title>&lt;b&gt;</title>" in text
    assert "prefers-color-scheme: dark" in text


def test_panes_stand_side_by_side_turn_by_turn(host, comparison):
    chat = comparison
    page = exported(host, "html", chats=[chat], side_by_side=True)["text"]
    assert page.count('<table class="panes"') == 2
    assert page.count("The capital of France is Paris.") == page.count("Four.") == 2
    assert "temperature 0.125" in page
    rows = list(csv.reader(io.StringIO(exported(host, "csv", chats=[chat])["text"].removeprefix("\ufeff"))))
    assert rows[0] == ["turn", "question", "1 · paris", "2 · thinker"]
    assert rows[1:] == [
        ["1", "Where?", "The capital of France is Paris.", "Four."],
        ["2", "Sum?", "The capital of France is Paris.", "Four."],
    ]
    beside = exported(host, "markdown", chats=[chat], side_by_side=True)["text"]
    assert "<tr><th>1 · paris</th><th>2 · thinker</th></tr>" in beside
    after = exported(host, "markdown", chats=[chat])["text"]
    assert after.index("## You") < after.index("### 1 · paris") < after.index("### 2 · thinker")


@pytest.mark.parametrize("format", ["markdown", "html", "csv", "jsonl"])
@pytest.mark.parametrize("beside", [False, True])
def test_a_blind_export_gives_nothing_away(host, comparison, format, beside):
    chat = comparison
    text = exported(host, format, chats=[chat], side_by_side=beside, blind=True, numbers=True, versions=True)["text"]
    styles = re.compile(r"<style>.*?</style>", re.DOTALL)
    told = styles.sub("", text)
    for secret in ("test/", "paris", "thinker", "temperature", "0.125", "Rhyme", "silk", "tokens", "ttft", "origin"):
        assert secret not in told, secret
    assert not re.search(r"\d\.\d+ s\b", told)
    if format in ("csv", "html"):
        panes = [pane["id"] for pane in host.get(f"/control/chats/{chat}")["panes"]]
        turn = host.get(f"/control/chats/{chat}")["messages"][0]["turn"]
        first = "The capital" if blind_order(chat, turn, panes)[0] == panes[0] else "Four."
        told = told[told.index("Where?") :]
        other = "Four." if first == "The capital" else "The capital"
        if format == "csv" or beside:
            assert told.index(first) < told.index(other)


def test_json_lines_are_openai_messages_of_what_is_shown(host):
    chat = made(host, "Where?", title="Capitals", system="Be brief.")
    lines = exported(host, "jsonl", chats=[chat])["text"].splitlines()
    assert len(lines) == 1
    assert json.loads(lines[0])["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Where?"},
        {"role": "assistant", "content": "The capital of France is Paris."},
    ]


def test_a_folder_gets_one_file_for_each_conversation(host, tmp_path):
    folder = host.post("/control/chat-folders", {"name": "Work: a/b"})["id"]
    inner = host.post("/control/chat-folders", {"name": "Inner", "parent": folder})["id"]
    for title, place in (("Same", folder), ("same", folder), ("CON", inner)):
        chat = made(host, title=title)
        host.http.patch(f"/control/chats/{chat}", json={"folder": place})
    hidden = made(host, title="Secret", private=True)
    host.http.patch(f"/control/chats/{hidden}", json={"folder": folder})
    done = exported(host, "markdown", folder=folder, path=str(tmp_path / "out"))
    names = sorted(str(file.relative_to(tmp_path / "out")) for file in (tmp_path / "out").rglob("*.md"))
    assert [name.casefold() for name in names] == [str(Path("inner", "_con.md")), "same (2).md", "same.md"]
    assert done["files"] == [str(tmp_path / "out" / name) for name in names] or len(done["files"]) == 3
    assert done["notes"] == ["1 private conversation was left out; it is exported only by name."]
    before = {file: file.read_bytes() for file in (tmp_path / "out").rglob("*.md")}
    assert "is there already" in refused(host, "markdown", folder=folder, path=str(tmp_path / "out"))
    assert {file: file.read_bytes() for file in (tmp_path / "out").rglob("*.md")} == before
    again = exported(host, "markdown", folder=folder, path=str(tmp_path / "out"), replace=True)
    assert len(again["files"]) == 3
    assert exported(host, "markdown", chats=[hidden])["chats"] == 1


def test_what_cannot_be_written_is_said_and_leaves_nothing(host, tmp_path):
    chat = made(host, title="x")
    blocked = tmp_path / "file"
    blocked.write_text("")
    for path, said in (
        ("relative.md", "is not an absolute path"),
        (str(blocked / "x.md"), "could not be written"),
        (str(blocked), "is there already"),
    ):
        assert said in refused(host, "markdown", chats=[chat], path=path)
    assert "does not exist" in refused(host, "markdown", chats=["nobody"])
    assert "no such folder" in refused(host, "markdown", folder="nobody")
    assert "A PDF is no text" in refused(host, "pdf", chats=[chat])
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_only_ordinary_files_are_replaced(tmp_path):
    (other := tmp_path / "other").mkdir()
    with pytest.raises(StorageFailed, match="is no ordinary file"):
        write_file(other, ["x"], replace=True)
    assert [file.name for file in tmp_path.iterdir()] == ["other"]


def test_an_export_ends_when_nobody_waits_for_it(host, tmp_path):
    chat, out, hold = made(host, "Where?"), tmp_path / "out", host.home.root / "hold"
    hold.touch()
    request = {"format": "html", "chats": [chat], "path": str(out / "x.html")}
    address = urlsplit(host.address["url"])
    leaver = http.client.HTTPConnection(address.hostname, address.port)
    headers = {"Authorization": f"Bearer {host.address['token']}", "X-Paddock-Client": "cli"}
    leaver.request("POST", "/control/chat-export", json.dumps(request), headers)
    until(lambda: out.exists() and list(out.iterdir()), "the export to be written")
    leaver.close()
    assert host.get("/control/handshake"), "that the other has left came before this"
    hold.unlink()
    until(lambda: not list(out.iterdir()), "the end of the export")
    assert not (out / "x.html").exists()


def test_a_pdf_has_pages(host, tmp_path):
    chat = made(host, "Where?", EVIL, model="test/evil", title="Printed")
    target = tmp_path / "printed.pdf"
    exported(host, "pdf", chats=[chat], path=str(target))
    content = target.read_bytes()
    assert content.startswith(b"%PDF-")
    assert re.search(rb"/Type /Page\b", content)
    assert b"Inter" in content
    assert [file.name for file in tmp_path.iterdir()] == ["printed.pdf"]
    assert "is there already" in refused(host, "pdf", chats=[chat], path=str(target))


def test_text_copied_out_of_a_pdf_is_what_was_written(tmp_path):
    page, target = tmp_path / "page.html", tmp_path / "page.pdf"
    page.write_text("<p>2026-11-21 =1+1 (9:30)</p><h1>A-B(C)</h1><pre style='font-family: JetBrains Mono'>a != b</pre>")
    printer = [sys.executable, "-m", "paddock.gui.print_pdf", str(page), str(target)]
    subprocess.run(printer, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"}, check=True, timeout=120)
    tables = re.findall(rb"beginbfrange(.*?)endbfrange", target.read_bytes(), re.DOTALL)  # from glyphs to characters
    known = {chr(int(code, 16)) for table in tables for code in re.findall(rb"<([0-9A-F]{4})>", table)}
    assert known >= set("2026-11-21 =1+1(9:30)A-B(C)a!=b")
    assert "\t" not in known


def test_without_qt_a_pdf_says_what_to_do_instead(monkeypatch):
    from paddock.sdk.errors import BadRequest
    from paddock.server import chat_pdf

    monkeypatch.setattr(chat_pdf.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadRequest, match="PySide6") as caught:
        chat_pdf.check_printer()
    assert "HTML" in caught.value.hint


# -------------------------------------------------------------------- pure parts


@settings(max_examples=50)
@given(st.text(max_size=300))
def test_every_title_is_a_file_name_anywhere(title):
    name = file_name(title, ".md")
    assert name.endswith(".md")
    assert 3 < len(name) <= LONGEST
    assert len(name.encode()) <= 240
    assert not re.search(r'[<>:"/\\|?*\x00-\x1f]', name)
    assert name[0] not in " ." or name == ".md"
    assert not re.match(r"(?i)(con|prn|aux|nul|com\d|lpt\d)\.", name)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ('~"0', "0.md"),
        ("", "Untitled conversation.md"),
        ("../../etc/passwd", "etc passwd.md"),
        ("nul", "_nul.md"),
        ("Aux.txt", "_Aux.txt.md"),
        ("a" * 300, "a" * (LONGEST - 3) + ".md"),
        ("What? Why: because", "What Why because.md"),
        ("trailing. . ", "trailing.md"),
    ],
)
def test_file_names(title, name):
    assert file_name(title, ".md") == name


def test_names_that_differ_in_case_alone_are_numbered(tmp_path):
    names = Names()
    taken = [names.take(tmp_path, title, ".md").name for title in ("Chat", "chat", "CHAT", "other")]
    assert taken == ["Chat.md", "chat (2).md", "CHAT (3).md", "other.md"]


def test_an_open_code_block_does_not_swallow_what_follows():
    assert closed("```py\nx = 1").endswith("\n```")
    assert closed("~~~~\n```\n~~~\n").endswith("\n~~~~")
    assert closed("```\nx\n```") == "```\nx\n```"
    assert closed("no fence") == "no fence"


def test_a_table_computes_nothing_in_a_spreadsheet():
    from paddock.server.chat_transcript import Entry

    asked = [Entry(who="You", role="user", text=text) for text in ("=1+1", "-5", "- a list", "@x", "+49 30", "fine")]
    read = Transcript(title="t", rows=tuple(Row(entry) for entry in asked))
    rows = list(csv.reader(io.StringIO(table([read], numbers=False).removeprefix("\ufeff"))))
    assert [row[1] for row in rows[1:]] == ["'=1+1", "-5", "'- a list", "'@x", "'+49 30", "fine"]


def test_the_time_for_a_line_grows_no_faster_than_the_line():
    def took(length: int) -> float:
        message = ChatMessage(id="q", chat_id="c", parent=None, role="user", content="x" * length)
        summary = ChatSummary(id="c", title="t", created=1, updated=1)
        record = ChatRecord(summary=summary, origin="", messages=(message,))
        began = time.thread_time()
        page = "".join(
            HtmlPage(side_by_side=False, paper=True).write("t", [transcript(record, ExportRequest(format="pdf"))])
        )
        spent = time.thread_time() - began
        assert max(map(len, re.split("[\u200b\\s]", page))) < 1000
        return spent

    took(1000)  # what is loaded at the first time
    long, short = min(took(1_000_000) for _ in range(2)), max(took(100_000) for _ in range(4))
    assert long < 40 * short, "a hundred times as much, if every character cost the whole line"
