"""What the loaded models have counted, in Prometheus' text format (version 0.0.4).

Names that llama-server has too are its own (``llamacpp:``), so that dashboards made for it work; the others are
``paddock_``. Every sample carries the label ``model``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from paddock.sdk.memory import DeviceState
from paddock.sdk.types import EngineStats, LoadedModel

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Metric = tuple[str, str, str, Callable[[LoadedModel, EngineStats], int]]
"""Name, type, help and value."""

METRICS: tuple[Metric, ...] = (
    ("llamacpp:prompt_tokens_total", "counter", "Prompt tokens evaluated, cached ones not counted.",
     lambda _, s: s.prompt_tokens - s.cached_tokens),
    ("llamacpp:prompt_tokens_cached_total", "counter", "Prompt tokens not evaluated again.",
     lambda _, s: s.cached_tokens),
    ("llamacpp:tokens_predicted_total", "counter", "Tokens generated.", lambda _, s: s.generated_tokens),
    ("llamacpp:spec_decode_num_draft_tokens_total", "counter", "Tokens guessed ahead.",
     lambda _, s: s.drafted_tokens),
    ("llamacpp:spec_decode_num_accepted_tokens_total", "counter", "Guessed tokens that were right.",
     lambda _, s: s.accepted_tokens),
    ("llamacpp:requests_processing", "gauge", "Requests being answered.", lambda m, _: m.active),
    ("llamacpp:requests_deferred", "gauge", "Requests waiting for their turn.", lambda m, _: m.queued),
    ("paddock_prefix_hits_total", "counter", "Requests that found a prefix: in the context, in memory or on disk.",
     lambda _, s: s.hits),
    ("paddock_prefix_misses_total", "counter", "Requests that found no prefix.", lambda _, s: s.misses),
    ("paddock_tokens_saved_total", "counter", "Prompt tokens that prefixes saved.", lambda _, s: s.cached_tokens),
    ("paddock_evictions_total", "counter", "Prefixes that left the context.", lambda _, s: s.evictions),
    ("paddock_preemptions_total", "counter", "Requests set back to make room.", lambda _, s: s.preemptions),
    ("paddock_recomputed_total", "counter", "Prefixes computed again because a restore failed its check.",
     lambda _, s: s.recomputed),
    ("paddock_restored_from_memory_total", "counter", "Prefixes restored from memory.",
     lambda _, s: s.restored_from_memory),
    ("paddock_restored_from_disk_total", "counter", "Prefixes restored from disk.",
     lambda _, s: s.restored_from_disk),
    ("paddock_kv_cells", "gauge", "KV cells of the context.", lambda _, s: s.cells),
    ("paddock_kv_cells_used", "gauge", "KV cells taken, idle prefixes included.", lambda _, s: s.cells_used),
    ("paddock_prefixes", "gauge", "Prefixes in the context.", lambda _, s: s.prefixes),
    ("paddock_memory_prefixes", "gauge", "Prefixes in memory.", lambda _, s: s.memory_prefixes),
    ("paddock_memory_bytes", "gauge", "Bytes of prefixes in memory.", lambda _, s: s.memory_bytes),
    ("paddock_disk_prefixes", "gauge", "Prefixes on disk.", lambda _, s: s.disk_prefixes),
    ("paddock_disk_bytes", "gauge", "Bytes of prefixes on disk.", lambda _, s: s.disk_bytes),
    ("paddock_embedding_bytes", "gauge", "Bytes of the context for embeddings.", lambda _, s: s.embedding_bytes),
    ("paddock_predicted_bytes", "gauge", "Bytes that the load was expected to take.",
     lambda m, _: m.predicted_bytes or 0),
    ("paddock_measured_bytes", "gauge", "Bytes that the load took.", lambda m, _: m.measured_bytes or 0),
    ("paddock_prediction_error_bytes", "gauge", "Bytes that the load took beyond what was expected.",
     lambda m, _: (m.measured_bytes - m.predicted_bytes) if m.measured_bytes and m.predicted_bytes else 0),
)  # fmt: skip

DEVICE_METRICS: tuple[tuple[str, str, Callable[[DeviceState], int | None]], ...] = (
    ("paddock_device_total_bytes", "Bytes of a device's memory.", lambda d: d.device.total),
    ("paddock_device_free_bytes", "Bytes of a device's memory that a further load may take.", lambda d: d.free),
    ("paddock_device_other_bytes", "Bytes of a device's memory that other programs hold.", lambda d: d.others),
)


def exposition(models: Iterable[LoadedModel], devices: Iterable[DeviceState] = ()) -> str:
    """The counts of ``models``, those without any yet as zero, and the memory of ``devices``. An instance that has a
    name of its own goes by it."""
    shown = [(_quoted(model.identifier or model.model), model, model.stats or EngineStats()) for model in models]
    lines = []
    for name, kind, text, value in METRICS:
        lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
        lines += [f"{name}{{model={label}}} {value(model, stats)}" for label, model, stats in shown]
    present = [(_quoted(device.device.name), device) for device in devices]
    for name, text, size in DEVICE_METRICS if present else ():
        lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
        lines += [f"{name}{{device={label}}} {size(device)}" for label, device in present]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
