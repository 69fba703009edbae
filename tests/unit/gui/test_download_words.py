"""How downloads and jobs are put in words and in order."""

from __future__ import annotations

from typing import Any

from paddock.gui.models.downloads import amount, download_item, items, job_item, left_words, summary
from paddock.sdk.downloads import Download, DownloadFile
from paddock.sdk.errors import ErrorInfo
from paddock.sdk.jobs import Job
from paddock.sdk.types import ModelInfo

GB = 10**9


def download(id: str = "a", size: int = 5 * GB, **changes: Any) -> Download:
    file = DownloadFile(path="m.gguf", name="m.gguf", size=size)
    given = {"model": "Qwen/Qwen3-8B-GGUF:Q4_K_M", "repo": "Qwen/Qwen3-8B-GGUF", "revision": "1" * 40, **changes}
    return Download(id=id, files=(file,), **given)


def test_a_running_download_says_how_far_how_fast_and_how_long():
    running = download(state="running", done_bytes=1_200_000_000, speed=12e6, seconds_left=230.0)
    item = download_item(running)
    assert (item.title, item.about) == ("Qwen3-8B-GGUF", "Q4_K_M · Qwen")
    assert item.line == "1.2 of 5.0 GB · 12.0 MB/s · 4 min left"
    assert item.fraction == 0.24


def test_checksums_are_said_to_be_compared():
    item = download_item(download(state="running", done_bytes=5 * GB, verifying=True, verified_bytes=2 * GB))
    assert item.line == "Comparing checksums, 2.0 of 5.0 GB"
    assert item.fraction == 0.4


def test_both_sizes_are_in_the_unit_of_the_whole_where_that_says_something():
    assert amount(0, 5 * GB) == "0 of 5.0 GB"
    assert amount(40_000_000, 5 * GB) == "40.0 MB of 5.0 GB"  # “0.0” would look as if nothing moved
    assert amount(999_999_999, 5 * GB) == "1.0 of 5.0 GB"
    assert amount(640_000_000, 812_000_000) == "640 of 812 MB"
    assert amount(3 * 10**12, 4 * 10**12) == "3.0 of 4.0 TB"


def test_the_time_left_goes_in_steps_and_never_promises_too_little():
    assert [left_words(seconds) for seconds in (0.2, 12, 88, 91, 3599, 5400, 200_000)] == [
        "5 s left", "15 s left", "90 s left", "2 min left", "60 min left", "2 h left", "3 days left"
    ]  # fmt: skip
    assert left_words(None) == ""


def test_what_is_done_comes_last_the_latest_first_with_its_model():
    model = ModelInfo(id="qwen/q:Q4_K_M", name="Qwen3 8B", engine="llamacpp", path="/m/m.gguf")
    shown = items(
        [
            download("old", state="done", added=1.0),
            download("new", state="done", added=9.0, path="/m/m.gguf"),
            download("failed", state="failed"),
            download("waits", state="queued"),
            download("runs", state="running"),
        ],
        [Job(id="job", kind="import", title="Copy m.gguf", state="running", added=5.0)],
        [model],
    )
    assert [item.id for item in shown] == ["runs", "job", "waits", "failed", "new", "old"]
    assert [item.model for item in shown[-2:]] == ["qwen/q:Q4_K_M", ""]


def test_a_job_tells_its_model_only_once_it_is_done():
    running = Job(id="j", kind="quantize", title="Quantise it", state="running", done_bytes=GB, total_bytes=4 * GB)
    assert job_item(running).line == "1.0 of 4.0 GB"
    assert job_item(Job(id="j", kind="quantize", title="T", state="cancelled", model="m")).model == ""
    assert job_item(Job(id="j", kind="quantize", title="T", state="done", model="m")).model == "m"


def test_the_rail_shows_the_time_of_the_whole_queue():
    running = download("a", state="running", done_bytes=4 * GB, speed=10e6, seconds_left=100.0)
    shown = items([running, download("b", state="queued")], [], [])
    found = summary(shown, ())
    assert found is not None
    assert (found.state, found.fraction, found.words) == ("running", 0.4, "10 min left")


def test_the_rail_shows_what_runs_and_failures_only_when_nothing_does():
    error = ErrorInfo(code="remote_failed", message="The hub is away.")
    failed = download("f", state="failed", error=error)
    running = download("a", state="running", done_bytes=4 * GB, speed=10e6)
    found = summary(items([failed, running], [], []), ())
    assert found is not None
    assert (found.state, found.words) == ("running", "2 min left")
    assert found.sentence == "1 under way or waiting, 2 min left, 1 failed"
    alone = summary(items([failed], [], []), ())
    assert alone is not None
    assert (alone.state, alone.words) == ("failed", "1 failed")


def test_the_rail_is_empty_once_somebody_has_seen_what_is_done():
    shown = items([download("a", state="done")], [], [])
    done = summary(shown, {"a"})
    assert done is not None
    assert done.words == "done"
    assert summary(shown, ()) is None
    assert summary([], ()) is None
