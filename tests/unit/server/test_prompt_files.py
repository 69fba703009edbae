"""Prompts as people keep them, and what is said of a line that cannot be used."""

from __future__ import annotations

import json
import os

import pytest

from paddock.sdk.batch_lines import prompt_text
from paddock.sdk.compare import PromptsText
from paddock.sdk.errors import BadRequest, NotFound
from paddock.server import prompt_files
from paddock.server.prompt_files import read_prompts


def prompts(text: str, **more):
    return read_prompts(PromptsText(text=text, **more)).prompts


def test_json_lines_hold_prompts_conversations_and_checks():
    one, two, three = prompts(
        '\ufeff{"prompt": "Who?", "name": "q", "tags": ["a"], "checks": [{"kind": "contains", "value": "me"}]}\n\n'
        '{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]}\r\n'
        '"only text"\n'
    )
    assert (one.prompt, one.name, one.tags, one.checks[0].value) == ("Who?", "q", ("a",), "me")
    assert [message.role for message in two.messages] == ["system", "user"]
    assert three.prompt == "only text"


def test_a_schema_may_be_written_as_an_object():
    (one,) = prompts('{"prompt": "x", "checks": [{"kind": "json_schema", "value": {"type": "object"}}]}')
    assert one.checks[0].value == '{"type":"object"}'


def test_a_table_has_checks_as_columns_and_any_common_delimiter():
    for mark in ",;\t":
        heading, row = ("Prompt", "name", "tags", "contains", "contains"), ('"a, b\nc; d"', "n", '"x;y"', "one", "two")
        text = f"{mark.join(heading)}\n{mark.join(row)}\n"
        (one,) = prompts(text)
        assert (one.prompt, one.name, one.tags) == ("a, b\nc; d", "n", ("x", "y"))
        assert [check.value for check in one.checks] == ["one", "two"]


def test_plain_lines_are_a_prompt_each():
    assert [one.prompt for one in prompts("What is a duck?\n\nAnd a goose, say?\n")] == [
        "What is a duck?",
        "And a goose, say?",
    ]
    assert [len(one.prompt) for one in prompts("x" * 200_000)] == [200_000]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"prompt": "a"}\n{"promt": "b"}', "Line 2 cannot be used: object contains unknown field “promt”"),
        ('{"prompt": "a"}\n{"prompt": ', "Line 2 is no JSON"),
        ('{"prompt": "a", "checks": [{"kind": "contain", "value": "b"}]}', "Line 1 cannot be used"),
        ('{"prompt": "a", "checks": [{"kind": "regex", "value": "("}]}', "Line 1: “(” is no regular expression"),
        ('{"prompt": "a", "checks": [{"kind": "json_schema", "value": "{"}]}', "Line 1: The JSON schema is no JSON"),
        ('{"prompt": "a", "messages": [{"role": "user", "content": "b"}]}', "Line 1 has both"),
        ('{"messages": [{"role": "assistant", "content": "b"}]}', "end without a question"),
        ('{"prompt": " "}', "Line 1 has nothing to ask"),
        ("prompt,contain\na,b", "Line 1 has a column “contain”"),
        ("prompt,name\na,b,c", "Line 2 has 3 cells, the heading 2"),
        ('prompt,name\na,"b', "cannot be read"),
        ("prompt,name\n", "no prompts below the heading"),
        (" \n", "it is empty"),
    ],
)
def test_a_bad_line_is_named_with_what_to_do(text, said):
    with pytest.raises(BadRequest) as found:
        prompts(text)
    assert said in found.value.message
    assert found.value.hint


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_files_of_other_programs_are_read_by_their_mark(tmp_path, encoding):
    file = tmp_path / "prompts.csv"
    file.write_bytes("prompt,name\nÄh?,ü\n".encode(encoding))
    read = read_prompts(PromptsText(path=str(file)))
    assert (read.name, read.prompts[0].prompt, read.prompts[0].name) == ("prompts", "Äh?", "ü")


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path, monkeypatch):
    with pytest.raises(BadRequest, match="is no file" if os.name == "posix" else ""):
        read_prompts(PromptsText(path=os.devnull))
    with pytest.raises(NotFound, match="There is no file"):
        read_prompts(PromptsText(path=str(tmp_path / "none.csv")))
    (latin := tmp_path / "latin.txt").write_bytes(b"one\ntw\xe4\n")
    with pytest.raises(BadRequest, match="line 2 breaks it"):
        read_prompts(PromptsText(path=str(latin)))
    (huge := tmp_path / "huge.jsonl").write_bytes(b"")
    with huge.open("r+b") as file:
        file.truncate(100 * 2**20)
    with pytest.raises(BadRequest, match="larger than 32 MB"):
        read_prompts(PromptsText(path=str(huge)))
    monkeypatch.setattr(prompt_files, "MOST_PROMPTS", 3)
    with pytest.raises(BadRequest, match="more than 3 prompts"):
        prompts("a\nb\nc\nd\n")


def test_pictures_are_named_from_the_file_and_looked_at(tmp_path, noise_png):
    (tmp_path / "cat.png").write_bytes(noise_png(20, 10))
    file = tmp_path / "prompts.jsonl"
    file.write_text('{"prompt": "What is this?", "images": ["cat.png"]}\n{"images": ["./cat.png"]}\n')
    one, two = read_prompts(PromptsText(path=str(file))).prompts
    assert one.images == (str(tmp_path / "cat.png"),)
    assert prompt_text(two) == "cat.png"
    (picture,) = prompt_files.read_pictures(one.images)
    assert (picture.width, picture.height) == (20, 10)
    (tmp_path / "text.png").write_text("no picture")
    for name, said in (("text.png", "Line 1: text.png: This is no picture"), ("none.png", "Line 1: There is no file")):
        file.write_text(f'{{"prompt": "x", "images": ["{name}"]}}')
        with pytest.raises(BadRequest, match=said):
            read_prompts(PromptsText(path=str(file)))
    for name in ("~nobody-of-this-name/cat.png", "/dev/zero", ".", ""):
        file.write_text(json.dumps({"prompt": "x", "images": [name]}))
        with pytest.raises(BadRequest, match="Line 1: There is no file"):
            read_prompts(PromptsText(path=str(file)))
    file.write_text(json.dumps({"prompt": "x", "images": ["cat.png"] * 21}))
    with pytest.raises(BadRequest, match="Line 1 has 21 pictures"):
        read_prompts(PromptsText(path=str(file)))
    with pytest.raises(BadRequest, match=r"not known where “cat\.png” lies"):
        prompts('{"prompt": "x", "images": ["cat.png"]}')
    with pytest.raises(BadRequest, match="Line 1 has a column “images”"):
        prompts("prompt,images\nx,cat.png\n")
