"""The entry point: what opens the app, and what is said where no window can open."""

from __future__ import annotations

import io
import subprocess
import sys
import types

import pytest

from paddock.sdk.cli import main as entry
from paddock.sdk.cli.chat import joined, model_argument, piped


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A stand-in for the window; what it was started with."""
    started: list[list[str]] = []
    module = types.ModuleType("paddock.gui.app")
    module.main = lambda arguments: started.append(arguments) or 7  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "paddock.gui.app", module)
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    return started


@pytest.mark.parametrize("arguments", [[], ["--new-window"], ["--debug", "--new-window"]])
def test_without_a_command_the_app_opens(app, monkeypatch, arguments):
    monkeypatch.setattr(sys, "argv", ["paddock", *arguments])
    assert entry.main() == 7
    assert app == [arguments]


def test_a_file_or_an_address_opens_in_the_app(app, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for given, handed in (("m.gguf", str(tmp_path / "m.gguf")), ("hf.co/o/m:Q8_0", "hf.co/o/m:Q8_0")):
        monkeypatch.setattr(sys, "argv", ["paddock", given])
        assert entry.main() == 7
        assert app.pop() == ["--", handed]


def test_a_wrong_address_is_told_on_a_terminal_and_else_in_the_window(app, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["paddock", "paddock://erase?repo=o/m"])
    assert entry.main() == 7
    assert app.pop() == ["--", "paddock://erase?repo=o/m"]
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert entry.main() == 2
    assert app == []
    assert "cannot be opened" in capsys.readouterr().err


def test_opening_the_app_imports_no_command_line_library():
    code = """
import os, sys, types
os.environ["QT_QPA_PLATFORM"] = "offscreen"
sys.argv = ["paddock"]
app = types.ModuleType("paddock.gui.app")
app.main = lambda arguments: print(*sorted(sys.modules)) or 0
sys.modules["paddock.gui.app"] = app
from paddock.sdk.cli.main import main
sys.exit(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"typer", "rich", "prompt_toolkit", "httpx2", "msgspec", "PySide6"}


def test_without_a_display_it_says_so_and_names_the_other_ways(monkeypatch, capsys):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys, "argv", ["paddock"])
    assert entry.main() == 1
    said = capsys.readouterr().err
    assert "no display" in said
    assert "paddock serve" in said
    assert "paddock chat" in said


def test_without_qt_it_says_so(monkeypatch, capsys):
    monkeypatch.setattr(entry.importlib.util, "find_spec", lambda name: None)
    assert entry.open_app([]) == 1
    assert "PySide6" in capsys.readouterr().err


def test_a_missing_system_library_of_qt_is_a_sentence(monkeypatch, capsys):
    def fail(name: str) -> None:
        raise ImportError("libEGL.so.1: cannot open shared object file", name="PySide6.QtGui")

    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.setattr(entry.importlib, "import_module", fail)
    assert entry.open_app([]) == 1
    assert "libEGL" in capsys.readouterr().err


def test_ctrl_c_while_starting_is_130(monkeypatch):
    def interrupt(arguments: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["paddock"])
    monkeypatch.setattr(entry, "open_app", interrupt)
    assert entry.main() == 130


def test_one_line_from_a_pipe_goes_on_the_argument_many_go_below_it():
    assert joined("What is the capital of", "Italy?") == "What is the capital of Italy?"
    assert joined("Explain:", "a\nb") == "Explain:\n\na\nb"
    assert joined("", "hi") == "hi"
    assert joined("hi", "") == "hi"


def test_standard_input_may_be_closed_empty_or_text():
    closed = io.StringIO()
    closed.close()
    assert piped(None) == piped(closed) == piped(io.StringIO("\n")) == ""
    assert piped(io.StringIO("hi\n")) == "hi"


def test_a_file_becomes_an_absolute_path_and_an_id_stays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain").write_text("")
    assert model_argument("publisher/repo:Q8_0") == "publisher/repo:Q8_0"
    assert model_argument("x.gguf") == str(tmp_path / "x.gguf")
    assert model_argument("./folder/x") == str(tmp_path / "folder" / "x")
    assert model_argument("plain") == str(tmp_path / "plain")
