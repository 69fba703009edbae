"""The parts of a download: names on the disk, spans and their record, speed and limit."""

from __future__ import annotations

import asyncio
import errno
import os
import random

import pytest

from paddock.browser import download_part
from paddock.browser.download_fetch import retry_after
from paddock.browser.download_names import files_here, folder_of
from paddock.browser.download_pace import Limiter, Speed
from paddock.browser.download_part import Part, Spans
from paddock.browser.hub import HubFile, Listing
from paddock.sdk.downloads import DownloadFile
from paddock.sdk.errors import ModelUnusable

REPO = "owner/repo"


BAD_NAMES = [
    "../../x.gguf", "/etc/x.gguf", "a/../x.gguf", "C:x.gguf", "C:\\x.gguf", "..\\x.gguf", "CON.gguf", "nul",
    "a/aux.gguf", "LPT1.gguf", "x.gguf.", "x.gguf ", "x" * 300 + ".gguf", "a\0b.gguf", "a\nb.gguf", ".hidden.gguf",
    "~/x.gguf", "a//b", "a:b.gguf", "b\u202effug.gguf", "x\udc80.gguf",
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_lead_elsewhere_are_refused(name):
    file = HubFile(name, 1, "")
    with pytest.raises(ModelUnusable) as refusal:
        files_here(Listing(REPO, "r", (file,)), (file,))
    assert refusal.value.message.isprintable()


def test_files_that_would_be_called_the_same_are_told_apart_or_refused():
    files = (HubFile("Q4/m.gguf", 1, ""), HubFile("Q8/m.gguf", 1, ""))
    assert [file.name for file in files_here(Listing(REPO, "r", files), files)] == ["Q4-m.gguf", "Q8-m.gguf"]
    twins = (HubFile("a/m.gguf", 1, ""), HubFile("a/M.gguf", 1, ""))
    with pytest.raises(ModelUnusable, match="capitals"):
        files_here(Listing(REPO, "r", twins), twins)


@pytest.mark.parametrize("repo", ["../x", "x/..", "CON/x", "x/nul"])
def test_repositories_that_cannot_be_folders_are_refused(repo):
    with pytest.raises(ModelUnusable):
        folder_of(repo)


def test_spans_join_and_tell_their_gaps():
    made = random.Random(7)
    for _ in range(200):
        there, spans = bytearray(60), Spans()
        for _ in range(made.randrange(12)):
            start, end = sorted((made.randrange(61), made.randrange(61)))
            there[start:end] = b"\1" * (end - start)
            spans.add(start, end)
        assert spans.size == sum(there)
        missing = bytearray(b"\1" * 60)
        for start, end in spans.gaps(60):
            assert start < end
            missing[start:end] = bytes(end - start)
        assert missing == there


def test_a_record_tells_only_of_bytes_that_reached_the_disk(tmp_path, monkeypatch):
    file = DownloadFile(path="x", name="x.gguf", size=100, sha256="s")
    part = Part(tmp_path, file)
    part.open()
    part.write(0, b"a" * 10)
    part.checkpoint()
    part.write(10, b"b" * 10)

    def failing(descriptor: int) -> None:
        raise OSError(errno.EIO, "gone")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", failing)
        with pytest.raises(OSError, match="gone"):
            part.checkpoint()
    part.close()
    again = Part(tmp_path, file)
    again.open()
    assert again.gaps() == [(10, 100)]
    again.close()
    other = Part(tmp_path, DownloadFile(path="x", name="x.gguf", size=100, sha256="another version"))
    other.open()
    assert other.have == 0
    other.close()


def test_a_file_takes_its_room_before_its_bytes_come_unless_told_otherwise(tmp_path):
    taken = []
    for reserve in (True, False):
        part = Part(tmp_path / str(reserve), DownloadFile(path="x", name="x.gguf", size=2**20, sha256="s"))
        part.open(reserve=reserve)
        part.close()
        status = part.path.stat()
        assert status.st_size == 2**20
        taken.append(status.st_blocks * 512)
    if hasattr(os, "posix_fallocate"):
        assert taken[0] >= 2**20
    assert taken[1] < 2**20


def test_what_the_system_took_counts_until_it_is_started_again(tmp_path, monkeypatch):
    file = DownloadFile(path="x", name="x.gguf", size=100, sha256="s")
    gaps = {}
    for boot in ("this", "this", "next"):
        monkeypatch.setattr(download_part, "boot_id", lambda boot=boot: boot)
        part = Part(tmp_path, file)
        part.open()
        gaps[boot] = part.gaps()
        part.write(0, b"a" * 10)
        part.note()
        part.close()
    assert gaps == {"this": [(10, 100)], "next": [(0, 100)]}


def test_the_speed_neither_jumps_nor_forgets():
    now = [0.0]
    speed = Speed(lambda: now[0])
    told = []
    for step in range(60):
        now[0] += 0.5
        speed.add(10_000_000 if step % 2 else 0)
        told.append(speed.read())
    assert told[:3] == [None] * 3
    assert all(7_500_000 < value < 12_500_000 for value in told[8:])


@pytest.mark.anyio
async def test_the_limit_holds():
    limiter = Limiter(lambda: 1_000_000)
    loop = asyncio.get_running_loop()
    before = loop.time()
    await asyncio.gather(*(limiter.take(100_000) for _ in range(4)))
    assert loop.time() - before >= 0.25


def test_retry_after_is_a_number_or_a_date():
    assert retry_after("12") == 12
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after("soon") == retry_after("") == 0
