"""What the Chat page says about host and model, in words."""

from __future__ import annotations

from paddock.gui.host_state import HostState
from paddock.gui.models.library import facts
from paddock.gui.pages.dialogue import Dialogue

AFTERWARDS = "will be sent when ready"


def status(host: HostState, dialogue: Dialogue) -> tuple[str, float | None]:
    """The composer's line and its bar (0 to 1, None for no bar)."""
    run = dialogue.run
    name = host.model_name(dialogue.model)
    loaded = host.loaded_model(dialogue.model)
    loading = loaded is not None and loaded.state == "loading"
    if run is None:
        if loading and loaded is not None:
            return f"Loading {name}… {loaded.progress * 100:.0f} %", loaded.progress
        return "", None
    if host.connection == "connecting":
        return "Starting… your message will be sent when the host is ready", 0.0
    if host.connection == "lost":
        return "Reconnecting…", None
    if run.phase in ("sending", "queued", "loading") and loading and loaded is not None:
        fraction = max(loaded.progress, run.fraction)
        return f"Loading {name}… {fraction * 100:.0f} %, {AFTERWARDS}", fraction
    match run.phase:
        case "sending":
            return "Sending…", None
        case "loading" if loaded is None or loaded.state != "ready":
            return f"Loading {name}… {run.fraction * 100:.0f} %, {AFTERWARDS}", run.fraction
        case "queued" | "loading":
            return (f"Waiting, {run.position} before this one" if run.position else "Waiting for the model…"), None
        case "prompt":
            return "Reading the prompt…", None
        case "answering":
            return "Answering…", None


def answerer(host: HostState, model: str) -> str:
    """Who will answer, in one line."""
    if not model:
        return ""
    info = host.models.get(model)
    detail = facts(info) if info is not None else ""
    name = host.model_name(model)
    line = f"{name} ({detail}) answers" if detail else f"{name} answers"
    return f"{line} on this computer. Nothing you write leaves it."


def trouble(host: HostState, model: str) -> tuple[str, str, str]:
    """Why a question could not be answered: sentence, hint, action; empty when all is well."""
    if host.connection != "connected" or not host.models_known:
        return "", "", ""
    usable = [info for info in host.models.values() if info.error is None]
    if not usable:
        where = "Put a GGUF file into the models folder, then look again."
        return "There is no model on this computer yet.", where, "Look again"
    info = host.models.get(model)
    if info is None:
        return f"The model “{model}” is not on this computer.", "Choose another one above.", ""
    if info.error is not None:
        return f"{info.name} cannot be used.", info.error, ""
    return "", "", ""
