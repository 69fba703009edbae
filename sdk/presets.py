"""Values about presets and the library of system prompts. Both are files below ``presets`` in the data folder."""

from __future__ import annotations

from paddock.sdk.types import Options, Request, Value


class Preset(Value, frozen=True, kw_only=True):
    """Sampling settings under a name, with what else shapes an answer. ``model`` empty: for any model. A field that is
    None is left as it is when the preset is applied; an option that is not in ``sampling`` takes the model's default.
    ``max_tokens`` 0 is no limit. ``default_for`` are the ids of the models whose new conversations begin with it,
    “*” for those that have no preset of their own. ``shipped``: it comes with Paddock; what is kept under its id takes
    its place. ``error`` says why the file called ``id`` cannot be used; it is left alone."""

    id: str = ""
    name: str
    model: str = ""
    sampling: Options = {}
    system: str | None = None
    reasoning: bool | None = None
    stop: tuple[str, ...] | None = None
    max_tokens: int | None = None
    default_for: tuple[str, ...] = ()
    shipped: bool = False
    changed: float = 0.0
    error: str = ""


class SavedPrompt(Value, frozen=True, kw_only=True):
    """A system prompt under a name. ``{{name}}`` in ``text`` is a variable: ``date``, ``time``, ``model`` and ``user``
    are filled in, others are asked for when it is chosen. ``shipped``: it comes with Paddock; what is kept under its
    id takes its place. ``error`` as of a :class:`Preset`."""

    id: str = ""
    name: str
    text: str
    shipped: bool = False
    changed: float = 0.0
    error: str = ""


class PresetText(Request, frozen=True, kw_only=True):
    """The text of a preset of LM Studio, of Paddock's own, or a command line of llama.cpp. ``name`` is the file's."""

    text: str
    name: str = ""


class PresetRead(Value, frozen=True, kw_only=True):
    """What such a text holds, not kept yet. ``notes`` are sentences about what it says that Paddock has no option for,
    and about load options (``load``), which a preset does not hold."""

    preset: Preset
    load: Options = {}
    notes: tuple[str, ...] = ()
