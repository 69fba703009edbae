"""LM Studio: plain folders PUBLISHER/REPO/FILE, in its home or in the folder that its settings name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from paddock.browser.stores_reading import UserFolders, setting_of, small_file


def folders(user: UserFolders) -> Iterator[Path]:
    """The models folders that there are."""
    homes = [user.home / ".lmstudio", user.home / ".cache" / "lm-studio"]
    try:
        pointed = user.path(small_file(user.home / ".lmstudio-home-pointer").decode().strip())
    except (OSError, UnicodeDecodeError):
        pointed = None
    if pointed is not None:
        homes.insert(0, pointed)
    settings = [*(home / "settings.json" for home in homes), user.config / "LM Studio" / "settings.json"]
    named = [user.path(setting_of(path, "downloadsFolder")) for path in settings]
    for path in (*named, *(home / "models" for home in homes)):
        if path is not None and os.path.isdir(path):
            yield path
