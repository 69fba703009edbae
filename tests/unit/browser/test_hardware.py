from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from paddock.browser import hardware
from paddock.browser.container import memory_limit
from paddock.browser.graphics import Nvidia, amd_memory
from paddock.browser.hardware import free_now, this_machine, users_of
from paddock.sdk.memory import MACHINE_MEMORY, MemoryDevice
from paddock.sdk.types import Device

GB = 2**30


class Nvml:
    """Stands in for ``pynvml``: cards as (name, total, free); free None is a chip without memory of its own."""

    class NVMLError(Exception):
        value = 0

    NVML_ERROR_GPU_IS_LOST = 15

    def __init__(self, *cards: tuple[str, int, int | None], driver: bool = True) -> None:
        self.cards = cards
        self.driver = driver
        self.lost: set[int] = set()
        self.held: dict[int, int] = {}

    def _failure(self, value: int) -> Exception:
        error = self.NVMLError()
        error.value = value
        return error

    def nvmlInit(self) -> None:
        if not self.driver:
            raise self._failure(12)

    def nvmlDeviceGetCount(self) -> int:
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetUUID(self, index: int) -> str:
        return f"GPU-{index:08d}"

    def nvmlDeviceGetName(self, index: int) -> str:
        return self.cards[index][0]

    def nvmlDeviceGetMemoryInfo(self, index: int) -> SimpleNamespace:
        if index in self.lost:
            raise self._failure(self.NVML_ERROR_GPU_IS_LOST)
        _, total, free = self.cards[index]
        if free is None:
            raise self._failure(3)
        return SimpleNamespace(total=total, free=free)

    def nvmlDeviceGetComputeRunningProcesses(self, index: int) -> list[SimpleNamespace]:
        return [SimpleNamespace(pid=pid, usedGpuMemory=size) for pid, size in self.held.items()]

    def nvmlDeviceGetGraphicsRunningProcesses(self, index: int) -> list[SimpleNamespace]:
        raise self._failure(3)


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Nvml:
    library = Nvml(("NVIDIA RTX A", 25 * GB, 20 * GB), ("NVIDIA RTX A", 25 * GB, 5 * GB))
    monkeypatch.setattr(hardware, "_nvidia", lambda: Nvidia(library))
    return library


def card(name: str, description: str = "NVIDIA RTX A", **fields: object) -> Device:
    return Device(name=name, description=description, kind="gpu", total_bytes=24 * GB, free_bytes=7 * GB, **fields)  # type: ignore[arg-type]


def test_this_computer_has_a_processor_and_memory() -> None:
    machine = this_machine()
    memory = machine.devices[0]

    assert machine.cpu
    assert machine.cores >= 1
    assert memory.name == MACHINE_MEMORY
    assert memory.free is not None
    assert 0 < memory.free <= memory.total <= psutil.virtual_memory().total


def test_only_graphics_cards_of_an_engine_are_devices_beside_the_memory() -> None:
    devices = (
        Device(name="CPU", kind="cpu", total_bytes=GB),
        Device(name="BLAS", kind="accelerator", total_bytes=GB),
        card("ROCm0", "Some card"),
        card("ROCm0", "Some card"),
    )
    machine = this_machine(devices)

    assert [device.name for device in machine.devices] == [MACHINE_MEMORY, "ROCm0"]
    assert machine.devices[1].free == 7 * GB, "what the engine said a moment ago"
    assert free_now(machine)[1].free is None, "an old figure is none"


def test_the_driver_tells_what_is_free_on_each_card_now(nvml: Nvml) -> None:
    machine = this_machine((card("CUDA0"), card("CUDA1"), card("Vulkan0")))
    assert [device.free for device in machine.devices[1:]] == [20 * GB, 5 * GB, 20 * GB]
    assert [device.total for device in machine.devices[1:]] == [24 * GB] * 3

    nvml.cards = (("NVIDIA RTX A", 25 * GB, 1 * GB), nvml.cards[1])
    assert free_now(machine)[1].free == 1 * GB


def test_a_card_that_is_lost_is_left_out(nvml: Nvml) -> None:
    machine = this_machine((card("CUDA0"), card("CUDA1")))
    nvml.lost = {0}

    assert [device.name for device in free_now(machine)] == [MACHINE_MEMORY, "CUDA1"]


def test_a_chip_without_memory_of_its_own_shares_the_machines(nvml: Nvml) -> None:
    nvml.cards = (("NVIDIA GB10", 0, None),)
    machine = this_machine((card("CUDA0", "NVIDIA GB10"), Device(name="Vulkan0", kind="igpu", total_bytes=GB)))

    assert [device.shares_ram for device in machine.devices] == [False, True, True]
    now = free_now(machine)
    assert now[2].free == min(GB, now[0].free or 0)


