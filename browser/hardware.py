"""This computer: its processor, its memory and its graphics cards, what is free of them and who holds the rest."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

import msgspec

from paddock.browser.container import memory_limit
from paddock.browser.graphics import DeviceLost, Nvidia, amd_memory
from paddock.sdk.memory import MACHINE_MEMORY, Holder, Machine, MemoryDevice
from paddock.sdk.types import Device

_CPUINFO = Path("/proc/cpuinfo")
_AVX512F = 41
"""PF_AVX512F_INSTRUCTIONS_AVAILABLE of Windows."""
_NEAR = 0.05
"""A driver's total of a card and an engine's differ by what the driver keeps for itself."""
_HOLDERS, _HOLDER_BYTES = 5, 64 * 2**20


def this_machine(engine_devices: Sequence[Device] = ()) -> Machine:
    """This computer with the graphics cards among ``engine_devices``: others are of no use to an engine.

    Blocks for some milliseconds, on macOS for a process; raises nothing for hardware that is missing.
    """
    cards = {device.name: _card(device) for device in engine_devices if device.kind in ("gpu", "igpu")}
    machine = Machine(
        name="This computer",
        devices=(_machine_memory(), *cards.values()),
        cpu=_cpu_name(),
        cores=_cores(),
        avx512=has_avx512(),
    )
    # Where no driver tells what is free now, what the engine has just told stands.
    told = {device.name: device.free_bytes for device in engine_devices}
    fresh = {device.name: device for device in free_now(machine)}
    devices = (fresh.get(device.name, device) for device in machine.devices)
    filled = (d if d.free is not None else msgspec.structs.replace(d, free=told.get(d.name)) for d in devices)
    return msgspec.structs.replace(machine, devices=tuple(filled))


def free_now(machine: Machine) -> tuple[MemoryDevice, ...]:
    """The devices of ``machine``, which is this one, as they are now; a card that was lost is left out.

    ``free`` is None where no driver tells it. Takes a millisecond, starts no process, any thread.
    """
    memory = _machine_memory()
    cards = machine.devices[1:]
    matched, amd = _nvidia().match(cards), _match_amd(cards) if cards else {}
    devices = [memory]
    for card in cards:
        try:
            told = _nvidia().memory(matched[card.name]) if card.name in matched else amd.get(card.name)
        except DeviceLost:
            continue
        if card.shares_ram or (card.name in matched and told is None):
            bound = card.total or memory.total
            devices.append(msgspec.structs.replace(card, shares_ram=True, free=min(memory.free or 0, bound)))
        else:
            devices.append(msgspec.structs.replace(card, free=told[1] if told else None))
    return tuple(devices)


def users_of(machine: Machine, ours: Collection[int] = ()) -> dict[str, tuple[Holder, ...]]:
    """The programs that hold most of each device of ``machine``, largest first, but for the process ids ``ours``.

    Looks at every process: tens of milliseconds, so in a thread and every few seconds at most.
    """
    import psutil

    sizes: Counter[str] = Counter()
    names: dict[int, str] = {}
    for process in psutil.process_iter(["name", "memory_info"]):
        names[process.pid] = name = process.info["name"] or str(process.pid)
        memory = process.info["memory_info"]
        if memory is not None and process.pid not in ours:
            sizes[name] += memory.rss - getattr(memory, "shared", 0)
    users = {machine.devices[0].name: _largest(sizes)} if machine.devices else {}
    for device, index in _nvidia().match(machine.devices[1:]).items():
        held: Counter[str] = Counter()
        for pid, size in _nvidia().processes(index).items():
            if pid not in ours:
                held[names.get(pid, str(pid))] += size
        users[device] = _largest(held)
    return users


def _largest(sizes: Counter[str]) -> tuple[Holder, ...]:
    return tuple(Holder(name=name, bytes=size) for name, size in sizes.most_common(_HOLDERS) if size >= _HOLDER_BYTES)


@cache
def _nvidia() -> Nvidia:
    """NVML is one library for the process, and is opened once."""
    return Nvidia(visible=os.environ.get("CUDA_VISIBLE_DEVICES"))


def _machine_memory() -> MemoryDevice:
    import psutil

    memory = psutil.virtual_memory()
    total, free = int(memory.total), int(memory.available)
    if limit := memory_limit():
        total, free = min(total, limit[0]), min(free, limit[1])
    return MemoryDevice(name=MACHINE_MEMORY, total=total, free=min(free, total))


def _card(device: Device) -> MemoryDevice:
    apple = sys.platform == "darwin" and platform.machine() == "arm64"
    return MemoryDevice(
        name=device.name,
        kind=device.kind,
        description=device.description,
        total=device.total_bytes or 0,
        free=device.free_bytes,
        shares_ram=apple or device.kind == "igpu",
    )


def _match_amd(cards: Iterable[MemoryDevice]) -> Mapping[str, tuple[int, int]]:
    """AMD's cards are told apart by their size: the system does not know the engine's names for them."""
    found = amd_memory()
    matched: dict[str, tuple[int, int]] = {}
    for card in cards:
        near = [told for told in found if card.total and abs(told[0] - card.total) <= card.total * _NEAR]
        if near and not card.shares_ram and any(word in card.description for word in ("AMD", "Radeon")):
            matched[card.name] = near[0]
            found.remove(near[0])
    return matched


def _cores() -> int:
    import psutil

    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    return min(cores, len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else cores


def _cpu_name() -> str:
    match sys.platform:
        case "darwin":
            return _sysctl("machdep.cpu.brand_string")
        case "win32":
            return _registry()
        case _:
            return _cpuinfo() or platform.machine()


def has_avx512() -> bool:
    """Whether this computer's processor has AVX-512F. On macOS blocks for a process."""
    match sys.platform:
        case "darwin":
            return _sysctl("hw.optional.avx512f") == "1"
        case "win32":
            return _present(_AVX512F)
        case _:
            return "avx512f" in _cpuinfo("flags").split()


def _cpuinfo(name: str = "model name", path: Path = _CPUINFO) -> str:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def _present(feature: int) -> bool:
    if sys.platform != "win32":
        return False
    import ctypes

    return bool(ctypes.windll.kernel32.IsProcessorFeaturePresent(feature))


def _sysctl(name: str) -> str:
    try:
        answer = subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, timeout=2, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()


def _registry() -> str:
    if sys.platform != "win32":
        return ""
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"HARDWARE\DESCRIPTION\System\CentralProcessor\0") as key:
            return str(winreg.QueryValueEx(key, "ProcessorNameString")[0]).strip()
    except OSError:
        return ""
