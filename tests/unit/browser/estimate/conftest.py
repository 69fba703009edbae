"""Headers of models of real sizes, and machines to put them on."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from module_files import load_file


@pytest.fixture(scope="session")
def make() -> ModuleType:
    return load_file("unit/browser/estimate/headers.py")


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
