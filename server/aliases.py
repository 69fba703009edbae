"""Further names of a model: what can be one, and which are free."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from paddock.sdk.errors import BadRequest
from paddock.sdk.types import ModelInfo

LONGEST = 100
"""Characters of one name."""
MOST = 32
"""Names of one model."""
_NAME = re.compile(r"\w[\w.:/@+-]*")
_FILES = (".gguf", ".json", ".safetensors")
"""The command line takes what ends like this for a file."""


def checked(
    model: ModelInfo, aliases: Sequence[str], models: Sequence[ModelInfo], instances: Mapping[str, str]
) -> tuple[str, ...]:
    """``aliases`` as ``model`` may have them, each once, however it is written. ``models`` are all on disk,
    ``instances`` the ids of models by the identifiers of their instances. Raises BadRequest."""
    names = {alias.casefold(): alias for alias in reversed(aliases)}
    wanted = tuple(dict.fromkeys(names[alias.casefold()] for alias in aliases))
    if len(wanted) > MOST:
        raise BadRequest(f"A model can have {MOST} further names.", hint="Leave some of them out.")
    others = [other for other in models if other.path != model.path]
    ids = {other.id.casefold() for other in others}
    given = {alias.casefold(): other.id for other in others for alias in other.aliases}
    for alias in wanted:
        _check_name(alias)
        if alias.casefold() in ids:
            raise BadRequest(f"“{alias}” is the id of another model.", hint="Choose another name.")
        if owner := given.get(alias.casefold()):
            hint = f"Choose another name, or take it from “{owner}” first."
            raise BadRequest(f"“{alias}” is a name of “{owner}” already.", hint=hint)
        if instances.get(alias, model.id) != model.id:
            hint = "Choose another name, or unload that instance first."
            raise BadRequest(f"“{alias}” is the name of an instance of “{instances[alias]}”.", hint=hint)
    return wanted


def _check_name(alias: str) -> None:
    if not alias.strip():
        raise BadRequest("A name is empty.", hint="Write one, or leave it out.")
    if len(alias) > LONGEST:
        shown = f"{alias[:20]}…"
        raise BadRequest(f"“{shown}” is longer than {LONGEST} characters.", hint="Choose a shorter name.")
    if alias.split() != [alias]:
        raise BadRequest(f"There is a space in “{alias}”.", hint=f"“{'-'.join(alias.split())}” would do.")
    if not _NAME.fullmatch(alias):
        hint = "Letters, digits and . _ - : / @ + can be used; a letter or digit comes first."
        raise BadRequest(f"“{alias}” cannot be the name of a model.", hint=hint)
    if alias.lower().endswith(_FILES):
        raise BadRequest(f"“{alias}” looks like a file.", hint="Leave the ending out.")
