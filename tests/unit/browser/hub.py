"""A small Hugging Face for tests: lists repositories, leads to a second address as the hub leads to its CDN, and serves
files with ranges. It can be told to misbehave, and remembers what it was asked and how much it sent.

::

    with LocalHub() as hub:
        hub.add("owner/repo", {"model-Q4_K_M.gguf": data})
        Hub(hub.url).files("owner/repo")
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import unquote, urlsplit

_RANGE = re.compile(r"bytes=(\d+)-(\d+)?$")
_PIECE = 64 * 1024


@dataclass(frozen=True)
class Blob:
    """A file of ``size`` bytes: ``head``, and then zeros that nobody has to keep."""

    head: bytes
    size: int

    @functools.cached_property
    def sha256(self) -> str:
        """A real one for a file that is nothing but its head."""
        rest = b"" if len(self.head) == self.size else str(self.size).encode()
        return hashlib.sha256(self.head + rest).hexdigest()

    def read(self, start: int, end: int) -> bytes:
        data = self.head[start:end]
        return data + bytes(end - start - len(data))


@dataclass
class Repo:
    files: dict[str, Blob]
    revision: str
    gated: bool = False
    private: bool = False


@dataclass(frozen=True)
class Seen:
    path: str
    range: str
    authorization: str


@dataclass
class Faults:
    """How file requests go wrong; each list is used up from its front."""

    statuses: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Answers instead of the file; 200 lets it through."""
    cuts: list[int] = field(default_factory=list)
    """Bytes after which the connection ends."""
    ranges: bool = True
    length: bool = True
    """Whether a whole file says how long it is."""
    encoding: str = ""
    shift: int = 0
    """Added to the first byte that Content-Range claims."""
    replaced_after: int = 1_000_000
    """Requests after which every answer belongs to another version of the file."""
    alternates: bool = False
    """Whether every request finds another version."""
    versions: bool = True
    """Whether there are ETags."""
    loops: bool = False
    silence: threading.Event | None = None
    """Waited for before anything is sent."""
    stalls: list[int] = field(default_factory=list)
    """Bytes after which an answer falls silent; -1 for one that does not."""
    flips: list[int] = field(default_factory=list)
    """Which byte of an answer arrives as another; -1 for none."""
    rate: int = 0
    """Bytes per second of one connection."""


