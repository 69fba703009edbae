"""Colours of code by Pygments. Lexers are loaded when first asked for: :func:`warm` does that off the GUI thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paddock.gui.theme import Syntax

COMMON = ("python", "json", "bash", "javascript", "typescript", "html", "css", "c", "cpp", "rust", "go", "sql", "yaml")
LINE_LIMIT = 2_000
"""Longer lines are not coloured: a lexer may need quadratic time on them."""

KINDS: dict[str, str] = {
    "Keyword.Type": "cls",
    "Keyword.Constant": "number",
    "Keyword": "keyword",
    "Name.Function": "function",
    "Name.Decorator": "function",
    "Name.Attribute": "function",
    "Name.Class": "cls",
    "Name.Exception": "cls",
    "Name.Builtin.Pseudo": "keyword",
    "Name.Builtin": "cls",
    "Name.Tag": "keyword",
    "Literal.String.Doc": "comment",
    "Literal.String": "string",
    "Literal.Number": "number",
    "Comment.Preproc": "keyword",
    "Comment": "comment",
    "Operator.Word": "keyword",
    "Generic.Inserted": "string",
    "Generic.Deleted": "keyword",
    "Generic.Heading": "function",
}


def warm() -> Iterator[str]:
    """Load what reads Markdown (100 ms) and the lexers of common languages (10 to 25 ms each), one a step. Any thread
    but the GUI's."""
    import markdown_it  # noqa: F401

    yield "markdown"
    for name in COMMON:
        lexer = find_lexer(name)
        if lexer is not None:
            list(lexer.get_tokens_unprocessed("x = 1\n"))
        yield name


def find_lexer(name: str) -> Any | None:
    """The Pygments lexer called ``name``; None where there is none."""
    if not name or name.lower() in ("text", "plain", "plaintext", "txt"):
        return None
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(name.lower(), ensurenl=False, stripnl=False)
    except ClassNotFound:
        return None


class Highlighter:
    """Colours code with the lexers that ``lexer`` gives by language; None: plain. One per view, on its thread."""

    def __init__(self, lexer: Callable[[str], Any | None]) -> None:
        self.lexer = lexer
        self._kinds: dict[Any, str] = {}

    def runs(self, source: str, language: str, breaks: list[int] | None = None) -> Iterator[tuple[str, str]]:
        """Pieces of ``source`` in order as (text, field of Syntax or ''); joined they are ``source`` again. ``breaks``
        takes the beginnings of lines that are not within a string or comment."""
        lexer = self.lexer(language)
        if lexer is None or any(len(line) > LINE_LIMIT for line in source.split("\n")):
            yield source, ""
            return
        kind, held = "", ""
        for place, token, text in lexer.get_tokens_unprocessed(source):
            if breaks is not None and "\n" in text:
                breaks.extend(_breaks(place, str(token), text))
            own = self._kind(token) if text.strip() else kind
            if not own and text[:1].isupper() and not text.isupper() and text.isidentifier():
                own = "cls"
            if own == kind:
                held += text
                continue
            if held:
                yield held, kind
            kind, held = own, text
        if held:
            yield held, kind

    def _kind(self, token: Any) -> str:
        found = self._kinds.get(token)
        if found is None:
            name = str(token).removeprefix("Token.")
            while name and name not in KINDS:
                name = name.rpartition(".")[0]
            found = self._kinds[token] = KINDS.get(name, "")
        return found


def _breaks(place: int, token: str, text: str) -> Iterator[int]:
    """Where lines begin after ``text``, or within it where it is nothing but space between tokens."""
    if text.isspace() and "String" not in token and "Comment" not in token:
        yield from (place + at + 1 for at, sign in enumerate(text) if sign == "\n")
    elif text.endswith("\n") and token.endswith(("Comment.Single", "Comment.Hashbang")):  # the line's end is its own
        yield place + len(text)


def color(syntax: Syntax, kind: str, default: str) -> str:
    """The colour of a kind."""
    return str(getattr(syntax, kind)) if kind else default
