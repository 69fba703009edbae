"""What llama.cpp can do on this machine; runs in a short-lived worker."""

from __future__ import annotations

from paddock.backends.base import Probe
from paddock.sdk.errors import EngineMissing


def probe() -> Probe:
    """Version and devices, or the reason why llama.cpp is not there and what to install. Raises nothing."""
    from paddock.backends.llamacpp.bindings import library

    try:
        lib = library()
    except EngineMissing as missing:
        return Probe(available=False, reason=missing.sentence())
    return Probe(available=True, version=lib.version, devices=lib.devices())
