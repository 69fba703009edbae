"""The writer of small GGUF files."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def gguf_file() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gguf_file", Path(__file__).with_name("gguf_file.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
