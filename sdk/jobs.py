"""Values about jobs: long work on the host that goes on when whoever asked for it has gone."""

from __future__ import annotations

from typing import Literal

from paddock.sdk.errors import ErrorInfo
from paddock.sdk.types import Value

JobKind = Literal["import", "quantize", "chat-export", "chat-import"]
JobState = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED: tuple[JobState, ...] = ("done", "failed", "cancelled")


class Job(Value, frozen=True, kw_only=True):
    """One piece of long work.

    ``title`` says it in words (“Quantise Qwen3-8B to Q4_K_M”). ``done_bytes`` of ``total_bytes`` are behind it, 0 of 0
    where that cannot be told; ``fraction`` of it is, 0 to 1, where that is no matter of bytes; ``seconds_left`` is None
    while it cannot be told. ``note`` says what it is doing or waits
    for. ``model`` is the id of the model that came of it once it is ``done``; ``error`` says why it ``failed``.
    ``added`` in Unix seconds. A job that has ended stays in the list until it is taken out or the host leaves.
    """

    id: str
    kind: JobKind
    title: str
    state: JobState = "queued"
    done_bytes: int = 0
    total_bytes: int = 0
    fraction: float | None = None
    seconds_left: float | None = None
    note: str = ""
    model: str = ""
    error: ErrorInfo | None = None
    added: float = 0.0

    def share(self) -> float | None:
        """How much of it is behind it, 0 to 1; None where that cannot be told."""
        return self.done_bytes / self.total_bytes if self.total_bytes else self.fraction
