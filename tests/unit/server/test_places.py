"""The folders that models are read from, and what is said about them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from paddock.sdk.host import Settings
from paddock.sdk.library import Place
from paddock.sdk.types import ModelInfo
from paddock.server.places import Places


class Computer:
    """A home folder with LM Studio in it, and settings that change."""

    def __init__(self, root: Path) -> None:
        self.lmstudio = root / "user" / ".lmstudio" / "models"
        self.lmstudio.mkdir(parents=True)
        self.settings = Settings()
        self.places = Places(
            root / "paddock", root / "bundled", lambda: self.settings, lambda: [".gguf"], environ={}, home=root / "user"
        )

    def shown(self) -> list[Path]:
        """Without a store that this very computer may have outside of its users' folders."""
        found = [place.path for place in self.places.shown()]
        return [path for path in found if "/usr/share" not in str(path)]

    def all(self, *models: ModelInfo) -> dict[str, Place]:
        return {place.path: place for place in asyncio.run(self.places.all(models))}


@pytest.fixture
def computer(tmp_path: Path) -> Computer:
    return Computer(tmp_path)


def test_ours_come_first_then_the_users_then_stores_then_the_bundled_one(computer: Computer, tmp_path: Path) -> None:
    computer.settings = Settings(model_folders=("/far/away",))
    assert computer.shown() == [tmp_path / "paddock", Path("/far/away"), computer.lmstudio, tmp_path / "bundled"]
    assert computer.all()["/far/away"].problem == "/far/away cannot be read: No such file or directory."
    assert computer.all()[str(tmp_path / "paddock")].problem == ""


def test_a_store_that_the_user_named_is_one_place(computer: Computer, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(computer.lmstudio)
    computer.settings = Settings(model_folders=(str(link),))
    assert computer.shown() == [tmp_path / "paddock", link, tmp_path / "bundled"]


def test_only_stores_can_be_hidden(computer: Computer, tmp_path: Path) -> None:
    hidden = (str(tmp_path / "paddock"), str(tmp_path / "bundled"), "/far/away", str(computer.lmstudio))
    computer.settings = Settings(model_folders=("/far/away",), hidden_places=hidden)
    assert computer.shown() == [tmp_path / "paddock", Path("/far/away"), tmp_path / "bundled"]


def test_models_and_bytes_are_those_of_the_list_and_of_the_files_where_it_is_hidden(computer: Computer) -> None:
    for name, size in (("a-00001-of-00002", 10), ("a-00002-of-00002", 20), ("mmproj-a", 5), ("b", 7)):
        (computer.lmstudio / f"{name}.gguf").write_bytes(b"x" * size)
    path = str(computer.lmstudio)
    model = ModelInfo(id="a", name="a", engine="llamacpp", path=f"{path}/a.gguf", size_bytes=30, folder=path)
    place = computer.all(model)[path]
    assert (place.shown, place.models, place.size_bytes, place.name) == (True, 1, 30, "LM Studio")
    assert place.free_bytes
    computer.settings = Settings(hidden_places=(path,))
    place = computer.all()[path]
    assert (place.shown, place.models, place.size_bytes) == (False, 2, 42)