def test_cards_that_are_hidden_from_cuda_are_not_counted() -> None:
    library = Nvml(("A", GB, 1), ("B", GB, 2), ("C", GB, 3))

    assert Nvidia(library, visible="2,0").names == ("C", "A")
    assert Nvidia(library, visible="GPU-00000001").names == ("B",)
    assert Nvidia(library, visible="1,-1,0").names == ("B",)
    assert Nvidia(library, visible="").names == ()
    assert Nvidia(Nvml(driver=False)).names == ()


def test_a_computer_without_a_driver_has_no_cards_of_nvidia() -> None:
    device = MemoryDevice(name="CUDA0", kind="gpu", description="NVIDIA RTX A", total=GB)

    assert Nvidia(Nvml(driver=False)).match([device]) == {}


def test_amd_cards_are_read_from_the_system(tmp_path: Path) -> None:
    for number, (total, used) in {0: (0, 0), 1: (16 * GB, 6 * GB), 10: (8 * GB, GB), 2: (4 * GB, 0)}.items():
        folder = tmp_path / f"card{number}" / "device"
        folder.mkdir(parents=True)
        if total:
            (folder / "mem_info_vram_total").write_text(f"{total}\n")
            (folder / "mem_info_vram_used").write_text(f"{used}\n")

    assert amd_memory(tmp_path) == [(16 * GB, 10 * GB), (4 * GB, 4 * GB), (8 * GB, 7 * GB)]
    assert amd_memory(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/\n", {"memory.max": "1000", "memory.current": "700"}, (1000, 550)),
        ("0::/\n", {"memory.max": "max", "memory.current": "700"}, None),
        ("0::/user/app\n", {"user/memory.max": "900", "user/memory.current": "100"}, (900, 800)),
        (
            "0::/user/app\n",
            {
                "user/memory.max": "900",
                "user/memory.current": "800",
                "user/app/memory.max": "500",
                "user/app/memory.current": "100",
            },
            (500, 100),
        ),
        ("0::/not/here\n", {"memory.max": "1000", "memory.current": "1200"}, (1000, 0)),
        (
            "4:cpu,memory:/x\n0::/\n",
            {"memory/x/memory.limit_in_bytes": "1000", "memory/x/memory.usage_in_bytes": "600"},
            (1000, 400),
        ),
        (
            "4:memory:/x\n",
            {"memory/x/memory.limit_in_bytes": "9223372036854771712", "memory/x/memory.usage_in_bytes": "600"},
            None,
        ),
        ("", {}, None),
        ("rubbish\n\n:", {"memory.max": "many", "memory.current": "-"}, None),
    ],
)
def test_limits_of_a_container_bound_its_memory(
    tmp_path: Path, own: str, files: dict[str, str], expected: tuple[int, int] | None
) -> None:
    for name, text in files.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    if expected == (1000, 550):
        (tmp_path / "memory.stat").write_text("anon 450\nfile 260\ninactive_file 200\nactive_file 50\n")
    groups = tmp_path / "own"
    groups.write_text(own)

    assert memory_limit(tmp_path, groups) == expected


def test_the_free_memory_is_read_quickly_and_from_any_thread() -> None:
    machine, found = this_machine(), []
    thread = threading.Thread(target=lambda: found.append(free_now(machine)))
    thread.start()
    thread.join(60)

    assert [device.name for device in found[0]] == [MACHINE_MEMORY]


def test_programs_that_hold_memory_are_named_but_for_our_own(nvml: Nvml) -> None:
    nvml.held = {os.getpid(): 3 * GB, 999_999_999: GB}
    machine = this_machine((card("CUDA0"),))
    code = "import sys; block = bytearray(300 * 2**20); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        name = psutil.Process(process.pid).name()
        others = set(psutil.pids()) - {process.pid}
        (only,) = users_of(machine, ours=others)[MACHINE_MEMORY]
        without = users_of(machine, ours=others | {process.pid})
        cards = users_of(machine)["CUDA0"]
        process.communicate()

    assert only.name == name
    assert 300 * 2**20 <= only.bytes < 600 * 2**20
    assert name not in {holder.name for holder in without[MACHINE_MEMORY]}
    assert [holder.bytes for holder in cards] == [3 * GB, GB]
    assert [holder.bytes for holder in without["CUDA0"]] == [GB]
