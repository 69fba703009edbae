"""What quants would take that nobody has looked into, and which of them is the best for a machine."""

from __future__ import annotations

import msgspec
import pytest

from paddock.browser.downloaded import downloaded, named
from paddock.browser.fit_scaling import scaled, scaling
from paddock.browser.fits import best_of, guessed
from paddock.browser.ggml import TYPE_SIZES
from paddock.browser.gguf import Header, Tensor
from paddock.browser.machines import parse
from paddock.browser.quant_quality import about
from paddock.sdk.hub import HubFileInfo, HubModel, HubQuant, HubResult, QuantFit
from paddock.sdk.memory import DeviceUse, Estimate, Machine, MemoryDevice, Parts, Prediction, Remedy, Verdict
from paddock.sdk.types import ModelInfo

GB = 10**9
HERE = Machine(name="here", devices=(MemoryDevice(name="RAM", total=2**36, free=2**36),))


def fit(
    label: str, gigabytes: float, verdict: Verdict = "fits", *, room: int | None = 32768, remedy: Remedy | None = None
) -> QuantFit:
    estimate = Estimate(
        model=label, source="analytic", confidence="high", total_bytes=0, parts=Parts(), devices=(), verdict=verdict,
        sentence="", remedy=remedy, max_context=room, context_length=8192, trained_context=32768,
    )  # fmt: skip
    return QuantFit(
        label=label, source=f"o/m:{label}", size_bytes=int(gigabytes * GB), estimate=estimate, about=about(label)
    )


def shorter(context: int) -> Remedy:
    return Remedy(sentence=f"Use {context:,} tokens of context", options={"n_ctx": context})


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("F16", "original precision"),
        ("BF16", "original precision"),
        ("Q8_0", "near lossless"),
        ("UD-Q6_K_XL", "very good"),
        ("Q5_K_M", "very good"),
        ("Q4_K_M", "good balance"),
        ("IQ4_XS", "good balance"),
        ("MXFP4", "good balance"),
        ("IQ3_XXS", "noticeable loss"),
        ("UD-IQ1_S", "strong loss"),
        ("Qwen3-8B-v2", ""),
    ],
)
def test_quality_in_words(label, words):
    assert about(label) == words


@pytest.mark.parametrize(
    ("fits", "best", "reason"),
    [
        ([fit("Q8_0", 8), fit("Q4_K_M", 4)], "Q8_0", "Best quality with room for 32k context"),
        ([fit("F16", 16), fit("Q8_0", 8)], "Q8_0", "Best quality"),
        ([fit("F16", 16)], "F16", "Best quality"),
        ([fit("Q8_0", 8, room=4096), fit("Q6_K", 6, room=15360)], "Q6_K", "Best quality with room for 15k context"),
        ([fit("Q8_0", 8, room=2048), fit("Q6_K", 6, room=4096)], "Q6_K", "Fits with the most context: 4k"),
        ([fit("Q8_0", 8, "does_not_fit"), fit("Q2_K", 3)], "Q2_K", "smaller model in a better quant"),
        ([fit("Q8_0", 8, "fits_if_unloaded"), fit("Q2_K", 3)], "Q2_K", "The least loss"),
        (
            [fit("Q8_0", 8, "fits_with", remedy=shorter(1024)), fit("Q4_K_M", 4, "fits_with", remedy=shorter(3072))],
            "Q4_K_M",
            "Use 3,072 tokens",
        ),
        ([fit("Q8_0", 8, "does_not_fit"), fit("Q4_K_M", 4, "cannot_tell")], "", ""),
        ([], "", ""),
    ],
)
def test_the_best_quant_for_a_machine(fits, best, reason):
    label, said = best_of(fits)
    assert label == best
    assert reason in said


