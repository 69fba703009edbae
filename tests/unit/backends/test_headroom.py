"""How much a process could have, under a limit that is real."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from paddock.backends.headroom import limit_bytes, memory_error

MIB = 2**20


def test_without_a_limit_it_is_what_the_machine_has_free() -> None:
    assert limit_bytes() < psutil.virtual_memory().total + 64 * MIB
    assert limit_bytes(8 * MIB) < psutil.Process().memory_info().rss + 16 * MIB


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits private memory")
def test_a_limit_of_the_process_is_found_by_asking() -> None:
    code = (
        "import resource; from paddock.backends.headroom import limit_bytes\n"
        f"resource.setrlimit(resource.RLIMIT_DATA, ({500 * MIB}, {500 * MIB}))\n"
        "print(limit_bytes())\n"
        "bytes(limit_bytes() - 64 * 2**20)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 400 * MIB < int(done.stdout) <= 500 * MIB


def test_a_memory_error_says_what_could_be_had() -> None:
    error = memory_error()
    assert error.code == "out_of_memory"
    assert error.details["limit_bytes"] > MIB
