"""The jinja2 environment in which chat templates run: a template comes with a downloaded file and is not trusted.

Beyond jinja2's own sandbox (no private attributes, no changes to our values) nothing that a template does may take
unbounded time or memory: a :class:`Guard` ends it at a deadline, and every operation that can make a long string or
list in one step is checked before it runs.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from types import FrameType
from typing import Any, NoReturn

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.filters import FILTERS, make_attrgetter
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

LONGEST_TEXT = 8 * 2**20
"""Characters of one string, and of the whole prompt."""
ALL_TEXTS = 512 * 2**20
"""Characters that all operations of one rendering may produce together."""
LONGEST_LIST = 1_000_000
LARGEST_NUMBER = 10**18


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SAFE_FILTERS = _words(
    "abs attr capitalize count d default dictsort e escape first float forceescape groupby indent int items join last "
    "length list lower map max min reject rejectattr replace reverse round safe select selectattr sort string sum "
    "title trim unique upper"
)
_STRING_METHODS = _words(
    "capitalize casefold count endswith find format index isalnum isalpha isascii isdecimal isdigit islower isnumeric "
    "isspace istitle isupper join lower lstrip partition removeprefix removesuffix replace rfind rindex rpartition "
    "rsplit rstrip split splitlines startswith strip swapcase title upper"
)
_WIDTH = re.compile(r"\d{4}|\*|[{][^{}]*[{]")
"""What makes a format directive produce long padding: a wide number, or a width taken from an argument."""


class LimitReached(Exception):
    """The template would take more time or memory than it may; the text says which."""


class TemplateRefused(TemplateError):
    """The template itself called ``raise_exception``."""


class Guard:
    """Limits of one rendering, active as a context manager on the thread that renders.

    ``seconds`` are of that thread's processor time: a busy machine or a stopped process is not the template's fault.
    Tracing every line is what stops a loop that produces nothing; it costs about 10 us a message.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._used_up = 0.0
        self._next_look = 0.0
        self._spent = 0
        self._previous: Any = None

    def __enter__(self) -> Guard:
        self._used_up = time.thread_time() + self._seconds
        self._next_look = time.monotonic() + self._seconds
        self._previous = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._previous)

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if time.monotonic() > self._next_look:  # the clock of the processor's time is slow to read
            left = self._used_up - time.thread_time()
            if left <= 0:
                raise LimitReached(f"it took longer than {self._seconds:g} seconds")
            self._next_look = time.monotonic() + left
        return self._trace

    def text(self, length: int) -> None:
        """Book a string of ``length`` characters before it is made."""
        self._spent += length
        if length > LONGEST_TEXT or self._spent > ALL_TEXTS:
            raise LimitReached(f"it makes a text of more than {LONGEST_TEXT // 2**20} million characters")

    def items(self, length: int) -> None:
        """Book a list of ``length`` items before it is made."""
        if length > LONGEST_LIST:
            raise LimitReached(f"it makes a list of more than {LONGEST_LIST:,} items")


class _BoundedCode(CodeGenerator):
    """Compiles ``~`` to a checked call; jinja2 joins without asking the environment."""

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        self.write("environment.join_checked((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")


