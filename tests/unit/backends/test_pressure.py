"""Memory pressure, from recorded samples."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from paddock.backends.pressure import Level, PressureMonitor, Sample, Trend, level_of, linux_sample, read_sample

pytestmark = pytest.mark.anyio

GIB = 2**30
QUIET = Sample(available=12 * GIB, total=24 * GIB, some=0.0, full=0.0)


@pytest.mark.parametrize(
    ("sample", "level"),
    [
        (QUIET, "none"),
        (Sample(available=GIB, total=24 * GIB, some=0.0, full=0.0), "none"),
        (Sample(available=300 * 2**20, total=24 * GIB, some=2.0, full=0.5), "some"),
        (Sample(available=100 * 2**20, total=24 * GIB, some=0.0, full=0.0), "critical"),
        (Sample(available=5 * GIB, total=24 * GIB, some=14.0, full=4.0), "some"),
        (Sample(available=5 * GIB, total=24 * GIB, some=40.0, full=22.0), "critical"),
        (Sample(available=2 * GIB, total=128 * GIB), "none"),
        (Sample(available=300 * 2**20, total=8 * GIB), "some"),
        (Sample(available=100 * 2**20, total=8 * GIB), "critical"),
        (Sample(available=100 * 2**20, total=8 * GIB, reported=1), "none"),
        (Sample(available=8 * GIB, total=8 * GIB, reported=2), "some"),
        (Sample(available=8 * GIB, total=8 * GIB, reported=4), "critical"),
    ],
)
def test_each_system_is_believed_in_its_own_terms(sample: Sample, level: Level) -> None:
    assert level_of(sample) == level


def test_two_samples_raise_the_level_and_five_lower_it() -> None:
    trend = Trend()
    recorded: list[Level] = ["some", "none", "some", "some", "critical", "some", "critical", "critical"]
    assert [trend.add(level) for level in recorded] == [
        "none", "none", "none", "some", "some", "some", "some", "critical"
    ]  # fmt: skip
    calm: list[Level] = ["some", "none", "none", "none", "none", "none"]
    assert [trend.add(level) for level in calm] == ["critical"] * 4 + ["some", "none"]


def group(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_a_container_counts_as_the_machine(tmp_path: Path) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    group(proc / "self", cgroup="0::/app\n")
    group(
        proc / "pressure",
        memory="some avg10=3.00 avg60=1.00 avg300=0.00 total=1\nfull avg10=1.00 avg60=0 avg300=0 total=1\n",
    )
    machine = Sample(available=20 * GIB, total=24 * GIB)
    assert linux_sample(machine, proc, groups) == Sample(available=20 * GIB, total=24 * GIB, some=3.0, full=1.0)
    group(
        groups / "app",
        memory__max=f"{4 * GIB}\n",
        memory__current=f"{4 * GIB - 2**20}\n",
        memory__stat=f"anon 5\nfile 99999999\nactive_file {2**20}\ninactive_file {2**21}\n",
        memory__pressure="some avg10=55.00 avg60=0 avg300=0 total=1\nfull avg10=33.30 avg60=0 avg300=0 total=1\n",
    )
    inside = linux_sample(machine, proc, groups)
    assert inside == Sample(available=2**22, total=4 * GIB, some=55.0, full=33.3)
    assert level_of(inside) == "critical"


def test_a_container_of_the_first_generation_and_one_without_a_limit(tmp_path: Path) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    group(proc / "self", cgroup="4:cpu,memory:/old\n0::/\n")
    group(
        groups / "memory" / "old",
        memory__limit_in_bytes=f"{GIB}\n",
        memory__usage_in_bytes=f"{GIB // 2}\n",
        memory__stat="total_active_file 10\ntotal_inactive_file 20\n",
    )
    machine = Sample(available=20 * GIB, total=24 * GIB)
    assert linux_sample(machine, proc, groups) == Sample(available=GIB // 2 + 30, total=GIB)
    (groups / "memory" / "old" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert linux_sample(machine, proc, groups) == machine


def test_this_machine_can_be_read() -> None:
    sample = read_sample()
    assert 0 < sample.available <= sample.total


class Told:
    """A pool that remembers what it was told."""

    def __init__(self) -> None:
        self.levels: list[Level] = []
        self.loaded = True
        self.fails = False

    async def relieve(self, level: Level) -> None:
        self.levels.append(level)
        if self.fails:
            raise RuntimeError("no")

    async def look(self, monitor: PressureMonitor, times: int) -> list[Level]:
        self.levels.clear()
        for _ in range(times):
            await monitor.look()
        return self.levels


async def test_a_rise_is_told_at_once_then_now_and_then_and_its_end_once() -> None:
    told, now = Told(), [QUIET]
    monitor = PressureMonitor(told.relieve, lambda: told.loaded, read=lambda: now[0])
    assert await told.look(monitor, 20) == []
    now[0] = Sample(available=8 * GIB, total=8 * GIB, reported=2)
    assert await told.look(monitor, 2) == ["some"]
    assert await told.look(monitor, 5) == ["some"]
    now[0] = Sample(available=8 * GIB, total=8 * GIB, reported=4)
    assert await told.look(monitor, 4) == ["critical"] * 3
    now[0] = QUIET
    assert await told.look(monitor, 30) == ["critical"] * 4 + ["none"]


async def test_nothing_is_read_while_nothing_is_loaded_and_the_end_is_told() -> None:
    told, now = Told(), [Sample(available=1, total=GIB)]
    reads = []
    monitor = PressureMonitor(told.relieve, lambda: told.loaded, read=lambda: reads.append(1) or now[0])  # type: ignore[func-returns-value]
    assert await told.look(monitor, 2) == ["critical"]
    told.loaded = False
    reads.clear()
    assert await told.look(monitor, 5) == ["none"]
    assert not reads


async def test_a_relief_that_fails_does_not_end_the_watch() -> None:
    told = Told()
    told.fails = True
    ticks: asyncio.Queue[None] = asyncio.Queue()

    async def pause(seconds: float) -> None:
        await ticks.get()

    monitor = PressureMonitor(
        told.relieve, lambda: True, read=lambda: Sample(available=1, total=GIB), pause=pause
    )  # fmt: skip
    running = asyncio.create_task(monitor.run())
    for _ in range(4):
        ticks.put_nowait(None)
    async with asyncio.timeout(60):
        while len(told.levels) < 3:
            await asyncio.sleep(0)
    assert monitor.level == "critical"
    running.cancel()
