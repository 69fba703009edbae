"""What an engine says of itself on this machine, asked in a short-lived worker so that the host never imports it."""

from __future__ import annotations

import secrets
from pathlib import Path

from paddock.backends.base import EngineDescriptor, Probe
from paddock.backends.supervisor import Worker
from paddock.backends.tether import JobObject
from paddock.sdk.errors import EngineError
from paddock.sdk.types import EngineInfo

TIMEOUT = 60.0
"""Seconds; the first import of a large engine from a cold disk is slow."""


async def probe(
    descriptor: EngineDescriptor, logs: Path, *, job: JobObject | None = None, timeout: float = TIMEOUT
) -> EngineInfo:
    """Never raises for an engine that is missing, broken or crashing: the answer says why in ``reason``."""
    worker = Worker(descriptor, f"probe-{secrets.token_hex(3)}", logs, job=job)
    try:
        await worker.start()
        found = await worker.probe(timeout)
    except EngineError as error:
        found = Probe(available=False, reason=error.sentence())
    except TimeoutError:
        found = Probe(available=False, reason=f"The engine did not answer within {timeout:g} s.")
    finally:
        worker.kill()
        await worker.died
    if found.available:
        worker.forget_log()
    return EngineInfo(
        name=descriptor.name,
        title=descriptor.title,
        available=found.available,
        version=found.version,
        reason=found.reason,
        devices=found.devices,
    )