class _Generation(Extension):
    """``{% generation %}`` marks what an assistant wrote, for training; here it is transparent."""

    tags = {"generation"}  # noqa: RUF012  jinja2 declares the attribute on instances

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class Sandbox(ImmutableSandboxedEnvironment):
    """As Hugging Face sets up its templates, with every operation bounded by ``guard``."""

    code_generator_class = _BoundedCode
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, guard: Guard) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _Generation])
        self.guard = guard
        self.concat = self.join_checked  # type: ignore[method-assign]
        self.filters = {name: FILTERS[name] for name in _SAFE_FILTERS}
        self.filters |= {
            "indent": self._indent,
            "join": self._join,
            "replace": self._replace,
            "round": self._round,
            "tojson": self._tojson,
        }
        for name in ("lipsum", "cycler", "joiner"):
            self.globals.pop(name)
        self.globals |= {"raise_exception": _refuse, "strftime_now": _strftime_now}

    def join_checked(self, parts: Iterable[Any]) -> str:
        """The parts as one string, checked while they come."""
        texts = []
        length = 0
        for part in parts:
            text = str(part)
            length += len(text)
            if length > LONGEST_TEXT:
                break
            texts.append(text)
        self.guard.text(length)
        return "".join(texts)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        match operator:
            case "+":
                if isinstance(left, str) and isinstance(right, str):
                    self.guard.text(len(left) + len(right))
                elif isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
                    self.guard.items(len(left) + len(right))
            case "*":
                self._check_product(left, right)
            case "**":
                if abs(left) > 2**20 or abs(right) > 40:
                    raise LimitReached("it computes a number that is too large")
            case "%":
                if isinstance(left, (str, bytes)):
                    self._check_format(left)
        result = super().call_binop(context, operator, left, right)
        if isinstance(result, int) and abs(result) > LARGEST_NUMBER:
            raise LimitReached("it computes a number that is too large")
        return result

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, str):
            return attr in _STRING_METHODS
        if isinstance(obj, list) and attr in ("append", "pop"):
            return True  # some templates keep a list of their own; ours are copies
        if isinstance(obj, (bytes, int, float)):
            return False
        return super().is_safe_attribute(obj, attr, value)

    def unsafe_undefined(self, obj: Any, attribute: str) -> NoReturn:
        raise SecurityError(f"it wants “{attribute}” of a value of the type “{type(obj).__name__}”")

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        safe = super().wrap_str_format(value)
        if safe is not None:
            self._check_format(value.__self__)
        return safe

    def call(self, context: Context, callee: Any, /, *args: Any, **kwargs: Any) -> Any:
        owner = getattr(callee, "__self__", None)
        if isinstance(owner, str):
            match getattr(callee, "__name__", ""):
                case "replace" if len(args) >= 2:
                    return self._replace(owner, *args)
                case "join" if args:
                    return self._join(args[0], owner)
                case "split" | "rsplit" | "splitlines":
                    separator = args[0] if args and isinstance(args[0], str) else None
                    self.guard.items(owner.count(separator) if separator else len(owner) // 2)
        return super().call(context, callee, *args, **kwargs)

    def _check_product(self, left: Any, right: Any) -> None:
        for value, times in ((left, right), (right, left)):
            if isinstance(times, int) and isinstance(value, (str, bytes)):
                self.guard.text(len(value) * max(times, 0))
            elif isinstance(times, int) and isinstance(value, (list, tuple)):
                self.guard.items(len(value) * max(times, 0))

    def _check_format(self, pattern: str | bytes) -> None:
        if _WIDTH.search(pattern if isinstance(pattern, str) else pattern.decode("latin-1")):
            raise LimitReached("it formats a text with a very large width")

    def _replace(self, value: Any, old: Any, new: Any, count: Any = -1) -> str:
        text, old, new = str(value), str(old), str(new)
        times = text.count(old) if count is None or count < 0 else min(text.count(old), int(count))
        self.guard.text(max(len(text) + times * (len(new) - len(old)), 0))
        return text.replace(old, new, times)

    def _join(self, value: Iterable[Any], d: Any = "", attribute: str | None = None) -> str:
        parts: Iterable[Any] = value
        if attribute is not None:
            parts = map(make_attrgetter(self, attribute), value)
        return self.join_checked(_between(parts, str(d)))

    def _indent(self, s: Any, width: Any = 4, first: bool = False, blank: bool = False) -> str:
        text = str(s)
        size = len(width) if isinstance(width, str) else int(width)
        self.guard.text(len(text) + max(size, 0) * (text.count("\n") + 1))
        return str(FILTERS["indent"](text, width, first, blank))

    def _round(self, value: Any, precision: int = 0, method: str = "common") -> Any:
        if abs(precision) > 20:
            raise LimitReached("it rounds to an absurd precision")
        return FILTERS["round"](value, precision, method)

    def _tojson(
        self,
        value: Any,
        ensure_ascii: bool = False,
        indent: int | str | None = None,
        separators: tuple[str, str] | None = None,
        sort_keys: bool = False,
    ) -> str:
        if (len(indent) if isinstance(indent, str) else indent or 0) > 16:
            raise LimitReached("it indents JSON by more than 16 characters")
        encoder = json.JSONEncoder(
            ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys, default=_not_json
        )
        return self.join_checked(encoder.iterencode(value))


def _between(parts: Iterable[Any], separator: str) -> Iterator[Any]:
    for index, part in enumerate(parts):
        if index and separator:
            yield separator
        yield part


def _not_json(value: Any) -> NoReturn:
    raise TemplateError(f"a value of the type “{type(value).__name__}” cannot be written as JSON")


def _refuse(message: Any = "") -> NoReturn:
    raise TemplateRefused(str(message)[:1000])


def _strftime_now(pattern: str) -> str:
    if len(pattern) > 200 or re.search(r"\d{3}", pattern):
        raise SecurityError("the date format is too long")
    return datetime.now().strftime(pattern)


def plain(value: Any) -> Any:
    """``value`` with every mapping and sequence copied, so that a template can reach nothing of ours."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value
