"""What of a sequence's state may be shared, cut and restored: it differs from architecture to architecture, and where
it is not allowed llama.cpp often does it all the same and is then silently wrong."""

from __future__ import annotations

from dataclasses import dataclass

WHOLE_ONLY = ("deepseek4",)
"""Architectures that abort the process on a copy of a part, and go on with wrong numbers behind a partial state."""


@dataclass(frozen=True)
class Rules:
    """What is right for one model in one context.

    Attributes:
        cut: A sequence that was evaluated here may be cut at any position, and so may a copy of it.
        cut_restored: So may one that was restored from a saved state.
        checkpoints: A copy is taken back to an earlier position with the partial state that was saved there.
        n_swa: Tokens of the sliding window; 0 without one. A restored state has no others.
        window: The same when the context keeps no others; 0 otherwise.
        recurrent: There is a recurrent state. Answers and prompts then do not share a decode call: llama.cpp would
            compute them apart all the same.
        rollback: Tokens of the last decode call that may be taken back.
        unified: Sequences share the cells of a common prefix.
    """

    cut: bool = True
    cut_restored: bool = True
    checkpoints: bool = False
    n_swa: int = 0
    window: int = 0
    recurrent: bool = False
    rollback: int = 1 << 30
    unified: bool = True


def rules_of(*, architecture: str, recurrent: bool, n_swa: int, swa_full: bool, unified: bool, n_rs_seq: int) -> Rules:
    """The rules for a model; ``recurrent`` includes hybrids.

    Judged by what the model is: ``llama_memory_can_shift`` is true for models that cannot be cut, and false for some
    that can.
    """
    if architecture in WHOLE_ONLY:
        return Rules(cut=False, cut_restored=False, recurrent=True, rollback=0, unified=unified)
    window = 0 if swa_full else n_swa
    if recurrent:
        return Rules(
            cut=False,
            cut_restored=False,
            checkpoints=True,
            recurrent=True,
            n_swa=n_swa,
            window=window,
            rollback=n_rs_seq,
            unified=unified,
        )
    if window:
        return Rules(cut=False, cut_restored=False, checkpoints=True, n_swa=n_swa, window=window, unified=unified)
    if n_swa:
        return Rules(cut_restored=False, checkpoints=True, n_swa=n_swa, unified=unified)
    return Rules(unified=unified)
