"""A process that behaves like a host of another version: holds the lock, writes its address, answers the handshake.

Run as ``python fake_host.py HOME JSON``; JSON may hold ``protocol``, ``busy``, ``refuse`` (shutdown while idle).
"""

from __future__ import annotations

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
from filelock import FileLock

from paddock.sdk.host import HostAddress
from paddock.sdk.paths import Home, boot_id, machine_name

home = Home(Path(sys.argv[1]))
behaviour = json.loads(sys.argv[2])
leave = threading.Event()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer(
            200,
            {
                "instance": "fake",
                "protocol": behaviour.get("protocol", 99),
                "version": "9.9",
                "busy": behaviour.get("busy", []),
                "something": "new",
            },
        )

    def do_POST(self) -> None:
        when = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["when"]
        if when == "idle" and (behaviour.get("busy") or behaviour.get("refuse")):
            error = {"code": "host_busy", "message": "Busy.", "details": {"busy": ["answering in a chat"]}}
            self._answer(409, {"error": error})
        else:
            self._answer(200, {"leaving": True})
            leave.set()

    def _answer(self, status: int, value: object) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


home.run.mkdir(parents=True, exist_ok=True)
lock = FileLock(home.lock_file)
lock.acquire(timeout=0)
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = HostAddress(
    instance="fake",
    protocol=behaviour.get("protocol", 99),
    version="9.9",
    url=f"http://127.0.0.1:{server.server_port}",
    token="t",
    pid=os.getpid(),
    machine=machine_name(),
    boot=boot_id(),
)
home.host_file.write_bytes(msgspec.json.encode(address))
sys.stdout.write("ready\n")
sys.stdout.flush()
leave.wait(600)
