"""Quantising a model in a worker that does nothing else and then leaves."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

from paddock.backends.base import EngineDescriptor, QuantOrder, QuantPlan
from paddock.backends.supervisor import Worker
from paddock.backends.tether import JobObject
from paddock.sdk.errors import EngineError


async def quantize(
    descriptor: EngineDescriptor, order: QuantOrder, logs: Path, job: JobObject | None = None
) -> tuple[QuantPlan, ...]:
    """Carry out ``order``. When cancelled, the worker is gone before this ends; what it wrote stays.

    Raises what the engine raised, EngineDied, and EngineError where the engine cannot quantise.
    """
    if not descriptor.quantize:
        raise EngineError(f"{descriptor.title} cannot quantise models.", hint="Choose a model in GGUF format.")
    worker = Worker(descriptor, f"quantize-{secrets.token_hex(3)}", logs, job=job)
    telling = False
    try:
        await worker.start()
        return await worker.quantize(order)
    except EngineError:
        telling = True
        raise
    finally:
        worker.kill()
        await asyncio.shield(worker.died)
        if not telling:
            worker.forget_log()
