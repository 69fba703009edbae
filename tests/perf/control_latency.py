"""Latency of one control request on a warm connection.

    python tests/perf/control_latency.py [REQUESTS]

Starts a host over an empty data folder and prints milliseconds: median and 99th percentile of
``GET /control/handshake`` through a plain keep-alive socket, the same through the SDK's client, and the ratio of the
first median to the target of 2 ms.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

TARGET_MS = 2.0


def measure(ask: Callable[[], object], requests: int) -> tuple[float, float]:
    """Median and 99th percentile in milliseconds, after a warm-up."""
    for _ in range(50):
        ask()
    times = []
    for _ in range(requests):
        begun = time.perf_counter()
        ask()
        times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times), statistics.quantiles(times, n=100)[98]


def main() -> None:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        host = subprocess.Popen(
            [sys.executable, "-m", "paddock.server"],
            env={**os.environ, "PADDOCK_HOME": folder, "PADDOCK_STORES": "off"},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert host.stdout is not None
        assert host.stdout.readline() == "ready\n"
        started = (time.perf_counter() - begun) * 1000
        address = json.loads((Path(folder) / "run" / "host.json").read_text())
        try:
            raw = plain(address, requests)
            sdk = through_sdk(folder, requests)
        finally:
            host.terminate()
            host.wait()
    report = {
        "start_to_ready_ms": round(started),
        "median_ms": round(raw[0], 3),
        "p99_ms": round(raw[1], 3),
        "sdk_median_ms": round(sdk[0], 3),
        "sdk_p99_ms": round(sdk[1], 3),
        "ratio_to_target": round(raw[0] / TARGET_MS, 3),
    }
    sys.stdout.write(json.dumps(report) + "\n")


def plain(address: dict[str, str], requests: int) -> tuple[float, float]:
    port = int(address["url"].rpartition(":")[2])
    request = (
        f"GET /control/handshake HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {address['token']}\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", port)) as connection:

        def ask() -> None:
            connection.sendall(request)
            received = b""
            while not received.endswith(b"}"):
                received += connection.recv(65536)

        return measure(ask, requests)


def through_sdk(folder: str, requests: int) -> tuple[float, float]:
    from paddock.sdk import Client

    with Client.connect(folder) as client:
        return measure(client.handshake, requests)


if __name__ == "__main__":
    main()
