"""Checks the Markdown files: every relative link leads to a file, every anchor to a heading, every picture exists."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

_FENCE = re.compile(r"^\s*(```|~~~)")
_CODE = re.compile(r"(`+).+?\1")
_LINK = re.compile(r"\]\(\s*<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_IMAGE = re.compile(r"<img\b[^>]*?\bsrc=\"([^\"]+)\"")
_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*\s*$")
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def problems(root: Path) -> list[str]:
    """One sentence for each dead link under ``root``, as ``file:line: ...``."""
    found = []
    for document in documents(root):
        for number, target in links(document.read_text(encoding="utf-8")):
            wrong = problem_of(root, document, target)
            if wrong:
                found.append(f"{document.relative_to(root).as_posix()}:{number}: {wrong}")
    return found


def documents(root: Path) -> list[Path]:
    """The Markdown files of a checkout; folders with a leading dot and build results are left out."""
    left_out = {"build", "dist", "node_modules"}
    return [
        path
        for path in sorted(root.rglob("*.md"))
        if not any(part.startswith(".") or part in left_out for part in path.relative_to(root).parts)
    ]


def links(text: str) -> Iterator[tuple[int, str]]:
    """Line number and target of each link and picture outside code."""
    for number, line in prose(text):
        for pattern in (_LINK, _IMAGE):
            for match in pattern.finditer(line):
                yield number, match[1]


def prose(text: str) -> Iterator[tuple[int, str]]:
    """The lines outside fenced code, with inline code blanked."""
    fence = ""
    for number, line in enumerate(text.splitlines(), start=1):
        mark = _FENCE.match(line)
        if mark and (not fence or mark[1] == fence):
            fence = "" if fence else mark[1]
        elif not fence:
            yield number, _CODE.sub("", line)


def anchors(text: str) -> set[str]:
    """The anchors that headings get on the usual sites: lower case, words joined by hyphens, repeats counted."""
    found: set[str] = set()
    in_code = False
    for line in text.splitlines():
        if _FENCE.match(line):
            in_code = not in_code
        heading = None if in_code else _HEADING.match(line)
        if heading:
            words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).lower()
            name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
            count = sum(1 for known in found if re.fullmatch(re.escape(name) + r"(-\d+)?", known))
            found.add(f"{name}-{count}" if name in found else name)
    return found


def problem_of(root: Path, document: Path, target: str) -> str | None:
    """What is wrong with a link, None for a good one and for addresses elsewhere."""
    if _SCHEME.match(target):
        return None
    path, _, anchor = unquote(target).partition("#")
    place = (document.parent / path).resolve() if path else document
    if not place.is_relative_to(root):
        return f"“{target}” leads out of the repository"
    if not place.exists():
        return f"“{target}” does not exist"
    if anchor and place.suffix == ".md" and anchor not in anchors(place.read_text(encoding="utf-8")):
        return f"“{target}”: there is no heading of that name"
    return None


if __name__ == "__main__":
    wrong = problems(Path(__file__).resolve().parent.parent)
    print("\n".join(wrong) or "All links lead somewhere.")
    sys.exit(1 if wrong else 0)
