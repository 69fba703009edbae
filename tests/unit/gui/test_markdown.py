"""Markdown to nodes: the same however the text arrives."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from paddock.gui.widgets.conversation.markdown import Parser
from paddock.gui.widgets.conversation.nodes import (
    Code,
    Node,
    Paragraph,
    Rule,
    Span,
    Table,
    opens,
    plain_nodes,
    plain_text,
)
from paddock.gui.widgets.conversation.stream import Stream

ANSWER = """# Title

Some **bold** and *soft* words, `code` and a [link](https://example.org/a).
Second line

- one
- two with

  more
  ```python
  x = 1
  ```
  1. deep
  2. deeper
- [x] done

> quoted
> > twice
lazy

| a | b |
|---|--:|
| 1 | **2** |
| 3 | x<br>y |

```python
def f(x):
    return x
```
---
Setext
===
para
a | b
--|--
1 | 2

~~~
tilde ``` inside
~~~
    indented

    more
last <b>html</b> https://example.org/x?y=1. end
"""


@pytest.fixture(scope="module")
def parser() -> Parser:
    return Parser()


def streamed(parser: Parser, pieces: list[str]) -> list[Node]:
    stream = Stream(parser)
    for piece in pieces:
        stream.feed(piece)
    stream.finish()
    return stream.final


def cut(text: str, sizes: list[int]) -> list[str]:
    pieces, at, turn = [], 0, 0
    while at < len(text):
        size = sizes[turn % len(sizes)]
        pieces.append(text[at : at + size])
        at += size
        turn += 1
    return pieces


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_any_chunking_of_an_answer_gives_the_nodes_of_the_whole(sizes: list[int]) -> None:
    parser = Parser()
    assert streamed(parser, cut(ANSWER, sizes)) == parser.parse(ANSWER)


LINES = ["", "", "word", "# h", "##x", "- a", "-", "  b", "1. c", "> q", "```", "```py", "~~~~", "    code", "a | b"]
LINES += ["--|--", "|x|", "---", "===", "***", "\t- t", "   ```", "* *", "[r]: /u", "a\rb", "**b", "c**", "`", "<br>"]
LINES += ["- b | x", "|---|---|", "\u00a0x|\u00a0y", r"\|a\||**b|", "|", "||"]


@settings(max_examples=400, deadline=None)
@example(lines=["- a", "- b | x", "|---|---|", "| 1 | 2 |", "", "more", ""], sizes=[1], ending="\n")
@given(
    lines=st.lists(st.sampled_from(LINES), max_size=14),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    ending=st.sampled_from(["\n", "\r\n"]),
)
def test_any_chunking_of_any_lines_gives_the_nodes_of_the_whole(
    lines: list[str], sizes: list[int], ending: str
) -> None:
    parser = Parser()
    text = ending.join(lines)
    assert streamed(parser, cut(text, sizes)) == parser.parse(text)


def test_what_is_final_never_changes_while_streaming(parser: Parser) -> None:
    stream = Stream(parser)
    seen: list[Node] = []
    for letter in ANSWER:
        stream.feed(letter)
        assert stream.final[: len(seen)] == seen
        seen = list(stream.final)


def test_lists_carry_depth_and_markers(parser: Parser) -> None:
    nodes = parser.parse("- a\n  1. b\n  2. c\n- [ ] d")
    assert [(n.marker, n.indent) for n in nodes if isinstance(n, Paragraph)] == [
        ("•", 1),
        ("1.", 2),
        ("2.", 2),
        ("☐", 1),
    ]


def test_code_in_a_list_is_a_block_of_its_own(parser: Parser) -> None:
    assert Code("x = 1", "python", indent=1) in parser.parse("- run\n\n  ```python\n  x = 1\n  ```")


def test_table_keeps_alignment_and_cells(parser: Parser) -> None:
    (table,) = parser.parse("| a | b |\n|:--|--:|\n| 1 | **2** |")
    assert isinstance(table, Table)
    assert table.aligns == ("left", "right")
    assert table.rows == (((Span("1"),), (Span("2", bold=True),)),)


def test_html_and_images_are_words_only(parser: Parser) -> None:
    (paragraph,) = parser.parse("<script>x</script> ![a cat](http://example.org/cat.png)")
    assert plain_text(paragraph) == "<script>x</script> a cat"
    assert isinstance(paragraph, Paragraph)
    assert paragraph.spans[-1].href == "http://example.org/cat.png"


@pytest.mark.parametrize("address", ["javascript:alert(1)", "file:///etc/passwd", "smb://host/x", "/x", "ssh://h"])
def test_only_web_and_mail_addresses_are_followed(parser: Parser, address: str) -> None:
    (paragraph,) = parser.parse(f"[x]({address})")
    assert isinstance(paragraph, Paragraph)
    assert [span.text for span in paragraph.spans] == ["x"]
    assert not any(opens(span.href) for span in paragraph.spans)


def test_bare_addresses_become_links_without_the_full_stop(parser: Parser) -> None:
    (paragraph,) = parser.parse("See https://example.org/a, then stop.")
    assert isinstance(paragraph, Paragraph)
    assert [span.href for span in paragraph.spans] == ["", "https://example.org/a", ""]


def test_a_very_long_paragraph_is_cut_and_loses_nothing(parser: Parser) -> None:
    text = "a" * 100_000
    nodes = parser.parse(text)
    assert len(nodes) > 5
    assert "".join(plain_text(node) for node in nodes) == text
    assert all(isinstance(node, Paragraph) and node.glued for node in nodes[1:])


def test_deep_nesting_is_survived(parser: Parser) -> None:
    parser.parse("> " * 300 + "x")
    parser.parse("\n".join("  " * depth + "- x" for depth in range(300)))


def test_rule_and_reference_definitions(parser: Parser) -> None:
    nodes = parser.parse("---\n\n[1]: https://example.org")
    assert isinstance(nodes[0], Rule)
    assert plain_text(nodes[1]) == "[1]: https://example.org"


def test_own_words_are_kept_as_typed() -> None:
    nodes = plain_nodes("# not a heading\n* x\n\n```py\na = 1\n```\nend")
    assert nodes == [
        Paragraph((Span("# not a heading\n* x"),), tight=True),
        Code("a = 1", "py"),
        Paragraph((Span("end"),), tight=True),
    ]