Answer = Callable[[str, str, str], tuple[int, dict[str, str], bytes] | None]


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that are killed are no news."""


class LocalHub:
    """Serves on a free port of this machine while it is entered. ``token`` is what gated and private ones need."""

    def __init__(self, token: str = "hf_right") -> None:
        self.token = token
        self.repos: dict[str, Repo] = {}
        self.plain: dict[str, Blob] = {}
        """Files outside of any repository, by path."""
        self.faults = Faults()
        self.api_statuses: list[int] = []
        self.answer: Answer | None = None
        """Asked first, with the path, the query and the Authorization of each request; None leaves it to the rest."""
        self.seen: list[Seen] = []
        self.sent = 0
        """Bytes of files that left for the client."""
        self.sent_at = 0.0
        """When the last of them did, by ``time.perf_counter``."""
        self.counting = threading.Lock()
        self.leaving = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def add(self, repo: str, files: dict[str, bytes | Blob], **flags: bool) -> Repo:
        blobs = {path: data if isinstance(data, Blob) else Blob(data, len(data)) for path, data in files.items()}
        revision = hashlib.sha1(repr(sorted((p, b.sha256) for p, b in blobs.items())).encode()).hexdigest()
        self.repos[repo] = Repo(blobs, revision, **flags)
        return self.repos[repo]

    def file_requests(self) -> list[Seen]:
        return [seen for seen in self.seen if not seen.path.startswith("/api/")]

    def __enter__(self) -> LocalHub:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.leaving.set()
        if self.faults.silence is not None:
            self.faults.silence.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(hub: LocalHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.seen.append(Seen(path, self.headers.get("Range", ""), self.headers.get("Authorization", "")))
            try:
                self._route(path)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        do_HEAD = do_GET

        def _route(self, path: str) -> None:
            listing = re.match(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?$", path)
            file = re.match(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)$", path)
            if hub.answer is not None:
                query = urlsplit(self.path).query
                answered = hub.answer(path, query, self.headers.get("Authorization", ""))
                if answered is not None:
                    return self._say(*answered)
            if listing:
                self._list(listing[1])
            elif path.startswith("/cdn/"):
                self._serve(hub.repos[_repo_of(path)].files[path.split("/", 4)[4]])
            elif path in hub.plain:
                self._serve(hub.plain[path])
            elif file:
                self._lead(file[1], file[2], file[3])
            else:
                self._refuse(404)
            return None

        def _list(self, name: str) -> None:
            if hub.api_statuses:
                return self._refuse(hub.api_statuses.pop(0))
            repo = self._repo(name, gate=False)
            if repo is not None:
                files = [
                    {"rfilename": path, "size": blob.size, "lfs": {"sha256": blob.sha256, "size": blob.size,
                                                                    "pointerSize": 134}}
                    for path, blob in repo.files.items()
                ]  # fmt: skip
                info = {"id": name, "modelId": name, "sha": repo.revision, "gated": repo.gated, "siblings": files}
                self._json(info)
            return None

        def _repo(self, name: str, gate: bool) -> Repo | None:
            repo = hub.repos.get(name)
            given = self.headers.get("Authorization") == f"Bearer {hub.token}"
            if repo is None or (repo.private and not given):
                self._refuse(401, {"X-Error-Code": "RepoNotFound"})
                return None
            if gate and repo.gated and not given:
                self._refuse(401, {"X-Error-Code": "GatedRepo"})
                return None
            return repo

        def _lead(self, name: str, revision: str, path: str) -> None:
            if hub.faults.loops:
                return self._redirect(self.path)
            repo = self._repo(name, gate=True)
            if repo is None:
                return None
            if revision not in ("main", repo.revision):
                return self._refuse(404, {"X-Error-Code": "RevisionNotFound"})
            if path not in repo.files:
                return self._refuse(404, {"X-Error-Code": "EntryNotFound"})
            # “localhost” is another origin than 127.0.0.1, so clients must not take the token along
            return self._redirect(f"http://localhost:{self.server.server_port}/cdn/{name}/{path}?signed=1")

        def _serve(self, blob: Blob) -> None:
            faults = hub.faults
            if faults.silence is not None:
                faults.silence.wait(120)
            if faults.statuses and (answer := faults.statuses.pop(0))[0] != 200:
                return self._refuse(*answer)
            served = sum(1 for seen in hub.file_requests() if "/resolve/" not in seen.path)
            asked = _RANGE.match(self.headers.get("Range", "")) if faults.ranges else None
            start, end = 0, blob.size
            if asked:
                start, end = int(asked[1]), min(blob.size, int(asked[2] or blob.size) + 1)
                if start >= blob.size:
                    return self._refuse(416, {"Content-Range": f"bytes */{blob.size}"})
            self.send_response(206 if asked else 200)
            if asked:
                self.send_header("Content-Range", f"bytes {start + faults.shift}-{end - 1}/{blob.size}")
            if asked or faults.length:
                self.send_header("Content-Length", str(end - start))
            else:
                self.send_header("Connection", "close")
            if faults.versions:
                version = blob.sha256[:16] + ("-new" if served > faults.replaced_after else "")
                version += f"-{served}" if faults.alternates else ""
                self.send_header("ETag", f'"{version}"')
            if faults.encoding:
                self.send_header("Content-Encoding", faults.encoding)
            self.end_headers()
            if self.command == "HEAD":
                return None
            cut = faults.cuts.pop(0) if faults.cuts else end
            stall = faults.stalls.pop(0) if faults.stalls else -1
            flip = faults.flips.pop(0) if faults.flips else -1
            if stall >= 0:
                self._send(blob, start, min(end, start + stall), whole=False)
                hub.leaving.wait(120)
                return None
            return self._send(blob, start, min(end, start + cut), whole=start + cut >= end, flip=start + flip)

        def _send(self, blob: Blob, start: int, end: int, whole: bool, flip: int = -1) -> None:
            for at in range(start, end, _PIECE):
                piece = blob.read(at, min(end, at + _PIECE))
                if start <= flip and at <= flip < at + len(piece):
                    place = flip - at
                    piece = piece[:place] + bytes([piece[place] ^ 0xFF]) + piece[place + 1 :]
                self.wfile.write(piece)
                with hub.counting:
                    hub.sent += len(piece)
                    hub.sent_at = time.perf_counter()
                if hub.faults.rate:
                    hub.leaving.wait(len(piece) / hub.faults.rate)
            if not whole:
                self.close_connection = True

        def _redirect(self, url: str) -> None:
            self.send_response(302)
            self.send_header("Location", url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _refuse(self, status: int, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _say(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _json(self, value: object) -> None:
            content = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    return Handler


def _repo_of(path: str) -> str:
    return "/".join(path.split("/")[2:4])
