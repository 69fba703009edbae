"""Where models are read from in place: our folders, the user's, and the stores of other programs, which are never
changed. What each program keeps where is in the module of its name."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from paddock.browser import stores_hub, stores_jan, stores_lmstudio, stores_ollama
from paddock.browser.files import ModelFile, folders_below
from paddock.browser.stores_reading import UserFolders
from paddock.sdk.types import ModelSource

SWITCH = "PADDOCK_STORES"
"""The environment variable that keeps us from looking for other programs' stores, when it is “off”."""


@dataclass(frozen=True)
class StorePlace:
    """A folder of models. ``name`` is for people. ``removable``: its models may be deleted by us; where not, ``note``
    says what to do instead."""

    path: Path
    source: ModelSource
    name: str
    removable: bool = True
    note: str = ""


def find_stores(environ: Mapping[str, str], home: Path, *, platform: str = sys.platform) -> tuple[StorePlace, ...]:
    """The stores of other programs that there are. Asks the file system for a dozen names and reads the settings of
    LM Studio and Jan; a thread's work all the same, where the home folder is on a network."""
    if environ.get(SWITCH, "").lower() == "off":
        return ()
    user = UserFolders(environ, home, platform)
    found = [StorePlace(path, "lmstudio", "LM Studio") for path in stores_lmstudio.folders(user)]
    found += [
        StorePlace(path, "ollama", "Ollama", False, "Remove it with “ollama rm NAME”.")
        for path in stores_ollama.folders(user)
    ]
    found += [StorePlace(path, "jan", "Jan", False, "Remove it in Jan.") for path in stores_jan.folders(user)]
    found += [
        StorePlace(path, "huggingface", "Hugging Face cache", False, "Remove it with “hf cache rm model/OWNER/REPO”.")
        for path in stores_hub.hub_folders(user)
    ]
    found += [
        StorePlace(path, "llamacpp", "llama.cpp cache", False, "Delete its file in the cache of llama.cpp.")
        for path in stores_hub.llamacpp_folders(user)
    ]
    once: dict[str, StorePlace] = {}
    for place in found:
        once.setdefault(os.path.realpath(place.path), place)
    return tuple(once.values())


def listing(
    place: StorePlace, wanted: Callable[[str], bool], failed: Callable[[str], None]
) -> Iterator[list[ModelFile]]:
    """The model files of ``place`` with ``wanted`` names, in lists of what lies together. ``failed`` hears a sentence
    about each thing that cannot be read or is not whole, and behind a line break what to do about it. Nothing is
    written, and no model file is opened."""
    match place.source:
        case "ollama":
            yield from stores_ollama.listing(place.path, wanted, failed)
        case "jan":
            yield from stores_jan.listing(place.path, wanted, failed)
        case "huggingface":
            yield from stores_hub.hub_listing(place.path, wanted, failed)
        case "llamacpp":
            yield from stores_hub.llamacpp_listing(place.path, wanted, failed)
        case _:
            yield from folders_below(place.path, wanted, failed)
