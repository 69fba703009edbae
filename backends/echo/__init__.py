"""The engine that the tests use: no model, the same interface, deterministic, and it can be told to fail.

A model is a file ``*.echo.json``, described in :mod:`paddock.backends.echo.script`. ``{}`` is the smallest: it says
the last user message back, word by word. It takes llama.cpp's samplers, and heeds none of them.
"""

from paddock.backends.base import EngineDescriptor
from paddock.sdk.llamacpp_load import LOAD
from paddock.sdk.llamacpp_sampling import SAMPLING

DESCRIPTOR = EngineDescriptor(
    name="echo",
    title="Echo",
    factory="paddock.backends.echo.engine:create",
    probe="paddock.backends.echo.engine:probe",
    suffixes=(".echo.json",),
    sampling=SAMPLING,
    load=tuple(spec for spec in LOAD if spec.name in ("n_ctx", "n_parallel")),
)
