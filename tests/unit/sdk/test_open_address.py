"""What may be opened from outside: a closed set of forms."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.sdk.errors import BadRequest
from paddock.sdk.open_address import OpenFile, OpenRepo, is_address, parse_address


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("paddock://open?repo=bartowski/Qwen3-8B-GGUF:Q4_K_M", "bartowski/Qwen3-8B-GGUF:Q4_K_M"),
        ("PADDOCK://open/?repo=o%2Fm%3AQ8_0", "o/m:Q8_0"),
        ("paddock://open?repo=o/m", "o/m"),
        ("hf.co/o/m:Q4_K_M", "o/m:Q4_K_M"),
        ("https://huggingface.co/o/m", "o/m"),
        ("https://huggingface.co/o/m/tree/main", "o/m"),
        ("https://huggingface.co/o/m/blob/main/UD/m-Q4_K_M.gguf", "o/m:UD/m-Q4_K_M.gguf"),
        ("http://hf.co/o/m/resolve/main/m.gguf?download=true", "o/m:m.gguf"),
    ],
)
def test_models_on_the_hub(text: str, model: str) -> None:
    opened = parse_address(text)
    assert isinstance(opened, OpenRepo)
    assert opened.model == model
    assert is_address(text)


def test_files_by_path_and_by_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    assert parse_address("a b.GGUF") == OpenFile(path=str(tmp_path / "a b.GGUF"))
    assert parse_address("~/m.gguf") == OpenFile(path="/home/me/m.gguf")
    assert parse_address("file:///x/a%20%C3%A4.gguf") == OpenFile(path="/x/a ä.gguf")
    assert parse_address("file://localhost/x/a.gguf") == OpenFile(path="/x/a.gguf")
    assert is_address("file:///x/a.gguf")


@pytest.mark.parametrize(
    "text",
    [
        "", "chat", "/etc/passwd", "file:///etc/passwd", "file://server/share/m.gguf", "file:///m%00.gguf", "m\n.gguf",
        "paddock:open?repo=o/m", "paddock://open", "paddock://open?repo=", "paddock://open?repo=m",
        "paddock://open?file=/m.gguf", "paddock://open?repo=/m.gguf", "paddock://delete?repo=o/m",
        "paddock://open?repo=o/m&start=1", "paddock://open?repo=o/m#x", "paddock://user@open?repo=o/m",
        "paddock://open/run?repo=o/m", "paddock://open?repo=../m", "paddock://open?repo=o/m:../../x.gguf",
        "paddock://open?repo=o/m:%0Ax", "https://example.org/o/m", "https://huggingface.co.example.org/o/m",
        "https://huggingface.co@example.org/o/m", "https://me@huggingface.co/o/m", "https://huggingface.co/datasets/o/d",
        "https://huggingface.co/o/m/resolve/main/../../x.gguf", "https://[huggingface.co/o/m", "ftp://hf.co/o/m",
        "paddock://open?repo=o/" + "m" * 3000,
    ],
)  # fmt: skip
def test_everything_else_is_refused_with_what_is_taken(text: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse_address(text)
    assert "paddock://open?repo=" in refused.value.hint


@pytest.mark.parametrize("argument", ["chat", "--help", "ls", "models", "-m", "bartowski/Qwen3-8B-GGUF"])
def test_commands_are_no_addresses(argument: str) -> None:
    assert not is_address(argument)


@given(st.text(max_size=60).map(lambda text: f"paddock://open?repo={text}") | st.text(max_size=60))
def test_no_text_does_anything_else(text: str) -> None:
    try:
        opened = parse_address(text)
    except BadRequest:
        return
    assert isinstance(opened, OpenFile | OpenRepo)
    if isinstance(opened, OpenRepo):
        assert opened.repo.count("/") == 1
        assert ".." not in opened.model.replace(":", "/").split("/")