def header(label: str, embedding: int, *, tied: bool) -> Header:
    """1,000 bytes of header; an embedding of the type ``embedding`` and 9,000 bytes of other matrices."""
    block, size = TYPE_SIZES[embedding]
    tensors = [Tensor("token_embd.weight", (256, 8), embedding, 0, 2048 // block * size)]
    tensors.append(Tensor("blk.0.attn_q.weight" if tied else "output.weight", (256, 8), 12, 0, 9000))
    return Header(version=3, architecture="llama", quant=label, tensors=tuple(tensors), data_start=1000)


def test_another_quant_differs_by_its_weights_alone():
    gpu = DeviceUse(name="GPU0", kind="gpu", parts=Parts(weights=9000, kv=50, overhead=7))
    ram = DeviceUse(name="RAM", parts=Parts(weights=1152, compute=10), mapped=1152)
    base = Prediction(source="simulated", confidence="exact", devices=(ram, gpu), trained_context=4096)
    by = scaling([header("Q4_K_M", 12, tied=False)], "Q4_K_M", "Q8_0", 1000 + 2 * (9000 + 1152), HERE)
    twice = scaled(base, by)
    assert [(use.parts.weights, use.mapped) for use in twice.devices] == [(2304, 2304), (18000, 0)]
    assert twice.total == base.total + 10152
    assert (twice.source, twice.confidence) == ("analytic", "high")


def test_processors_with_avx512_get_a_copy_of_q2_k_too():
    known = header("Q4_K_M", 12, tied=True)
    whole = sum(tensor.size for tensor in known.tensors)
    for machine, copied in ((HERE, False), (msgspec.structs.replace(HERE, avx512=True), True)):
        assert scaling([known], "Q4_K_M", "Q2_K", 1000 + whole, machine).copied_there is copied


Q6_K, Q4_K, Q8_0 = 1680, 1152, 2176
"""Bytes of the embedding in these types."""


@pytest.mark.parametrize(
    ("label", "embedding", "other", "there", "copied"),
    [
        ("Q4_K_M", 12, "Q2_K", 672, False),
        ("Q4_K_M", 14, "Q8_0", Q8_0, False),
        ("Q4_K_M", 14, "Q2_K", Q6_K, False),
        ("Q4_K_M", 14, "UD-IQ2_M", 1408, False),
        ("Q8_0", 8, "UD-Q4_K_XL", Q6_K, False),
        ("Q8_0", 8, "F16", 4096, False),
        ("Q2_K", 10, "Q4_K_M", Q4_K, True),
        ("Q4_K_M", 12, "something", 1152 * 2, True),
    ],
)
def test_a_tied_embedding_is_counted_apart_since_it_may_be_there_twice(label, embedding, other, there, copied):
    """Q6_K in most quants, as llama.cpp chooses it for the output; where a publisher did otherwise, so everywhere."""
    known = header(label, embedding, tied=True)
    whole = sum(tensor.size for tensor in known.tensors)
    by = scaling([known], label, other, 1000 + 2 * whole, HERE)
    assert (by.there, by.copied_there) == (there, copied)
    once = known.tensors[0].size
    own = once if by.copied_here else 0
    ram = DeviceUse(name="RAM", parts=Parts(weights=whole + own))
    alone = scaled(Prediction(source="analytic", confidence="high", devices=(ram,)), by)
    assert alone.total == pytest.approx(2 * whole + (there if copied else 0), abs=2)
    devices = (DeviceUse(name="RAM", parts=Parts(weights=once)), DeviceUse(name="GPU0", parts=Parts(weights=whole)))
    split = scaled(Prediction(source="analytic", confidence="high", devices=devices), by)
    assert split.devices[0].parts.weights == there
    assert split.devices[1].parts.weights == pytest.approx(2 * whole, abs=2)


@pytest.mark.parametrize("machine", ["32GB ram", "24GB", "2x16GB", "64GB mac"])
def test_a_guess_counts_everything_once_and_says_that_it_is_one(machine):
    short, long = (guessed(5 * GB, {"n_ctx": n}, parse(machine), parameters=8 * GB) for n in (4096, 32768))
    assert short.confidence == "low"
    assert short.notes
    assert short.devices[0].name == "RAM"
    assert sum(use.parts.weights for use in short.devices) == pytest.approx(5 * GB, abs=4)
    assert long.parts.kv == pytest.approx(8 * short.parts.kv, rel=0.01)
    assert 5 * GB < short.total < 8 * GB


def test_half_a_model_on_the_card():
    ram, gpu = guessed(8 * GB, {}, parse("8GB + 32GB ram"), on_gpu=0.5).devices
    assert ram.parts.weights == gpu.parts.weights == 4 * GB


# ---------------------------------------------------------------- what is on disk


def info(id: str, path: str, size: int = 10, **more: object) -> ModelInfo:
    return msgspec.structs.replace(ModelInfo(id=id, name=id, engine="llamacpp", path=path, size_bytes=size), **more)


QUANTS = tuple(
    HubQuant(
        label=label,
        source=f"o/m:{label}",
        size_bytes=10,
        files=(HubFileInfo(path=f"m-{label}.gguf", size_bytes=10, sha256=label * 32),),
    )
    for label in ("Q4", "Q8")
)
MODEL = HubModel(result=HubResult(id="o/m", author="o", name="m"), revision="r", page="", quants=QUANTS)


@pytest.mark.parametrize(
    ("there", "found"),
    [
        (info("o/m:Q4", "/models/o/m/m-Q4.gguf"), {"Q4": "o/m:Q4"}),
        (info("other/m", "/elsewhere/m-Q8.gguf"), {"Q8": "other/m"}),
        (info("other/m", "/elsewhere/m-Q8.gguf", 11), {}),
        (info("ollama/m:latest", f"/ollama/blobs/sha256-{'Q8' * 32}", 99), {"Q8": "ollama/m:latest"}),
        (info("o/m", "/models/o/m/m-Q4.gguf", error="broken"), {}),
        (info("o/x", "/models/o/x/x-Q4.gguf"), {}),
    ],
)
def test_models_on_disk_are_known_by_checksum_or_name(there, found):
    assert downloaded(MODEL, [there]) == found


def test_a_suggestion_is_known_by_its_id():
    assert named("O/m:q4", [info("o/m:Q4", "/x")]) == "o/m:Q4"
    assert named("o/m:Q4", [info("o/m", "/x", quant="Q4")]) == "o/m"
    assert named("o/m:Q4", [info("o/m", "/x", quant="Q8")]) == ""
