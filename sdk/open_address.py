"""What another program may ask the window to open: a model file, or a model on the hub. A closed set of forms; whoever
follows an address shows first what it leads to, and acts only when a person says so."""

from __future__ import annotations

import os
import re
import sys
from urllib.parse import parse_qsl, unquote, urlsplit

from paddock.sdk.errors import BadRequest
from paddock.sdk.types import Value

SCHEME = "paddock"
SUFFIX = ".gguf"
_HUB_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co")
_LONGEST = 2_000
_REPO = re.compile(r"([\w.-]{1,96}/[\w.-]{1,96})(?::([^:\\?#]{1,200}))?", re.ASCII)
_HUB_PATH = re.compile(
    r"([\w.-]{1,96}/[\w.-]{1,96})(?::([\w.-]{1,96}))?(?:/(?:tree/[^/]+|(?:blob|resolve)/[^/]+/(.+\.gguf)))?/?",
    re.ASCII | re.IGNORECASE,
)
_HINT = "Paddock opens model files (FILE.gguf), paddock://open?repo=OWNER/REPO:QUANT and addresses at huggingface.co."


class OpenFile(Value, frozen=True, kw_only=True):
    """A model file on this computer. ``path`` is absolute; whether there is such a file is not known."""

    path: str


class OpenRepo(Value, frozen=True, kw_only=True):
    """A repository on the hub. ``quant`` is a quant or the name of a file in it; empty: not said."""

    repo: str
    quant: str = ""

    @property
    def model(self) -> str:
        """As ``paddock get``, estimates and downloads take it."""
        return f"{self.repo}:{self.quant}" if self.quant else self.repo


Opened = OpenFile | OpenRepo


def is_address(argument: str) -> bool:
    """Whether an argument of the command is meant to be opened: an address, or a file by its ending. It may still be
    none that :func:`parse_address` takes."""
    lower = argument.lower()
    hosts = tuple(f"{start}{host}/" for host in _HUB_HOSTS for start in ("", "https://", "http://"))
    return lower.startswith((f"{SCHEME}:", "file:", *hosts)) or lower.endswith(SUFFIX)


def parse_address(text: str) -> Opened:
    """What ``text`` asks for: the path of a GGUF file or its ``file:`` URL, ``paddock://open?repo=OWNER/REPO[:QUANT]``,
    or an address at the hub. Looks at nothing outside of ``text``; a relative path is taken from the current folder.

    Raises BadRequest for everything else.
    """
    text = text.strip()
    if not text or len(text) > _LONGEST or not text.isprintable():
        raise BadRequest("That address cannot be opened.", hint=_HINT)
    lower = text.lower()
    if lower.startswith(f"{SCHEME}:"):
        return _ours(text)
    if lower.startswith("file:"):
        return _file(_path_of(text), text)
    if lower.startswith(("https://", "http://")) or lower.split("/")[0] in _HUB_HOSTS:
        return _at_hub(text)
    return _file(text, text)


def _ours(text: str) -> OpenRepo:
    try:
        parts = urlsplit(text)
        fields = parse_qsl(parts.query, strict_parsing=True, max_num_fields=4)
    except ValueError:
        raise _refused(text) from None
    repo = _REPO.fullmatch(fields[0][1]) if len(fields) == 1 and fields[0][0] == "repo" else None
    plain = parts.path in ("", "/") and not parts.fragment
    if parts.netloc.lower() != "open" or not plain or repo is None or not _is_plain(repo[0]):
        raise _refused(text)
    return OpenRepo(repo=repo[1], quant=repo[2] or "")


def _at_hub(text: str) -> OpenRepo:
    address = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        raise _refused(text) from None
    found = _HUB_PATH.fullmatch(unquote(parts.path).strip("/")) if host in _HUB_HOSTS else None
    if found is None or parts.username is not None or not _is_plain(found[0]):
        raise _refused(text)
    return OpenRepo(repo=found[1], quant=found[2] or found[3] or "")


def _is_plain(text: str) -> bool:
    return text.isprintable() and not {".", ".."} & set(re.split("[/:]", text))


def _path_of(text: str) -> str:
    from urllib.request import url2pathname  # 40 ms, and hardly ever needed

    try:
        parts = urlsplit(text)
    except ValueError:
        raise _refused(text) from None
    if parts.netloc not in ("", "localhost"):
        raise _refused(text)
    return url2pathname(parts.path)


def _file(path: str, text: str) -> OpenFile:
    if not path.lower().endswith(SUFFIX) or "\0" in path:
        raise _refused(text)
    expanded = os.path.expanduser(path) if sys.platform != "win32" and path.startswith("~/") else path
    return OpenFile(path=os.path.abspath(expanded))


def _refused(text: str) -> BadRequest:
    shown = text if len(text) <= 120 else text[:119] + "…"
    return BadRequest(f"“{shown}” cannot be opened.", hint=_HINT)
