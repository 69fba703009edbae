"""What of a model card is shown: Markdown without HTML, pictures as links, code untouched."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from paddock.gui.widgets.card_text import card_text


def test_pictures_become_links_that_name_where_they_come_from() -> None:
    card = '![Chart](https://a.test/c.png "Title")\n<img width="60%" src="https://b.test/l.png" alt="Logo"/>'
    assert card_text(card) == (
        "[Picture: Chart (a.test)](https://a.test/c.png)\n [Picture: Logo (b.test)](https://b.test/l.png)"
    )


def test_a_picture_that_is_a_link_stays_one_link() -> None:
    assert card_text("[![Badge](https://a.test/b.svg)](https://a.test/page)") == (
        "[Picture: Badge (a.test)](https://a.test/b.svg)"
    )


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<p>Some <b>bold</b> and <em>soft</em> words</p>", "Some **bold** and *soft* words"),
        ('<a href="https://a.test">here</a>', "[here](https://a.test)"),
        ("<h2>Use</h2>It runs", "## Use\n\nIt runs"),
        ("<ul><li>one</li><li>two</li></ul>", "- one\n\n- two"),
        ("<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>", "A · B\n\n1 · 2"),
        ("<script>alert(1)</script>after", "after"),
        ("a < b and 3 &lt; 4", "a < b and 3 &lt; 4"),
        ("The <think> tag and <https://auto.link>", "The <think> tag and <https://auto.link>"),
    ],
)
def test_html_is_read_for_what_it_means(html: str, markdown: str) -> None:
    assert card_text(html) == markdown


def test_code_stays_as_it_is() -> None:
    code = "```html\n<div>![x](https://no.test/x.png)</div>\n```"
    assert card_text(f"<p>See</p>\n{code}\nand `<b>` too") == f"See\n\n{code}\nand `<b>` too"


@example("a <![1 b> c")
@given(st.text(alphabet="<>/ab!-[]()`~\n\"'&;= h1", max_size=200))
def test_no_card_is_too_broken(card: str) -> None:
    assert isinstance(card_text(card), str)
