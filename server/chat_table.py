"""Conversations as a table (CSV): a line for each question, a column for each pane. No I/O."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from paddock.server.chat_transcript import Entry, Transcript

_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?[\d.,]+(e[+-]?\d+)?\s*%?", re.IGNORECASE)
MEASURED = ("tokens", "tokens/s", "first token (s)")


def table(transcripts: Sequence[Transcript], *, numbers: bool) -> str:
    """All in one table; with several conversations their titles come first."""
    several = len(transcripts) > 1
    columns = list(dict.fromkeys(name for one in transcripts for name in one.columns or ("Answer",)))
    heading = [*(["conversation"] if several else []), "turn", "question"]
    for name in columns:
        heading += [name, *(f"{name}: {what}" for what in MEASURED)] if numbers else [name]
    text = io.StringIO(newline="")
    text.write("\ufeff")  # spreadsheets take the file for another encoding without it
    writer = csv.writer(text)
    writer.writerow([plain(name) for name in heading])
    for transcript in transcripts:
        for turn, row in enumerate(transcript.rows, 1):
            asked = row.question.text if row.question is not None else ""
            own = transcript.columns or ("Answer",)
            answers = row.answers or (row.common,) * len(own)
            by_name = dict(zip(own, answers, strict=True))
            line = [*([transcript.title] if several else []), str(turn), asked]
            for name in columns:
                line += _said(by_name.get(name, ()), numbers)
            writer.writerow([plain(text) for text in line])
    return text.getvalue()


def _said(entries: Sequence[Entry], numbers: bool) -> list[str]:
    text = "\n\n".join(entry.text or entry.note for entry in entries)
    if not numbers:
        return [text]
    message = entries[-1].message if entries else None
    usage, stats = (message.usage, message.stats) if message is not None else (None, None)
    return [
        text,
        str(usage.completion_tokens) if usage is not None else "",
        f"{stats.tokens_per_second:.2f}" if stats is not None else "",
        f"{stats.ttft_s:.3f}" if stats is not None else "",
    ]


def plain(text: str) -> str:
    """``text`` for a cell; what a spreadsheet would compute is marked as text."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
