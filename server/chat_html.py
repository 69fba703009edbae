"""Conversations as one HTML file that needs nothing else and runs nothing, for the browser or for paper. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from paddock.sdk.pictures import Picture, data_url
from paddock.server.chat_looks import PAPER, SCREEN
from paddock.server.chat_transcript import Entry, Row, Transcript, picture_words

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_RUN = re.compile(r"\S{400,}")
_BREAK_EVERY = 80
SCREEN_PICTURE, PAPER_PICTURE = (700, 420), (420, 300)
"""The largest width and height of a picture, in CSS pixels."""


class HtmlPage:
    """Writes pages. ``paper``: in the few elements and styles that QTextDocument lays out."""

    def __init__(self, *, side_by_side: bool, paper: bool = False) -> None:
        self._beside, self._paper = side_by_side, paper
        self._markdown = _parser(self._code)

    def write(self, title: str, transcripts: Iterable[Transcript]) -> Iterator[str]:
        """The pieces of one page."""
        yield (
            '<!DOCTYPE html>\n<html lang="">\n<head>\n<meta charset="utf-8">\n'
            '<meta http-equiv="Content-Security-Policy"'
            " content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n"
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{escape(title)}</title>\n<style>\n{PAPER if self._paper else SCREEN}</style>\n</head>\n<body>\n"
        )
        for number, transcript in enumerate(transcripts):
            yield from self._document(transcript, number)
        yield "</body>\n</html>\n"

    def _document(self, transcript: Transcript, number: int) -> Iterator[str]:
        wide = " wide" if self._beside and transcript.columns else ""
        apart = ' style="page-break-before: always"' if number and self._paper else ""
        yield f'<div class="chat{wide}">\n<h1{apart}>{escape(transcript.title)}</h1>\n'
        if transcript.about:
            facts = (f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in transcript.about)
            yield f'<table class="about">{"".join(facts)}</table>\n'
        if transcript.system:
            yield f'<p class="who">System prompt</p>\n<div class="system">{self._rendered(transcript.system)}</div>\n'
        for row in transcript.rows:
            yield from self._row(row, transcript)
        yield "</div>\n"

    def _row(self, row: Row, transcript: Transcript) -> Iterator[str]:
        for entry in (*([row.question] if row.question is not None else []), *row.common):
            yield from self._entry(entry)
        if not row.answers:
            return
        if not self._beside:
            for answers in row.answers:
                for entry in answers:
                    yield from self._entry(entry)
            return
        share = 100 // len(transcript.columns)
        yield '<table class="panes" width="100%">\n<tr>'
        for number, name in enumerate(transcript.columns):
            silk = f' class="silk{number}"' if transcript.silks else ""
            yield f'<th{silk} width="{share}%">{escape(name)}</th>'
        yield "</tr>\n<tr>"
        for answers in row.answers:
            yield '<td valign="top">'
            for number, entry in enumerate(answers):
                yield from self._entry(entry, headed=number > 0)
            yield "</td>"
        yield "</tr>\n</table>\n"

    # ---------------------------------------------------------------- one message

    def _entry(self, entry: Entry, *, headed: bool = True) -> Iterator[str]:
        message = entry.message
        version = f"{message.version} of {message.versions}" if message is not None and message.versions > 1 else ""
        if headed:
            number = f' <span class="version">{version}</span>' if version else ""
            silk = "" if entry.pane is None else f" silk{entry.pane}"
            yield f'<p class="who{silk}">{escape(entry.who)}{number}</p>\n'
        if entry.reasoning:
            yield from self._folded(entry.reasoning_head, [self._rendered(entry.reasoning)], "reasoning")
        if entry.pictures:
            yield f'<p class="pictures">{" ".join(self._pictures(entry.pictures))}</p>\n'
        if entry.text.strip():
            yield from self._said(entry)
        for call in entry.calls:
            yield f'<p class="call">Calls <code>{escape(call.name)}</code></p>\n{self._code(call.arguments)}'
        if entry.note:
            yield f'<p class="note">{escape(entry.note)}</p>\n'
        if entry.numbers:
            yield f'<p class="numbers">{escape(entry.numbers)}</p>\n'
        for other in entry.others:
            first = other[0].message
            number = f"Version {first.version} of {first.versions}" if first is not None else "Another version"
            pieces = (piece for each in other for piece in self._entry(each))
            yield from self._folded(number, pieces, "other")

    def _pictures(self, pictures: Sequence[Picture]) -> Iterator[str]:
        most = PAPER_PICTURE if self._paper else SCREEN_PICTURE
        for number, picture in enumerate(pictures, 1):
            scale = min(1.0, most[0] / picture.width, most[1] / picture.height)
            size = f'width="{picture.width * scale:.0f}" height="{picture.height * scale:.0f}"'
            yield f'<img src="{data_url(picture)}" {size} alt="{picture_words(number, picture)}">'

    def _said(self, entry: Entry) -> Iterator[str]:
        if entry.role != "user":
            yield f'<div class="said">{self._rendered(entry.text)}</div>\n'
        elif self._paper:
            yield _celled("asked", _lines(entry.text))
        else:
            yield f'<div class="asked">{_lines(entry.text)}</div>\n'

    def _folded(self, head: str, pieces: Iterable[str], kind: str) -> Iterator[str]:
        if self._paper:
            yield f'<p class="folded">{escape(head)}</p>\n<div class="{kind}">'
            yield from pieces
            yield "</div>\n"
        else:
            yield f'<details class="{kind}"><summary>{escape(head)}</summary>\n'
            yield from pieces
            yield "</details>\n"

    def _code(self, text: str) -> str:
        block = f"<pre><code>{escape(_broken(text.rstrip()))}</code></pre>"
        return _celled("code", block) if self._paper else f"{block}\n"

    def _rendered(self, text: str) -> str:
        rendered: str = self._markdown.render(_broken(text) if self._paper else text)
        return rendered


def _celled(kind: str, inside: str) -> str:
    """On paper a block's background ends at its lines; a cell's has room around them."""
    return f'<table class="{kind}" width="100%"><tr><td>{inside}</td></tr></table>\n'


def _lines(text: str) -> str:
    """What a person typed, as it was typed."""
    return escape(_broken(text.strip("\n"))).replace("\n", "<br>\n")


def _broken(text: str) -> str:
    """With places to break in runs that no page is wide enough for: laying them out takes for ever otherwise."""
    return _RUN.sub(lambda run: "\u200b".join(_pieces(run[0])), text)


def _pieces(run: str) -> Iterator[str]:
    return (run[at : at + _BREAK_EVERY] for at in range(0, len(run), _BREAK_EVERY))


def _parser(code: Callable[[str], str]) -> MarkdownIt:
    """``code`` writes a code block."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])

    def image(self: Any, tokens: Sequence[Any], at: int, options: Any, env: Any) -> str:
        # a picture would be fetched as soon as the page is opened; a link is followed when somebody wants to
        token = tokens[at]
        address, words = str(token.attrs.get("src", "")), escape(token.content or "picture")
        if not address.lower().startswith(("http:", "https:")):
            return words
        return f'<a href="{escape(address)}" rel="noopener noreferrer">{words}</a>'

    def link(self: Any, tokens: Sequence[Any], at: int, options: Any, env: Any) -> str:
        token = tokens[at]
        if not str(token.attrs.get("href", "")).lower().startswith(("http:", "https:", "mailto:", "#")):
            token.attrs.pop("href", None)  # a file of whoever opens the page is not the writer's to link to
        token.attrs["rel"] = "noopener noreferrer"
        rendered: str = self.renderToken(tokens, at, options, env)
        return rendered

    def block(self: Any, tokens: Sequence[Any], at: int, options: Any, env: Any) -> str:
        return code(tokens[at].content)

    parser.add_render_rule("fence", block)
    parser.add_render_rule("code_block", block)
    parser.add_render_rule("image", image)
    parser.add_render_rule("link_open", link)
    return parser
