"""What a comparison says of itself: to the composer, and in the place of answers that have not begun."""

from __future__ import annotations

from dataclasses import dataclass

from paddock.gui.host_state import HostState
from paddock.gui.models import panes as facts
from paddock.gui.pages.compare_run import PaneRun
from paddock.gui.pages.compare_session import Comparison
from paddock.sdk.compare import ComparePlan
from paddock.sdk.types import ModelInfo, Pane

TOGETHER = "Shown when all answers are there"
"""In every pane of a blind comparison that is being answered."""


@dataclass(frozen=True)
class ComposerState:
    """``targets`` are the panes with their words, ``target`` the one that is asked (empty: all). ``note`` is the
    composer's line and ``fraction`` its bar, as ``Composer.set_status`` takes them; ``blind`` says why pictures cannot
    be asked about."""

    placeholder: str
    targets: tuple[tuple[str, str], ...] = ()
    target: str = ""
    note: str = ""
    fraction: float | None = None
    running: bool = False
    blind: str = ""


def note(host: HostState, session: Comparison, plan: ComparePlan | None) -> str:
    """What is happening in all panes, or what would."""
    if session.asking is not None:
        if host.connection == "connecting":
            return "Starting… your question will be sent when the host is ready"
        return "Reconnecting…" if host.connection == "lost" else "Sending…"
    count = len(session.runs)
    if count and host.connection == "lost":
        return "Reconnecting…"
    if not count:
        return plan.sentence if plan is not None and session.panes else ""
    several = plan is not None and len(plan.groups) > 1 and count > 1
    how = ", one after another" if several else ""
    return f"Answering in {count} of {len(session.panes)} panes{how}"


def progress(run: PaneRun, name: str, waits: str) -> str:
    """What a pane waits for, before its first word."""
    match run.phase:
        case "sending" | "queued":
            if waits:
                return f"Waits for {waits}"
            return f"Waiting, {run.position} before this one" if run.position else "Waiting for the model…"
        case "loading":
            if run.fraction >= 1:
                return "Waiting for the model…"  # it is loaded, and answers others first
            return f"Waits for {waits}" if waits and not run.fraction else f"Loading {name}… {run.fraction * 100:.0f} %"
        case "prompt":
            return run.progress()
        case "answering":
            return ""


def trouble(
    pane: Pane, info: ModelInfo | None, plan: ComparePlan | None, *, known: bool, blind: bool = False
) -> tuple[str, bool]:
    """Why a pane would not answer, and whether load settings may help. ``blind``: it would not see what it is shown."""
    if known and info is None:
        return f"“{pane.model}” is not on this computer.", False
    if info is not None and info.error is not None:
        return f"{info.name} cannot be used. {info.error}", False
    if info is not None and blind:
        return f"{info.name} cannot see the pictures of this message.", False
    refused = plan.refused.get(pane.id, "") if plan is not None else ""
    return refused, bool(refused)


def blind(host: HostState, session: Comparison, target: str) -> str:
    """Why pictures cannot be asked about, where none of the panes that would be asked sees."""
    asked = [pane for pane in session.panes if target in ("", pane.id)]
    if any(host.sees(session.model(pane)) for pane in asked):
        return ""
    who = "This pane’s model" if target else "None of these models"
    return f"{who} {'cannot' if target else 'can'} see pictures. Choose one with vision."


def names_of(host: HostState, session: Comparison) -> dict[str, str]:
    """What each pane is called, by its id."""
    return {pane.id: pane.name or host.model_name(session.model(pane)) for pane in session.panes}


def placeholder(session: Comparison, target: str, names: dict[str, str]) -> str:
    """“Message all three”."""
    return f"Message {names[target]}" if target in names else facts.everybody(len(session.panes))
