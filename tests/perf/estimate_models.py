"""The models whose memory ``estimates.py`` looks at: the tests' tiny ones, some sizes larger, and a few of its own."""

from __future__ import annotations

from typing import Any

VOCABULARY = 8192
SCALED: dict[str, Any] = {
    "context_length": 32768,
    "embedding_length": 1024,
    "feed_forward_length": 3072,
    "attention.head_count": 16,
    "attention.head_count_kv": 4,
    "attention.sliding_window": 512,
    "expert_count": 8,
    "expert_feed_forward_length": 768,
    "expert_shared_feed_forward_length": 768,
    "ssm.inner_size": 2048,
    "ssm.state_size": 64,
    "ssm.time_step_rank": 32,
    "rope.dimension_count": 32,
    "rope.dimension_sections": [8, 12, 12, 0],
    "time_mix_extra_dim": 32,
    "time_decay_extra_dim": 64,
    "attention.decay_lora_rank": 64,
    "attention.iclr_lora_rank": 64,
    "attention.value_residual_mix_lora_rank": 32,
    "attention.gate_lora_rank": 128,
    "attention.key_length_swa": 64,
    "attention.value_length_swa": 64,
    "embedding_length_per_layer_input": 128,
}
"""What the tests' tiny models get in place of their own values, where they have the key."""
_MLA = {
    "attention.head_count_kv": 1,
    "attention.q_lora_rank": 512,
    "attention.kv_lora_rank": 512,
    "attention.key_length": 576,
    "attention.value_length": 512,
    "attention.key_length_mla": 192,
    "attention.value_length_mla": 128,
    "rope.dimension_count": 64,
}
OWN: dict[str, dict[str, Any]] = {
    "gpt2": {"context_length": 1024, "attention.head_count_kv": 16},
    "gptneox": {"attention.head_count_kv": 16},
    "deepseek2": _MLA,
    "rwkv6": {"attention.head_count": 0, "attention.head_count_kv": 0},
    "rwkv7": {"attention.head_count": 0, "attention.head_count_kv": 0},
    "qwen3next": {"ssm.inner_size": 2048, "ssm.state_size": 64, "ssm.time_step_rank": 32, "ssm.group_count": 16},
    "gemma3n": {"embedding_length": 512, "feed_forward_length": 1024, "attention.head_count": 8},
}
MORE: dict[str, dict[str, Any]] = {
    "openelm": {
        "attention.head_count": [12, 12, 16, 16],
        "attention.head_count_kv": [3, 3, 4, 4],
        "feed_forward_length": [1536, 2048, 2560, 3072],
        "attention.key_length": 64,
        "attention.value_length": 64,
    },
    "minimax-01": {
        "expert_count": 8,
        "expert_used_count": 2,
        "feed_forward_length": 768,
        "residual_scale": 1.0,
        "full_attention_interval": 2,
        "rope.dimension_count": 32,
    },
    "kimi-linear": {
        **{key: value for key, value in _MLA.items() if "q_lora" not in key},
        "attention.head_count_kv": [0, 1, 0, 1],
        "ssm.conv_kernel": 4,
        "kda.head_dim": 64,
        "expert_count": 8,
        "expert_used_count": 2,
        "expert_feed_forward_length": 768,
        "expert_shared_count": 1,
        "leading_dense_block_count": 1,
        "expert_gating_func": 2,
    },
}
"""Architectures that the tests of the engine have no tiny model of: heads that differ by layer, and the two whose graph
is largest for a single sequence."""
