"""The context that the engine would make: its cells, sequences and batches, and what is kept in it per token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from paddock.browser.architectures import ROLLBACK
from paddock.browser.estimate_shape import Layer, Shape
from paddock.browser.ggml import TYPE_SIZES
from paddock.sdk.llamacpp_load import LOAD
from paddock.sdk.types import Options

_CACHE_TYPES = {"f32": 0, "f16": 1, "bf16": 30, "q8_0": 8, "q4_0": 2, "q4_1": 3, "iq4_nl": 20, "q5_0": 6, "q5_1": 7}
_CELLS = 256
_DEFAULT_CONTEXT = 8192
_MOST_SEQUENCES = 256


@dataclass(frozen=True, slots=True)
class Room:
    """What the context has room for; the rule of the engine's ``room_for``."""

    parallel: int
    sequences: int
    drafted: int


@dataclass(frozen=True, slots=True)
class Context:
    """``length`` is the context in tokens, ``cells`` those of one stream, ``window_cells`` those of layers with a
    sliding window. A step computes ``tokens`` of ``sequences`` and answers ``outputs`` of them."""

    length: int
    cells: int
    window_cells: int
    streams: int
    sequences: int
    tokens: int
    outputs: int
    states: int
    type_k: int
    type_v: int
    flash: bool

    def cells_of(self, layer: Layer) -> int:
        """Cells of one stream that ``layer`` looks at."""
        return self.window_cells if layer.window else self.cells


def filled(options: Options) -> Options:
    """``options`` with the engine's defaults for what is absent."""
    return {spec.name: spec.default for spec in LOAD} | options


def room_for(shape: Shape, options: Options) -> Room:
    """Sequences that are answered and that rest beside them, and tokens drafted in a step."""
    parallel = min(_number(options, "n_parallel"), _MOST_SEQUENCES)
    if not options["kv_unified"]:
        resting = 0
    elif shape.recurrent or (shape.swa and not options["swa_full"]):
        resting = min(parallel, 4)
    else:
        resting = max(parallel, 8) + 1
    drafts = not shape.recurrent or options["draft_model"] or options["mtp"]
    return Room(parallel, min(parallel + resting, _MOST_SEQUENCES), 2 * _number(options, "draft_max") if drafts else 0)


def context_of(shape: Shape, options: Options) -> Context:
    """The context for ``options``, which are filled."""
    room = room_for(shape, options)
    unified = bool(options["kv_unified"])
    length = _padded(_length(shape, options, room.sequences))
    cells = length if unified else max(_padded(length // room.sequences), _CELLS)
    length = cells if unified else cells * room.sequences
    batch = min(max(_number(options, "n_batch"), room.parallel + room.drafted), length)
    ubatch = min(_number(options, "n_ubatch"), batch)
    window = shape.swa * (room.sequences if unified else 1) + ubatch
    outputs = max(room.sequences, room.parallel + room.drafted)
    rollback = shape.architecture in ROLLBACK and room.drafted
    return Context(
        length=length,
        cells=cells,
        window_cells=cells if options["swa_full"] else _padded(min(cells, window)),
        streams=1 if unified else room.sequences,
        sequences=room.sequences,
        tokens=-(-ubatch // room.sequences) * room.sequences,
        outputs=min(outputs, ubatch),
        states=room.sequences * (1 + (_number(options, "draft_max") if rollback else 0)),
        type_k=_CACHE_TYPES[cast(str, options["cache_type_k"])],
        type_v=_CACHE_TYPES[cast(str, options["cache_type_v"])],
        flash=options["flash_attn"] != "off",
    )


def kept(shape: Shape, context: Context) -> Iterator[tuple[int, int]]:
    """Bytes of each layer's KV cache and of its recurrent state."""
    widest = max((layer.kv_heads * layer.value for layer in shape.layers), default=0)
    for layer in shape.layers:
        kv = 0
        if layer.stored:
            # without flash attention V lies transposed, and all layers take the widest one's room
            values = layer.kv_heads * layer.value if context.flash or not layer.value else widest
            row = row_size(context.type_k, layer.kv_heads * layer.key) + row_size(context.type_v, values)
            kv = row * context.cells_of(layer) * context.streams
        yield kv, 4 * (layer.conv + layer.state) * context.states


def row_size(kind: int, values: int) -> int:
    """Bytes of ``values`` values of the type ``kind``."""
    block, size = TYPE_SIZES[kind]
    return -(-values // block) * size


def _length(shape: Shape, options: Options, sequences: int) -> int:
    asked = cast("int | None", options["n_ctx"])
    if asked == 0:
        return shape.trained or _DEFAULT_CONTEXT
    if asked is not None:
        return asked
    length = min(shape.trained or _DEFAULT_CONTEXT, _DEFAULT_CONTEXT)
    return length if options["kv_unified"] else length * sequences


def _number(options: Options, name: str) -> int:
    return cast(int, options[name])


def _padded(count: int) -> int:
    return -(-count // _CELLS) * _CELLS
