"""The table of verdicts that all faces must agree on: which limit is set for all models, what is loaded before, and
what is then said about a further load. The models are real and tiny."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from module_files import load_file

from paddock.sdk import Client, SettingsPatch
from paddock.sdk.memory import Verdict

MIB = 2**20
RESIDENT, WANTED = "test/resident", "test/wanted"
CONTEXT = 65_536
OPTIONS: dict[str, Any] = {"n_ctx": CONTEXT, "n_parallel": 1, "cache_ram_mib": 0}
"""The load that is asked about: some tens of megabytes, most of them KV cache."""


@dataclass(frozen=True)
class Case:
    """``resident``: another model is loaded, and idle. ``loads``: without force; ``remedy``: one is offered."""

    verdict: Verdict
    resident: bool
    loads: bool
    remedy: bool


CASES = (
    Case("fits", resident=True, loads=True, remedy=False),
    Case("fits_if_unloaded", resident=True, loads=True, remedy=True),
    Case("fits_with", resident=False, loads=False, remedy=True),
    Case("does_not_fit", resident=False, loads=False, remedy=False),
)


def write_models(folder: Path) -> None:
    """Put the two models into the models folder ``folder``."""
    gguf_file = load_file("unit/browser/gguf_file.py")
    for id in (RESIDENT, WANTED):
        path = folder / id / "model.gguf"
        path.parent.mkdir(parents=True)
        gguf_file.write_llama(path, trained=CONTEXT)


def arrange(client: Client, case: Case) -> None:
    """Load what is to be resident, unload the rest, and set the limit so that ``case`` comes true."""
    client.patch_settings(SettingsPatch(memory_guard="off"))
    for loaded in client.loaded():
        client.unload(loaded.id)
    whole = client.estimate(WANTED, OPTIONS).total_bytes
    less = client.estimate(WANTED, OPTIONS | {"n_ctx": CONTEXT // 4}).total_bytes
    resident = 0
    if case.resident:
        loaded = client.load(RESIDENT, OPTIONS)
        resident = max(loaded.predicted_bytes or 0, loaded.measured_bytes or 0)
    limits = {
        "fits": whole + resident + 64 * MIB,
        "fits_if_unloaded": whole + resident // 2,
        "fits_with": (whole + less) // 2,
        "does_not_fit": MIB,
    }
    client.patch_settings(SettingsPatch(memory_guard="custom", memory_limit_mib=limits[case.verdict] // MIB))
