"""``paddock import``, ``rm`` and ``quantize`` as programs of their own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from paddock import resources

from .program import Program

STARTER = Path(str(resources.__file__)).parent / "starter" / "starter-Q8_0.gguf"


@pytest.fixture(scope="module")
def tiny(program: Program, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The starter model, imported by the command."""
    folder = tmp_path_factory.mktemp("downloads")
    shutil.copy(STARTER, folder / "tiny-Q8_0.gguf")
    run = program.run("import", str(folder / "tiny-Q8_0.gguf"), "--name", "acme/tiny", "--json")
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert told == {
        "id": "acme/tiny",
        "models": 1,
        "files": 1,
        "bytes": STARTER.stat().st_size,
        "method": "copy",
        "note": "",
    }
    assert (folder / "tiny-Q8_0.gguf").exists()
    return "acme/tiny"


def test_import_says_what_is_wrong(program: Program, tmp_path: Path) -> None:
    (tmp_path / "notes.gguf").write_text("hello")
    run = program.run("import", str(tmp_path / "notes.gguf"))
    assert run.returncode == 1
    assert "not a GGUF file" in run.stderr
    assert program.run("import", str(tmp_path), "--move", "--symlink").returncode == 2


def test_further_names_are_given_listed_and_taken(program: Program) -> None:
    given = program.run("alias", "test/quick", "speedy", "gpt-4o-mini")
    assert given.stdout.strip() == "test/quick is also called speedy, gpt-4o-mini."
    listed = {model["id"]: model["aliases"] for model in json.loads(program.run("ls", "--json").stdout)}
    assert listed["test/quick"] == ["speedy", "gpt-4o-mini"]
    left = json.loads(program.run("alias", "speedy", "--remove", "SPEEDY", "--json").stdout)
    assert left == {"id": "test/quick", "aliases": ["gpt-4o-mini"]}
    refused = program.run("alias", "test/slow", "gpt-4o-mini")
    assert refused.returncode == 1
    assert "take it from “test/quick” first" in refused.stderr
    assert "no further names" in program.run("alias", "test/quick", "--remove").stdout


def test_quantize_lists_and_makes(program: Program, tiny: str) -> None:
    run = program.run("quantize", tiny, "--list")
    assert run.returncode == 0, run.stderr
    line = next(line for line in run.stdout.splitlines() if line.startswith("Q4_K_M"))
    assert "fits" in line
    choices = json.loads(program.run("quantize", tiny, "--list", "--json").stdout)
    sizes = [choice["size_bytes"] for choice in choices]
    assert sizes == sorted(sizes)
    refused = program.run("quantize", tiny, "Q4_0")
    assert refused.returncode == 1
    assert "--requantize" in refused.stderr
    made = program.run("quantize", tiny, "Q4_0", "--requantize", "--json")
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout)
    assert told["id"] == "acme/tiny:Q4_0"
    assert Path(told["path"]).stat().st_size == told["bytes"]
    assert program.run("rm", "acme/tiny:Q4_0", "--yes").returncode == 0
    assert program.run("rm", "--empty", "--yes").returncode == 0
    assert program.run("quantize", tiny).returncode == 2


def test_rm_and_back(program: Program, tiny: str) -> None:
    gone = program.run("rm", tiny)
    assert gone.returncode == 0, gone.stderr
    assert "in the trash" in gone.stdout
    assert "--undo" in gone.stderr
    (trashed,) = json.loads(program.run("rm", "--list", "--json").stdout)
    assert trashed["model"] == tiny
    back = program.run("rm", "--undo")
    assert back.stdout.strip() == f"{tiny} is back."
    assert tiny in program.run("ls").stdout
    missing = program.run("rm", "acme/nothing", "--yes")
    assert missing.returncode == 1
    assert "acme/nothing" in missing.stderr
    assert program.run("rm", "--undo").returncode == 1
    assert program.run("rm").returncode == 2
