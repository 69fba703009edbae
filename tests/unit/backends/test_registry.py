from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from paddock.backends.base import EngineDescriptor
from paddock.backends.registry import Registry
from paddock.sdk.errors import EngineMissing


def engine(name: str, *suffixes: str) -> EngineDescriptor:
    return EngineDescriptor(name=name, title=name, factory="nowhere:create", probe="nowhere:probe", suffixes=suffixes)


def test_the_built_in_engines_come_through_entry_points() -> None:
    names = [descriptor.name for descriptor in Registry.discover().descriptors()]
    assert "echo" in names
    assert "llamacpp" in names


def test_longer_suffixes_come_first() -> None:
    registry = Registry([engine("a", ".json"), engine("b", ".echo.json")])
    assert list(registry.suffixes().items()) == [(".echo.json", "b"), (".json", "a")]


def test_a_missing_engine_names_the_nearest_and_the_known_ones() -> None:
    with pytest.raises(EngineMissing) as caught:
        Registry([engine("llamacpp"), engine("echo")]).get("lamacpp")
    assert "Did you mean “llamacpp”?" in caught.value.hint
    assert "echo" in caught.value.hint


def test_of_two_engines_with_one_name_the_first_stays_and_the_second_is_reported() -> None:
    registry = Registry([engine("a", ".1"), engine("a", ".2")])
    assert registry.suffixes() == {".1": "a"}
    assert [problem.entry for problem in registry.problems] == ["a"]


_STRANGERS = """
import sys
from paddock.backends.registry import Registry
registry = Registry.discover()
assert "broken_stranger" not in sys.modules, "read before it was asked"
print(sorted(d.name for d in registry.descriptors()))
print(sorted((p.entry, p.reason) for p in registry.problems))
try:
    registry.get("raises")
except Exception as error:
    print(error, error.hint)
assert "llama_cpp" not in sys.modules and "numpy" not in sys.modules
"""


def test_a_broken_stranger_is_reported_and_leaves_the_others_alone(tmp_path: Path) -> None:
    (tmp_path / "broken_stranger.py").write_text("raise RuntimeError('no such accelerator')\n")
    (tmp_path / "odd_stranger.py").write_text("DESCRIPTOR = 5\n")
    info = tmp_path / "strangers-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: strangers\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[paddock.backends]\nraises = broken_stranger:DESCRIPTOR\nodd = odd_stranger:DESCRIPTOR\n"
        "absent = not_there:DESCRIPTOR\n"
    )
    code = f"import sys; sys.path.append({str(tmp_path)!r})\n{_STRANGERS}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert "'echo'" in done.stdout
    for part in ("no such accelerator", "is not an EngineDescriptor", "No module named 'not_there'"):
        assert part in done.stdout
    assert "The engine “raises” is installed but broken." in done.stdout
