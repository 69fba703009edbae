"""Formulas in Markdown: rules for markdown-it.

In a line: ``$x$``, ``$$x$$``, ``\\(x\\)`` and ``\\[x\\]``. On lines of their own, between ``$$`` or ``\\[`` and its
closing sign. A block ends at an empty line at the latest, and what opens one interrupts a paragraph whether or not it
is ever closed: so what stands above is decided line by line, as a stream of pieces needs it. Prices are no formulas:
a closing ``$`` stands right after a sign and before no digit, and what begins like a price reads like one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline

SOURCE_LIMIT = 2_000
"""Characters; a longer formula is shown as it was written."""
_CLOSING = {"$$": "$$", "\\[": "\\]", "\\(": "\\)", "$": "$"}
_PRICE = re.compile(r"[\d.,]+\s+\S|[\d.,]+\s*[-–/]")
_SIGNS = re.compile(r"[\\^_={}<>+*]")
_NAME = re.compile(r"[A-Za-z_][\w/.:-]+")
_MONEY = re.compile(r"\b[A-Z]{2,3}$")
"""A currency before its sign."""


def install(md: MarkdownIt) -> None:
    """Add the rules to ``md``: tokens ``math_block`` and ``math_inline``, the formula in ``content``, the signs around
    it in ``markup``."""
    md.block.ruler.before(
        "fence", "math_block", _block, {"alt": ["paragraph", "reference", "blockquote", "list", "table"]}
    )
    md.inline.ruler.before("escape", "math_inline", _inline)


def _block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    if state.is_code_block(start):
        return False
    text = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
    opening = text[:2]
    if opening not in ("$$", "\\["):
        return False
    closing = _CLOSING[opening]
    if closing in text[2:] and not text.rstrip().endswith(closing):
        return False  # a formula within a line of words
    if silent:
        return True
    lines, line, closed = [text[2:]], start, False
    while True:
        if lines[-1].rstrip().endswith(closing):
            lines[-1] = lines[-1].rstrip()[: -len(closing)]
            closed = True
            break
        line += 1
        if line >= end or state.isEmpty(line) or state.sCount[line] < state.blkIndent:
            break
        lines.append(state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]])
    state.line = line + 1 if closed else line
    source = "\n".join(lines).strip()
    if closed and source and len(source) <= SOURCE_LIMIT and closing not in source:
        token = state.push("math_block", "math", 0)
        token.content, token.markup, token.map = source, opening, [start, state.line]
        return True
    token = state.push("paragraph_open", "p", 1)
    token.map = [start, state.line]
    token = state.push("math_source", "", 0)
    token.content = state.getLines(start, state.line, state.blkIndent, False).strip()
    state.push("paragraph_close", "p", -1)
    return True


def _inline(state: StateInline, silent: bool) -> bool:
    src, at = state.src, state.pos
    if src[at] not in "$\\":
        return False
    opening = next((sign for sign in ("$$", "\\[", "\\(", "$") if src.startswith(sign, at)), "")
    if not opening:
        return False
    begin = at + len(opening)
    end = src.find(_CLOSING[opening], begin, begin + SOURCE_LIMIT + 1)
    while opening == "$" and end > 0 and src[end - 1] == "\\":
        end = src.find("$", end + 1, begin + SOURCE_LIMIT + 1)
    if end < 0 or not src[begin:end].strip() or "\n\n" in src[begin:end]:
        return False
    source = src[begin:end]
    if opening == "$" and not _is_formula(source, src[at - 1 : at], src[end + 1 : end + 2]):
        return False
    if not silent:
        token = state.push("math_inline", "math", 0)
        token.content, token.markup = source.strip(), opening
        token.info = src[at : end + len(opening)]
    state.pos = end + len(opening)
    return True


def _is_formula(source: str, before: str, after: str) -> bool:
    """Whether what stands between two single dollars is one."""
    if source[0].isspace() or source[-1].isspace() or "\n" in source or after.isdigit() or before.isalnum():
        return False
    if _SIGNS.search(source):
        return not (after.isalpha() and _NAME.fullmatch(source))
    if after.isalpha():
        return len(source) <= 2
    return not (_PRICE.match(source) or (" " in source and _MONEY.search(source)))


def delimited(source: str, markup: str) -> str:
    """A formula on lines of its own, as it is written."""
    return f"{markup}\n{source}\n{_CLOSING[markup]}"
