"""MLX models in the library: folders of safetensors files with a ``config.json``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from paddock.browser.describe import readable_name
from paddock.browser.files import ModelFile, look_at
from paddock.sdk.types import ModelInfo, ModelSource

CONFIG = "config.json"
WEIGHTS = ".safetensors"
_ERROR = "This version of Paddock cannot run MLX models. Choose a GGUF version of it."
_LONGEST_CONFIG = 4 * 2**20


def is_mlx_file(name: str) -> bool:
    return name == CONFIG or name.endswith(WEIGHTS)


def mlx_model(files: Sequence[ModelFile], source: ModelSource) -> ModelInfo | None:
    """The model of a folder with these ``files`` (those that :func:`is_mlx_file` names); blocks, raises nothing.

    In the stores of other programs safetensors are mostly for other engines: there the folder must say that it is MLX.
    """
    config = next((file for file in files if file.path.name == CONFIG and file.size < _LONGEST_CONFIG), None)
    if config is None or not any(file.path.name.endswith(WEIGHTS) and file.size for file in files):
        return None
    folder = config.path.parent
    try:
        said = msgspec.json.decode(config.path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    quantization = said.get("quantization")
    if not said.get("model_type") or (
        source != "folder" and not isinstance(quantization, dict) and "mlx" not in str(folder).casefold()
    ):
        return None
    text = said.get("text_config")
    context = (text if isinstance(text, dict) else said).get("max_position_embeddings")
    bits = quantization.get("bits") if isinstance(quantization, dict) else None
    every = list(_files_in(folder))
    return ModelInfo(
        id=folder.name,
        name=readable_name(folder.name, ""),
        engine="mlx",
        path=str(folder),
        size_bytes=sum(file.size for file in every),
        format="mlx",
        architecture=str(said["model_type"]),
        quant=f"{bits}-bit" if isinstance(bits, int) else "",
        context_length=context if isinstance(context, int) else None,
        source=source,
        error=_ERROR,
        files=tuple(str(file.path) for file in every),
        changed=max(file.changed_ns for file in every) / 1e9,
    )


def _files_in(folder: Path) -> Iterator[ModelFile]:
    """All that belong to it: configuration, tokenizer, weights."""
    for name in sorted(os.listdir(folder)):
        file = None if name.startswith(".") else look_at(folder / name)
        if file is not None and not file.error:
            yield file
