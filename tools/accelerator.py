"""Which llama.cpp build suits this computer: what it has, which prebuilt wheels fit, how to build one."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

KINDS = ("cpu", "cuda", "metal", "rocm", "vulkan")
CUDA_WHEELS = ("cu130", "cu129", "cu128", "cu126", "cu125", "cu124", "cu123", "cu122", "cu121", "cu118")
"""CUDA releases that the wheel index has had folders for, newest first. A driver runs wheels of its own release and of
older ones of the same major."""
FLAGS = {
    "cpu": (),
    "cuda": ("-DGGML_CUDA=on",),
    "metal": ("-DGGML_METAL=on",),
    "rocm": ("-DGGML_HIP=on",),
    "vulkan": ("-DGGML_VULKAN=on",),
}


class Accelerator(NamedTuple):
    """``kind`` is one of KINDS; ``wheels`` are the index's folders to look in, best first; ``found`` says why."""

    kind: str
    wheels: tuple[str, ...]
    found: str


class UnknownAccelerator(ValueError):
    """PADDOCK_ACCELERATOR holds a word that is not one."""


def check_name(wanted: str) -> None:
    """Raises UnknownAccelerator for a word that PADDOCK_ACCELERATOR cannot be."""
    if wanted not in ("auto", *KINDS):
        raise UnknownAccelerator(
            f"PADDOCK_ACCELERATOR is “{wanted}”. It can be auto, {', '.join(KINDS[:-1])} or {KINDS[-1]}."
        )


def choose(wanted: str) -> Accelerator:
    """The accelerator named by PADDOCK_ACCELERATOR, or for ``auto`` the best one this computer has.

    Raises UnknownAccelerator.
    """
    check_name(wanted)
    if wanted == "cuda" or wanted == "auto":
        release = cuda_release(_output("nvidia-smi"))
        if release or wanted == "cuda":
            return Accelerator("cuda", cuda_wheels(release), f"NVIDIA driver for CUDA {release or 'unknown'}")
    if wanted == "auto":
        return _detect_other()
    return Accelerator(wanted, (wanted,), "asked for")


def _detect_other() -> Accelerator:
    if sys.platform == "darwin":
        return Accelerator("metal", ("metal",), "macOS")
    if Path("/opt/rocm").is_dir() or "gfx" in _output("rocminfo"):
        return Accelerator("rocm", ("rocm",), "ROCm is installed")
    if has_vulkan_gpu(_output("vulkaninfo", "--summary")):
        return Accelerator("vulkan", ("vulkan",), "vulkaninfo lists a GPU")
    return Accelerator("cpu", ("cpu",), "no GPU with CUDA, ROCm, Metal or Vulkan was found")


def cuda_release(nvidia_smi: str) -> tuple[int, int] | None:
    """The newest CUDA release that the driver runs, from the output of ``nvidia-smi``."""
    found = re.search(r"CUDA(?: UMD)? Version:\s*(\d+)\.(\d+)", nvidia_smi)
    return (int(found[1]), int(found[2])) if found else None


def cuda_wheels(release: tuple[int, int] | None) -> tuple[str, ...]:
    """Wheel folders that a driver for CUDA ``release`` can run, best first."""
    if release is None:
        return ()
    fitting = [(int(tag[2:-1]), int(tag[-1]), tag) for tag in CUDA_WHEELS]
    return tuple(tag for major, minor, tag in fitting if major == release[0] and minor <= release[1])


def has_vulkan_gpu(summary: str) -> bool:
    """A software renderer is a Vulkan device too, and slower than the plain CPU engine."""
    return re.search(r"deviceType\s*=\s*PHYSICAL_DEVICE_TYPE_(DISCRETE|INTEGRATED)_GPU", summary) is not None


def _output(*command: str) -> str:
    if shutil.which(command[0]) is None:
        return ""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


# ---------------------------------------------------------------- building from source


def missing_tool(kind: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """A sentence about what a source build lacks here and how to get it; None when it can start."""
    if not _has_compiler(environ):
        what = "No C++ compiler was found, so the llama.cpp engine cannot be built."
        return f"{what} {_compiler_advice()} Then start again."
    lacking = {
        "cuda": ("nvcc", "/usr/local/cuda/bin/nvcc", "the CUDA toolkit (nvcc)"),
        "rocm": ("hipcc", "/opt/rocm/bin/hipcc", "the ROCm HIP compiler (hipcc)"),
        "vulkan": ("glslc", "/usr/bin/glslc", "the Vulkan SDK (glslc and the headers)"),
    }.get(kind)
    if lacking is None or shutil.which(lacking[0]) or Path(lacking[1]).exists():
        return None
    return f"Building the llama.cpp engine for {kind} needs {lacking[2]}."


def _has_compiler(environ: Mapping[str, str]) -> bool:
    if environ.get("CC") and environ.get("CXX"):
        return True
    if sys.platform == "win32":
        installer = Path(
            environ.get("ProgramFiles(x86)", "C:\\Program Files (x86)"), "Microsoft Visual Studio/Installer"
        )
        return shutil.which("cl") is not None or (installer / "vswhere.exe").exists()
    path = environ.get("PATH")
    both = (("cc", "gcc", "clang"), ("c++", "g++", "clang++"))
    return all(any(shutil.which(name, path=path) for name in names) for names in both)


def _compiler_advice() -> str:
    if sys.platform == "win32":
        return "Install Visual Studio Build Tools with “Desktop development with C++”."
    if sys.platform == "darwin":
        return "Install it with: xcode-select --install."
    ways = {
        "apt-get": "sudo apt-get install build-essential",
        "dnf": "sudo dnf install gcc-c++",
        "pacman": "sudo pacman -S --needed base-devel",
        "zypper": "sudo zypper install gcc-c++",
    }
    way = next((command for manager, command in ways.items() if shutil.which(manager)), None)
    return f"Install one with: {way}." if way else "Install GCC or Clang."


def build_environment(kind: str, root: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Environment of a source build: CMake flags for the accelerator, added to the person's own CMAKE_ARGS."""
    include = f"-DCMAKE_PROJECT_llama.cpp_INCLUDE={(root / 'tools' / 'llama_cpp.cmake').as_posix()}"
    flags = [*FLAGS[kind], shlex.quote(include)]  # the build splits CMAKE_ARGS like a shell
    env = {**environ, "CMAKE_ARGS": " ".join([environ.get("CMAKE_ARGS", ""), *flags]).strip()}
    if kind == "cuda" and shutil.which("nvcc") is None:
        env.setdefault("CUDACXX", "/usr/local/cuda/bin/nvcc")
    if kind == "rocm":
        clang = Path("/opt/rocm/llvm/bin/clang")
        if clang.exists():
            env.setdefault("HIPCXX", str(clang))
    return env
