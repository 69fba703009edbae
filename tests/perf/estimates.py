"""Predictions of memory against loads: acceptance of the estimates.

    python tests/perf/estimates.py [--only ARCHITECTURE ...] [--keep FOLDER] [--json FILE]

For every architecture that the tests can make (random weights, Q4_0, some tens of MiB) and three settings: the
simulated load of the header alone (a sparse file), the analytic estimate, and what a real load in a process of its own
then has: its buffers as the engine reports them and as llama.cpp's log lists them, and its resident memory after one
full micro-batch, the process's own and the file's pages apart. Before that micro-batch the file's pages are given
back: what was read only to be repacked is no memory the model needs. Ends with 1 when a simulated total is more than
1 % off the buffers, an analytic one more than 5 % where the architecture is known, or resident memory more than 5 % and
32 MiB. Linux.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
from estimate_models import MORE, OWN, SCALED, VOCABULARY

from paddock.sdk.errors import ModelUnusable
from paddock.sdk.memory import Machine, MemoryDevice, Prediction

TESTS = Path(__file__).parents[1]
SETTINGS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "16k q8_0": {
        "n_ctx": 16384,
        "cache_type_k": "q8_0",
        "cache_type_v": "q8_0",
        "flash_attn": "on",
        "n_parallel": 4,
    },
    "plain": {"kv_unified": False, "use_mmap": False, "repack": False, "n_ctx": 8192, "n_parallel": 2},
}
LIMITS = {"simulated": 0.01, "analytic": 0.05, "own": 0.05, "file": 0.05}
SLACK = 32 * 2**20
MIB = 2**20
_LOGGED = re.compile(rb"^\w+: +(\S+) +\S.*? buffer size += +([\d.]+) MiB", re.MULTILINE)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[], help="architectures, by default all")
    parser.add_argument("--keep", type=Path, help="folder where the models are made and found again")
    parser.add_argument("--json", type=Path, help="file for all numbers")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        return _child(given.child[0], json.loads(given.child[1]))
    with tempfile.TemporaryDirectory() as temporary:
        os.environ.setdefault("PADDOCK_HOME", temporary)
        heads = "".join(f"{column:>20}" for column in COLUMNS)
        print(f"{'architecture':<22}{'setting':<10}{'buffers MiB':>12}{heads}")  # noqa: T201
        rows = []
        for name, path in _models(given.keep or Path(temporary), given.only):
            for setting, options in SETTINGS.items():
                rows.append(_compared(name, setting, path, _possible(name, options), Path(temporary)))
                _show(rows[-1])
        if given.json:
            given.json.write_text(json.dumps(rows, indent=1))
        return _verdict(rows)


def _possible(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """gpt2 knows 1,024 positions, and a state cannot be quantised."""
    if name == "gpt2":
        return {key: value for key, value in options.items() if key != "n_ctx"}
    return options


# ---------------------------------------------------------------- models


def _models(folder: Path, only: Sequence[str]) -> Iterator[tuple[str, Path]]:
    models = _module(TESTS / "unit" / "backends" / "llamacpp" / "architectures" / "models.py")
    gguf_file = _module(TESTS / "unit" / "browser" / "gguf_file.py")
    folder.mkdir(parents=True, exist_ok=True)
    models.ARCHITECTURES |= MORE
    for architecture in models.ARCHITECTURES:
        path = folder / f"{architecture}.gguf"
        if not only or architecture in only:
            if not path.exists():
                _make(models, gguf_file, architecture, path)
            yield architecture, path


def _make(models: ModuleType, gguf_file: ModuleType, architecture: str, path: Path) -> None:
    from paddock.backends.llamacpp.bindings import library

    keys = models._BASE | models.ARCHITECTURES[architecture]
    scaled = {key: _like(keys[key], value) for key, value in SCALED.items() if key in keys}
    own = scaled | OWN.get(architecture, {}) | MORE.get(architecture, {})
    metadata = models._metadata(gguf_file, architecture, {})
    kinds = {int: gguf_file.U32, float: gguf_file.F32, list: gguf_file.ARRAY}
    for key, value in own.items():
        typed = (gguf_file.I32, value) if isinstance(value, list) else value
        metadata[f"{architecture}.{key}"] = (kinds[type(value)], typed)
    metadata |= _vocabulary(gguf_file, metadata)
    full = path.with_suffix(".f32")
    full.write_bytes(gguf_file.Writer().file(metadata))
    shapes = models._shapes(library(), full)
    noise = np.random.default_rng(1).standard_normal(1 << 20, np.float32) * np.float32(0.05)
    weights = {name: np.resize(np.roll(noise, zlib.crc32(name.encode())), shape) for name, shape in shapes.items()}
    full.write_bytes(gguf_file.Writer().file(metadata, weights))
    _quantize(full, path)


def _like(own: Any, value: Any) -> Any:
    """``value`` in the form of ``own``: a list keeps its zeros."""
    if isinstance(own, list) and not isinstance(value, list):
        return [value if item else 0 for item in own]
    return value


def _vocabulary(gguf_file: ModuleType, metadata: dict[str, Any]) -> dict[str, Any]:
    tokens, scores, types = gguf_file.vocabulary()
    more = VOCABULARY - len(tokens)
    tokens += [f"▁word{number}" for number in range(more)]
    found = {
        "tokenizer.ggml.tokens": (gguf_file.ARRAY, (gguf_file.STRING, tokens)),
        "tokenizer.ggml.scores": (gguf_file.ARRAY, (gguf_file.F32, scores + [-100.0] * more)),
        "tokenizer.ggml.token_type": (gguf_file.ARRAY, (gguf_file.I32, types + [1] * more)),
    }
    sizes = {key: (gguf_file.U32, VOCABULARY) for key in metadata if key.endswith(".vocab_size")}
    return found | sizes


def _quantize(full: Path, target: Path) -> None:
    from llama_cpp import llama_cpp as api

    params = api.llama_model_quantize_default_params()
    params.ftype, params.nthread = api.LLAMA_FTYPE_MOSTLY_Q4_0, os.cpu_count() or 1
    if api.llama_model_quantize(os.fsencode(full), os.fsencode(target), ctypes.byref(params)):
        target.unlink(missing_ok=True)
        full.replace(target)
        return
    full.unlink()


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sparse(path: Path, folder: Path) -> Path:
    """A file of the size of ``path`` of which the header alone is there."""
    from paddock.browser.gguf import read_header

    target = folder / f"sparse-{path.name}"
    with path.open("rb") as complete, target.open("wb") as file:
        file.write(complete.read(read_header(path).data_start))
        file.truncate(path.stat().st_size)
    return target


# ---------------------------------------------------------------- one comparison


def _compared(name: str, setting: str, path: Path, options: dict[str, Any], folder: Path) -> dict[str, Any]:
    simulated = _run(sparse(path, folder), {"simulate": True} | options)
    real = _run(path, options)
    analytic, why = _analytic(path, options)
    truth = msgspec.convert(real["memory"], Prediction)
    predicted = msgspec.convert(simulated["memory"], Prediction)
    buffers = truth.total - truth.parts.overhead
    mapped = sum(device.mapped for device in predicted.devices)
    row: dict[str, Any] = {
        "name": name,
        "setting": setting,
        "buffers": buffers,
        "logged": real["logged"] + truth.devices[0].mapped,
        "simulated": predicted.total - predicted.parts.overhead,
        "analytic": None if analytic is None else analytic.total - analytic.parts.overhead,
        "confidence": why if analytic is None else analytic.confidence,
        "own": real["own"],
        "own_predicted": predicted.total - mapped,
        "file": real["file"],
        "file_predicted": mapped,
        "overhead": (predicted.parts.overhead, truth.parts.overhead),
        "parts": {
            "simulated": msgspec.to_builtins(predicted.parts),
            "measured": msgspec.to_builtins(truth.parts),
            "analytic": None if analytic is None else msgspec.to_builtins(analytic.parts),
        },
        "seconds": simulated["seconds"],
    }
    off = {"logged": _off(row["logged"], buffers), "simulated": _off(row["simulated"], buffers)}
    off["analytic"] = None if analytic is None else _off(row["analytic"], buffers)
    off["own"] = _off(row["own_predicted"], row["own"])
    off["file"] = _off(row["file_predicted"], row["file"])
    return row | {"off": off}


def _off(predicted: int, real: int) -> float:
    return (predicted - real) / real if real else float(bool(predicted))


def _analytic(path: Path, options: dict[str, Any]) -> tuple[Prediction | None, str]:
    try:
        from paddock.browser.estimate import predict  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return None, "not there"
    from paddock.browser.gguf import read_header
    from paddock.browser.hardware import has_avx512

    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    devices = (MemoryDevice(name="RAM", total=total, free=total),)
    machine = Machine(name="this", devices=devices, avx512=has_avx512())
    try:
        made: Prediction = predict((read_header(path),), options, machine)
    except ModelUnusable as error:
        return None, error.sentence()
    return made, ""


def _run(path: Path, options: dict[str, Any]) -> dict[str, Any]:
    command = [sys.executable, __file__, "--child", str(path), json.dumps(options)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"{path.name} with {options}:\n{done.stderr.decode(errors='replace')[-3000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    lines = _LOGGED.findall(done.stderr)
    answer["logged"] = round(sum(float(size) * MIB for name, size in lines if not name.endswith(b"_Mapped")))
    return answer


# ---------------------------------------------------------------- in a process of its own


def _child(path: str, options: dict[str, Any]) -> int:
    if options.pop("simulate", False):
        from paddock.backends.llamacpp.simulate import simulate

        began = time.monotonic()
        prediction: Prediction | None = simulate(path, options)
        answer = {"memory": msgspec.to_builtins(prediction), "seconds": time.monotonic() - began}
    else:
        answer = _load(path, options)
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    os._exit(0)


def _load(path: str, options: dict[str, Any]) -> dict[str, Any]:
    from paddock.backends.llamacpp.engine import LlamaCppEngine
    from paddock.backends.process_memory import resident_bytes

    engine = LlamaCppEngine()
    report = engine.load(path, options | {"kv_store": False}, lambda fraction: None)
    _give_back_pages(path)
    context = engine._context
    count = min(context.n_ubatch, context.n_ctx_seq)
    tokens = np.random.default_rng(0).permutation(VOCABULARY)[:count]
    context.decode([(int(token), at, 0, at == count - 1) for at, token in enumerate(tokens)])
    return {"memory": msgspec.to_builtins(report.memory), "own": resident_bytes(os.getpid()), "file": _pages(path)}


def _give_back_pages(path: str) -> None:
    """The model's pages leave this process's account; those that it needs come back at their first use."""
    madvise = ctypes.CDLL(None, use_errno=True).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for line in Path("/proc/self/maps").read_text().splitlines():
        if line.endswith(path):
            start, end = (int(address, 16) for address in line.split()[0].split("-"))
            assert madvise(start, end - start, 4) == 0  # MADV_DONTNEED


def _pages(path: str) -> int:
    """Resident bytes of the file's mappings."""
    found = re.findall(rf"{re.escape(path)}\n(?:.*\n)*?Rss: +(\d+) kB", Path("/proc/self/smaps").read_text())
    return sum(map(int, found)) * 1024


