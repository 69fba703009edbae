"""The starter's tokenizer: byte-level BPE that llama.cpp repeats token by token.

The pre-tokenizer is Llama 3's (`llama-bpe` in llama.cpp): a number of up to three digits is a piece of its own,
without the space in front, so `12` is the same token wherever it stands.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from chat import CONTROL_TOKENS, TEXT_TOKENS, Conversation, render
from corpus import conversations
from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split
from tokenizers.trainers import BpeTrainer

LLAMA3_PIECES = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def train_tokenizer(n_vocab: int, seed: int, count: int = 20000) -> Tokenizer:
    """Learns the merges from `count` conversations of the corpus."""
    tokenizer = Tokenizer(BPE(ignore_merges=True))
    pieces = Split(Regex(LLAMA3_PIECES), behavior="isolated")
    tokenizer.pre_tokenizer = Sequence([pieces, ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = ByteLevelDecoder()
    added = [AddedToken(token, normalized=False, special=True) for token in CONTROL_TOKENS]
    added += [AddedToken(token, normalized=False, special=False) for token in TEXT_TOKENS]
    trainer = BpeTrainer(
        vocab_size=n_vocab, special_tokens=added, initial_alphabet=ByteLevel.alphabet(), show_progress=False
    )
    sample = islice(conversations(seed), count)
    tokenizer.train_from_iterator(("".join(segment.text for segment in render(one)) for one in sample), trainer)
    if tokenizer.get_vocab_size() != n_vocab:
        raise ValueError(f"the corpus gives {tokenizer.get_vocab_size()} tokens, not {n_vocab}")
    return tokenizer


def load_tokenizer(path: Path) -> Tokenizer:
    """Reads a tokenizer written by `Tokenizer.save`."""
    return Tokenizer.from_file(str(path))


def encode(tokenizer: Tokenizer, conversation: Conversation) -> tuple[list[int], list[bool]]:
    """Token ids of a conversation and, for each, whether the model is to learn to write it."""
    ids: list[int] = []
    learnt: list[bool] = []
    for segment in render(conversation):
        piece = tokenizer.encode(segment.text).ids
        ids += piece
        learnt += [segment.learnt] * len(piece)
    return ids, learnt
