"""Prompts of a known length that nobody has sent before."""

from __future__ import annotations

import random

_COMMON = (
    "time year people way day man thing woman life child world school state family student group country problem hand "
    "part place case week company system program question work government number night point home water room mother "
    "area money story fact month lot right study book eye job word business issue side kind head house service friend "
    "father power hour game line end member law car city community name president team minute idea kid body "
    "information back parent face others level office door health person art war history party result change morning "
    "reason research girl guy moment air teacher force education"
)
"""Each is one token of the benchmark model's vocabulary when a space is in front."""


def words(count: int, seed: object) -> str:
    """``count`` words, the same for the same ``seed``; about as many tokens."""
    return " ".join(random.Random(str(seed)).choices(_COMMON.split(), k=count))


def chat(system: str, user: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": system}, {"role": "user", "content": user}]
