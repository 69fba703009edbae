"""From load options to llama.cpp's parameters, and what is refused before anything is allocated."""

from __future__ import annotations

import ctypes
import logging
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from paddock.backends.llamacpp.bindings import Context, Library, Model
from paddock.backends.llamacpp.identity import library_build, state_identity, weights_identity
from paddock.backends.llamacpp.kv_store import KvStore
from paddock.backends.llamacpp.tokenless import overrides
from paddock.sdk.errors import InvalidOption, LoadFailed, ModelUnusable
from paddock.sdk.llamacpp_load import LOAD
from paddock.sdk.options import check
from paddock.sdk.types import Options

DEFAULT_CONTEXT = 8192
"""Longest context taken without being asked: models trained for 128k and more would take gigabytes of KV cache."""
ONE_THREAD_BYTES = 64 * 2**20
LEARNED_POSITIONS = ("gpt2", "mpt", "starcoder")
"""Architectures that abort the process at positions beyond their training context."""
ONE_SEQUENCE = ("plamo2",)
"""Architectures that are wrong with several sequences in a batch (upstream defect)."""
ALL_OUTPUTS = ("cogvlm",)
"""Architectures that answer with the first token's logits when only the last ones are asked for (upstream defect)."""
ENDLESS_WITHOUT_HEADS = ("plamo2",)
"""Architectures whose positions llama.cpp turns by no dimensions, in an endless loop, when the first layer has no
attention heads (upstream defect)."""
ROTATED_BY_64 = ("deepseek32", "deepseek4", "glm-dsa", "dots3note")
"""Architectures whose indexer's heads llama.cpp turns by matrices of 64 and more values; shorter ones abort the process
(upstream defect)."""
MOST_SEQUENCES = 256
CACHE_SHARE, CACHE_MOST = 8, 8192
"""Prompts kept in memory take an eighth of what is free, in MiB at most."""

ROPE_OPTIONS = (
    "rope_scaling",
    "rope_freq_base",
    "rope_freq_scale",
    "yarn_ext_factor",
    "yarn_attn_factor",
    "yarn_beta_fast",
    "yarn_beta_slow",
    "yarn_orig_ctx",
)

_SPLIT_MODES = {"none": 0, "layer": 1, "row": 2, "tensor": 3}
_FLASH = {"auto": -1, "off": 0, "on": 1}
_ROPE = {"auto": -1, "none": 0, "linear": 1, "yarn": 2, "longrope": 3}
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)


def effective_options(options: Options) -> Options:
    """``options`` checked and filled up with defaults. Raises UnknownOption, InvalidOption."""
    filled: Options = {spec.name: spec.default for spec in LOAD}
    filled |= check(options, LOAD, where="llama.cpp")
    return filled | {"swa_full": bool(filled["swa_full"])}


def with_threads(options: Options, model_bytes: int, cores: int) -> Options:
    """``options`` with thread counts: every physical core, but one for a small model, which is quick enough alone:
    threads that wait for each other lose more on a busy machine than they gain on a quiet one."""
    threads = options["n_threads"] or (1 if model_bytes < ONE_THREAD_BYTES else cores)
    return options | {"n_threads": threads, "n_threads_batch": options["n_threads_batch"] or threads}


