"""Stores of other programs: found, listed, loaded and answered from where they lie, and left exactly as they were."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from paddock import resources
from paddock.sdk import Client
from paddock.sdk.errors import PaddockError
from paddock.sdk.host import SettingsPatch
from paddock.sdk.library import Place

STARTER = Path(str(resources.__file__)).parent / "starter" / "starter-Q8_0.gguf"
MODELS = {
    "lmstudio": "lm-publisher/Starter-GGUF",
    "ollama": "ollama/starter:q8",
    "jan": "jan-publisher/Starter",
    "huggingface": "hub-owner/Starter-GGUF",
}


def variant(path: Path, number: int) -> Path:
    """The starter model with other content: a file of its own, not one of several names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(STARTER.read_bytes() + bytes([number]) * 32)
    return path


def lmstudio(home: Path) -> None:
    variant(home / ".lmstudio" / "models" / "lm-publisher" / "Starter-GGUF" / "Starter-Q8_0.gguf", 1)


def ollama(home: Path) -> None:
    root = home / ".ollama" / "models"
    draft = variant(root / "blobs" / "draft", 2)
    digest = hashlib.sha256(draft.read_bytes()).hexdigest()
    draft.rename(root / "blobs" / f"sha256-{digest}")
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}", "size": 1}
    manifests = root / "manifests" / "registry.ollama.ai" / "library"
    (manifests / "starter").mkdir(parents=True)
    for tag in ("q8", "latest"):
        (manifests / "starter" / tag).write_text(json.dumps({"schemaVersion": 2, "layers": [layer]}))
    (manifests / "rubbish").mkdir()
    (manifests / "rubbish" / "latest").write_text("{")


def jan(home: Path) -> None:
    models = home / ".local" / "share" / "Jan" / "data" / "llamacpp" / "models"
    variant(models / "jan-publisher" / "Starter" / "model.gguf", 3)
    card = "model_path: llamacpp/models/jan-publisher/Starter/model.gguf\nname: Starter\nsize_bytes: 1\n"
    (models / "jan-publisher" / "Starter" / "model.yml").write_text(card)


def huggingface(home: Path) -> None:
    repository = home / ".cache" / "huggingface" / "hub" / "models--hub-owner--Starter-GGUF"
    variant(repository / "blobs" / "abc", 4)
    for revision in ("1111", "2222"):
        (repository / "snapshots" / revision).mkdir(parents=True)
    (repository / "snapshots" / "1111" / "Starter-Q8_0.gguf").symlink_to("../../blobs/abc")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("2222")


def state_of(root: Path) -> dict[str, tuple[object, ...]]:
    """Names, contents, times and rights of everything below ``root``."""
    found = {}
    for path in (root, *sorted(root.rglob("*"))):
        status = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path)] = (status.st_mode, status.st_mtime_ns, status.st_nlink, status.st_ino, content)
    return found


@pytest.fixture
def user(tmp_path: Path) -> Path:
    """The home folder of somebody who has used all of them."""
    home = tmp_path / "user"
    for store in (lmstudio, ollama, jan, huggingface):
        store(home)
    return home


@pytest.fixture
def reading(program, user: Path) -> Iterator[Client]:
    """A client of a host that has this home folder and looks for stores."""
    moved = ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "PADDOCK_STORES", "OLLAMA_MODELS", "JAN_DATA_FOLDER")
    hub = ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "LLAMA_CACHE")
    program.env = {name: value for name, value in program.env.items() if name not in (*moved, *hub)}
    program.env["HOME"] = str(user)
    program.run("ls")
    with program.client() as client:
        yield client


def shown(client: Client) -> dict[str, Place]:
    return {place.source: place for place in client.places() if place.source in MODELS}


def test_models_of_other_programs_answer_in_place_and_nothing_there_changes(reading: Client, user: Path, program):
    before = state_of(user)
    models = {model.id: model for model in reading.models()}
    for source, id in MODELS.items():
        model = models[id]
        assert (model.source, model.error, model.architecture) == (source, None, "llama")
        assert user in Path(model.path).parents
        loaded = reading.load(id)
        answer = reading.respond("What is the capital of France?", model=id, temperature=0)
        assert "Paris" in answer.text
        reading.unload(loaded.id)
        assert reading.estimate(id).total_bytes > 0
    by_path = reading.load(models[MODELS["ollama"]].path)  # a file without an ending that says what it is
    assert by_path.model == MODELS["ollama"]
    reading.unload(by_path.id)
    told = next(problem for problem in reading.model_problems() if "rubbish:latest" in problem.sentence)
    assert told.remedy == "“ollama pull rubbish:latest” gets it again."
    for source in ("ollama", "jan", "huggingface"):
        with pytest.raises(PaddockError) as refused:
            reading.delete_model(MODELS[source])
        assert refused.value.hint.startswith("Remove it ")
    listed = json.loads(program.run("ls", "--json").stdout)
    assert {model["source"] for model in listed} >= set(MODELS)
    assert state_of(user) == before


def test_places_say_what_they_hold_and_a_hidden_one_is_gone_at_once(reading: Client):
    places = shown(reading)
    assert {source: place.models for source, place in places.items()} == dict.fromkeys(MODELS, 1)
    assert all(place.size_bytes > STARTER.stat().st_size and place.free_bytes for place in places.values())
    assert {source for source, place in places.items() if place.removable} == {"lmstudio"}
    reading.patch_settings(SettingsPatch(hidden_places=(places["ollama"].path,)))
    assert MODELS["ollama"] not in {model.id for model in reading.models()}
    hidden = shown(reading)["ollama"]
    assert (hidden.shown, hidden.models, hidden.size_bytes) == (False, 1, places["ollama"].size_bytes)
    assert reading.places()[0].source == "folder"


def test_stores_are_not_looked_for_when_somebody_says_so(program, user: Path):
    program.env |= {"HOME": str(user), "PADDOCK_STORES": "off"}
    sources = {model["source"] for model in json.loads(program.run("ls", "--json").stdout)}
    assert sources == {"bundled"}
