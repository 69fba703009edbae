"""What is free on graphics cards now, as their drivers tell without a process of ours on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from paddock.sdk.memory import MemoryDevice

_DRM = Path("/sys/class/drm")


class DeviceLost(Exception):
    """A card that was there has gone: it fell off the bus, or was taken out."""


class Nvidia:
    """NVIDIA's cards through NVML, with handles that stay open. ``library`` is the module ``pynvml``, ``visible`` what
    ``CUDA_VISIBLE_DEVICES`` says. Any thread. Without a driver there are no cards."""

    def __init__(self, library: Any = None, visible: str | None = None) -> None:
        if library is None:
            import pynvml

            library = pynvml
        self._library = library
        try:
            library.nvmlInit()
            handles = [library.nvmlDeviceGetHandleByIndex(index) for index in range(library.nvmlDeviceGetCount())]
            uuids = [library.nvmlDeviceGetUUID(handle) for handle in handles]
            names = [library.nvmlDeviceGetName(handle) for handle in handles]
        except library.NVMLError:
            handles, uuids, names = [], [], []
        chosen = _visible(uuids, visible)
        self.names: tuple[str, ...] = tuple(names[index] for index in chosen)
        self._handles = [handles[index] for index in chosen]

    def memory(self, index: int) -> tuple[int, int] | None:
        """Total and free bytes of a card; None for a chip without memory of its own. Raises DeviceLost."""
        try:
            info = self._library.nvmlDeviceGetMemoryInfo(self._handles[index])
        except self._library.NVMLError as error:
            if error.value == self._library.NVML_ERROR_GPU_IS_LOST:
                raise DeviceLost(self.names[index]) from None
            return None
        return int(info.total), int(info.free)

    def processes(self, index: int) -> dict[int, int]:
        """Bytes of the card by process id, where the driver tells (Windows’ does not)."""
        held: dict[int, int] = {}
        for kind in ("Compute", "Graphics"):
            try:
                found = getattr(self._library, f"nvmlDeviceGet{kind}RunningProcesses")(self._handles[index])
            except self._library.NVMLError:
                continue
            held |= {process.pid: max(int(process.usedGpuMemory or 0), held.get(process.pid, 0)) for process in found}
        return held

    def match(self, devices: Sequence[MemoryDevice]) -> dict[str, int]:
        """The engine's device names with the numbers of their cards. Cards of one name are in the same order for both;
        the engine may list a card once for each of its ways to it (``CUDA0``, ``Vulkan0``)."""
        matched: dict[str, int] = {}
        used: set[tuple[str, int]] = set()
        for device in devices:
            way = device.name.rstrip("0123456789")
            for index, name in enumerate(self.names):
                if name and name in device.description and (way, index) not in used:
                    used.add((way, index))
                    matched[device.name] = index
                    break
        return matched


def amd_memory(drm: Path = _DRM) -> list[tuple[int, int]]:
    """Total and free bytes of AMD's cards under Linux, in the order of the system."""
    cards = []
    for folder in sorted(drm.glob("card*/device"), key=lambda path: (len(path.parent.name), path.parent.name)):
        total, used = (_number(folder / f"mem_info_vram_{kind}") for kind in ("total", "used"))
        if total:
            cards.append((total, max(total - used, 0)))
    return cards


def _visible(uuids: Sequence[str], visible: str | None) -> list[int]:
    """The cards that CUDA may use, in its order: everything after the first entry that names none is hidden."""
    if visible is None:
        return list(range(len(uuids)))
    chosen: list[int] = []
    for entry in visible.split(","):
        entry = entry.strip()
        found = [i for i, uuid in enumerate(uuids) if entry == str(i) or (len(entry) > 4 and uuid.startswith(entry))]
        if not found:
            break
        chosen.append(found[0])
    return chosen


def _number(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0
