"""The words of engines, drivers and systems, as their sources have them."""

from __future__ import annotations

import pytest

from paddock.backends.faults import Shortage, lost_device, shortage

GIB = 2**30


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            [
                "ggml_aligned_malloc: insufficient memory (attempted to allocate 9765.62 MB)",
                "ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 10240000000",
                "alloc_tensor_range: failed to allocate CPU buffer of size 10240000000",
                "llama_init_from_model: failed to initialize the context: failed to allocate buffer for kv cache",
            ],
            Shortage(phase="kv", needed_bytes=10_240_000_000),
            id="kv-processor",
        ),
        pytest.param(
            [
                "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 900.00 MiB on device 1: cudaMalloc failed: "
                "out of memory",
                "ggml_gallocr_reserve_n_impl: failed to allocate CUDA1 buffer of size 943718400",
                "llama_init_from_model: failed to initialize the context: failed to allocate compute pp buffers",
            ],
            Shortage(phase="compute", needed_bytes=900 * 2**20, device="CUDA1"),
            id="compute-cuda",
        ),
        pytest.param(
            [
                "alloc_tensor_range: failed to allocate ROCm0 buffer of size 4294967296",
                "llama_model_load: error loading model: unable to allocate ROCm0 buffer",
            ],
            Shortage(phase="weights", needed_bytes=4 * GIB, device="ROCm0"),
            id="weights-hip",
        ),
        pytest.param(
            [
                "ggml_vulkan: Memory allocation of size 8589934592 failed.",
                "ggml_vulkan: vk::Device::allocateMemory: ErrorOutOfDeviceMemory",
                "alloc_tensor_range: failed to allocate Vulkan0 buffer of size 8589934592",
                "llama_init_from_model: failed to initialize the context: failed to allocate buffer for rs cache",
            ],
            Shortage(phase="recurrent", needed_bytes=8 * GIB, device="Vulkan0"),
            id="recurrent-vulkan",
        ),
        pytest.param(
            ["output_reserve: failed to allocate output buffer of size 512.00 MiB"],
            Shortage(phase="output", needed_bytes=512 * 2**20),
            id="output",
        ),
        pytest.param(
            ["error: Insufficient Memory (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)"],
            Shortage(),
            id="metal-command-buffer",
        ),
        pytest.param(
            ["metal_buffer_type_alloc_buffer: failed to allocate Metal buffer of 1024 bytes (out of memory)"],
            Shortage(needed_bytes=1024),
            id="metal",
        ),
        pytest.param(["[metal::malloc] Attempting to allocate 77 bytes which is"], Shortage(needed_bytes=77), id="mlx"),
        pytest.param(["llama_model_load: error loading model: std::bad_alloc"], Shortage(phase="weights"), id="c++"),
        pytest.param(
            ["llama_model_load: error loading model: mmap failed: Cannot allocate memory"],
            Shortage(phase="weights"),
            id="mmap",
        ),
        pytest.param(["CUDA error: out of memory"], Shortage(), id="cuda-in-a-step"),
        pytest.param(
            [
                "llama_context:        CPU  output buffer size =     0.27 MiB",
                "sched_reserve:        CPU compute buffer size =    72.19 MiB",
                "terminate called after throwing an instance of 'std::bad_alloc'",
                "  what():  std::bad_alloc",
            ],
            Shortage(),
            id="c++-in-a-step",
        ),
        pytest.param(["Native API failed. UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY"], Shortage(), id="sycl"),
        pytest.param(["libgomp: Out of memory allocating 4096 bytes"], Shortage(needed_bytes=4096), id="openmp"),
        pytest.param(["MemoryError"], Shortage(), id="python"),
        pytest.param(["OSError: [WinError 1455] The paging file is too small for this"], Shortage(), id="win"),
        pytest.param(["failed to allocate 20.00 MiB of pinned memory: out of memory"], None, id="pinned"),
        pytest.param(["compute buffer allocation failed, retrying without pipeline parallelism"], None, id="retry"),
        pytest.param(["assertion n > 0 failed"], None, id="else"),
    ],
)  # fmt: skip
def test_a_shortage_is_recognised_with_its_purpose_size_and_device(lines: list[str], expected: Shortage | None) -> None:
    assert shortage(["llama_context: n_ctx = 4096", *lines]) == expected
    assert not lost_device(lines)


@pytest.mark.parametrize(
    "line",
    [
        "CUDA error: unspecified launch failure",
        "CUDA error: unknown error",
        "CUDA error: CUDA-capable device(s) is/are busy or unavailable",
        "CUDA error: uncorrectable ECC error encountered",
        "ROCm error: unspecified launch failure",
        "ggml_vulkan: device lost on NVIDIA GeForce RTX 4090",
        "  what():  vk::Queue::submit: ErrorDeviceLost",
        "ggml_webgpu: Device lost! Reason: 1, Message: gone",
        "error: Caused GPU Hang Error (00000003:kIOGPUCommandBufferCallbackErrorHang)",
        "ggml_metal_synchronize: error: command buffer 0 failed with status 5",
        "ggml_metal_graph_compute: backend is in error state from a previous command buffer failure - recreate",
        "HW Exception by GPU node-1 (Agent handle: 0x55) reason :GPU Hang",
        "ggml-rpc.cpp:354: Remote RPC server crashed or returned malformed response",
    ],
)
def test_a_lost_device_is_recognised(line: str) -> None:
    assert lost_device(["sched_reserve: reserving ...", line])
    assert shortage([line]) is None


@pytest.mark.parametrize(
    "line", ["CUDA error: an illegal memory access was encountered", "CUDA error: invalid argument", ""]
)
def test_a_bug_on_a_device_is_no_lost_device(line: str) -> None:
    assert not lost_device([line])


def test_memory_that_ran_out_on_a_device_is_not_a_lost_one() -> None:
    lines = [
        "ggml_metal_synchronize: error: command buffer 0 failed with status 5",
        "error: Insufficient Memory (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)",
    ]
    assert not lost_device(lines)
    assert shortage(lines) == Shortage()
