"""A repository's README as a person reads it."""

from __future__ import annotations

import re

LONGEST = 512 * 1024
"""Characters of a card that are shown."""
_FRONT_MATTER = re.compile(r"\s*---[ \t]*\n.*?^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def card_of(readme: bytes) -> str:
    """The Markdown of a ``README.md`` without the YAML before it and without comments. Nothing in it is fetched."""
    text = readme.decode("utf-8", "replace").lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    front = _FRONT_MATTER.match(text)
    if front is not None:
        text = text[front.end() :]
    return _COMMENT.sub("", text).strip()[:LONGEST]
