"""Makes ``run.py`` and ``tools/`` importable by path: the repository's root stays off the path, as it is for users."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]


def load(name: str, file: Path) -> ModuleType:
    folders = [str(file.parent)] if file.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=folders)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


load("tools", ROOT / "tools" / "__init__.py")


@pytest.fixture
def root() -> Path:
    return ROOT
