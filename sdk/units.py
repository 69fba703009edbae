"""Sizes, times and numbers of things in words."""

from __future__ import annotations


def bytes_text(size: float | None) -> str:
    """A size in decimal units, as disks are sold: ``5.3 MB``; empty for None."""
    if size is None:
        return ""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:  # from there it would be written as 1000
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def counted(number: int, what: str) -> str:
    """“1 prompt”, “2,000 prompts”."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def wait_text(seconds: float) -> str:
    """A short time with the digits that say something: ``4 ms``, ``0.12 s``."""
    return f"{seconds * 1000:.0f} ms" if seconds < 0.0995 else f"{seconds:.2f} s"


def span_text(seconds: float) -> str:
    """A span of time as ``45 s``, ``12 min`` or ``3 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.0f} h"
