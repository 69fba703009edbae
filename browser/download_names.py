"""Names of files that come from elsewhere: which are taken, and what they are called here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PureWindowsPath

from paddock.browser.hub import HubFile, Listing
from paddock.sdk.downloads import DownloadFile
from paddock.sdk.errors import ModelUnusable

LONGEST = 200
"""Bytes of one name: file systems take 255, and what is on its way has a longer one."""
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"|?*\\/\u202a-\u202e\u2066-\u2069]')
_DEVICE = re.compile(r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|COM[0-9¹²³]|LPT[0-9¹²³])\s*(\.|$)", re.IGNORECASE)


def folder_of(repo: str) -> tuple[str, str]:
    """Publisher and repository as the names of two folders. Raises ModelUnusable."""
    owner, _, name = repo.partition("/")
    for part in (owner, name):
        _check(part, repo)
    return owner, name


def files_here(listing: Listing, files: Sequence[HubFile]) -> tuple[DownloadFile, ...]:
    """``files`` of ``listing`` with their names here: without their folders, except where two files of the repository
    would then be called the same.

    Raises ModelUnusable for a name that could lead out of the model's folder, or that some system cannot have.
    """
    for file in files:
        for part in file.path.split("/"):
            _check(part, file.path)
    last_parts = Counter(file.path.rpartition("/")[2].casefold() for file in listing.files)
    found = []
    for file in files:
        name = file.path.rpartition("/")[2]
        if last_parts[name.casefold()] > 1:
            name = file.path.replace("/", "-")
        _check(name, file.path)
        found.append(DownloadFile(path=file.path, name=name, size=file.size, sha256=file.sha256))
    if len({file.name.casefold() for file in found}) < len(found):
        raise _refused(files[0].path, "another file differs from it by capitals only")
    return tuple(found)


def check_name(name: str) -> None:
    """Raises ModelUnusable for a name that could lead out of a folder, or that some system cannot have."""
    _check(name, name)


def _check(part: str, whole: str) -> None:
    if part in ("", ".", "..") or part.startswith(("~", ".")):
        raise _refused(whole, "it could lead to another folder")
    if PureWindowsPath(part).drive or _FORBIDDEN.search(part):
        raise _refused(whole, "it holds characters that no file should have")
    if _DEVICE.match(part):
        raise _refused(whole, "that is the name of a device on Windows")
    if part != part.rstrip(". "):
        raise _refused(whole, "it ends with a full stop or a space")
    try:
        size = len(part.encode())
    except UnicodeEncodeError:
        raise _refused(whole, "it is not valid text") from None
    if size > LONGEST:
        raise _refused(whole, "it is too long")


def _refused(name: str, why: str) -> ModelUnusable:
    shown = _FORBIDDEN.sub(lambda found: found[0] if found[0] in '/\\:<>"|?*' else "?", name[:120])
    shown = shown.encode("utf-8", "replace").decode()
    return ModelUnusable(f"The file name “{shown}” is refused: {why}.", hint="Choose another repository.")
