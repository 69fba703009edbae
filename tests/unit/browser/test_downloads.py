"""Downloads from a hub that misbehaves: what arrives is right, little is fetched twice, nothing leaves its folder."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paddock.browser import download_part
from paddock.browser.download_fetch import Tuning
from paddock.browser.downloads import Downloads
from paddock.browser.hub import Hub
from paddock.sdk.downloads import Download
from paddock.sdk.errors import BadRequest, ModelNotFound, ModelUnusable, NotFound, StorageFailed

pytestmark = pytest.mark.anyio
MEGABYTE = 2**20
REPO = "owner/repo"
MODEL = "owner/repo:Q4_K_M"
QUICK = Tuning(piece=MEGABYTE, silence_s=60, retry_s=0.01, longest_s=0.05, tries=4, margin=0)


@pytest.fixture(scope="module")
def shards() -> dict[str, bytes]:
    """A model of 9 MB in three files."""
    made = random.Random(4)
    return {f"Q4_K_M/m-Q4_K_M-{n:05}-of-00003.gguf": made.randbytes(3 * MEGABYTE + n) for n in (1, 2, 3)}


class Desk:
    """A queue of downloads in ``home``, and all that it told."""

    def __init__(self, home: Path, hub: Any) -> None:
        self.models = home / "models"
        self.seen: list[Download | None] = []
        self.arrivals = 0
        self._told = asyncio.Event()
        self._home = home
        self._hub = hub
        self.queue = self._make(QUICK)

    def _make(self, tuning: Tuning) -> Downloads:
        return Downloads(
            self.models,
            self._home / "downloads.json",
            hub=lambda: Hub(self._hub.url),
            changed=self._changed,
            arrived=self._arrived,
            tuning=tuning,
        )

    def _changed(self, id: str, download: Download | None) -> None:
        self.seen.append(download)
        self._told.set()

    async def _arrived(self) -> None:
        self.arrivals += 1

    async def restart(self, tuning: Tuning = QUICK) -> None:
        """As after the end of the program."""
        await self.queue.close()
        self.queue = self._make(tuning)
        await self.queue.open()

    async def until(self, wanted: Callable[[Download], bool], id: str = MODEL) -> Download:
        async with asyncio.timeout(90):
            while not wanted(self.queue.find(id)):
                self._told.clear()
                if not wanted(self.queue.find(id)):
                    await self._told.wait()
        return self.queue.find(id)

    async def ended(self, id: str = MODEL) -> Download:
        return await self.until(lambda download: download.state in ("done", "failed", "paused"), id)

    def files(self) -> dict[str, str]:
        """Everything below the home with its checksum, without the list."""
        paths = (path for path in self._home.rglob("*") if path.is_file() and "downloads.json" not in path.name)
        return {str(path.relative_to(self._home)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@pytest.fixture
async def desk(hub, tmp_path, shards) -> AsyncIterator[Desk]:
    hub.add(REPO, shards)
    made = Desk(tmp_path / "home", hub)
    made.models.mkdir(parents=True)
    yield made
    hub.leaving.set()
    await made.queue.close()


def right(shards: dict[str, bytes]) -> dict[str, str]:
    return {
        f"models/owner/repo/{path.rpartition('/')[2]}": hashlib.sha256(data).hexdigest()
        for path, data in shards.items()
    }


async def test_all_files_of_a_model_arrive_together_and_nothing_else_is_left(desk, hub, shards):
    added = await desk.queue.add(REPO)
    assert added.model == MODEL
    done = await desk.ended()
    assert (done.state, done.error, done.done_bytes) == ("done", None, done.total_bytes)
    assert desk.files() == right(shards)
    assert done.path == str(desk.models / "owner/repo/m-Q4_K_M-00001-of-00003.gguf")
    assert hub.sent == done.total_bytes
    assert desk.arrivals == 1
    assert not desk.queue.busy()


async def test_getting_it_again_fetches_nothing(desk, hub, shards):
    await desk.queue.add(MODEL)
    await desk.ended()
    sent = hub.sent
    assert (await desk.queue.add(MODEL)).state == "done"
    await desk.queue.cancel(MODEL)
    assert desk.files() == right(shards)
    await desk.queue.add(MODEL)
    assert (await desk.ended()).state == "done"
    assert hub.sent == sent


async def test_faults_on_the_way_are_survived_without_fetching_much_twice(desk, hub, shards):
    await desk.restart(replace(QUICK, silence_s=0.5))
    hub.faults.cuts = [300_000, 0, 700_001, 10**9, 5]
    hub.faults.stalls = [-1, -1, -1, 200_000]
    hub.faults.statuses = [(200, {}), (503, {}), (200, {}), (429, {"Retry-After": "0"}), (200, {}), (403, {})]
    await desk.queue.add(MODEL)
    done = await desk.ended()
    assert (done.state, done.error) == ("done", None)
    assert desk.files() == right(shards)
    assert hub.sent < done.total_bytes * 1.02


async def test_a_flipped_byte_is_found_and_only_the_beginning_is_fetched_again(desk, hub, shards):
    hub.faults.flips = [1000]
    await desk.queue.add(MODEL)
    done = await desk.ended()
    assert (done.state, done.error) == ("done", None)
    assert desk.files() == right(shards)
    assert hub.sent <= done.total_bytes + 4 * MEGABYTE


async def test_a_hub_that_always_lies_is_said_to(desk, hub, shards):
    hub.faults.flips = [1000] * 100
    await desk.queue.add(MODEL)
    failed = await desk.ended()
    assert failed.state == "failed"
    assert "checksum" in failed.error.message
    assert not any("owner" in name for name in desk.files())
    hub.faults.flips = []
    await desk.queue.resume(MODEL)
    assert (await desk.ended()).state == "done"
    assert desk.files() == right(shards)


async def test_a_pause_and_a_restart_lose_nothing(desk, hub, shards):
    hub.faults.rate = MEGABYTE
    await desk.queue.add(MODEL)
    await desk.until(lambda download: download.done_bytes > MEGABYTE)
    paused = await desk.queue.pause(MODEL)
    assert (paused.state, paused.speed) == ("paused", None)
    await desk.restart()
    assert desk.queue.find(MODEL).state == "paused"
    assert (await desk.queue.resume(MODEL)).state in ("queued", "running")
    await desk.until(lambda download: download.state == "running")
    await desk.restart()  # goes on by itself
    hub.faults.rate = 0
    done = await desk.ended()
    assert desk.files() == right(shards)
    assert hub.sent < done.total_bytes * 1.2


async def test_cancelling_removes_what_came(desk, hub):
    hub.faults.rate = MEGABYTE
    await desk.queue.add(MODEL)
    await desk.until(lambda download: download.done_bytes > 0)
    await desk.queue.cancel(MODEL)
    assert desk.files() == {}
    assert desk.queue.all() == ()
    assert desk.seen[-1] is None
    with pytest.raises(NotFound):
        desk.queue.find(MODEL)


async def test_what_no_download_owns_is_told_and_removed_only_on_demand(desk, hub, shards):
    hub.faults.rate = MEGABYTE
    await desk.queue.add(MODEL)
    await desk.until(lambda download: download.done_bytes > 0)
    download = await desk.queue.pause(MODEL)
    staging = desk.models / ".downloads"
    lost = staging / "0badf00d"
    lost.mkdir(parents=True)
    (lost / "lost.gguf.part").write_bytes(bytes(MEGABYTE))
    (lost / "lost.gguf.part.json").write_text("{}")
    (staging / "stray").write_text("x")
    found = await desk.queue.remains()
    assert [(one.id, one.files) for one in found] == [("0badf00d", ("lost.gguf",)), ("stray", ("stray",))]
    assert found[0].size_bytes >= MEGABYTE
    for id in (download.id, "..", "0badf00d/..", ""):
        with pytest.raises(NotFound):
            await desk.queue.remove_remains(id)
    for one in found:
        await desk.queue.remove_remains(one.id)
    assert await desk.queue.remains() == []
    assert os.listdir(staging) == [download.id]


async def test_the_queue_keeps_its_order_and_can_be_reordered(desk, hub):
    hub.faults.rate = 256 * 1024
    for name in ("a", "b", "c"):
        hub.add(f"owner/{name}", {f"{name}-Q4_K_M.gguf": name.encode() * 1000})
    first = await desk.queue.add(MODEL)
    await desk.until(lambda download: download.state == "running")
    for name in ("a", "b", "c"):
        await desk.queue.add(f"owner/{name}")
    await desk.queue.move("owner/c:Q4_K_M", 0)
    assert [download.repo for download in desk.queue.all()] == ["owner/c", REPO, "owner/a", "owner/b"]
    assert desk.queue.find(first.id).state == "running"
    await desk.queue.pause("owner/a:Q4_K_M")
    await desk.queue.cancel(MODEL)
    await desk.ended("owner/b:Q4_K_M")
    ended = [download.repo for download in desk.seen if download is not None and download.state == "done"]
    assert ended == ["owner/c", "owner/b"]


async def test_a_full_disk_pauses_with_a_sentence(desk, hub, shards, monkeypatch):
    def full(descriptor: int, at: int, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(download_part, "_write", full)
        await desk.queue.add(MODEL)
        paused = await desk.ended()
    assert paused.state == "paused"
    assert "full" in paused.error.message
    await desk.queue.resume(MODEL)
    assert (await desk.ended()).error is None
    assert desk.files() == right(shards)


async def test_room_is_looked_for_before_the_first_byte(desk, hub):
    await desk.restart(Tuning(margin=2**60))
    await desk.queue.add(MODEL)
    paused = await desk.ended()
    assert paused.state == "paused"
    assert "more are needed" in paused.error.message
    assert hub.sent == 0


async def test_a_hub_that_is_gone_is_given_up_after_some_tries(desk, hub, shards):
    hub.faults.statuses = [(503, {})] * 400
    await desk.queue.add(MODEL)
    failed = await desk.ended()
    assert failed.state == "failed"
    assert "503" in failed.error.message
    assert any("Trying again" in download.note for download in desk.seen if download) or failed.note == ""
    hub.faults.statuses = []
    await desk.queue.resume(MODEL)
    await desk.ended()
    assert desk.files() == right(shards)


async def test_a_damaged_list_is_set_aside_and_a_newer_one_is_refused(desk, tmp_path):
    record = tmp_path / "home" / "downloads.json"
    record.write_text("{")
    await desk.restart()
    assert record.with_name("downloads.json.bad").read_text() == "{"
    record.write_text('{"version": 99}')
    with pytest.raises(StorageFailed, match="newer"):
        await desk.restart()


async def test_a_file_that_was_replaced_upstream_is_fetched_anew(desk, hub, shards):
    await desk.queue.add(MODEL)
    await desk.ended()
    changed = dict(shards)
    path = next(iter(changed))
    changed[path] = bytes(reversed(changed[path]))
    hub.add(REPO, changed)
    sent = hub.sent
    await desk.queue.add(MODEL)
    await desk.ended()
    assert desk.files() == right(changed)
    assert hub.sent == sent + len(changed[path])


@pytest.mark.parametrize("source", ["", "no-repo", "../..", "https://example.org/x.gguf", "a/b/c"])
async def test_what_is_no_model_of_the_hub_is_refused(desk, source):
    with pytest.raises((BadRequest, ModelNotFound, ModelUnusable)):
        await desk.queue.add(source)
    assert desk.queue.all() == ()
