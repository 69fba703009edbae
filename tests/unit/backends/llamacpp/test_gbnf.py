"""Grammars that would end the engine's process, or keep it busy for ever, are refused; those that people write pass."""

from __future__ import annotations

import pytest

from paddock.backends.llamacpp.gbnf import read
from paddock.sdk.errors import BadRequest

LIST = r"""
# a list
root  ::= item+ | (
            "none" # of it
          )
item  ::= "- " [^\r\n\x0b\u0085]{1,40} "\n" ws
value ::= "\"" ([^"\\] | "\\" ["\\/bfn])* "\"" | "[" ws (value ("," ws value)* )? "]" | "é" .{0,1000000}
ws    ::= | " " | "\n" [ \t]{0,20}
"""


def chain(count: int, link: str, last: str = '"a"') -> str:
    return "\n".join(
        [f"r{count} ::= {last}", *(link.format(at, at + 1) for at in reversed(range(count))), "root ::= r0"]
    )


FATAL = {
    "a count that ends before it begins": 'root ::= "a"{5,2}',
    "deep parentheses": f"root ::= {'(' * 20_000}{')' * 20_000}",
    "a deep chain": chain(8000, "r{} ::= r{}"),
    "a deep chain of empty rules": chain(300, "r{} ::= r{}", '""'),
    "left recursion": 'root ::= root "a" | "b"',
    "left recursion behind empty parts": 'root ::= a root "x" | "y"\na ::= b b\nb ::= ""',
    "nothing but empty parts": 'root ::= a root\na ::= b b\nb ::= ""',
    "a token": "root ::= <think>",
    "no certain token": 'root ::= "a" !<[5]>',
    "a counted part that may be empty": 'root ::= ("a"? "b"?){0,300} "x"',
    "a long text, often": f'root ::= "{"a" * 60_000}"{{2000}}',
    "too many times": 'root ::= "a"{2001}',
    "no times": 'root ::= * "a"',
    "a text that goes on for ever": f'root ::= "{"a" * 200_000}"',
    "an end in the middle": 'root ::= "a"\n\0b ::= "c"',
    "half a character": 'root ::= "\ud800"',
    "no rule": " # nothing",
    "another rule": 'a ::= "x"',
    "a rule that is missing": 'root ::= a "x"',
    "half a rule": "root",
    "an open text": 'root ::= "a',
    "an open part": 'root ::= ("a"\n',
    "a closed part": 'root ::= "a")',
    "a new line": 'root ::= "a"\n | "b"',
}


@pytest.mark.parametrize("source", FATAL.values(), ids=FATAL)
def test_what_cannot_be_followed_is_refused(source):
    with pytest.raises(BadRequest, match="The grammar cannot be used"):
        read(source)


@pytest.mark.parametrize(
    "source",
    [
        'root ::= "(" sum ")"\nsum ::= sum "+" sum | [0-9]',
        'root ::= sum\nsum ::= ("-"? more)* [0-9]\nmore ::= " "{0,3} sum "+"',
        'sum ::= (" "* (sum | "x")) "+"\nroot ::= sum',
    ],
)
def test_left_recursion_is_refused_with_the_way_to_write_it(source):
    with pytest.raises(BadRequest, match="“sum” begins with itself") as refused:
        read(source)
    assert 'list ::= item ("," item)*' in refused.value.hint
    read('root ::= list\nlist ::= item ("," item)*\nitem ::= [a-z]')


@pytest.mark.parametrize(
    "source",
    [
        LIST,
        "root ::= [] | [^] a{2}{3}\na ::= .",
        'root ::= ws* "x"\nws ::= [ ]*\r\n',
        chain(40, "r{0} ::= r{1} | r{1}"),  # a million million ways to begin
    ],
)
def test_what_people_write_passes(source):
    read(source)
