"""What the lines of an engine's log say about a fault: memory that ran out, or a device that is gone.

The words are those of llama.cpp and its backends, of MLX, of the drivers, of the C and C++ libraries and of Linux,
macOS and Windows. Whatever a program may go on after (pinned memory that becomes plain memory, a second try) says
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from paddock.sdk.units import bytes_text

Phase = Literal["", "weights", "kv", "recurrent", "compute", "output", "adapters"]

_SHORT = re.compile(
    r"out of memory|insufficient memory|bad_alloc|MemoryError|cannot allocate memory|not enough memory"
    r"|not enough space in the buffer|paging file is too small|\w*OutOf(?:Device|Host)?Memory"
    r"|OUT_OF_(?:DEVICE_|HOST_)?MEMORY|ALLOC_FAILED|resource allocation failed|OUT_OF_RESOURCES"
    r"|(?:failed|unable) to allocate|(?:cuda|aclrt)Malloc failed|Memory allocation of size \d+ failed"
    r"|exceeds device buffer size limit|Attempting to allocate \d+ bytes",
    re.IGNORECASE,
)
_LOST = re.compile(
    r"(?:CUDA|ROCm|MUSA) error: (?:unspecified launch failure|unknown error|initialization error|driver shutting down"
    r"|CUDA-capable device\(s\) is/are busy or unavailable|no (?:CUDA|ROCm)-capable device is detected"
    r"|invalid device (?:context|ordinal)|context is destroyed|hardware stack error|device not ready"
    r"|the launch timed out and was terminated|system not yet initialized"
    r"|uncorrectable (?:ECC|NVLink) error|.*MPS (?:client|server))"
    r"|device lost|Error_?Device_?Lost|GPU is lost|fallen off the bus|HW Exception by GPU"
    r"|IOGPUCommandBufferCallbackError(?!OutOfMemory)|command buffer \d+ failed with status"
    r"|error state from a previous command buffer failure|Remote RPC server crashed",
    re.IGNORECASE,
)
_GOES_ON = re.compile(
    r"pinned memory|retry|fall(?:ing )?back|fallback|skipping|KV store:|using host memory", re.IGNORECASE
)
_SIZE = re.compile(
    r"(?:of size|buffer of|allocat\w+|buffer, size =|output buffer of size) +(?P<size>[\d.]+) ?(?P<unit>MiB|MB|bytes)?"
)
_UNITS = {"MiB": 2**20, "MB": 2**20}
_DEVICE = re.compile(r"allocate (?!CPU)([A-Za-z]+\d+) buffer")
_PHASES: tuple[tuple[Phase, str], ...] = (
    ("kv", "kv cache"),
    ("recurrent", "rs cache"),
    ("recurrent", "compressor state"),
    ("adapters", "lora adapter"),
    ("adapters", "control vector"),
    ("output", "output buffer"),
    ("compute", "compute buffer"),
    ("compute", "compute pp buffer"),
    ("compute", "compute tg buffer"),
    ("compute", "allocate graph"),
    ("weights", "error loading model"),
)
_PURPOSES: dict[Phase, str] = {
    "": "",
    "weights": " for the weights",
    "kv": " for the KV cache",
    "recurrent": " for the state of the recurrent layers",
    "compute": " for the computation",
    "output": " for the output",
    "adapters": " for the adapters",
}


class Shortage(msgspec.Struct, frozen=True, kw_only=True):
    """Memory that could not be had. ``needed_bytes`` is the piece that was asked for in vain, 0 where nobody said;
    ``device`` is the engine's name of it, empty for the machine's own memory."""

    phase: Phase = ""
    needed_bytes: int = 0
    device: str = ""

    def sentence(self, start: str) -> str:
        """``start`` (“Memory ran out”) with what is known."""
        where = f" on {self.device}" if self.device else ""
        if not self.needed_bytes:
            return f"{start}{where}{_PURPOSES[self.phase]}."
        return f"{start}{where}: {bytes_text(self.needed_bytes)} were needed{_PURPOSES[self.phase]}."

    def details(self) -> dict[str, Any]:
        """What is known, for :attr:`paddock.sdk.errors.OutOfMemory.details`."""
        known = {"phase": self.phase, "needed_bytes": self.needed_bytes, "device": self.device}
        return {name: value for name, value in known.items() if value}


def shortage(lines: Sequence[str]) -> Shortage | None:
    """What memory ran out for according to ``lines``, oldest first; None where they do not speak of it."""
    found = [at for at, line in enumerate(lines) if _SHORT.search(line) and not _GOES_ON.search(line)]
    if not found:
        return None
    about = [lines[at] for at in found]
    text = "\n".join(lines[found[0] :]).lower()
    phase: Phase = next((name for name, word in _PHASES if word in text), "")
    sizes = [_bytes(size) for line in about for size in _SIZE.finditer(line)]
    device = next((name[1] for line in about if (name := _DEVICE.search(line))), "")
    return Shortage(phase=phase, needed_bytes=max(sizes, default=0), device=device)


def lost_device(lines: Sequence[str]) -> bool:
    """Whether a device stopped working for this process, as after a sleep or a reset: a new process may use it."""
    return shortage(lines) is None and any(_LOST.search(line) for line in lines)


def _bytes(found: re.Match[str]) -> int:
    return round(float(found["size"].rstrip(".") or 0) * _UNITS.get(found["unit"] or "", 1))
