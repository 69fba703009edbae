"""What a quant gives up of a model's quality, in words: data, after the perplexities that llama.cpp's ``quantize`` and
its users report."""

from __future__ import annotations

import re

ORIGINAL = "original precision"
_WORDS: tuple[tuple[str, str], ...] = (
    (r"F32|BF16|F16|FP16", ORIGINAL),
    (r"Q8", "near lossless"),
    (r"Q6|Q5", "very good"),
    (r"Q4|IQ4|MXFP4|NVFP4", "good balance"),
    (r"Q3|IQ3", "noticeable loss"),
    (r"Q2|Q1|IQ2|IQ1|TQ", "strong loss"),
)
_TABLE = tuple((re.compile(rf"(?:^|[-_.])(?:UD-)?(?:{names})", re.IGNORECASE), words) for names, words in _WORDS)


def about(label: str) -> str:
    """“near lossless” for “Q8_0”; empty for a label that is no quant."""
    return next((words for names, words in _TABLE if names.search(label)), "")
