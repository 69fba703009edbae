"""Packs conversations into rows for training; no conversation sees its neighbours in the row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

import torch
from chat import Conversation
from corpus import conversations, long_conversations
from tokenizers import Tokenizer
from tokens import encode
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Rows for one step: ids, positions, targets (rows, tokens), mask (rows, 1, tokens, tokens)."""

    tokens: Tensor
    positions: Tensor
    targets: Tensor
    mask: Tensor


@dataclass
class _Row:
    width: int
    tokens: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)

    def fits(self, ids: list[int]) -> bool:
        return len(self.tokens) + len(ids) <= self.width

    def add(self, ids: list[int], learnt: list[bool]) -> None:
        owner = self.owners[-1] + 1 if self.owners else 0
        self.tokens += ids
        self.positions += range(len(ids))
        self.owners += [owner] * len(ids)
        self.targets += [after if wanted else -1 for after, wanted in zip(ids[1:], learnt[1:], strict=True)] + [-1]

    def pad(self) -> None:
        missing = self.width - len(self.tokens)
        self.tokens += [0] * missing
        self.positions += range(missing)
        self.targets += [-1] * missing
        self.owners += [-1] * missing


def _stack(rows: list[_Row]) -> Batch:
    for row in rows:
        row.pad()
    owners = torch.tensor([row.owners for row in rows])
    same = owners[:, :, None] == owners[:, None, :]
    return Batch(
        torch.tensor([row.tokens for row in rows]),
        torch.tensor([row.positions for row in rows]),
        torch.tensor([row.targets for row in rows]),
        (same & torch.ones_like(same[0]).tril()).unsqueeze(1),
    )


class _Packer:
    """Fills rows of one width, first fit, and gives them away by `size` rows."""

    def __init__(self, width: int, size: int) -> None:
        self.width, self.size = width, size
        self.rows: list[_Row] = []

    def add(self, ids: list[int], learnt: list[bool]) -> Batch | None:
        row = next((row for row in self.rows if row.fits(ids)), None)
        if row is None:
            row = _Row(self.width)
            self.rows.append(row)
        row.add(ids, learnt)
        if len(self.rows) < 2 * self.size:
            return None
        self.rows.sort(key=lambda row: len(row.tokens), reverse=True)
        full, self.rows = self.rows[: self.size], self.rows[self.size :]
        return _stack(full)


def _mixed(seed: int, long_share: float) -> Iterator[Conversation]:
    rng = Random(seed)
    short, long = conversations(seed), long_conversations(seed)
    while True:
        yield next(long) if rng.random() < long_share else next(short)


def batches(
    tokenizer: Tokenizer, seed: int, *, tokens: int, width: int = 256, long_width: int = 1024, long_share: float = 0.002
) -> Iterator[Batch]:
    """Endless batches of about `tokens` tokens: short rows mostly, long rows for chats of many turns."""
    narrow, wide = _Packer(width, max(1, tokens // width)), _Packer(long_width, max(1, tokens // long_width))
    for conversation in _mixed(seed, long_share):
        ids, learnt = encode(tokenizer, conversation)
        if len(ids) <= long_width:
            batch = (narrow if len(ids) <= width else wide).add(ids, learnt)
            if batch is not None:
                yield batch
