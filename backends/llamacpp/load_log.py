"""What llama.cpp's log tells of a load: the memory it takes, rounded to a hundredth of a MiB, and the tokens that end a
turn."""

from __future__ import annotations

import re
from collections.abc import Iterable

MIB = 2**20
_BUFFER = re.compile(r"^\w+: +(\S+) +(\S.*?) buffer size += +([\d.]+) MiB")
_END = re.compile(r"^print_info: EOG token += +(\d+) ")
_MEMORY = re.compile(r": size = +([\d.]+) MiB \( *\d+ cells")


def buffers(lines: Iterable[str]) -> list[tuple[str, str, int]]:
    """Every buffer: its type, what it is for (``model``, ``KV``, ``RS``, ``compute``, ``output`` ...), its bytes."""
    found = (_BUFFER.search(line) for line in lines)
    return [(one[1], one[2], round(float(one[3]) * MIB)) for one in found if one]


def memory_bytes(lines: Iterable[str]) -> int:
    """KV cache and recurrent state together, also of a simulated context, whose buffers are empty."""
    found = (_MEMORY.search(line) for line in lines)
    return round(sum(float(one[1]) for one in found if one) * MIB)


def end_tokens(lines: Iterable[str]) -> tuple[int, ...]:
    """Every token that ends the model's turn; empty when the log does not tell, or does not go back so far."""
    lines = list(lines)
    found = [_END.match(line) for line in lines]
    whole = any(line.startswith("print_info: arch") for line in lines)
    return tuple(int(one[1]) for one in found if one) if whole else ()
