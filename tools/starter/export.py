"""Writes the trained weights as GGUF and proves that llama.cpp reads the same tokens.

`python tools/starter/export.py --folder build/starter`
"""

from __future__ import annotations

import argparse
import json
from itertools import islice
from pathlib import Path

import gguf
import numpy as np
import torch
from chat import CONTROL_TOKENS, TEMPLATE_PATH, TEXT_TOKENS, check_template, render
from corpus import conversations
from gguf import GGMLQuantizationType, GGUFWriter, TokenType
from model import ModelShape
from tokenizers import Tokenizer
from tokens import load_tokenizer

DEFAULT_OUTPUT = Path("resources/starter/starter-Q8_0.gguf")
_BLOCK_NAMES = {
    "attn_norm": "attn_norm",
    "attn.q": "attn_q",
    "attn.k": "attn_k",
    "attn.v": "attn_v",
    "attn.out": "attn_output",
    "ffn_norm": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}
_OUTER_NAMES = {"embed.weight": "token_embd.weight", "norm.weight": "output_norm.weight"}


def tensor_name(name: str) -> str:
    """GGUF's name of a weight of the training network."""
    if name in _OUTER_NAMES:
        return _OUTER_NAMES[name]
    _, layer, inner = name.removesuffix(".weight").split(".", 2)
    return f"blk.{layer}.{_BLOCK_NAMES[inner]}.weight"


def add_tokenizer(writer: GGUFWriter, tokenizer: Tokenizer) -> None:
    """Vocabulary, merges, token types, special tokens and the chat template."""
    content = json.loads(tokenizer.to_str())
    ordered = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    kinds = dict.fromkeys(CONTROL_TOKENS, TokenType.CONTROL) | dict.fromkeys(TEXT_TOKENS, TokenType.USER_DEFINED)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list([token for token, _ in ordered])
    writer.add_token_types([int(kinds.get(token, TokenType.NORMAL)) for token, _ in ordered])
    writer.add_token_merges([pair if isinstance(pair, str) else " ".join(pair) for pair in content["model"]["merges"]])
    vocabulary = dict(ordered)
    writer.add_eos_token_id(vocabulary["<|im_end|>"])
    writer.add_eot_token_id(vocabulary["<|im_end|>"])
    writer.add_bos_token_id(vocabulary["<|endoftext|>"])
    writer.add_pad_token_id(vocabulary["<|endoftext|>"])
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_chat_template(TEMPLATE_PATH.read_text("utf-8"))


def add_description(writer: GGUFWriter, shape: ModelShape, quant: GGMLQuantizationType) -> None:
    """Who the model is, and its sizes."""
    writer.add_name("Paddock Starter")
    writer.add_basename("starter")
    writer.add_size_label("5M")
    writer.add_author("Paddock contributors")
    writer.add_organization("Paddock")
    writer.add_license("mit")
    writer.add_description(
        "A small demonstration model that comes with Paddock. It knows its own corpus and little else."
    )
    writer.add_tags(["text-generation", "demonstration"])
    writer.add_languages(["en"])
    writer.add_context_length(shape.n_ctx)
    writer.add_embedding_length(shape.n_embd)
    writer.add_block_count(shape.n_layer)
    writer.add_feed_forward_length(shape.n_ff)
    writer.add_head_count(shape.n_head)
    writer.add_head_count_kv(shape.n_head_kv)
    writer.add_layer_norm_rms_eps(shape.norm_eps)
    writer.add_rope_freq_base(shape.rope_theta)
    writer.add_rope_dimension_count(shape.head_dim)
    writer.add_vocab_size(shape.n_vocab)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_file_type(
        gguf.LlamaFileType.MOSTLY_Q8_0 if quant == GGMLQuantizationType.Q8_0 else gguf.LlamaFileType.MOSTLY_F16
    )


def export(folder: Path, output: Path, quant: GGMLQuantizationType) -> None:
    """Writes `output` from the weights and the tokenizer in `folder`."""
    shape = ModelShape()
    weights: dict[str, torch.Tensor] = torch.load(folder / "weights.pt", weights_only=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_suffix(".partial")
    writer = GGUFWriter(partial, "llama")
    add_description(writer, shape, quant)
    add_tokenizer(writer, load_tokenizer(folder / "tokenizer.json"))
    for name, weight in weights.items():
        values = weight.float().numpy()
        if values.ndim == 2:
            writer.add_tensor(tensor_name(name), gguf.quants.quantize(values, quant), raw_dtype=quant)
        else:
            writer.add_tensor(tensor_name(name), values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.replace(output)


def check_tokens(folder: Path, output: Path, *, seed: int, count: int) -> int:
    """Compares llama.cpp's token ids with the training tokenizer's; returns the number of tokens compared.

    Raises:
        ValueError: The ids of one conversation differ.
    """
    from llama_cpp import Llama

    tokenizer = load_tokenizer(folder / "tokenizer.json")
    model = Llama(str(output), vocab_only=True, verbose=False)
    compared = 0
    for conversation in islice(conversations(seed), count):
        check_template(conversation)
        text = "".join(segment.text for segment in render(conversation))
        expected = tokenizer.encode(text).ids
        actual = model.tokenize(text.encode("utf-8"), add_bos=False, special=True)
        if actual != expected:
            raise ValueError(f"llama.cpp reads other tokens in {text!r}:\n{actual}\n{expected}")
        compared += len(expected)
    return compared


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/starter"))
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT)
    parser.add_argument("--quant", choices=("Q8_0", "F16"), default="Q8_0")
    parser.add_argument("--check", type=int, default=5000, help="conversations whose tokens are compared")
    arguments = parser.parse_args()
    export(arguments.folder, arguments.output, GGMLQuantizationType[arguments.quant])
    print(f"{arguments.output}: {arguments.output.stat().st_size} bytes")
    compared = check_tokens(arguments.folder, arguments.output, seed=7, count=arguments.check)
    print(f"{compared} tokens of {arguments.check} conversations are the same in llama.cpp")


if __name__ == "__main__":
    main()
