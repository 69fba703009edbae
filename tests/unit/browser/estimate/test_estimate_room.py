"""The estimate's rule for sequences and context is the engine's: two rooms that may not import each other."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from paddock.backends.llamacpp.loading import context_length, effective_options
from paddock.backends.llamacpp.loading import room_for as engine_room
from paddock.browser.estimate_context import context_of, filled, room_for
from paddock.browser.estimate_shape import shape_of
from paddock.browser.gguf import Header
from paddock.sdk.types import Options

OPTIONS: list[Options] = [
    {},
    {"n_parallel": 1},
    {"n_parallel": 256},
    {"n_parallel": 4, "kv_unified": False},
    {"n_parallel": 4, "kv_unified": False, "draft_max": 3},
    {"swa_full": True, "n_parallel": 2},
    {"draft_max": 0},
    {"n_ctx": 0},
    {"n_ctx": 5000},
    {"draft_model": "small.gguf"},
]


@pytest.mark.parametrize("name", ["llama-8b", "gemma3-27b", "mamba2-2.7b"])
@pytest.mark.parametrize("options", OPTIONS)
def test_room_is_the_engines(name: str, options: Options, models: dict[str, Header]) -> None:
    shape = shape_of([models[name]])
    model: Any = SimpleNamespace(
        architecture=shape.architecture, n_swa=shape.swa, recurrent=shape.recurrent, n_ctx_train=shape.trained
    )
    engine = engine_room(model, effective_options(options))
    ours = room_for(shape, filled(options))
    assert (ours.parallel, ours.sequences, ours.drafted) == (engine.parallel, engine.sequences, engine.drafted)
    length = context_length(model, effective_options(options))
    streams = ours.sequences if "kv_unified" in options else 1
    assert 0 <= context_of(shape, filled(options)).length - length < 256 * streams