# ---------------------------------------------------------------- the table

COLUMNS = ("logged", "simulated", "analytic", "own", "file")


def _show(row: dict[str, Any]) -> None:
    cells = []
    for column in COLUMNS:
        off, value = row["off"][column], row[column]
        cells.append("-" if off is None else f"{value / MIB:.1f} ({off * 100:+.2f} %)")
    print(  # noqa: T201
        f"{row['name']:<22}{row['setting']:<10}{row['buffers'] / MIB:>12.1f}"
        + "".join(f"{cell:>20}" for cell in cells)
        + (f"  {row['confidence']}" if row["off"]["analytic"] is None else ""),
        flush=True,
    )


def _bad(row: dict[str, Any]) -> list[str]:
    found = []
    for column, limit in LIMITS.items():
        off = row["off"][column]
        if off is None or (column == "analytic" and row["confidence"] == "low"):
            continue
        predicted = row.get(f"{column}_predicted")
        near = predicted is not None and abs(predicted - row[column]) <= SLACK
        if abs(off) > limit and not near:
            found.append(f"{row['name']}, {row['setting']}: {column} {off * 100:+.2f} %")
    return found


def _verdict(rows: list[dict[str, Any]]) -> int:
    for column in COLUMNS:
        known = [row for row in rows if row["off"][column] is not None]
        if known:
            worst = max(known, key=lambda row: abs(row["off"][column]))
            print(f"worst {column}: {worst['off'][column] * 100:+.2f} % ({worst['name']}, {worst['setting']})")  # noqa: T201
    bad = [text for row in rows for text in _bad(row)]
    print("\n".join(bad) or f"All {len(rows)} within the limits.")  # noqa: T201
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
