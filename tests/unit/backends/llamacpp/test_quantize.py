"""Quantising with llama.cpp in a real worker."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import psutil
import pytest

from paddock import resources
from paddock.backends.base import QuantOrder
from paddock.backends.llamacpp import DESCRIPTOR
from paddock.backends.llamacpp.quantize import FTYPES
from paddock.backends.quantizing import quantize
from paddock.browser.ggml import FILE_TYPES
from paddock.browser.gguf import read_header
from paddock.browser.quantized import quantized_headers
from paddock.sdk.errors import BadRequest, EngineDied, EngineError, ModelUnusable

STARTER = Path(str(resources.__file__)).parent / "starter" / "starter-Q8_0.gguf"


async def made(logs: Path, source: Path, output: Path, quant: str, *, requantize: bool = False) -> Path:
    order = QuantOrder(path=str(source), output=str(output), quant=quant, requantize=requantize, threads=2)
    assert await quantize(DESCRIPTOR, order, logs) == ()
    return output


def test_quants_have_the_numbers_of_file_types() -> None:
    assert {number: name for name, number in FTYPES.items()}.items() <= FILE_TYPES.items()


@pytest.mark.anyio
async def test_what_is_made_is_what_was_predicted(tmp_path: Path) -> None:
    f16 = await made(tmp_path, STARTER, tmp_path / "f16.gguf", "F16", requantize=True)
    source = read_header(f16)
    plans = {plan.quant: plan for plan in await quantize(DESCRIPTOR, QuantOrder(path=str(f16)), tmp_path)}
    assert {"Q8_0", "Q6_K", "Q4_K_M", "IQ4_XS", "Q2_K"} <= {
        name for name, plan in plans.items() if not plan.needs_imatrix
    }
    assert plans["IQ1_S"].needs_imatrix
    for quant in ("Q8_0", "Q4_K_M", "Q2_K"):
        written = read_header(await made(tmp_path, f16, tmp_path / f"{quant}.gguf", quant))
        assert {tensor.name: tensor.type for tensor in written.tensors} == plans[quant].types
        (predicted,) = quantized_headers([source], plans[quant].types)
        assert predicted.data_end - predicted.data_start == written.data_end - written.data_start
        assert abs(predicted.data_end - (tmp_path / f"{quant}.gguf").stat().st_size) <= 64
        assert written.quant == quant
    assert not list(tmp_path.glob("*.log")), "workers that had nothing to tell leave no log"


@pytest.mark.anyio
async def test_refusals_are_in_words(tmp_path: Path) -> None:
    output = tmp_path / "out.gguf"
    with pytest.raises(BadRequest, match="quantised already"):
        await made(tmp_path, STARTER, output, "Q4_0")
    with pytest.raises(BadRequest, match="importance matrix"):
        await made(tmp_path, STARTER, output, "IQ1_S", requantize=True)
    with pytest.raises(BadRequest, match="no quant"):
        await made(tmp_path, STARTER, output, "Q9", requantize=True)
    with pytest.raises(EngineError, match="could not make"):
        await made(tmp_path, STARTER, tmp_path / "nowhere" / "out.gguf", "Q4_0", requantize=True)
    (tmp_path / "text.gguf").write_text("hello")
    with pytest.raises(ModelUnusable, match=r"cannot read text\.gguf"):
        await quantize(DESCRIPTOR, QuantOrder(path=str(tmp_path / "text.gguf")), tmp_path)


@pytest.mark.anyio
async def test_an_engine_without_quantising_says_so(tmp_path: Path) -> None:
    from paddock.backends.echo import DESCRIPTOR as ECHO

    with pytest.raises(EngineError, match="cannot quantise"):
        await quantize(ECHO, QuantOrder(path=str(STARTER)), tmp_path)


async def begun(logs: Path) -> tuple[asyncio.Future[object], psutil.Process]:
    """A worker that opens a pipe which nobody writes to: it is inside llama.cpp for as long as it lives."""
    pipe = logs / "pipe.gguf"
    os.mkfifo(pipe)
    running = asyncio.ensure_future(quantize(DESCRIPTOR, QuantOrder(path=str(pipe)), logs))
    async with asyncio.timeout(60):
        while not running.done():
            for child in psutil.Process().children():
                if any(word.startswith("quantize-") for word in child.cmdline()):
                    return running, child
            await asyncio.sleep(0.01)
    raise AssertionError("it has ended")


@pytest.mark.skipif(os.name != "posix", reason="needs pipes with names")
@pytest.mark.anyio
async def test_a_killed_worker_is_an_error_in_words(tmp_path: Path) -> None:
    running, worker = await begun(tmp_path)
    worker.kill()
    with pytest.raises(EngineDied):
        await running


@pytest.mark.skipif(os.name != "posix", reason="needs pipes with names")
@pytest.mark.anyio
async def test_a_cancel_ends_the_worker(tmp_path: Path) -> None:
    running, worker = await begun(tmp_path)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not psutil.pid_exists(worker.pid)
