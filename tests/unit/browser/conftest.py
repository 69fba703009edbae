"""The writer of small GGUF files, and the small hub that serves them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from module_files import load_file


@pytest.fixture(scope="session")
def gguf_file() -> ModuleType:
    return load_file("unit/browser/gguf_file.py")


@pytest.fixture(scope="session")
def hub_module() -> ModuleType:
    return load_file("unit/browser/hub.py")


@pytest.fixture
def hub(hub_module: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """An empty LocalHub."""
    monkeypatch.setenv("PADDOCK_HOME", str(tmp_path / "home"))
    for name in ("HF_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with hub_module.LocalHub() as made:
        yield made


@pytest.fixture(scope="session")
def hub_catalogue() -> ModuleType:
    return load_file("hub_catalogue.py")


@pytest.fixture
def catalogue(hub: Any, hub_catalogue: ModuleType) -> Any:
    """Some 300 repositories in ``hub``."""
    return hub_catalogue.Catalogue(hub)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.fixture
def put(gguf_file: ModuleType, models: Path) -> Callable[..., Path]:
    """Writes a model file at a path below the models folder."""

    def write(name: str, **options: object) -> Path:
        path = models / name
        path.parent.mkdir(parents=True, exist_ok=True)
        gguf_file.write_llama(path, **options)
        return path

    return write


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


@pytest.fixture
def kill_at() -> Any:
    """``with kill_at(step):`` ends its body before that change of the file system; whether it did is told by the value
    that it gives: -1 then. After the kill no change is made any more, as by a process that is gone."""
    import os
    from contextlib import contextmanager, suppress

    @contextmanager
    def killing(moment: int) -> Iterator[list[int]]:
        done = [0]
        reals = {name: getattr(os, name) for name in ("rename", "replace", "link", "unlink", "mkdir", "rmdir")}

        def step(name: str, *args: Any, **options: Any) -> Any:
            if done[0] >= moment:
                done[0] = -1
            if done[0] < 0:
                raise Killed
            done[0] += 1
            return reals[name](*args, **options)

        try:
            for name in reals:
                setattr(os, name, lambda *args, name=name, **options: step(name, *args, **options))
            with suppress(Killed):
                yield done
        finally:
            for name, real in reals.items():
                setattr(os, name, real)

    return killing
