"""Variables in saved system prompts: ``{{name}}``. Pure."""

from __future__ import annotations

import getpass
import re
from collections.abc import Mapping
from datetime import datetime

_VARIABLE = re.compile(r"\{\{\s*([\w][\w \-]{0,60}?)\s*\}\}")
KNOWN = ("date", "time", "model", "user")
"""Filled in without a question."""


def variables(text: str) -> tuple[str, ...]:
    """The names of the variables in ``text``, each once, in their order."""
    return tuple(dict.fromkeys(name.casefold() for name in _VARIABLE.findall(text)))


def filled(text: str, values: Mapping[str, str]) -> str:
    """``text`` with its variables filled; those without a value stay as they are written."""
    return _VARIABLE.sub(lambda found: values.get(found[1].casefold()) or found[0], text)


def known_values(now: datetime, model: str) -> dict[str, str]:
    """The values of the variables that need no question."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # nobody of that number on this system
        user = ""
    date = f"{now:%A}, {now.day} {now:%B %Y}"
    return {"date": date, "time": f"{now:%H:%M}", "model": model, "user": user}
