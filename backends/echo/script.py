"""What an ``*.echo.json`` file may say. Every field has a default; an unknown one is an error.

A token is a word with the white space before it. Times are seconds.

::

    {"text": "Hello there.",            say this; null: say the last user message
     "replies": {"title": "Horses"},    but say this when the last user message contains that
     "reasoning": "Let me think.",      think this first
     "tool_calls": [{"id": "c1", "name": "weather", "arguments": "{}"}],     then call these
     "context_length": 4096, "parallel": 4, "size_bytes": 0,
     "take_mib": 64,                    take so much memory while loaded
     "tokens_per_second": 50,           0: as fast as it goes
     "prompt_seconds": 0.1, "load_seconds": 0.2, "load_steps": 10,
     "fail_load": {"code": "out_of_memory", "message": "Too big.", "hint": "Take a smaller one."},
     "die": {"signal": "SIGSEGV", "after_tokens": 5, "during": "generate", "when": "boom"},
     "hang": "generate",                never return: "load", "generate", "cancel" (goes on after a cancel), "close"
     "hold": {"until": "go", "after_tokens": 5, "during": "generate", "when": "wait"},
                                        go no further until that file is there; a cancel is heard meanwhile
     "lie": ["after_end", "two_endings", "no_ending", "unknown_id", "raise", "unsendable", "prints"],
     "lose_device": "/tmp/lost",        the first request loses the device and makes this file; where it is, all is well
     "cache_mib": 8,                    keep so much beside the requests, until it has to be shed
     "blind": true,                     refuse pictures
     "note": "free text"}
"""

from __future__ import annotations

import os
from typing import Literal

import msgspec

from paddock.sdk.errors import ErrorInfo, ModelUnusable
from paddock.sdk.types import ToolCall

Lie = Literal["after_end", "two_endings", "no_ending", "unknown_id", "raise", "unsendable", "prints"]


class Death(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """End the process by ``signal`` (its name) or with ``exit_code``, after saying ``log`` on standard error.

    ``when`` limits it to requests whose last user message contains that text.
    """

    signal: str | None = None
    exit_code: int | None = None
    after_tokens: int = 0
    during: Literal["load", "generate"] = "generate"
    when: str = ""
    log: str = ""


class Hold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Stop with ``after_tokens`` said, before the prompt is read, or before a load ends, while there is no file
    ``until``: a path, from the script's folder; none: for ever. It is looked for every 20 ms.

    ``when`` limits it to requests whose last user message contains that text.
    """

    until: str = ""
    after_tokens: int = 0
    during: Literal["load", "prompt", "generate"] = "generate"
    when: str = ""

    def holds(self, during: Literal["load", "prompt", "generate"], tokens: int = 0, asked: str = "") -> bool:
        reached = self.during == during and (during != "generate" or tokens >= self.after_tokens)
        return reached and self.when in asked and not (self.until and os.path.exists(self.until))


class Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """See the module."""

    text: str | None = None
    replies: dict[str, str] = {}
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    context_length: int = 4096
    parallel: int = 4
    size_bytes: int = 0
    take_mib: int = 0
    tokens_per_second: float = 0.0
    prompt_seconds: float = 0.0
    load_seconds: float = 0.0
    load_steps: int = 10
    fail_load: ErrorInfo | None = None
    die: Death | None = None
    hang: bool | Literal["load", "generate", "cancel", "close"] = False
    hold: Hold | None = None
    lie: tuple[Lie, ...] = ()
    lose_device: str = ""
    cache_mib: int = 0
    blind: bool = False
    note: str = ""

    def hangs(self, where: Literal["load", "generate", "cancel", "close"]) -> bool:
        """``true`` means: while generating, deaf to a cancel too."""
        return self.hang == where or (self.hang is True and where in ("generate", "cancel"))


def read_script(path: str) -> Script:
    """Raises ModelUnusable, saying what is wrong with the file."""
    try:
        with open(path, "rb") as file:
            script = msgspec.json.decode(file.read(), type=Script)
    except OSError as error:
        raise ModelUnusable(f"The echo script cannot be read: {error.strerror}.", hint=path) from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ModelUnusable("The echo script is not right.", hint=f"{path}: {error}") from error
    if script.hold is None or not script.hold.until:
        return script
    until = os.path.join(os.path.dirname(path), script.hold.until)
    return msgspec.structs.replace(script, hold=msgspec.structs.replace(script.hold, until=until))
