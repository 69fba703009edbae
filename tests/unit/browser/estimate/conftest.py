"""Headers of models of real sizes, and machines to put them on."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _headers() -> ModuleType:
    spec = importlib.util.spec_from_file_location("estimate_headers", Path(__file__).with_name("headers.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def make() -> ModuleType:
    return _headers()


@pytest.fixture(scope="session")
def here(make: ModuleType) -> Any:
    """A machine of 64 GiB without GPUs."""
    return make.HERE


@pytest.fixture(scope="session")
def models(make: ModuleType) -> Any:
    """Headers by name."""
    return {
        "llama-8b": make.transformer(),
        "mixtral-8x7b": make.transformer(**make.MIXTRAL),
        "gemma3-27b": make.transformer("gemma3", **make.GEMMA3_27B),
        "mamba2-2.7b": make.mamba2(),
    }
