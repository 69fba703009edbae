"""How the window was left: read once before it is shown, written when it changes. Rubbish in the file is ignored."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from paddock.sdk.pictures import Picture
from paddock.sdk.types import Role

Page = Literal["chat", "discover", "models", "downloads", "server", "settings"]

SMALLEST = (720, 480)
"""The smallest window, in logical pixels."""
USUAL = (1280, 800)
GRIP = 48
"""So much of a window's top must be on a screen for a person to get hold of it, in logical pixels."""

Rect = tuple[int, int, int, int]
"""x, y, width, height in logical pixels."""


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A question on its way to the host, which may never get it. ``chat`` is empty for a conversation that is not made
    yet; ``at`` is when it was sent, in Unix seconds."""

    text: str
    at: float
    chat: str = ""
    pictures: tuple[Picture, ...] = ()


class Task(msgspec.Struct, frozen=True):
    """What is written that is no new message. ``ask``: a question asked anew, or its text alone changed; ``change``:
    the text alone; ``insert``: a new message beside ``message``."""

    kind: Literal["ask", "change", "insert"]
    message: str
    role: Role = "user"
    above: bool = False


class Edit(msgspec.Struct, frozen=True):
    """A message under edit, and what has been written of it."""

    task: Task
    text: str


class WindowState(msgspec.Struct, frozen=True, kw_only=True):
    """Geometry in logical pixels. ``geometry`` None: never shown before. ``chat`` empty: a new chat. Drafts and edits
    are kept by their chats; their pictures are without data, as those of ``sent``. ``models_sort`` is the column that
    the table of models is sorted by, with a minus in front for downwards."""

    schema: int = 1
    geometry: Rect | None = None
    maximized: bool = False
    page: Page = "chat"
    chat: str = ""
    chats_width: int = 252
    inspector: bool = True
    zoom: float = 1.0
    theme: Literal["system", "light", "dark"] = "system"
    system_font: bool = False
    density: Literal["comfortable", "compact"] = "comfortable"
    drafts: dict[str, str] = {}
    draft_pictures: dict[str, tuple[Picture, ...]] = {}
    edits: dict[str, Edit] = {}
    sent: tuple[Sent, ...] = ()
    sampling: dict[str, float] = {}
    models_widths: dict[str, int] = {}
    models_sort: str = "name"
    compare_four: Literal["grid", "row"] = "grid"
    compare_together: bool = True
    compare_blind: bool = False
    compare_differences: bool = False


def read(path: Path) -> WindowState:
    """The stored state. A field that cannot be understood takes its usual value; the others are kept."""
    try:
        raw = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return WindowState()
    if not isinstance(raw, dict):
        return WindowState()
    kept = {}
    for field in msgspec.structs.fields(WindowState):
        if field.name in raw:
            try:
                kept[field.name] = msgspec.convert(raw[field.name], field.type)
            except msgspec.ValidationError:
                continue
    state = WindowState(**kept)
    return msgspec.structs.replace(
        state, zoom=min(2.0, max(0.7, state.zoom)), chats_width=min(480, max(200, state.chats_width))
    )


def write(path: Path, state: WindowState) -> None:
    """Store the state atomically. Blocks; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_bytes(msgspec.json.encode(state))
    os.replace(draft, path)


def place(wanted: Rect | None, screens: Iterable[Rect]) -> Rect:
    """Where to put a window that was at ``wanted``, given the usable areas of the ``screens`` (the first is primary).

    It is moved when its title would be out of reach, and made no larger than its screen.
    """
    areas = list(screens)
    if not areas:
        return wanted or (0, 0, *USUAL)
    if wanted is None:
        return _centred(USUAL, areas[0])
    x, y, width, height = wanted
    width, height = max(width, SMALLEST[0]), max(height, SMALLEST[1])
    for area in areas:
        left, top, across, down = area
        reach = min(x + width, left + across) - max(x, left)
        if reach >= GRIP and top <= y <= top + down - GRIP:
            return x, y, min(width, across), min(height, down)
    return _centred((width, height), areas[0])


def _centred(size: tuple[int, int], area: Rect) -> Rect:
    left, top, across, down = area
    width, height = min(size[0], across), min(size[1], down)
    return left + (across - width) // 2, top + (down - height) // 2, width, height
