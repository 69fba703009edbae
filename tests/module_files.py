"""Helper modules of other folders of tests, which are no packages."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def load_file(place: str) -> ModuleType:
    """The module of the file at ``place`` below this folder, made once: ``unit/browser/hub.py``."""
    name = "tests_of_" + place.removesuffix(".py").replace("/", "_")
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / place)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses look themselves up
        spec.loader.exec_module(module)
    return sys.modules[name]
