"""A model card as Markdown that can be shown: its HTML read, its pictures as links that are opened on a click only."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

_CODE = re.compile(r"(^(?P<fence>`{3,}|~{3,})[^\n]*\n.*?(?:^(?P=fence)[^\n]*$|\Z)|`[^`\n]+`)", re.DOTALL | re.MULTILINE)
_PICTURE = re.compile(r"!\[(?P<words>[^\]\n]*)\]\(\s*<?(?P<address>[^)\s>]+)>?(?:\s+\"[^\"\n]*\")?\s*\)")
_LINKED = re.compile(r"\[\s*(?P<picture>\[Picture: [^\]\n]*\]\([^)\s]+\))\s*\]\([^)\s]*\)")
_LINES = re.compile(r"\n{3,}")
_INLINE = {
    "b": "**",
    "strong": "**",
    "i": "*",
    "em": "*",
    "code": "`",
    "kbd": "`",
    "s": "~~",
    "del": "~~",
}
_BLOCKS = {
    "p", "div", "center", "details", "summary", "section", "table", "thead", "tbody", "ul", "ol", "br", "hr",
    "figure", "blockquote", "pre", "picture", "h1", "h2", "h3", "h4", "h5", "h6", "tr", "li",
}  # fmt: skip
_QUIET = {"span", "font", "sup", "sub", "u", "small", "big", "source", "video", "audio", "figcaption", "td", "th", "a"}
_DROPPED = {"script", "style"}


def card_text(card: str) -> str:
    """``card`` without HTML: what it means becomes Markdown, the rest of it goes. Code stays as it is."""
    parts = _CODE.split(card)[:: _CODE.groups + 1]
    codes = [found[0] for found in _CODE.finditer(card)]
    reader = _Reader()
    for number, part in enumerate(parts):
        reader.feed(part)
        if number < len(codes):
            reader.flush()
            reader.out.append(codes[number])
    reader.close()
    reader.flush()
    return _LINES.sub("\n\n", "".join(reader.out)).strip()


def picture(words: str, address: str) -> str:
    """The place of a picture: its words and where it comes from, as a link."""
    host = urlsplit(address).hostname or ""
    words = words.replace("[", "(").replace("]", ")").strip() or address.rpartition("/")[2][:60] or "no title"
    return f"[Picture: {words}{f' ({host})' if host else ''}]({address})"


class _Reader(HTMLParser):
    """Writes Markdown to ``out``. Tags that are none of HTML's (``<think>``) stay as words."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.out: list[str] = []
        self._links: list[str] = []
        self._silent = 0
        self._cells = 0

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        """One of no known kind, as ``<![1``, is passed over; the library asserts that there is none."""
        try:
            return super().parse_marked_section(i, report)
        except AssertionError:
            return self.parse_bogus_comment(i)

    def flush(self) -> None:
        """Take what the parser still holds back as words."""
        if self.rawdata:
            self.handle_data(self.rawdata)
            self.rawdata = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag in _DROPPED:
            self._silent += 1
        elif tag == "img":
            self.out.append(f" {picture(told.get('alt', ''), told['src'])} " if told.get("src") else "")
        elif tag == "a" and told.get("href"):
            self._links.append(told["href"])
            self.out.append("[")
        elif tag in ("td", "th"):
            self.out.append(" · " if self._cells else "")
            self._cells += 1
        else:
            self._mark(tag, opening=True)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag in ("a", *_INLINE):
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _DROPPED:
            self._silent = max(0, self._silent - 1)
        elif tag == "a":
            self.out.append(f"]({self._links.pop()})" if self._links else "")
        else:
            self._mark(tag, opening=False)

    def _mark(self, tag: str, *, opening: bool) -> None:
        if tag == "tr":
            self._cells = 0
        if tag in _INLINE:
            self.out.append(_INLINE[tag])
        elif tag[:1] == "h" and tag[1:].isdigit() and opening:
            self.out.append(f"\n\n{'#' * int(tag[1:])} ")
        elif tag == "li" and opening:
            self.out.append("\n- ")
        elif tag in ("br", "li", "tr"):
            self.out.append("\n")
        elif tag == "hr":
            self.out.append("\n\n---\n\n")
        elif tag in _BLOCKS:
            self.out.append("\n\n")
        elif tag not in _QUIET:
            self.out.append((self.get_starttag_text() or f"<{tag}>") if opening else f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        text = _PICTURE.sub(lambda found: picture(found["words"], found["address"]), data)
        self.out.append(_LINKED.sub(lambda found: found["picture"], text))

    def handle_entityref(self, name: str) -> None:
        self.out.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.out.append(f"&#{name};")

    def handle_comment(self, data: str) -> None:
        """Nobody is meant to read it."""
