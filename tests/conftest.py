"""What the tests of engines share: a pool that starts workers, and what it tells. No test sees the models that other
programs of this computer keep."""

from __future__ import annotations

import os
import random
import signal
import struct
import sys
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from paddock.backends.pool import Pool
    from paddock.backends.registry import Registry
    from paddock.sdk.types import LoadedModel

sys.path.append(str(Path(__file__).parent))  # for held_answers

settings.register_profile(
    "paddock",
    deadline=None,  # limits in time are exceeded on a busy machine
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=not any("--hypothesis-seed" in each for each in sys.argv),  # the same tree, the same answer
)
settings.load_profile("paddock")

os.environ["PADDOCK_STORES"] = "off"
"""For every host that a test starts; tests of the stores themselves make their own."""

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a shell; programs of the tests need it
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Changes:
    """What a pool has told, in order."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, LoadedModel | None]] = []

    def __call__(self, key: str, model: LoadedModel | None) -> None:
        self.seen.append((key, model))

    def states(self) -> list[str]:
        """States without repetitions."""
        names = ["gone" if model is None else model.state for _, model in self.seen]
        return [name for i, name in enumerate(names) if i == 0 or names[i - 1] != name]


@pytest.fixture(scope="session")
def noise_png() -> Callable[..., bytes]:
    """Makes a PNG of so many pixels, wide and high, all random; another ``seed`` makes another one."""

    def make(width: int, height: int, seed: int = 0) -> bytes:
        pixels = random.Random(seed).randbytes(3 * width * height)
        row = 3 * width
        lines = b"".join(b"\0" + pixels[at : at + row] for at in range(0, len(pixels), row))
        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in parts
        )

    return make


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
async def pool(registry: Registry, changes: Changes, tmp_path: Path, anyio_backend: object) -> AsyncIterator[Pool]:
    """A pool of the engines in the folder's own fixture ``registry``; its workers end with the test."""
    from paddock.backends.pool import Pool

    made = Pool(registry, changed=changes, logs=tmp_path / "logs")
    yield made
    await made.close()
