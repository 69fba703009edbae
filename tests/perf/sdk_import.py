"""What importing the SDK costs, in fresh processes: ``python tests/perf/sdk_import.py [RUNS]``.

Prints milliseconds inside the import alone, and fails when even the best run is above the guard. The target is 50 ms
for ``import paddock.sdk`` (DESIGN section 9); the guard is wide because machines that run tests are busy.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

STATEMENTS = ("import msgspec", "import paddock.sdk", "from paddock.sdk import Client", "import httpx2")
TARGET_MS = 50.0
GUARD_MS = 150.0


def costs_ms(statement: str, runs: int) -> list[float]:
    """One cost for each of ``runs`` processes, the least first."""
    timing = f"from time import perf_counter as t; a = t()\n{statement}\nprint((t() - a) * 1000)"
    command = [sys.executable, "-c", timing]
    return sorted(
        float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(runs)
    )


def main() -> int:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    costs = {statement: costs_ms(statement, runs) for statement in STATEMENTS}
    sys.stdout.write("    best   median\n")
    for statement, found in costs.items():
        sys.stdout.write(f"{found[0]:8.1f} {statistics.median(found):8.1f} ms  {statement}\n")
    measured = costs["import paddock.sdk"][0]
    sys.stdout.write(f"target {TARGET_MS:.0f} ms: {'met' if measured <= TARGET_MS else 'missed'}\n")
    return 0 if measured <= GUARD_MS else 1


if __name__ == "__main__":
    sys.exit(main())