def cache_budget(options: Options, free: int) -> int:
    """Bytes of memory for prompts beside the context; ``free`` is what there is after the load."""
    asked = cast("int | None", options["cache_ram_mib"])
    return (min(free // CACHE_SHARE // 2**20, CACHE_MOST) if asked is None else asked) * 2**20


def open_store(model: Model, context: Context, options: Options, files: list[Path], folder: Path) -> KvStore | None:
    """The prompts of this model on disk; None when that is switched off."""
    if not options["kv_store"] or not options["kv_store_mib"]:
        return None
    rope = {name: options[name] for name in ROPE_OPTIONS}
    identity = state_identity(
        weights_identity(files),
        build=library_build(model.lib),
        architecture=model.architecture,
        rope={name: value for name, value in rope.items() if isinstance(value, (int, float, str))},
        type_k=str(options["cache_type_k"]),
        type_v=str(options["cache_type_v"]),
        unified=bool(options["kv_unified"]),
        flash_attention=str(options["flash_attn"]),
        swa_full=bool(options["swa_full"]),
        adapters=[(weights_identity([Path(path)]), 1.0) for path in cast("list[str]", options["lora"])],
    )
    budget = cast(int, options["kv_store_mib"]) * 2**20
    return KvStore(folder, identity, budget, logging.getLogger(__name__).info, model=os.fspath(files[0]))


def files_of(path: str) -> list[Path]:
    """All files of the model that ``path`` is (the first part of). Raises LoadFailed where one is missing."""
    first = Path(path)
    shard = _SHARD.search(first.name)
    names = [first.name]
    if shard:
        stem = first.name[: shard.start()]
        names = [f"{stem}-{number:05d}-of-{shard[2]}.gguf" for number in range(1, int(shard[2]) + 1)]
    files = [first.with_name(name) for name in names]
    for file in files:
        if not file.is_file():
            raise LoadFailed(f"{file.name} is not there.", hint=f"Download it again into {file.parent}.")
    return files


def load_model(
    lib: Library,
    path: str,
    options: Options,
    progress: Callable[[float], None],
    *,
    simulated: bool = False,
    words: bool = True,
) -> Model:
    """The model; ``simulated`` ones have no weights, and only the header of their files is read. Without ``words`` of
    its vocabulary (:mod:`paddock.backends.llamacpp.tokenless`) it is read sooner, and knows the number of tokens only.

    Whether there is memory for it was asked before, by the host. Raises ModelUnusable, OutOfMemory, LoadFailed.
    """
    files = files_of(path)
    split = _tensor_split(lib, options)
    experts = _experts_on_processor(lib, cast(int, options["n_cpu_moe"]))
    wordless = None if words else overrides(lib, os.fspath(files[0]))

    def configure(params: Any) -> None:
        params.no_alloc = simulated
        params.n_gpu_layers = options["n_gpu_layers"]
        params.split_mode = _SPLIT_MODES[cast(str, options["split_mode"])]
        params.main_gpu = options["main_gpu"]
        if split:
            params.tensor_split = ctypes.cast(split, ctypes.POINTER(ctypes.c_float))
        if experts:
            params.tensor_buft_overrides = ctypes.addressof(experts)
        if wordless:
            params.kv_overrides = wordless
        params.load_mode = int(lib.api.LLAMA_LOAD_MODE_NONE) if simulated else _load_mode(lib.api, options)
        params.use_extra_bufts = options["repack"]
        params.check_tensors = bool(options["check_tensors"]) and not simulated
        params.load_mtp = options["mtp"]

    model = Model(lib, os.fspath(files[0]), configure, progress)
    if model.diffusion or model.encoder:
        model.close()
        kind = "a diffusion model" if model.diffusion else "an encoder-decoder model"
        raise ModelUnusable(f"{files[0].name} is {kind}; Paddock cannot run it.", hint="Choose another model.")
    if model.architecture in ENDLESS_WITHOUT_HEADS and not lib.api.llama_model_n_head(model.handle):
        model.close()
        raise ModelUnusable(
            f"{files[0].name} would never answer: this build of llama.cpp cannot compute {model.architecture} models "
            "whose first layer is without attention.",
            hint="Choose another model.",
        )
    heads = model.metadata(f"{model.architecture}.attention.indexer.key_length")
    if model.architecture in ROTATED_BY_64 and heads.isdecimal() and int(heads) % 64:
        model.close()
        raise ModelUnusable(
            f"{files[0].name} cannot be computed: this build of llama.cpp needs {model.architecture} models whose "
            f"indexer has heads of 64, 128 or 256 values, and these have {heads}.",
            hint="Choose another model.",
        )
    return model


@dataclass(frozen=True)
class Room:
    """What a context has room for: ``parallel`` answers at once, ``sequences`` together with the prefixes that rest
    beside them, and ``drafted`` guessed tokens in a step."""

    parallel: int
    sequences: int
    drafted: int


def room_for(model: Model, options: Options) -> Room:
    """Every resting prefix needs a sequence id. For attention over everything an id costs nothing; a window or a
    recurrent state is set aside for each."""
    if model.architecture in ONE_SEQUENCE:
        return Room(1, 1, 0)
    parallel = min(cast(int, options["n_parallel"]), MOST_SEQUENCES)
    if not options["kv_unified"]:
        resting = 0
    elif model.recurrent or (model.n_swa and not options["swa_full"]):
        resting = min(parallel, 4)
    else:
        resting = max(parallel, 8) + 1  # one of them for rows that only fill up a step
    drafts = not model.recurrent or options["draft_model"] or options["mtp"]
    drafted = 2 * cast(int, options["draft_max"]) if drafts else 0
    return Room(parallel, min(parallel + resting, MOST_SEQUENCES), drafted)


def make_context(model: Model, options: Options, *, sequences: int | None = None) -> Context:
    """The context for ``model``; ``sequences`` makes it for so many in place of those it has room for, each as long.

    Raises InvalidOption, OutOfMemory, LoadFailed.
    """
    api = model.lib.api
    length = context_length(model, options)
    room = room_for(model, options)
    unified = bool(options["kv_unified"])
    if sequences and not unified:
        length = length * sequences // room.sequences
    type_k, type_v = (_cache_type(api, cast(str, options[name])) for name in ("cache_type_k", "cache_type_v"))

    def configure(params: Any) -> None:
        params.n_ctx = length
        params.n_batch = max(cast(int, options["n_batch"]), room.parallel + room.drafted)
        params.n_ubatch = min(cast(int, options["n_ubatch"]), params.n_batch)
        params.n_seq_max = sequences or room.sequences
        params.n_rs_seq = cast(int, options["draft_max"]) if model.recurrent and room.drafted else 0
        if model.architecture not in ALL_OUTPUTS:
            params.n_outputs_max = max(room.sequences, room.parallel + room.drafted)
            params.n_outputs_max_per_seq = 1 + cast(int, options["draft_max"])
        params.kv_unified = unified
        params.type_k, params.type_v = type_k, type_v
        set_alike(params, options)

    return Context(model, configure)


def on_processor(context: Context) -> bool:
    """Whether the whole KV cache is in the machine's memory, where a processor attends to it."""
    return {device for device, what, _ in context.buffers if what == "KV"} == {"CPU"}


def set_alike(params: Any, options: Options) -> None:
    """Set those of ``llama_context_params`` that every context on a model's weights has alike."""
    params.n_threads = options["n_threads"]
    params.n_threads_batch = options["n_threads_batch"]
    params.flash_attn_type = _FLASH[cast(str, options["flash_attn"])]
    params.rope_scaling_type = _ROPE[cast(str, options["rope_scaling"])]
    for name in (*ROPE_OPTIONS[1:], "offload_kqv", "op_offload", "swa_full"):
        setattr(params, name, options[name])
    params.no_perf = True


def context_length(model: Model, options: Options) -> int:
    """Tokens of the context, all requests together. Raises InvalidOption where the model cannot have so many."""
    asked = cast("int | None", options["n_ctx"])
    trained = model.n_ctx_train
    if asked == 0:
        return trained or DEFAULT_CONTEXT
    if asked is None:
        length = min(trained or DEFAULT_CONTEXT, DEFAULT_CONTEXT)
        return length if options["kv_unified"] else length * room_for(model, options).sequences
    if model.architecture in LEARNED_POSITIONS and asked > trained:
        raise InvalidOption(
            f"“n_ctx” cannot be {asked} for this model.", hint=f"It knows {trained} positions.", option="n_ctx"
        )
    return asked


class _Override(ctypes.Structure):
    """llama.cpp's ``llama_model_tensor_buft_override``."""

    _fields_ = (("pattern", ctypes.c_char_p), ("buffer_type", ctypes.c_void_p))


def _experts_on_processor(lib: Library, layers: int) -> ctypes.Array[_Override] | None:
    """Keeps the experts of the first ``layers`` layers off the GPU; as llama.cpp's ``--n-cpu-moe`` does it."""
    if not layers:
        return None
    processor = lib.function("ggml_backend_cpu_buffer_type")
    processor.restype = ctypes.c_void_p
    patterns = (rf"blk\.{layer}\.ffn_(up|down|gate|gate_up)_(ch|)exps".encode() for layer in range(layers))
    overrides = [_Override(pattern, processor()) for pattern in patterns]
    return (_Override * (layers + 1))(*overrides)


def _load_mode(api: Any, options: Options) -> int:
    match bool(options["use_mmap"]), bool(options["use_mlock"]):
        case True, False:
            return int(api.LLAMA_LOAD_MODE_AUTO)
        case True, True:
            return int(api.LLAMA_LOAD_MODE_MMAP_MLOCK)
        case False, True:
            return int(api.LLAMA_LOAD_MODE_MLOCK)
        case _:
            return int(api.LLAMA_LOAD_MODE_NONE)


def _cache_type(api: Any, name: str) -> int:
    return int(getattr(api, f"GGML_TYPE_{name.upper()}", 30))  # 30 is bf16, which the bindings do not name


def _tensor_split(lib: Library, options: Options) -> ctypes.Array[ctypes.c_float] | None:
    text = cast(str, options["tensor_split"]).strip()
    if not text:
        return None
    most = int(lib.api.llama_max_devices())
    try:
        parts = [float(part) for part in re.split(r"[,/]", text)]
    except ValueError:
        parts = []
    if not parts or len(parts) > most or any(not 0 <= part < 1e9 for part in parts):
        raise InvalidOption(
            f"“tensor_split” cannot be {text!r}.", hint=f"It takes up to {most} numbers, for instance 3,1."
        )
    return (ctypes.c_float * most)(*parts)
