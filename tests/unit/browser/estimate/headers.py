"""Headers of models of real sizes, without their files: names, shapes and types of all tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paddock.browser.ggml import TYPE_SIZES
from paddock.browser.gguf import Header, Tensor
from paddock.sdk.memory import Machine, MemoryDevice

GIB, MIB = 2**30, 2**20
F32, Q4_K = 0, 12
HERE = Machine(name="here", devices=(MemoryDevice(name="RAM", total=64 * GIB, free=60 * GIB),))


def with_gpus(*sizes: int, shares_ram: bool = False) -> Machine:
    """A machine of 64 GiB with GPUs of so many GiB."""
    gpus = [
        MemoryDevice(name=f"CUDA{number}", kind="gpu", total=size * GIB, shares_ram=shares_ram)
        for number, size in enumerate(sizes)
    ]
    return Machine(name="planned", devices=(*HERE.devices, *gpus), planned=True)


def header(
    architecture: str, metadata: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], vocabulary: int
) -> Header:
    tensors, offset = [], 0
    for name, shape in shapes.items():
        kind = Q4_K if len(shape) > 1 and shape[0] % 256 == 0 and "ssm_conv" not in name else F32
        block, size = TYPE_SIZES[kind]
        elements = 1
        for extent in shape:
            elements *= extent
        tensors.append(Tensor(name, shape, kind, offset, elements // block * size))
        offset += tensors[-1].size
    return Header(
        version=3,
        architecture=architecture,
        metadata={f"{architecture}.{key}": value for key, value in metadata.items()},
        counts={"tokenizer.ggml.tokens": vocabulary},
        tensors=tuple(tensors),
    )


def transformer(
    architecture: str = "llama",
    *,
    layers: int = 32,
    width: int = 4096,
    inner: int = 14336,
    heads: int = 32,
    kv_heads: int | tuple[int, ...] = 8,
    head: int = 128,
    vocabulary: int = 128256,
    trained: int = 131072,
    tied: bool = False,
    experts: tuple[int, int] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Header:
    """By default Llama 3.1 8B. ``experts``: how many there are, and how many are used."""
    per_layer = kv_heads if isinstance(kv_heads, tuple) else (kv_heads,) * layers
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (width, vocabulary), "output_norm.weight": (width,)}
    shapes |= {} if tied else {"output.weight": (width, vocabulary)}
    for index in range(layers):
        keys = per_layer[index] * head
        block: dict[str, tuple[int, ...]] = {
            "attn_norm": (width,),
            "attn_q": (width, heads * head),
            "attn_k": (width, keys),
            "attn_v": (width, keys),
            "attn_output": (heads * head, width),
            "ffn_norm": (width,),
        }
        if experts:
            count = experts[0]
            block |= {"ffn_gate_inp": (width, count), "ffn_down_exps": (inner, width, count)}
            block |= {"ffn_gate_exps": (width, inner, count), "ffn_up_exps": (width, inner, count)}
        else:
            block |= {"ffn_gate": (width, inner), "ffn_up": (width, inner), "ffn_down": (inner, width)}
        shapes |= {f"blk.{index}.{name}.weight": shape for name, shape in block.items()}
    named: dict[str, Any] = {
        "block_count": layers,
        "embedding_length": width,
        "context_length": trained,
        "feed_forward_length": inner,
        "attention.head_count": heads,
        "attention.head_count_kv": kv_heads,
        "attention.key_length": head,
        "attention.value_length": head,
    }
    named |= {"expert_count": experts[0], "expert_used_count": experts[1]} if experts else {}
    return header(architecture, named | dict(metadata or {}), shapes, vocabulary)


def mamba2(layers: int = 64) -> Header:
    """Mamba 2 2.7B."""
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (2560, 50288), "output_norm.weight": (2560,)}
    block = {
        "attn_norm.weight": (2560,),
        "ssm_in.weight": (2560, 10576),
        "ssm_conv1d.weight": (4, 5376),
        "ssm_a": (1, 80),
        "ssm_d": (1, 80),
        "ssm_norm.weight": (5120,),
        "ssm_out.weight": (5120, 2560),
    }
    shapes |= {f"blk.{index}.{name}": shape for index in range(layers) for name, shape in block.items()}
    metadata = {
        "block_count": layers,
        "embedding_length": 2560,
        "context_length": 2048,
        "attention.head_count": 0,
        "ssm.conv_kernel": 4,
        "ssm.inner_size": 5120,
        "ssm.state_size": 128,
        "ssm.time_step_rank": 80,
        "ssm.group_count": 1,
    }
    return header("mamba2", metadata, shapes, 50288)


GEMMA3_27B = {
    "layers": 62,
    "width": 5376,
    "inner": 21504,
    "kv_heads": 16,
    "vocabulary": 262208,
    "tied": True,
    "metadata": {"attention.sliding_window": 1024},
}
MIXTRAL = {"vocabulary": 32000, "trained": 32768, "experts": (8, 2)}
