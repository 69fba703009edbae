"""LoRA adapters, which are loaded with their model."""

from __future__ import annotations

import os

from paddock.backends.llamacpp.bindings import Model
from paddock.backends.llamacpp.load_errors import load_error
from paddock.sdk.errors import LoadFailed, OutOfMemory


class Adapter:
    """A LoRA adapter of ``model``; it goes with the model. Raises LoadFailed, OutOfMemory."""

    def __init__(self, model: Model, path: str) -> None:
        adapter_bytes(path)
        model.lib.forget_log()
        self.handle = model.lib.api.llama_adapter_lora_init(model.handle, os.fsencode(path))
        if not self.handle:
            errors = model.lib.errors()
            if isinstance(short := load_error(path, errors), OutOfMemory):
                raise short
            reason = (errors or ["no reason given"])[-1]
            raise LoadFailed(
                f"{os.path.basename(path)} cannot be used as a LoRA adapter of this model: {reason}",
                hint="Choose an adapter (GGUF) that was made for it.",
            )


def adapter_bytes(path: str) -> int:
    """What the adapter at ``path`` takes: as much as its file. Raises LoadFailed."""
    if not os.path.isfile(path):
        raise LoadFailed(f"There is no LoRA adapter {path}.", hint="Check the path.")
    return os.path.getsize(path)
